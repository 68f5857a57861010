mod config;

use std::sync::Arc;

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::aggr::{MeanAggregation, SumAggregation};
use candle_geometric_nn::conv::{Attention, GinConv, GinConvConfig, GineConv, GineConvConfig};
use candle_geometric_nn::global::{GpsConv, GpsConvConfig, LocalConv};
use candle_geometric_nn::norm::{BatchNorm, BatchNormConfig};
use candle_geometric_nn::{Error as LayerError, Linear, Mlp, MlpConfig, Mode, graphs};
use candle_nn::VarBuilder;

use crate::basic_gnn::no_edge_attr;
use crate::encoder::Encoder;
use crate::{GraphModel, Level, Result};

pub use config::{GpsConfig, GpsPooling};

const MODEL: &str = "GPS";

/// A graph transformer of layers that look at neighbours and at all nodes of a graph side by side (Rampášek et al.,
/// *Recipe for a General, Powerful, Scalable Graph Transformer*, NeurIPS 2022), as PyTorch Geometric's `examples/graph_gps.py`
/// builds it for ZINC.
///
/// > h = E_node(f) ‖ (W_pe norm(p) + b_pe), of x = f ‖ p with positional encodings p; h = E_node(x) without them
/// >
/// > L times h = GpsConv(h, A, E_edge(edge_attr)), with a local layer of the network Linear, ReLU, Linear
/// >
/// > y = MLP(Σ h_i over the nodes of the graph), or MLP(h_i) for nodes; MLP: C → C / 2 → C / 4 → K with ReLU
///
/// E is a linear map of features, or a table with a row for each type (`num_node_types`, `num_edge_types`); types are whole
/// numbers, in tensors of any type. The local layer is [`GineConv`] where edges have features or types, else [`GinConv`].
///
/// Positional encodings are the last `pe_channels` columns of x, as PyTorch Geometric's transforms append them:
/// `candle_geometric_graph::encodings` computes them, of random walks or of the Laplacian. So the model takes what every
/// [`GraphModel`] takes.
///
/// Shapes: x `[N, in_channels]`, edge_attr `[E, D]`, or types `[E]` or `[E, 1]`; result `[B, K]`, or `[N, K]`. Parameters
/// `node_emb` {`weight`, `bias`}, `pe_lin`, `pe_norm` (as `torch.nn.BatchNorm1d`), `edge_emb`, `convs.i` (as
/// [`GpsConv`]), `mlp.0`, `mlp.2`, `mlp.4`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::{EdgeIndex, encodings::random_walk_pe};
/// use candle_geometric_models::{Gps, GpsConfig, GraphModel};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Molecules of ZINC: 28 types of atoms, 4 of bonds, 20 steps of random walks.
/// let config = GpsConfig {
///     pe_channels: 20, num_node_types: Some(28), num_edge_types: Some(4), heads: 4, ..GpsConfig::new(21, 64, 1, 2)
/// };
/// let model = Gps::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let bonds = EdgeIndex::new(vec![0, 1, 1, 2], vec![1, 0, 2, 1], 3)?;
/// let atoms = Tensor::new(&[[0f32], [2.], [0.]], &Device::Cpu)?;
/// let walks = Tensor::from_vec(random_walk_pe(&bonds, 20)?, (3, 20), &Device::Cpu)?.to_dtype(DType::F32)?;
/// let x = Tensor::cat(&[atoms, walks], 1)?;
/// let kinds = Tensor::new(&[1u32, 1, 2, 2], &Device::Cpu)?;
/// assert_eq!(model.forward_t(&x, &bonds, Some(&kinds), Mode::Eval)?.dims(), [1, 1]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Gps {
    config: GpsConfig,
    node_emb: Encoder,
    pe: Option<(BatchNorm, Linear)>,
    edge_emb: Option<Encoder>,
    convs: Vec<GpsConv>,
    mlp: Mlp,
}

