//! A graph in one safetensors file, which loads at once: no text is parsed, and what the file says is checked in one pass.
//! The file is read as a whole, not mapped into memory, for which this crate would need `unsafe`: the most memory that loading
//! takes is twice that of the edges (`benches/graph_file.rs`).
//!
//! | tensor | shape | type |
//! |---|---|---|
//! | `edge_index` | `[2, E]` | u32 |
//! | `x`, `edge_attr` | `[N, F]`, `[E]` or `[E, D]`, optional | floats |
//! | `y` | `[N]` or `[N, K]`, optional | u32 or floats |
//! | `train_mask`, `val_mask`, `test_mask` | `[N]` of 0 and 1, all three or none | u8 |
//! | `node_ids` | `[N]`, optional | i64: what the nodes are called |
//! | `node_names` | bytes of all names one after the other, optional | u8 |
//! | `node_name_ptr` | `[N + 1]`, where each name begins in `node_names` | u32 |
//!
//! The metadata has one entry, `graph`, a JSON object with the `version` of this form (1), `num_src` and `num_dst` (equal to
//! N, unless the edges are between two sets of nodes) and `bipartite`.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::{Error, NodeIds, RawGraph, Result, Split, write};

const MASKS: [&str; 3] = ["train_mask", "val_mask", "test_mask"];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    num_src: usize,
    num_dst: usize,
    bipartite: bool,
}

/// The contents of the file for a graph.
///
/// # Errors
/// If names of nodes have more than 2³² bytes together.
pub fn to_bytes(graph: &RawGraph) -> Result<Vec<u8>> {
    let edges = &graph.edge_index;
    let header = Header {
        version: 1,
        num_src: edges.num_src(),
        num_dst: edges.num_dst(),
        bipartite: edges.is_bipartite(),
    };
    let header =
        serde_json::to_string(&header).map_err(|e| Error::format("the graph file", e.to_string()))?;
    let bytes = |values: &[u32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let e = edges.num_edges();
    let mut parts = vec![Part::new(
        "edge_index",
        Dtype::U32,
        &[2, e],
        [bytes(edges.source()), bytes(edges.destination())].concat(),
    )];
    for (name, tensor) in [("x", &graph.x), ("edge_attr", &graph.edge_attr), ("y", &graph.y)] {
        if let Some(tensor) = tensor {
            parts.push(Part::of(name, tensor)?);
        }
    }
    if let Some(split) = &graph.split {
        for (name, mask) in [(MASKS[0], &split.train), (MASKS[1], &split.val), (MASKS[2], &split.test)] {
            parts.push(Part::new(
                name,
                Dtype::U8,
                &[mask.len()],
                mask.iter().map(|&m| u8::from(m)).collect(),
            ));
        }
    }
    match &graph.ids {
        NodeIds::Positions => {}
        NodeIds::Numbers(ids) => {
            let data = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
            parts.push(Part::new("node_ids", Dtype::I64, &[ids.len()], data));
        }
        NodeIds::Names(names) => {
            let (mut all, mut ptr) = (Vec::new(), vec![0]);
            for name in names {
                all.extend_from_slice(name.as_bytes());
                ptr.push(u32::try_from(all.len()).map_err(|_| {
                    Error::invalid("ids", "names of less than 2³² bytes together", all.len())
                })?);
            }
            parts.push(Part::new("node_name_ptr", Dtype::U32, &[ptr.len()], bytes(&ptr)));
            parts.push(Part::new("node_names", Dtype::U8, &[all.len()], all));
        }
    }
    let metadata = HashMap::from([("graph".to_string(), header)]);
    let parts = parts.iter().map(|part| (part.name, part));
    safetensors::serialize(parts, Some(metadata)).map_err(|e| Error::format("the graph file", e.to_string()))
}

/// Writes a graph under a temporary name, which becomes `path` when the file is complete.
///
/// # Errors
/// If the file cannot be written.
pub fn save(graph: &RawGraph, path: &Path) -> Result<()> {
    write::whole(path, &to_bytes(graph)?)
}

/// Reads the file at `path`.
///
/// # Errors
/// If it cannot be read, or is no such file.
pub fn load(path: &Path) -> Result<RawGraph> {
    let bytes = std::fs::read(path).map_err(Error::io(path))?;
    parse(&path.display().to_string(), &bytes)
}

/// Reads the contents of a file, which messages call `file`.
///
/// # Errors
/// If it is damaged, or no such file.
pub fn parse(file: &str, bytes: &[u8]) -> Result<RawGraph> {
    let bad = |problem: String| Error::format(file, problem);
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| bad(format!("not a safetensors file: {e}")))?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| bad(e.to_string()))?;
    let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get("graph"));
    let header = header.ok_or_else(|| bad("the metadata has no entry `graph`: not a graph file".into()))?;
    let header: Header =
        serde_json::from_str(header).map_err(|e| bad(format!("the metadata of the graph: {e}")))?;
    if header.version != 1 {
        return Err(bad(format!("version {} of graph files, the newest known is 1", header.version)));
    }
    let view = |name: &str| tensors.tensor(name).ok();
    let edges = view("edge_index").ok_or_else(|| bad("there is no edge_index".into()))?;
    let &[2, e] = edges.shape() else {
        return Err(bad(format!("edge_index: expected shape [2, E], got {:?}", edges.shape())));
    };
    if edges.dtype() != Dtype::U32 {
        return Err(bad(format!("edge_index: expected U32, got {:?}", edges.dtype())));
    }
    // Each half on its own, so that neither keeps room for both.
    let (source, destination) = edges.data().split_at(edges.data().len() / 2);
    let (source, destination) = (numbers(source), numbers(destination));
    let Header { num_src, num_dst, bipartite, .. } = header;
    let edge_index = match bipartite {
        true => EdgeIndex::bipartite(source, destination, num_src, num_dst),
        false => EdgeIndex::new(source, destination, num_dst),
    };
    let edge_index = edge_index.map_err(|e| bad(e.to_string()))?;
    if !bipartite && num_src != num_dst {
        return Err(bad(format!("{num_src} and {num_dst} nodes of one set")));
    }

    let ids = if let Some(ids) = view("node_ids") {
        if ids.dtype() != Dtype::I64 {
            return Err(bad(format!("node_ids: expected I64, got {:?}", ids.dtype())));
        }
        NodeIds::Numbers(ids.data().as_chunks().0.iter().map(|&id| i64::from_le_bytes(id)).collect())
    } else if let (Some(names), Some(ptr)) = (view("node_names"), view("node_name_ptr")) {
        if ptr.dtype() != Dtype::U32 {
            return Err(bad(format!("node_name_ptr: expected U32, got {:?}", ptr.dtype())));
        }
        let ptr = numbers(ptr.data());
        let name = |bounds: &[u32]| {
            let bytes = names.data().get(bounds[0] as usize..bounds[1] as usize)?;
            std::str::from_utf8(bytes).ok().map(str::to_string)
        };
        let names: Option<Vec<String>> = ptr.windows(2).map(name).collect();
        NodeIds::Names(
            names.ok_or_else(|| bad("node_names: expected texts of UTF-8, one after the other".into()))?,
        )
    } else {
        NodeIds::Positions
    };
    let mut graph = RawGraph::new(edge_index, ids).map_err(|e| bad(e.to_string()))?;
    let rows = [("x", num_dst), ("edge_attr", e), ("y", num_dst)];
    let [x, edge_attr, y] = rows.map(|(name, rows)| match view(name) {
        Some(view) if view.shape().first() != Some(&rows) => {
            Err(bad(format!("{name}: expected {rows} rows, got shape {:?}", view.shape())))
        }
        Some(view) => tensor(&view).map(Some).map_err(|problem| bad(format!("{name}: {problem}"))),
        None => Ok(None),
    });
    (graph.x, graph.edge_attr, graph.y) = (x?, edge_attr?, y?);
    let mask = |name: &str| match view(name) {
        Some(mask) if mask.dtype() == Dtype::U8 && mask.shape() == [num_dst] => {
            Ok(Some(mask.data().iter().map(|&member| member != 0).collect::<Vec<bool>>()))
        }
        Some(mask) => Err(bad(format!(
            "{name}: expected [{num_dst}] of U8, got {:?} of {:?}",
            mask.shape(),
            mask.dtype()
        ))),
        None => Ok(None),
    };
    graph.split = match (mask(MASKS[0])?, mask(MASKS[1])?, mask(MASKS[2])?) {
        (Some(train), Some(val), Some(test)) => Some(Split { train, val, test }),
        (None, None, None) => None,
        _ => return Err(bad(format!("expected all of {} or none", MASKS.join(", ")))),
    };
    Ok(graph)
}

