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
    /// The product, and how many are 0.
    Product,
}

/// What is found, `[N_dst, width]` each.
pub(crate) struct Found {
    /// In the type of the numbers; for a softmax in that of sums.
    pub(crate) first: Fresh,
    pub(crate) second: Fresh,
    /// The product of those that are not 0.
    pub(crate) of_nonzero: Option<Fresh>,
}

/// Looks for it.
pub(crate) fn find(edges: &EdgeIndex, x: &Tensor, width: usize, column: Column) -> Result<Found> {
    let (device, dtype) = (x.device(), x.dtype());
    let (sums, softmax) = (sum_type(dtype), column == Column::Softmax);
    let machine = machine::on(device)?;
    let machine = machine.as_ref();
    let rows = graph::rows(edges, Side::Destination, device)?;
    let layout = Layout::new(1, width, dtype, &[x])?;
    let new = |dtype, rows| Fresh::new(machine, dtype, (rows, width));
    let mut first = new(if softmax { sums } else { dtype }, edges.num_dst())?;
    let mut second = new(sums, edges.num_dst())?;
    let mut of_nonzero = (column == Column::Product).then(|| new(sums, edges.num_dst())).transpose()?;
    let mut parts = [new(sums, rows.num_parts)?, new(sums, rows.num_parts)?];
    let sign = if column == Column::Smallest { -1.0 } else { 1.0 };
    let name = match column {
        Column::Softmax => "columns_softmax",
        Column::Largest | Column::Smallest => "columns_extreme",
        Column::Product => "columns_product",
    };
    for span in rows.launches(&layout) {
        let mut a = Arguments::default();
        rows.write_to(&mut a, span);
        a.read(x);
        write_found(&mut a, softmax, (&mut first, &mut second, of_nonzero.as_mut()), &mut parts, sign);
        layout.write_to(&mut a, span.phases);
        let grid = layout.grid(span.count as usize, span.phases)?;
        machine.launch(Module::Columns, &layout.entry(name), grid, a.finish())?;
    }
    if rows.num_cuts > 0 {
        let mut a = Arguments::default();
        write_found(&mut a, softmax, (&mut first, &mut second, of_nonzero.as_mut()), &mut parts, sign);
        a.read(&rows.cuts).u32(rows.num_cuts as u32);
        layout.write_to(&mut a, 1);
        let grid = layout.grid(rows.num_cuts, 1)?;
        machine.launch(Module::Columns, &layout.entry(&format!("{name}_merge")), grid, a.finish())?;
    }
    Ok(Found { first, second, of_nonzero })
}

/// The fields of the kernels' `Found`.
fn write_found<'a>(
    a: &mut Arguments<'a>,
    softmax: bool,
    (first, second, of_nonzero): (&'a mut Fresh, &'a mut Fresh, Option<&'a mut Fresh>),
    parts: &'a mut [Fresh; 2],
    sign: f64,
) {
    if softmax {
        a.u64(0).write(first);
    } else {
        a.write(first).write_option(of_nonzero);
    }
    a.write(second);
    parts.iter_mut().for_each(|part| {
        a.write(part);
    });
    a.f64(sign);
}
