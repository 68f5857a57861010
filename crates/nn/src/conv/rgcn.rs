use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, Relations};
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::neighbours::aggregate;
use super::relation_weights::{RelationWeights, check_relations};
use super::weights;
use crate::aggr::{Aggr, AggrKwargs, Aggregation, Aggrs};
use crate::config::{self, Channels};
use crate::{Error, Mode, Nodes, Result, init};

const LAYER: &str = "RgcnConv";

/// The arguments of [`RgcnConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RgcnConvConfig {
    /// I: one number, or a pair for a bipartite graph. Of nodes without features, their number.
    pub in_channels: Channels,
    /// O.
    pub out_channels: usize,
    /// R, the number of relations.
    pub num_relations: usize,
    /// The number of matrices of which those of the relations are sums; none if each has its own. Default none.
    #[serde(default)]
    pub num_bases: Option<usize>,
    /// The number of blocks along the diagonal of each matrix; none if matrices are full. Default none.
    #[serde(default)]
    pub num_blocks: Option<usize>,
    /// How the neighbours of one relation are aggregated; relations are summed. Default mean.
    #[serde(default)]
    pub aggr: Aggrs,
    /// Arguments of the aggregation. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggr_kwargs: Option<AggrKwargs>,
    /// Whether the features of the node itself are added, by a linear map of their own. Default true.
    #[serde(default = "config::yes")]
    pub root_weight: bool,
    /// Taken and without effect: edges need no order. Default false.
    #[serde(default)]
    pub is_sorted: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl RgcnConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize, num_relations: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            num_relations,
            num_bases: None,
            num_blocks: None,
            aggr: Aggr::Mean.into(),
            aggr_kwargs: None,
            root_weight: true,
            is_sorted: false,
            bias: true,
        }
    }
}

/// Relational graph convolution (Schlichtkrull, Kipf, Bloem, van den Berg, Titov, Welling, *Modeling Relational Data with
/// Graph Convolutional Networks*, ESWC 2018, eqs. 2 to 4).
///
/// > x'_i = Σ_r aggr { x_j : j → i by r } W_r + x_i W_root + b
///
/// with W_r = Σ_b c_rb V_b where there are bases, or W_r of blocks along the diagonal. All relations are one product
/// with the graph and one of matrices; nothing has a row per edge where the aggregation is a sum or a mean.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`; result `[N_dst, O]`. Parameters `weight`
/// `[R, I, O]`, or `weight` `[B, I, O]` and `comp` `[R, B]` for B bases, or `weight` `[R, B, I/B, O/B]` for B blocks; `root`
/// `[I_dst, O]`, `bias` `[O]`, `aggr_module.…` (where an aggregation learns).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, Relations};
/// use candle_geometric_nn::{SeededVarMap, conv::{RgcnConv, RgcnConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 1, 0], 3)?;
/// let relations = Relations::new(&edges, &[0, 1, 1], 2)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = RgcnConv::new(&RgcnConvConfig::new(5, 4, 2), vb)?;
/// assert_eq!(conv.forward(&x, &relations)?.dims(), [3, 4]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RgcnConv {
    config: RgcnConvConfig,
    weights: RelationWeights,
    root: Option<Tensor>,
    bias: Option<Tensor>,
    aggregation: Aggregation,
}

