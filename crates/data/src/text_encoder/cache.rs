//! Vectors of texts in a file: a safetensors file with one tensor, `x`, and the SHA-256 of its bytes in the metadata.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};

use crate::{Error, Result, write};

/// The vectors in the file; `None` if there is none, or one that is damaged.
pub(super) fn read(path: &Path, shape: (usize, usize)) -> Result<Option<Tensor>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(parse(&bytes, shape)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path)(error)),
    }
}

fn parse(bytes: &[u8], (n, width): (usize, usize)) -> Option<Tensor> {
    let file = SafeTensors::deserialize(bytes).ok()?;
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let sha256 = header.metadata().as_ref()?.get("sha256")?;
    let x = file.tensor("x").ok()?;
    if x.dtype() != Dtype::F32 || x.shape() != [n, width] || *sha256 != digest(x.data()) {
        return None;
    }
    Tensor::from_raw_buffer(x.data(), DType::F32, &[n, width], &Device::Cpu).ok()
}

/// Writes the vectors, `[N, D]` of f32.
pub(super) fn write(path: &Path, vectors: &Tensor) -> Result<()> {
    let values: Vec<f32> = vectors.flatten_all()?.to_vec1()?;
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let bad = |e: safetensors::SafeTensorError| Error::format(path.display().to_string(), e.to_string());
    let view = TensorView::new(Dtype::F32, vectors.dims().to_vec(), &bytes).map_err(bad)?;
    let metadata = HashMap::from([("sha256".to_string(), digest(&bytes))]);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    write::whole(path, &safetensors::serialize([("x", view)], Some(metadata)).map_err(bad)?)
}

fn digest(bytes: &[u8]) -> String {
    crate::source::hex(Sha256::new_with_prefix(bytes))
}
