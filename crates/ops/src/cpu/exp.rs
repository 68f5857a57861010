/// e^x for x ≤ 0 in single precision, with an error of at most 2 units in the last place; 0 below −87.3, where e^x
/// is no longer a normal number; NaN stays NaN.
///
/// Without branches and calls, so that loops over it become vector code.
#[inline(always)]
pub(super) fn nonpositive(x: f32) -> f32 {
    let (e, power) = split(x);
    if x < LOWEST { 0.0 } else { (e + 1.0) * power }
}

/// e^x − 1 for x ≤ 0 in single precision, with an error of at most 2 units in the last place, near 0 too; NaN stays
/// NaN.
#[inline(always)]
pub(super) fn nonpositive_m1(x: f32) -> f32 {
    let (e, power) = split(x);
    // The power is at most 1/2 or exactly 1: its difference to 1 loses nothing that the sum could show.
    e * power + (power - 1.0)
}

const LOWEST: f32 = -87.3;

/// `(e^r − 1, 2^k)` where `x = k ln 2 + r`, |r| ≤ ln 2 / 2, for x ≤ 0, or [`LOWEST`] where x is below: Cody and
/// Waite's reduction, and the polynomial of Cephes' `expf` (Moshier).
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    /// Adding this rounds a small number to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    let y = if x < LOWEST { LOWEST } else { x };
    let shifted = y * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = y - k * LN2_HI - k * LN2_LO;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 0.166_666_65;
    p = p * r + 0.5;
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    (p * r * r + r, f32::from_bits(power))
}

#[cfg(test)]
mod tests {
    use super::{nonpositive, nonpositive_m1};

    #[test]
    fn agrees_with_the_exponential() {
        let mut worst = 0f64;
        for i in 0..=873_000 {
            let x = -(i as f32) * 1e-4;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(nonpositive(x)) - exact).abs() / exact);
        }
        assert!(worst < 2.0 * f64::from(f32::EPSILON), "{worst}");
    }

    /// From the smallest numbers, where e^x − 1 = x, to where it is −1.
    #[test]
    fn less_one_agrees_near_zero_too() {
        let mut worst = 0f64;
        let steps = (0..=900_000).map(|i| -(i as f32) * 1e-4);
        for x in steps.chain((0..3_000).map(|i| -(0.97f32.powi(i)))) {
            let exact = f64::from(x).exp_m1();
            if x.is_normal() {
                worst = worst.max(((f64::from(nonpositive_m1(x)) - exact) / exact).abs());
            }
        }
        assert!(worst < 2.0 * f64::from(f32::EPSILON), "{worst}");
        assert_eq!(
            [0.0, -1e-40, -88.0, -1e4, f32::NEG_INFINITY].map(nonpositive_m1),
            [0.0, -1e-40, -1.0, -1.0, -1.0]
        );
        assert!(nonpositive_m1(f32::NAN).is_nan());
    }

    #[test]
    fn the_ends() {
        assert_eq!(nonpositive(0.0), 1.0);
        assert_eq!(nonpositive(-0.0), 1.0);
        assert_eq!(nonpositive(-1e4), 0.0);
        assert_eq!(nonpositive(f32::NEG_INFINITY), 0.0);
        assert!(nonpositive(f32::NAN).is_nan());
    }
}
