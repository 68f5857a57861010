//! The whole state of a training run in one file.
//!
//! A checkpoint is a safetensors file: the parameters under `model.`, those of the best epoch under `best.`, the
//! optimiser's buffers under `optimizer.`, and everything else as JSON in the header. A checksum over names, shapes,
//! values and JSON makes sure that a damaged file is never taken for a good one.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::safetensors::Load;
use candle_core::{Device, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::atomic::write_atomically;
use crate::{EarlyStopping, Error, Evaluation, Result, ScheduleState};

/// The version of the layout described above.
const FORMAT: u32 = 1;
/// The one key in the header: a second one would make the order of the bytes arbitrary.
const KEY: &str = "candle_geometric.checkpoint";

/// Everything in a checkpoint that is not a tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The [hash](crate::TrainConfig::hash) of the configuration that the run follows.
    pub config: String,
    /// The seed of the run, of its initialisation and of its generator.
    pub seed: u64,
    /// The number of the generator's next stream.
    pub generator_position: u64,
    /// How many epochs are complete.
    pub epochs: usize,
    /// How many steps the optimiser has made.
    pub optimizer_steps: u64,
    /// The state of the schedule.
    pub schedule: ScheduleState,
    /// The state of early stopping.
    pub early_stopping: EarlyStopping,
    /// The epoch whose weights are kept, if there is one yet.
    pub best: Option<Best>,
    /// Whether the run has ended.
    pub finished: bool,
    /// How long the epochs took, in seconds.
    pub seconds: f64,
}

/// The epoch whose weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Its number, from 0.
    pub epoch: usize,
    /// On the training nodes.
    pub train: Evaluation,
    /// On the validation nodes.
    pub val: Evaluation,
    /// On the test nodes, if there are any. Never used to choose.
    pub test: Option<Evaluation>,
}

/// A training run at the end of an epoch.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// All that is not a tensor.
    pub progress: Progress,
    /// The parameters.
    pub model: BTreeMap<String, Tensor>,
    /// The parameters of the best epoch; none before there is one.
    pub best: BTreeMap<String, Tensor>,
    /// The optimiser's buffers.
    pub optimizer: BTreeMap<String, Tensor>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    crc32c: u32,
    progress: String,
}

/// A tensor as the bytes of its file.
struct Raw {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for &Raw {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn checksum<'a>(
    progress: &str,
    tensors: impl Iterator<Item = (&'a str, Dtype, &'a [usize], &'a [u8])>,
) -> u32 {
    let mut crc = crc32c::crc32c(progress.as_bytes());
    for (name, dtype, shape, bytes) in tensors {
        crc = crc32c::crc32c_append(crc, format!("{name} {dtype:?} {shape:?}").as_bytes());
        crc = crc32c::crc32c_append(crc, bytes);
    }
    crc
}

impl Checkpoint {
    /// Writes the checkpoint to `path`, [whole or not at all](write_atomically).
    ///
    /// # Errors
    /// If the file cannot be written, as where the disk is full; a checkpoint that was there before still is.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes().map_err(|e| match e {
            Error::Checkpoint { message, .. } => Error::checkpoint(path, message),
            other => other,
        })?;
        write_atomically(path, |file| file.write_all(&bytes))
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let fail = |e: String| Error::checkpoint(Path::new(""), e);
        let mut raws = BTreeMap::new();
        for (prefix, group) in self.groups() {
            for (name, tensor) in group {
                let tensor = tensor.to_device(&Device::Cpu)?;
                let raw = Raw {
                    dtype: View::dtype(&tensor),
                    shape: tensor.dims().to_vec(),
                    bytes: View::data(&tensor).into_owned(),
                };
                raws.insert(format!("{prefix}.{name}"), raw);
            }
        }
        let progress = serde_json::to_string(&self.progress).map_err(|e| fail(e.to_string()))?;
        let contents = raws.iter().map(|(n, r)| (n.as_str(), r.dtype, &r.shape[..], &r.bytes[..]));
        let header = Header { format: FORMAT, crc32c: checksum(&progress, contents), progress };
        let header = serde_json::to_string(&header).map_err(|e| fail(e.to_string()))?;
        let header = HashMap::from([(KEY.to_string(), header)]);
        safetensors::serialize(raws.iter(), Some(header)).map_err(|e| fail(e.to_string()))
    }

    fn groups(&self) -> [(&'static str, &BTreeMap<String, Tensor>); 3] {
        [("model", &self.model), ("best", &self.best), ("optimizer", &self.optimizer)]
    }

    /// Reads a checkpoint onto the CPU.
    ///
    /// # Errors
    /// If the file cannot be read, is not a checkpoint, is truncated or damaged, or belongs to a run with another
    /// configuration or seed than `config` (a [hash](crate::TrainConfig::hash)) and `seed`.
    pub fn read(path: &Path, config: &str, seed: u64) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        let fail = |message: String| Error::checkpoint(path, message);
        let damaged = |e: String| fail(format!("the file is truncated or damaged ({e})"));
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(e.to_string()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(e.to_string()))?;
        let header = metadata.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or_else(|| {
            fail(format!(
                "not a training checkpoint (its header has no {KEY}); plain weights cannot be resumed"
            ))
        })?;
        let header: Header = serde_json::from_str(header).map_err(|e| damaged(e.to_string()))?;
        if header.format != FORMAT {
            return Err(fail(format!("expected format {FORMAT}, got {}", header.format)));
        }
        let views: BTreeMap<&str, _> = file.iter().collect();
        let contents = views.iter().map(|(n, v)| (*n, v.dtype(), v.shape(), v.data()));
        let actual = checksum(&header.progress, contents);
        if actual != header.crc32c {
            return Err(damaged(format!("crc32c is {actual:08x}, expected {:08x}", header.crc32c)));
        }
        let progress: Progress =
            serde_json::from_str(&header.progress).map_err(|e| damaged(e.to_string()))?;
        if progress.config != config {
            return Err(fail(format!(
                "it belongs to a run with another configuration (expected {config}, got {}); \
                 restore that configuration, or start anew without resuming",
                progress.config
            )));
        }
        if progress.seed != seed {
            return Err(fail(format!("it belongs to the run with seed {}, expected {seed}", progress.seed)));
        }
        let mut groups = [BTreeMap::new(), BTreeMap::new(), BTreeMap::new()];
        for (name, view) in views {
            let (group, rest) = name.split_once('.').unwrap_or((name, ""));
            let slot = match group {
                "model" => 0,
                "best" => 1,
                "optimizer" => 2,
                _ => return Err(fail(format!("unknown tensor {name}"))),
            };
            groups[slot].insert(rest.to_string(), view.load(&Device::Cpu)?);
        }
        let [model, best, optimizer] = groups;
        Ok(Self { progress, model, best, optimizer })
    }
}
