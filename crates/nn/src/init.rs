//! How parameters start, as PyTorch Geometric starts them.
//!
//! Each function gives a hint for `VarBuilder::get_with_hints`; a file of weights ignores it, a
//! [`SeededVarMap`](crate::SeededVarMap) draws from it.

use candle_nn::Init;

/// Zeros.
pub const ZEROS: Init = Init::Const(0.0);

/// Ones.
pub const ONES: Init = Init::Const(1.0);

/// Uniform in ±√(6 / (d₋₂ + d₋₁)), from the last two dimensions of the shape (Glorot and Bengio, *Understanding
/// the difficulty of training deep feedforward neural networks*, 2010, eq. 16).
///
/// As PyTorch Geometric counts: the attention vector `[1, H, C]` of a GAT layer has the bound √(6 / (H + C)).
/// A shape with one dimension counts as `[1, d]`.
pub fn glorot_uniform(shape: &[usize]) -> Init {
    let fan = match shape {
        [.., a, b] => a + b,
        [a] => 1 + a,
        [] => 2,
    };
    symmetric((6.0 / fan.max(1) as f64).sqrt())
}

/// Normal with deviation √2 · √(2 / (fan_in + fan_out)): `torch.nn.init.xavier_normal_` with the gain of a ReLU, as DGL
/// starts its attention layers. As PyTorch counts, what follows the first two dimensions multiplies both fans.
pub fn xavier_normal(shape: &[usize]) -> Init {
    let fans = match shape {
        [a, b, rest @ ..] => (a + b) * rest.iter().product::<usize>(),
        [a] => 1 + a,
        [] => 2,
    };
    Init::Randn { mean: 0.0, stdev: (4.0 / fans.max(1) as f64).sqrt() }
}

/// Uniform in ±1/√fan_in: what `torch.nn.Linear` does to weights and biases (He et al. 2015 with a = √5), and
/// `torch.nn.LSTM` with the hidden size as fan.
pub fn fan_in_uniform(fan_in: usize) -> Init {
    symmetric(1.0 / (fan_in.max(1) as f64).sqrt())
}

fn symmetric(bound: f64) -> Init {
    Init::Uniform { lo: -bound, up: bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(init: Init) -> f64 {
        match init {
            Init::Uniform { lo, up } if lo == -up => up,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn glorot_counts_the_last_two_dimensions() {
        assert_eq!(bound(glorot_uniform(&[64, 1433])), (6.0f64 / 1497.0).sqrt());
        assert_eq!(bound(glorot_uniform(&[1, 8, 16])), (6.0f64 / 24.0).sqrt());
    }

    #[test]
    fn dgl_counts_the_receptive_field() {
        let deviation = |shape: &[usize]| match xavier_normal(shape) {
            Init::Randn { mean: 0.0, stdev } => stdev,
            other => panic!("{other:?}"),
        };
        assert_eq!(deviation(&[64, 36]), 0.2);
        assert_eq!(deviation(&[1, 3, 25]), 0.2); // fan_in 75, fan_out 25
    }

    #[test]
    fn linear_layers_start_as_in_pytorch() {
        // kaiming_uniform with a = √5: √(6 / ((1 + 5) fan))
        assert_eq!(bound(fan_in_uniform(25)), 0.2);
    }
}
