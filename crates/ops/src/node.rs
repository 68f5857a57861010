//! Operations as nodes of Candle's graph: any number of arguments, one result, and a closure for the gradients.
//!
//! An operation of Candle has at most three arguments, and a gradient on its way through Candle's store costs a tensor
//! of zeros and a sum of its size. So a node here is made of numbers of no interest that stand for it in Candle's
//! graph, while gradients go from one node of this crate straight to the other:
//!
//! ```text
//! arguments ── ties ── core ── exit
//! ```
//!
//! The *core* computes the gradients of all arguments and leaves them in a mailbox, from which the *ties*, one for
//! three arguments, hand them out. The *exit* is the result. An operation of this crate that uses the result depends on
//! the core instead and leaves its gradient with the [`Link`] between them; one of Candle's goes through the exit. The
//! mailbox belongs to the graph, so two threads must not run backward passes through the same nodes at the same time.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use candle_core::backend::BackendDevice;
use candle_core::op::BackpropOp;
use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Error, Layout, Result, Shape,
    Storage, Tensor,
};

use crate::backward::collect;
use crate::cpu::Real;
use crate::link::{Gradient, Link, Slot};

/// The most arguments of an operation.
const MOST: usize = 9;

/// The gradients of the arguments in their order; `None` where there is none.
pub(crate) type Gradients = Vec<Option<Gradient>>;

/// The numbers of a result, where its arguments are, and its shape.
pub(crate) type Value = (Storage, Shape);

/// The numbers of a result on the CPU.
pub(crate) fn value<T: Real>(numbers: Vec<T>, shape: impl Into<Shape>) -> Value {
    (Storage::Cpu(T::to_cpu_storage_owned(numbers)), shape.into())
}

/// A tensor that depends on `args`, at most nine: `backward` computes their gradients from that of the result.
pub(crate) fn node(
    args: &[&Tensor],
    value: Value,
    backward: impl Fn(&Gradient) -> Result<Gradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    if !args.iter().any(|a| a.track_op()) {
        return Ok(Tensor::from_storage(value.0, value.1, BackpropOp::none(), false));
    }
    let slot = Slot::default();
    let of_result = slot.clone();
    let core = core(args, move || match of_result.take() {
        Some(grad) => backward(&grad.contiguous()?),
        None => Ok(vec![]),
    })?;
    Link::new(core, slot).exit(value)
}

/// As [`node`], where `backward` needs the result, too.
pub(crate) fn node_of_result(
    args: &[&Tensor],
    value: Value,
    backward: impl Fn(&Tensor, &Gradient) -> Result<Gradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    let kept = Arc::new(OnceLock::<Tensor>::new());
    let result = kept.clone();
    let out = node(args, value, move |grad| match result.get() {
        Some(out) => backward(out, grad),
        None => Err(Error::Msg("a gradient before the result".into())),
    })?;
    // The same numbers outside of the graph: the result would hold the node that holds it.
    kept.get_or_init(|| out.detach());
    Ok(out)
}

/// A number that depends on `args`. When all that depends on it has had its turn, `backward` gives the gradients of
/// `args`.
pub(crate) fn core(
    args: &[&Tensor],
    backward: impl Fn() -> Result<Gradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    if args.len() > MOST {
        return Err(Error::Msg(format!("an operation has at most {MOST} arguments, not {}", args.len())));
    }
    let Some(device) = args.first().map(|t| t.device()) else {
        return Err(Error::Msg("an operation has at least one argument".into()));
    };
    let args: Vec<Arg> = args.iter().map(|t| Arg::new(t)).collect();
    let mailbox = Arc::new(Mutex::new(Gradients::new()));
    let ties = args.chunks(3).enumerate().map(|(k, args)| {
        let (mailbox, receivers) = (mailbox.clone(), args.to_vec());
        let take = move |k| lock(&mailbox).get_mut(k).and_then(Option::take);
        part(&args.iter().map(Arg::node).collect::<Vec<_>>(), number(device)?, move |this, _| {
            let mut all = [const { None }; 3];
            for (i, (arg, grad)) in receivers.iter().zip(&mut all).enumerate() {
                if let Some(gradient) = take(3 * k + i) {
                    *grad = arg.give(this, gradient)?;
                }
            }
            Ok(all)
        })
    });
    let ties = ties.collect::<Result<Vec<_>>>()?;
    part(&ties.iter().collect::<Vec<_>>(), number(device)?, move |this, _| {
        // Not under the lock: while this waits for its threads it may be asked to run another backward pass.
        let gradients = backward()?;
        *lock(&mailbox) = gradients;
        let nothing = nothing(this)?;
        Ok([nothing.clone(), nothing.clone(), nothing])
    })
}

