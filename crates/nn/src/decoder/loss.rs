//! Losses of the models of knowledge graphs.

use candle_core::Tensor;
use candle_geometric_ops as ops;

use crate::{Error, Result};

/// log(1 + exp x) = max(x, 0) + log(1 + exp −|x|): finite for every x. The maximum as (x + |x|) / 2, so that the slope at 0 is
/// 1/2 whatever that of |x| is taken to be.
fn softplus(x: &Tensor) -> Result<Tensor> {
    let size = x.abs()?;
    let above = ((x + &size)? * 0.5)?;
    Ok((above + (size.neg()?.exp()? + 1.0)?.log()?)?)
}

/// The loss of negative sampling: the mean of −log σ(s) over the scores s of true triples, `[K]`, and of −log σ(−s) over those
/// of false ones, `[K']`, all together. That of PyTorch Geometric's `ComplEx` and `RotatE`.
///
/// # Errors
/// If the scores have more than one dimension or differ in type.
///
/// ```
/// use candle_core::{Device, Tensor};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let (positive, negative) = (Tensor::new(&[0f64], &Device::Cpu)?, Tensor::new(&[0f64, 0.], &Device::Cpu)?);
/// let loss = candle_geometric_nn::decoder::logistic_loss(&positive, &negative)?;
/// assert!((loss.to_scalar::<f64>()? - 2f64.ln()).abs() < 1e-12);
/// # Ok(()) }
/// ```
pub fn logistic_loss(positive: &Tensor, negative: &Tensor) -> Result<Tensor> {
    Ok(softplus(&Tensor::cat(&[&positive.neg()?, negative], 0)?)?.mean_all()?)
}

/// The mean of max(0, margin − (positive − negative)), triple by triple.
pub(super) fn margin_loss(positive: &Tensor, negative: &Tensor, margin: f64) -> Result<Tensor> {
    let short = (margin - (positive - negative)?)?;
    Ok(ops::relu(&short)?.mean_all()?)
}

/// The loss of 1-vs-all training (Dettmers et al., *Convolutional 2D Knowledge Graph Embeddings*, AAAI 2018, eq. 2): every
/// node is a candidate for the tail of every question.
///
/// > mean over b, n of −y log σ(s_bn) − (1 − y) log(1 − σ(s_bn)), y = (1 − ε) \[n ∈ tails b\] + ε / N
///
/// with `label_smoothing` ε. `scores` is `[B, N]`, `tails[b]` are the true answers to question b; naming one twice changes
/// nothing.
///
/// # Errors
/// If `scores` is no matrix with a row for each of `tails`, a tail is not below N, or ε is not in \[0, 1\].
///
/// ```
/// use candle_core::{Device, Tensor};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let scores = Tensor::new(&[[3f64, -2., 0.5]], &Device::Cpu)?;
/// let loss = candle_geometric_nn::decoder::one_vs_all_loss(&scores, &[vec![0, 2]], 0.0)?;
/// let of = |s: f64| (1.0 + s.exp()).ln();
/// assert!((loss.to_scalar::<f64>()? - (of(-3.0) + of(-2.0) + of(-0.5)) / 3.0).abs() < 1e-12);
/// # Ok(()) }
/// ```
pub fn one_vs_all_loss(scores: &Tensor, tails: &[impl AsRef<[u32]>], label_smoothing: f64) -> Result<Tensor> {
    const NAME: &str = "one_vs_all_loss";
    let (b, n) = match scores.dims() {
        &[b, n] if b == tails.len() && b > 0 && n > 0 => (b, n),
        dims => {
            let expected = format!("[{}, N] ([questions, nodes]), none of them 0", tails.len());
            return Err(Error::argument(NAME, "scores", expected, format!("{dims:?}")));
        }
    };
    if !(0.0..=1.0).contains(&label_smoothing) {
        let expected = "a number in [0, 1]";
        return Err(Error::argument(NAME, "label_smoothing", expected, label_smoothing.to_string()));
    }
    let mut labels = vec![0u8; b * n];
    for (row, tails) in labels.chunks_mut(n).zip(tails) {
        for &tail in tails.as_ref() {
            let Some(label) = row.get_mut(tail as usize) else {
                return Err(Error::argument(NAME, "tails", format!("nodes below {n}"), tail.to_string()));
            };
            *label = 1;
        }
    }
    let labels = Tensor::from_vec(labels, (b, n), scores.device())?.to_dtype(scores.dtype())?;
    // −y log σ(s) − (1 − y) log σ(−s) = log(1 + exp s) − y s.
    let correct = ((labels * scores)?.mean_all()? * (1.0 - label_smoothing))?;
    let any = (scores.mean_all()? * (label_smoothing / n as f64))?;
    Ok(((softplus(scores)?.mean_all()? - correct)? - any)?)
}
