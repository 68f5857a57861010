//! What every basic model declares in the same words.

/// Declares the configuration of a basic model: the arguments that all have, then those of its convolution.
macro_rules! basic_gnn_config {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $type:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The number of features of a node.
            pub in_channels: usize,
            /// The width of the hidden layers.
            pub hidden_channels: usize,
            /// The number of convolutions.
            pub num_layers: usize,
            /// The width of the output; that of the hidden layers if there is none, and then the last convolution is
            /// a hidden layer. Default none.
            #[serde(default)]
            pub out_channels: Option<usize>,
            /// The probability with which an output of a hidden layer is dropped in training. Default 0.
            #[serde(default)]
            pub dropout: f64,
            /// The activation, see [`ActivationLayer`](candle_geometric_nn::ActivationLayer), or none; all layers share it. Default `relu`.
            #[serde(default = "crate::basic_gnn::relu")]
            pub act: Option<String>,
            /// Whether the activation comes before the normalisation. Default false.
            #[serde(default)]
            pub act_first: bool,
            /// Arguments of the activation. Default none.
            #[serde(default)]
            pub act_kwargs: Option<candle_geometric_nn::ActivationKwargs>,
            /// The normalisation of hidden layers, see [`Norm`](candle_geometric_nn::norm::Norm). Default none.
            #[serde(default)]
            pub norm: Option<String>,
            /// Arguments of the normalisation. Default none.
            #[serde(default)]
            pub norm_kwargs: Option<candle_geometric_nn::norm::NormKwargs>,
            /// Jumping knowledge: what is made of the results of all layers; then every convolution is a hidden layer,
            /// and a linear map gives the output. Default none.
            #[serde(default)]
            pub jk: Option<crate::Jk>,
            $($(#[$about])* pub $field: $type,)*
        }

        impl $name {
            /// The defaults of PyTorch Geometric.
            pub fn new(in_channels: usize, hidden_channels: usize, num_layers: usize) -> Self {
                Self {
                    in_channels,
                    hidden_channels,
                    num_layers,
                    out_channels: None,
                    dropout: 0.0,
                    act: crate::basic_gnn::relu(),
                    act_first: false,
                    act_kwargs: None,
                    norm: None,
                    norm_kwargs: None,
                    jk: None,
                    $($field: $default,)*
                }
            }

            fn shared(&self, architecture: &'static str) -> crate::basic_gnn::Shared<'_> {
                crate::basic_gnn::Shared {
                    architecture,
                    in_channels: self.in_channels,
                    hidden_channels: self.hidden_channels,
                    num_layers: self.num_layers,
                    out_channels: self.out_channels,
                    dropout: self.dropout,
                    act: self.act.as_deref(),
                    act_first: self.act_first,
                    act_kwargs: self.act_kwargs.as_ref(),
                    norm: self.norm.as_deref(),
                    norm_kwargs: self.norm_kwargs.as_ref(),
                    jk: self.jk,
                }
            }
        }
    };
}
/// What a model around a [`BasicGnn`] has of it, and its configuration.
macro_rules! basic_gnn_model {
    ($model:ident, $config:ident) => {
        impl crate::GraphModel for $model {
            fn forward_batch(
                &self,
                x: &candle_core::Tensor,
                edges: &candle_geometric_graph::EdgeIndex,
                edge_attr: Option<&candle_core::Tensor>,
                batch: Option<&candle_geometric_graph::EdgeIndex>,
                mode: candle_geometric_nn::Mode<'_>,
            ) -> crate::Result<candle_core::Tensor> {
                self.0.forward(x, edges, edge_attr, batch, mode)
            }

            fn forward_masked(
                &self,
                x: &candle_core::Tensor,
                edges: &candle_geometric_graph::EdgeIndex,
                edge_attr: Option<&candle_core::Tensor>,
                batch: Option<&candle_geometric_graph::EdgeIndex>,
                edge_mask: &candle_core::Tensor,
            ) -> crate::Result<candle_core::Tensor> {
                self.0.masked(x, edges, edge_attr, batch, edge_mask)
            }

            fn attention(
                &self,
                x: &candle_core::Tensor,
                edges: &candle_geometric_graph::EdgeIndex,
                edge_attr: Option<&candle_core::Tensor>,
                batch: Option<&candle_geometric_graph::EdgeIndex>,
            ) -> crate::Result<Vec<candle_geometric_nn::conv::Attention>> {
                self.0.attention(x, edges, edge_attr, batch)
            }
        }

        impl crate::config::Architecture for $config {
            fn in_channels(&self) -> usize {
                self.in_channels
            }

            fn out_channels(&self) -> usize {
                self.out_channels.unwrap_or(self.hidden_channels)
            }

            fn build(&self, vb: candle_nn::VarBuilder<'_>) -> crate::Result<Box<dyn crate::GraphModel>> {
                Ok(Box::new($model::new(self, vb)?))
            }
        }
    };
}
pub(crate) use {basic_gnn_config, basic_gnn_model};
