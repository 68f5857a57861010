//! Checkpoints of other frameworks: PyTorch Geometric's of every version, DGL's, and those of pytorch-GAT, as
//! `.pt`, `.pth` or safetensors, under whatever names the layers had.
//!
//! Nothing has to be said about where a file comes from. The configuration says which tensors the model has; the file's
//! names say, layer by layer, who wrote them:
//!
//! | written by | its names in a GAT layer |
//! |---|---|
//! | PyG ≤ 1.5 | `weight` `[I, H·C]`, `att` `[1, H, 2C]` (destination, then source) |
//! | PyG 1.6 – 1.7 | `lin_l.weight`, `lin_r.weight`, `att_l` (source), `att_r` |
//! | PyG 2.0 – 2.4 | `lin_src.weight`, `lin_dst.weight`, `att_src`, `att_dst` |
//! | PyG ≥ 2.5, and here | `lin.weight`, `att_src`, `att_dst` |
//! | DGL | `fc.weight`, `attn_l` (source), `attn_r`, `res_fc` |
//! | pytorch-GAT | `linear_proj.weight`, `scoring_fn_source`, `scoring_fn_target`, `skip_proj.weight` |
//!
//! DGL's other layers are told by their names too: GraphConv, SAGEConv, SGConv, GINConv, GINEConv, ChebConv, RelGraphConv,
//! GMMConv, GlobalAttentionPooling and Set2Set become the layers of PyTorch Geometric ([`convert`]).
//!
//! Layers are matched by name, or in their order where the file calls them otherwise (`gat_layers.0`, `conv1`). To map them
//! in another way, rename the tensors between [`read_checkpoint`] and [`import_tensors`].

mod dgl;
mod dgl_names;
mod layer;
mod pyg;
mod pytorch_gat;
mod torch;

use std::collections::BTreeSet;
use std::path::Path;

use candle_core::{DType, Device};

use crate::weights::{self, Parameter, Problem, Tensors};
use crate::{Error, GraphModel, ModelConfig, Result};
use layer::{Kind, Layer, Layers};

/// What a file of weights holds.
#[derive(Debug)]
pub struct Checkpoint {
    /// The tensors of the `state_dict`, under the names in the file, on the CPU.
    pub tensors: Tensors,
    /// What else was saved, such as epochs and options, as JSON. Other tensors are given by their shape.
    pub metadata: serde_json::Value,
}

/// Reads a file of `torch.save` (either format), or a safetensors file; its contents say which.
///
/// A pickle is read as data: nothing in it is executed. The `state_dict` may be the whole file, or stand in it as
/// `state_dict`, `model_state_dict`, `model` or the like.
///
/// # Errors
/// If the file cannot be read, is of another kind, truncated or damaged, names a callable that is not among the
/// known ones, was written on a big-endian machine, or holds no `state_dict`, or several.
pub fn read_checkpoint(path: impl AsRef<Path>) -> Result<Checkpoint> {
    let path = path.as_ref();
    let bytes = weights::read(path)?;
    // First, because the length that safetensors begins with may look like the beginning of a pickle; nothing of
    // torch.save has a brace here.
    if bytes.get(8) == Some(&b'{') {
        let tensors = weights::read_safetensors(path, &bytes)?;
        return Ok(Checkpoint { tensors, metadata: serde_json::Value::Null });
    }
    if torch::recognises(&bytes) {
        return torch::read(path, &bytes);
    }
    Err(Error::file(path, "neither a file of torch.save nor safetensors; it may be damaged"))
}

/// The tensors of a checkpoint, under the names and in the shapes that a model of this configuration has.
///
/// # Errors
/// As [`read_checkpoint`] and [`import_tensors`].
pub fn import_checkpoint(path: impl AsRef<Path>, config: &ModelConfig) -> Result<Tensors> {
    let path = path.as_ref();
    import_tensors(read_checkpoint(path)?.tensors, config, &path.display().to_string())
}

