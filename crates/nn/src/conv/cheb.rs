use candle_core::Tensor;
use candle_geometric_graph::{EdgeIndex, FillValue, transforms};
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::gcn_norm::inverse_root;
use super::neighbours::{check_edge_weight, check_nodes};
use crate::config;
use crate::{Error, Linear, Mode, Result, init};

const LAYER: &str = "ChebConv";

/// How the Laplacian of a graph is normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaplacianNormalization {
    /// L = I − D^−½ A D^−½.
    Sym,
    /// L = I − D^−1 A.
    Rw,
}

/// The arguments of [`ChebConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChebConvConfig {
    /// I.
    pub in_channels: usize,
    /// O.
    pub out_channels: usize,
    /// K, the number of polynomials.
    #[serde(rename = "K")]
    pub k: usize,
    /// How the Laplacian is normalised; without, it is L = D − A. Default `sym`.
    #[serde(default = "sym")]
    pub normalization: Option<LaplacianNormalization>,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

#[allow(clippy::unnecessary_wraps)] // serde wants the type of the field
fn sym() -> Option<LaplacianNormalization> {
    Some(LaplacianNormalization::Sym)
}

impl ChebConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize, k: usize) -> Self {
        Self { in_channels, out_channels, k, normalization: sym(), bias: true }
    }
}

/// Chebyshev convolution (Defferrard, Bresson, Vandergheynst, *Convolutional Neural Networks on Graphs with Fast Localized
/// Spectral Filtering*, NeurIPS 2016, eq. 4).
///
/// > Z⁰ = X, Z¹ = L̂ X, Zᵏ = 2 L̂ Zᵏ⁻¹ − Zᵏ⁻², X' = Σ Zᵏ Θ_kᵀ + b over k < K
///
/// with L̂ = 2 L / λ_max − I and the Laplacian L of the graph without its self-loops. As in PyTorch Geometric, degrees are
/// sums over out-edges, and a λ_max that is not given is twice the largest element of L, which over a batch of graphs
/// is one for all. Where λ_max is 0, L̂ is −I.
///
/// Shapes: x `[N, I]`, edge_weight `[E]` (1 where there is none), lambda_max of one number, or `[B]` for B graphs; result
/// `[N, O]`. Parameters `lins.k.weight` `[O, I]`, `bias` `[O]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{ChebConv, ChebConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = ChebConv::new(&ChebConvConfig::new(5, 2, 3), vb)?;
/// assert_eq!(conv.forward(&x, &edges)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ChebConv {
    config: ChebConvConfig,
    lins: Vec<Linear>,
    bias: Option<Tensor>,
}