/// Little-endian numbers of 32 bits.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)).collect()
}

fn tensor(view: &TensorView<'_>) -> std::result::Result<Tensor, String> {
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F64 => DType::F64,
        Dtype::U32 => DType::U32,
        other => return Err(format!("expected F32, F64 or U32, got {other:?}")),
    };
    Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu).map_err(|e| e.to_string())
}

/// A tensor to be written.
struct Part {
    name: &'static str,
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Part {
    fn new(name: &'static str, dtype: Dtype, shape: &[usize], data: Vec<u8>) -> Self {
        Self { name, dtype, shape: shape.to_vec(), data }
    }

    fn of(name: &'static str, tensor: &Tensor) -> Result<Self> {
        let flat = tensor.flatten_all()?;
        let (dtype, data) = match tensor.dtype() {
            DType::U32 => (Dtype::U32, flat.to_vec1::<u32>()?.iter().flat_map(|v| v.to_le_bytes()).collect()),
            DType::F64 => (Dtype::F64, flat.to_vec1::<f64>()?.iter().flat_map(|v| v.to_le_bytes()).collect()),
            _ => {
                let flat = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
                (Dtype::F32, flat.iter().flat_map(|v| v.to_le_bytes()).collect())
            }
        };
        Ok(Self::new(name, dtype, tensor.dims(), data))
    }
}

impl View for &Part {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        (&self.data).into()
    }

    fn data_len(&self) -> usize {
        self.data.len()
    }
}
