//! The structure of a graph on a device: its edges are grouped there on first use, and kept with the `EdgeIndex`.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::group::{Grouped, Plan};
use super::layout::Layout;
use super::machine::Arguments;
use crate::index::on_device;

/// The most entries of a row that one team walks over; longer rows are cut into parts of so many.
pub(super) const LONGEST: u32 = 512;

/// How many lengths of rows are told apart: 0, 1, 2 – 3, 4 – 7, …, [`LONGEST`].
const CLASSES: usize = LONGEST.ilog2() as usize + 2;

/// Which end of the edges the rows stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Source,
    Destination,
}

impl Side {
    /// The number of rows.
    pub(super) fn rows(self, edges: &EdgeIndex) -> usize {
        match self {
            Self::Source => edges.num_src(),
            Self::Destination => edges.num_dst(),
        }
    }
}

/// A compressed form on a device, and the tasks that its rows are for the teams of a kernel.
#[derive(Debug)]
pub(super) struct Rows {
    side: Side,
    device: Device,
    /// `[tasks, 4]`: row, begin, end, slot. Whole rows first, from long ones to short ones, so that teams of a warp have
    /// about as much to do and nothing long begins late; then the parts of cut rows.
    tasks: Tensor,
    /// `[cut rows, 4]`: row, first part, end of parts, 0.
    pub(super) cuts: Tensor,
    pub(super) columns: Tensor,
    pub(super) edge_ids: Tensor,
    pub(super) row_ptr: Tensor,
    /// How many whole rows have a length of each class or a greater one.
    at_least: [u32; CLASSES],
    pub(super) num_parts: usize,
    pub(super) num_cuts: usize,
}

/// Some tasks in one launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    first: u32,
    pub(super) count: u32,
    parts: bool,
    pub(super) phases: u32,
}

/// The classes of lengths: the number of bits.
fn class(length: u32) -> usize {
    (u32::BITS - length.leading_zeros()) as usize
}

#[derive(Default)]
struct Copies(Mutex<Vec<Arc<Rows>>>);

/// The rows of `edges` by one side on `device`.
pub(super) fn rows(edges: &EdgeIndex, side: Side, device: &Device) -> Result<Arc<Rows>> {
    let copies = edges.attachment(Copies::default);
    let find =
        |kept: &[Arc<Rows>]| kept.iter().find(|c| c.side == side && c.device.same_device(device)).cloned();
    let lock = || copies.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = find(&lock()) {
        return Ok(found);
    }
    let made = Arc::new(Rows::new(edges, side, device)?); // not under the lock: others may need it meanwhile
    let mut kept = lock();
    Ok(find(&kept).unwrap_or_else(|| {
        kept.push(made.clone());
        made
    }))
}

impl Rows {
    fn new(edges: &EdgeIndex, side: Side, device: &Device) -> Result<Self> {
        let rows = side.rows(edges);
        let grouped = if edges.num_edges() == 0 {
            Grouped::empty(rows, device)?
        } else {
            let lists = on_device(edges, device)?;
            let (keys, values) = match side {
                Side::Source => (&lists.source, &lists.destination),
                Side::Destination => (&lists.destination, &lists.source),
            };
            Grouped::new(keys, values, edges.num_edges(), rows)?
        };
        let Grouped { row_ptr, columns, edge_ids } = grouped;
        let Plan { tasks, cuts, at_least, num_parts, num_cuts } = Plan::new(&row_ptr, rows, LONGEST)?;
        let device = device.clone();
        Ok(Self { side, device, tasks, cuts, columns, edge_ids, row_ptr, at_least, num_parts, num_cuts })
    }

    /// The number of tasks in all launches.
    pub(super) fn num_tasks(&self) -> usize {
        self.at_least[0] as usize + self.num_parts
    }

    /// The launches that do all tasks: where a row has many more edges than a warp has teams, all of them share it.
    pub(super) fn launches(&self, layout: &Layout) -> impl Iterator<Item = Span> {
        let (phases, whole) = (layout.most_phases(), self.at_least[0]);
        let long = if phases == 1 { 0 } else { self.at_least[class(4 * phases)] };
        let parts = self.num_parts as u32;
        let spans = [
            Span { first: whole, count: parts, parts: true, phases },
            Span { first: 0, count: long, parts: false, phases },
            Span { first: long, count: whole - long, parts: false, phases: 1 },
        ];
        spans.into_iter().filter(|s| s.count > 0)
    }

