use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::{Subject, host};
use crate::{Error, Result};

/// What a model says of one output with everything, with an explanation alone, and without it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// The class with all edges.
    pub full: u32,
    /// The class where messages are weighed by the explanation.
    pub kept: u32,
    /// The class where they are weighed by 1 minus the explanation.
    pub removed: u32,
    /// Unfaithfulness (Agarwal et al., *Evaluating Explainability for Graph Neural Networks*, 2023): 1 − exp(−KL(p_kept ‖ p_full)), 0 to 1.
    pub unfaithfulness: f64,
}

/// How well explanations fit the model (Pope et al. 2019; Amara et al., *GraphFramEx*, LoG 2022, section 3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fidelity {
    /// Fidelity⁺, high for an explanation that is **necessary**: how often the answer changes without it.
    pub plus: f64,
    /// Fidelity⁻, low for an explanation that is **sufficient**: how often the answer changes with it alone.
    pub minus: f64,
}

impl Judgement {
    /// What the model says of `row` with and without an explanation, one weight from 0 to 1 per edge.
    ///
    /// # Errors
    /// If `explanation` has another length or other weights, there is no such row, or the model fails.
    pub fn of<M>(subject: &Subject<M>, row: usize, explanation: &[f64]) -> Result<Self>
    where
        M: Fn(&Tensor, &EdgeIndex, &Tensor) -> candle_core::Result<Tensor>,
    {
        let kept = subject.mask("explanation", explanation)?;
        if let Some((e, weight)) = explanation.iter().enumerate().find(|(_, w)| !(0.0..=1.0).contains(*w)) {
            return Err(Error::Invalid {
                argument: "explanation",
                expected: "weights from 0 to 1".into(),
                actual: format!("{weight} at edge {e}"),
            });
        }
        let logits = |mask: &Tensor| subject.row(subject.x(), mask, row);
        let class = |logits: &Tensor| -> Result<u32> { Ok(logits.argmax(D::Minus1)?.to_scalar()?) };
        let (full, removed) = (logits(&subject.ones()?)?, logits(&(1.0 - &kept)?)?);
        let kept = logits(&kept)?;
        let log = |logits: &Tensor| host(&candle_nn::ops::log_softmax(logits, 0)?);
        let (log_kept, log_full) = (log(&kept)?, log(&full)?);
        let divergence: f64 = log_kept.iter().zip(&log_full).map(|(k, f)| k.exp() * (k - f)).sum();
        Ok(Self {
            full: class(&full)?,
            kept: class(&kept)?,
            removed: class(&removed)?,
            unfaithfulness: 1.0 - (-divergence.max(0.0)).exp(),
        })
    }
}

impl Fidelity {
    /// Of explanations of the *model*: what it said with everything is what counts.
    /// fid⁺ = 1 − mean \[removed = full\], fid⁻ = 1 − mean \[kept = full\].
    ///
    /// # Errors
    /// If there are none.
    pub fn of_model(judgements: &[Judgement]) -> Result<Self> {
        let changed = |class: fn(&Judgement) -> u32| {
            mean(judgements.iter().map(|j| f64::from(class(j) != j.full)).collect())
        };
        Ok(Self { plus: changed(|j| j.removed)?, minus: changed(|j| j.kept)? })
    }

    /// Of explanations of the *phenomenon*: whether it is the right class, in `labels`, is what counts.
    /// fid⁺ = mean |\[full = label\] − \[removed = label\]|, fid⁻ = mean |\[full = label\] − \[kept = label\]|.
    ///
    /// # Errors
    /// If there are none, or not one label for each.
    pub fn of_phenomenon(judgements: &[Judgement], labels: &[u32]) -> Result<Self> {
        if labels.len() != judgements.len() {
            return Err(Error::Invalid {
                argument: "labels",
                expected: format!("one for each of {} judgements", judgements.len()),
                actual: format!("{} labels", labels.len()),
            });
        }
        let changed = |class: fn(&Judgement) -> u32| {
            let both = judgements.iter().zip(labels);
            mean(both.map(|(j, &label)| f64::from((j.full == label) != (class(j) == label))).collect())
        };
        Ok(Self { plus: changed(|j| j.removed)?, minus: changed(|j| j.kept)? })
    }

    /// The characterisation score (Amara et al. 2022, eq. 5): the harmonic mean of fid⁺ and 1 − fid⁻ with these weights, which
    /// are 0.5 and 0.5 as a rule. 0 where one of the two is 0.
    ///
    /// # Errors
    /// If the weights are not at least 0 and together 1.
    pub fn characterization(&self, plus_weight: f64, minus_weight: f64) -> Result<f64> {
        let fits =
            plus_weight >= 0.0 && minus_weight >= 0.0 && (plus_weight + minus_weight - 1.0).abs() < 1e-9;
        if !fits {
            return Err(Error::Invalid {
                argument: "weights",
                expected: "two numbers of at least 0 that add up to 1".into(),
                actual: format!("{plus_weight} and {minus_weight}"),
            });
        }
        let term = |weight: f64, of: f64| if weight == 0.0 { 0.0 } else { weight / of };
        Ok(1.0 / (term(plus_weight, self.plus) + term(minus_weight, 1.0 - self.minus)))
    }
}

fn mean(values: Vec<f64>) -> Result<f64> {
    if values.is_empty() {
        return Err(Error::Invalid {
            argument: "judgements",
            expected: "at least one".into(),
            actual: "none".into(),
        });
    }
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}
