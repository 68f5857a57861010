use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::backend::{self, Backend};
use crate::cpu::matmul::{self, Matrix};
use crate::cpu::{self, Host, Real, for_float};
use crate::link::Gradient;
use crate::node::{self, Gradients, node};
use crate::{Error, Linked, Result, check, reference};

/// The affine map `x · weightᵀ + bias`, `[…, I] → […, O]`, with PyTorch's layout of the weight, `[O, I]`.
///
/// Arguments that are not tracked cost no gradient. On the CPU the zeros of an untracked `x` with at most 5 % other
/// numbers, such as bags of words, are skipped: they give 0 even where the weight is infinite or NaN.
///
/// # Errors
/// If `weight` is not a matrix, the last dimension of `x` is not its I, `bias` is not `[O]`, or they differ in type
/// or device.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[3f32, 4.], [0., 1.], [1., 0.]], &Device::Cpu)?;
/// let bias = Tensor::new(&[0.5f32, 0., 0.], &Device::Cpu)?;
/// let y = candle_geometric_ops::linear(&x, &weight, Some(&bias))?;
/// assert_eq!(y.to_vec2::<f32>()?, [[11.5, 2., 1.]]);
/// # Ok(()) }
/// ```
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let (last, outputs) = check_arguments(x, weight, bias)?;
    if x.rank() == 2 {
        return product(x, weight, bias);
    }
    let leading = &x.dims()[..x.rank() - 1];
    let rows: usize = leading.iter().product();
    let y = product(&x.reshape((rows, last))?, weight, bias)?;
    Ok(y.reshape([leading, &[outputs]].concat())?)
}

