//! Attentions whose scores compare whole rows: the host's side of `attention_pairwise.cu`.

use candle_core::{DType, Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::attended::{Attended, Kept};
use super::graph::{self, Rows, Side, Span};
use super::layout::{Layout, write_dropout};
use super::machine::{self, Arguments, Fresh, Machine, Module, sum_type};
use super::sum;
use crate::Dropout;
use crate::link::Gradient;
use crate::node::{Gradients, node, node_of_result};

const MODULE: Module = Module::AttentionPairwise;

/// An attention of this kind; all tensors contiguous and of one type on one device, D = H·C.
pub(crate) struct Pairwise {
    /// `[N_dst, D]`.
    pub(crate) query: Tensor,
    /// `[N_src, D]`.
    pub(crate) key: Tensor,
    /// `[N_src, D]`; `None` where keys are values, or where only scores are asked for.
    pub(crate) value: Option<Tensor>,
    /// `[H, C]` and the slope of the LeakyReLU in GATv2's score; `None` for the dot product.
    pub(crate) dynamic: Option<(Tensor, f64)>,
    /// `[E, D]`.
    pub(crate) edge: Option<Tensor>,
    pub(crate) heads: usize,
    pub(crate) edges: EdgeIndex,
    pub(crate) dropout: Option<Dropout>,
}

/// Sums of rows and of the parts of cut rows: the structure `Gathered` of the kernels.
struct Gathered {
    out: Fresh,
    parts: Fresh,
}

impl Gathered {
    fn new(machine: &dyn Machine, rows: &Rows, like: &Tensor) -> Result<Self> {
        let (dtype, width) = (like.dtype(), like.dim(1)?);
        Ok(Self {
            out: Fresh::new(machine, dtype, like.shape())?,
            parts: Fresh::new(machine, sum_type(dtype), (rows.num_parts, width))?,
        })
    }

    fn write_to<'a>(this: &'a mut Option<Self>, a: &mut Arguments<'a>) {
        match this {
            Some(Self { out, parts }) => a.write(out).write(parts),
            None => a.u64(0).u64(0),
        };
    }

    /// The gradient, after the parts of rows that were cut have been merged.
    fn finish(
        this: Option<Self>,
        machine: &dyn Machine,
        rows: &Rows,
        layout: &Layout,
    ) -> Result<Option<Gradient>> {
        let Some(mut gathered) = this else { return Ok(None) };
        if rows.num_cuts > 0 {
            let mut a = Arguments::default();
            a.write(&mut gathered.out).write(&mut gathered.parts);
            a.read(&rows.cuts).u32(rows.num_cuts as u32);
            layout.write_to(&mut a, 1);
            let grid = layout.grid(rows.num_cuts, 1)?;
            machine.launch(MODULE, &layout.entry("pair_merge_sums"), grid, a.finish())?;
        }
        Ok(Some(gathered.out.into_gradient()))
    }
}

/// What the pass by source computes.
struct BySource {
    key: Option<Gathered>,
    value: Option<Gathered>,
    edge: Option<Fresh>,
    /// `[tasks, D]`.
    att: Option<Fresh>,
    /// `[E, H]`.
    z: Option<Fresh>,
}

impl Pairwise {
    /// The attention, `[N_dst, D]`, as an operation of Candle.
    pub(crate) fn attend(self) -> Result<Tensor> {
        let args = self.args();
        let (dtype, width) = (self.key.dtype(), self.key.dim(1)?);
        let machine = machine::on(self.key.device())?;
        let rows = graph::rows(&self.edges, Side::Destination, self.key.device())?;
        let tracked = args.iter().any(Tensor::track_op);
        let sizes = (self.heads, width);
        let mut to =
            Attended::new(machine.as_ref(), self.edges.num_dst(), rows.num_parts, sizes, dtype, tracked)?;
        let layout = self.layout(&[])?;
        for span in rows.launches(&layout) {
            self.forward(machine.as_ref(), &rows, &layout, span, |a| {
                to.write_to(a);
                a.u64(0);
            })?;
        }
        if rows.num_cuts > 0 {
            let mut a = Arguments::default();
            to.write_to(&mut a);
            a.read(&rows.cuts).u32(rows.num_cuts as u32);
            layout.write_to(&mut a, 1);
            let grid = layout.grid(rows.num_cuts, 1)?;
            machine.launch(MODULE, &layout.entry("pair_merge"), grid, a.finish())?;
        }
        let (out, kept) = to.into_kept();
        let args: Vec<&Tensor> = args.iter().collect();
        node_of_result(&args, out.into_value(), move |out, grad| {
            let machine = machine::on(self.key.device())?;
            let out = kept.exact.as_ref().unwrap_or(out);
            let packed = self.pack(machine.as_ref(), (out, grad.tensor()), &kept)?;
            self.backward(machine.as_ref(), Some((grad.tensor(), &packed)), None)
        })
    }

