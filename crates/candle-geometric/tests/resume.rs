//! A training process that is killed and resumed ends in the same bits as one that was left alone.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{karate, program, stderr};

const EPOCHS: usize = 400;

fn train(config: &Path, out: &Path) -> Command {
    let mut command = program();
    command.arg("train").arg(config).arg("--out").arg(out).stdout(Stdio::null());
    command
}

#[test]
fn kill_and_resume() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("karate.toml");
    std::fs::write(&config, karate::recipe(EPOCHS, 10)).unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let output = train(&config, &whole).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));

    let mut child = train(&config, &broken).stderr(Stdio::null()).spawn().unwrap();
    let checkpoint = broken.join("seed-0/checkpoint.safetensors");
    let begun = Instant::now();
    while !checkpoint.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint after a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    // SIGKILL on Unix: no handler runs, no buffer is flushed.
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(!broken.join("gat-karate").exists(), "killed before the end");

    // Nor is its work lost because somebody forgets how to go on.
    let forgotten = train(&config, &broken).output().unwrap();
    common::assert_error(&forgotten, &["checkpoint.safetensors", "earlier run", "hint: --resume"]);

    let output = train(&config, &broken).arg("--resume").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    for file in ["model.safetensors", "config.json", "runs.json", "README.md"] {
        let read = |out: &Path| std::fs::read(out.join("gat-karate").join(file)).unwrap();
        assert_eq!(read(&whole), read(&broken), "{file}");
    }

    // A run that is complete stays as it is.
    let output = train(&config, &broken).arg("--resume").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    // A checkpoint of another recipe is not gone on from.
    std::fs::write(&config, karate::recipe(EPOCHS, 10).replace("lr = 0.01", "lr = 0.02")).unwrap();
    common::assert_error(&train(&config, &broken).arg("--resume").output().unwrap(), &["checkpoint"]);
}
