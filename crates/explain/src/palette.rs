//! Colours and the scale of the colour bar.

/// Red, green and blue.
pub(crate) type Rgb = [u8; 3];

/// The line around nodes, and that of the colour bar.
pub(crate) const DARK: Rgb = [43, 43, 51];
/// Remarks.
pub(crate) const GREY: Rgb = [106, 106, 116];
/// Where there is nothing to show: half an edge that is not there, a bond.
pub(crate) const PALE: Rgb = [217, 217, 222];
/// The page.
pub(crate) const WHITE: Rgb = [255, 255, 255];

/// Pale to dark in equal steps of lightness, readable on white, in print and by the colour-blind.
pub(crate) const RAMP: [Rgb; 6] =
    [[216, 211, 204], [236, 186, 149], [228, 124, 103], [188, 60, 94], [121, 26, 92], [51, 10, 66]];

/// Light enough for black text on them, the most different ones first.
pub(crate) const CLASSES: [Rgb; 12] = [
    [118, 183, 235],
    [255, 200, 87],
    [126, 205, 165],
    [240, 160, 200],
    [190, 175, 230],
    [178, 217, 90],
    [222, 190, 150],
    [190, 190, 190],
    [120, 215, 215],
    [245, 150, 130],
    [245, 240, 130],
    [150, 165, 205],
];

/// The fill of a class. After twelve classes the colours come again.
pub(crate) fn class(class: u32) -> Rgb {
    CLASSES[class as usize % CLASSES.len()]
}

/// The fill of a node without a class.
pub(crate) const NO_CLASS: Rgb = [220, 226, 234];

/// The colour of `t` in 0..=1.
pub(crate) fn ramp(t: f64) -> Rgb {
    let last = RAMP.len() - 1;
    let scaled = t.clamp(0.0, 1.0) * last as f64;
    let step = (scaled as usize).min(last - 1);
    let rest = scaled - step as f64;
    let mix = |c: usize| f64::from(RAMP[step][c]) * (1.0 - rest) + f64::from(RAMP[step + 1][c]) * rest;
    [0, 1, 2].map(|c| mix(c).round() as u8)
}

/// A scale from 0 to a round number.
#[derive(Debug, PartialEq)]
pub(crate) struct Scale {
    /// The distance between two ticks.
    pub(crate) step: f64,
    /// The number of steps from 0 to the end.
    pub(crate) steps: usize,
    /// The decimals that tell the ticks apart.
    pub(crate) decimals: usize,
}

impl Scale {
    /// The shortest scale of at most five steps that reaches `max`, in steps of 1, 2 or 5 times a power of ten.
    pub(crate) fn to(max: f64) -> Self {
        let (mut unit, mut decimals) = (1.0, 0);
        while 25.0 * unit < max {
            unit *= 10.0;
        }
        let mut best = Self { step: 5.0 * unit, steps: 5, decimals: 0 };
        // Below 1e-12 nothing is worth a scale of its own.
        while decimals <= 12 {
            for factor in [5.0, 2.0, 1.0] {
                let step = factor * unit;
                let steps = (max / step - 1e-9).ceil().max(1.0);
                if steps > 5.0 {
                    return best;
                }
                best = Self { step, steps: steps as usize, decimals };
            }
            decimals += usize::from(unit <= 1.0);
            unit /= 10.0;
        }
        Self { step: 1.0, steps: 1, decimals: 0 }
    }

    /// The value at the end of the scale.
    pub(crate) fn end(&self) -> f64 {
        self.step * self.steps as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        let of = |max| {
            let s = Scale::to(max);
            (s.steps, format!("{:.*}", s.decimals, s.end()))
        };
        assert_eq!(of(0.37), (4, "0.4".into()));
        assert_eq!(of(1.0), (5, "1.0".into()));
        assert_eq!(of(0.5), (5, "0.5".into()));
        assert_eq!(of(0.062), (4, "0.08".into()));
        assert_eq!(of(0.0), (1, "1".into()));
        assert_eq!(of(12.5), (3, "15".into()));
        assert_eq!(of(26.0), (3, "30".into()));
        assert_eq!(of(2600.0), (3, "3000".into()));
        assert!(Scale::to(3e-5).end() >= 3e-5);
    }

    #[test]
    fn the_ramp_reaches_both_ends() {
        assert_eq!(ramp(0.0), RAMP[0]);
        assert_eq!(ramp(1.0), RAMP[5]);
        assert_eq!(ramp(0.2), RAMP[1]);
        assert_eq!(ramp(7.0), RAMP[5]);
    }
}
