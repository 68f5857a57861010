//! What is computed for every edge on its own: the host's side of `edges.cu`. All tensors are contiguous.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::graph::{self, Side};
use super::layout::Layout;
use super::machine::{self, Arguments, Fresh, Module};
use crate::index::{self, DeviceIndex};

fn ends(edges: &EdgeIndex, device: &Device) -> Result<Arc<DeviceIndex>> {
    Ok(index::on_device(edges, device)?)
}

/// The fields of the kernels' `Ends`.
fn write_ends<'a>(ends: &'a DeviceIndex, edges: &EdgeIndex, a: &mut Arguments<'a>) {
    a.read(&ends.source).read(&ends.destination).u32(edges.num_edges() as u32).u32(0);
}

/// Runs a kernel with a team for every edge, after `write` has written what follows the ends of the edges.
fn launch<'a>(
    kernel: &str,
    edges: &EdgeIndex,
    (ends, like): (&'a DeviceIndex, &Tensor),
    layout: Layout,
    write: impl FnOnce(&mut Arguments<'a>),
) -> Result<()> {
    let mut a = Arguments::default();
    write_ends(ends, edges, &mut a);
    write(&mut a);
    layout.write_to(&mut a, 1);
    let grid = layout.grid(edges.num_edges(), 1)?;
    machine::on(like.device())?.launch(Module::Edges, &layout.entry(kernel), grid, a.finish())
}

/// `out[e] = src[source(e)] + dst[destination(e)] + terms[e]`, rows of `width` numbers; what is none is left out.
pub(crate) fn sum(
    edges: &EdgeIndex,
    src: Option<&Tensor>,
    dst: Option<&Tensor>,
    terms: Option<&Tensor>,
    width: usize,
) -> Result<Fresh> {
    let all: Vec<&Tensor> = [src, dst, terms].into_iter().flatten().collect();
    let [like, ..] = all[..] else { return Err(candle_core::Error::Msg("a sum of nothing".into())) };
    let shape = (edges.num_edges(), width);
    let mut out = Fresh::new(machine::on(like.device())?.as_ref(), like.dtype(), shape)?;
    if edges.num_edges() * width > 0 {
        let layout = Layout::new(1, width, like.dtype(), &all)?;
        let ends = ends(edges, like.device())?;
        launch("edge_sum", edges, (&ends, like), layout, |a| {
            a.read_option(src).read_option(dst).read_option(terms).write(&mut out).u64(0);
        })?;
    }
    Ok(out)
}

/// `grad[i] / in-degree of i` for every edge with destination i: the gradient of a mean.
pub(crate) fn mean_backward(edges: &EdgeIndex, grad: &Tensor, width: usize) -> Result<Fresh> {
    let machine = machine::on(grad.device())?;
    let mut out = Fresh::new(machine.as_ref(), grad.dtype(), (edges.num_edges(), width))?;
    if edges.num_edges() * width > 0 {
        let layout = Layout::new(1, width, grad.dtype(), &[grad])?;
        let ends = ends(edges, grad.device())?;
        let rows = graph::rows(edges, Side::Destination, grad.device())?;
        launch("edge_sum", edges, (&ends, grad), layout, |a| {
            a.u64(0).read(grad).u64(0).write(&mut out).read(&rows.row_ptr);
        })?;
    }
    Ok(out)
}

/// `out[e, h] = ⟨a[source(e), h], b[destination(e), h]⟩`, `[E, H]`.
pub(crate) fn sddmm(edges: &EdgeIndex, a: &Tensor, b: &Tensor, heads: usize) -> Result<Fresh> {
    let (shape, width) = ((edges.num_edges(), heads), a.dim(1)?);
    if width == 0 {
        return Fresh::zeros(a.dtype(), shape, a.device());
    }
    let mut out = Fresh::new(machine::on(a.device())?.as_ref(), a.dtype(), shape)?;
    let layout = Layout::new(heads, width / heads, a.dtype(), &[a, b])?.one_chunk();
    let ends = ends(edges, a.device())?;
    launch("edge_sddmm", edges, (&ends, a), layout, |args| {
        args.read(a).read(b).write(&mut out);
    })?;
    Ok(out)
}

/// `exp(scores[e] − largest[i]) · inverse[i]` with i the destination of e, rows of `width` numbers.
pub(crate) fn softmax(
    edges: &EdgeIndex,
    scores: &Tensor,
    [largest, inverse]: [&Tensor; 2],
    width: usize,
) -> Result<Fresh> {
    let mut out = Fresh::new(machine::on(scores.device())?.as_ref(), scores.dtype(), scores.shape())?;
    let layout = Layout::new(1, width, scores.dtype(), &[scores])?;
    let ends = ends(edges, scores.device())?;
    launch("edge_softmax", edges, (&ends, scores), layout, |a| {
        a.read(scores).u64(0).read(largest).read(inverse).write(&mut out);
    })?;
    Ok(out)
}

/// `alpha[e] (grad[e] − inner[i])` with i the destination of e, rows of `width` numbers.
pub(crate) fn softmax_backward(
    edges: &EdgeIndex,
    [alpha, grad]: [&Tensor; 2],
    inner: &Tensor,
    width: usize,
) -> Result<Fresh> {
    let mut out = Fresh::new(machine::on(alpha.device())?.as_ref(), alpha.dtype(), alpha.shape())?;
    let layout = Layout::new(1, width, alpha.dtype(), &[alpha, grad])?;
    let ends = ends(edges, alpha.device())?;
    launch("edge_softmax", edges, (&ends, alpha), layout, |a| {
        a.read(alpha).read(grad).read(inner).u64(0).write(&mut out);
    })?;
    Ok(out)
}

/// `grad[i] / equals[i]` where `messages[e]` is `out[i]`, i the destination of e, else 0; rows of `width` numbers.
pub(crate) fn extreme_backward(
    edges: &EdgeIndex,
    messages: &Tensor,
    [out, equals]: [&Tensor; 2],
    grad: &Tensor,
    width: usize,
) -> Result<Fresh> {
    let mut of_messages = Fresh::new(machine::on(grad.device())?.as_ref(), grad.dtype(), messages.shape())?;
    let layout = Layout::new(1, width, grad.dtype(), &[messages, out, grad])?;
    let ends = ends(edges, grad.device())?;
    launch("edge_extreme", edges, (&ends, grad), layout, |a| {
        a.read(messages).read(out).read(equals).read(grad).write(&mut of_messages);
    })?;
    Ok(of_messages)
}

/// `grad[i]` times the product of all other messages of i, i the destination of e; rows of `width` numbers. `product` is that
/// of the messages that are not 0, `zeros` says how many are.
pub(crate) fn product_backward(
    edges: &EdgeIndex,
    messages: &Tensor,
    [product, zeros]: [&Tensor; 2],
    grad: &Tensor,
    width: usize,
) -> Result<Fresh> {
    let mut of_messages = Fresh::new(machine::on(grad.device())?.as_ref(), grad.dtype(), messages.shape())?;
    let layout = Layout::new(1, width, grad.dtype(), &[messages, grad])?;
    let ends = ends(edges, grad.device())?;
    launch("edge_product", edges, (&ends, grad), layout, |a| {
        a.read(messages).read(product).read(zeros).read(grad).write(&mut of_messages);
    })?;
    Ok(of_messages)
}
