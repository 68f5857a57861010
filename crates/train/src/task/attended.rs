//! What models of graphs with types of edges attend to.

use candle_geometric_nn::conv::Attention;

/// The attention of a model over the nodes of one graph, or of one type of its nodes.
#[derive(Debug, Clone)]
pub struct Attended {
    /// Every layer, the first one first; where it attends along several types of edges, one of these after the other.
    pub layers: Vec<AttendedLayer>,
    /// The predicted class of every node, if the model tells it.
    pub predicted: Option<Vec<u32>>,
    /// The class of every node, if it has one.
    pub truth: Option<Vec<u32>>,
    /// The name of every node; empty if they have none.
    pub node_names: Vec<String>,
}

/// The attention of a layer, or of a layer along one type of edges.
#[derive(Debug, Clone)]
pub struct AttendedLayer {
    /// The layer, counted from 0.
    pub layer: usize,
    /// The type of its edges, if it is one of several.
    pub edges: Option<String>,
    /// How much of the layer's result this type makes, where it is one of several: they sum to 1.
    pub share: Option<f64>,
    /// The weights.
    pub attention: Attention,
    /// What kinds of edges there are among these.
    pub kinds: Option<EdgeKinds>,
}

/// Kinds of edges, as the relations of facts.
#[derive(Debug, Clone)]
pub struct EdgeKinds {
    /// Their names.
    pub names: Vec<String>,
    /// The kind of every edge, `[E]`.
    pub of_edge: Vec<u32>,
}
