use std::fmt;
use std::str::FromStr;

use super::{Origin, Transformed};
use crate::{GraphError, Result};

/// What the attributes of a new self-loop on node `i` shall be: a number, or a reduction of the attributes of the
/// in-edges of `i`. PyG's `fill_value`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum FillValue {
    /// The mean; 0 for a node with no in-edges. PyG's default.
    #[default]
    Mean,
    /// The sum; 0 for a node with no in-edges.
    Add,
    /// The least, component by component; 0 for a node with no in-edges.
    Min,
    /// The greatest, component by component; 0 for a node with no in-edges.
    Max,
    /// The product; 1 for a node with no in-edges.
    Mul,
    /// This number in every component.
    Constant(f64),
}

impl FromStr for FillValue {
    type Err = GraphError;

    /// `mean`, `add` or its other name `sum`, `min`, `max`, `mul`, or a number.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "mean" => Self::Mean,
            "add" | "sum" => Self::Add,
            "min" => Self::Min,
            "max" => Self::Max,
            "mul" => Self::Mul,
            other => Self::Constant(other.parse().map_err(|_| GraphError::Invalid {
                argument: "fill_value",
                expected: "'mean', 'add' (or 'sum'), 'min', 'max', 'mul' or a number".into(),
                actual: format!("'{other}'"),
            })?),
        })
    }
}

impl From<f64> for FillValue {
    fn from(value: f64) -> Self {
        Self::Constant(value)
    }
}

impl fmt::Display for FillValue {
    /// The text that [`FromStr`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mean => f.write_str("mean"),
            Self::Add => f.write_str("add"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Mul => f.write_str("mul"),
            Self::Constant(value) => write!(f, "{value}"),
        }
    }
}

/// A floating-point number: `f32` or `f64`.
pub trait Real: Copy + sealed::Real {}
impl Real for f32 {}
impl Real for f64 {}

mod sealed {
    pub trait Real: std::ops::Add<Output = Self> + std::ops::Mul<Output = Self> + PartialOrd + Sized {
        fn from_f64(value: f64) -> Self;
        fn over(self, count: u32) -> Self;
        fn is_nan(&self) -> bool;
    }

    macro_rules! real {
        ($t:ty) => {
            impl Real for $t {
                fn from_f64(value: f64) -> Self {
                    value as $t
                }
                fn over(self, count: u32) -> Self {
                    self / count as $t
                }
                fn is_nan(&self) -> bool {
                    <$t>::is_nan(*self)
                }
            }
        };
    }
    real!(f32);
    real!(f64);
}

impl FillValue {
    /// What a node with no in-edges gets.
    fn empty(self) -> f64 {
        match self {
            Self::Mul => 1.0,
            Self::Constant(value) => value,
            Self::Mean | Self::Add | Self::Min | Self::Max => 0.0,
        }
    }

    fn combine<T: Real>(self, a: T, b: T) -> T {
        match self {
            Self::Mean | Self::Add => a + b,
            Self::Mul => a * b,
            // A NaN wins, on either side, as in PyTorch.
            Self::Min if b < a || b.is_nan() => b,
            Self::Max if b > a || b.is_nan() => b,
            Self::Min | Self::Max | Self::Constant(_) => a,
        }
    }
}

impl Transformed {
    /// The attributes of the new edges, row-major `[E', width]`, from those of the edges before, `[E, width]`.
    ///
    /// An edge that was there before keeps its attributes. A new self-loop on node `i` gets `fill`, reduced over the
    /// edges into `i` that were there before and still are. Sums run in the order of the edges.
    ///
    /// # Errors
    /// If `attributes` does not hold `width` numbers for each edge before the transform.
    pub fn attributes<T: Real>(&self, attributes: &[T], width: usize, fill: FillValue) -> Result<Vec<T>> {
        let expected = self.num_edges_before.saturating_mul(width);
        if attributes.len() != expected {
            return Err(GraphError::Length { what: "edge_attr", expected, actual: attributes.len() });
        }
        let old = |e: u32| &attributes[e as usize * width..][..width];
        let mut loops = vec![T::from_f64(fill.empty()); self.edges.num_dst() * width];
        let mut counts = vec![0u32; self.edges.num_dst()];
        if !matches!(fill, FillValue::Constant(_)) {
            for (&origin, &node) in self.origin().iter().zip(self.edges.destination()) {
                let (Origin::Edge(e) | Origin::Reversed(e)) = origin else { continue };
                let (row, node) = (&mut loops[node as usize * width..][..width], node as usize);
                for (total, &value) in row.iter_mut().zip(old(e)) {
                    *total = if counts[node] == 0 { value } else { fill.combine(*total, value) };
                }
                counts[node] += 1;
            }
        }
        let mut out = Vec::with_capacity(self.origin().len() * width);
        for &origin in self.origin() {
            match origin {
                Origin::Edge(e) | Origin::Reversed(e) => out.extend_from_slice(old(e)),
                Origin::SelfLoop(i) => {
                    let row = &loops[i as usize * width..][..width];
                    let divide = fill == FillValue::Mean && counts[i as usize] > 1;
                    out.extend(row.iter().map(|&v| if divide { v.over(counts[i as usize]) } else { v }));
                }
            }
        }
        Ok(out)
    }
}
