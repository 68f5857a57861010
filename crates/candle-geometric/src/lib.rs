//! Graph neural networks with attention, in Rust, on Candle: layers, models, pretrained weights, and a program
pub use candle_geometric_graph as graph;
pub use candle_geometric_models as models;
pub use candle_geometric_nn as nn;
pub use candle_geometric_ops as ops;
