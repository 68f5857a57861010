use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::aggr::{MaxAggregation, MeanAggregation};
use candle_geometric_nn::conv::{Attention, GcnConv, GcnConvConfig};
use candle_geometric_nn::pool::{Pooled, PoolingGnn, SagPooling, SagPoolingConfig};
use candle_geometric_nn::{Activation, Mode, graphs};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::{check_dropout, check_sizes, no_edge_attr};
use crate::config::Architecture;
use crate::head::{Head, half, width};
use crate::{GraphModel, Level, Result};

const MODEL: &str = "SAGPoolNet";
/// The number of graph convolutions of both architectures.
const LAYERS: usize = 3;

/// Where a [`SagPoolNet`] pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SagPoolArchitecture {
    /// After every convolution.
    #[default]
    Hierarchical,
    /// Once, after the last one, with the results of all.
    Global,
}

/// The arguments of [`SagPoolNet`]; the defaults are those of the authors' code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SagPoolNetConfig {
    /// The number of features of a node.
    pub in_channels: usize,
    /// C, the width of the layers, at least 2. Default 128.
    #[serde(default = "width")]
    pub hidden_channels: usize,
    /// K, the number of classes of graphs.
    pub out_channels: usize,
    /// Where nodes are pooled. Default `hierarchical`.
    #[serde(default)]
    pub architecture: SagPoolArchitecture,
    /// The share of the nodes of each graph that every pooling leaves, rounded up; from 1 on their number. Default 0.5.
    #[serde(default = "half")]
    pub ratio: f64,
    /// The layer that scores nodes. Default `GCNConv`, as in the paper; that of PyTorch Geometric's SAGPooling is
    /// `GraphConv`.
    #[serde(default = "gcn", rename = "GNN")]
    pub gnn: PoolingGnn,
    /// The probability with which an output of the first layer of the classifier is dropped in training. Default 0.5.
    #[serde(default = "half")]
    pub dropout: f64,
}

fn gcn() -> PoolingGnn {
    PoolingGnn::Gcn
}

impl SagPoolNetConfig {
    /// The defaults.
    pub fn new(in_channels: usize, out_channels: usize) -> Self {
        Self {
            in_channels,
            hidden_channels: width(),
            out_channels,
            architecture: SagPoolArchitecture::Hierarchical,
            ratio: half(),
            gnn: gcn(),
            dropout: half(),
        }
    }
}

/// The two classifiers of graphs of Lee, Lee, Kang, *Self-Attention Graph Pooling* (ICML 2019, section 3.3 and figure 2),
/// made of [`GcnConv`] and [`SagPooling`].
///
/// > hierarchical: X, A = pool_k(ReLU(conv_k(X, A)), A), r_k = max X ‖ mean X for k = 1, 2, 3; y = MLP(r₁ + r₂ + r₃)
/// >
/// > global: X_k = ReLU(conv_k(X_{k−1}, A)) for k = 1, 2, 3; X = pool(X₁ ‖ X₂ ‖ X₃, A), y = MLP(max X ‖ mean X)
/// >
/// > MLP(r) = W₃ ReLU(W₂ dropout(ReLU(W₁ r + b₁)) + b₂) + b₃, from 2C (global: 6C) to C to C / 2 to K channels
///
/// The maximum and the mean are over the nodes of each graph that are left. From the authors' code are the order of these
/// two (the paper writes the mean first), the one dropout, the layer that scores and the defaults; it has the hierarchical
/// architecture only, and the other one is made of the same parts. From PyTorch Geometric is the weight `select` of each
/// pooling, of which only the sign counts.
///
/// Shapes: x `[N, in_channels]`, no edge features, result: logits `[B, K]`; a graph without nodes has the maximum and the
/// mean 0. Parameters: `conv1`, `conv2`, `conv3`, `pool1`, `pool2`, `pool3` (global: `pool`), `lin1`, `lin2`, `lin3`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_models::{GraphModel, SagPoolNet, SagPoolNetConfig};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// let config = SagPoolNetConfig { hidden_channels: 8, ..SagPoolNetConfig::new(5, 2) };
/// let model = SagPoolNet::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// // Two graphs: nodes 0, 1, 2 and nodes 3, 4.
/// let edges = EdgeIndex::new(vec![0, 1, 1, 2, 3, 4], vec![1, 0, 2, 1, 4, 3], 5)?;
/// let batch = EdgeIndex::from_batch(&[0, 0, 0, 1, 1], 2)?;
/// let x = Tensor::ones((5, 5), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward_batch(&x, &edges, None, Some(&batch), Mode::Eval)?.dims(), [2, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SagPoolNet {
    config: SagPoolNetConfig,
    convs: Vec<GcnConv>,
    pools: Pools,
    head: Head,
}

#[derive(Debug, Clone)]
enum Pools {
    /// After each convolution.
    Each(Vec<SagPooling>),
    /// After the last one.
    Last(Box<SagPooling>),
}