    /// The scores, `[E, H]`, in the type that numbers are summed in, as an operation of Candle.
    pub(crate) fn scores(self) -> Result<Tensor> {
        let args = self.args();
        let machine = machine::on(self.key.device())?;
        let rows = graph::rows(&self.edges, Side::Destination, self.key.device())?;
        let layout = self.layout(&[])?;
        let shape = (self.edges.num_edges(), self.heads);
        let mut scores = Fresh::new(machine.as_ref(), sum_type(self.key.dtype()), shape)?;
        for span in rows.launches(&layout) {
            self.forward(machine.as_ref(), &rows, &layout, span, |a| {
                (0..7).for_each(|_| {
                    a.u64(0);
                });
                a.write(&mut scores);
            })?;
        }
        let args: Vec<&Tensor> = args.iter().collect();
        node(&args, scores.into_value(), move |grad| {
            let machine = machine::on(self.key.device())?;
            self.backward(machine.as_ref(), None, Some(grad.tensor().clone()))
        })
    }

    fn args(&self) -> Vec<Tensor> {
        let att = self.dynamic.as_ref().map(|(att, _)| att);
        let all = [Some(&self.query), Some(&self.key), self.value.as_ref(), att, self.edge.as_ref()];
        all.into_iter().flatten().cloned().collect()
    }

    fn layout(&self, others: &[&Tensor]) -> Result<Layout> {
        let args = self.args();
        let all: Vec<&Tensor> = args.iter().chain(others.iter().copied()).collect();
        Layout::new(self.heads, self.key.dim(1)? / self.heads, self.key.dtype(), &all)
    }

    fn entry(&self, layout: &Layout, pass: &str) -> String {
        layout.entry(&format!("{}_{pass}", if self.dynamic.is_some() { "dynamic" } else { "dot" }))
    }

