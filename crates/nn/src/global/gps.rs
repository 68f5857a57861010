use std::sync::Arc;

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{LocalConv, MultiheadAttention, PerformerAttention, check, check_heads};
use crate::norm::{Norm, NormKwargs};
use crate::{ActivationKwargs, ActivationLayer, Error, Linear, Mode, Result, config, dropout};

const LAYER: &str = "GpsConv";

/// The global attention of a [`GpsConv`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttentionType {
    /// [`MultiheadAttention`].
    #[default]
    Multihead,
    /// [`PerformerAttention`].
    Performer,
}

/// The arguments of [`GpsConv`], with PyTorch Geometric's names and defaults, except the local layer, which comes as it
/// is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpsConvConfig {
    /// C.
    pub channels: usize,
    /// The number of heads of the global attention. Default 1.
    #[serde(default = "config::one")]
    pub heads: usize,
    /// The probability with which a number is dropped in training, after each part. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// The activation of the network in the end. Default relu.
    #[serde(default = "config::relu")]
    pub act: String,
    /// Its arguments. Default none.
    #[serde(default)]
    pub act_kwargs: Option<ActivationKwargs>,
    /// The norm after each part. Default batch_norm.
    #[serde(default = "batch_norm")]
    pub norm: Option<String>,
    /// Its arguments. Default none.
    #[serde(default)]
    pub norm_kwargs: Option<NormKwargs>,
    /// The global attention. Default multihead.
    #[serde(default)]
    pub attn_type: AttentionType,
    /// Its arguments, except channels and heads: `dropout` and `bias` of [`MultiheadAttention`], or those of
    /// [`PerformerAttention`]. Default none.
    #[serde(default)]
    pub attn_kwargs: Option<Map<String, Value>>,
}

fn batch_norm() -> Option<String> {
    Some("batch_norm".into())
}

impl GpsConvConfig {
    /// The defaults of PyTorch Geometric.
    pub fn new(channels: usize) -> Self {
        Self {
            channels,
            heads: 1,
            dropout: 0.0,
            act: config::relu(),
            act_kwargs: None,
            norm: batch_norm(),
            norm_kwargs: None,
            attn_type: AttentionType::Multihead,
            attn_kwargs: None,
        }
    }
}

/// A local layer and a global attention side by side (Rampášek et al., *Recipe for a General, Powerful, Scalable Graph
/// Transformer*, NeurIPS 2022, eq. 1 to 4).
///
/// > h = Norm₁(Conv(x, A) + x) + Norm₂(Attention(x) + x), y = Norm₃(h + MLP(h)), MLP(h) = W₂ act(W₁ h + b₁) + b₂
///
/// The attention is among the nodes of each graph. Without a local layer its term is not there.
///
/// Shapes: x `[N, C]`, result `[N, C]`. Parameters `conv.…` (give the local layer `vb.pp("conv")`), `attn.…` as
/// [`MultiheadAttention`] or [`PerformerAttention`], `mlp.0`, `mlp.3` {weight, bias}, `norm1.…`, `norm2.…`, `norm3.…`.
///
/// ```
/// use std::sync::Arc;
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_nn::conv::{GatConv, GatConvConfig};
/// use candle_geometric_nn::{Mode, SeededVarMap, global::{GpsConv, GpsConvConfig}};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
/// let local = GatConv::new(&GatConvConfig { heads: 2, ..GatConvConfig::new(6, 3) }, vb.pp("conv"))?;
/// let layer = GpsConv::new(&GpsConvConfig { heads: 2, ..GpsConvConfig::new(6) }, Some(Arc::new(local)), vb)?;
/// let edges = EdgeIndex::new(vec![0, 1, 2], vec![1, 0, 2], 3)?;
/// let batch = EdgeIndex::from_batch(&[0, 0, 1], 2)?;
/// let x = Tensor::ones((3, 6), DType::F32, &Device::Cpu)?;
/// assert_eq!(layer.forward(&x, &edges, Some(&batch))?.dims(), [3, 6]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct GpsConv {
    config: GpsConvConfig,
    conv: Option<Arc<dyn LocalConv>>,
    attn: Attention,
    mlp: (Linear, ActivationLayer, Linear),
    /// After the local layer, the attention, and the network.
    norms: Option<[Norm; 3]>,
}

#[derive(Debug, Clone)]
enum Attention {
    Multihead(MultiheadAttention),
    Performer(PerformerAttention),
}

