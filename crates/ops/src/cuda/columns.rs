//! What is found column by column in the in-edges of every node and is no sum: the host's side of `columns.cu`.

use candle_core::{Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::graph::{self, Side};
use super::layout::Layout;
use super::machine::{self, Arguments, Fresh, Module, sum_type};

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// The largest number, and the inverse of Σ exp(x − largest).
    Softmax,
    /// The largest number, and how many equal it; 0 where there is none. A NaN beats all.
    Largest,
    /// As `Largest`.
    Smallest,
}

/// What is found, `[N_dst, width]` each; the first in the type of the numbers, for a softmax in that of sums.
pub(crate) fn find(edges: &EdgeIndex, x: &Tensor, width: usize, column: Column) -> Result<[Fresh; 2]> {
    let (device, dtype) = (x.device(), x.dtype());
    let (sums, softmax) = (sum_type(dtype), column == Column::Softmax);
    let machine = machine::on(device)?;
    let machine = machine.as_ref();
    let rows = graph::rows(edges, Side::Destination, device)?;
    let layout = Layout::new(1, width, dtype, &[x])?;
    let new = |dtype, rows| Fresh::new(machine, dtype, (rows, width));
    let mut first = new(if softmax { sums } else { dtype }, edges.num_dst())?;
    let mut second = new(sums, edges.num_dst())?;
    let mut parts = [new(sums, rows.num_parts)?, new(sums, rows.num_parts)?];
    let sign = if column == Column::Smallest { -1.0 } else { 1.0 };
    let name = if softmax { "columns_softmax" } else { "columns_extreme" };
    for span in rows.launches(&layout) {
        let mut a = Arguments::default();
        rows.write_to(&mut a, span);
        a.read(x);
        write_found(&mut a, softmax, (&mut first, &mut second), &mut parts, sign);
        layout.write_to(&mut a, span.phases);
        let grid = layout.grid(span.count as usize, span.phases)?;
        machine.launch(Module::Columns, &layout.entry(name), grid, a.finish())?;
    }
    if rows.num_cuts > 0 {
        let mut a = Arguments::default();
        write_found(&mut a, softmax, (&mut first, &mut second), &mut parts, sign);
        a.read(&rows.cuts).u32(rows.num_cuts as u32);
        layout.write_to(&mut a, 1);
        let grid = layout.grid(rows.num_cuts, 1)?;
        machine.launch(Module::Columns, &layout.entry(&format!("{name}_merge")), grid, a.finish())?;
    }
    Ok([first, second])
}

/// The fields of the kernels' `Found`.
fn write_found<'a>(
    a: &mut Arguments<'a>,
    softmax: bool,
    (first, second): (&'a mut Fresh, &'a mut Fresh),
    parts: &'a mut [Fresh; 2],
    sign: f64,
) {
    if softmax {
        a.u64(0).write(first);
    } else {
        a.write(first).u64(0);
    }
    a.write(second);
    parts.iter_mut().for_each(|part| {
        a.write(part);
    });
    a.f64(sign);
}
