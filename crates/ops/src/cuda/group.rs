//! Grouping edges by one of their ends, and the tasks that the rows are, on the device: the host's side of `group.cu`.
//!
//! For E edges and N rows of B bits the sort moves 20 bytes of each edge ⌈B/4⌉ times. The host learns a few totals.

use candle_core::{DType, Device, Result, Tensor};

use super::machine::{self, Arguments, Fresh, Machine, Module, THREADS};

/// Values of a digit, its bits, and how many keys a block takes: `DIGITS` and `TILE` of the kernels.
const DIGITS: usize = 16;
const BITS: usize = DIGITS.ilog2() as usize;
const TILE: usize = 8 * THREADS as usize;

/// Edges by one of their ends, as in [`Csr`](candle_geometric_graph::Csr).
#[derive(Debug)]
pub(super) struct Grouped {
    pub(super) row_ptr: Tensor,
    pub(super) columns: Tensor,
    pub(super) edge_ids: Tensor,
}

/// The tasks that rows are; see [`Rows`](super::graph::Rows).
#[derive(Debug)]
pub(super) struct Plan<const CLASSES: usize> {
    pub(super) tasks: Tensor,
    pub(super) cuts: Tensor,
    pub(super) at_least: [u32; CLASSES],
    pub(super) num_parts: usize,
    pub(super) num_cuts: usize,
}

/// A stable sort of `n` keys by one digit.
struct Pass {
    keys: Tensor,
    ids: Tensor,
    /// `[DIGITS, tiles]`: the keys before those of a digit in a tile.
    before: Tensor,
}

struct Group {
    machine: Box<dyn Machine>,
    device: Device,
}

impl Group {
    fn on(device: &Device) -> Result<Self> {
        Ok(Self { machine: machine::on(device)?, device: device.clone() })
    }

    /// Not all allocators know what to do with nothing.
    fn fresh(&self, n: usize) -> Result<Fresh> {
        Fresh::new(self.machine.as_ref(), DType::U32, n.max(1))
    }

    fn zeros(&self, n: usize) -> Result<Tensor> {
        Tensor::zeros(n.max(1), DType::U32, &self.device)
    }

    /// Runs a kernel in which a thread does one of `n`.
    fn each(&self, kernel: &str, n: usize, a: Arguments<'_>) -> Result<()> {
        self.blocks(kernel, n.div_ceil(THREADS as usize), a)
    }

    fn blocks(&self, kernel: &str, blocks: usize, a: Arguments<'_>) -> Result<()> {
        self.machine.launch(Module::Group, kernel, (blocks as u32, 1), a.finish())
    }

    /// `out[i] = Σ counts[k]` over k < i, and the sum over all; `n` is not 0.
    fn sums_before(&self, counts: &Tensor, n: usize) -> Result<(Tensor, Tensor)> {
        let tiles = n.div_ceil(TILE);
        let (mut out, mut totals) = (self.fresh(n)?, self.fresh(tiles)?);
        let mut a = Arguments::default();
        a.read(counts).write(&mut out).write(&mut totals).u32(n as u32).u32(0);
        self.blocks("group_scan", tiles, a)?;
        let totals = totals.into_tensor();
        if tiles == 1 {
            return Ok((out.into_tensor(), totals));
        }
        let (before, total) = self.sums_before(&totals, tiles)?;
        let mut a = Arguments::default();
        a.write(&mut out).read(&before).u32(n as u32).u32(0);
        self.each("group_add", n, a)?;
        Ok((out.into_tensor(), total))
    }

    /// Sorts `n` keys, not 0, by the digit that begins at bit `shift`. Without `ids` the keys are numbered.
    fn pass(&self, keys: &Tensor, ids: Option<&Tensor>, n: usize, shift: usize) -> Result<Pass> {
        let tiles = n.div_ceil(TILE);
        let mut counts = self.fresh(DIGITS * tiles)?;
        let mut a = Arguments::default();
        a.read(keys).u64(0).write(&mut counts).u64(0).u64(0).u32(n as u32).u32(shift as u32);
        self.blocks("group_count", tiles, a)?;
        let (before, _) = self.sums_before(&counts.into_tensor(), DIGITS * tiles)?;
        let (mut sorted_keys, mut sorted_ids) = (self.fresh(n)?, self.fresh(n)?);
        let mut a = Arguments::default();
        a.read(keys).read_option(ids).read(&before).write(&mut sorted_keys).write(&mut sorted_ids);
        a.u32(n as u32).u32(shift as u32);
        self.blocks("group_move", tiles, a)?;
        Ok(Pass { keys: sorted_keys.into_tensor(), ids: sorted_ids.into_tensor(), before })
    }
}

