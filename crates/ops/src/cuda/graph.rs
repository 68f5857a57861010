//! The structure of a graph on a device: copied there on first use and kept with the `EdgeIndex`.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Result, Tensor};
use candle_geometric_graph::{Csr, EdgeIndex};

use super::layout::Layout;
use super::machine::Arguments;

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
    pub(super) fn csr(self, edges: &EdgeIndex) -> &Csr {
        match self {
            Self::Source => edges.by_source(),
            Self::Destination => edges.by_destination(),
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

/// The tasks and the cut rows, as [`Rows`] holds them, and [`Rows::at_least`].
fn plan(row_ptr: &[u32]) -> (Vec<[u32; 4]>, Vec<[u32; 4]>, [u32; CLASSES]) {
    let rows = || (0u32..).zip(row_ptr.windows(2)).map(|(r, ends)| (r, ends[0], ends[1]));
    let whole = || rows().filter(|&(_, begin, end)| end - begin <= LONGEST);
    let mut at_least = [0; CLASSES];
    whole().for_each(|(_, begin, end)| at_least[..=class(end - begin)].iter_mut().for_each(|n| *n += 1));
    // Where the next row of each class goes: after all longer ones.
    let mut next: [u32; CLASSES] = std::array::from_fn(|k| at_least.get(k + 1).copied().unwrap_or(0));
    let mut tasks = vec![[0; 4]; at_least[0] as usize];
    for (r, begin, end) in whole() {
        let place = &mut next[class(end - begin)];
        tasks[*place as usize] = [r, begin, end, r];
        *place += 1;
    }
    let (mut cuts, mut parts) = (vec![], 0);
    for (r, begin, end) in rows().filter(|&(_, begin, end)| end - begin > LONGEST) {
        let first = parts;
        for begin in (begin..end).step_by(LONGEST as usize) {
            tasks.push([r, begin, end.min(begin.saturating_add(LONGEST)), parts]);
            parts += 1;
        }
        cuts.push([r, first, parts, 0]);
    }
    (tasks, cuts, at_least)
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
    let made = Arc::new(Rows::new(side.csr(edges), side, device)?); // not under the lock: others may need it meanwhile
    let mut kept = lock();
    Ok(find(&kept).unwrap_or_else(|| {
        kept.push(made.clone());
        made
    }))
}

impl Rows {
    fn new(csr: &Csr, side: Side, device: &Device) -> Result<Self> {
        let (tasks, cuts, at_least) = plan(csr.row_ptr());
        // Not all devices can hold nothing.
        let upload = |v: &[u32]| Tensor::new(if v.is_empty() { &[0] } else { v }, device);
        Ok(Self {
            side,
            device: device.clone(),
            num_parts: tasks.len() - at_least[0] as usize,
            num_cuts: cuts.len(),
            tasks: upload(tasks.as_flattened())?,
            cuts: upload(cuts.as_flattened())?,
            columns: upload(csr.columns())?,
            edge_ids: upload(csr.edge_ids())?,
            row_ptr: upload(csr.row_ptr())?,
            at_least,
        })
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
    use super::*;

    #[test]
    fn tasks_cover_every_entry_once() {
        let degrees = [0, 3, 700, 1, 512, 0, 513, 1024, 2, 3];
        let row_ptr: Vec<u32> = std::iter::once(0)
            .chain(degrees.iter().scan(0, |at, d| {
                *at += d;
                Some(*at)
            }))
            .collect();
        let (tasks, cuts, at_least) = plan(&row_ptr);
        let whole = at_least[0] as usize;
        let lengths: Vec<u32> = tasks.iter().map(|t| t[2] - t[1]).collect();
        assert_eq!(lengths, [512, 3, 2, 3, 1, 0, 0, 512, 188, 512, 1, 512, 512]);
        assert_eq!(tasks[..whole].iter().map(|t| t[0]).collect::<Vec<_>>(), [4, 1, 8, 9, 3, 0, 5]);
        assert_eq!(tasks[whole..].iter().map(|t| t[3]).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(cuts, [[2, 0, 2, 0], [6, 2, 4, 0], [7, 4, 6, 0]]);
        assert_eq!(at_least[class(512)], 1);
        assert_eq!(plan(&[0]), (vec![], vec![], [0; CLASSES]));
        let mut entries: Vec<u32> = tasks.iter().flat_map(|t| t[1]..t[2]).collect();
        entries.sort_unstable();
        assert!(entries.into_iter().eq(0..row_ptr[10]));
    }
}
