use std::sync::Arc;

use candle_core::{Storage, Tensor};

use crate::cpu::memory::Scratch;
use crate::link::{Gradient, Link, Slot};
use crate::node::{self, Gradients, nothing, number};

/// A tensor that one operation of this crate made for another, such as the projected features of a layer for its
/// attention. Its memory is used again afterwards.
///
/// Any tensor can stand for one of these (`Linked::from`), and [`Linked::tensor`] makes one of it.
#[derive(Debug, Clone)]
pub struct Linked {
    value: Value,
    /// `None` where the value itself is in Candle's graph, or nobody wants a gradient.
    link: Option<Arc<Link>>,
}

#[derive(Debug, Clone)]
enum Value {
    /// Somebody's tensor.
    Given(Tensor),
    /// What an operation of this crate made.
    Made(Arc<Scratch>),
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
        backward: impl Fn(&[Option<Gradient>]) -> candle_core::Result<Gradients> + Send + Sync + 'static,
    ) -> candle_core::Result<Vec<Self>> {
        let made = |value| Value::Made(Arc::new(Scratch::new(value)));
        if !args.iter().any(|a| a.track_op()) {
            return Ok(values.into_iter().map(|value| Self { value: made(value), link: None }).collect());
        }
        let slots: Vec<Slot> = values.iter().map(|_| Slot::default()).collect();
        let of_values = slots.clone();
        let core = node::core(args, move || backward(&of_values.iter().map(Slot::take).collect::<Vec<_>>()))?;
        let each = values.into_iter().zip(slots).map(|(value, slot)| {
            let stand_in =
                node::part(&[&core], number(core.device())?, |this, _| Ok([nothing(this)?, None, None]))?;
            Ok(Self { value: made(value), link: Some(Link::new(stand_in, slot)) })
        });
        each.collect()
    }

    /// The tensor, for operations of this crate to read while they hold this: its memory is used again afterwards.
    pub(crate) fn value(&self) -> Tensor {
        match &self.value {
            Value::Given(t) => t.detach(),
            Value::Made(scratch) => scratch.tensor().clone(),
        }
    }

    /// The tensor, through which gradients flow. Costs a copy where an operation of this crate made it.
    ///
    /// # Errors
    /// If the copy fails.
    pub fn tensor(&self) -> candle_core::Result<Tensor> {
        let made = match &self.value {
            Value::Given(t) => return Ok(t.clone()),
            Value::Made(scratch) => scratch.tensor(),
        };
        let Some(link) = &self.link else { return made.copy() };
        let (storage, layout) = made.storage_and_layout();
        // Only the kernels for the CPU make links, and what they make is contiguous.
        let Storage::Cpu(numbers) = &*storage else { return made.copy() };
        link.clone().exit((Storage::Cpu(numbers.clone()), layout.shape().clone()))
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

    /// Whether an operation of this crate made it.
    pub(crate) fn is_made(&self) -> bool {
        matches!(self.value, Value::Made(_))
    }

    /// What stands for this among the arguments of an operation.
    pub(crate) fn node(&self) -> &Tensor {
        match (&self.link, &self.value) {
            (Some(link), _) => link.node(),
            (None, Value::Given(t)) => t,
            (None, Value::Made(scratch)) => scratch.tensor(),
        }
    }
}