    /// The fields of the kernels' `Rows`.
    pub(super) fn write_to<'a>(&'a self, arguments: &mut Arguments<'a>, span: Span) {
        arguments.read(&self.tasks).read(&self.columns).read(&self.edge_ids);
        arguments.u32(span.first).u32(span.count).u32(span.parts.into()).u32(0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::emulator::{emulated, is_here};
    use super::*;
    use crate::cuda::tests::common;

    fn numbers(t: &Tensor) -> Vec<u32> {
        t.to_vec1().unwrap()
    }

    fn fours(t: &Tensor, n: usize) -> Vec<[u32; 4]> {
        numbers(t).as_chunks().0[..n].to_vec()
    }

    /// What the device makes of a graph, beside the compressed forms of the host and the rules for tasks.
    fn check(name: &str, edges: &EdgeIndex, order: u64) {
        for (side, csr) in [(Side::Source, edges.by_source()), (Side::Destination, edges.by_destination())] {
            let ours = emulated(order, || Rows::new(edges, side, &Device::Cpu)).0.unwrap();
            assert_eq!(numbers(&ours.row_ptr), csr.row_ptr(), "{name}: row_ptr by {side:?}");
            let e = edges.num_edges();
            assert_eq!(&numbers(&ours.columns)[..e], csr.columns(), "{name}: columns by {side:?}");
            assert_eq!(&numbers(&ours.edge_ids)[..e], csr.edge_ids(), "{name}: edge_ids by {side:?}");

            let whole = ours.at_least[0] as usize;
            let tasks = fours(&ours.tasks, ours.num_tasks());
            let rows = |keep: &dyn Fn(u32) -> bool| -> Vec<u32> {
                (0..csr.rows() as u32).filter(|&r| keep(csr.degree(r as usize) as u32)).collect()
            };
            for k in 0..CLASSES {
                let n = rows(&|d| d <= LONGEST && class(d) >= k).len();
                assert_eq!(ours.at_least[k] as usize, n, "{name}: rows of class {k} by {side:?}");
            }
            // Long ones first; within a class in their order.
            let mut expected = rows(&|d| d <= LONGEST);
            expected.sort_by_key(|&r| std::cmp::Reverse(class(csr.degree(r as usize) as u32)));
            let range = |r: u32| csr.row_ptr()[r as usize]..csr.row_ptr()[r as usize + 1];
            let expected = expected.into_iter().map(|r| [r, range(r).start, range(r).end, r]);
            assert!(tasks[..whole].iter().copied().eq(expected), "{name}: whole rows by {side:?}");
            let (mut parts, mut cuts) = (vec![], vec![]);
            for r in rows(&|d| d > LONGEST) {
                let first = parts.len() as u32;
                for begin in range(r).step_by(LONGEST as usize) {
                    parts.push([r, begin, range(r).end.min(begin + LONGEST), parts.len() as u32]);
                }
                cuts.push([r, first, parts.len() as u32, 0]);
            }
            assert_eq!(tasks[whole..], parts, "{name}: parts by {side:?}");
            assert_eq!(fours(&ours.cuts, ours.num_cuts), cuts, "{name}: cut rows by {side:?}");
        }
    }

    #[test]
    fn the_device_groups_edges_as_the_host_does() {
        if !is_here() {
            return;
        }
        let graphs = common::graphs().into_iter().chain(common::cut_graphs());
        for ((name, edges), order) in graphs.zip(1..) {
            check(name, &edges, order);
        }
        // Lengths around those that are cut, several tiles of edges, of rows and of counts, ids of up to 20 bits.
        let degrees = [0, 3, 700, 1, 512, 0, 513, 1024, 2, 3];
        let destination: Vec<u32> = (0..10).rev().flat_map(|i| vec![i as u32; degrees[i]]).collect();
        let source = (0..destination.len() as u32).map(|e| e * 7 % 1000).collect();
        check("lengths", &EdgeIndex::bipartite(source, destination, 1000, 10).unwrap(), 3);
        for nodes in [1 << 4, (1 << 4) + 1, 1 << 20] {
            let hash = |e: u32, by: u32| (e.wrapping_mul(by) >> 7) % nodes;
            let (s, d) = (0..70_000).map(|e| (hash(e, 2_654_435_761), hash(e, 2_246_822_519))).unzip();
            check("many", &EdgeIndex::new(s, d, nodes as usize).unwrap(), 4);
        }
        let hubs = (0..400 * 600).map(|e| (e % 7, e / 600));
        check("many cut rows", &EdgeIndex::from_pairs(hubs, 1500).unwrap(), 5);
    }
}
