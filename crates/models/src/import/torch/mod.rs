//! Files of `torch.save`: the zip format of PyTorch 1.6 and later, and the one before it. The pickle inside is read as
//! data: nothing in it is executed, and a name outside a short list ends the reading with an error.

mod legacy;
mod state;
mod storage;
mod zipped;

use std::path::Path;

use candle_geometric_pickle::Reader;

use super::Checkpoint;
use crate::Result;

/// What the pickle of a checkpoint may name. None of it is ever called.
const GLOBALS: &[(&str, &str)] = &[
    ("collections", "OrderedDict"),
    ("torch", "Size"),
    ("torch._utils", "_rebuild_tensor"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch._utils", "_rebuild_parameter_with_state"),
    ("torch", "DoubleStorage"),
    ("torch", "FloatStorage"),
    ("torch", "HalfStorage"),
    ("torch", "BFloat16Storage"),
    ("torch", "LongStorage"),
    ("torch", "IntStorage"),
    ("torch", "ShortStorage"),
    ("torch", "CharStorage"),
    ("torch", "ByteStorage"),
    ("torch", "BoolStorage"),
    ("torch.storage", "UntypedStorage"),
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
];

fn reader(bytes: &[u8]) -> Reader<'_> {
    Reader::new(bytes).allow(GLOBALS)
}

/// Whether a file that starts like this may be one of `torch.save`.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    is_zip(bytes) || bytes.first() == Some(&0x80)
}

fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// Reads a file of `torch.save`; `path` is for messages.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Checkpoint> {
    if is_zip(bytes) { zipped::read(path, bytes) } else { legacy::read(path, bytes) }
}
