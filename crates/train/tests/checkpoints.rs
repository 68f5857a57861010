//! Checkpoints: whole or not at all, and never taken for good where they are not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{Error as IoError, ErrorKind, Write};
use std::path::Path;

use candle_core::{Device, Tensor};
use candle_geometric_train::checkpoint::{Best, Checkpoint, Progress};
use candle_geometric_train::{
    EarlyStopping, Error, Evaluation, Rule, Schedule, ScheduleConfig, write_atomically,
};

fn checkpoint(epochs: usize) -> Checkpoint {
    let tensor = |offset: f32| {
        let t =
            Tensor::new(&[[1.5f32 + offset, -0.0], [f32::MIN_POSITIVE / 4.0, 3.0]], &Device::Cpu).unwrap();
        BTreeMap::from([("conv1.weight".to_string(), t)])
    };
    let third = Evaluation { loss: 1.0 / 3.0, metric: 0.1 + 0.2 };
    let mut early_stopping = EarlyStopping::new(Rule::Paper, 100, 0);
    early_stopping.update(1.0 / 3.0, 0.7);
    Checkpoint {
        progress: Progress {
            config: "abc".into(),
            seed: u64::MAX,
            generator_position: 17,
            epochs,
            optimizer_steps: 5,
            schedule: Schedule::new(&ScheduleConfig::default(), 0.005).unwrap().state().clone(),
            early_stopping,
            best: Some(Best { epoch: 2, train: third, val: third, test: None }),
            finished: false,
            seconds: 0.25,
        },
        model: tensor(0.0),
        best: tensor(1.0),
        optimizer: BTreeMap::from([(
            "conv1.weight.exp_avg".into(),
            Tensor::new(&[0.5f64], &Device::Cpu).unwrap(),
        )]),
    }
}

fn read(path: &Path) -> Result<Checkpoint, Error> {
    Checkpoint::read(path, "abc", u64::MAX)
}

fn bytes_of(tensors: &BTreeMap<String, Tensor>) -> Vec<(String, Vec<u64>)> {
    let bits = |t: &Tensor| {
        let wide = t.flatten_all().unwrap().to_dtype(candle_core::DType::F64).unwrap();
        wide.to_vec1::<f64>().unwrap().iter().map(|v| v.to_bits()).collect()
    };
    tensors.iter().map(|(n, t)| (n.clone(), bits(t))).collect()
}

#[test]
fn every_bit_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    let written = checkpoint(3);
    written.write(&path).unwrap();
    let found = read(&path).unwrap();
    assert_eq!(found.progress, written.progress);
    for (a, b) in
        [(&found.model, &written.model), (&found.best, &written.best), (&found.optimizer, &written.optimizer)]
    {
        assert_eq!(bytes_of(a), bytes_of(b));
    }
    let first = std::fs::read(&path).unwrap();
    written.write(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first, "equal checkpoints are equal files");
}

#[test]
fn another_configuration_or_seed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    checkpoint(3).write(&path).unwrap();
    let message = Checkpoint::read(&path, "abd", u64::MAX).unwrap_err().to_string();
    assert!(message.contains("another configuration"), "{message}");
    let message = Checkpoint::read(&path, "abc", 1).unwrap_err().to_string();
    assert!(message.contains("seed"), "{message}");
}

#[test]
fn a_truncated_file_is_an_error_at_any_length() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    checkpoint(3).write(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(read(&path).is_err(), "{length} of {}", whole.len());
    }
}

#[test]
fn a_flipped_bit_is_an_error_at_any_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    checkpoint(3).write(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << (place % 8);
        std::fs::write(&path, &damaged).unwrap();
        assert!(read(&path).is_err(), "bit {} of byte {place}", place % 8);
    }
}

#[test]
fn plain_weights_are_not_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let tensors = std::collections::HashMap::from([("w", Tensor::new(&[1f32], &Device::Cpu).unwrap())]);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("not a training checkpoint"));
    let missing = read(&dir.path().join("none")).unwrap_err().to_string();
    assert!(missing.contains("cannot read"), "{missing}");
}

/// A disk with room for so many bytes.
struct SmallDisk<'a>(&'a mut dyn Write, usize);

impl Write for SmallDisk<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.1 == 0 {
            return Err(IoError::from(ErrorKind::StorageFull));
        }
        let n = self.0.write(&bytes[..bytes.len().min(self.1)])?;
        self.1 -= n;
        Ok(n)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    checkpoint(3).write(&path).unwrap();
    let old = std::fs::read(&path).unwrap();
    for room in [0, 1, old.len() / 2, old.len() - 1] {
        let full = write_atomically(&path, |file| SmallDisk(file, room).write_all(&old));
        let message = full.unwrap_err().to_string();
        assert!(message.contains("cannot write") && message.contains("c.safetensors"), "{message}");
        assert_eq!(std::fs::read(&path).unwrap(), old);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half-written is left");
    }
    assert_eq!(read(&path).unwrap().progress.epochs, 3);
}

#[test]
fn a_folder_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let message = checkpoint(1).write(&dir.path().join("no/c.safetensors")).unwrap_err().to_string();
    assert!(message.contains("cannot write"), "{message}");
}
