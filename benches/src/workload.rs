//! One repetition of what is measured: a layer forward, forward and backward, or a step of training.

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor, Var};
use candle_geometric::graph::rng::Generator;
use candle_geometric::graph::{EdgeIndex, transforms};
use candle_geometric::nn::conv::{
    GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig, GcnConv, GcnConvConfig, SageConv, SageConvConfig,
    TransformerConv, TransformerConvConfig,
};
use candle_geometric::nn::{self, Activation, Mode, SeededVarMap};
use candle_geometric::ops;
use candle_nn::VarBuilder;

use crate::epoch;
use crate::graphs::Case;

/// One repetition.
pub type Step = Box<dyn FnMut() -> Result<()>>;

type Forward = Box<dyn Fn(&Tensor, &EdgeIndex, Mode<'_>) -> nn::Result<Tensor>>;

/// What a repetition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Forward in inference: no gradients.
    Forward,
    /// Forward and backward in training mode without dropout, with the gradient of x too, from a fixed random
    /// gradient of the output.
    ForwardBackward,
    /// A step of training.
    Step,
}

impl FromStr for Pass {
    type Err = anyhow::Error;

    fn from_str(s: &str) -> Result<Self> {
        Ok(match s {
            "fwd" => Self::Forward,
            "fb" => Self::ForwardBackward,
            "step" => Self::Step,
            _ => bail!("{s:?} is none of fwd, fb, step"),
        })
    }
}

/// A layer by its name in PyTorch Geometric (or `PpiGAT`, `epoch-dense`, `epoch-sparse`), ready to be repeated.
///
/// # Errors
/// If the name is not known, or does not go with the pass.
pub fn workload(case: &Case, layer: &str, pass: Pass) -> Result<Step> {
    let share = match layer {
        "epoch-dense" => Some(1.0),
        "epoch-sparse" => Some(0.013),
        _ => None,
    };
    if share.is_some() != (pass == Pass::Step) {
        bail!("layer {layer} does not go with that mode");
    }
    if let Some(share) = share {
        return epoch::epoch(case.edges.clone(), case.features, share);
    }
    // Self-loops and both orders of the edges are the graph: the peers get them ready-made too.
    for edges in [&case.edges, &transforms::with_self_loops(&case.edges)?.edges] {
        edges.by_destination();
        edges.by_source();
    }
    let map = SeededVarMap::new(0);
    let trained = make(case, layer, map.var_builder(DType::F32, &Device::Cpu))?;
    let edges = case.edges.clone();
    let x = Var::randn(0f32, 1f32, (edges.num_nodes()?, case.features), &Device::Cpu)?;
    if pass == Pass::Forward {
        let weights = map.to_tensors()?.into_iter().collect();
        let used = make(case, layer, VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu))?;
        let x = x.as_detached_tensor();
        return Ok(Box::new(move || used(&x, &edges, Mode::Eval).map(drop).map_err(Into::into)));
    }
    let gradient = Tensor::randn(0f32, 1f32, (edges.num_nodes()?, width(case, layer)), &Device::Cpu)?;
    let generator = Generator::new(0);
    Ok(Box::new(move || {
        let out = trained(&x, &edges, Mode::Train(&generator))?;
        let gradients = ops::backward_from(&out, &gradient)?;
        gradients.get(&x).context("x got no gradient")?;
        Ok(())
    }))
}

fn width(case: &Case, layer: &str) -> usize {
    if layer == "PpiGAT" { 121 } else { case.heads * case.channels }
}

/// The layer of a name with the widths of the case.
fn make(case: &Case, layer: &str, vb: VarBuilder<'_>) -> Result<Forward> {
    let &Case { features, heads, channels, .. } = case;
    Ok(match layer {
        "GATConv" => {
            let conv = GatConv::new(&GatConvConfig { heads, ..GatConvConfig::new(features, channels) }, vb)?;
            Box::new(move |x, e, mode| conv.forward_t(x, e, mode))
        }
        "GATv2Conv" => {
            let config = Gatv2ConvConfig { heads, ..Gatv2ConvConfig::new(features, channels) };
            let conv = Gatv2Conv::new(&config, vb)?;
            Box::new(move |x, e, mode| conv.forward_t(x, e, mode))
        }
        "TransformerConv" => {
            let config = TransformerConvConfig { heads, ..TransformerConvConfig::new(features, channels) };
            let conv = TransformerConv::new(&config, vb)?;
            Box::new(move |x, e, mode| conv.forward_t(x, e, mode))
        }
        "GCNConv" => {
            let conv = GcnConv::new(&GcnConvConfig::new(features, heads * channels), vb)?;
            Box::new(move |x, e, mode| conv.forward_t(x, e, mode))
        }
        "SAGEConv" => {
            let conv = SageConv::new(&SageConvConfig::new(features, heads * channels), vb)?;
            Box::new(move |x, e, mode| conv.forward_t(x, e, mode))
        }
        "PpiGAT" => ppi(features, vb)?,
        _ => bail!("no layer {layer:?} here"),
    })
}

/// The inductive model of Veličković et al. 2018 without its skip connection: 50 → 4×256 → 4×256 → 6×121, the last
/// heads averaged.
fn ppi(features: usize, vb: VarBuilder<'_>) -> nn::Result<Forward> {
    let conv = |i: usize, from, to, heads, concat| {
        let config = GatConvConfig { heads, concat, ..GatConvConfig::new(from, to) };
        GatConv::new(&config, vb.pp(format!("conv{i}")))
    };
    let convs =
        [conv(1, features, 256, 4, true)?, conv(2, 1024, 256, 4, true)?, conv(3, 1024, 121, 6, false)?];
    let elu = Activation::Elu { alpha: 1.0 };
    Ok(Box::new(move |x, e, mode| {
        let x = elu.forward(&convs[0].forward_t(x, e, mode)?)?;
        let x = elu.forward(&convs[1].forward_t(&x, e, mode)?)?;
        convs[2].forward_t(&x, e, mode)
    }))
}
