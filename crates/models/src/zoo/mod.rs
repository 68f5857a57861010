//! The zoo: pretrained models by name, from a folder, or from the Hub.

mod catalog;
#[cfg(feature = "hub")]
mod hub;
mod locate;

use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device};

pub use catalog::{CatalogEntry, CatalogWeights, list};
#[cfg(feature = "hub")]
pub use hub::Hub;
use locate::Location;

use crate::weights;
use crate::{Configuration, Error, HeteroModelConfig, KnowledgeModelConfig, ModelConfig, Result, ZooEntry};

/// The file that describes a model.
pub(crate) const CONFIG: &str = "config.json";
/// The file that tells people about it.
pub(crate) const CARD: &str = "README.md";

/// A pretrained model, ready to run, with all that is known about it.
pub struct Pretrained<C: Configuration = ModelConfig> {
    /// Its name: the last part of what was asked for.
    pub name: String,
    /// What `config.json` says.
    pub entry: ZooEntry<C>,
    /// The model, with its weights in f32.
    pub model: C::Model,
    /// Its tensors, ordered by name.
    pub tensors: Vec<TensorInfo>,
    /// Where its files are.
    pub folder: PathBuf,
    /// The card (`README.md`), where there is one.
    pub card: Option<String>,
}

impl<C: Configuration + fmt::Debug> fmt::Debug for Pretrained<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, entry, model: _, tensors, folder, card: _ } = self;
        let mut f = f.debug_struct("Pretrained");
        f.field("name", name).field("entry", entry).field("tensors", tensors).field("folder", folder);
        f.finish_non_exhaustive()
    }
}

/// A tensor as it stands in the file of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name, as in PyTorch Geometric's `state_dict`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The type of its elements.
    pub dtype: DType,
}

impl<C: Configuration> Pretrained<C> {
    /// The number of elements of all tensors.
    pub fn num_parameters(&self) -> usize {
        self.tensors.iter().map(|t| t.shape.iter().product::<usize>()).sum()
    }
}

/// Loads a pretrained model onto `device`, in f32.
///
/// `spec` is the name of a model of the zoo (see [`list`]), a folder with a `config.json`, or `owner/repo` on the
/// Hugging Face Hub. A plain name is looked for in the folder that the variable `CANDLE_GEOMETRIC_MODELS` names, in
/// `./models`, in `models/` beside any folder above the program, then as a folder of its own, and at last as
/// `candle-geometric/<name>` on the Hub, which wants the feature `hub`.
///
/// # Errors
/// If there is no such model (the nearest names are suggested), its files cannot be had or are damaged (weights whose
/// SHA-256 is not that of `config.json`, truncated headers), or its tensors are not the model's: missing, extra,
/// wrongly shaped or typed ones, and those with NaN or infinities, are listed all at once.
///
/// ```no_run
/// use candle_core::{D, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_models::from_pretrained;
/// # fn graph() -> (Tensor, EdgeIndex) { unimplemented!() }
/// let gat = from_pretrained("gat-cora", &Device::Cpu)?;
/// let (x, edges) = graph(); // x prepared as gat.entry.preprocessing says
/// let classes = gat.model.forward(&x, &edges)?.argmax(D::Minus1)?.to_vec1::<u32>()?;
/// println!("node 0: {}", gat.entry.task.labels[classes[0] as usize]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_pretrained(spec: &str, device: &Device) -> Result<Pretrained> {
    from_pretrained_as(spec, device)
}

/// As [`from_pretrained`], for a model of the family that `C` stands for.
///
/// # Errors
/// As [`from_pretrained`], and if the architecture belongs to another family.
///
/// ```no_run
/// use candle_core::Device;
/// use candle_geometric_graph::HeteroGraph;
/// use candle_geometric_models::{HeteroModelConfig, from_pretrained_as};
/// use candle_geometric_nn::{Mode, hetero::NodeTensors};
/// # fn graph() -> (NodeTensors, HeteroGraph) { unimplemented!() }
/// let han = from_pretrained_as::<HeteroModelConfig>("folder/of/a/han", &Device::Cpu)?;
/// let (x, graph) = graph();
/// let logits = han.model.forward(&x, &graph, Mode::Eval)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_pretrained_as<C: Configuration>(spec: &str, device: &Device) -> Result<Pretrained<C>> {
    match locate::locate(spec)? {
        Location::Folder(folder) => from_folder(&folder, device),
        #[cfg(feature = "hub")]
        Location::Hub { repo, pinned } => {
            let folder = Hub::from_env().fetch_as::<C>(&repo, pinned.as_deref())?;
            let mut pretrained = from_folder(&folder, device)?;
            pretrained.name = locate::last_part(&repo);
            Ok(pretrained)
        }
        #[cfg(not(feature = "hub"))]
        Location::Hub { repo, .. } => Err(Error::Download {
            files: [CONFIG, "model.safetensors", CARD].map(String::from).to_vec(),
            url: format!("https://huggingface.co/{repo}"),
            reason: "this program was built without the feature `hub`".into(),
        }),
    }
}

/// The family of a model, by its architecture: which `C` to give [`from_pretrained_as`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// [`ModelConfig`].
    Graph,
    /// [`HeteroModelConfig`].
    Hetero,
    /// [`KnowledgeModelConfig`].
    Knowledge,
}

impl Family {
    /// Of an architecture; an unknown one counts as one of [`ModelConfig`], which will say what is known.
    pub fn of_architecture(name: &str) -> Self {
        if HeteroModelConfig::ARCHITECTURES.contains(&name) {
            Self::Hetero
        } else if KnowledgeModelConfig::ARCHITECTURES.contains(&name) {
            Self::Knowledge
        } else {
            Self::Graph
        }
    }

    /// Of the model that `spec` names, without loading it. A model on the Hub that is not of the zoo counts as one of
    /// [`ModelConfig`].
    ///
    /// # Errors
    /// If there is no such model.
    pub fn of_pretrained(spec: &str) -> Result<Self> {
        let architecture = match locate::locate(spec)? {
            Location::Folder(folder) => {
                let config = weights::read(&folder.join(CONFIG))?;
                let value: Option<serde_json::Value> = serde_json::from_slice(&config).ok();
                value.and_then(|v| Some(v.get("architecture")?.as_str()?.to_string()))
            }
            Location::Hub { pinned, .. } => pinned.map(|entry| entry.architecture),
        };
        Ok(architecture.map_or(Self::Graph, |name| Self::of_architecture(&name)))
    }
}

fn from_folder<C: Configuration>(folder: &Path, device: &Device) -> Result<Pretrained<C>> {
    let path = folder.join(CONFIG);
    let entry = ZooEntry::<C>::parse(&weights::read(&path)?, &path)?;
    let path = folder.join(&entry.weights.file);
    let bytes = weights::read(&path)?;
    weights::verify_sha256(&path, &bytes, &entry.weights.sha256)?;
    let tensors = weights::read_safetensors(&path, &bytes)?;
    let model = weights::build(&entry.model, &tensors, &path.display().to_string(), DType::F32, device)?;
    let tensors = tensors
        .iter()
        .map(|(name, t)| TensorInfo { name: name.clone(), shape: t.dims().to_vec(), dtype: t.dtype() })
        .collect();
    let card = match std::fs::read_to_string(folder.join(CARD)) {
        Ok(text) => Some(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(source) => return Err(Error::Io { path: folder.join(CARD), source }),
    };
    let name = locate::last_part(&folder.to_string_lossy());
    Ok(Pretrained { name, entry, model, tensors, folder: folder.to_path_buf(), card })
}
