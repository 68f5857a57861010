use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::{destinations, looped};
use super::neighbours::edge_rows;
use crate::config::{self, Channels};
use crate::{Error, Linear, Mlp, MlpConfig, Mode, Nodes, Result};

const LAYER: &str = "PointTransformerConv";

/// The arguments of [`PointTransformerConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointTransformerConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// O.
    pub out_channels: usize,
    /// The network that maps the difference of two positions to O channels. Default a linear map of 3 coordinates.
    #[serde(default)]
    pub pos_nn: Option<MlpConfig>,
    /// The network that maps O channels to the scores of O channels. Default none.
    #[serde(default)]
    pub attn_nn: Option<MlpConfig>,
    /// Whether self-loops are removed and then added to every node. Default true.
    #[serde(default = "config::yes")]
    pub add_self_loops: bool,
}

impl PointTransformerConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: impl Into<Channels>, out_channels: usize) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            pos_nn: None,
            attn_nn: None,
            add_self_loops: true,
        }
    }
}

/// Attention among points in space, channel by channel (Zhao, Jiang, Jia, Torr, Koltun, *Point Transformer*, ICCV 2021,
/// eqs. 3 and 4).
///
/// > δ(e) = pos_nn(p_i − p_j) for the edge e from j to i
/// >
/// > α(e) = softmax of attn_nn(W_dst x_i − W_src x_j + δ(e)) over the in-edges of i, in every channel by itself
/// >
/// > x'_i = Σ α(e) ⊙ (W x_j + δ(e))
///
/// Shapes: x `[N, I]` and pos `[N, D]`, or x_src, x_dst and a pair of positions; result `[N_dst, O]`. Parameters, as in
/// PyTorch Geometric: `lin.weight`, `lin_src.weight` `[O, I_src]`, `lin_dst.weight` `[O, I_dst]`, `pos_nn.…` and `attn_nn.…`
/// as in [`Mlp`] (by default `pos_nn.weight` `[O, 3]` and `pos_nn.bias`).
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{PointTransformerConv, PointTransformerConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let pos = Tensor::new(&[[0f32, 0., 0.], [1., 0., 0.], [0., 2., 0.]], &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = PointTransformerConv::new(&PointTransformerConvConfig::new(5, 2), vb)?;
/// assert_eq!(conv.forward(&x, &pos, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PointTransformerConv {
    config: PointTransformerConvConfig,
    dimensions: usize,
    pos_nn: Mlp,
    attn_nn: Option<Mlp>,
    lin: Linear,
    lin_src: Linear,
    lin_dst: Linear,
}

impl PointTransformerConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If a network does not give O channels, or `vb` has no such parameters.
    pub fn new(config: &PointTransformerConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let (src, dst, o) = (c.in_channels.source(), c.in_channels.destination(), c.out_channels);
        let pos_nn = match &c.pos_nn {
            Some(network) => network.clone(),
            None => format!("Linear(3,{o})").parse()?,
        };
        let expects = |argument, network: &MlpConfig, expected: String| {
            Err(Error::argument(LAYER, argument, expected, network.to_string()))
        };
        // Activations alone leave the number of channels as it is.
        let (dimensions, given) = pos_nn.channels().unwrap_or((o, o));
        if given != o {
            return expects("pos_nn", &pos_nn, format!("a network that gives {o} channels"));
        }
        if let Some(network) = c.attn_nn.as_ref().filter(|n| n.channels().is_some_and(|io| io != (o, o))) {
            return expects("attn_nn", network, format!("a network from {o} to {o} channels"));
        }
        Ok(Self {
            dimensions,
            pos_nn: Mlp::new(&pos_nn, vb.pp("pos_nn"))?,
            attn_nn: c.attn_nn.as_ref().map(|n| Mlp::new(n, vb.pp("attn_nn"))).transpose()?,
            lin: Linear::new(src, o, false, vb.pp("lin"))?,
            lin_src: Linear::new(src, o, false, vb.pp("lin_src"))?,
            lin_dst: Linear::new(dst, o, false, vb.pp("lin_dst"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &PointTransformerConvConfig {
        &self.config
    }

    /// The new features of the destinations. `pos` are the positions of what `x` are the features of.
    ///
    /// # Errors
    /// If a shape does not fit, or the destinations have no features or no positions.
    pub fn forward<'a, 'p>(
        &self,
        x: impl Into<Nodes<'a>>,
        pos: impl Into<Nodes<'p>>,
        edges: &EdgeIndex,
    ) -> Result<Tensor> {
        let (x, pos) = (x.into(), pos.into());
        let channels = self.config.in_channels;
        x.check(LAYER, edges, channels.source(), channels.destination())?;
        let x_dst = destinations(LAYER, x)?;
        let (p_src, p_dst) = self.positions(pos, edges)?;
        let edges = looped(edges, self.config.add_self_loops)?;

        let offset = ops::edge_sum(&p_src.neg()?, Some(p_dst), None, &edges)?;
        let delta = self.pos_nn.forward(&offset)?;
        let (src, dst) = (self.lin_src.forward(x.source())?, self.lin_dst.forward(x_dst)?);
        let mut scores = ops::edge_sum(&src.neg()?, Some(&dst), Some(&delta), &edges)?;
        if let Some(network) = &self.attn_nn {
            scores = network.forward(&scores)?;
        }
        let alpha = ops::segment_softmax(&scores, &edges)?;
        // Every channel is a head of its own.
        let features = ops::spmm(&edges, Some(&alpha), &self.lin.forward(x.source())?)?;
        Ok((features + ops::spmm(&edge_rows(&edges)?, Some(&alpha), &delta)?)?)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a, 'p>(
        &self,
        x: impl Into<Nodes<'a>>,
        pos: impl Into<Nodes<'p>>,
        edges: &EdgeIndex,
        _mode: Mode,
    ) -> Result<Tensor> {
        self.forward(x, pos, edges)
    }

    /// The positions of sources and of destinations.
    fn positions<'p>(&self, pos: Nodes<'p>, edges: &EdgeIndex) -> Result<(&'p Tensor, &'p Tensor)> {
        let (source, destination) = match pos {
            Nodes::One(pos) => (("pos", pos), ("pos", pos)),
            Nodes::Pair(source, Some(destination)) => (("pos_src", source), ("pos_dst", destination)),
            Nodes::Pair(_, None) => {
                let expected = "positions of the destinations, which this layer needs";
                return Err(Error::argument(LAYER, "pos_dst", expected, "none"));
            }
        };
        for ((argument, pos), nodes) in [(source, edges.num_src()), (destination, edges.num_dst())] {
            if pos.dims() != [nodes, self.dimensions] {
                let expected = format!("[{nodes}, {}] ([nodes, what pos_nn takes])", self.dimensions);
                return Err(Error::argument(LAYER, argument, expected, format!("{:?}", pos.dims())));
            }
        }
        Ok((source.1, destination.1))
    }
}
