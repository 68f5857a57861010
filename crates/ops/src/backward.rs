use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, TensorId};

use crate::link::Gradient;
use crate::node::{node, number};
use crate::{Result, check};

/// The gradients of all variables that `loss` depends on, as `loss.backward()` of Candle gives them, in less time and
/// memory: those that operations of this crate compute for variables go straight into the result, where Candle makes
/// a tensor of zeros first and then a sum.
///
/// # Errors
/// If an operation's backward pass fails.
///
/// ```
/// # use candle_core::{DType, Device, Tensor, Var};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let weight = Var::new(&[[3f32, 4.]], &Device::Cpu)?;
/// let x = Tensor::new(&[[1f32, 2.], [5., 6.]], &Device::Cpu)?;
/// let loss = candle_geometric_ops::linear(&x, &weight, None)?.sum_all()?;
/// let gradients = candle_geometric_ops::backward(&loss)?;
/// assert_eq!(gradients.get(&weight).unwrap().to_vec2::<f32>()?, [[6., 8.]]);
/// # Ok(()) }
/// ```
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    let running = Running::start(loss);
    let mut gradients = loss.backward()?;
    for (variable, gradient) in running.finish() {
        let gradient = match gradients.remove(&variable) {
            Some(of_others) => (of_others + gradient.tensor())?,
            None => gradient.into_tensor(),
        };
        gradients.insert(&variable, gradient);
    }
    Ok(gradients)
}

/// The gradients of all variables that `out` depends on, from the gradient of `out` that is given: `out.backward(gradient)`
/// in PyTorch. They are those of `(out · gradient).sum_all()`.
///
/// # Errors
/// If `gradient` has another shape, type or device than `out`, or an operation's backward pass fails.
///
/// ```
/// # use candle_core::{Device, Tensor, Var};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let x = Var::new(&[1f32, -2.], &Device::Cpu)?;
/// let out = candle_geometric_ops::leaky_relu(&x, 0.1)?;
/// let gradients = candle_geometric_ops::backward_from(&out, &Tensor::new(&[10f32, 10.], &Device::Cpu)?)?;
/// assert_eq!(gradients.get(&x).unwrap().to_vec1::<f32>()?, [10., 1.]);
/// # Ok(()) }
/// ```
pub fn backward_from(out: &Tensor, gradient: &Tensor) -> Result<GradStore> {
    check::shape("gradient", gradient, out.dims(), "as out")?;
    check::like("gradient", gradient, out)?;
    let loss = match out.device() {
        device @ (Device::Cpu | Device::Cuda(_)) => {
            let gradient = gradient.detach();
            node(&[out], number(device)?, move |_| Ok(vec![Some(Gradient::Shared(gradient.clone()))]))?
        }
        _ => (out * gradient.detach())?.sum_all()?,
    };
    backward(&loss)
}

/// A backward pass and the gradients of variables that it has found so far.
struct Pass {
    /// The nodes that it goes through: while an operation waits for its threads, this thread may have to run another
    /// pass, whose gradients do not belong here.
    nodes: HashSet<TensorId>,
    found: HashMap<TensorId, (Tensor, Gradient)>,
}

thread_local! {
    /// The passes of [`backward`] that run on this thread, the innermost last.
    static RUNNING: RefCell<Vec<Pass>> = const { RefCell::new(Vec::new()) };
}

/// The innermost pass, for as long as it runs: also where it fails, it ends.
struct Running;

impl Running {
    fn start(loss: &Tensor) -> Self {
        let nodes = loss.sorted_nodes().iter().map(|node| node.id()).collect();
        RUNNING.with_borrow_mut(|running| running.push(Pass { nodes, found: HashMap::new() }));
        Self
    }

    /// What it has found, each variable once, so the order does not matter.
    fn finish(self) -> impl Iterator<Item = (Tensor, Gradient)> {
        let found =
            RUNNING.with_borrow_mut(|running| running.last_mut().map(|p| std::mem::take(&mut p.found)));
        found.into_iter().flat_map(HashMap::into_values)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with_borrow_mut(Vec::pop);
    }
}

/// Takes the gradient of `arg`, where it is a variable and the node `from` belongs to a running [`backward`]; gives it
/// back otherwise.
pub(crate) fn collect(
    from: &Tensor,
    arg: &Tensor,
    gradient: Gradient,
) -> candle_core::Result<Option<Gradient>> {
    let depth =
        RUNNING.with_borrow(|running| running.iter().rposition(|pass| pass.nodes.contains(&from.id())));
    let Some(depth) = depth.filter(|_| arg.is_variable()) else { return Ok(Some(gradient)) };
    let earlier = RUNNING.with_borrow_mut(|running| running[depth].found.remove(&arg.id()));
    // Summed while nothing is borrowed: another pass may begin and end meanwhile.
    let sum = match earlier {
        Some((_, earlier)) => earlier.plus(&gradient)?,
        None => gradient,
    };
    RUNNING.with_borrow_mut(|running| running[depth].found.insert(arg.id(), (arg.clone(), sum)));
    Ok(None)
}
