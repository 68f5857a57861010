use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use super::attention::check_edge_features;
use super::weights;
use crate::aggr::{Aggr, AggrKwargs, Aggregation};
use crate::config::{self, Channels};
use crate::{Error, Linear, Mode, Nodes, Result, init};

const LAYER: &str = "GmmConv";

/// What keeps a width of 0 from dividing by 0.
const EPS: f64 = 1e-15;

/// The arguments of [`GmmConv`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GmmConvConfig {
    /// I: one number, or a pair for a bipartite graph.
    pub in_channels: Channels,
    /// O.
    pub out_channels: usize,
    /// D, the number of edge features.
    pub dim: usize,
    /// K, the number of Gaussians.
    pub kernel_size: usize,
    /// Whether every pair of an input and an output channel has Gaussians of its own. Default false.
    #[serde(default)]
    pub separate_gaussians: bool,
    /// How neighbours are aggregated. Default mean.
    #[serde(default)]
    pub aggr: Aggr,
    /// Whether a linear map of the destinations' features is added. Default true.
    #[serde(default = "config::yes")]
    pub root_weight: bool,
    /// Whether a bias is added. Default true.
    #[serde(default = "config::yes")]
    pub bias: bool,
}

impl GmmConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(
        in_channels: impl Into<Channels>,
        out_channels: usize,
        dim: usize,
        kernel_size: usize,
    ) -> Self {
        Self {
            in_channels: in_channels.into(),
            out_channels,
            dim,
            kernel_size,
            separate_gaussians: false,
            aggr: Aggr::Mean,
            root_weight: true,
            bias: true,
        }
    }
}

/// Gaussian mixtures over pseudo-coordinates of edges (Monti, Boscaini, Masci, Rodolà, Svoboda, Bronstein, *Geometric Deep
/// Learning on Graphs and Manifolds Using Mixture Model CNNs*, CVPR 2017, eqs. 9 and 11).
///
/// > w_k(e) = exp(−½ Σ_d (f_e,d − μ_k,d)² / (σ_k,d² + 10⁻¹⁵)) for the features f_e of the edge e from j to i
/// >
/// > x'_i = aggr over e of Σ_k w_k(e) G_k x_j + W x_i + b
///
/// and with `separate_gaussians` w has its own μ and σ for every entry of G.
///
/// Shapes: x `[N, I]`, or x_src `[N_src, I_src]` and x_dst `[N_dst, I_dst]`, which may be absent: then its term is too;
/// edge_attr `[E, D]`; result `[N_dst, O]`.
///
/// Parameters, as in PyTorch Geometric: `g` `[I_src, K·O]` (with `separate_gaussians` `[I_src, O·K]`), `mu` and `sigma` `[K, D]`
/// (`[I_src, O, K, D]`), `root.weight` `[O, I_dst]`, `bias` `[O]`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::{SeededVarMap, conv::{GmmConv, GmmConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?;
/// let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu)?;
/// let polar = Tensor::new(&[[1f32, 0.], [1., 3.14]], &Device::Cpu)?;
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let conv = GmmConv::new(&GmmConvConfig::new(5, 2, 2, 3), vb)?;
/// assert_eq!(conv.forward(&x, &edges, &polar)?.dims(), [3, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GmmConv {
    config: GmmConvConfig,
    aggregation: Aggregation,
    g: Tensor,
    mu: Tensor,
    sigma: Tensor,
    root: Option<Linear>,
    bias: Option<Tensor>,
}

