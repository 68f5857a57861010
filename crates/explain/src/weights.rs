use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::Attention;

use crate::{Error, Result};

/// The attention weights of one layer on the host: α `[E, H]`, row-major, with the edges that they belong to.
///
/// `alpha[e * heads + h]` says how much the destination of edge `e` attends to its source in head `h`. Checked
/// once, here: everything else in this crate relies on it.
#[derive(Debug, Clone)]
pub struct Weights {
    edges: EdgeIndex,
    alpha: Vec<f32>,
    heads: usize,
    name: Option<String>,
}

/// Which heads to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heads {
    /// The mean over all heads.
    #[default]
    Mean,
    /// One head, counted from 0.
    One(usize),
}

impl Weights {
    /// The weights `alpha` (`[E, heads]`, row-major) of `edges`.
    ///
    /// # Errors
    /// If there are no heads, the length is not `E * heads`, or a weight is negative, infinite or NaN.
    pub fn new(edges: EdgeIndex, alpha: Vec<f32>, heads: usize) -> Result<Self> {
        let invalid =
            |expected: String, actual: String| Error::Invalid { argument: "alpha", expected, actual };
        let num_edges = edges.num_edges();
        if heads == 0 {
            return Err(invalid("at least one head".into(), "none".into()));
        }
        if Some(alpha.len()) != num_edges.checked_mul(heads) {
            let expected = format!("{num_edges} edges × {heads} heads");
            return Err(invalid(expected, format!("{} weights", alpha.len())));
        }
        if let Some((i, a)) = alpha.iter().enumerate().find(|(_, a)| !(a.is_finite() && **a >= 0.0)) {
            let actual = format!("{a} at edge {}, head {}", i / heads, i % heads);
            return Err(invalid("finite weights of at least 0".into(), actual));
        }
        Ok(Self { edges, alpha, heads, name: None })
    }

    /// The weights in a tensor `[E, H]` or `[E]` (one head) of any float type, on any device.
    ///
    /// # Errors
    /// As [`Weights::new`], and if the shape is another.
    pub fn from_tensor(edges: &EdgeIndex, alpha: &Tensor) -> Result<Self> {
        let heads = match *alpha.dims() {
            [_] => 1,
            [_, h] => h,
            _ => {
                return Err(Error::Invalid {
                    argument: "alpha",
                    expected: "shape [E, H] or [E]".into(),
                    actual: format!("{:?}", alpha.dims()),
                });
            }
        };
        let host = match alpha.elem_count() {
            0 => Vec::new(),
            _ => alpha.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?,
        };
        Self::new(edges.clone(), host, heads)
    }

    /// The same with a name, for plots and pages; without one a layer is called by its number.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The edges.
    pub fn edges(&self) -> &EdgeIndex {
        &self.edges
    }

    /// H, the number of heads.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Whether the weights of every head over the in-edges of every node that has some sum to 1, within 1e-3: attention of nodes
    /// to their neighbours. That over all edges of a graph, or without a softmax, is another thing, whose entropy per node
    /// says nothing.
    pub fn is_per_node(&self) -> bool {
        let rows = self.edges.by_destination();
        let of_node = |i: usize, h: usize| {
            let edges = rows.edges(i);
            let sum: f64 = edges.iter().map(|&e| f64::from(self.alpha[e as usize * self.heads + h])).sum();
            edges.is_empty() || (sum - 1.0).abs() < 1e-3
        };
        (0..rows.rows()).all(|i| (0..self.heads).all(|h| of_node(i, h)))
    }

    /// Whether each head is a softmax over all edges of the graph at once: its weights sum to 1, and not those of every node.
    pub fn is_over_all_edges(&self) -> bool {
        let sums_to_one = |head| {
            self.select(Heads::One(head)).is_ok_and(|alpha| (alpha.iter().sum::<f64>() - 1.0).abs() < 1e-3)
        };
        !self.is_per_node() && (0..self.heads()).all(sums_to_one)
    }

    /// α of one head or their mean, one weight per edge in the order of [`edges`](Self::edges).
    ///
    /// # Errors
    /// If there is no such head.
    pub fn select(&self, heads: Heads) -> Result<Vec<f64>> {
        match heads {
            Heads::Mean => Ok(self.mean()),
            Heads::One(h) if h < self.heads => Ok(self.head(h)),
            Heads::One(h) => Err(Error::Invalid {
                argument: "head",
                expected: format!("a number below {} (heads are counted from 0)", self.heads),
                actual: h.to_string(),
            }),
        }
    }

    /// The mean over heads, one weight per edge.
    pub fn mean(&self) -> Vec<f64> {
        let n = self.heads as f64;
        self.alpha
            .chunks_exact(self.heads)
            .map(|r| r.iter().map(|&a| f64::from(a)).sum::<f64>() / n)
            .collect()
    }

    /// One head's weights, where the caller knows that there is such a head.
    pub(crate) fn head(&self, h: usize) -> Vec<f64> {
        self.alpha.iter().skip(h).step_by(self.heads).map(|&a| f64::from(a)).collect()
    }
}

impl TryFrom<&Attention> for Weights {
    type Error = Error;

    fn try_from(attention: &Attention) -> Result<Self> {
        Self::from_tensor(&attention.edges, &attention.alpha)
    }
}
