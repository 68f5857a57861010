use super::node_split::Amount;
use super::{Origin, Transformed};
use crate::negative_sampling::undirected_negative_pairs;
use crate::rng::Stream;
use crate::{EdgeIndex, Forbidden, GraphError, Result, negative_sampling};

/// How links are split. The default is that of PyG.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkSplitConfig {
    /// How many links are for validation: 0.1 of them. A share is rounded down.
    pub num_val: Amount,
    /// How many links are for testing: 0.2 of them.
    pub num_test: Amount,
    /// Whether an edge and its reverse are one link: no.
    pub is_undirected: bool,
    /// Whether there are negative links for training: yes. Whoever draws new ones in each epoch needs none.
    pub add_negative_train_samples: bool,
    /// The number of negative links for each positive one: 1. The product is rounded down.
    pub neg_sampling_ratio: f64,
    /// How many of the training links are for supervision alone, and the others for messages alone: 0, all are for both.
    pub disjoint_train_ratio: Amount,
}

impl Default for LinkSplitConfig {
    fn default() -> Self {
        Self {
            num_val: Amount::Fraction(0.1),
            num_test: Amount::Fraction(0.2),
            is_undirected: false,
            add_negative_train_samples: true,
            neg_sampling_ratio: 1.0,
            disjoint_train_ratio: Amount::Fraction(0.0),
        }
    }
}

/// The links for one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSubset {
    /// The edges for message passing, in their order.
    pub messages: Transformed,
    /// The links to tell apart, PyG's `edge_label_index`: first the positive ones, then the negative ones.
    pub links: EdgeIndex,
    /// For each of the positive ones the edge that it is; the others are negative.
    pub positives: Vec<u32>,
}

impl LinkSubset {
    /// For every link whether it is an edge, PyG's `edge_label`: 1 or 0.
    pub fn labels(&self) -> Vec<f32> {
        let mut labels = vec![1.0; self.positives.len()];
        labels.resize(self.links.num_edges(), 0.0);
        labels
    }
}

/// The links for training, validation and testing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSplit {
    /// For training: messages go along the training links.
    pub train: LinkSubset,
    /// For validation: messages go along the training links.
    pub val: LinkSubset,
    /// For testing: messages go along the training and the validation links.
    pub test: LinkSubset,
}

/// Splits the edges at random into links for training, validation and testing: PyG's `RandomLinkSplit`. The same stream gives
/// the same split.
///
/// A link is all that joins two nodes: edges that stand several times, and in undirected graphs the edges of both directions,
/// are never parted, so that no message tells what is asked. In PyG duplicates may be. It counts once among the links, from
/// the smaller node to the greater one where there is no direction. The edges for messages are edges of the graph: those
/// of an undirected one should have their reverses ([`to_undirected`](super::to_undirected)).
///
/// Negative links are no edges of the whole graph, in neither direction if it is undirected, nor self-loops, and none is
/// there twice, not for another purpose either. Where there are too few, each purpose gets its share of them.
///
/// In a graph with types, whose reverses may be a type of their own: [`hetero_random_link_split`](super::hetero_random_link_split).
///
/// # Errors
/// If an amount is not a share of 1, no links are left for training, `neg_sampling_ratio` is negative or not finite, or the
/// graph is bipartite and `is_undirected`.
///
/// ```
/// # use candle_geometric_graph::{EdgeIndex, rng::Stream, transforms::{LinkSplitConfig, random_link_split}};
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// let ring = EdgeIndex::from_pairs((0..10).flat_map(|i| [(i, (i + 1) % 10), ((i + 1) % 10, i)]), 10)?;
/// let config = LinkSplitConfig { is_undirected: true, ..Default::default() };
/// let split = random_link_split(&ring, &config, Stream::new(0, 0))?;
/// assert_eq!(split.train.messages.edges.num_edges(), 14); // of 7 links
/// assert_eq!(split.test.links.num_edges(), 2 + 2);
/// # Ok(()) }
/// ```
pub fn random_link_split(edges: &EdgeIndex, config: &LinkSplitConfig, stream: Stream) -> Result<LinkSplit> {
    let invalid =
        |argument, expected: String, actual: String| Err(GraphError::Invalid { argument, expected, actual });
    if config.is_undirected {
        edges.num_nodes()?;
    }
    let ratio = config.neg_sampling_ratio;
    if !(ratio >= 0.0 && ratio.is_finite()) {
        return invalid("neg_sampling_ratio", "a number, at least 0".into(), ratio.to_string());
    }
    let links = Links::new(edges, config.is_undirected);
    let all = links.len();
    let num_val = config.num_val.of("num_val", all, f64::floor)?;
    let num_test = config.num_test.of("num_test", all, f64::floor)?;
    let held_out = num_val.saturating_add(num_test);
    if held_out >= all {
        let actual = format!("{num_val} + {num_test}");
        return invalid("num_val + num_test", format!("less than the number of links, {all}"), actual);
    }
    let num_train = all - held_out;
    let num_disjoint = config.disjoint_train_ratio.of("disjoint_train_ratio", num_train, f64::floor)?;
    if num_disjoint >= num_train {
        let expected = format!("less than the number of training links, {num_train}");
        return invalid("disjoint_train_ratio", expected, num_disjoint.to_string());
    }
    let mut order: Vec<u32> = (0..all as u32).collect();
    stream.split(0).sequence().shuffle(&mut order);

    let supervised = if num_disjoint > 0 { num_disjoint } else { num_train };
    let positives =
        [&order[..supervised], &order[num_train..num_train + num_val], &order[num_train + num_val..]];
    let wanted = |k: usize| {
        let any = k > 0 || config.add_negative_train_samples;
        if any { (ratio * positives[k].len() as f64) as usize } else { 0 }
    };
    let wanted = [0, 1, 2].map(wanted);
    let negatives = negatives(edges, config.is_undirected, wanted, stream.split(1))?;

    let subset = |messages: &[u32], k: usize| -> LinkSubset {
        let positives: Vec<u32> =
            positives[k].iter().map(|&link| links.representative(edges, link)).collect();
        let end = |ids: &[u32], of: fn(&(u32, u32)) -> u32| -> Vec<u32> {
            positives.iter().map(|&e| ids[e as usize]).chain(negatives[k].iter().map(of)).collect()
        };
        let mut source = end(edges.source(), |pair| pair.0);
        let mut destination = end(edges.destination(), |pair| pair.1);
        if config.is_undirected {
            for (j, i) in source.iter_mut().zip(&mut destination) {
                (*j, *i) = (*j.min(i), *j.max(i));
            }
        }
        LinkSubset {
            messages: links.messages(edges, messages),
            links: like(edges, source, destination),
            positives,
        }
    };
    Ok(LinkSplit {
        train: subset(&order[num_disjoint..num_train], 0),
        val: subset(&order[..num_train], 1),
        test: subset(&order[..num_train + num_val], 2),
    })
}

