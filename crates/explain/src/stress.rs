//! Where to put the atoms of a molecule: distances on paper in proportion to those along bonds.

use std::collections::VecDeque;

use candle_geometric_graph::EdgeIndex;

use crate::{Result, layout};

/// The layouts that are tried, of which the one with the least stress is taken.
const STARTS: u64 = 6;
/// The rounds of each.
const ROUNDS: usize = 300;

/// The coordinates of every atom, with bonds of length 1.
///
/// Stress majorisation (Gansner, Koren and North 2004, *Graph Drawing by Stress Majorization*): Σ w (|p_i − p_j| − d)² is
/// made small, where d is the distance in a zigzag chain of bonds with angles of 120° and w = 1 / d², several times as much
/// for bonds and angles. Parts that are not bonded are put apart.
pub(crate) fn molecular(bonds: &EdgeIndex) -> Result<Vec<[f64; 2]>> {
    let n = bonds.num_nodes()?;
    let wanted = distances(bonds, n);
    let mut best: Option<(f64, Vec<[f64; 2]>)> = None;
    for seed in 0..STARTS {
        let mut at = layout::force_directed(bonds, seed)?;
        for _ in 0..ROUNDS {
            majorise(&mut at, &wanted);
        }
        let stress = stress(&at, &wanted);
        if best.as_ref().is_none_or(|(least, _)| stress < *least) {
            best = Some((stress, at));
        }
    }
    let mut at = best.map(|(_, at)| at).unwrap_or_default();
    layout::turn_level(&mut at);
    Ok(at)
}

/// The wanted distance between every two atoms.
fn distances(bonds: &EdgeIndex, n: usize) -> Vec<Vec<f64>> {
    let neighbors = |i: usize| {
        let [rows, columns] = [bonds.by_destination(), bonds.by_source()];
        rows.neighbors(i).iter().chain(columns.neighbors(i)).map(|&j| j as usize)
    };
    // Not bonded at all: as far as a molecule of this size is wide.
    let apart = 1.5 * (n as f64).sqrt() + 1.0;
    let from = |start: usize| {
        let mut hops = vec![usize::MAX; n];
        hops[start] = 0;
        let mut queue = VecDeque::from([start]);
        while let Some(i) = queue.pop_front() {
            for j in neighbors(i) {
                if hops[j] == usize::MAX {
                    hops[j] = hops[i] + 1;
                    queue.push_back(j);
                }
            }
        }
        hops.into_iter().map(|k| if k == usize::MAX { apart } else { zigzag(k) }).collect()
    };
    (0..n).map(from).collect()
}

/// How far `bonds` bonds of length 1 with angles of 120° reach in a zigzag.
fn zigzag(bonds: usize) -> f64 {
    let along = bonds as f64 * 3f64.sqrt() / 2.0;
    let across = if bonds % 2 == 1 { 0.5 } else { 0.0 };
    (along * along + across * across).sqrt()
}

fn weight(d: f64) -> f64 {
    let importance = if d < 1.8 { 4.0 } else { 1.0 };
    importance / (d * d)
}

/// One round: every atom, one after the other, goes where the others want it.
fn majorise(at: &mut [[f64; 2]], wanted: &[Vec<f64>]) {
    for i in 0..at.len() {
        let (mut sum, mut total) = ([0.0; 2], 0.0);
        for j in (0..at.len()).filter(|&j| j != i) {
            let d = wanted[i][j];
            let (w, [dx, dy]) = (weight(d), [at[i][0] - at[j][0], at[i][1] - at[j][1]]);
            let scale = d / (dx * dx + dy * dy).sqrt().max(1e-9);
            sum = [sum[0] + w * (at[j][0] + scale * dx), sum[1] + w * (at[j][1] + scale * dy)];
            total += w;
        }
        if total > 0.0 {
            at[i] = [sum[0] / total, sum[1] / total];
        }
    }
}

fn stress(at: &[[f64; 2]], wanted: &[Vec<f64>]) -> f64 {
    let pair = |i: usize, j: usize| {
        let [dx, dy] = [at[i][0] - at[j][0], at[i][1] - at[j][1]];
        weight(wanted[i][j]) * ((dx * dx + dy * dy).sqrt() - wanted[i][j]).powi(2)
    };
    (0..at.len()).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| pair(i, j)).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_of_six_is_a_regular_hexagon() {
        let ring = EdgeIndex::from_pairs((0..6).map(|i| (i, (i + 1) % 6)), 6).unwrap();
        let at = molecular(&ring).unwrap();
        let distance = |i: usize, j: usize| {
            let [dx, dy] = [at[i][0] - at[j][0], at[i][1] - at[j][1]];
            (dx * dx + dy * dy).sqrt()
        };
        let side = distance(0, 1);
        assert!((0.9..1.2).contains(&side), "{side}");
        for i in 0..6 {
            assert!((distance(i, (i + 1) % 6) / side - 1.0).abs() < 1e-3);
            assert!((distance(i, (i + 3) % 6) / side - 2.0).abs() < 1e-3);
        }
    }

    #[test]
    fn parts_are_put_apart_and_empty_molecules_are_no_error() {
        let two = EdgeIndex::from_pairs([(0, 1)], 3).unwrap();
        let at = molecular(&two).unwrap();
        assert!(at.iter().flatten().all(|x| x.is_finite()));
        assert!((at[0][0] - at[2][0]).hypot(at[0][1] - at[2][1]) > 1.5);
        assert!(molecular(&EdgeIndex::new(vec![], vec![], 0).unwrap()).unwrap().is_empty());
    }
}