/// The value of what only stands for something on a device.
pub(crate) fn number(device: &Device) -> Result<Value> {
    let shape = Shape::from(());
    let storage = match device {
        Device::Cuda(device) => Storage::Cuda(device.zeros_impl(&shape, DType::F32)?),
        _ => Storage::Cpu(CpuStorage::F32(vec![0.0])),
    };
    Ok((storage, shape))
}

/// The gradient of a number of no interest, `this`. Without one Candle would not go on to what it depends on.
pub(crate) fn nothing(this: &Tensor) -> Result<Option<Tensor>> {
    Tensor::zeros((), DType::F32, this.device()).map(Some)
}

pub(crate) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who receives a gradient.
#[derive(Clone)]
enum Arg {
    /// The node of this crate that made the argument.
    Linked(Arc<Link>),
    Plain(Tensor),
}

impl Arg {
    fn new(t: &Tensor) -> Self {
        Link::of(t).map_or_else(|| Self::Plain(t.clone()), Self::Linked)
    }

    /// What stands for the argument in Candle's graph.
    fn node(&self) -> &Tensor {
        match self {
            Self::Linked(link) => link.node(),
            Self::Plain(t) => t,
        }
    }

    /// Passes a gradient on; what is returned is that of [`Arg::node`] for Candle, from the tie `this`.
    fn give(&self, this: &Tensor, gradient: Gradient) -> Result<Option<Tensor>> {
        match self {
            Self::Linked(link) => {
                link.leave(gradient)?;
                nothing(link.node())
            }
            Self::Plain(t) => Ok(collect(this, t, gradient)?.map(Gradient::into_tensor)),
        }
    }
}

/// The gradients of up to three arguments, from a part and its gradient.
type Backward = Box<dyn Fn(&Tensor, &Tensor) -> Result<[Option<Tensor>; 3]> + Send + Sync>;

/// A custom operation of Candle whose value was computed beforehand.
struct Part {
    value: Mutex<Option<Value>>,
    backward: Backward,
}

/// A tensor that depends on one to three others.
pub(crate) fn part(
    args: &[&Tensor],
    value: Value,
    backward: impl Fn(&Tensor, &Tensor) -> Result<[Option<Tensor>; 3]> + Send + Sync + 'static,
) -> Result<Tensor> {
    let op = Part { value: Mutex::new(Some(value)), backward: Box::new(backward) };
    match args {
        [a, b, c] => a.apply_op3(b, c, op),
        [a, b] => a.apply_op2(b, op),
        [a] => a.apply_op1(op),
        _ => Err(Error::Msg(format!("{} arguments where one to three belong", args.len()))),
    }
}

impl Part {
    fn value(&self) -> Result<Value> {
        lock(&self.value).take().ok_or_else(|| Error::Msg("an operation was run a second time".into()))
    }

    fn on_cpu(&self) -> Result<(CpuStorage, Shape)> {
        match self.value()? {
            (Storage::Cpu(numbers), shape) => Ok((numbers, shape)),
            _ => Err(misplaced()),
        }
    }

    fn on_cuda(&self) -> Result<(CudaStorage, Shape)> {
        match self.value()? {
            (Storage::Cuda(numbers), shape) => Ok((numbers, shape)),
            _ => Err(misplaced()),
        }
    }
}

fn misplaced() -> Error {
    Error::Msg("the result of an operation is not where its arguments are".into())
}

const NAME: &str = "candle-geometric";

impl CustomOp1 for Part {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }

    fn bwd(&self, _: &Tensor, this: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [a, ..] = (self.backward)(this, grad)?;
        Ok(a)
    }
}

impl CustomOp2 for Part {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        this: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b, _] = (self.backward)(this, grad)?;
        Ok((a, b))
    }
}

impl CustomOp3 for Part {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.on_cpu()
    }

    fn cuda_fwd(
        &self,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.on_cuda()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        this: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = (self.backward)(this, grad)?;
        Ok((a, b, c))
    }
}
