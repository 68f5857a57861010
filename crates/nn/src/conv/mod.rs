//! Message passing: layers that compute a node from its in-neighbours.

mod attention;
mod gat;
mod gatv2;
mod gcn;
mod sage;
mod self_loops;
mod transformer;
mod weights;

pub use attention::Attention;
pub use gat::{GatConv, GatConvConfig};
pub use gatv2::{Gatv2Conv, Gatv2ConvConfig};
pub use gcn::{GcnConv, GcnConvConfig};
pub use sage::{SageConv, SageConvConfig};
pub(crate) use self_loops::remaining_self_loops;
pub use transformer::{TransformerConv, TransformerConvConfig};
