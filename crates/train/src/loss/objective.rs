//! What should come out of a model, where some of it may be unknown.

use candle_core::{DType, Device, Tensor};
use candle_geometric_models::MetricKind;

use super::{Evaluation, MaskedLoss, Targets};
use crate::config::LossKind;
use crate::metrics::{F1Counts, roc_auc};
use crate::{Error, Result};

/// What every row of a model's output should be.
#[derive(Debug, Clone)]
pub(crate) enum Objective {
    /// Classes: all of them are known.
    Classes(MaskedLoss),
    /// Numbers, or labels of 0 and 1, `[M, T]`.
    Numbers {
        loss: LossKind,
        y: Tensor,
        /// 1 where they are known and 0 where not, `[M, T]`.
        known: Tensor,
    },
}

impl Objective {
    /// Of labels `[M]` of u32, or `[M, T]` of floats that are known where `known` is 1.
    pub(crate) fn new(loss: LossKind, y: &Tensor, known: Option<&Tensor>, classes: usize) -> Result<Self> {
        if loss == LossKind::CrossEntropy {
            let targets = Targets::classes(&y.to_vec1::<u32>()?, classes)?;
            return Ok(Self::Classes(MaskedLoss::new(&targets, &vec![true; y.elem_count()], "labels")?));
        }
        let y = y.to_dtype(DType::F32)?;
        let known = known.map_or_else(|| y.ones_like(), |known| known.to_dtype(DType::F32))?;
        Ok(Self::Numbers { loss, y, known })
    }

    /// Whether what should come out are labels, of which an output above 0 says that they are there.
    pub(crate) fn are_labels(&self) -> bool {
        matches!(self, Self::Numbers { loss: LossKind::BceWithLogits, .. })
    }

    /// The mean loss of outputs `[M, T]`, a scalar; 0 where nothing is known.
    pub(crate) fn forward(&self, outputs: &Tensor) -> Result<Tensor> {
        match self {
            Self::Classes(loss) => loss.forward(outputs),
            Self::Numbers { loss, y, known } => {
                check(outputs, y)?;
                let (y, known) = (y.to_device(outputs.device())?, known.to_device(outputs.device())?);
                let terms = match loss {
                    LossKind::MeanSquaredError => (outputs - &y)?.sqr()?,
                    // max(z, 0) − z y + log(1 + exp(−|z|))
                    _ => {
                        let beyond = (outputs.abs()?.neg()?.exp()? + 1.0)?.log()?;
                        ((outputs.relu()? - (outputs * &y)?)? + beyond)?
                    }
                };
                let count = f64::from(known.sum_all()?.to_scalar::<f32>()?).max(1.0);
                Ok(((terms * known)?.sum_all()? / count)?)
            }
        }
    }

    /// Loss and metric of outputs `[M, T]`.
    pub(crate) fn evaluate(&self, outputs: &Tensor, metric: MetricKind) -> Result<Evaluation> {
        match self {
            Self::Classes(loss) => loss.evaluate_by(metric, outputs),
            Self::Numbers { y, known, .. } => {
                let loss = f64::from(self.forward(outputs)?.to_dtype(DType::F32)?.to_scalar::<f32>()?);
                if !loss.is_finite() {
                    return Err(Error::NotFinite { what: "loss", value: loss, place: String::new() });
                }
                let columns = Columns::new(outputs, y, known)?;
                Ok(Evaluation { loss, metric: columns.metric(metric)? })
            }
        }
    }
}

/// Outputs, labels and what is known of them, column by column, on the host.
struct Columns(Vec<Vec<(f64, f64)>>);

impl Columns {
    fn new(outputs: &Tensor, y: &Tensor, known: &Tensor) -> Result<Self> {
        let host = |t: &Tensor| t.to_dtype(DType::F64)?.t()?.contiguous()?.to_vec2::<f64>();
        let columns = host(outputs)?.into_iter().zip(host(y)?).zip(host(known)?);
        let pairs = columns.map(|((outputs, y), known)| {
            let all = outputs.into_iter().zip(y).zip(known);
            all.filter(|(_, known)| *known > 0.5).map(|(pair, _)| pair).collect()
        });
        Ok(Self(pairs.collect()))
    }

    fn metric(&self, metric: MetricKind) -> Result<f64> {
        let all = || self.0.iter().flatten();
        let count = all().count().max(1) as f64;
        Ok(match metric {
            MetricKind::Rmse => (all().map(|(o, y)| (o - y).powi(2)).sum::<f64>() / count).sqrt(),
            MetricKind::Mae => all().map(|(o, y)| (o - y).abs()).sum::<f64>() / count,
            MetricKind::RocAuc => self.mean_roc_auc()?,
            _ => {
                let mut counts = F1Counts::default();
                all().for_each(|&(o, y)| counts.add(&[o], &[y as f32]));
                F1Counts::f1([counts])
            }
        })
    }

    /// The mean over the columns that have positives and negatives, as MoleculeNet has it.
    fn mean_roc_auc(&self) -> Result<f64> {
        let mut areas = Vec::new();
        for column in &self.0 {
            let positive: Vec<bool> = column.iter().map(|(_, y)| *y > 0.5).collect();
            if positive.contains(&true) && positive.contains(&false) {
                let scores: Vec<f64> = column.iter().map(|(o, _)| *o).collect();
                areas.push(roc_auc(&Tensor::new(scores.as_slice(), &Device::Cpu)?, &positive)?);
            }
        }
        if areas.is_empty() {
            return Err(Error::invalid("y", "positives and negatives in a column", "none in any"));
        }
        Ok(areas.iter().sum::<f64>() / areas.len() as f64)
    }
}

fn check(outputs: &Tensor, y: &Tensor) -> Result<()> {
    if outputs.dims() == y.dims() {
        return Ok(());
    }
    Err(Error::invalid(
        "outputs",
        format!("shape {:?}, that of the labels", y.dims()),
        format!("{:?}", outputs.dims()),
    ))
}
