//! What the attention layers share: the attention they return, their edges, their heads, their output.

use std::sync::OnceLock;

use candle_core::{DType, Tensor};
use candle_geometric_graph::{EdgeIndex, FillValue, transforms};
use candle_geometric_ops as ops;
use candle_nn::{Init, VarBuilder};

use crate::{Error, Linear, Nodes, Result, init};

/// The weights that a layer gave to its edges.
#[derive(Debug, Clone)]
pub struct Attention {
    /// The edges that the weights belong to: where the layer adds self-loops, the caller's edges without
    /// self-loops in their order, then one self-loop per node.
    pub edges: EdgeIndex,
    /// α `[E', H]`. Over the in-edges of a node, the weights of each head sum to 1, where the layer has a softmax.
    pub alpha: Tensor,
}

/// The arguments of an attention layer that concern its edges.
#[derive(Debug, Clone)]
pub(crate) struct Edges {
    pub layer: &'static str,
    pub edge_dim: Option<usize>,
    pub add_self_loops: bool,
    pub fill_value: FillValue,
}

impl Edges {
    /// The edges and edge features that the layer works on: with self-loops, if it adds them. Edge features are
    /// never ignored and never missing.
    pub(crate) fn prepare(
        &self,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
    ) -> Result<(EdgeIndex, Option<Tensor>)> {
        let edge_attr = check_edge_attr(self.layer, self.edge_dim, edges, edge_attr)?;
        if !self.add_self_loops {
            return Ok((edges.clone(), edge_attr));
        }
        let looped = transforms::with_self_loops(edges)?;
        let filled = edge_attr.map(|a| ops::self_loop_attr(&a, &looped, self.fill_value)).transpose()?;
        Ok((looped.edges.clone(), filled))
    }
}

/// Edge features as `[E, D]`, which a layer with an `edge_dim` must have and one without must not.
pub(crate) fn check_edge_attr(
    layer: &'static str,
    edge_dim: Option<usize>,
    edges: &EdgeIndex,
    edge_attr: Option<&Tensor>,
) -> Result<Option<Tensor>> {
    check_edge_features(layer, "edge_dim", edge_dim, edges, edge_attr)
}

/// As [`check_edge_attr`], for a layer with another name for its `edge_dim`.
pub(crate) fn check_edge_features(
    layer: &'static str,
    argument: &str,
    edge_dim: Option<usize>,
    edges: &EdgeIndex,
    edge_attr: Option<&Tensor>,
) -> Result<Option<Tensor>> {
    match (edge_dim, edge_attr) {
        (None, None) => Ok(None),
        (Some(d), Some(a)) => Ok(Some(edge_features(layer, argument, d, edges, a)?)),
        (Some(d), None) => Err(wrong_edge_features(layer, argument, d, edges, "none")),
        (None, Some(a)) => Err(Error::argument(
            layer,
            "edge_attr",
            format!("none, because the layer has no {argument} (set it to use edge features)"),
            format!("{:?}", a.dims()),
        )),
    }
}

/// Edge features as `[E, D]`, for a layer that always has some: `argument` is what it calls D.
pub(crate) fn edge_features(
    layer: &'static str,
    argument: &str,
    edge_dim: usize,
    edges: &EdgeIndex,
    edge_attr: &Tensor,
) -> Result<Tensor> {
    let e = edges.num_edges();
    match edge_attr.dims() {
        dims if dims == [e, edge_dim] => Ok(edge_attr.clone()),
        dims if dims == [e] && edge_dim == 1 => Ok(edge_attr.unsqueeze(1)?),
        dims => Err(wrong_edge_features(layer, argument, edge_dim, edges, format!("{dims:?}"))),
    }
}

fn wrong_edge_features(
    layer: &'static str,
    argument: &str,
    edge_dim: usize,
    edges: &EdgeIndex,
    actual: impl Into<String>,
) -> Error {
    let expected =
        format!("[{}, {edge_dim}], because the layer has {argument} = {edge_dim}", edges.num_edges());
    Error::argument(layer, "edge_attr", expected, actual)
}