impl Gps {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range or does not go with another, or `vb` has no such parameters.
    pub fn new(config: &GpsConfig, vb: VarBuilder<'_>) -> Result<Self> {
        config.check()?;
        let c = config.clone();
        let (h, features) = (c.hidden_channels, c.in_channels - c.pe_channels);
        let pe = || -> Result<_> {
            let norm = BatchNorm::bare(&BatchNormConfig::new(c.pe_channels), vb.pp("pe_norm"))?;
            Ok((norm, Linear::new(c.pe_channels, c.pe_dim, true, vb.pp("pe_lin"))?))
        };
        let pe = if c.pe_channels > 0 { Some(pe()?) } else { None };
        let width = if pe.is_some() { h - c.pe_dim } else { h };
        let edge_emb = || Encoder::new(c.edge_dim.unwrap_or(1), c.num_edge_types, h, vb.pp("edge_emb"));
        let mlp: MlpConfig = format!(
            "Linear({h},{}),ReLU,Linear({},{}),ReLU,Linear({},{})",
            h / 2,
            h / 2,
            h / 4,
            h / 4,
            c.out_channels
        )
        .parse()?;
        Ok(Self {
            node_emb: Encoder::new(features, c.num_node_types, width, vb.pp("node_emb"))?,
            pe,
            edge_emb: c.has_edges().then(edge_emb).transpose()?,
            convs: (0..c.num_layers).map(|l| layer(&c, vb.pp("convs").pp(l))).collect::<Result<_>>()?,
            mlp: Mlp::new(&mlp, vb.pp("mlp"))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &GpsConfig {
        &self.config
    }

    /// What goes into the first layer.
    fn encode(&self, x: &Tensor, mode: Mode<'_>) -> Result<Tensor> {
        let GpsConfig { in_channels, pe_channels, .. } = self.config;
        let features = in_channels - pe_channels;
        let h = self.node_emb.forward(MODEL, "x", &x.narrow(1, 0, features)?)?;
        let Some((norm, lin)) = &self.pe else { return Ok(h) };
        let encodings = norm.forward_t(&x.narrow(1, features, pe_channels)?.contiguous()?, mode)?;
        Ok(Tensor::cat(&[h, lin.forward(&encodings)?], 1)?)
    }

    /// The terms of the edges, if the model takes any.
    fn encode_edges(&self, edges: &EdgeIndex, edge_attr: Option<&Tensor>) -> Result<Option<Tensor>> {
        let Some(encoder) = &self.edge_emb else {
            return no_edge_attr(MODEL, edge_attr).map(|()| None);
        };
        let e = edges.num_edges();
        let (expected, fits): (_, &[&[usize]]) = match self.config.edge_dim {
            Some(d) => (format!("[{e}, {d}]"), &[&[e, d]]),
            None => (format!("types [{e}] or [{e}, 1]"), &[&[e], &[e, 1]]),
        };
        match edge_attr {
            Some(attr) if fits.contains(&attr.dims()) => {
                Ok(Some(encoder.forward(MODEL, "edge_attr", attr)?))
            }
            other => {
                let actual = other.map_or("none".into(), |attr| format!("{:?}", attr.dims()));
                Err(LayerError::argument(MODEL, "edge_attr", expected, actual).into())
            }
        }
    }
}

fn layer(c: &GpsConfig, vb: VarBuilder<'_>) -> Result<GpsConv> {
    let h = c.hidden_channels;
    let nn: MlpConfig = format!("Linear({h},{h}),ReLU,Linear({h},{h})").parse()?;
    let local: Arc<dyn LocalConv> = if c.has_edges() {
        Arc::new(GineConv::new(&GineConvConfig::new(nn), vb.pp("conv"))?)
    } else {
        Arc::new(GinConv::new(&GinConvConfig::new(nn), vb.pp("conv"))?)
    };
    let config = GpsConvConfig {
        heads: c.heads,
        dropout: c.dropout,
        act: c.act.clone(),
        act_kwargs: c.act_kwargs.clone(),
        norm: c.norm.clone(),
        norm_kwargs: c.norm_kwargs.clone(),
        attn_type: c.attn_type,
        attn_kwargs: c.attn_kwargs.clone(),
        ..GpsConvConfig::new(h)
    };
    Ok(GpsConv::new(&config, Some(local), vb)?)
}

impl GraphModel for Gps {
    fn level(&self) -> Level {
        self.config.level
    }

    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        let (n, f) = (edges.num_nodes().map_err(LayerError::from)?, self.config.in_channels);
        if x.dims() != [n, f] {
            let actual = format!("{:?}", x.dims());
            return Err(LayerError::argument(
                MODEL,
                "x",
                format!("[{n}, {f}] ([nodes, in_channels])"),
                actual,
            )
            .into());
        }
        let batch = graphs(MODEL, n, batch)?;
        let terms = self.encode_edges(edges, edge_attr)?;
        let mut h = self.encode(x, mode)?;
        for conv in &self.convs {
            h = conv.forward_edges(&h, edges, terms.as_ref(), Some(&batch), mode)?;
        }
        if self.config.level == Level::Graph {
            h = match self.config.pooling {
                GpsPooling::Sum => SumAggregation::default().forward(&h, &batch)?,
                GpsPooling::Mean => MeanAggregation::default().forward(&h, &batch)?,
            };
        }
        Ok(self.mlp.forward(&h)?)
    }

    /// None: that over all nodes of a graph is not on edges, and the local layer has none.
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
