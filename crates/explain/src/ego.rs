//! Which nodes to draw of a graph that is too large to draw whole.

use candle_geometric_graph::EdgeIndex;

/// Up to `max_nodes` nodes around `centre`, ascending: hop by hop in both directions of the edges, so that whole
/// neighbourhoods come first; where a hop does not fit, the edges with the largest `alpha` win, then the smaller
/// index.
pub(crate) fn around(edges: &EdgeIndex, alpha: &[f64], centre: u32, max_nodes: usize) -> Vec<u32> {
    let mut seen = vec![false; edges.num_src()];
    let mut nodes = vec![centre];
    seen[centre as usize] = true;
    let mut hop = 0..1;
    while !hop.is_empty() && nodes.len() < max_nodes {
        let mut next: Vec<(f64, u32)> = Vec::new();
        for &i in &nodes[hop.clone()] {
            for csr in [edges.by_destination(), edges.by_source()] {
                let found = csr.neighbors(i as usize).iter().zip(csr.edges(i as usize));
                next.extend(
                    found.filter(|&(&j, _)| !seen[j as usize]).map(|(&j, &e)| (alpha[e as usize], j)),
                );
            }
        }
        next.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let before = nodes.len();
        for (_, j) in next {
            if nodes.len() < max_nodes && !std::mem::replace(&mut seen[j as usize], true) {
                nodes.push(j);
            }
        }
        hop = before..nodes.len();
    }
    nodes.sort_unstable();
    nodes
}

/// The node whose surroundings are worth a picture: the one whose two-hop neighbourhood, which is all that a
/// two-layer network sees of the graph, is the largest that fits into `max_nodes`. If none fits, the node with
/// the fewest in-edges among those that have some. The smallest index wins; 0 if there are no nodes.
pub(crate) fn default_centre(edges: &EdgeIndex, max_nodes: usize) -> u32 {
    let n = edges.num_src();
    let in_edges = edges.by_destination();
    let mut seen_by = vec![u32::MAX; n];
    let mut best: Option<(usize, u32)> = None;
    for centre in 0..n as u32 {
        let mut found = vec![centre];
        seen_by[centre as usize] = centre;
        let mut hop = 0..1;
        for _ in 0..2 {
            for k in hop.clone() {
                for &j in in_edges.neighbors(found[k] as usize) {
                    if found.len() <= max_nodes
                        && std::mem::replace(&mut seen_by[j as usize], centre) != centre
                    {
                        found.push(j);
                    }
                }
            }
            hop = hop.end..found.len();
        }
        if found.len() <= max_nodes && best.is_none_or(|(size, _)| found.len() > size) {
            best = Some((found.len(), centre));
        }
    }
    let fewest = || (0..n).filter(|&i| in_edges.degree(i) > 0).min_by_key(|&i| in_edges.degree(i));
    best.map_or_else(|| fewest().unwrap_or(0) as u32, |(_, centre)| centre)
}

/// The edges between the kept `nodes` (ascending), renumbered, and the position of each in the caller's order.
pub(crate) fn induced(edges: &EdgeIndex, nodes: &[u32]) -> (Vec<(u32, u32)>, Vec<usize>) {
    let mut new_id = vec![u32::MAX; edges.num_src()];
    for (new, &old) in nodes.iter().enumerate() {
        new_id[old as usize] = new as u32;
    }
    edges
        .iter()
        .enumerate()
        .map(|(e, (a, b))| ((new_id[a as usize], new_id[b as usize]), e))
        .filter(|((a, b), _)| *a != u32::MAX && *b != u32::MAX)
        .unzip()
}
