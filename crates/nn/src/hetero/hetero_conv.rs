use std::collections::BTreeMap;

use candle_core::Tensor;
use candle_geometric_graph::{EdgeType, HeteroGraph};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::{MessagePassing, NodeTensors};
use crate::{Error, Mode, Nodes, Result};

const LAYER: &str = "HeteroConv";

/// What is made of the results of several types of edges that end in one type of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeteroAggr {
    /// Their sum.
    #[default]
    Sum,
    /// Their mean.
    Mean,
    /// The smallest, element by element.
    Min,
    /// The largest, element by element.
    Max,
    /// All, side by side.
    Cat,
    /// All, one below the other, `[N, types, O]`: PyTorch Geometric's `aggr = None`.
    Stack,
}

/// A layer of its own for every type of edges.
///
/// > x'_i = aggr { conv_φ(x)_i : φ a type of edges that ends in the type of i }
///
/// Layers whose type of edges the graph does not have are left out, as in PyTorch Geometric. Shapes are those of the
/// layers; results are there for the types that edges end in. Parameters `convs.<s___r___d>.…`.
///
/// ```
/// use std::collections::BTreeMap;
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, HeteroGraph};
/// use candle_geometric_nn::conv::{SageConv, SageConvConfig};
/// use candle_geometric_nn::hetero::{HeteroAggr, HeteroConv};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let writes = EdgeIndex::bipartite(vec![0, 1, 2], vec![0, 0, 1], 3, 2)?;
/// let cites = EdgeIndex::new(vec![0], vec![1], 2)?;
/// let graph = HeteroGraph::new(
///     [("author", 3), ("paper", 2)],
///     [(("author", "writes", "paper"), writes), (("paper", "cites", "paper"), cites)],
/// )?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let types = graph.edges().map(|(edge_type, _)| edge_type.clone());
/// let conv = HeteroConv::build(types, HeteroAggr::Sum, vb, |edge_type, vb| {
///     let sources = if edge_type.source == "author" { 5 } else { 7 };
///     Ok(Box::new(SageConv::new(&SageConvConfig::new((sources, 7), 4), vb)?))
/// })?;
/// let features = |n, c| Tensor::ones((n, c), DType::F32, &Device::Cpu);
/// let x = [("author".to_string(), features(3, 5)?), ("paper".to_string(), features(2, 7)?)].into();
/// let out = conv.forward(&x, &graph, &BTreeMap::new(), Mode::Eval)?;
/// assert_eq!(out["paper"].dims(), [2, 4]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct HeteroConv {
    convs: Vec<(EdgeType, Box<dyn MessagePassing>)>,
    aggr: HeteroAggr,
}

impl HeteroConv {
    /// A layer of the layers of types of edges.
    ///
    /// # Errors
    /// If a type stands twice, or a layer between two types of nodes adds self-loops.
    pub fn new(convs: Vec<(EdgeType, Box<dyn MessagePassing>)>, aggr: HeteroAggr) -> Result<Self> {
        for (k, (edge_type, conv)) in convs.iter().enumerate() {
            if convs[..k].iter().any(|(other, _)| other == edge_type) {
                return Err(Error::argument(LAYER, "convs", "every type once", format!("{edge_type} twice")));
            }
            if edge_type.source != edge_type.destination && conv.adds_self_loops() {
                let expected = "add_self_loops = false between two types of nodes";
                return Err(Error::argument(LAYER, "convs", expected, format!("true for {edge_type}")));
            }
        }
        Ok(Self { convs, aggr })
    }

    /// As [`new`](Self::new), where `make` makes the layer of each type, with the parameters that its builder gives.
    ///
    /// # Errors
    /// As [`new`](Self::new), and those of `make`.
    pub fn build(
        types: impl IntoIterator<Item = EdgeType>,
        aggr: HeteroAggr,
        vb: VarBuilder,
        mut make: impl FnMut(&EdgeType, VarBuilder) -> Result<Box<dyn MessagePassing>>,
    ) -> Result<Self> {
        let each = types.into_iter().map(|edge_type| {
            // The name that PyTorch Geometric gives to a triple, in which a dot would be a level.
            let EdgeType { source, relation, destination } = &edge_type;
            let name = format!("<{source}___{relation}___{destination}>").replace('.', "#");
            let conv = make(&edge_type, vb.pp("convs").pp(name))?;
            Ok((edge_type, conv))
        });
        Self::new(each.collect::<Result<_>>()?, aggr)
    }