/// Other edges on the same nodes.
fn like(edges: &EdgeIndex, source: Vec<u32>, destination: Vec<u32>) -> EdgeIndex {
    EdgeIndex::trusted(source, destination, edges.num_src(), edges.num_dst(), edges.is_bipartite())
}

/// Negative links for each purpose, none twice.
fn negatives(
    edges: &EdgeIndex,
    is_undirected: bool,
    wanted: [usize; 3],
    stream: Stream,
) -> Result<[Vec<(u32, u32)>; 3]> {
    let total = wanted.iter().copied().fold(0, usize::saturating_add);
    let mut pairs = if is_undirected {
        undirected_negative_pairs(edges, total, stream)?
    } else {
        negative_sampling(edges, total, Forbidden::Edges, stream)?.iter().collect()
    };
    let found = pairs.len();
    let share = |wanted: usize| {
        if found < total { (wanted as f64 / total as f64 * found as f64) as usize } else { wanted }
    };
    let test = pairs.split_off(found - share(wanted[2]).min(found));
    let val = pairs.split_off(pairs.len() - share(wanted[1]).min(pairs.len()));
    pairs.truncate(share(wanted[0]));
    Ok([pairs, val, test])
}

/// The edges by the two nodes that they join, in the order of the first of each.
struct Links {
    /// The edges, link after link.
    edges: Vec<u32>,
    /// Where each link begins, and at the end the number of edges.
    ptr: Vec<u32>,
}

impl Links {
    fn new(edges: &EdgeIndex, is_undirected: bool) -> Self {
        let ends = |e: u32| {
            let (j, i) = (edges.source()[e as usize], edges.destination()[e as usize]);
            if is_undirected { (j.min(i), j.max(i)) } else { (j, i) }
        };
        let mut ids: Vec<u32> = (0..edges.num_edges() as u32).collect();
        ids.sort_by_key(|&e| ends(e));
        let mut links: Vec<&[u32]> = ids.chunk_by(|&a, &b| ends(a) == ends(b)).collect();
        links.sort_unstable_by_key(|link| link[0]);
        let mut ptr = vec![0];
        ptr.extend(links.iter().scan(0, |end, link| {
            *end += link.len() as u32;
            Some(*end)
        }));
        Self { edges: links.concat(), ptr }
    }

    fn len(&self) -> usize {
        self.ptr.len() - 1
    }

    fn of(&self, link: u32) -> &[u32] {
        &self.edges[self.ptr[link as usize] as usize..self.ptr[link as usize + 1] as usize]
    }

    /// The first edge of a link, of those from a smaller node to a greater one if there are any.
    fn representative(&self, edges: &EdgeIndex, link: u32) -> u32 {
        let of = self.of(link);
        let ascends = |e: &&u32| edges.source()[**e as usize] <= edges.destination()[**e as usize];
        *of.iter().find(ascends).unwrap_or(&of[0])
    }

    /// The edges of some links, in the order of the graph.
    fn messages(&self, edges: &EdgeIndex, links: &[u32]) -> Transformed {
        let mut ids: Vec<u32> = links.iter().flat_map(|&link| self.of(link)).copied().collect();
        ids.sort_unstable();
        let side = |ends: &[u32]| ids.iter().map(|&e| ends[e as usize]).collect();
        let kept = like(edges, side(edges.source()), side(edges.destination()));
        Transformed::with_origin(kept, ids.into_iter().map(Origin::Edge).collect(), edges.num_edges())
    }
}
