//! The hops from seeds to their neighbours, for any number of types of nodes and of edges: a graph without types has one of
//! each.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::Fanout;
use super::picks::{Picks, Rule};
use crate::hash::NodeHasher;
use crate::rng::Stream;
use crate::validate::check_size;
use crate::{EdgeIndex, Result};

/// Edges of one type, and how they are sampled.
pub(super) struct Relation {
    /// The type of the sources.
    pub(super) src: usize,
    /// The type of the destinations.
    pub(super) dst: usize,
    pub(super) edges: EdgeIndex,
    pub(super) picks: Picks,
    /// For each hop.
    pub(super) fanouts: Vec<Fanout>,
}

/// A node and, where each seed has a tree of its own, its tree.
type Place = (u32, u32);

/// Finds neighbours. Shared by any number of threads.
pub(super) struct Expander {
    num_nodes: Vec<usize>,
    pub(super) relations: Vec<Relation>,
    pub(super) replace: bool,
    /// Whether each seed has a tree of its own.
    pub(super) disjoint: bool,
    /// Tables, one for each type of nodes, that samples before have left clean.
    tables: Mutex<Vec<Vec<Vec<u32>>>>,
}

/// The seeds of one type, and the time of each if that matters.
#[derive(Clone, Copy, Default)]
pub(super) struct Seeds<'a> {
    pub(super) nodes: &'a [u32],
    pub(super) times: Option<&'a [i64]>,
}

/// The nodes of one type.
#[derive(Debug, Clone, Default)]
pub(super) struct Reached {
    /// In the order in which they were reached, seeds first.
    pub(super) nodes: Vec<u32>,
    /// The tree of each, if seeds have their own.
    pub(super) trees: Vec<u32>,
    /// How many each hop has brought, seeds first.
    pub(super) per_hop: Vec<usize>,
    /// Where each seed stands among the nodes.
    pub(super) seeds: Vec<u32>,
}

/// The edges of one type.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    pub(super) source: Vec<u32>,
    pub(super) destination: Vec<u32>,
    pub(super) edge_ids: Vec<u32>,
    /// How many each hop has brought.
    pub(super) per_hop: Vec<usize>,
}

/// What is taken of some nodes.
struct Found {
    /// For every node the number of its in-edges.
    counts: Vec<u32>,
    /// The sources and the numbers of the edges, node after node.
    edges: Vec<(u32, u32)>,
}

/// Where nodes of one type stand among those that were reached.
enum Seen {
    /// By node; a node that was not reached has the greatest number.
    Table(Vec<u32>),
    /// By node and tree.
    Map(HashMap<Place, u32, NodeHasher>),
}

impl Seen {
    /// Where a node stands, which may be a place that it gets by this.
    fn place(&mut self, reached: &mut Reached, node: u32, tree: u32) -> u32 {
        let next = reached.nodes.len() as u32;
        match self {
            Self::Table(table) => {
                let place = &mut table[node as usize];
                if *place != u32::MAX {
                    return *place;
                }
                *place = next;
            }
            Self::Map(map) => {
                let place = *map.entry((tree, node)).or_insert(next);
                if place != next {
                    return place;
                }
                reached.trees.push(tree);
            }
        }
        reached.nodes.push(node);
        next
    }
}

impl Expander {
    pub(super) fn new(
        num_nodes: Vec<usize>,
        relations: Vec<Relation>,
        replace: bool,
        disjoint: bool,
    ) -> Self {
        Self { num_nodes, relations, replace, disjoint, tables: Mutex::default() }
    }