/// The model of a checkpoint, in `dtype` on `device`.
///
/// # Errors
/// As [`import_checkpoint`].
///
/// ```no_run
/// use candle_core::{DType, Device};
/// use candle_geometric_models::import::load_checkpoint;
/// use candle_geometric_models::{GatConfig, ModelConfig};
/// // GAT(1433, 64, num_layers=2, out_channels=7, heads=8, act="elu") in Python
/// let config = GatConfig { heads: 8, out_channels: Some(7), act: Some("elu".into()), ..GatConfig::new(1433, 64, 2) };
/// let model = load_checkpoint("gat.pt", &ModelConfig::Gat(config), DType::F32, &Device::Cpu)?;
/// # Ok::<(), candle_geometric_models::Error>(())
/// ```
pub fn load_checkpoint(
    path: impl AsRef<Path>,
    config: &ModelConfig,
    dtype: DType,
    device: &Device,
) -> Result<Box<dyn GraphModel>> {
    let path = path.as_ref();
    let tensors = import_checkpoint(path, config)?;
    weights::build(config, &tensors, &path.display().to_string(), dtype, device)
}

/// Tensors of another framework, under the names and in the shapes that a model of this configuration has. `origin`
/// is for messages.
///
/// # Errors
/// If the model lacks a tensor, or one has no place in the model, the wrong shape or type, or holds NaN or
/// infinities; all that is wrong is listed.
pub fn import_tensors(tensors: Tensors, config: &ModelConfig, origin: &str) -> Result<Tensors> {
    convert(tensors, &config.parameters()?, origin)
}

/// As [`import_tensors`], for a list of names and shapes: those of a single layer, say.
///
/// # Errors
/// As [`import_tensors`].
pub fn convert(tensors: Tensors, expected: &[Parameter], origin: &str) -> Result<Tensors> {
    let tensors = dgl_names::adapt(unwrap(tensors, expected), expected)?;
    let theirs = Layers::of(tensors.iter().map(|(name, t)| (name.as_str(), t.rank())));
    let ours = Layers::of(expected.iter().map(|p| (p.name.as_str(), p.shape.len())));
    let matched = theirs.matched_to(&ours);

    let mut used = BTreeSet::new();
    let mut conflicts = Vec::new();
    let mut converted = Tensors::new();
    for parameter in expected {
        let (prefix, local) = layer::split(&parameter.name);
        let tensor = match matched.get(prefix) {
            Some(source) => {
                let kind = Kind::of(prefix, expected);
                let mut layer = Layer::new(&tensors, source, kind, &mut used, &mut conflicts);
                layer.find(local, &parameter.shape)?
            }
            None => {
                used.insert(parameter.name.clone());
                tensors.get(&parameter.name).cloned()
            }
        };
        if let Some(tensor) = tensor {
            converted.insert(parameter.name.clone(), tensor);
        }
    }
    for (prefix, source) in &matched {
        Layer::new(&tensors, source, Kind::of(prefix, expected), &mut used, &mut conflicts)
            .drop_repeated()?;
    }
    let mut all = converted.clone();
    for (name, tensor) in tensors.into_iter().filter(|(name, _)| !used.contains(name)) {
        all.entry(name).or_insert(tensor);
    }
    let mut problems: Vec<Problem> = weights::check(expected, &all)?;
    problems.append(&mut conflicts);
    if problems.is_empty() {
        return Ok(converted);
    }
    Err(Error::Weights { origin: origin.to_string(), problems })
}

/// Takes off the prefixes with which wrappers (`DataParallel`, `torch.compile`, Lightning) save every name, one wrapper around
/// another in any order, and the counters of batches that batch normalisation saves and never uses.
fn unwrap(mut tensors: Tensors, expected: &[Parameter]) -> Tensors {
    tensors.retain(|name, _| !name.ends_with("num_batches_tracked"));
    let wraps = |wrapper: &&str, tensors: &Tensors| {
        !tensors.is_empty()
            && tensors.keys().all(|name| name.starts_with(*wrapper))
            && !expected.iter().any(|p| p.name.starts_with(*wrapper))
    };
    while let Some(wrapper) =
        ["module.", "_orig_mod.", "model.", "net."].into_iter().find(|w| wraps(w, &tensors))
    {
        let strip = |name: String| name.strip_prefix(wrapper).map(String::from).unwrap_or(name);
        tensors = tensors.into_iter().map(|(name, t)| (strip(name), t)).collect();
    }
    tensors
}