impl ChebConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If K is 0, or `vb` has no such parameters.
    pub fn new(config: &ChebConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        if c.k == 0 {
            return Err(Error::argument(LAYER, "K", "at least 1", "0"));
        }
        let lin = |k| Linear::glorot(c.in_channels, c.out_channels, false, vb.pp("lins").pp(k));
        Ok(Self {
            lins: (0..c.k).map(lin).collect::<Result<_>>()?,
            bias: c.bias.then(|| vb.get_with_hints(c.out_channels, "bias", init::ZEROS)).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &ChebConvConfig {
        &self.config
    }

    /// The new features of the nodes, without edge weights.
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
        self.forward_scaled(x, edges, None, None, None)
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(&self, x: &Tensor, edges: &EdgeIndex, _mode: Mode) -> Result<Tensor> {
        self.forward(x, edges)
    }

    /// As [`forward`](Self::forward), with edge weights `[E]`, and with λ_max: one number for all, or one for each of the
    /// graphs into which `batch` leads the nodes ([`EdgeIndex::from_batch`]).
    ///
    /// # Errors
    /// If a shape does not fit or the graph is bipartite.
    pub fn forward_scaled(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        lambda_max: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Tensor> {
        check_nodes(LAYER, x, self.config.in_channels, edges)?;
        check_edge_weight(LAYER, edges, edge_weight)?;
        let mut z = vec![x.clone()];
        let mut out = self.lins[0].forward(x)?;
        if self.lins.len() > 1 {
            let (edges, once) = self.scaled_laplacian(x, edges, edge_weight, lambda_max, batch)?;
            let twice = (&once * 2.0)?;
            for lin in &self.lins[1..] {
                z.push(match z.as_slice() {
                    [.., before, last] => (ops::spmm(&edges, Some(&twice), last)? - before)?,
                    _ => ops::spmm(&edges, Some(&once), x)?,
                });
                out = (out + lin.forward(&z[z.len() - 1])?)?;
            }
        }
        match &self.bias {
            Some(bias) => Ok(ops::bias_add(&out, bias)?),
            None => Ok(out),
        }
    }

    /// L̂: the edges without self-loops, then a self-loop for every node, and their weights.
    fn scaled_laplacian(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_weight: Option<&Tensor>,
        lambda_max: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<(EdgeIndex, Tensor)> {
        let (n, looped) = (edges.num_nodes()?, transforms::with_self_loops(edges)?);
        let all = &looped.edges;
        // Of the two kinds of edges, the ones and the zeros.
        let kept = all.num_edges() - n;
        let kinds = |of_edges: f64, of_loops: &Tensor| -> Result<Tensor> {
            let of_edges = Tensor::full(of_edges, kept, x.device())?.to_dtype(x.dtype())?;
            Ok(if kept == 0 { of_loops.clone() } else { Tensor::cat(&[&of_edges, of_loops], 0)? })
        };
        let (zeros, ones) =
            (Tensor::zeros(n, x.dtype(), x.device())?, Tensor::ones(n, x.dtype(), x.device())?);
        let weight = match edge_weight {
            Some(weight) if edges.num_edges() > 0 => {
                ops::self_loop_attr(weight, &looped, FillValue::Constant(0.0))?
            }
            _ => kinds(1.0, &zeros)?,
        };
        struct Reversed(EdgeIndex);
        let degree = ops::scatter(&weight, &all.attachment(|| Reversed(all.reversed())).0, Reduce::Sum)?;
        let (diagonal, adjacency) = match self.config.normalization {
            None => (degree, weight),
            Some(LaplacianNormalization::Sym) => {
                let root = inverse_root(&degree)?;
                (ones.clone(), ((ops::gather_src(&root, all)? * weight)? * ops::gather_dst(&root, all)?)?)
            }
            Some(LaplacianNormalization::Rw) => {
                (ones.clone(), (ops::gather_src(&inverse(&degree)?, all)? * weight)?)
            }
        };
        let laplacian = (kinds(0.0, &diagonal)? - adjacency)?;
        let scale = match lambda_max {
            None => {
                let everything = EdgeIndex::from_batch(&vec![0; all.num_edges()], 1)?;
                inverse(&ops::scatter(&laplacian, &everything, Reduce::Max)?)?
            }
            Some(lambda_max) if lambda_max.elem_count() == 1 => {
                (inverse(&lambda_max.reshape(1)?.to_dtype(x.dtype())?)? * 2.0)?
            }
            Some(lambda_max) => {
                let graphs = batch.map_or(1, EdgeIndex::num_dst);
                let Some(batch) = batch.filter(|b| lambda_max.dims() == [graphs] && b.num_src() == n) else {
                    let expected = format!("one number, or [{graphs}] with a batch of {n} nodes");
                    let actual = format!("{:?}", lambda_max.dims());
                    return Err(Error::argument(LAYER, "lambda_max", expected, actual));
                };
                let of_graph = (inverse(&lambda_max.to_dtype(x.dtype())?)? * 2.0)?;
                ops::gather_src(&ops::gather_dst(&of_graph, batch)?, all)?
            }
        };
        let scaled = laplacian.broadcast_mul(&scale)?;
        Ok((all.clone(), (scaled - kinds(0.0, &ones)?)?))
    }
}

/// 1/v where v ≠ 0, else 0.
fn inverse(v: &Tensor) -> Result<Tensor> {
    // The 1 keeps the gradient finite.
    let zero = v.eq(0.0)?.to_dtype(v.dtype())?;
    Ok((v.add(&zero)?.recip()? * (1.0 - zero)?)?)
}
