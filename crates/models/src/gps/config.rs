use candle_geometric_nn::ActivationKwargs;
use candle_geometric_nn::global::AttentionType;
use candle_geometric_nn::norm::NormKwargs;
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Gps, MODEL};
use crate::basic_gnn::{check_dropout, check_sizes, one, relu};
use crate::config::Architecture;
use crate::{Error, GraphModel, Level, Result};

/// What a [`Gps`] makes of the nodes of each graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GpsPooling {
    /// Their sum.
    #[default]
    Sum,
    /// Their mean.
    Mean,
}

/// The arguments of [`Gps`]; the defaults are PyTorch Geometric's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpsConfig {
    /// The number of columns of x: features, or a category, and behind them positional encodings.
    pub in_channels: usize,
    /// C, the width of the layers, at least 4.
    pub hidden_channels: usize,
    /// K, the number of outputs.
    pub out_channels: usize,
    /// The number of layers.
    pub num_layers: usize,
    /// How many of the last columns of x are positional encodings. Default 0.
    #[serde(default)]
    pub pe_channels: usize,
    /// How many of the C channels hold what becomes of the encodings, if there are any. Default 8.
    #[serde(default = "eight")]
    pub pe_dim: usize,
    /// The number of types of nodes, where the one column in front of the encodings is a type. Default none.
    #[serde(default)]
    pub num_node_types: Option<usize>,
    /// D, the number of edge features; none if edges have no features, or types. Default none.
    #[serde(default)]
    pub edge_dim: Option<usize>,
    /// The number of types of edges, where `edge_attr` is a type. Default none.
    #[serde(default)]
    pub num_edge_types: Option<usize>,
    /// The number of heads of the global attention. Default 1.
    #[serde(default = "one")]
    pub heads: usize,
    /// The probability with which a number is dropped in training, after each part of a layer. Default 0.
    #[serde(default)]
    pub dropout: f64,
    /// The activation in the network of each layer. Default relu.
    #[serde(default = "act")]
    pub act: String,
    /// Its arguments. Default none.
    #[serde(default)]
    pub act_kwargs: Option<ActivationKwargs>,
    /// The norm after each part of a layer. Default batch_norm.
    #[serde(default = "batch_norm")]
    pub norm: Option<String>,
    /// Its arguments. Default none.
    #[serde(default)]
    pub norm_kwargs: Option<NormKwargs>,
    /// The global attention. Default multihead.
    #[serde(default)]
    pub attn_type: AttentionType,
    /// Its arguments, as in [`GpsConvConfig`](candle_geometric_nn::global::GpsConvConfig). Default none.
    #[serde(default)]
    pub attn_kwargs: Option<Map<String, Value>>,
    /// Whether there is an output for each node or for each graph. Default graph.
    #[serde(default = "graph")]
    pub level: Level,
    /// What is made of the nodes of a graph where the output is for graphs. Default sum.
    #[serde(default)]
    pub pooling: GpsPooling,
}

fn eight() -> usize {
    8
}

fn act() -> String {
    relu().unwrap_or_default()
}

fn batch_norm() -> Option<String> {
    Some("batch_norm".into())
}

fn graph() -> Level {
    Level::Graph
}

impl GpsConfig {
    /// The defaults.
    pub fn new(in_channels: usize, hidden_channels: usize, out_channels: usize, num_layers: usize) -> Self {
        Self {
            in_channels,
            hidden_channels,
            out_channels,
            num_layers,
            pe_channels: 0,
            pe_dim: eight(),
            num_node_types: None,
            edge_dim: None,
            num_edge_types: None,
            heads: 1,
            dropout: 0.0,
            act: act(),
            act_kwargs: None,
            norm: batch_norm(),
            norm_kwargs: None,
            attn_type: AttentionType::Multihead,
            attn_kwargs: None,
            level: graph(),
            pooling: GpsPooling::Sum,
        }
    }

    /// Whether edges have features or types.
    pub(super) fn has_edges(&self) -> bool {
        self.edge_dim.is_some() || self.num_edge_types.is_some()
    }

    pub(super) fn check(&self) -> Result<()> {
        let sizes = [
            ("in_channels", self.in_channels),
            ("hidden_channels", self.hidden_channels),
            ("out_channels", self.out_channels),
            ("num_layers", self.num_layers),
            ("num_node_types", self.num_node_types.unwrap_or(1)),
            ("edge_dim", self.edge_dim.unwrap_or(1)),
            ("num_edge_types", self.num_edge_types.unwrap_or(1)),
            ("heads", self.heads),
        ];
        check_sizes(MODEL, &sizes)?;
        check_dropout(MODEL, "dropout", self.dropout)?;
        let Self { in_channels, hidden_channels: c, pe_channels, pe_dim, heads, .. } = *self;
        let wrong = |argument: &str, is: usize, expected: String| {
            Err(Error::config(MODEL, format!("{argument} is {is}, expected {expected}")))
        };
        if c < 4 {
            return wrong("hidden_channels", c, "at least 4: the last layer but one has a quarter".into());
        }
        if !c.is_multiple_of(heads) {
            return wrong("heads", heads, format!("a divisor of hidden_channels ({c})"));
        }
        if pe_channels >= in_channels {
            return wrong("pe_channels", pe_channels, format!("less than in_channels ({in_channels})"));
        }
        if pe_channels > 0 && !(1..c).contains(&pe_dim) {
            return wrong("pe_dim", pe_dim, format!("1 to {}, less than hidden_channels", c - 1));
        }
        if self.num_node_types.is_some() && in_channels - pe_channels != 1 {
            let expected = format!("1 + pe_channels ({}): there is one type", 1 + pe_channels);
            return wrong("in_channels", in_channels, expected);
        }
        match (self.edge_dim, self.num_edge_types) {
            (Some(d), Some(_)) => wrong("edge_dim", d, "none beside num_edge_types".into()),
            _ => Ok(()),
        }
    }
}

impl Architecture for GpsConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(Gps::new(self, vb)?))
    }
}
