//! What the models of knowledge graphs share: tables of embeddings, and distances to all of them.

use candle_core::{D, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::{Error, Result, init};

/// A table of embeddings, `name.weight` `[rows, C]`, that starts as PyTorch Geometric starts it: by
/// [`init::glorot_uniform`].
pub(super) fn table(vb: &VarBuilder, name: &str, rows: usize, channels: usize) -> Result<Tensor> {
    table_from(vb, name, rows, channels, init::glorot_uniform(&[rows, channels]))
}

/// As [`table`], where it starts otherwise.
pub(super) fn table_from(
    vb: &VarBuilder,
    name: &str,
    rows: usize,
    channels: usize,
    start: Init,
) -> Result<Tensor> {
    Ok(vb.pp(name).get_with_hints((rows, channels), "weight", start)?)
}

/// That embeddings have channels.
pub(super) fn check_channels(layer: &'static str, hidden_channels: usize) -> Result<()> {
    if hidden_channels > 0 {
        return Ok(());
    }
    Err(Error::argument(layer, "hidden_channels", "at least 1", "0"))
}

/// That embeddings of nodes, which may be an encoder's, are `[N, C]`.
pub(super) fn check_nodes(layer: &'static str, nodes: &Tensor, shape: [usize; 2]) -> Result<()> {
    if nodes.dims() == shape {
        return Ok(());
    }
    let [n, c] = shape;
    let expected = format!("[{n}, {c}] ([num_nodes, hidden_channels])");
    Err(Error::argument(layer, "nodes", expected, format!("{:?}", nodes.dims())))
}

/// Σ x ⊙ y over the channels, `[K, C] → [K]`.
pub(super) fn dot(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    Ok((x * y)?.sum(D::Minus1)?)
}

/// √x, with the slope 0 at 0, where it has none, as in PyTorch.
pub(super) fn root(x: &Tensor) -> Result<Tensor> {
    let zero = x.eq(0.0)?.to_dtype(x.dtype())?;
    Ok(((x + &zero)?.sqrt()? - zero)?)
}

/// The most numbers of a block of differences.
const BLOCK: usize = 1 << 22;

/// The scores `[B, N]` of all nodes where a score is no product: those of as many nodes at once as fit into a block.
/// `score` gets the number of the first node of a block and how many there are, for scores `[B, nodes]`.
pub(super) fn in_blocks(
    [b, n, c]: [usize; 3],
    like: &Tensor,
    score: impl Fn(usize, usize) -> Result<Tensor>,
) -> Result<Tensor> {
    let at_once = (BLOCK / b.saturating_mul(c).max(1)).max(1);
    let blocks = (0..n).step_by(at_once).map(|start| score(start, at_once.min(n - start)));
    match blocks.collect::<Result<Vec<_>>>()?.as_slice() {
        [] => Ok(Tensor::zeros((b, n), like.dtype(), like.device())?),
        [one] => Ok(one.clone()),
        several => Ok(Tensor::cat(several, 1)?),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn blocks_are_put_together() {
        let scores = Tensor::arange(0f64, 35.0, &Device::Cpu).unwrap().reshape((5, 7)).unwrap();
        // Sizes at which 7, 3 and 1 nodes fit into a block.
        for channels in [1, BLOCK / 15, BLOCK] {
            let found = in_blocks([5, 7, channels], &scores, |start, count| {
                assert!(count * 5 * channels <= BLOCK || count == 1);
                Ok(scores.narrow(1, start, count)?)
            });
            assert_eq!(found.unwrap().to_vec2::<f64>().unwrap(), scores.to_vec2::<f64>().unwrap());
        }
        let none = in_blocks([5, 0, 1], &scores, |_, _| panic!("there are no blocks")).unwrap();
        assert_eq!(none.dims(), [5, 0]);
    }
}
