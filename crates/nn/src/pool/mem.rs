use candle_core::{D, DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::{Init, VarBuilder, ops::softmax};
use serde::{Deserialize, Serialize};

use crate::batch::graphs;
use crate::{Error, Linear, Result, config, init};

const LAYER: &str = "MemPooling";

/// The arguments of [`MemPooling`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemPoolingConfig {
    /// F.
    pub in_channels: usize,
    /// O.
    pub out_channels: usize,
    /// H, the number of memories.
    pub heads: usize,
    /// K, the number of clusters.
    pub num_clusters: usize,
    /// τ, the degrees of freedom of the Student distribution. Default 1.
    #[serde(default = "config::unit")]
    pub tau: f64,
}

impl MemPoolingConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(in_channels: usize, out_channels: usize, heads: usize, num_clusters: usize) -> Self {
        Self { in_channels, out_channels, heads, num_clusters, tau: 1.0 }
    }
}

/// Soft clusters around learnt keys (Khasahmadi et al., *Memory-Based Graph Networks*, ICLR 2020, eq. 1 to 4).
///
/// > S⁽ʰ⁾_{i,j} ∝ (1 + ‖x_i − k⁽ʰ⁾_j‖² / τ)^(−(τ+1)/2), of sum 1 over the clusters j
/// >
/// > S = softmax(Σ_h w_h S⁽ʰ⁾) over the clusters, X' = Sᵀ X Wᵀ for each graph
///
/// Shapes: x `[N, F]`, result `[B, K, O]` and the assignment S `[N, K]`, a row per node where PyTorch Geometric pads
/// each graph to the largest. Parameters `k` `[H, K, F]`, `conv.weight` `[1, H, 1, 1]`, `lin.weight` `[O, F]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_nn::{SeededVarMap, pool::{MemPooling, MemPoolingConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let x = Tensor::ones((5, 6), DType::F32, &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let pool = MemPooling::new(&MemPoolingConfig::new(6, 4, 2, 3), vb)?;
/// let (pooled, s) = pool.forward(&x, None)?;
/// assert_eq!((pooled.dims(), s.dims()), (&[1, 3, 4][..], &[5, 3][..]));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct MemPooling {
    config: MemPoolingConfig,
    k: Tensor,
    conv: Tensor,
    lin: Linear,
}