impl GmmConv {
    /// A layer with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &GmmConvConfig, vb: VarBuilder) -> Result<Self> {
        let c = config.clone();
        let (src, dst, o, k) =
            (c.in_channels.source(), c.in_channels.destination(), c.out_channels, c.kernel_size);
        for (argument, value) in [("out_channels", o), ("dim", c.dim), ("kernel_size", k)] {
            if value == 0 {
                return Err(Error::argument(LAYER, argument, "at least 1", "0"));
            }
        }
        let Some(columns) = o.checked_mul(k) else {
            let expected = "out_channels · kernel_size that fits a machine word";
            return Err(Error::argument(LAYER, "kernel_size", expected, format!("{o} · {k}")));
        };
        let shape = if c.separate_gaussians { vec![src, o, k, c.dim] } else { vec![k, c.dim] };
        let gaussians = |name| vb.get_with_hints(shape.as_slice(), name, init::glorot_uniform(&shape));
        let root = || Linear::glorot(dst, o, false, vb.pp("root"));
        Ok(Self {
            aggregation: Aggregation::resolve(&c.aggr.into(), &AggrKwargs::default(), vb.pp("aggr_module"))?,
            g: vb.get_with_hints((src, columns), "g", init::glorot_uniform(&[src, columns]))?,
            mu: gaussians("mu")?,
            sigma: gaussians("sigma")?,
            root: c.root_weight.then(root).transpose()?,
            bias: c.bias.then(|| vb.get_with_hints(o, "bias", init::ZEROS)).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GmmConvConfig {
        &self.config
    }

    /// The new features of the destinations, with the features `[E, D]` of the edges (or `[E]` where D is 1).
    ///
    /// # Errors
    /// If a shape does not fit.
    pub fn forward<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
    ) -> Result<Tensor> {
        let (x, c) = (x.into(), &self.config);
        x.check(LAYER, edges, c.in_channels.source(), c.in_channels.destination())?;
        let f = check_edge_features(LAYER, "dim", Some(c.dim), edges, Some(edge_attr))?;
        let f = f.unwrap_or_else(|| edge_attr.clone());
        let mut out = match c.separate_gaussians {
            false => self.shared(x.source(), edges, &f)?,
            true => self.aggregation.forward(&self.separate_messages(x.source(), edges, &f)?, edges)?,
        };
        if let (Some(root), Some(x_dst)) = (&self.root, x.destination()) {
            out = (out + root.forward(x_dst)?)?;
        }
        match &self.bias {
            Some(bias) => Ok(ops::bias_add(&out, bias)?),
            None => Ok(out),
        }
    }

    /// As [`forward`](Self::forward): the layer does the same in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t<'a>(
        &self,
        x: impl Into<Nodes<'a>>,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
        _mode: Mode,
    ) -> Result<Tensor> {
        self.forward(x, edges, edge_attr)
    }

    /// w, `[E, …]`: a column for every Gaussian.
    fn gaussians(&self, f: &Tensor) -> Result<Tensor> {
        let d = self.config.dim;
        let (mu, sigma) = (self.mu.reshape(((), d))?, self.sigma.reshape(((), d))?);
        let scale = ((sigma.sqr()? + EPS)?.recip()? * -0.5)?;
        // One coordinate after the other: nothing is D times as large as the weights.
        let mut exponent: Option<Tensor> = None;
        for k in 0..d {
            let column = |t: &Tensor| t.narrow(1, k, 1)?.t()?.contiguous();
            let distance = f.narrow(1, k, 1)?.broadcast_sub(&column(&mu)?)?.sqr()?;
            let term = distance.broadcast_mul(&column(&scale)?)?;
            exponent = Some(match exponent {
                Some(sum) => (sum + term)?,
                None => term,
            });
        }
        Ok(exponent.map_or_else(|| f.zeros_like(), |e| e.exp())?)
    }

    /// The aggregation where all channels share their Gaussians: these weigh K maps of a node like heads.
    fn shared(&self, x: &Tensor, edges: &EdgeIndex, f: &Tensor) -> Result<Tensor> {
        let k = self.config.kernel_size;
        let h = ops::linear(x, &self.g.t()?.contiguous()?, None)?;
        // K times the mean over the Gaussians is their sum.
        let weights = (self.gaussians(f)? * k as f64)?;
        let mean = || weights.broadcast_mul(&weights::mean(edges, &h)?.unsqueeze(1)?);
        let weights = match self.aggregation {
            Aggregation::Reduce(Reduce::Sum) => weights,
            Aggregation::Reduce(Reduce::Mean) => mean()?,
            _ => {
                let messages = ops::mean_heads(&ops::spmm(&ends(edges)?, Some(&weights), &h)?, k, None)?;
                return self.aggregation.forward(&messages, edges);
            }
        };
        Ok(ops::mean_heads(&ops::spmm(edges, Some(&weights), &h)?, k, None)?)
    }

    /// `[E, O]`, where every pair of channels has its own Gaussians.
    fn separate_messages(&self, x: &Tensor, edges: &EdgeIndex, f: &Tensor) -> Result<Tensor> {
        let (e, i) = (edges.num_edges(), self.config.in_channels.source());
        let (o, k) = (self.config.out_channels, self.config.kernel_size);
        let weights = self.gaussians(f)?.broadcast_mul(&self.g.reshape((1, i * o * k))?)?;
        let maps = weights.reshape((e, i, o, k))?.sum(3)?;
        Ok(ops::gather_src(x, edges)?.unsqueeze(2)?.broadcast_mul(&maps)?.sum(1)?)
    }
}

/// From the sources to the edges themselves: what aggregates on it is a message per edge.
fn ends(edges: &EdgeIndex) -> Result<EdgeIndex> {
    struct Ends(EdgeIndex);
    let kept = edges.try_attachment(|| {
        let each = (0..edges.num_edges() as u32).collect();
        EdgeIndex::bipartite(edges.source().to_vec(), each, edges.num_src(), edges.num_edges()).map(Ends)
    })?;
    Ok(kept.0.clone())
}