    fn write_to<'a>(&'a self, a: &mut Arguments<'a>) -> Result<()> {
        let channels = self.key.dim(1)? / self.heads;
        let scale = || (channels as f64).sqrt().recip();
        a.read(&self.query).read(&self.key).read(self.value.as_ref().unwrap_or(&self.key));
        a.read_option(self.edge.as_ref()).read_option(self.dynamic.as_ref().map(|(att, _)| att));
        a.f64(self.dynamic.as_ref().map_or_else(scale, |&(_, slope)| slope));
        write_dropout(self.dropout, a);
        Ok(())
    }

    fn forward<'a>(
        &'a self,
        machine: &dyn Machine,
        rows: &'a Rows,
        layout: &Layout,
        span: Span,
        write_results: impl FnOnce(&mut Arguments<'a>),
    ) -> Result<()> {
        let mut a = Arguments::default();
        rows.write_to(&mut a, span);
        self.write_to(&mut a)?;
        write_results(&mut a);
        layout.write_to(&mut a, span.phases);
        let grid = layout.grid(span.count as usize, span.phases)?;
        machine.launch(MODULE, &self.entry(layout, "forward"), grid, a.finish())
    }

    /// What an edge needs of its destination, `[N_dst, H, 4]`.
    fn pack(&self, machine: &dyn Machine, (out, grad): (&Tensor, &Tensor), kept: &Kept) -> Result<Tensor> {
        let num_dst = self.edges.num_dst();
        let mut packed = Fresh::new(machine, sum_type(self.key.dtype()), (num_dst, self.heads, 4))?;
        let layout = self.layout(&[grad])?.one_chunk();
        let mut a = Arguments::default();
        a.read(&kept.largest).read(&kept.inverse).read(out).read(grad);
        a.write(&mut packed).u32(num_dst as u32).u32(0);
        layout.write_to(&mut a, 1);
        machine.launch(MODULE, &layout.entry("pair_pack"), layout.grid(num_dst, 1)?, a.finish())?;
        Ok(packed.into_tensor())
    }

    /// The gradients of the arguments: from that of the result and what belongs to destinations, or from those of the
    /// scores.
    fn backward(
        &self,
        machine: &dyn Machine,
        of_result: Option<(&Tensor, &Tensor)>,
        of_scores: Option<Tensor>,
    ) -> Result<Gradients> {
        let by_source = self.by_source(machine, of_result, of_scores.as_ref())?;
        let BySource { key, value, edge, att, z } = by_source;
        let z = of_scores.or(z.map(Fresh::into_tensor));
        let query = match z.filter(|_| self.query.track_op()) {
            Some(z) => self.by_destination(machine, &z)?,
            None => None,
        };
        let rows = graph::rows(&self.edges, Side::Source, self.key.device())?;
        let layout = self.layout(&of_result.map_or(vec![], |(grad, _)| vec![grad]))?;
        let mut all = vec![query, Gathered::finish(key, machine, &rows, &layout)?];
        if self.value.is_some() {
            all.push(Gathered::finish(value, machine, &rows, &layout)?);
        }
        if let Some((parameters, _)) = &self.dynamic {
            let sum = |partial: Fresh| {
                let sum = sum::columns(&partial.into_tensor())?.to_dtype(self.key.dtype())?;
                Ok::<_, candle_core::Error>(Gradient::Shared(sum.reshape(parameters.shape())?))
            };
            all.push(att.map(sum).transpose()?);
        }
        if self.edge.is_some() {
            all.push(edge.map(|g| g.into_gradient()));
        }
        Ok(all)
    }

    fn by_source(
        &self,
        machine: &dyn Machine,
        of_result: Option<(&Tensor, &Tensor)>,
        of_scores: Option<&Tensor>,
    ) -> Result<BySource> {
        let (dtype, width) = (self.key.dtype(), self.key.dim(1)?);
        let sums: DType = sum_type(dtype);
        let rows = graph::rows(&self.edges, Side::Source, self.key.device())?;
        let layout = self.layout(&of_result.map_or(vec![], |(grad, _)| vec![grad]))?;
        fn tracked(t: Option<&Tensor>) -> Option<&Tensor> {
            t.filter(|t| t.track_op())
        }
        let gathered = |t: Option<&Tensor>| t.map(|t| Gathered::new(machine, &rows, t)).transpose();
        let att = tracked(self.dynamic.as_ref().map(|(att, _)| att));
        let per_edge = (self.edges.num_edges(), self.heads);
        let mut to = BySource {
            key: gathered(tracked(Some(&self.key)))?,
            value: gathered(tracked(self.value.as_ref()))?,
            edge: tracked(self.edge.as_ref()).map(|t| Fresh::new(machine, dtype, t.shape())).transpose()?,
            att: Fresh::wanted(att.is_some(), machine, sums, (rows.num_tasks(), width))?,
            z: Fresh::wanted(of_scores.is_none() && self.query.track_op(), machine, sums, per_edge)?,
        };
        for span in rows.launches(&layout) {
            let mut a = Arguments::default();
            rows.write_to(&mut a, span);
            self.write_to(&mut a)?;
            a.read_option(of_result.map(|(grad, _)| grad)).read_option(of_result.map(|(_, packed)| packed));
            Gathered::write_to(&mut to.key, &mut a);
            Gathered::write_to(&mut to.value, &mut a);
            a.write_option(to.edge.as_mut()).write_option(to.att.as_mut());
            match of_scores {
                Some(z) => a.read(z),
                None => a.write_option(to.z.as_mut()),
            };
            layout.write_to(&mut a, span.phases);
            let grid = layout.grid(span.count as usize, span.phases)?;
            machine.launch(MODULE, &self.entry(&layout, "by_source"), grid, a.finish())?;
        }
        Ok(to)
    }

    /// The gradient of the queries, from those of the scores.
    fn by_destination(&self, machine: &dyn Machine, z: &Tensor) -> Result<Option<Gradient>> {
        let rows = graph::rows(&self.edges, Side::Destination, self.key.device())?;
        let layout = self.layout(&[])?;
        let mut query = Some(Gathered::new(machine, &rows, &self.query)?);
        for span in rows.launches(&layout) {
            let mut a = Arguments::default();
            rows.write_to(&mut a, span);
            self.write_to(&mut a)?;
            a.read(z);
            Gathered::write_to(&mut query, &mut a);
            layout.write_to(&mut a, span.phases);
            let grid = layout.grid(span.count as usize, span.phases)?;
            machine.launch(MODULE, &self.entry(&layout, "by_destination"), grid, a.finish())?;
        }
        Gathered::finish(query, machine, &rows, &layout)
    }
}
