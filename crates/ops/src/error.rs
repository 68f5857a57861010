use candle_core::{DType, DeviceLocation};
use candle_geometric_graph::GraphError;

/// What can be wrong with the arguments of an operation. Each message names the argument, what was expected and
/// what came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor has another shape than the graph or the other arguments call for.
    #[error("{argument}: expected shape {expected}, got {actual:?}")]
    Shape {
        /// The argument.
        argument: &'static str,
        /// The shape that it should have.
        expected: String,
        /// The shape that came.
        actual: Vec<usize>,
    },
    /// A tensor has an element type that the operation does not take.
    #[error("{argument}: expected dtype {expected}, got {actual:?}")]
    DType {
        /// The argument.
        argument: &'static str,
        /// The types that it may have.
        expected: String,
        /// The type that came.
        actual: DType,
    },
    /// A tensor is on another device than the first one.
    #[error(
        "{argument}: expected a tensor on {expected:?}, got one on {actual:?} (move it with `to_device`)"
    )]
    Device {
        /// The argument.
        argument: &'static str,
        /// Where the first tensor is.
        expected: DeviceLocation,
        /// Where this one is.
        actual: DeviceLocation,
    },
    /// Any other argument that cannot be used.
    #[error("{argument}: expected {expected}, got {actual}")]
    Invalid {
        /// The argument.
        argument: &'static str,
        /// What was expected.
        expected: String,
        /// What came.
        actual: String,
    },
    /// The edges are not those of a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// An operation of Candle failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Candle(e) => e,
            other => candle_core::Error::wrap(other),
        }
    }
}
