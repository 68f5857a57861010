use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};

use crate::cpu::memory::reclaim;
use crate::node::{self, Gradients};

/// A tensor that one operation of this crate made for another, such as the projected features of a layer for its
/// attention.
///
/// Its gradient goes from the one operation straight to the other. Through Candle's store of gradients it would cost
/// a tensor of zeros and a sum of its size each time, and memory that is not used again. Any tensor can stand for one
/// of these (`Linked::from`), and [`Linked::tensor`] makes one of it.
#[derive(Debug, Clone)]
pub struct Linked {
    value: Value,
    /// `None` where the value itself is in Candle's graph, or nobody wants a gradient.
    link: Option<Link>,
}

#[derive(Debug, Clone)]
enum Value {
    /// Somebody's tensor.
    Given(Tensor),
    /// What an operation of this crate made.
    Made(Arc<Scratch>),
}

/// A tensor whose memory is used again afterwards: nobody else may hold it for longer than this.
#[derive(Debug)]
struct Scratch(Tensor);

impl Drop for Scratch {
    fn drop(&mut self) {
        reclaim(&self.0);
    }
}

#[derive(Debug, Clone)]
struct Link {
    /// A number that stands for the value in Candle's graph.
    tie: Tensor,
    /// The gradient, on its way from those who used the value to the operation that made it.
    gradient: Arc<Mutex<Option<Gradient>>>,
}

#[derive(Debug)]
enum Gradient {
    /// Somebody else may hold it too.
    Shared(Tensor),
    Own(Scratch),
}

impl Gradient {
    fn tensor(&self) -> &Tensor {
        match self {
            Self::Shared(t) | Self::Own(Scratch(t)) => t,
        }
    }
}

impl From<&Tensor> for Linked {
    fn from(t: &Tensor) -> Self {
        Self::from(t.clone())
    }
}

impl From<&Linked> for Linked {
    fn from(linked: &Linked) -> Self {
        linked.clone()
    }
}

impl From<Tensor> for Linked {
    fn from(t: Tensor) -> Self {
        Self { value: Value::Given(t), link: None }
    }
}

impl Linked {
    /// What an operation on `args` made, held by nobody else: `backward` computes their gradients from those of
    /// `values`, of which at least one has one.
    pub(crate) fn new(
        args: &[&Tensor],
        values: Vec<Tensor>,
        backward: impl Fn(&[Option<&Tensor>]) -> candle_core::Result<Gradients> + Send + Sync + 'static,
    ) -> candle_core::Result<Vec<Self>> {
        let values = values.into_iter().map(|value| Value::Made(Arc::new(Scratch(value))));
        if !args.iter().any(|a| a.track_op()) {
            return Ok(values.map(|value| Self { value, link: None }).collect());
        }
        let slots: Vec<_> = values.map(|value| (value, Arc::new(Mutex::new(None::<Gradient>)))).collect();
        let gradients: Vec<_> = slots.iter().map(|(_, gradient)| gradient.clone()).collect();
        let count = args.len();
        let tie = node::node(args, (CpuStorage::F32(vec![0.0]), ().into()), move |_, _| {
            // Not under the locks: while this waits for its threads it may be asked to run another backward pass.
            let take =
                |slot: &Mutex<Option<Gradient>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            let left: Vec<_> = gradients.iter().map(|slot| take(slot)).collect();
            if left.iter().all(Option::is_none) {
                return Ok(vec![None; count]);
            }
            backward(&left.iter().map(|g| g.as_ref().map(Gradient::tensor)).collect::<Vec<_>>())
        })?;
        let link = |gradient| Some(Link { tie: tie.clone(), gradient });
        Ok(slots.into_iter().map(|(value, gradient)| Self { value, link: link(gradient) }).collect())
    }

    /// The tensor, for operations of this crate to read while they hold this: its memory is used again afterwards.
    pub(crate) fn value(&self) -> Tensor {
        match &self.value {
            Value::Given(t) => t.detach(),
            Value::Made(scratch) => scratch.0.clone(),
        }
    }

    /// The tensor, through which gradients flow. Costs a copy where an operation of this crate made it.
    ///
    /// # Errors
    /// If the copy fails.
    pub fn tensor(&self) -> candle_core::Result<Tensor> {
        let made = match &self.value {
            Value::Given(t) => return Ok(t.clone()),
            Value::Made(scratch) => &scratch.0,
        };
        let Some(link) = &self.link else { return made.copy() };
        let (this, (storage, layout)) = (self.clone(), made.storage_and_layout());
        // Only the kernels for the CPU make links, and what they make is contiguous.
        let Storage::Cpu(numbers) = &*storage else { return made.copy() };
        let value = (numbers.clone(), layout.shape().clone());
        node::node(&[&link.tie], value, move |_, grad| Ok(vec![this.pass(grad.clone())?]))
    }

    /// The same with its numbers in a row in memory.
    pub(crate) fn contiguous(&self) -> candle_core::Result<Self> {
        match &self.value {
            Value::Given(t) if !t.is_contiguous() => Ok(Self::from(t.contiguous()?)),
            _ => Ok(self.clone()),
        }
    }

    /// Whether a gradient is wanted.
    pub fn is_tracked(&self) -> bool {
        self.node().track_op()
    }

    /// What stands for this among the arguments of an operation.
    pub(crate) fn node(&self) -> &Tensor {
        match (&self.link, &self.value) {
            (Some(link), _) => &link.tie,
            (None, Value::Given(t)) => t,
            (None, Value::Made(scratch)) => &scratch.0,
        }
    }

    /// Passes on the gradient that an operation has computed for this argument: what is returned is the gradient of
    /// [`node`](Self::node).
    pub(crate) fn pass(&self, grad: Tensor) -> candle_core::Result<Option<Tensor>> {
        self.leave(grad, Gradient::Shared)
    }

    /// As [`pass`](Self::pass), for a tensor that nobody else holds.
    pub(crate) fn pass_own(&self, grad: Tensor) -> candle_core::Result<Option<Tensor>> {
        self.leave(grad, |grad| Gradient::Own(Scratch(grad)))
    }

    fn leave(
        &self,
        grad: Tensor,
        gradient: impl FnOnce(Tensor) -> Gradient,
    ) -> candle_core::Result<Option<Tensor>> {
        let Some(link) = &self.link else { return Ok(Some(grad)) };
        let mut kept = link.gradient.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = match kept.take() {
            Some(sum) => Gradient::Own(Scratch((sum.tensor() + grad)?)),
            None => gradient(grad),
        };
        *kept = Some(sum);
        Tensor::zeros((), DType::F32, &Device::Cpu).map(Some)
    }
}
