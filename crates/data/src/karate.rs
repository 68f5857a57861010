//! Zachary's karate club, embedded.
//!
//! W. W. Zachary, *An information flow model for conflict and fission in small groups*, Journal of Anthropological
//! Research 33 (1977): 34 members of a club, 78 friendships. After a dispute between the instructor, "Mr. Hi"
//! (node 0), and the officer "John A." (node 33), the club split in two; a member's class is the club joined then.

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::{EdgeIndex, transforms};

use crate::{Graph, NodeDataset, Result};

/// The friends of every member that have a higher number.
const FRIENDS: [&[u32]; 33] = [
    &[1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31],
    &[2, 3, 7, 13, 17, 19, 21, 30],
    &[3, 7, 8, 9, 13, 27, 28, 32],
    &[7, 12, 13],
    &[6, 10],
    &[6, 10, 16],
    &[16],
    &[],
    &[30, 32, 33],
    &[33],
    &[],
    &[],
    &[],
    &[33],
    &[32, 33],
    &[32, 33],
    &[],
    &[],
    &[32, 33],
    &[33],
    &[32, 33],
    &[],
    &[32, 33],
    &[25, 27, 29, 32, 33],
    &[25, 27, 31],
    &[31],
    &[29, 33],
    &[33],
    &[31, 33],
    &[32, 33],
    &[32, 33],
    &[32, 33],
    &[33],
];

/// The members who stayed with Mr. Hi.
const MR_HI: [usize; 17] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21];
/// The two leaders, and two followers of each.
const TRAIN: [usize; 6] = [0, 1, 5, 24, 32, 33];
const VAL: [usize; 10] = [3, 6, 11, 13, 19, 14, 20, 25, 29, 30];

/// The karate club: 34 nodes, 156 directed edges, the two clubs as classes 0 ("Mr. Hi") and 1 ("Officer").
///
/// The features are the identity matrix, as in the karate experiment of Kipf and Welling (2017): all there is to learn
/// from is the structure. There is no established split; ours labels three members of each side (0, 1, 5 and 24, 32,
/// 33), keeps five of each for validation (3, 6, 11, 13, 19 and 14, 20, 25, 29, 30) and tests on the other 18.
///
/// # Errors
/// None but a failure of Candle.
pub fn karate() -> Result<NodeDataset> {
    let pairs = FRIENDS.iter().zip(0..).flat_map(|(friends, i)| friends.iter().map(move |&j| (i, j)));
    let edges = transforms::to_undirected(&EdgeIndex::from_pairs(pairs, 34)?)?.edges;
    let mask = |nodes: &[usize]| (0..34).map(|node| nodes.contains(&node)).collect::<Vec<_>>();
    let (train, val) = (mask(&TRAIN), mask(&VAL));
    let test = train.iter().zip(&val).map(|(&train, &val)| !train && !val).collect();
    let y: Vec<u32> = (0..34).map(|node| u32::from(!MR_HI.contains(&node))).collect();
    let graph = Graph::new(Tensor::eye(34, DType::F32, &Device::Cpu)?, edges)?
        .with_labels(Tensor::from_vec(y, 34, &Device::Cpu)?)?
        .with_split(train, val, test)?;
    NodeDataset::new("karate", graph, vec!["Mr. Hi".into(), "Officer".into()])
}
