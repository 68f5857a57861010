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
    fn linear_layers_start_as_in_pytorch() {
        // kaiming_uniform with a = √5: √(6 / ((1 + 5) fan))
        assert_eq!(bound(fan_in_uniform(25)), 0.2);
    }
}