/// An attention vector per head, `[1, H, C]`.
#[derive(Debug, Clone)]
pub(crate) struct HeadVectors {
    vectors: Tensor,
    /// `[H, H·C]`, 1 where the column belongs to the head of the row. Made on first use: a layer may be built for
    /// the names and shapes of its parameters alone, before anything is known to fit.
    blocks: OnceLock<Tensor>,
}

/// The most elements that [`HeadVectors`] may spread its vectors over: 1024 heads of 64 channels.
const MOST_BLOCKS: usize = 1 << 26;

impl HeadVectors {
    pub(crate) fn new(
        layer: &'static str,
        (heads, channels): (usize, usize),
        name: &str,
        vb: &VarBuilder,
    ) -> Result<Self> {
        Self::with_init(layer, (heads, channels), name, init::glorot_uniform(&[heads, channels]), vb)
    }

    /// As [`new`](Self::new), where the vectors start otherwise.
    pub(crate) fn with_init(
        layer: &'static str,
        (heads, channels): (usize, usize),
        name: &str,
        start: Init,
        vb: &VarBuilder,
    ) -> Result<Self> {
        check_blocks(layer, (heads, channels))?;
        Ok(vb.get_with_hints((1, heads, channels), name, start)?.into())
    }

    fn blocks(&self) -> Result<&Tensor> {
        if let Some(blocks) = self.blocks.get() {
            return Ok(blocks);
        }
        let (_, heads, channels) = self.vectors.dims3()?;
        let blocks = Tensor::eye(heads, DType::F32, self.vectors.device())?
            .reshape((heads, heads, 1))?
            .broadcast_as((heads, heads, channels))?
            .reshape((heads, heads * channels))?
            .to_dtype(self.vectors.dtype())?;
        Ok(self.blocks.get_or_init(|| blocks))
    }

    /// The weights `[H, H·C]` of the linear map from `[N, H·C]` to ⟨att_h, x_h⟩, `[N, H]`: one product of matrices
    /// instead of a product, a sum and their copies of the size of x.
    pub(crate) fn as_weight(&self) -> Result<Tensor> {
        let blocks = self.blocks()?;
        Ok(blocks.broadcast_mul(&self.vectors.reshape((1, blocks.dim(1)?))?)?)
    }

    /// `[H, C]`.
    pub(crate) fn vectors(&self) -> Result<Tensor> {
        Ok(self.vectors.squeeze(0)?)
    }

    /// ⟨att_h, (W x + b)_h⟩ for every row and head: `[N, D] → [N, H]`, for a map from D to H·C numbers that is not applied.
    pub(crate) fn scores_of(&self, lin: &Linear, x: &Tensor) -> Result<Tensor> {
        let weight = self.as_weight()?;
        let bias = lin.bias().map(|b| weight.matmul(&b.unsqueeze(1)?)?.squeeze(1)).transpose()?;
        Ok(ops::linear(x, &weight.matmul(lin.weight())?, bias.as_ref())?)
    }

    /// ⟨att_h, x_h⟩ for every row and head: `[N, H·C] → [N, H]`.
    pub(crate) fn scores(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(x, &self.as_weight()?, None)?)
    }
}

impl From<Tensor> for HeadVectors {
    /// Of vectors `[1, H, C]` for which [`check_blocks`] has been asked.
    fn from(vectors: Tensor) -> Self {
        Self { vectors, blocks: OnceLock::new() }
    }
}

/// That vectors of so many heads and channels can be [`HeadVectors`].
pub(crate) fn check_blocks(layer: &'static str, (heads, channels): (usize, usize)) -> Result<()> {
    let elements = heads.checked_mul(heads).and_then(|n| n.checked_mul(channels));
    if elements.is_none_or(|n| n > MOST_BLOCKS) {
        let expected = format!("heads² · out_channels of at most {MOST_BLOCKS}");
        return Err(Error::argument(layer, "heads", expected, format!("{heads}² · {channels}")));
    }
    Ok(())
}

