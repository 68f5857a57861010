//! The attention of GAT, and with given scores: the host's side of `attention_additive.cu`.

use candle_core::{Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::attended::{Attended, Kept};
use super::graph::{self, Side};
use super::layout::{Layout, write_dropout};
use super::machine::{self, Arguments, Fresh, Machine, Module, sum_type};
use super::sum::{Of, Sum};
use crate::Dropout;
use crate::link::Gradient;
use crate::node::{Gradients, node_of_result};

const MODULE: Module = Module::AttentionAdditive;

/// An attention; all tensors contiguous and of one type on one device, D = H·C.
pub(crate) struct Additive {
    /// `[N_src, D]`.
    pub(crate) values: Tensor,
    /// `[N_src, H]`.
    pub(crate) src: Option<Tensor>,
    /// `[N_dst, H]`.
    pub(crate) dst: Option<Tensor>,
    /// `[E, H]`.
    pub(crate) edge: Option<Tensor>,
    /// 1 where the scores are taken as they are.
    pub(crate) negative_slope: f64,
    pub(crate) heads: usize,
    pub(crate) edges: EdgeIndex,
    pub(crate) dropout: Option<Dropout>,
}

impl Additive {
    /// The attention, `[N_dst, D]`, as an operation of Candle.
    pub(crate) fn apply(self) -> Result<Tensor> {
        let width = self.values.dim(1)?;
        let args: Vec<Tensor> =
            [Some(&self.values), self.src.as_ref(), self.dst.as_ref(), self.edge.as_ref()]
                .into_iter()
                .flatten()
                .cloned()
                .collect();
        let (out, kept) = self.forward(width, args.iter().any(Tensor::track_op))?;
        let args: Vec<&Tensor> = args.iter().collect();
        node_of_result(&args, out.into_value(), move |out, grad| {
            self.backward(kept.exact.as_ref().unwrap_or(out), grad.tensor(), &kept)
        })
    }

    fn write_scores<'a>(&'a self, a: &mut Arguments<'a>) {
        a.read_option(self.src.as_ref()).read_option(self.dst.as_ref()).read_option(self.edge.as_ref());
        a.f64(self.negative_slope);
        write_dropout(self.dropout, a);
    }

    fn forward(&self, width: usize, tracked: bool) -> Result<(Fresh, Kept)> {
        let (device, dtype, heads) = (self.values.device(), self.values.dtype(), self.heads);
        let machine = machine::on(device)?;
        let machine = machine.as_ref();
        let rows = graph::rows(&self.edges, Side::Destination, device)?;
        let layout = Layout::new(heads, width / heads, dtype, &[&self.values])?;
        let mut to =
            Attended::new(machine, self.edges.num_dst(), rows.num_parts, (heads, width), dtype, tracked)?;
        for span in rows.launches(&layout) {
            let mut a = Arguments::default();
            rows.write_to(&mut a, span);
            self.write_scores(&mut a);
            a.read(&self.values);
            to.write_to(&mut a);
            layout.write_to(&mut a, span.phases);
            let grid = layout.grid(span.count as usize, span.phases)?;
            machine.launch(MODULE, &layout.entry("additive_forward"), grid, a.finish())?;
        }
        if rows.num_cuts > 0 {
            let mut a = Arguments::default();
            to.write_to(&mut a);
            a.read(&rows.cuts).u32(rows.num_cuts as u32);
            layout.write_to(&mut a, 1);
            let grid = layout.grid(rows.num_cuts, 1)?;
            machine.launch(MODULE, &layout.entry("additive_merge"), grid, a.finish())?;
        }
        Ok(to.into_kept())
    }

    fn backward(&self, out: &Tensor, grad: &Tensor, kept: &Kept) -> Result<Gradients> {
        let tracked = |t: &Option<Tensor>| t.as_ref().is_some_and(Tensor::track_op);
        let (device, dtype, heads) = (self.values.device(), self.values.dtype(), self.heads);
        let (num_src, width) = self.values.dims2()?;
        let machine = machine::on(device)?;
        let machine = machine.as_ref();
        let rows = graph::rows(&self.edges, Side::Source, device)?;
        let layout = Layout::new(heads, width / heads, dtype, &[&self.values, grad])?;
        let packed = self.pack(machine, &layout, (out, grad), kept)?;
        let new = |dtype, dims| Fresh::new(machine, dtype, dims);
        let sums = sum_type(dtype);
        let mut of_values = new(dtype, (num_src, width))?;
        let mut of_src = Fresh::wanted(tracked(&self.src), machine, dtype, (num_src, heads))?;
        let per_edge = tracked(&self.dst) || tracked(&self.edge);
        let mut of_edges = Fresh::wanted(per_edge, machine, sums, (self.edges.num_edges(), heads))?;
        let (mut part_values, mut part_src) =
            (new(sums, (rows.num_parts, width))?, new(sums, (rows.num_parts, heads))?);
        for span in rows.launches(&layout) {
            let mut a = Arguments::default();
            rows.write_to(&mut a, span);
            self.write_scores(&mut a);
            a.read(&self.values).read(grad).read(&packed);
            a.write(&mut of_values).write_option(of_src.as_mut()).write_option(of_edges.as_mut());
            a.write(&mut part_values).write(&mut part_src);
            layout.write_to(&mut a, span.phases);
            let grid = layout.grid(span.count as usize, span.phases)?;
            machine.launch(MODULE, &layout.entry("additive_backward"), grid, a.finish())?;
        }
        if rows.num_cuts > 0 {
            let mut a = Arguments::default();
            a.write(&mut of_values)
                .write_option(of_src.as_mut())
                .write(&mut part_values)
                .write(&mut part_src);
            a.read(&rows.cuts).u32(rows.num_cuts as u32);
            layout.write_to(&mut a, 1);
            let grid = layout.grid(rows.num_cuts, 1)?;
            machine.launch(MODULE, &layout.entry("additive_merge_backward"), grid, a.finish())?;
        }
        self.gradients(of_values, of_src, of_edges)
    }

    /// The gradients of the arguments, from those that have been computed.
    fn gradients(
        &self,
        of_values: Fresh,
        of_src: Option<Fresh>,
        of_edges: Option<Fresh>,
    ) -> Result<Gradients> {
        let dtype = self.values.dtype();
        let of_edges = of_edges.map(Fresh::into_tensor);
        let mut all = vec![self.values.track_op().then(|| of_values.into_gradient())];
        if self.src.is_some() {
            all.push(of_src.map(|g| g.into_gradient()));
        }
        if let Some(dst) = &self.dst {
            let sum = |z: &Tensor| {
                let (edges, side, of) = (&self.edges, Side::Destination, Of::Edges(z));
                let sum = Sum { edges, side, weights: None, heads: 1, of, mean: false };
                Ok::<_, candle_core::Error>(Gradient::Shared(
                    sum.run(self.heads)?.into_tensor().to_dtype(dtype)?,
                ))
            };
            all.push(of_edges.as_ref().filter(|_| dst.track_op()).map(sum).transpose()?);
        }
        if let Some(edge) = &self.edge {
            let cast = |z: &Tensor| Ok::<_, candle_core::Error>(Gradient::Shared(z.to_dtype(dtype)?));
            all.push(of_edges.as_ref().filter(|_| edge.track_op()).map(cast).transpose()?);
        }
        Ok(all)
    }

    /// What an edge needs of its destination, `[N_dst, H, 4]`.
    fn pack(
        &self,
        machine: &dyn Machine,
        layout: &Layout,
        (out, grad): (&Tensor, &Tensor),
        kept: &Kept,
    ) -> Result<Tensor> {
        let num_dst = self.edges.num_dst();
        let mut packed = Fresh::new(machine, sum_type(self.values.dtype()), (num_dst, self.heads, 4))?;
        let layout = layout.one_chunk();
        let mut a = Arguments::default();
        a.read_option(self.dst.as_ref()).read(&kept.largest).read(&kept.inverse).read(out).read(grad);
        a.write(&mut packed).u32(num_dst as u32).u32(0);
        layout.write_to(&mut a, 1);
        let grid = layout.grid(num_dst, 1)?;
        machine.launch(MODULE, &layout.entry("additive_pack"), grid, a.finish())?;
        Ok(packed.into_tensor())
    }
}
