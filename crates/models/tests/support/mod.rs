//! Writes what `torch.save` writes, byte by byte, and finds the shared cases.

#![allow(dead_code, unreachable_pub)]

use std::io::Write;
use std::path::PathBuf;

use candle_core::{DType, Tensor};

/// A pickle under construction (protocol 2).
#[derive(Clone)]
pub struct Pickle(pub Vec<u8>);

impl Pickle {
    pub fn new() -> Self {
        Self(b"\x80\x02".to_vec())
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    pub fn int(self, value: usize) -> Self {
        self.raw(b"J").raw(&(value as i32).to_le_bytes())
    }

    pub fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    pub fn sizes(self, sizes: &[usize]) -> Self {
        sizes.iter().fold(self.raw(b"("), |p, &n| p.int(n)).raw(b"t")
    }

    /// `OrderedDict()`, open for entries until [`Pickle::close`].
    pub fn ordered_dict(self) -> Self {
        self.global("collections", "OrderedDict").raw(b")R(")
    }

    pub fn dict(self) -> Self {
        self.raw(b"}(")
    }

    pub fn close(self) -> Self {
        self.raw(b"u")
    }

    pub fn stop(self) -> Vec<u8> {
        self.raw(b".").0
    }

    /// A view of a storage of `len` elements.
    pub fn view(
        self,
        kind: &str,
        key: &str,
        len: usize,
        offset: usize,
        shape: &[usize],
        strides: &[usize],
    ) -> Self {
        let storage = self.global("torch._utils", "_rebuild_tensor_v2").raw(b"((").text("storage");
        let storage = storage.global("torch", kind).text(key).text("cpu").int(len);
        let tensor = storage.raw(b"tQ").int(offset).sizes(shape).sizes(strides);
        tensor.raw(b"\x89").ordered_dict().raw(b"utR")
    }
}

/// A storage: its key and its bytes.
pub type Storage = (String, Vec<u8>);

/// A `state_dict` of f32 tensors, without the end of the pickle, and its storages.
pub fn state_dict(pickle: Pickle, tensors: &[(&str, Tensor)]) -> (Pickle, Vec<Storage>) {
    let mut pickle = pickle.ordered_dict();
    let mut storages = Vec::new();
    for (i, (name, tensor)) in tensors.iter().enumerate() {
        let values = tensor.flatten_all().unwrap().to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
        let mut strides = vec![1; tensor.rank()];
        for axis in (1..tensor.rank()).rev() {
            strides[axis - 1] = strides[axis] * tensor.dims()[axis];
        }
        let key = i.to_string();
        pickle = pickle.text(name).view("FloatStorage", &key, values.len(), 0, tensor.dims(), &strides);
        storages.push((key, values.iter().flat_map(|v| v.to_le_bytes()).collect()));
    }
    (pickle.close(), storages)
}

/// The zip format.
pub fn zipped(pickle: &[u8], storages: &[Storage]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut file = |name: String, bytes: &[u8]| {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    };
    file("archive/data.pkl".into(), pickle);
    file("archive/byteorder".into(), b"little");
    for (key, bytes) in storages {
        file(format!("archive/data/{key}"), bytes);
    }
    file("archive/version".into(), b"3\n");
    zip.finish().unwrap().into_inner()
}

/// The format before PyTorch 1.6, of f32 storages.
pub fn legacy(pickle: &[u8], storages: &[Storage]) -> Vec<u8> {
    let magic = 0x1950_a86a_20f9_469c_fc6c_u128.to_le_bytes();
    let mut file = Pickle::new().raw(b"\x8a\x0a").raw(&magic[..10]).stop();
    file.extend(Pickle::new().int(1001).stop());
    file.extend(Pickle::new().dict().text("little_endian").raw(b"\x88").close().stop());
    file.extend(pickle);
    let keys = storages.iter().fold(Pickle::new().raw(b"]("), |p, (key, _)| p.text(key));
    file.extend(keys.raw(b"e").stop());
    for (_, bytes) in storages {
        file.extend((bytes.len() as i64 / 4).to_le_bytes());
        file.extend(bytes);
    }
    file
}

/// A folder of `../shared`, or `None` (and a line that says so) where it is not there.
pub fn shared(folder: &str, test: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    if std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_some() {
        panic!("{test}: ../shared is required, but {} is not here", path.display());
    }
    eprintln!("SKIPPED {test}: ../shared is not here");
    None
}

/// A tensor of small numbers that differ, exact in f32.
pub fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let stream = candle_geometric_graph::rng::Stream::new(seed, 0);
    let values: Vec<f32> =
        (0..shape.iter().product::<usize>() as u64).map(|i| stream.uniform(i) - 0.5).collect();
    Tensor::from_vec(values, shape, &candle_core::Device::Cpu).unwrap()
}

/// A `config.json` for a model of 5 features, 3 classes and these weights.
pub fn config_json(weights: &[u8]) -> serde_json::Value {
    use sha2::Digest;
    let sum: String = sha2::Sha256::digest(weights).iter().map(|b| format!("{b:02x}")).collect();
    serde_json::json!({
        "architecture": "GAT",
        "config": {"in_channels": 5, "hidden_channels": 4, "num_layers": 2, "out_channels": 3, "heads": 2},
        "task": {"kind": "node-classification", "num_classes": 3, "labels": ["a", "b", "c"]},
        "data": {"name": "cora", "split": "standard"},
        "preprocessing": {"normalize_features": "sum"},
        "metric": {
            "name": "accuracy", "split": "test", "mean": 0.83, "std": 0.007, "runs": 100, "published": 0.83,
            "source": "Veličković et al. 2018", "this": 0.831, "tolerance": 0.001
        },
        "weights": {"file": "model.safetensors", "sha256": sum},
        "licence": "MIT OR Apache-2.0"
    })
}

/// The weights that [`config_json`] asks for, changed by `change`, as a safetensors file.
pub fn weights(change: impl FnOnce(&mut std::collections::HashMap<String, Tensor>)) -> Vec<u8> {
    let json = config_json(b"");
    let config = candle_geometric_models::ModelConfig::new("GAT", json["config"].clone()).unwrap();
    let parameters = config.parameters().unwrap();
    let mut tensors =
        parameters.iter().zip(1..).map(|(p, i)| (p.name.clone(), numbers(&p.shape, i))).collect();
    change(&mut tensors);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    std::fs::read(path).unwrap()
}

/// A folder with a model in it.
pub fn model_folder(config: &serde_json::Value, weights: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), weights).unwrap();
    std::fs::write(folder.path().join("README.md"), "# A model\n\nFor a test.\n").unwrap();
    folder
}
