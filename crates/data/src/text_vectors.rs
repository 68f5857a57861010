//! Vectors of texts in a file, so that the encoder that made them need not be there, nor run again.
//!
//! A safetensors file with one tensor, `x` `[N, D]` of f32. Its metadata say by which encoder, of which texts (their SHA-256) and
//! with which bytes (likewise), so that vectors of other texts are not taken for these.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result, source, write};

/// The name of such a file beside a model or its recipe.
pub const FILE: &str = "texts.safetensors";

/// What the entry `vectors` of the metadata says: one entry in JSON, because several would be in another order every time.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Origin {
    encoder: String,
    /// The SHA-256 of all texts, each with its length before it.
    texts: String,
    /// The SHA-256 of the bytes of `x`.
    sha256: String,
}

impl Origin {
    fn new<S: AsRef<str>>(encoder: &str, texts: &[S], bytes: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for text in texts.iter().map(AsRef::as_ref) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let sha256 = source::hex(Sha256::new_with_prefix(bytes));
        Self { encoder: encoder.to_string(), texts: source::hex(hash), sha256 }
    }
}

/// The vectors `[N, D]` that `encoder` made of these N texts, from a file of [`save`].
///
/// # Errors
/// If the file cannot be read, is damaged, or its vectors are by another encoder or of other texts.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use candle_core::{Device, Tensor};
/// use candle_geometric_data::text_vectors;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join(text_vectors::FILE);
/// let vectors = Tensor::new(&[[1f32, 0.], [0., 1.]], &Device::Cpu)?;
/// text_vectors::save(&path, "owner/encoder", &["a graph", "a text"], &vectors)?;
/// let x = text_vectors::load(&path, "owner/encoder", &["a graph", "a text"])?;
/// assert_eq!(x.to_vec2::<f32>()?, [[1., 0.], [0., 1.]]);
/// assert!(text_vectors::load(&path, "owner/encoder", &["a graph", "another"]).is_err());
/// # Ok(()) }
/// ```
pub fn load<S: AsRef<str>>(path: &Path, encoder: &str, texts: &[S]) -> Result<Tensor> {
    let file = path.display().to_string();
    let fail = |problem: String| Error::format(&file, problem);
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    let damaged = |e: safetensors::SafeTensorError| fail(format!("no vectors of texts: {e}"));
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
    let x = tensors.tensor("x").map_err(damaged)?;
    let said = header.metadata().as_ref().and_then(|metadata| metadata.get("vectors"));
    let said: Origin = said
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or_else(|| fail("the metadata have no entry `vectors`: no vectors of texts".into()))?;
    let expected = Origin::new(encoder, texts, x.data());
    for (what, said, expected) in [
        ("the encoder", said.encoder, expected.encoder),
        ("the SHA-256 of the texts", said.texts, expected.texts),
        ("the SHA-256 of the vectors", said.sha256, expected.sha256),
    ] {
        if said != expected {
            return Err(fail(format!("{what}: expected {expected}, got {said}")));
        }
    }
    match *x.shape() {
        [n, width] if n == texts.len() && x.dtype() == Dtype::F32 => {
            Ok(Tensor::from_raw_buffer(x.data(), DType::F32, &[n, width], &Device::Cpu)?)
        }
        ref shape => {
            let came = format!("{:?} of shape {shape:?}", x.dtype());
            Err(fail(format!("x: expected F32 of {} rows, got {came}", texts.len())))
        }
    }
}

/// Writes the vectors `[N, D]` in f32 that `encoder` made of N texts. Folders on the way are made.
///
/// # Errors
/// If the vectors are not one per text in f32, or the file cannot be written.
pub fn save<S: AsRef<str>>(path: &Path, encoder: &str, texts: &[S], vectors: &Tensor) -> Result<()> {
    let (n, width) = vectors.dims2()?;
    if n != texts.len() {
        return Err(Error::invalid("vectors", format!("one per text, {} rows", texts.len()), n));
    }
    let bytes: Vec<u8> =
        vectors.flatten_all()?.to_vec1::<f32>()?.into_iter().flat_map(f32::to_le_bytes).collect();
    let bad = |e: safetensors::SafeTensorError| Error::format(path.display().to_string(), e.to_string());
    let view = TensorView::new(Dtype::F32, vec![n, width], &bytes).map_err(bad)?;
    let origin = serde_json::to_string(&Origin::new(encoder, texts, &bytes));
    let origin = origin.map_err(|e| Error::format(path.display().to_string(), e.to_string()))?;
    let metadata = HashMap::from([("vectors".to_string(), origin)]);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    }
    write::whole(path, &safetensors::serialize([("x", view)], Some(metadata)).map_err(bad)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn vectors_of_anything_else_are_not_taken_for_these() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper").join(FILE);
        let vectors = Tensor::new(&[[1f32, -2.], [3., 4.]], &Device::Cpu).unwrap();
        save(&path, "a/b", &["x", "yz"], &vectors).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        save(&path, "a/b", &["x", "yz"], &vectors).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "the same bytes every time");
        assert_eq!(
            load(&path, "a/b", &["x", "yz"]).unwrap().to_vec2::<f32>().unwrap(),
            [[1., -2.], [3., 4.]]
        );
        // Where one text ends is part of what it is.
        for (encoder, texts, problem) in [
            ("a/c", ["x", "yz"], "the encoder: expected a/c, got a/b"),
            ("a/b", ["xy", "z"], "the SHA-256 of the texts"),
        ] {
            let error = load(&path, encoder, &texts).unwrap_err().to_string();
            assert!(error.contains(FILE) && error.contains(problem), "{error}");
        }
        assert!(save(&path, "a/b", &["x"], &vectors).unwrap_err().to_string().contains("one per text"));

        let mut flipped = bytes.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let cut = bytes[..bytes.len() - 1].to_vec();
        for (bad, problem) in
            [(flipped, "the SHA-256 of the vectors"), (cut, "no vectors of texts"), (vec![], "no vectors")]
        {
            std::fs::write(&path, bad).unwrap();
            let error = load(&path, "a/b", &["x", "yz"]).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(load(&path, "a/b", &["x"]), Err(Error::Io { .. })));
    }
}