impl Grouped {
    /// No edges.
    pub(super) fn empty(rows: usize, device: &Device) -> Result<Self> {
        let g = Group::on(device)?;
        Ok(Self { row_ptr: g.zeros(rows + 1)?, columns: g.zeros(0)?, edge_ids: g.zeros(0)? })
    }

    /// Groups `n` edges, not 0, by `keys`, each below `rows`; `values` are their other ends. Stable.
    pub(super) fn new(keys: &Tensor, values: &Tensor, n: usize, rows: usize) -> Result<Self> {
        let g = Group::on(keys.device())?;
        let bits = (usize::BITS - (rows - 1).leading_zeros()) as usize;
        let mut sorted = g.pass(keys, None, n, 0)?;
        for shift in (BITS..bits).step_by(BITS) {
            sorted = g.pass(&sorted.keys, Some(&sorted.ids), n, shift)?;
        }
        let Pass { keys, ids: edge_ids, .. } = sorted;

        let mut row_ptr = g.fresh(rows + 1)?;
        let mut a = Arguments::default();
        a.read(&keys).write(&mut row_ptr).u32(n as u32).u32(rows as u32);
        g.each("group_row_ptr", rows + 1, a)?;
        let columns = take(&g, values, &edge_ids, n)?;
        Ok(Self { row_ptr: row_ptr.into_tensor(), columns, edge_ids })
    }
}

/// `values[ids[i]]`.
fn take(g: &Group, values: &Tensor, ids: &Tensor, n: usize) -> Result<Tensor> {
    let mut out = g.fresh(n)?;
    let mut a = Arguments::default();
    a.read(values).read(ids).write(&mut out).u32(n as u32).u32(0);
    g.each("group_take", n, a)?;
    Ok(out.into_tensor())
}

impl<const CLASSES: usize> Plan<CLASSES> {
    /// The tasks that rows of at most `longest` entries are, those of longer ones, and how many whole rows are of each class
    /// or a greater one, where a class is the number of bits of the length.
    pub(super) fn new(row_ptr: &Tensor, rows: usize, longest: u32) -> Result<Self> {
        const { assert!(CLASSES < DIGITS, "one digit tells the classes, and the rows that are cut, apart") };
        let g = Group::on(row_ptr.device())?;
        if rows == 0 {
            let (tasks, cuts) = (g.zeros(0)?, g.zeros(0)?);
            return Ok(Self { tasks, cuts, at_least: [0; CLASSES], num_parts: 0, num_cuts: 0 });
        }
        let mut classes = g.fresh(rows)?;
        let mut a = Arguments::default();
        a.read(row_ptr).write(&mut classes).u32(rows as u32).u32(longest).u32(CLASSES as u32).u32(0);
        g.each("group_classes", rows, a)?;
        let Pass { ids: order, before, .. } = g.pass(&classes.into_tensor(), None, rows, 0)?;
        // Digit d begins where all shorter digits end; class k is digit CLASSES − 1 − k.
        let begins = before.reshape((DIGITS, ()))?.narrow(1, 0, 1)?.flatten_all()?;
        let begins = machine::read_back(&begins)?;
        let at_least: [u32; CLASSES] = std::array::from_fn(|k| begins[CLASSES - k]);
        let whole = at_least[0] as usize;

        let num_cuts = rows - whole;
        let (first, num_parts) = if num_cuts == 0 {
            (g.zeros(0)?, 0)
        } else {
            let cut = order.narrow(0, whole, num_cuts)?;
            let mut counts = g.fresh(num_cuts)?;
            let mut a = Arguments::default();
            a.read(row_ptr).read(&cut).write(&mut counts).u32(num_cuts as u32).u32(longest);
            g.each("group_parts", num_cuts, a)?;
            let (first, total) = g.sums_before(&counts.into_tensor(), num_cuts)?;
            (first, machine::read_back(&total)?[0] as usize)
        };
        let (mut tasks, mut cuts) = (g.fresh(4 * (whole + num_parts))?, g.fresh(4 * num_cuts)?);
        let mut a = Arguments::default();
        a.read(row_ptr).read(&order).read(&first).write(&mut tasks).write(&mut cuts);
        a.u32(whole as u32).u32(num_parts as u32).u32(num_cuts as u32).u32(longest);
        g.each("group_tasks", whole + num_parts + num_cuts, a)?;
        Ok(Self { tasks: tasks.into_tensor(), cuts: cuts.into_tensor(), at_least, num_parts, num_cuts })
    }
}
