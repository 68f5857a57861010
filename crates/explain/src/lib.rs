//! Looking at graph attention: entropy, most attended neighbours, pictures
mod ego;
mod entropy;
mod error;
pub mod layout;
mod legend;
mod palette;
mod picture;
mod place;
mod summary;
mod svg;
mod top;
mod weights;

pub use entropy::{Entropy, HeadEntropy};
pub use error::Error;
pub use picture::Picture;
pub use summary::{LayerSummary, summarise};
pub use top::{Neighbor, SelfLoops, most_attended};
pub use weights::{Heads, Weights};

/// The result of looking at attention.
pub type Result<T> = std::result::Result<T, Error>;