/// [`linear`] of a matrix `x` for an attention: `[N, I] → [N, O]`, as what passes between operations of this crate.
///
/// # Errors
/// As [`linear`], and if `x` is not a matrix.
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
/// let weight = Tensor::new(&[[3f32, 4.], [0., 1.]], &Device::Cpu)?;
/// let y = candle_geometric_ops::project(&x, &weight, None)?;
/// assert_eq!(y.tensor()?.to_vec2::<f32>()?, [[11., 2.]]);
/// # Ok(()) }
/// ```
pub fn project(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Linked> {
    let [y] = project_all(x, [(weight, bias)])?;
    Ok(y)
}

/// Several affine maps of one `x`, as [`project`] each, at most four. Their contributions to the gradient of `x` are
/// summed as they are computed.
///
/// # Errors
/// As [`project`].
///
/// ```
/// # use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Tensor::new(&[[1f32, 2.]], &Device::Cpu)?;
/// let (a, b) = (Tensor::new(&[[3f32, 4.]], &Device::Cpu)?, Tensor::new(&[[0f32, 1.], [1., 0.]], &Device::Cpu)?);
/// let [y, z] = candle_geometric_ops::project_all(&x, [(&a, None), (&b, None)])?;
/// assert_eq!(y.tensor()?.to_vec2::<f32>()?, [[11.]]);
/// assert_eq!(z.tensor()?.to_vec2::<f32>()?, [[2., 1.]]);
/// # Ok(()) }
/// ```
pub fn project_all<const K: usize>(x: &Tensor, maps: [(&Tensor, Option<&Tensor>); K]) -> Result<[Linked; K]> {
    const { assert!(K <= 4, "an operation has at most nine arguments") };
    for (weight, bias) in maps {
        check_arguments(x, weight, bias)?;
    }
    if x.rank() != 2 {
        return Err(Error::Shape { argument: "x", expected: "[N, I]".into(), actual: x.dims().to_vec() });
    }
    let all = if VENDOR || !matches!(backend::of(x), Backend::Cpu) {
        let each = maps.iter().map(|(weight, bias)| Ok(Linked::from(product(x, weight, *bias)?)));
        each.collect::<Result<Vec<_>>>()?
    } else {
        let x = Linked::from(x);
        let maps = maps.iter().map(|(weight, bias)| Linear::new(&x, weight, *bias)).collect::<Result<_>>()?;
        for_float!(x.value().dtype(), "project", T => project_each::<T>(maps))?
    };
    all.try_into().map_err(|_| candle_core::Error::Msg("as many results as maps".into()).into())
}

fn project_each<T: Real>(maps: Vec<Linear>) -> candle_core::Result<Vec<Linked>> {
    let (mut values, mut ops) = (vec![], vec![]);
    for mut map in maps {
        let (y, shape) = map.forward::<T>()?;
        values.push(Tensor::from_vec(y, shape, &Device::Cpu)?);
        ops.push(map);
    }
    let x = ops.first().map(Linear::x_node);
    let args: Vec<Tensor> = x.into_iter().chain(ops.iter().flat_map(Linear::parameters)).collect();
    Linked::new(&args.iter().collect::<Vec<_>>(), values, move |grads| {
        let with_grads =
            || ops.iter().zip(grads).filter_map(|(op, grad)| Some((op, grad.as_ref()?.tensor())));
        let mut all = vec![Linear::x_gradient::<T>(&with_grads().collect::<Vec<_>>())?];
        for (op, grad) in ops.iter().zip(grads) {
            match grad {
                Some(grad) => all.extend(op.parameter_gradients::<T>(grad.tensor())?),
                None => all.extend(op.parameters().map(|_| None)),
            }
        }
        Ok(all)
    })
}

/// Checks everything; returns I and O.
pub(crate) fn check_arguments(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<(usize, usize)> {
    check::float("x", x)?;
    let [outputs, inputs] = *weight.dims() else {
        return Err(Error::Shape {
            argument: "weight",
            expected: "[O, I]".into(),
            actual: weight.dims().to_vec(),
        });
    };
    check::like("weight", weight, x)?;
    let Some(&last) = x.dims().last().filter(|last| **last == inputs) else {
        return Err(Error::Shape {
            argument: "x",
            expected: format!("[…, {inputs}] (the weight is [{outputs}, {inputs}])"),
            actual: x.dims().to_vec(),
        });
    };
    if let Some(b) = bias {
        check::shape("bias", b, &[outputs], "O")?;
        check::like("bias", b, x)?;
    }
    Ok((last, outputs))
}

/// Whether Candle multiplies matrices by a library of the processor's vendor: then so do we.
pub(crate) const VENDOR: bool = cfg!(any(feature = "mkl", feature = "accelerate"));

fn product(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    match backend::of(x) {
        Backend::Cpu if VENDOR => reference::linear(x, weight, bias),
        Backend::Cpu => {
            let mut op = Linear::new(&Linked::from(x), weight, bias)?;
            Ok(for_float!(x.dtype(), "linear", T => {
                let (y, shape) = op.forward::<T>()?;
                let args: Vec<Tensor> = [op.x_node()].into_iter().chain(op.parameters()).collect();
                node(&args.iter().collect::<Vec<_>>(), node::value(y, shape), move |grad| {
                    let mut all = vec![Linear::x_gradient::<T>(&[(&op, grad.tensor())])?];
                    all.extend(op.parameter_gradients::<T>(grad.tensor())?);
                    Ok(all)
                })
            })?)
        }
        Backend::Widened => {
            let bias = backend::wide_option(bias)?;
            let y = product(&backend::wide(x)?, &backend::wide(weight)?, bias.as_ref())?;
            backend::narrow(&y, x)
        }
        Backend::Cuda | Backend::Reference => reference::linear(x, weight, bias),
    }
}

/// An affine map as an operation. Unlike Candle's matmul it computes no gradient that nobody asked for, and where x is
/// a constant of mostly zeros it skips them.
pub(crate) struct Linear {
    x: Linked,
    weight: Tensor,
    bias: Option<Tensor>,
    /// Where x has non-zeros, if it is multiplied as a sparse matrix.
    sparse: Option<EdgeIndex>,
}

impl Linear {
    pub(crate) fn new(x: &Linked, weight: &Tensor, bias: Option<&Tensor>) -> Result<Self> {
        let bias = bias.map(Tensor::contiguous).transpose()?;
        Ok(Self { x: x.contiguous()?, weight: weight.contiguous()?, bias, sparse: None })
    }

    /// What stands for x among the arguments of an operation.
    pub(crate) fn x_node(&self) -> Tensor {
        self.x.node().clone()
    }

    /// Finds out whether x is a constant of mostly zeros.
    pub(crate) fn look_for_zeros<T: Real>(&mut self) -> candle_core::Result<bool> {
        let x = self.x.value();
        let constant = !self.x.is_tracked() && !self.x.is_made();
        if constant && self.sparse.is_none() {
            self.sparse = cpu::sparse::pattern(Host::open(&x).slice::<T>()?, x.dim(1)?)?;
        }
        Ok(self.sparse.is_some())
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = Tensor> {
        [self.weight.clone()].into_iter().chain(self.bias.clone())
    }

    /// The result, `[N, O]`.
    pub(crate) fn forward<T: Real>(&mut self) -> candle_core::Result<(Vec<T>, (usize, usize))> {
        let sparse = self.look_for_zeros::<T>()?;
        let (x, outputs) = (self.x.value(), self.weight.dim(0)?);
        let (n, inputs) = x.dims2()?;
        let (x, weight, bias) =
            (Host::open(&x), Host::open(&self.weight), self.bias.as_ref().map(Host::open));
        let (x, weight) = (x.slice::<T>()?, weight.slice::<T>()?);
        let bias = bias.as_ref().map(Host::slice::<T>).transpose()?;
        let y = match self.sparse.as_ref().filter(|_| sparse) {
            Some(pattern) => {
                let values = cpu::sparse::values(x, pattern);
                let transposed = cpu::dense::transpose(weight, inputs);
                let mut y =
                    cpu::segment::spmm(pattern.by_destination(), Some(&values), 1, &transposed, outputs);
                if let Some(bias) = bias {
                    cpu::dense::add_bias(&mut y, bias);
                }
                y
            }
            None => {
                let term = (Matrix::new(x, n, inputs), Matrix::new(weight, outputs, inputs).transpose());
                matmul::sum_of_products(&[term], n, outputs, bias)
            }
        };
        Ok((y, (n, outputs)))
    }

    /// `Σ x · weightᵀ + bias` over maps with as many outputs, which add their own bias, `[N, O]`.
    pub(crate) fn sum<T: Real>(maps: &mut [Self]) -> candle_core::Result<Vec<T>> {
        let sparse =
            maps.iter_mut().map(|map| map.look_for_zeros::<T>()).collect::<candle_core::Result<Vec<_>>>()?;
        if sparse.contains(&true) {
            let mut sum: Option<Vec<T>> = None;
            for map in maps {
                let (y, _) = map.forward::<T>()?;
                sum = Some(match sum {
                    Some(sum) => cpu::dense::sum(&sum, &y),
                    None => y,
                });
            }
            return Ok(sum.unwrap_or_default());
        }
        let Some(first) = maps.first() else { return Ok(vec![]) };
        let (n, outputs) = (first.x.value().dim(0)?, first.weight.dim(0)?);
        let values: Vec<_> = maps.iter().map(|map| map.x.value()).collect();
        let views: Vec<_> =
            values.iter().zip(&*maps).map(|(x, map)| (Host::open(x), Host::open(&map.weight))).collect();
        let terms = views.iter().zip(&*maps).map(|((x, weight), map)| {
            let inputs = map.weight.dim(1)?;
            let weight = Matrix::new(weight.slice::<T>()?, outputs, inputs).transpose();
            Ok((Matrix::new(x.slice()?, n, inputs), weight))
        });
        let bias = first.bias.as_ref().map(Host::open);
        let bias = bias.as_ref().map(Host::slice::<T>).transpose()?;
        Ok(matmul::sum_of_products(&terms.collect::<candle_core::Result<Vec<_>>>()?, n, outputs, bias))
    }

    /// The gradient of the x that the maps share, from those of their results.
    pub(crate) fn x_gradient<T: Real>(maps: &[(&Self, &Tensor)]) -> candle_core::Result<Option<Gradient>> {
        let Some((first, _)) = maps.first().filter(|(op, _)| op.x.is_tracked()) else { return Ok(None) };
        let (n, inputs) = first.x.value().dims2()?;
        let views: Vec<_> =
            maps.iter().map(|(op, grad)| (Host::open(grad), Host::open(&op.weight))).collect();
        let terms = views.iter().zip(maps).map(|((g, weight), (op, _))| {
            let outputs = op.weight.dim(0)?;
            Ok((Matrix::new(g.slice::<T>()?, n, outputs), Matrix::new(weight.slice()?, outputs, inputs)))
        });
        let terms = terms.collect::<candle_core::Result<Vec<_>>>()?;
        Gradient::own(matmul::sum_of_products(&terms, n, inputs, None), (n, inputs)).map(Some)
    }

    /// The gradients of the weight and of the bias, if there is one.
    pub(crate) fn parameter_gradients<T: Real>(&self, grad: &Tensor) -> candle_core::Result<Gradients> {
        let (x, outputs) = (self.x.value(), self.weight.dim(0)?);
        let (n, inputs) = x.dims2()?;
        let [x, g] = [&x, grad].map(Host::open);
        let (x, g) = (x.slice::<T>()?, g.slice::<T>()?);
        let dw = || {
            let dw = match &self.sparse {
                None => matmul::transposed_product(Matrix::new(g, n, outputs), Matrix::new(x, n, inputs)),
                Some(pattern) => {
                    let values = cpu::sparse::values(x, pattern);
                    let transposed = cpu::segment::spmm(pattern.by_source(), Some(&values), 1, g, outputs);
                    cpu::dense::transpose(&transposed, outputs)
                }
            };
            Gradient::own(dw, (outputs, inputs))
        };
        let mut all = vec![self.weight.track_op().then(dw).transpose()?];
        if let Some(bias) = &self.bias {
            let sums = || Gradient::own(cpu::dense::column_sums(g, outputs), outputs);
            all.push(bias.track_op().then(sums).transpose()?);
        }
        Ok(all)
    }
}
