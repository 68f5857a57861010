//! What PyTorch Geometric's basic models share (`torch_geometric.nn.models.basic_gnn`): a stack of convolutions, each
//! followed by normalisation, activation and dropout, then jumping knowledge.

mod declare;

use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::conv::Attention;
use candle_geometric_nn::norm::{Norm, NormKwargs};
use candle_geometric_nn::{
    ActivationKwargs, ActivationLayer, JumpingKnowledge, JumpingKnowledgeConfig, JumpingKnowledgeMode,
    Linear, Mode, dropout,
};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};
pub(crate) use declare::{basic_gnn_config, basic_gnn_model};

pub(crate) const fn yes() -> bool {
    true
}

pub(crate) const fn one() -> usize {
    1
}

pub(crate) fn relu() -> Option<String> {
    Some("relu".into())
}

/// What a basic model makes of the results of its layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Jk {
    /// The last layer's.
    Last,
    /// All, side by side.
    Cat,
    /// The largest, channel by channel.
    Max,
    /// A sum weighted by a bidirectional LSTM over the layers.
    Lstm,
}

/// The arguments that all basic models have.
pub(crate) struct Shared<'a> {
    pub(crate) architecture: &'static str,
    pub(crate) in_channels: usize,
    pub(crate) hidden_channels: usize,
    pub(crate) num_layers: usize,
    pub(crate) out_channels: Option<usize>,
    pub(crate) dropout: f64,
    pub(crate) act: Option<&'a str>,
    pub(crate) act_first: bool,
    pub(crate) act_kwargs: Option<&'a ActivationKwargs>,
    pub(crate) norm: Option<&'a str>,
    pub(crate) norm_kwargs: Option<&'a NormKwargs>,
    pub(crate) jk: Option<Jk>,
}

/// Checks that sizes are at least 1, and no larger than ever makes sense: their products then do not overflow.
pub(crate) fn check_sizes(architecture: &str, sizes: &[(&str, usize)]) -> Result<()> {
    for &(name, size) in sizes {
        let max = if name == "num_layers" { 1 << 16 } else { 1 << 24 };
        if !(1..=max).contains(&size) {
            return Err(Error::config(architecture, format!("{name} is {size}, expected 1 to {max}")));
        }
    }
    Ok(())
}

/// Checks that a number is a probability.
pub(crate) fn check_dropout(architecture: &str, name: &str, p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) {
        return Ok(());
    }
    Err(Error::config(architecture, format!("{name} is {p}, expected a probability in [0, 1]")))
}

/// Checks that a model that knows nothing of edge features is given none.
pub(crate) fn no_edge_attr(architecture: &'static str, edge_attr: Option<&Tensor>) -> Result<()> {
    let Some(attr) = edge_attr else { return Ok(()) };
    let actual = format!("{:?}", attr.dims());
    Err(candle_geometric_nn::Error::argument(architecture, "edge_attr", "none", actual).into())
}

/// The convolution of a basic model.
pub(crate) trait Convolution: Send + Sync {
    fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        mode: Mode<'_>,
    ) -> Result<Tensor>;

    /// The result in evaluation mode, with the message of every edge multiplied by its entry of `edge_mask`.
    fn masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        edge_mask: &Tensor,
    ) -> Result<Tensor>;

    /// The result in evaluation mode and the attention, of which there is none in most convolutions.
    fn with_attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
    ) -> Result<(Tensor, Option<Attention>)> {
        Ok((self.forward(x, edges, edge_attr, Mode::Eval)?, None))
    }
}

/// A stack of convolutions. Parameters: `convs.i`, `norms.i`, `act`, `jk`, `lin`, as in PyTorch Geometric.
pub(crate) struct BasicGnn<C> {
    convs: Vec<C>,
    /// One for each hidden layer; a convolution without one here gives the output.
    hidden: Vec<Hidden>,
    jk: Option<JumpingKnowledge>,
    lin: Option<Linear>,
}

/// What follows the convolution of a hidden layer.
struct Hidden {
    norm: Option<Norm>,
    act: Option<ActivationLayer>,
    act_first: bool,
    dropout: f64,
}

