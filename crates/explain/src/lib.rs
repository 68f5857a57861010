//! Looking at graph attention: how spread out it is, whom it goes to, and a picture of it.
//!
//! A layer says with how much weight each node attended to each of its neighbours. Whether that means anything is a
//! question to ask before reading stories into it: attention that learned nothing is uniform. So [`Entropy`] puts
//! the entropy of each head beside that of uniform attention on the same graph, [`most_attended`] names the
//! neighbours that got the most, and [`Picture`] draws the edges with their weights. All start from [`Weights`],
//! the attention of one layer, checked and brought to the host once.
//!
//! ```
//! use candle_geometric_explain::{Entropy, Heads, SelfLoops, Weights, most_attended};
//! use candle_geometric_graph::EdgeIndex;
//! # fn main() -> Result<(), candle_geometric_explain::Error> {
//! // Node 0 attends to 1 and 2; the first head does not care, the second does.
//! let edges = EdgeIndex::new(vec![1, 2], vec![0, 0], 3)?;
//! let weights = Weights::new(edges, vec![0.5, 0.1, 0.5, 0.9], 2)?;
//! let heads = Entropy::new(&weights).summary();
//! assert_eq!(heads[0].relative, Some(1.0)); // as spread out as can be
//! assert!(heads[1].relative < Some(0.5));
//! let top = most_attended(&weights, 1, Heads::One(1), SelfLoops::Exclude)?;
//! assert_eq!(top[0][0].node, 2);
//! # Ok(()) }
//! ```

mod canvas;
mod curves;
mod drawing;
mod ego;
mod entropy;
mod error;
pub mod explainer;
mod explorer;
mod histogram;
mod kinds;
pub mod layout;
mod legend;
mod molecule;
mod palette;
mod picture;
mod place;
mod rollout;
mod statistics;
mod stress;
mod summary;
mod top;
mod weights;

pub use curves::{Curve, CurvePanel, curves};
pub use drawing::Drawing;
pub use entropy::{Entropy, HeadEntropy};
pub use error::Error;
pub use explorer::Explorer;
pub use histogram::entropy_histogram;
pub use kinds::kind_shares;
pub use molecule::{Bond, Molecule};
pub use picture::Picture;
pub use rollout::{rollout, rollout_from};
pub use statistics::{HeadStatistics, NodeStatistics, Share, Statistics, heads_csv, nodes_csv};
pub use summary::{LayerSummary, summarise};
pub use top::{Neighbor, SelfLoops, most_attended};
pub use weights::{Heads, Weights};

/// The result of looking at attention.
pub type Result<T> = std::result::Result<T, Error>;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
