use std::collections::BTreeMap;

use candle_core::Tensor;
use candle_geometric_graph::{EdgeType, HeteroGraph};
use candle_geometric_ops::{self as ops, Extras};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{Metadata, NodeTensors, TypedChannels, check_edges, check_nodes, head_channels};
use crate::config;
use crate::{Activation, Linear, Mode, Result, init};

const LAYER: &str = "HgtConv";

/// The arguments of [`HgtConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HgtConvConfig {
    /// I, for all types of nodes or for each.
    pub in_channels: TypedChannels,
    /// O.
    pub out_channels: usize,
    /// The types of nodes and edges.
    pub metadata: Metadata,
    /// H, the number of heads, which divides O. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
}

impl HgtConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(
        in_channels: impl Into<TypedChannels>,
        out_channels: usize,
        metadata: impl Into<Metadata>,
    ) -> Self {
        Self { in_channels: in_channels.into(), out_channels, metadata: metadata.into(), heads: 1 }
    }
}

/// The heterogeneous graph transformer (Hu, Dong, Wang, Sun, *Heterogeneous Graph Transformer*, WWW 2020, eqs. 3 to 5).
///
/// With k, q, v = parts of W_t x + b_t of a node of type t, for every edge e of type φ from j to i and every head:
///
/// > s(e) = p_φ ⟨q_i, k_j K_φ⟩ / √D, α(e) = exp s(e) / Σ exp s(e') over all in-edges e' of i, of whatever type
/// >
/// > m_i = Σ α(e) v_j V_φ, x'_i = σ(g_t) (A_t GELU(m_i) + c_t) + (1 − σ(g_t)) x_i
///
/// with the last term, and the gate before it, only where x has O channels, and D = O/H. K_φ and V_φ go into the maps of
/// keys and values, so each edge type is one map of its sources, and all that end in one type of nodes one attention.
///
/// Shapes: x `[N_t, I_t]`, result `[N_t, O]` for every type that a type of edges of the metadata ends in. Parameters
/// `kqv_lin.lins.t` (weight `[3·O, I_t]`, bias), `out_lin.lins.t` (weight `[O, O]`, bias), `k_rel.weight`, `v_rel.weight`
/// `[H·T, D, D]` for T types of edges, those of a head together, `skip.t` `[1]`, `p_rel.s__r__d` `[1, H]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, HeteroGraph};
/// use candle_geometric_nn::{SeededVarMap, hetero::{HgtConv, HgtConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let writes = EdgeIndex::bipartite(vec![0, 1, 2], vec![0, 0, 1], 3, 2)?;
/// let graph = HeteroGraph::new([("author", 3), ("paper", 2)], [(("author", "writes", "paper"), writes)])?;
/// let features = |n, c| Tensor::ones((n, c), DType::F32, &Device::Cpu);
/// let x = [("author".to_string(), features(3, 5)?), ("paper".to_string(), features(2, 7)?)].into();
/// let config = HgtConvConfig { heads: 2, ..HgtConvConfig::new([("author", 5), ("paper", 7)], 8, &graph) };
/// let conv = HgtConv::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// assert_eq!(conv.forward(&x, &graph)?["paper"].dims(), [2, 8]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct HgtConv {
    config: HgtConvConfig,
    /// D.
    head_channels: usize,
    channels: BTreeMap<String, usize>,
    nodes: BTreeMap<String, OfNodes>,
    edges: BTreeMap<EdgeType, OfEdges>,
    /// `[H·T, D, D]`.
    k_rel: Tensor,
    v_rel: Tensor,
}

/// The parameters of a type of nodes.
#[derive(Debug, Clone)]
struct OfNodes {
    kqv: Linear,
    out: Linear,
    skip: Tensor,
}

/// The parameters of a type of edges.
#[derive(Debug, Clone)]
struct OfEdges {
    /// The position among the types, which finds its part of `k_rel` and `v_rel`.
    number: usize,
    /// `[1, H]`.
    p_rel: Tensor,
}

/// Which part of `kqv_lin`.
#[derive(Clone, Copy)]
enum Part {
    Key,
    Query,
    Value,
}