impl SagPoolNet {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &SagPoolNetConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let (c, h) = (config.clone(), config.hidden_channels);
        let sizes =
            [("in_channels", c.in_channels), ("hidden_channels", h), ("out_channels", c.out_channels)];
        check_sizes(MODEL, &sizes)?;
        check_dropout(MODEL, "dropout", c.dropout)?;
        let conv = |k: usize| {
            let inputs = if k == 1 { c.in_channels } else { h };
            GcnConv::new(&GcnConvConfig::new(inputs, h), vb.pp(format!("conv{k}")))
        };
        let pool = |channels: usize, name: String| {
            let config = SagPoolingConfig { ratio: c.ratio, gnn: c.gnn, ..SagPoolingConfig::new(channels) };
            SagPooling::new(&config, vb.pp(name))
        };
        let (pools, pooled) = match c.architecture {
            SagPoolArchitecture::Hierarchical => {
                let pools = (1..=LAYERS).map(|k| pool(h, format!("pool{k}"))).collect::<Result<_, _>>()?;
                (Pools::Each(pools), h)
            }
            SagPoolArchitecture::Global => {
                (Pools::Last(Box::new(pool(LAYERS * h, "pool".into())?)), LAYERS * h)
            }
        };
        Ok(Self {
            convs: (1..=LAYERS).map(conv).collect::<Result<_, _>>()?,
            pools,
            head: Head::new(MODEL, [2 * pooled, h, c.out_channels], [c.dropout, 0.0], &vb)?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &SagPoolNetConfig {
        &self.config
    }
}

impl SagPoolNet {
    /// The logits; `seen` is shown what each pooling leaves.
    fn run(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        batch: EdgeIndex,
        mode: Mode<'_>,
        mut seen: impl FnMut(&Pooled) -> Result<()>,
    ) -> Result<Tensor> {
        let (mut x, mut edges, mut batch) = (x.clone(), edges.clone(), batch);
        let conv = |conv: &GcnConv, x: &Tensor, edges: &EdgeIndex| -> Result<Tensor> {
            Ok(Activation::Relu.forward(&conv.forward_t(x, edges, mode)?)?)
        };
        let mut all = Vec::with_capacity(LAYERS);
        let read = match &self.pools {
            Pools::Each(pools) => {
                for (layer, pool) in self.convs.iter().zip(pools) {
                    let h = conv(layer, &x, &edges)?;
                    let pooled = pool.forward_t(&h, &edges, None, Some(&batch), mode)?;
                    seen(&pooled)?;
                    (x, edges, batch) = (pooled.x, pooled.edges, pooled.batch);
                    all.push(readout(&x, &batch)?);
                }
                Tensor::stack(&all, 0)?.sum(0)?
            }
            Pools::Last(pool) => {
                for layer in &self.convs {
                    x = conv(layer, &x, &edges)?;
                    all.push(x.clone());
                }
                let pooled = pool.forward_t(&Tensor::cat(&all, 1)?, &edges, None, Some(&batch), mode)?;
                seen(&pooled)?;
                readout(&pooled.x, &pooled.batch)?
            }
        };
        self.head.forward(&read, mode)
    }
}

/// max ‖ mean over the nodes of each graph.
fn readout(x: &Tensor, batch: &EdgeIndex) -> Result<Tensor> {
    let max = MaxAggregation::default().forward(x, batch)?;
    Ok(Tensor::cat(&[max, MeanAggregation::default().forward(x, batch)?], 1)?)
}

impl GraphModel for SagPoolNet {
    fn level(&self) -> Level {
        Level::Graph
    }

    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        no_edge_attr(MODEL, edge_attr)?;
        let nodes = edges.num_nodes().map_err(candle_geometric_nn::Error::from)?;
        self.run(x, edges, graphs(MODEL, nodes, batch)?, mode, |_| Ok(()))
    }

    /// For each pooling, how much of every node it leaves: |y| of eq. 3 for those that stay, 0 for all others, over the edges
    /// of [`EdgeIndex::from_batch`] from the nodes to their graphs. Not a softmax: the weights of a graph do not sum to 1.
    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        no_edge_attr(MODEL, edge_attr)?;
        let nodes = edges.num_nodes().map_err(candle_geometric_nn::Error::from)?;
        let batch = graphs(MODEL, nodes, batch)?;
        // The nodes that are left, by their numbers in the beginning.
        let (mut left, mut seen) = ((0..nodes as u32).collect::<Vec<_>>(), Vec::with_capacity(LAYERS));
        self.run(x, edges, batch.clone(), Mode::Eval, |pooled| {
            left = pooled.perm.iter().filter_map(|&k| left.get(k as usize).copied()).collect();
            let mut alpha = vec![0f32; nodes];
            let scores = pooled.score.to_dtype(DType::F32)?.to_vec1::<f32>()?;
            for (&node, score) in left.iter().zip(scores) {
                alpha[node as usize] = score.abs();
            }
            let alpha = Tensor::from_vec(alpha, (nodes, 1), x.device())?;
            seen.push(Attention { edges: batch.clone(), alpha });
            Ok(())
        })?;
        Ok(seen)
    }
}

impl Architecture for SagPoolNetConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(SagPoolNet::new(self, vb)?))
    }
}
