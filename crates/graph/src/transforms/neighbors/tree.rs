use std::collections::BinaryHeap;
use std::ops::Range;

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    /// The greatest number of points.
    pub(super) most: usize,
    /// Their greatest distance.
    pub(super) radius: f64,
}

/// A k-d tree (Bentley 1975): each node halves its points at the median along the axis in which they spread most.
pub(super) struct Tree {
    dim: usize,
    /// The points, leaf after leaf.
    ids: Vec<u32>,
    /// Their coordinates, in the same order.
    coordinates: Vec<f32>,
    root: Node,
}

enum Node {
    /// These points; all at one place, and then in ascending order, if `same`.
    Leaf { points: Range<usize>, same: bool },
    /// Points with coordinates of at most `at` along the axis, and points with coordinates of at least that.
    Split { axis: usize, at: f32, low: Box<Node>, high: Box<Node> },
}

/// The number of points of a leaf.
const LEAF: usize = 12;

impl Tree {
    /// Of points with these numbers, ascending.
    pub(super) fn new<'a>(mut ids: Vec<u32>, dim: usize, point: impl Fn(u32) -> &'a [f32] + Copy) -> Self {
        let root = Node::new(&mut ids, 0, dim, point);
        let coordinates = ids.iter().flat_map(|&i| point(i)).copied().collect();
        Self { dim, ids, coordinates, root }
    }

    /// The nearest points that the search allows, but for the one that is excluded: by distance, then by number.
    pub(super) fn find(&self, query: &[f32], search: Search, excluded: Option<u32>) -> Vec<u32> {
        let mut nearest = Nearest { search, bound: search.radius * search.radius, found: BinaryHeap::new() };
        if search.most > 0 {
            self.visit(&self.root, query, excluded, &mut nearest);
        }
        nearest.found.into_sorted_vec().into_iter().map(|(_, i)| i).collect()
    }

    fn visit(&self, node: &Node, query: &[f32], excluded: Option<u32>, nearest: &mut Nearest) {
        match node {
            Node::Leaf { points, same } => {
                let coordinates = self.coordinates[points.start * self.dim..].chunks_exact(self.dim);
                for (&id, point) in self.ids[points.clone()].iter().zip(coordinates) {
                    if excluded == Some(id) {
                        continue;
                    }
                    let distance = query.iter().zip(point).map(|(&a, &b)| square(a, b)).sum();
                    if !nearest.offer(distance, id) && *same {
                        break; // the others are as far, and stand behind this one
                    }
                }
            }
            Node::Split { axis, at, low, high } => {
                let (near, far) = if query[*axis] < *at { (low, high) } else { (high, low) };
                self.visit(near, query, excluded, nearest);
                // Equal distances matter, as the number decides between them. Rounding cannot hide a point: a sum of squares
                // is never rounded below one of them.
                if square(query[*axis], *at) <= nearest.bound {
                    self.visit(far, query, excluded, nearest);
                }
            }
        }
    }
}

impl Node {
    /// Puts the ids, which stand at `start`, into the order of the leaves.
    fn new<'a>(ids: &mut [u32], start: usize, dim: usize, point: impl Fn(u32) -> &'a [f32] + Copy) -> Self {
        let points = start..start + ids.len();
        if ids.len() <= LEAF {
            return Self::Leaf { points, same: false };
        }
        let spread = |axis: usize| {
            let along = ids.iter().map(|&i| point(i)[axis]);
            let (low, high) =
                along.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
            (axis, f64::from(high) - f64::from(low))
        };
        let widest = (0..dim).map(spread).fold((0, 0.0), |a, b| if b.1 > a.1 { b } else { a });
        let (axis, width) = widest;
        if width == 0.0 {
            ids.sort_unstable();
            return Self::Leaf { points, same: true };
        }
        let middle = ids.len() / 2;
        let (_, &mut median, _) = ids.select_nth_unstable_by(middle, |&a, &b| {
            point(a)[axis].total_cmp(&point(b)[axis]).then(a.cmp(&b))
        });
        let at = point(median)[axis];
        let (low, high) = ids.split_at_mut(middle);
        let low = Box::new(Self::new(low, start, dim, point));
        let high = Box::new(Self::new(high, start + middle, dim, point));
        Self::Split { axis, at, low, high }
    }
}

fn square(a: f32, b: f32) -> f64 {
    let difference = f64::from(a) - f64::from(b);
    difference * difference
}

/// The nearest points so far.
struct Nearest {
    search: Search,
    /// The greatest squared distance at which a point could still be among them.
    bound: f64,
    /// Squared distances as bits, whose order is that of the numbers as these are not negative, with the points.
    found: BinaryHeap<(u64, u32)>,
}

impl Nearest {
    /// Takes a point if it is among the nearest. Says whether it is.
    fn offer(&mut self, distance: f64, id: u32) -> bool {
        if distance > self.bound {
            return false;
        }
        let entry = (distance.to_bits(), id);
        if self.found.len() == self.search.most {
            match self.found.peek_mut() {
                Some(mut farthest) if entry < *farthest => *farthest = entry,
                _ => return false,
            }
        } else {
            self.found.push(entry);
        }
        if self.found.len() == self.search.most
            && let Some(&(bits, _)) = self.found.peek()
        {
            self.bound = f64::from_bits(bits);
        }
        true
    }
}