    /// As [`build`](Self::build), under the names that PyTorch Geometric's `to_hetero` gives to the copies of a layer of a
    /// model: `source__relation__destination.…`, with `_` for blanks, `-` and `:`. What comes between layers, `to_hetero`
    /// applies type by type.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn to_hetero(
        types: impl IntoIterator<Item = EdgeType>,
        aggr: HeteroAggr,
        vb: VarBuilder,
        mut make: impl FnMut(&EdgeType, VarBuilder) -> Result<Box<dyn MessagePassing>>,
    ) -> Result<Self> {
        let each = types.into_iter().map(|edge_type| {
            let name = edge_type.to_string().replace([' ', '-', ':'], "_");
            let conv = make(&edge_type, vb.pp(name))?;
            Ok((edge_type, conv))
        });
        Self::new(each.collect::<Result<_>>()?, aggr)
    }

    /// The new features of every type of nodes that edges end in; `edge_attr` by type of edges, where layers take it.
    ///
    /// # Errors
    /// If features of the sources of a layer are missing, there are edge features for a type of edges that has no layer, or
    /// those of the layers.
    pub fn forward(
        &self,
        x: &NodeTensors,
        graph: &HeteroGraph,
        edge_attr: &BTreeMap<EdgeType, Tensor>,
        mode: Mode,
    ) -> Result<NodeTensors> {
        let known = |edge_type: &EdgeType| self.convs.iter().any(|(other, _)| other == edge_type);
        if let Some(edge_type) = edge_attr.keys().find(|edge_type| !known(edge_type)) {
            let expected = "features of edges that have a layer";
            return Err(Error::argument(LAYER, "edge_attr_dict", expected, edge_type.to_string()));
        }
        let mut of_types = BTreeMap::<&str, Vec<Tensor>>::new();
        for (edge_type, conv) in &self.convs {
            let Some(edges) = graph.edges_of(edge_type) else { continue };
            let Some(source) = x.get(&edge_type.source) else {
                let expected = format!("features of {}", edge_type.source);
                return Err(Error::argument(LAYER, "x_dict", expected, "none"));
            };
            let nodes = if edge_type.source == edge_type.destination {
                Nodes::One(source)
            } else {
                Nodes::Pair(source, x.get(&edge_type.destination))
            };
            let out = conv.pass(nodes, edges, edge_attr.get(edge_type), mode)?;
            of_types.entry(&edge_type.destination).or_default().push(out);
        }
        let each = of_types.into_iter();
        each.map(|(name, all)| Ok((name.to_string(), group(&all, self.aggr)?))).collect()
    }
}

/// What `aggr` makes of at least one tensor.
fn group(all: &[Tensor], aggr: HeteroAggr) -> Result<Tensor> {
    if aggr == HeteroAggr::Stack {
        return Ok(Tensor::stack(all, 1)?);
    }
    let (first, rest) = match all {
        [one] => return Ok(one.clone()),
        _ if aggr == HeteroAggr::Cat => return Ok(Tensor::cat(all, 1)?),
        _ => (all[0].clone(), &all[1..]),
    };
    if let Some(other) = rest.iter().find(|other| other.dims() != first.dims()) {
        let expected =
            format!("layers that give {:?}, as the first of this type of nodes does", first.dims());
        return Err(Error::argument(LAYER, "convs", expected, format!("{:?}", other.dims())));
    }
    let out = rest.iter().try_fold(first, |out, next| match aggr {
        // Of equal ones the first gets the gradient, as in PyTorch.
        HeteroAggr::Min => out.le(next)?.where_cond(&out, next),
        HeteroAggr::Max => out.ge(next)?.where_cond(&out, next),
        _ => out + next,
    })?;
    Ok(if aggr == HeteroAggr::Mean { (out / all.len() as f64)? } else { out })
}
