use candle_core::{Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops as ops;

use super::{Subject, Target, check_below, gradient_of, host};
use crate::{Error, Result};

/// How much each feature and each edge adds to a logit.
#[derive(Debug, Clone)]
pub struct Saliency {
    /// Of every feature of every node, `[N, F]`.
    pub nodes: Tensor,
    /// Of every edge, in the caller's order.
    pub edges: Vec<f64>,
}

/// Gradient × input (Shrikumar et al., *Not Just a Black Box*, 2016) of the logit y of `target`: `x · ∂y/∂x` of every feature, and
/// `∂y/∂m` of every edge, where m = 1 is the factor of its message in every layer.
///
/// The sign says whether something speaks for the class or against it.
///
/// # Errors
/// If the model fails, there is no such row or class, or the logits depend on the features or the edge mask not at all.
pub fn gradient<M>(subject: &Subject<M>, target: Target) -> Result<Saliency>
where
    M: Fn(&Tensor, &EdgeIndex, &Tensor) -> candle_core::Result<Tensor>,
{
    let (x, mask) = at(subject, target, 1.0)?;
    Ok(Saliency { nodes: (subject.x() * x)?, edges: host(&mask)? })
}

/// Integrated gradients (Sundararajan, Taly, Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017, eq. 1), from no features and
/// no messages to all of them at once: `x ∫ ∂y/∂x dt` and `∫ ∂y/∂m dt` at (t·x, m = t), t from 0 to 1, by the midpoint rule
/// with so many steps. All of it together adds up to what the logit gains on the way, but for the error of the rule.
///
/// # Errors
/// As [`gradient`], and if `steps` is 0.
pub fn integrated_gradients<M>(subject: &Subject<M>, target: Target, steps: usize) -> Result<Saliency>
where
    M: Fn(&Tensor, &EdgeIndex, &Tensor) -> candle_core::Result<Tensor>,
{
    if steps == 0 {
        return Err(Error::Invalid { argument: "steps", expected: "at least 1".into(), actual: "0".into() });
    }
    let (mut nodes, mut edges) = (subject.x().zeros_like()?, vec![0.0; subject.edges().num_edges()]);
    let n = steps as f64;
    for step in 0..steps {
        let (x, mask) = at(subject, target, (step as f64 + 0.5) / n)?;
        nodes = (nodes + (x / n)?)?;
        edges.iter_mut().zip(host(&mask)?).for_each(|(sum, g)| *sum += g / n);
    }
    Ok(Saliency { nodes: (subject.x() * nodes)?, edges })
}

/// The gradients of the logit by the features and the mask, at `t` times both.
fn at<M>(subject: &Subject<M>, target: Target, t: f64) -> Result<(Tensor, Tensor)>
where
    M: Fn(&Tensor, &EdgeIndex, &Tensor) -> candle_core::Result<Tensor>,
{
    let x = Var::from_tensor(&(subject.x() * t)?)?;
    let mask = Var::from_tensor(&(subject.ones()? * t)?)?;
    let logits = subject.row(&x, &mask, target.row)?;
    check_below("class", target.class, logits.dim(0)?)?;
    let gradients = ops::backward(&logits.get(target.class)?).map_err(candle_core::Error::from)?;
    Ok((gradient_of(&gradients, &x, "the features")?, gradient_of(&gradients, &mask, "the edge mask")?))
}
