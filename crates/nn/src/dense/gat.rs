use candle_core::{D, DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::config;
use crate::conv::attention::{HeadVectors, Output, check_numbers, check_slope};
use crate::{Error, Linear, Mode, Result};

const LAYER: &str = "DenseGatConv";

/// The arguments of [`DenseGatConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseGatConvConfig {
    /// I.
    pub in_channels: usize,
    /// C, the channels of each head.
    pub out_channels: usize,
    /// H, the number of heads. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// Whether heads are concatenated (H·C outputs) or averaged (C outputs). Default true.
    #[serde(default = "config::yes")]
    pub concat: bool,
    /// The slope of the leaky ReLU on the scores. Default 0.2.
    #[serde(default = "config::slope")]
    pub negative_slope: f64,
    /// The probability with which a weight α is dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl DenseGatConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            heads: 1,
            concat: true,
            negative_slope: config::slope(),
            dropout: 0.0,
            bias: true,
        }
    }
}

/// [`GatConv`](crate::conv::GatConv) on dense adjacency matrices: a batch of B graphs of N nodes each (Veličković et al.,
/// *Graph Attention Networks*, ICLR 2018).
///
/// Node i attends to every j with `adj[b, i, j] ≠ 0`; how large an entry is does not matter, and no gradient goes to
/// `adj`. The adjacency is read once per call, on the host, and its edges are what the layer works on: nothing of size B·N·N·H is
/// made. Where a graph stays the same from call to call, make its [`EdgeIndex`] once and use `GatConv`. A node without neighbours
/// gets the bias alone (PyTorch Geometric gives NaN).
///
/// Shapes: x `[B, N, I]` (or `[N, I]`, which is a batch of one), adj `[B, N, N]`, or `[1, N, N]` or `[N, N]` where all
/// graphs have the same; mask `[B, N]`, 0 at the nodes that only fill up a graph, whose results become 0; result
/// `[B, N, H·C]`, or `[B, N, C]` where heads are averaged.
///
/// Parameters, as in PyTorch Geometric: `lin.weight` `[H·C, I]`, `att_src`, `att_dst` `[1, 1, H, C]`, `bias`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{SeededVarMap, dense::{DenseGatConv, DenseGatConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let x = Tensor::ones((2, 4, 5), DType::F32, &Device::Cpu)?;
/// let adj = Tensor::ones((2, 4, 4), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = DenseGatConv::new(&DenseGatConvConfig::new(5, 3), vb)?;
/// assert_eq!(conv.forward(&x, &adj)?.dims(), [2, 4, 3]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct DenseGatConv {
    config: DenseGatConvConfig,
    lin: Linear,
    att_src: HeadVectors,
    att_dst: HeadVectors,
    output: Output,
}

impl DenseGatConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &DenseGatConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        check_numbers(LAYER, c.heads, c.out_channels, c.dropout)?;
        check_slope(LAYER, c.negative_slope)?;
        let shape = [1, 1, c.heads, c.out_channels];
        let vectors = |name| -> Result<HeadVectors> {
            Ok(vb.get_with_hints(&shape, name, crate::init::glorot_uniform(&shape))?.squeeze(0)?.into())
        };
        Ok(Self {
            lin: Linear::glorot(c.in_channels, c.heads * c.out_channels, false, vb.pp("lin"))?,
            att_src: vectors("att_src")?,
            att_dst: vectors("att_dst")?,
            output: Output::new(LAYER, (c.heads, c.out_channels, c.concat), None, c.bias, &vb)?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &DenseGatConvConfig {
        &self.config
    }

    /// The new features of the nodes, in inference, with self-loops and without a mask.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward(&self, x: &Tensor, adj: &Tensor) -> Result<Tensor> {
        self.forward_t(x, adj, None, true, Mode::Eval)
    }

    /// The new features of the nodes. With `add_loop` every node attends to itself as well.
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward_t(
        &self,
        x: &Tensor,
        adj: &Tensor,
        mask: Option<&Tensor>,
        add_loop: bool,
        mode: Mode,
    ) -> Result<Tensor> {
        let i = self.config.in_channels;
        let wrong = |argument, expected: String, t: &Tensor| {
            Err(Error::argument(LAYER, argument, expected, format!("{:?}", t.dims())))
        };
        let (b, n) = match *x.dims() {
            [n, columns] if columns == i => (1, n),
            [b, n, columns] if columns == i => (b, n),
            _ => return wrong("x", format!("[B, N, {i}] (or [N, {i}])"), x),
        };
        if !matches!(*adj.dims(), [r, c] if (r, c) == (n, n))
            && !matches!(*adj.dims(), [k, r, c] if (k == b || k == 1) && (r, c) == (n, n))
        {
            return wrong("adj", format!("[{b}, {n}, {n}], [1, {n}, {n}] or [{n}, {n}]"), adj);
        }
        if let Some(mask) = mask.filter(|m| m.elem_count() != b * n) {
            return wrong("mask", format!("[{b}, {n}]"), mask);
        }
        let edges = edges(adj, (b, n), add_loop)?;
        let h = ops::project(&x.reshape((b * n, i))?, self.lin.weight(), None)?;
        let scoring = ops::Scoring {
            att_src: &self.att_src.vectors()?,
            att_dst: &self.att_dst.vectors()?,
            edge_scores: None,
            negative_slope: self.config.negative_slope,
        };
        let dropout = mode.dropout(self.config.dropout);
        let out = ops::layer_attention(&h, scoring, self.output.early_bias(), &edges, dropout)?;
        let mut out = self.output.finish_biased(out, None)?;
        if let Some(mask) = mask {
            out = out.broadcast_mul(&mask.reshape((b * n, 1))?.to_dtype(out.dtype())?)?;
        }
        let columns = out.dim(D::Minus1)?;
        Ok(out.reshape((b, n, columns))?)
    }
}

/// The graphs side by side: an edge from j to i wherever `adj[b, i, j]` is not 0.
fn edges(adj: &Tensor, (b, n): (usize, usize), add_loop: bool) -> Result<EdgeIndex> {
    let present = adj.ne(0.0)?.to_dtype(DType::U8)?.flatten_all()?.to_vec1::<u8>()?;
    if u32::try_from(b * n).is_err() {
        return Err(Error::argument(LAYER, "x", "fewer than 2³² nodes", format!("[{b}, {n}, _]")));
    }
    let shared = present.len() != b * n * n;
    let mut pairs = Vec::new();
    for (graph, i) in (0..b).flat_map(|graph| (0..n).map(move |i| (graph, i))) {
        let first = if shared { i } else { graph * n + i } * n;
        let row = present.get(first..first + n).unwrap_or_default();
        let neighbours = row.iter().enumerate().filter(|&(j, &a)| a != 0 || add_loop && i == j);
        pairs.extend(neighbours.map(|(j, _)| ((graph * n + j) as u32, (graph * n + i) as u32)));
    }
    Ok(EdgeIndex::from_pairs(pairs, b * n)?)
}
