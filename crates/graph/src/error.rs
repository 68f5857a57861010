use thiserror::Error;

/// What can be wrong with a graph. Each message names the argument, what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// An edge names a node that does not exist.
    #[error(
        "edge_index: {side} of edge {edge} is {index}, but there are only {num_nodes} nodes (0..{num_nodes})"
    )]
    IndexOutOfRange {
        /// `source` or `destination`.
        side: &'static str,
        /// The position of the edge in the caller's order.
        edge: usize,
        /// The index that came.
        index: i64,
        /// The number of nodes on that side.
        num_nodes: usize,
    },
    /// Two arguments that must be equally long are not.
    #[error("{what}: expected length {expected}, got {actual}")]
    Length {
        /// The argument.
        what: &'static str,
        /// The length that it should have.
        expected: usize,
        /// The length that came.
        actual: usize,
    },
    /// A size does not fit the 32-bit indices of the structure.
    #[error("{what}: {size} is too large, at most {max} are supported (indices are 32 bits wide)")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        max: usize,
    },
    /// The operation needs one set of nodes, but the edges join two different ones.
    #[error(
        "{operation}: expected a graph on one set of nodes, got a bipartite one ({num_src} sources, {num_dst} destinations)"
    )]
    Bipartite {
        /// The operation.
        operation: &'static str,
        /// The number of source nodes.
        num_src: usize,
        /// The number of destination nodes.
        num_dst: usize,
    },
    /// The thread that prepares samples in the background failed.
    #[error("loader: {message}")]
    Loader {
        /// What happened to it.
        message: String,
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
}