impl GpsConv {
    /// A layer with the parameters that `vb` gives, around a local layer.
    ///
    /// # Errors
    /// If an argument is out of range or not known, or `vb` has no such parameters.
    pub fn new(config: &GpsConvConfig, conv: Option<Arc<dyn LocalConv>>, vb: VarBuilder) -> Result<Self> {
        let (c, channels) = (config.clone(), config.channels);
        check_heads(LAYER, "heads", channels, c.heads, c.dropout)?;
        let attn = match c.attn_type {
            AttentionType::Multihead => {
                let config = c.of_attention([("embed_dim", channels), ("num_heads", c.heads)])?;
                Attention::Multihead(MultiheadAttention::new(&config, vb.pp("attn"))?)
            }
            AttentionType::Performer => {
                let config = c.of_attention([("channels", channels), ("heads", c.heads)])?;
                Attention::Performer(PerformerAttention::new(&config, vb.pp("attn"))?)
            }
        };
        let (mlp, hidden) = (vb.pp("mlp"), channels.saturating_mul(2));
        let act = ActivationLayer::resolve(&c.act, &c.act_kwargs.clone().unwrap_or_default(), mlp.pp(1))?;
        let kwargs = c.norm_kwargs.clone().unwrap_or_default();
        let norms = |name: &String| -> Result<[Norm; 3]> {
            let norm = |at: &str| Norm::resolve(name, channels, &kwargs, vb.pp(at));
            Ok([norm("norm1")?, norm("norm2")?, norm("norm3")?])
        };
        Ok(Self {
            conv,
            attn,
            mlp: (
                Linear::new(channels, hidden, true, mlp.pp(0))?,
                act,
                Linear::new(hidden, channels, true, mlp.pp(3))?,
            ),
            norms: c.norm.as_ref().map(norms).transpose()?,
            config: c,
        })
    }

    /// The arguments of the layer.
    pub fn config(&self) -> &GpsConvConfig {
        &self.config
    }

    /// The new features of the nodes, in inference, without edge features.
    ///
    /// # Errors
    /// If a shape does not fit, or the local layer wants edge features.
    pub fn forward(&self, x: &Tensor, edges: &EdgeIndex, batch: Option<&EdgeIndex>) -> Result<Tensor> {
        self.forward_edges(x, edges, None, batch, Mode::Eval)
    }

    /// As [`forward`](Self::forward), with dropout and the statistics of the batch in training.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_t(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Tensor> {
        self.forward_edges(x, edges, None, batch, mode)
    }

    /// As [`forward_t`](Self::forward_t), with what the local layer takes with an edge: features or weights.
    ///
    /// # Errors
    /// If a shape does not fit, or edge features are given where there is no local layer, or one that takes none.
    pub fn forward_edges(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode,
    ) -> Result<Tensor> {
        check(LAYER, x, self.config.channels, batch)?;
        let norm = |k: usize, h: &Tensor| match &self.norms {
            Some(norms) => norms[k].forward_t(h, batch, mode),
            None => Ok(h.clone()),
        };
        let p = self.config.dropout;
        let local = match (&self.conv, edge_attr) {
            (Some(conv), _) => {
                let h = dropout(&conv.forward_local(x, edges, edge_attr, mode)?, p, mode)?;
                if h.dims() != x.dims() {
                    let expected = format!("a layer with {} outputs for each node", self.config.channels);
                    return Err(Error::argument(LAYER, "conv", expected, format!("{:?}", h.dims())));
                }
                Some(norm(0, &(h + x)?)?)
            }
            (None, Some(attr)) => {
                let expected = "none, because there is no local layer";
                return Err(Error::argument(LAYER, "edge_attr", expected, format!("{:?}", attr.dims())));
            }
            (None, None) => None,
        };
        let h = match &self.attn {
            Attention::Multihead(attn) => attn.forward_t(x, batch, mode)?,
            Attention::Performer(attn) => attn.forward_t(x, batch, mode)?,
        };
        let mut h = norm(1, &(dropout(&h, p, mode)? + x)?)?;
        if let Some(local) = local {
            h = (local + h)?;
        }
        let (first, act, second) = &self.mlp;
        let hidden = dropout(&act.forward(&first.forward(&h)?)?, p, mode)?;
        norm(2, &(&h + dropout(&second.forward(&hidden)?, p, mode)?)?)
    }
}

impl GpsConvConfig {
    /// The configuration of the global attention.
    fn of_attention<T: DeserializeOwned>(&self, own: [(&str, usize); 2]) -> Result<T> {
        let mut kwargs = self.attn_kwargs.clone().unwrap_or_default();
        kwargs.extend(own.map(|(name, value)| (name.to_string(), value.into())));
        let all = Value::Object(kwargs);
        serde_json::from_value(all.clone()).map_err(|e| {
            Error::argument(LAYER, "attn_kwargs", "arguments of the attention", format!("{all}: {e}"))
        })
    }
}
