//! Message passing: layers that compute a node from its in-neighbours.

mod agnn;
mod attention;
mod fa;
mod feast;
mod gat;
mod gatv2;
mod gcn;
mod general;
mod gmm;
mod point_transformer;
mod res_gated;
mod sage;
mod supergat;
mod transformer;
mod weights;

pub use agnn::{AgnnConv, AgnnConvConfig};
pub use attention::Attention;
pub use fa::{FaConv, FaConvConfig};
pub use feast::{FeaStConv, FeaStConvConfig};
pub use gat::{GatConv, GatConvConfig};
pub use gatv2::{Gatv2Conv, Gatv2ConvConfig};
pub use gcn::{GcnConv, GcnConvConfig};
pub use general::{GeneralAttention, GeneralConv, GeneralConvConfig};
pub use gmm::{GmmConv, GmmConvConfig};
pub use point_transformer::{PointTransformerConv, PointTransformerConvConfig};
pub use res_gated::{ResGatedGraphConv, ResGatedGraphConvConfig};
pub use sage::{SageConv, SageConvConfig};
pub use supergat::{Negatives, SuperGatAttention, SuperGatConv, SuperGatConvConfig};
pub use transformer::{TransformerConv, TransformerConvConfig};