impl HgtConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &HgtConvConfig, vb: VarBuilder) -> Result<Self> {
        let (c, o) = (config.clone(), config.out_channels);
        let d = head_channels(LAYER, o, c.heads)?;
        let channels = c.in_channels.resolve(LAYER, &c.metadata)?;
        let of_nodes = |(name, i): &(String, usize)| -> Result<_> {
            let of = OfNodes {
                kqv: Linear::new(*i, 3 * o, true, vb.pp("kqv_lin").pp("lins").pp(name))?,
                out: Linear::new(o, o, true, vb.pp("out_lin").pp("lins").pp(name))?,
                skip: vb.pp("skip").get_with_hints(1, name, init::ONES)?,
            };
            Ok((name.clone(), of))
        };
        let of_edges = |(number, edge_type): (usize, &EdgeType)| -> Result<_> {
            let p_rel = vb.pp("p_rel").get_with_hints((1, c.heads), &edge_type.to_string(), init::ONES)?;
            Ok((edge_type.clone(), OfEdges { number, p_rel }))
        };
        let rel = |name| {
            let shape = (c.heads * c.metadata.edge_types.len(), d, d);
            vb.pp(name).get_with_hints(shape, "weight", init::fan_in_uniform(d))
        };
        Ok(Self {
            head_channels: d,
            nodes: channels.iter().map(of_nodes).collect::<Result<_>>()?,
            channels: channels.into_iter().collect(),
            edges: c.metadata.edge_types.iter().enumerate().map(of_edges).collect::<Result<_>>()?,
            k_rel: rel("k_rel")?,
            v_rel: rel("v_rel")?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &HgtConvConfig {
        &self.config
    }

    /// The new features of every type of nodes that a type of edges of the metadata ends in.
    ///
    /// # Errors
    /// If a shape does not fit, features of a type are missing, or the graph has a type that is not in the metadata.
    pub fn forward(&self, x: &NodeTensors, graph: &HeteroGraph) -> Result<NodeTensors> {
        check_edges(LAYER, graph, &self.config.metadata)?;
        let x = check_nodes(LAYER, x, graph, |name| self.channels.get(name).copied())?;
        let ends_here = |name: &str| {
            self.config.metadata.edge_types.iter().any(|edge_type| edge_type.destination == name)
        };
        let mut out = NodeTensors::new();
        for (&name, &own) in x.iter().filter(|(name, _)| ends_here(name)) {
            let Some(of_nodes) = self.nodes.get(name) else { continue };
            let messages = self.messages(name, own, &x, graph)?;
            let new = of_nodes.out.forward(&Activation::Gelu.forward(&messages)?)?;
            let new = if new.dims() == own.dims() {
                let gate = ops::sigmoid(&of_nodes.skip)?;
                (own + (new - own)?.broadcast_mul(&gate)?)?
            } else {
                new
            };
            out.insert(name.to_string(), new);
        }
        Ok(out)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &NodeTensors, graph: &HeteroGraph, _mode: Mode) -> Result<NodeTensors> {
        self.forward(x, graph)
    }

    /// m of the nodes of a type, `[N, O]`.
    fn messages(
        &self,
        name: &str,
        own: &Tensor,
        x: &BTreeMap<&str, &Tensor>,
        graph: &HeteroGraph,
    ) -> Result<Tensor> {
        let (types, edges) = graph.in_edges(name)?;
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for edge_type in types {
            let source = edge_type.source.as_str();
            let (Some(of_edges), Some(of_source), Some(x)) =
                (self.edges.get(edge_type), self.nodes.get(source), x.get(source))
            else {
                continue; // checked above
            };
            // Candle does not put nothing beside something.
            if x.dim(0)? > 0 {
                let (weight, bias) = self.map(&of_source.kqv, Part::Key, Some(of_edges))?;
                keys.push(ops::linear(x, &weight, bias.as_ref())?);
                let (weight, bias) = self.map(&of_source.kqv, Part::Value, Some(of_edges))?;
                values.push(ops::linear(x, &weight, bias.as_ref())?);
            }
        }
        let Some(of_nodes) = self.nodes.get(name).filter(|_| !keys.is_empty()) else {
            return Ok(Tensor::zeros((own.dim(0)?, self.config.out_channels), own.dtype(), own.device())?);
        };
        let (weight, bias) = self.map(&of_nodes.kqv, Part::Query, None)?;
        let query = ops::linear(own, &weight, bias.as_ref())?;
        let beside = |parts: Vec<Tensor>| match &parts[..] {
            [one] => Ok(one.clone()),
            _ => Tensor::cat(&parts, 0),
        };
        let (key, value) = (beside(keys)?, beside(values)?);
        let heads = self.config.heads;
        Ok(ops::dot_product_attention(&query, &key, &value, None, heads, edges, Extras::default())?)
    }

    /// The weight `[O, I]` and the bias `[O]` of a part of `kqv_lin`, with the matrices of the type of edges after it.
    fn map(&self, kqv: &Linear, part: Part, of_edges: Option<&OfEdges>) -> Result<(Tensor, Option<Tensor>)> {
        let (h, d, o) = (self.config.heads, self.head_channels, self.config.out_channels);
        let weight = kqv.weight().narrow(0, part as usize * o, o)?.contiguous()?;
        let bias = kqv.bias().map(|b| b.narrow(0, part as usize * o, o)?.contiguous()).transpose()?;
        let Some(of_edges) = of_edges else { return Ok((weight, bias)) };
        let matrices = if matches!(part, Part::Key) { &self.k_rel } else { &self.v_rel };
        let matrices =
            matrices.reshape((h, self.edges.len(), d, d))?.narrow(1, of_edges.number, 1)?.squeeze(1)?;
        let mut matrices = matrices.transpose(1, 2)?.contiguous()?;
        if matches!(part, Part::Key) {
            matrices = matrices.broadcast_mul(&of_edges.p_rel.reshape((h, 1, 1))?)?;
        }
        let inputs = weight.dim(1)?;
        let weight = matrices.matmul(&weight.reshape((h, d, inputs))?)?.reshape((o, inputs))?;
        let bias = bias.map(|b| matrices.matmul(&b.reshape((h, d, 1))?)?.reshape(o)).transpose()?;
        Ok((weight, bias))
    }
}
