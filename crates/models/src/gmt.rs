use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::aggr::{GraphMultisetTransformer, GraphMultisetTransformerConfig};
use candle_geometric_nn::conv::{Attention, GcnConv, GcnConvConfig};
use candle_geometric_nn::{Activation, Mode, graphs};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::{check_dropout, check_sizes, no_edge_attr, one};
use crate::config::Architecture;
use crate::head::{Head, half, width};
use crate::{Error, GraphModel, Level, Result};

const MODEL: &str = "GMT";

/// The arguments of [`Gmt`]; the defaults are those of the authors' code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GmtConfig {
    /// The number of features of a node.
    pub in_channels: usize,
    /// C, the width of the convolutions, at least 2. Default 128.
    #[serde(default = "width")]
    pub hidden_channels: usize,
    /// K, the number of classes of graphs.
    pub out_channels: usize,
    /// L, the number of convolutions. Default 3.
    #[serde(default = "three")]
    pub num_layers: usize,
    /// The number of representatives that a graph becomes first. The authors take a quarter of the mean number of nodes,
    /// rounded up.
    pub k: usize,
    /// The number of attention blocks among the representatives. Default 1.
    #[serde(default = "one")]
    pub num_encoder_blocks: usize,
    /// The number of heads of the pooling, which divides L · C. Default 1.
    #[serde(default = "one")]
    pub heads: usize,
    /// Whether the blocks of the pooling normalise. Default false.
    #[serde(default)]
    pub layer_norm: bool,
    /// The probability with which a hidden output of the classifier is dropped in training. Default 0.5.
    #[serde(default = "half")]
    pub dropout: f64,
}

fn three() -> usize {
    3
}

impl GmtConfig {
    /// The defaults.
    pub fn new(in_channels: usize, out_channels: usize, k: usize) -> Self {
        Self {
            in_channels,
            hidden_channels: width(),
            out_channels,
            num_layers: three(),
            k,
            num_encoder_blocks: 1,
            heads: 1,
            layer_norm: false,
            dropout: half(),
        }
    }
}

/// A classifier of graphs by two steps of attention over their nodes (Baek, Kang, Hwang, *Accurate Learning of Graph
/// Representations with Graph Multiset Pooling*, ICLR 2021, section 3.2).
///
/// > X_l = ReLU(conv_l(X_{l−1}, A)) for l = 1, …, L; y = MLP(pool(X₁ ‖ … ‖ X_L))
/// >
/// > MLP(r) = W₃ d(ReLU(W₂ d(ReLU(W₁ r + b₁)) + b₂)) + b₃, from L·C to C to C / 2 to K channels, with dropout d
///
/// of [`GcnConv`] and [`GraphMultisetTransformer`], which goes from the nodes to k representatives (GMPool_G), lets them
/// look at each other (SelfAtt) and goes to one (GMPool_I). It is PyTorch Geometric's: GMPool_G does not see the edges, and
/// all blocks are as wide as the nodes. In the authors' code keys and values of GMPool_G are graph convolutions, SelfAtt
/// narrows to C, and a linear map stands between the pooling and the classifier, which otherwise is the one here.
///
/// Shapes: x `[N, in_channels]`, no edge features, result: logits `[B, K]`. A graph without nodes gives what the seeds of the
/// pooling alone give. Parameters: `conv1`, `conv2`, …, `pool`, `lin1`, `lin2`, `lin3`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_models::{Gmt, GmtConfig, GraphModel};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// let config = GmtConfig { hidden_channels: 8, heads: 4, ..GmtConfig::new(5, 2, 10) };
/// let model = Gmt::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// // Two graphs: nodes 0, 1, 2 and nodes 3, 4.
/// let edges = EdgeIndex::new(vec![0, 1, 1, 2, 3, 4], vec![1, 0, 2, 1, 4, 3], 5)?;
/// let batch = EdgeIndex::from_batch(&[0, 0, 0, 1, 1], 2)?;
/// let x = Tensor::ones((5, 5), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward_batch(&x, &edges, None, Some(&batch), Mode::Eval)?.dims(), [2, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gmt {
    config: GmtConfig,
    convs: Vec<GcnConv>,
    pool: GraphMultisetTransformer,
    head: Head,
}

impl Gmt {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, `heads` does not divide the channels that are pooled, or `vb` has no such parameters.
    pub fn new(config: &GmtConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let (c, h) = (config.clone(), config.hidden_channels);
        let sizes = [
            ("in_channels", c.in_channels),
            ("hidden_channels", h),
            ("out_channels", c.out_channels),
            ("num_layers", c.num_layers),
            ("k", c.k),
            ("num_encoder_blocks", c.num_encoder_blocks.max(1)),
            ("heads", c.heads),
        ];
        check_sizes(MODEL, &sizes)?;
        check_dropout(MODEL, "dropout", c.dropout)?;
        let pooled = c.num_layers * h;
        if !pooled.is_multiple_of(c.heads) {
            let problem = format!(
                "heads is {}, expected a divisor of num_layers · hidden_channels ({pooled})",
                c.heads
            );
            return Err(Error::config(MODEL, problem));
        }
        let conv = |l: usize| {
            let inputs = if l == 1 { c.in_channels } else { h };
            GcnConv::new(&GcnConvConfig::new(inputs, h), vb.pp(format!("conv{l}")))
        };
        let pool = GraphMultisetTransformerConfig {
            num_encoder_blocks: c.num_encoder_blocks,
            heads: c.heads,
            layer_norm: c.layer_norm,
            ..GraphMultisetTransformerConfig::new(pooled, c.k)
        };
        Ok(Self {
            convs: (1..=c.num_layers).map(conv).collect::<Result<_, _>>()?,
            pool: GraphMultisetTransformer::new(&pool, vb.pp("pool"))?,
            head: Head::new(MODEL, [pooled, h, c.out_channels], [c.dropout; 2], &vb)?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &GmtConfig {
        &self.config
    }
}

impl GraphModel for Gmt {
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
        let batch = graphs(MODEL, nodes, batch)?;
        let (mut x, mut all) = (x.clone(), Vec::with_capacity(self.convs.len()));
        for conv in &self.convs {
            x = Activation::Relu.forward(&conv.forward_t(&x, edges, mode)?)?;
            all.push(x.clone());
        }
        self.head.forward(&self.pool.forward_t(&Tensor::cat(&all, 1)?, &batch, mode)?, mode)
    }

    /// None: that of the pooling is between nodes and representatives, in matrices of its own.
    fn attention(
        &self,
        _: &Tensor,
        _: &EdgeIndex,
        _: Option<&Tensor>,
        _: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        Ok(vec![])
    }
}

impl Architecture for GmtConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(Gmt::new(self, vb)?))
    }
}