impl MemPooling {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If a number is out of range, or `vb` has no such parameters.
    pub fn new(config: &MemPoolingConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        for (argument, value) in [("heads", c.heads), ("num_clusters", c.num_clusters)] {
            if value == 0 {
                return Err(Error::argument(LAYER, argument, "at least 1", "0"));
            }
        }
        if !(c.tau.is_finite() && c.tau > 0.0) {
            return Err(Error::argument(LAYER, "tau", "a positive number", c.tau.to_string()));
        }
        let uniform = Init::Uniform { lo: -1.0, up: 1.0 };
        let of_heads = init::fan_in_uniform(c.heads);
        Ok(Self {
            k: vb.get_with_hints((c.heads, c.num_clusters, c.in_channels), "k", uniform)?,
            conv: vb.pp("conv").get_with_hints((1, c.heads, 1, 1), "weight", of_heads)?,
            lin: Linear::new(c.in_channels, c.out_channels, false, vb.pp("lin"))?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &MemPoolingConfig {
        &self.config
    }

    /// The clusters of each graph, and the share of each node in them.
    ///
    /// # Errors
    /// If `x` is not `[N, F]`, or `batch` has not one entry per row.
    pub fn forward(&self, x: &Tensor, batch: Option<&EdgeIndex>) -> Result<(Tensor, Tensor)> {
        let MemPoolingConfig { in_channels, out_channels, num_clusters: k, .. } = self.config;
        let n = match *x.dims() {
            [n, f] if f == in_channels => n,
            _ => {
                let expected = format!("[nodes, {in_channels}]");
                return Err(Error::argument(LAYER, "x", expected, format!("{:?}", x.dims())));
            }
        };
        let batch = graphs(LAYER, n, batch)?;
        let count = batch.num_dst();
        let s = self.assign(x)?;
        // Cluster j of graph b is row b·K + j, and every node goes to the K rows of its graph.
        let of_node = |(&b, i): (&u32, u32)| (0..k as u32).map(move |j| (i, b * k as u32 + j));
        let (nodes, clusters) = batch.destination().iter().zip(0..).flat_map(of_node).unzip();
        let assignment = EdgeIndex::bipartite(nodes, clusters, n, count * k)?;
        let pooled = ops::spmm(&assignment, Some(&s.flatten_all()?), x)?;
        Ok((self.lin.forward(&pooled)?.reshape((count, k, out_channels))?, s))
    }

    /// As [`forward`](Self::forward), of B graphs of N nodes each, x `[B, N, F]`: the clusters `[B, K, O]` and S `[B, N, K]`. Nodes
    /// whose `mask` `[B, N]` is 0 only fill up their graph: they are in no cluster, and their rows of S are 0.
    ///
    /// # Errors
    /// If `x` or `mask` has another shape, or B·N exceeds 32 bits.
    pub fn forward_dense(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let MemPoolingConfig { in_channels, num_clusters: k, .. } = self.config;
        let (b, n) = match *x.dims() {
            [b, n, f] if f == in_channels => (b, n),
            _ => {
                let expected = format!("[graphs, nodes, {in_channels}]");
                return Err(Error::argument(LAYER, "x", expected, format!("{:?}", x.dims())));
            }
        };
        let Ok(all) = u32::try_from(b * n) else {
            return Err(Error::argument(LAYER, "x", "fewer than 2³² nodes", format!("[{b}, {n}, _]")));
        };
        let kept: Vec<u32> = match mask {
            None => (0..all).collect(),
            Some(mask) if mask.dims() == [b, n] => {
                let present = mask.ne(0.0)?.to_dtype(DType::U8)?.flatten_all()?.to_vec1::<u8>()?;
                (0..all).zip(present).filter(|(_, p)| *p != 0).map(|(i, _)| i).collect()
            }
            Some(mask) => {
                let expected = format!("[{b}, {n}]");
                return Err(Error::argument(LAYER, "mask", expected, format!("{:?}", mask.dims())));
            }
        };
        let x = ops::edge_select(&x.reshape((b * n, in_channels))?, &kept)?;
        let batch: Vec<u32> = kept.iter().map(|i| i / n as u32).collect();
        let (pooled, s) = self.forward(&x, Some(&EdgeIndex::from_batch(&batch, b)?))?;
        let back = EdgeIndex::bipartite((0..kept.len() as u32).collect(), kept, batch.len(), b * n)?;
        Ok((pooled, ops::spmm(&back, None, &s)?.reshape((b, n, k))?))
    }

    /// S.
    fn assign(&self, x: &Tensor) -> Result<Tensor> {
        let (heads, k, f) = self.k.dims3()?;
        let (n, tau) = (x.dim(0)?, self.config.tau);
        if n == 0 {
            return Ok(Tensor::zeros((0, k), x.dtype(), x.device())?);
        }
        let keys = self.k.reshape((heads * k, f))?;
        // ‖x‖² − 2⟨x, k⟩ + ‖k‖², which rounding may take below 0.
        let lengths = keys.sqr()?.sum(D::Minus1)?;
        let products = ops::linear(x, &(keys * -2.0)?, Some(&lengths))?;
        let ones = Tensor::ones((1, f), x.dtype(), x.device())?;
        let squares = ops::relu(&products.broadcast_add(&ops::linear(&x.sqr()?, &ones, None)?)?)?;
        // Powers of sum 1 are a softmax of logarithms, which large distances do not make 0 / 0.
        let logits = (((squares / tau)? + 1.0)?.log()? * (-0.5 * (tau + 1.0)))?;
        let by_head = softmax(&logits.reshape((n, heads, k))?, D::Minus1)?;
        let weight = self.conv.reshape((1, heads, 1))?;
        Ok(softmax(&by_head.broadcast_mul(&weight)?.sum(1)?, D::Minus1)?)
    }

    /// The loss that sharpens an assignment S `[N, K]` (eq. 6): KL(P ‖ S) / B, where
    ///
    /// > P_{i,j} ∝ S_{i,j}² / Σ S_{n,j} over the nodes n of the graph, of sum 1 over the clusters j
    ///
    /// The target P is not detached, as in PyTorch Geometric.
    ///
    /// # Errors
    /// If `s` is not a matrix, or `batch` has not one entry per row.
    pub fn kl_loss(s: &Tensor, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        let Ok((n, _)) = s.dims2() else {
            return Err(Error::argument(LAYER, "s", "[nodes, clusters]", format!("{:?}", s.dims())));
        };
        let batch = graphs(LAYER, n, batch)?;
        if n == 0 {
            return Ok(Tensor::zeros((), s.dtype(), s.device())?);
        }
        const EPS: f64 = 1e-15;
        let sizes = ops::gather_dst(&ops::scatter(s, &batch, Reduce::Sum)?.maximum(EPS)?, &batch)?;
        let p = (s.sqr()? / sizes)?;
        let p = p.broadcast_div(&p.sum_keepdim(1)?)?.maximum(EPS)?;
        let gap = (p.log()? - s.maximum(EPS)?.log()?)?;
        Ok(((p * gap)?.sum_all()? / batch.num_dst() as f64)?)
    }
}
