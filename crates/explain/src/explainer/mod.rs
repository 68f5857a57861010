//! Explainers: which edges and features an output of a model rests on, and how to tell whether that is so.
//!
//! A model is a closure from features `[N, F]`, edges and a factor for the message of every edge, `[E]`, to logits `[R, C]`: a
//! row per node, or per graph of a batch. Layers and models offer that as `forward_masked`. A [`Subject`] holds it
//! together with the input that is asked about.
//!
//! - [`gradient`] and [`integrated_gradients`]: gradient × input, of features and of edges;
//! - [`GnnExplainer`]: masks of edges and features that are learnt for one output;
//! - [`attention`]: the weights of attention layers, to compare;
//! - [`Judgement`] and [`Fidelity`]: what the model says of the explanation alone, and without it.
//!
//! ```
//! use candle_core::{DType, Device, Tensor};
//! use candle_geometric_explain::explainer::{GnnExplainer, NodeMask, Subject, Target, gradient};
//! use candle_geometric_graph::EdgeIndex;
//! use candle_geometric_nn::{SeededVarMap, conv::{GatConv, GatConvConfig}};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let edges = EdgeIndex::new(vec![0, 1, 2, 3], vec![1, 2, 0, 2], 4)?;
//! let x = Tensor::arange(0f32, 8., &Device::Cpu)?.reshape((4, 2))?;
//! let vb = SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu);
//! let conv = GatConv::new(&GatConvConfig::new(2, 3), vb)?;
//! let model = |x: &Tensor, edges: &EdgeIndex, mask: &Tensor| Ok(conv.forward_masked(x, edges, None, mask)?);
//!
//! let subject = Subject::new(model, &x, &edges)?;
//! let target = Target { row: 2, class: 1 };
//! let saliency = gradient(&subject, target)?;
//! assert_eq!(saliency.edges[0], 0.0); // the edge from 0 to 1 does not lead to node 2
//! let explainer = GnnExplainer { node_mask: NodeMask::None, ..GnnExplainer::default() };
//! let explanation = explainer.explain(&subject, target)?;
//! assert!(explanation.edges[0] == 0.0 && explanation.edges[1] > 0.0);
//! # Ok(()) }
//! ```

mod attention;
mod fidelity;
mod gnn_explainer;
mod gradient;
mod select;

use candle_core::{D, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::{Error, Result};

pub use attention::attention;
pub use fidelity::{Fidelity, Judgement};
pub use gnn_explainer::{Explanation, GnnExplainer, NodeMask};
pub use gradient::{Saliency, gradient, integrated_gradients};
pub use select::{receptive_edges, threshold, top_k};

/// A model and the input that it is asked about.
#[derive(Debug)]
pub struct Subject<M> {
    model: M,
    x: Tensor,
    edges: EdgeIndex,
}

/// The output that is to be explained: one number among the logits `[R, C]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The row: a node, or a graph of the batch.
    pub row: usize,
    /// The class.
    pub class: usize,
}

impl<M> Subject<M>
where
    M: Fn(&Tensor, &EdgeIndex, &Tensor) -> candle_core::Result<Tensor>,
{
    /// A `model` on the features `x` `[N, F]` of a graph. The model gets features, edges and a factor `[E]` for the message of
    /// every edge, and gives logits `[R, C]`, in evaluation mode.
    ///
    /// # Errors
    /// If `x` is not `[N, F]` floating-point numbers, or the graph is bipartite.
    pub fn new(model: M, x: &Tensor, edges: &EdgeIndex) -> Result<Self> {
        let n = edges.num_nodes()?;
        if x.rank() != 2 || x.dims().first() != Some(&n) || !x.dtype().is_float() {
            return Err(Error::Invalid {
                argument: "x",
                expected: format!("[{n}, F] floating-point numbers"),
                actual: format!("{:?} {:?}", x.dims(), x.dtype()),
            });
        }
        Ok(Self { model, x: x.detach(), edges: edges.clone() })
    }

    /// The features, `[N, F]`.
    pub fn x(&self) -> &Tensor {
        &self.x
    }

    /// The edges.
    pub fn edges(&self) -> &EdgeIndex {
        &self.edges
    }

    /// The class of every row: the one with the largest logit.
    ///
    /// # Errors
    /// If the model fails or does not give `[R, C]`.
    pub fn classes(&self) -> Result<Vec<u32>> {
        Ok(self.logits(&self.x, &self.ones()?)?.argmax(D::Minus1)?.to_vec1()?)
    }

    /// The logits `[R, C]` of other features and factors.
    pub(crate) fn logits(&self, x: &Tensor, edge_mask: &Tensor) -> Result<Tensor> {
        let logits = (self.model)(x, &self.edges, edge_mask)?;
        match logits.rank() {
            2 => Ok(logits),
            _ => Err(Error::Invalid {
                argument: "model",
                expected: "logits [R, C]".into(),
                actual: format!("{:?}", logits.dims()),
            }),
        }
    }

    /// The logits of one row, `[C]`.
    pub(crate) fn row(&self, x: &Tensor, edge_mask: &Tensor, row: usize) -> Result<Tensor> {
        let logits = self.logits(x, edge_mask)?;
        check_below("row", row, logits.dim(0)?)?;
        Ok(logits.narrow(0, row, 1)?.squeeze(0)?)
    }

    /// A factor of 1 for every edge.
    pub(crate) fn ones(&self) -> Result<Tensor> {
        Ok(Tensor::ones(self.edges.num_edges(), self.x.dtype(), self.x.device())?)
    }

    /// One number per edge, on the device of the features.
    pub(crate) fn mask(&self, argument: &'static str, values: &[f64]) -> Result<Tensor> {
        let e = self.edges.num_edges();
        if values.len() != e {
            return Err(Error::Invalid {
                argument,
                expected: format!("one number for each of {e} edges"),
                actual: format!("{} numbers", values.len()),
            });
        }
        Ok(Tensor::from_slice(values, e, self.x.device())?.to_dtype(self.x.dtype())?)
    }
}

/// That an index is in range.
fn check_below(argument: &'static str, index: usize, bound: usize) -> Result<()> {
    if index < bound {
        return Ok(());
    }
    Err(Error::Invalid { argument, expected: format!("a number below {bound}"), actual: index.to_string() })
}

/// That something has a gradient: a model that does not use what it is given has none.
fn gradient_of(gradients: &candle_core::backprop::GradStore, of: &Tensor, name: &str) -> Result<Tensor> {
    gradients.get(of).cloned().ok_or_else(|| Error::Invalid {
        argument: "model",
        expected: format!("logits that depend on {name}"),
        actual: "no gradient".into(),
    })
}

/// The numbers of a tensor on the host.
fn host(t: &Tensor) -> Result<Vec<f64>> {
    match t.elem_count() {
        0 => Ok(Vec::new()),
        _ => Ok(t.to_dtype(candle_core::DType::F64)?.flatten_all()?.to_vec1()?),
    }
}
