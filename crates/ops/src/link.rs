//! Gradients on their way from one operation of this crate straight to another.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};

use candle_core::{Device, Result, Shape, Tensor, TensorId};

use crate::backend::{self, Backend};
use crate::cpu::memory::Scratch;
use crate::cpu::{Host, Real, dense, for_float};
use crate::node::{Value, lock, nothing, part};

/// A gradient between two operations.
#[derive(Debug, Clone)]
pub(crate) enum Gradient {
    /// Somebody else may hold it too.
    Shared(Tensor),
    /// An operation of this crate made it, and its memory is used again when the last of these is dropped.
    Own(Arc<Scratch>),
}

impl Gradient {
    /// What an operation has just computed.
    pub(crate) fn own<T: Real>(numbers: Vec<T>, shape: impl Into<Shape>) -> Result<Self> {
        Ok(Self::Own(Arc::new(Scratch::new(Tensor::from_vec(numbers, shape, &Device::Cpu)?))))
    }

    /// The same, where it is wanted.
    pub(crate) fn wanted<T: Real>(wanted: bool, numbers: Vec<T>, like: &Tensor) -> Result<Option<Self>> {
        wanted.then(|| Self::own(numbers, like.shape())).transpose()
    }

    /// The tensor, to be read. To pass it on, clone the gradient: the memory of the tensor is used again afterwards.
    pub(crate) fn tensor(&self) -> &Tensor {
        match self {
            Self::Shared(t) => t,
            Self::Own(scratch) => scratch.tensor(),
        }
    }

    /// The tensor, which keeps its memory.
    pub(crate) fn into_tensor(self) -> Tensor {
        match self {
            Self::Shared(t) => t,
            Self::Own(scratch) => scratch.keep(),
        }
    }

    /// The same with its numbers in a row in memory.
    pub(crate) fn contiguous(self) -> Result<Self> {
        match self {
            Self::Shared(t) => Ok(Self::Shared(t.contiguous()?)),
            own @ Self::Own(_) => Ok(own),
        }
    }

    /// The sum of both.
    pub(crate) fn plus(&self, other: &Self) -> Result<Self> {
        let (a, b) = (self.clone().contiguous()?, other.clone().contiguous()?);
        if !matches!(backend::of(a.tensor()), Backend::Cpu) {
            return Ok(Self::Shared((a.tensor() + b.tensor())?));
        }
        let (x, y) = (Host::open(a.tensor()), Host::open(b.tensor()));
        for_float!(a.tensor().dtype(), "gradient", T => {
            Self::own(dense::sum::<T>(x.slice()?, y.slice()?), a.tensor().shape())
        })
    }
}

/// Where the users of a result leave its gradient for the operation that made it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slot(Arc<Mutex<Option<Gradient>>>);

impl Slot {
    pub(crate) fn take(&self) -> Option<Gradient> {
        lock(&self.0).take()
    }

    fn add(&self, gradient: Gradient) -> Result<()> {
        let sum = match self.take() {
            Some(sum) => sum.plus(&gradient)?,
            None => gradient,
        };
        *lock(&self.0) = Some(sum);
        Ok(())
    }
}

/// A result of this crate: what stands for it in Candle's graph, and where its gradient goes.
#[derive(Debug)]
pub(crate) struct Link {
    node: Tensor,
    slot: Slot,
    exit: OnceLock<TensorId>,
}

/// The links by what stands for them and by their exits, which hold them: so an operation finds out that this crate
/// made its argument. Candle's tensors have no room for such a note.
static LINKS: LazyLock<Mutex<HashMap<TensorId, Weak<Link>>>> = LazyLock::new(Mutex::default);

impl Link {
    pub(crate) fn new(node: Tensor, slot: Slot) -> Arc<Self> {
        let link = Arc::new(Self { node, slot, exit: OnceLock::new() });
        lock(&LINKS).insert(link.node.id(), Arc::downgrade(&link));
        link
    }

    /// The link of a tensor that this crate made.
    pub(crate) fn of(t: &Tensor) -> Option<Arc<Self>> {
        if !t.track_op() {
            return None;
        }
        lock(&LINKS).get(&t.id()).and_then(Weak::upgrade)
    }

    /// What stands for the result in Candle's graph.
    pub(crate) fn node(&self) -> &Tensor {
        &self.node
    }

    /// Adds to the gradient of the result.
    pub(crate) fn leave(&self, gradient: Gradient) -> Result<()> {
        self.slot.add(gradient)
    }

    /// The result as a tensor. At most once for a link.
    pub(crate) fn exit(self: Arc<Self>, value: Value) -> Result<Tensor> {
        let this = self.clone();
        let out = part(&[&self.node], value, move |_, grad| {
            this.leave(Gradient::Shared(grad.clone()))?;
            Ok([nothing(&this.node)?, None, None])
        })?;
        lock(&LINKS).insert(*self.exit.get_or_init(|| out.id()), Arc::downgrade(&self));
        Ok(out)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut links = lock(&LINKS);
        for id in [Some(self.node.id()), self.exit.get().copied()].into_iter().flatten() {
            links.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::*;

    #[test]
    fn links_are_known_for_as_long_as_their_results() {
        let x = Var::new(&[1f32, -1.], &Device::Cpu).unwrap();
        let out = crate::relu(&x).unwrap();
        let ids = {
            let link = Link::of(&out).unwrap();
            assert!(Link::of(link.node()).is_some());
            [link.node().id(), out.id()]
        };
        // What another operation made of it depends on its node, not on the tensor.
        let next = crate::relu(&out).unwrap();
        drop(out);
        assert!(lock(&LINKS).contains_key(&ids[0]));
        drop(next);
        assert!(ids.iter().all(|id| !lock(&LINKS).contains_key(id)));
        assert!(Link::of(&crate::relu(&x.as_detached_tensor()).unwrap()).is_none());
    }
}
