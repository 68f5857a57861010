//! What the tests of the program share.
#![allow(dead_code)]

pub(crate) mod karate;

use std::path::Path;
use std::process::{Command, Output};

/// The program, with nothing in its environment that could change what it does.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_candle-geometric"));
    for name in ["CANDLE_GEOMETRIC_MODELS", "NO_COLOR", "HF_ENDPOINT", "HF_HOME"] {
        command.env_remove(name);
    }
    command.current_dir(workspace());
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts that the program ended as it does on bad input: exit code 2, an `error:` that contains every one of
/// `parts`, nothing on standard output, and no panic.
pub(crate) fn assert_error(output: &Output, parts: &[&str]) {
    let (out, err) = (stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(2), "stdout: {out}\nstderr: {err}");
    assert!(err.starts_with("error: "), "{err}");
    assert!(!err.contains("panicked"), "{err}");
    for part in parts {
        assert!(err.contains(part), "`{part}` is not in:\n{err}");
    }
    assert_eq!(out, "", "an error leaves nothing on standard output");
}

/// Cora's model of the zoo; where that is not there, the one trained for these tests.
pub(crate) fn some_model() -> std::path::PathBuf {
    let cora = workspace().join("models/gat-cora");
    if cora.is_dir() { cora } else { karate::model().to_path_buf() }
}
