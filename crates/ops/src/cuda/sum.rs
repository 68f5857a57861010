//! Sums over the rows of a compressed form: the host's side of `sum.cu`.

use candle_core::{DType, Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::graph::{self, Side};
use super::layout::Layout;
use super::machine::{self, Arguments, Fresh, Module, sum_type};

/// `out[r] = Σ w[e] x[id]` over the edges e of row r.
pub(crate) struct Sum<'a> {
    pub(crate) edges: &'a EdgeIndex,
    pub(crate) side: Side,
    /// `[E, H]`, in the caller's order.
    pub(crate) weights: Option<&'a Tensor>,
    pub(crate) heads: usize,
    pub(crate) of: Of<'a>,
    /// Whether to divide by the number of edges, where there are any.
    pub(crate) mean: bool,
}

/// Whose rows are summed, `[_, H·C]`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a> {
    /// Those of the edges.
    Edges(&'a Tensor),
    /// Those of the nodes at the other end.
    Nodes(&'a Tensor),
}

impl Sum<'_> {
    /// The sums, `[rows, H·C]`, C columns for each head. All tensors are contiguous.
    pub(crate) fn run(&self, width: usize) -> Result<Fresh> {
        self.run_as(width, self.x().dtype())
    }

    /// The same, not rounded to half precision.
    pub(crate) fn run_exact(&self, width: usize) -> Result<Fresh> {
        self.run_as(width, sum_type(self.x().dtype()))
    }

    fn x(&self) -> &Tensor {
        let (Of::Edges(x) | Of::Nodes(x)) = self.of;
        x
    }

    fn run_as(&self, width: usize, to: DType) -> Result<Fresh> {
        let x = self.x();
        let (device, dtype) = (x.device(), x.dtype());
        let num_rows = self.side.rows(self.edges);
        if num_rows * width == 0 {
            return Fresh::zeros(to, (num_rows, width), device);
        }
        let machine = machine::on(device)?;
        let machine = machine.as_ref();
        let rows = graph::rows(self.edges, self.side, device)?;
        let layout = Layout::new(self.heads, width / self.heads, dtype, &[x])?;
        let mut out = Fresh::new(machine, to, (num_rows, width))?;
        let mut parts = Fresh::wanted(rows.num_parts > 0, machine, sum_type(dtype), (rows.num_parts, width))?;
        let row_ptr = self.mean.then_some(&rows.row_ptr);
        for span in rows.launches(&layout) {
            let mut a = Arguments::default();
            rows.write_to(&mut a, span);
            a.read(if matches!(self.of, Of::Edges(_)) { &rows.edge_ids } else { &rows.columns });
            a.read_option(self.weights).read(x);
            write_summed(&mut a, to == dtype, &mut out, &mut parts);
            a.read_option(row_ptr);
            layout.write_to(&mut a, span.phases);
            let grid = layout.grid(span.count as usize, span.phases)?;
            machine.launch(Module::Sum, &layout.entry("sum_rows"), grid, a.finish())?;
        }
        if rows.num_cuts > 0 {
            let mut a = Arguments::default();
            write_summed(&mut a, to == dtype, &mut out, &mut parts);
            a.read_option(row_ptr);
            a.read(&rows.cuts).u32(rows.num_cuts as u32).u32(0);
            layout.write_to(&mut a, 1);
            let grid = layout.grid(rows.num_cuts, 1)?;
            machine.launch(Module::Sum, &layout.entry("sum_merge"), grid, a.finish())?;
        }
        Ok(out)
    }
}

/// The first fields of the kernels' `Summed`.
fn write_summed<'a>(a: &mut Arguments<'a>, rounded: bool, out: &'a mut Fresh, parts: &'a mut Option<Fresh>) {
    if rounded {
        a.write(out).u64(0);
    } else {
        a.u64(0).write(out);
    }
    a.write_option(parts.as_mut());
}

/// How many rows one step of [`columns`] makes one of: `STEP` of the kernels.
const STEP: usize = 64;

/// The sum of the rows of a matrix, `[n, D] → [D]`, in the type that numbers are summed in.
pub(crate) fn columns(x: &Tensor) -> Result<Tensor> {
    let (mut n, width) = x.dims2()?;
    if n * width == 0 {
        return Tensor::zeros(width, sum_type(x.dtype()), x.device());
    }
    let machine = machine::on(x.device())?;
    let mut x = x.contiguous()?;
    loop {
        let layout = Layout::new(1, width, x.dtype(), &[&x])?;
        let steps = n.div_ceil(STEP);
        let mut out = Fresh::new(machine.as_ref(), sum_type(x.dtype()), (steps, width))?;
        let mut a = Arguments::default();
        a.read(&x).write(&mut out).u32(n as u32).u32(0);
        layout.write_to(&mut a, 1);
        machine.launch(Module::Sum, &layout.entry("sum_columns"), layout.grid(steps, 1)?, a.finish())?;
        (x, n) = (out.into_tensor(), steps);
        if n == 1 {
            return x.reshape(width);
        }
    }
}
