use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::{self, Host, Real, for_float};
use crate::cuda;
use crate::cuda::graph::Side;
use crate::cuda::machine::Fresh;
use crate::cuda::sum::{Of, Sum};
use crate::link::Gradient;
use crate::node::{self, node};
use crate::{Result, check, reference};

/// What both ends of every edge say, and the edge itself: `out[e] = src[source(e)] + dst[destination(e)] + terms[e]`, from
/// `[N_src, F]`, `[N_dst, F]` and `[E, F]` to `[E, F]`; what is none is left out.
///
/// One array with a row per edge, where gathers and sums make one each.
///
/// # Errors
/// If `src` does not hold floating-point numbers, or a shape or an element type does not fit.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![1, 0], vec![0, 0], 2)?;
/// let x = Tensor::new(&[[1f32], [2.]], &Device::Cpu)?;
/// let sums = candle_geometric_ops::edge_sum(&x, Some(&x), None, &edges)?;
/// assert_eq!(sums.to_vec2::<f32>()?, [[3.], [2.]]);
/// # Ok(()) }
/// ```
pub fn edge_sum(
    src: &Tensor,
    dst: Option<&Tensor>,
    terms: Option<&Tensor>,
    edges: &EdgeIndex,
) -> Result<Tensor> {
    check::float("src", src)?;
    let f = check::matrix("src", src, edges.num_src(), "N_src, F")?;
    for (argument, t, rows, letters) in
        [("dst", dst, edges.num_dst(), "N_dst, F"), ("terms", terms, edges.num_edges(), "E, F")]
    {
        if let Some(t) = t {
            check::shape(argument, t, &[rows, f], letters)?;
            check::like(argument, t, src)?;
        }
    }
    match backend::of(src) {
        Backend::Cpu => {
            Ok(for_float!(src.dtype(), "edge_sum", T => edge_sum_as::<T>(src, dst, terms, edges.clone()))?)
        }
        Backend::Widened => {
            let (dst, terms) = (backend::wide_option(dst)?, backend::wide_option(terms)?);
            let out = edge_sum(&backend::wide(src)?, dst.as_ref(), terms.as_ref(), edges)?;
            backend::narrow(&out, src)
        }
        Backend::Cuda => Ok(on_cuda(src, dst, terms, edges.clone())?),
        Backend::Reference => reference::edge_sum(src, dst, terms, edges),
    }
}

fn edge_sum_as<T: Real>(
    src: &Tensor,
    dst: Option<&Tensor>,
    terms: Option<&Tensor>,
    edges: EdgeIndex,
) -> candle_core::Result<Tensor> {
    let src = src.contiguous()?;
    let (dst, terms) = (dst.map(Tensor::contiguous).transpose()?, terms.map(Tensor::contiguous).transpose()?);
    let width = src.dim(1)?;
    let out = {
        let (s, d, t) = (Host::open(&src), dst.as_ref().map(Host::open), terms.as_ref().map(Host::open));
        let d = d.as_ref().map(Host::slice).transpose()?;
        let t = t.as_ref().map(Host::slice).transpose()?;
        cpu::segment::gather_sum::<T>(&edges, s.slice()?, d, t, width)
    };
    let args: Vec<Tensor> =
        [Some(&src), dst.as_ref(), terms.as_ref()].into_iter().flatten().cloned().collect();
    let value = node::value(out, (edges.num_edges(), width));
    node(&args.iter().collect::<Vec<_>>(), value, move |grad| {
        let g = Host::open(grad.tensor());
        let g = g.slice::<T>()?;
        let sums = |x: &Tensor, csr| {
            let sum = || Gradient::own(cpu::segment::sum(csr, g, width), x.shape());
            x.track_op().then(sum).transpose()
        };
        let mut all = vec![sums(&src, edges.by_source())?];
        if let Some(dst) = &dst {
            all.push(sums(dst, edges.by_destination())?);
        }
        if let Some(terms) = &terms {
            all.push(terms.track_op().then(|| grad.clone()));
        }
        Ok(all)
    })
}

/// [`edge_sum`] on a GPU.
fn on_cuda(
    src: &Tensor,
    dst: Option<&Tensor>,
    terms: Option<&Tensor>,
    edges: EdgeIndex,
) -> candle_core::Result<Tensor> {
    let src = src.contiguous()?;
    let (dst, terms) = (dst.map(Tensor::contiguous).transpose()?, terms.map(Tensor::contiguous).transpose()?);
    let width = src.dim(1)?;
    let out = cuda::edges::sum(&edges, Some(&src), dst.as_ref(), terms.as_ref(), width)?;
    let args: Vec<Tensor> =
        [Some(&src), dst.as_ref(), terms.as_ref()].into_iter().flatten().cloned().collect();
    node(&args.iter().collect::<Vec<_>>(), out.into_value(), move |grad| {
        let sums = |x: &Tensor, side| {
            let of = Of::Edges(grad.tensor());
            let sum = Sum { edges: &edges, side, weights: None, heads: 1, of, mean: false };
            x.track_op().then(|| sum.run(width).map(Fresh::into_gradient)).transpose()
        };
        let mut all = vec![sums(&src, Side::Source)?];
        if let Some(dst) = &dst {
            all.push(sums(dst, Side::Destination)?);
        }
        if let Some(terms) = &terms {
            all.push(terms.track_op().then(|| grad.clone()));
        }
        Ok(all)
    })
}