impl<C: Convolution> BasicGnn<C> {
    /// `conv(inputs, outputs, is_output, vb)` makes a convolution; `is_output` where its result is the model's.
    pub(crate) fn new(
        shared: &Shared<'_>,
        vb: VarBuilder<'_>,
        conv: impl Fn(usize, usize, bool, VarBuilder<'_>) -> Result<C>,
    ) -> Result<Self> {
        let Shared { num_layers, hidden_channels, .. } = *shared;
        let sizes = [
            ("in_channels", shared.in_channels),
            ("hidden_channels", hidden_channels),
            ("num_layers", num_layers),
            ("out_channels", shared.out_channels.unwrap_or(hidden_channels)),
        ];
        check_sizes(shared.architecture, &sizes)?;
        check_dropout(shared.architecture, "dropout", shared.dropout)?;
        let output = if shared.jk.is_none() { shared.out_channels } else { None };
        let convs = (0..num_layers).map(|i| {
            let inputs = if i == 0 { shared.in_channels } else { hidden_channels };
            let output = output.filter(|_| i + 1 == num_layers);
            conv(inputs, output.unwrap_or(hidden_channels), output.is_some(), vb.pp("convs").pp(i))
        });
        let convs = convs.collect::<Result<Vec<_>>>()?;
        // Without jumping knowledge nothing follows the last convolution, even where there is no out_channels.
        let num_hidden = if shared.jk.is_some() { num_layers } else { num_layers - 1 };
        let act = shared.activation(vb.pp("act"))?;
        let hidden = (0..num_hidden).map(|i| Hidden::new(shared, act.clone(), vb.pp("norms").pp(i)));
        let hidden = hidden.collect::<Result<Vec<_>>>()?;
        let (jk, lin) = match shared.jk {
            None => (None, None),
            Some(jk) => {
                let inputs = if jk == Jk::Cat { num_layers * hidden_channels } else { hidden_channels };
                let outputs = shared.out_channels.unwrap_or(hidden_channels);
                let lin = Linear::new(inputs, outputs, true, vb.pp("lin"))?;
                (jk.layer(hidden_channels, num_layers, vb.pp("jk"))?, Some(lin))
            }
        };
        Ok(Self { convs, hidden, jk, lin })
    }

    pub(crate) fn forward(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        self.stack(x, batch, mode, |conv, x| conv.forward(x, edges, edge_attr, mode))
    }

    pub(crate) fn masked(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        edge_mask: &Tensor,
    ) -> Result<Tensor> {
        self.stack(x, batch, Mode::Eval, |conv, x| conv.masked(x, edges, edge_attr, edge_mask))
    }

    /// The layers with what follows each of them.
    fn stack(
        &self,
        x: &Tensor,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
        convolve: impl Fn(&C, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut x = x.clone();
        let mut layers = Vec::new();
        for (i, conv) in self.convs.iter().enumerate() {
            x = convolve(conv, &x)?;
            if let Some(hidden) = self.hidden.get(i) {
                x = hidden.forward(&x, batch, mode)?;
            }
            if self.jk.is_some() {
                layers.push(x.clone());
            }
        }
        if let Some(jk) = &self.jk {
            x = jk.forward(&layers)?;
        }
        match &self.lin {
            Some(lin) => Ok(lin.forward(&x)?),
            None => Ok(x),
        }
    }

    pub(crate) fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        let mut x = x.clone();
        let mut all = Vec::new();
        for (i, conv) in self.convs.iter().enumerate() {
            let (result, attention) = conv.with_attention(&x, edges, edge_attr)?;
            all.extend(attention);
            x = match self.hidden.get(i) {
                Some(hidden) => hidden.forward(&result, batch, Mode::Eval)?,
                None => result,
            };
        }
        Ok(all)
    }
}

impl Hidden {
    fn new(shared: &Shared<'_>, act: Option<ActivationLayer>, vb: VarBuilder<'_>) -> Result<Self> {
        let norm_kwargs = shared.norm_kwargs.cloned().unwrap_or_default();
        let norm = shared
            .norm
            .map(|name| Norm::resolve(name, shared.hidden_channels, &norm_kwargs, vb))
            .transpose()?;
        if norm.is_none() && norm_kwargs != NormKwargs::default() {
            return Err(shared.error("norm_kwargs without norm"));
        }
        Ok(Self { norm, act, act_first: shared.act_first, dropout: shared.dropout })
    }

    fn forward(&self, x: &Tensor, batch: Option<&EdgeIndex>, mode: Mode<'_>) -> Result<Tensor> {
        let act = |x: Tensor| self.act.as_ref().map_or(Ok(x.clone()), |act| act.forward(&x));
        let norm =
            |x: Tensor| self.norm.as_ref().map_or(Ok(x.clone()), |norm| norm.forward_t(&x, batch, mode));
        let x = if self.act_first { norm(act(x.clone())?)? } else { act(norm(x.clone())?)? };
        Ok(dropout(&x, self.dropout, mode)?)
    }
}

impl Jk {
    fn layer(
        self,
        channels: usize,
        num_layers: usize,
        vb: VarBuilder<'_>,
    ) -> Result<Option<JumpingKnowledge>> {
        let mode = match self {
            Self::Last => return Ok(None),
            Self::Cat => JumpingKnowledgeMode::Cat,
            Self::Max => JumpingKnowledgeMode::Max,
            Self::Lstm => JumpingKnowledgeMode::Lstm,
        };
        let config = JumpingKnowledgeConfig { mode, channels: Some(channels), num_layers: Some(num_layers) };
        Ok(Some(JumpingKnowledge::new(&config, vb)?))
    }
}

impl Shared<'_> {
    fn activation(&self, vb: VarBuilder<'_>) -> Result<Option<ActivationLayer>> {
        let kwargs = self.act_kwargs.cloned().unwrap_or_default();
        if self.act.is_none() && kwargs != ActivationKwargs::default() {
            return Err(self.error("act_kwargs without act"));
        }
        Ok(self.act.map(|name| ActivationLayer::resolve(name, &kwargs, vb)).transpose()?)
    }

    pub(crate) fn error(&self, problem: impl Into<String>) -> Error {
        Error::config(self.architecture, problem)
    }
}