impl RgcnConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If there are both bases and blocks, blocks do not divide the channels, an argument of the aggregation is not known,
    /// or `vb` has no such parameters.
    pub fn new(config: &RgcnConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let (src, dst, o) = (c.in_channels.source(), c.in_channels.destination(), c.out_channels);
        let kwargs = c.aggr_kwargs.clone().unwrap_or_default();
        let root = || vb.get_with_hints((dst, o), "root", init::glorot_uniform(&[dst, o]));
        Ok(Self {
            weights: RelationWeights::new(
                LAYER,
                [c.num_relations, src, o],
                (c.num_bases, c.num_blocks),
                ["weight", "comp"],
                &vb,
            )?,
            root: c.root_weight.then(root).transpose()?,
            bias: c.bias.then(|| vb.get_with_hints(o, "bias", init::ZEROS)).transpose()?,
            aggregation: Aggregation::resolve_one(LAYER, &c.aggr, &kwargs, vb.pp("aggr_module"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &RgcnConvConfig {
        &self.config
    }

    /// The new features of the destinations. Those of a pair need features where the layer has a `root_weight`.
    ///
    /// # Errors
    /// If a shape does not fit, or `relations` has another number of relations.
    pub fn forward<'a>(&self, x: impl Into<Nodes<'a>>, relations: &Relations) -> Result<Tensor> {
        let (x, channels) = (x.into(), self.config.in_channels);
        check_relations(LAYER, relations, self.config.num_relations)?;
        x.check(LAYER, relations.edges(), channels.source(), channels.destination())?;
        let by_relation = aggregate(&self.aggregation, x.source(), relations.to_pairs()?, None)?;
        let out = self.weights.sum_over_relations(&by_relation)?;
        let own = match (&self.root, x.destination()) {
            (None, _) => None,
            (Some(root), Some(x)) => Some(ops::linear(x, &root.t()?, None)?),
            (Some(_), None) => {
                let expected = "features of the destinations, because the layer has root_weight = true";
                return Err(Error::argument(LAYER, "x_dst", expected, "none"));
            }
        };
        self.finish(out, own)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        relations: &Relations,
        _mode: Mode,
    ) -> Result<Tensor> {
        self.forward(x, relations)
    }

    /// The new features of nodes that have none: node j stands for a vector that is 1 at `source[j]` and 0 elsewhere, so
    /// the weights are embeddings. `destination` likewise.
    ///
    /// # Errors
    /// If there is not one number for each node, a number is not below `in_channels`, the layer has blocks, or `relations`
    /// has another number of relations.
    pub fn forward_ids(&self, source: &[u32], destination: &[u32], relations: &Relations) -> Result<Tensor> {
        let edges = relations.edges();
        check_relations(LAYER, relations, self.config.num_relations)?;
        check_ids("x_src", source, edges.num_src(), self.config.in_channels.source())?;
        check_ids("x_dst", destination, edges.num_dst(), self.config.in_channels.destination())?;
        let renamed = edges.source().iter().map(|&j| source[j as usize]).collect();
        let to_rows = EdgeIndex::bipartite(
            renamed,
            edges.destination().to_vec(),
            self.config.in_channels.source(),
            edges.num_dst(),
        )?;
        let relations = Relations::new(&to_rows, relations.edge_type(), relations.num_relations())?;
        let own = self.root.as_ref().map(|root| ops::edge_select(root, destination)).transpose()?;
        self.finish(self.embedded(&relations)?, own)
    }

    /// As [`forward_ids`](Self::forward_ids), where every node has its own number: PyTorch Geometric's `x = None`. There are
    /// as many nodes as `in_channels`.
    ///
    /// # Errors
    /// As [`forward_ids`](Self::forward_ids).
    pub fn forward_all(&self, relations: &Relations) -> Result<Tensor> {
        check_relations(LAYER, relations, self.config.num_relations)?;
        let (edges, channels) = (relations.edges(), self.config.in_channels);
        let (nodes, rows) = ((edges.num_src(), edges.num_dst()), (channels.source(), channels.destination()));
        if nodes != rows {
            let expected = format!("{} and {} nodes, as in_channels", rows.0, rows.1);
            return Err(Error::argument(LAYER, "x", expected, format!("{} and {}", nodes.0, nodes.1)));
        }
        self.finish(self.embedded(relations)?, self.root.clone())
    }

    /// Σ_r aggr { row j of W_r : j → i by r } `[N_dst, O]`, where sources are rows of the weights.
    fn embedded(&self, relations: &Relations) -> Result<Tensor> {
        let rows = self.weights.rows_by_pair(LAYER)?;
        let (n, r, o) = (relations.edges().num_dst(), self.config.num_relations, self.config.out_channels);
        Ok(match &self.aggregation {
            Aggregation::Reduce(Reduce::Sum) => ops::spmm(relations.from_pairs()?, None, &rows)?,
            // The mean over one relation has a weight for each edge, and then all relations are one sum.
            Aggregation::Reduce(Reduce::Mean) => {
                let mean = weights::mean(relations.to_pairs()?, &rows)?;
                ops::spmm(relations.from_pairs()?, Some(&mean), &rows)?
            }
            other => aggregate(other, &rows, relations.between_pairs()?, None)?.reshape((n, r, o))?.sum(1)?,
        })
    }

    fn finish(&self, mut out: Tensor, own: Option<Tensor>) -> Result<Tensor> {
        if let Some(own) = own {
            out = (out + own)?;
        }
        match &self.bias {
            Some(bias) => Ok(ops::bias_add(&out, bias)?),
            None => Ok(out),
        }
    }
}

fn check_ids(argument: &'static str, ids: &[u32], nodes: usize, rows: usize) -> Result<()> {
    if ids.len() != nodes {
        return Err(Error::argument(LAYER, argument, format!("{nodes} numbers"), ids.len().to_string()));
    }
    match ids.iter().find(|&&id| id as usize >= rows) {
        None => Ok(()),
        Some(id) => Err(Error::argument(
            LAYER,
            argument,
            format!("numbers below in_channels = {rows}"),
            id.to_string(),
        )),
    }
}