    /// What is reached from the seeds, given type by type.
    pub(super) fn expand(&self, seeds: &[Seeds<'_>], stream: Stream) -> Result<(Vec<Reached>, Vec<Taken>)> {
        let mut seen = self.take_tables();
        let mut reached: Vec<Reached> = seeds.iter().map(|_| Reached::default()).collect();
        let mut times = Vec::new(); // of the trees
        for ((seeds, reached), seen) in seeds.iter().zip(&mut reached).zip(&mut seen) {
            for (k, &node) in seeds.nodes.iter().enumerate() {
                let tree = times.len() as u32;
                if self.disjoint {
                    times.push(seeds.times.map_or(i64::MAX, |times| times[k]));
                }
                let place = seen.place(reached, node, tree);
                reached.seeds.push(place);
            }
            reached.per_hop.push(reached.nodes.len());
        }
        let mut taken: Vec<Taken> = self.relations.iter().map(|_| Taken::default()).collect();
        let num_hops = self.relations.iter().map(|r| r.fanouts.len()).max().unwrap_or(0);
        let result = (0..num_hops).try_for_each(|hop| {
            let ends: Vec<usize> = reached.iter().map(|r| r.nodes.len()).collect();
            for (number, (relation, taken)) in self.relations.iter().zip(&mut taken).enumerate() {
                let before = taken.edge_ids.len();
                let last = ends[relation.dst];
                let first = last - reached[relation.dst].per_hop[hop];
                let random = stream.split(number as u64);
                let found =
                    self.neighbors(relation, hop, &reached[relation.dst], first..last, &times, random);
                self.enter(relation, found, first, &mut reached, &mut seen, taken)?;
                taken.per_hop.push(taken.edge_ids.len() - before);
            }
            for (reached, end) in reached.iter_mut().zip(ends) {
                reached.per_hop.push(reached.nodes.len() - end);
            }
            Ok(())
        });
        self.give_back(seen, &reached);
        result.map(|()| (reached, taken))
    }

    /// What is taken of the new nodes, in pieces that do not depend on the number of threads.
    fn neighbors(
        &self,
        relation: &Relation,
        hop: usize,
        reached: &Reached,
        new: std::ops::Range<usize>,
        times: &[i64],
        stream: Stream,
    ) -> Vec<Found> {
        const PIECE: usize = 128;
        let csr = relation.edges.by_destination();
        let rule = Rule { fanout: relation.fanouts[hop], replace: self.replace };
        if rule.fanout == Fanout::Most(0) {
            return Vec::new();
        }
        let piece = |(k, nodes): (usize, &[u32])| {
            let mut counts = Vec::with_capacity(nodes.len());
            let (mut edges, mut entries) = (Vec::new(), Vec::new());
            for (place, &node) in (new.start + k * PIECE..).zip(nodes) {
                let before = reached.trees.get(place).map_or(i64::MAX, |&tree| times[tree as usize]);
                let mut random = stream.split(place as u64).sequence();
                entries.clear();
                relation.picks.pick(csr, node as usize, before, rule, &mut random, &mut entries);
                let edge = |&entry: &u32| (csr.columns()[entry as usize], csr.edge_ids()[entry as usize]);
                edges.extend(entries.iter().map(edge));
                counts.push(entries.len() as u32);
            }
            Found { counts, edges }
        };
        reached.nodes[new.clone()].par_chunks(PIECE).enumerate().map(piece).collect()
    }

    /// Gives the sources their places, in order.
    fn enter(
        &self,
        relation: &Relation,
        found: Vec<Found>,
        first: usize,
        reached: &mut [Reached],
        seen: &mut [Seen],
        taken: &mut Taken,
    ) -> Result<()> {
        let total: usize = found.iter().map(|found| found.edges.len()).sum();
        check_size("num_edges", taken.edge_ids.len().saturating_add(total))?;
        check_size("num_nodes", reached[relation.src].nodes.len().saturating_add(total))?;
        taken.source.reserve(total);
        taken.destination.reserve(total);
        taken.edge_ids.reserve(total);
        let mut place = first;
        for Found { counts, edges } in found {
            let mut edges = edges.into_iter();
            for count in counts {
                let tree = reached[relation.dst].trees.get(place).copied().unwrap_or(0);
                for (node, e) in edges.by_ref().take(count as usize) {
                    taken.source.push(seen[relation.src].place(&mut reached[relation.src], node, tree));
                    taken.destination.push(place as u32);
                    taken.edge_ids.push(e);
                }
                place += 1;
            }
        }
        Ok(())
    }

    fn take_tables(&self) -> Vec<Seen> {
        if self.disjoint {
            return self.num_nodes.iter().map(|_| Seen::Map(HashMap::default())).collect();
        }
        let kept = self.tables.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let made = || self.num_nodes.iter().map(|&n| vec![u32::MAX; n]).collect();
        kept.unwrap_or_else(made).into_iter().map(Seen::Table).collect()
    }

    /// Keeps tables for later, after the places that were given are taken back: in the time of the sample, not of the graph.
    fn give_back(&self, seen: Vec<Seen>, reached: &[Reached]) {
        let clean = seen.into_iter().zip(reached).filter_map(|(seen, reached)| {
            let Seen::Table(mut table) = seen else { return None };
            reached.nodes.iter().for_each(|&node| table[node as usize] = u32::MAX);
            Some(table)
        });
        let clean: Vec<Vec<u32>> = clean.collect();
        if clean.len() == self.num_nodes.len() && !self.disjoint {
            self.tables.lock().unwrap_or_else(PoisonError::into_inner).push(clean);
        }
    }
}
