use candle_geometric_graph::GraphError;
use thiserror::Error;

/// What can go wrong in a layer. Each message names the layer, the argument, what was expected and what came.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument that the layer cannot use.
    #[error("{layer}: {argument}: expected {expected}, got {actual}")]
    Argument {
        /// The layer.
        layer: &'static str,
        /// The argument, under PyTorch Geometric's name.
        argument: &'static str,
        /// What was expected.
        expected: String,
        /// What came.
        actual: String,
    },
    /// A set of tensors that is not the one the model has. All that is wrong is listed at once.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// An error of an operation on graphs.
    #[error(transparent)]
    Ops(#[from] candle_geometric_ops::Error),
    /// An error of the graph structure.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An error of Candle.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl Error {
    /// [`Error::Argument`], for a layer or model of one's own.
    pub fn argument(
        layer: &'static str,
        argument: &'static str,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) -> Self {
        Self::Argument { layer, argument, expected: expected.into(), actual: actual.into() }
    }
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(inner) => inner,
            other => Self::wrap(other),
        }
    }
}

/// Everything in which a set of tensors differs from the parameters that a model has.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct WeightsError {
    /// Parameters without a tensor.
    pub missing: Vec<String>,
    /// Tensors without a parameter.
    pub unexpected: Vec<String>,
    /// Tensors of another shape: name, shape of the parameter, shape of the tensor.
    pub shapes: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Tensors that hold NaN or infinity: name, number of such elements.
    pub non_finite: Vec<(String, usize)>,
}

impl WeightsError {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
            && self.unexpected.is_empty()
            && self.shapes.is_empty()
            && self.non_finite.is_empty()
    }
}

impl std::fmt::Display for WeightsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the weights do not fit the model:")?;
        for name in &self.missing {
            write!(f, "\n  missing: {name}")?;
        }
        for name in &self.unexpected {
            write!(f, "\n  unexpected: {name}")?;
        }
        for (name, expected, actual) in &self.shapes {
            write!(f, "\n  wrong shape: {name}: expected {expected:?}, got {actual:?}")?;
        }
        for (name, count) in &self.non_finite {
            write!(f, "\n  not finite: {name}: {count} elements are NaN or infinite")?;
        }
        Ok(())
    }
}

impl std::error::Error for WeightsError {}