/// The end of an attention layer: heads concatenated or averaged, residual, bias.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    layer: &'static str,
    heads: usize,
    concat: bool,
    res: Option<Linear>,
    bias: Option<Tensor>,
}

impl Output {
    pub(crate) fn new(
        layer: &'static str,
        (heads, out_channels, concat): (usize, usize, bool),
        residual_from: Option<usize>,
        bias: bool,
        vb: &VarBuilder,
    ) -> Result<Self> {
        let channels = if concat { heads * out_channels } else { out_channels };
        Ok(Self {
            layer,
            heads,
            concat,
            res: residual_from.map(|i| Linear::glorot(i, channels, false, vb.pp("res"))).transpose()?,
            bias: bias.then(|| vb.get_with_hints(channels, "bias", init::ZEROS)).transpose()?,
        })
    }

    /// The bias, where an attention may add it itself: not before heads are averaged.
    pub(crate) fn early_bias(&self) -> Option<&Tensor> {
        self.bias.as_ref().filter(|_| self.concat)
    }

    /// As [`finish`](Self::finish), where the [`early_bias`](Self::early_bias) has been added already.
    pub(crate) fn finish_biased(&self, out: Tensor, x_dst: Option<&Tensor>) -> Result<Tensor> {
        let out = if self.concat { out } else { ops::mean_heads(&out, self.heads, self.bias.as_ref())? };
        self.add_residual(out, x_dst)
    }

    /// `[N_dst, H·C] → [N_dst, H·C]`, or `[N_dst, C]` where heads are averaged.
    pub(crate) fn finish(&self, out: Tensor, x_dst: Option<&Tensor>) -> Result<Tensor> {
        let out = match self.early_bias() {
            Some(bias) => ops::bias_add(&out, bias)?,
            None => out,
        };
        self.finish_biased(out, x_dst)
    }

    fn add_residual(&self, out: Tensor, x_dst: Option<&Tensor>) -> Result<Tensor> {
        let Some(res) = &self.res else { return Ok(out) };
        let Some(x) = x_dst else {
            let expected = "features of the destinations, because the layer has residual = true";
            return Err(Error::argument(self.layer, "x_dst", expected, "none"));
        };
        Ok((out + res.forward(x)?)?)
    }
}

/// Features of the destinations, for a layer that has nothing without them.
pub(crate) fn destinations<'a>(layer: &'static str, x: Nodes<'a>) -> Result<&'a Tensor> {
    x.destination().ok_or_else(|| {
        let expected = "features of the destinations, which this layer needs";
        Error::argument(layer, "x_dst", expected, "none")
    })
}

/// Checks the numbers that all attention layers have.
pub(crate) fn check_numbers(
    layer: &'static str,
    heads: usize,
    out_channels: usize,
    dropout: f64,
) -> Result<()> {
    for (argument, value) in [("heads", heads), ("out_channels", out_channels)] {
        if value == 0 {
            return Err(Error::argument(layer, argument, "at least 1", "0"));
        }
    }
    if heads.checked_mul(out_channels).is_none() {
        let actual = format!("{heads} · {out_channels}");
        return Err(Error::argument(layer, "heads", "heads · out_channels that fits a machine word", actual));
    }
    if !(0.0..=1.0).contains(&dropout) {
        return Err(Error::argument(layer, "dropout", "a probability in [0, 1]", dropout.to_string()));
    }
    Ok(())
}

/// Checks the slope of a leaky ReLU.
pub(crate) fn check_slope(layer: &'static str, negative_slope: f64) -> Result<()> {
    if negative_slope.is_finite() {
        return Ok(());
    }
    Err(Error::argument(layer, "negative_slope", "a finite number", negative_slope.to_string()))
}

/// The edges, with one self-loop per node where the layer adds them.
pub(super) fn looped(edges: &EdgeIndex, add_self_loops: bool) -> Result<EdgeIndex> {
    match add_self_loops {
        true => Ok(transforms::with_self_loops(edges)?.edges.clone()),
        false => Ok(edges.clone()),
    }
}
