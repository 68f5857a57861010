use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};

use crate::node::{self, Gradients};

/// A tensor that one operation of this crate made for another, such as the projected features of a layer for its
/// attention.
///
/// Its gradient goes from the one operation straight to the other. Through Candle's store of gradients it would cost
/// a tensor of zeros and a sum of its size each time. Any tensor can stand for one of these (`Linked::from`), and
/// [`Linked::value`] is its value, without a gradient.
#[derive(Debug, Clone)]
pub struct Linked {
    value: Tensor,
    /// `None` where the value itself is in Candle's graph.
    link: Option<Link>,
}

#[derive(Debug, Clone)]
struct Link {
    /// A number that stands for the value in Candle's graph.
    tie: Tensor,
    /// The gradient, on its way from those who used the value to the operation that made it.
    gradient: Arc<Mutex<Option<Tensor>>>,
}

impl From<&Tensor> for Linked {
    fn from(t: &Tensor) -> Self {
        Self { value: t.clone(), link: None }
    }
}

impl From<Tensor> for Linked {
    fn from(value: Tensor) -> Self {
        Self { value, link: None }
    }
}

impl Linked {
    /// What an operation on `args` made: `backward` computes their gradients from that of `value`.
    pub(crate) fn new(
        args: &[&Tensor],
        value: Tensor,
        backward: impl Fn(&Tensor) -> candle_core::Result<Gradients> + Send + Sync + 'static,
    ) -> candle_core::Result<Self> {
        if !args.iter().any(|a| a.track_op()) {
            return Ok(Self { value, link: None });
        }
        let gradient = Arc::new(Mutex::new(None));
        let slot = gradient.clone();
        let count = args.len();
        let tie = node::node(args, (CpuStorage::F32(vec![0.0]), ().into()), move |_, _| {
            match slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
                Some(grad) => backward(&grad),
                None => Ok(vec![None; count]),
            }
        })?;
        Ok(Self { value, link: Some(Link { tie, gradient }) })
    }

    /// The tensor, detached: gradients do not flow through it.
    pub fn value(&self) -> Tensor {
        self.value.detach()
    }

    /// The tensor, through which gradients flow. Costs a copy where an operation of this crate made it.
    ///
    /// # Errors
    /// If the copy fails.
    pub fn tensor(&self) -> candle_core::Result<Tensor> {
        let Some(link) = &self.link else { return Ok(self.value.clone()) };
        let (this, (storage, layout)) = (self.clone(), self.value.storage_and_layout());
        // Only the kernels for the CPU make links, and what they make is contiguous.
        let Storage::Cpu(numbers) = &*storage else { return Ok(self.value.clone()) };
        let value = (numbers.clone(), layout.shape().clone());
        node::node(&[&link.tie], value, move |_, grad| Ok(vec![this.pass(grad.clone())?]))
    }

    /// Whether a gradient is wanted.
    pub fn is_tracked(&self) -> bool {
        self.node().track_op()
    }

    /// What stands for this among the arguments of an operation.
    pub(crate) fn node(&self) -> &Tensor {
        self.link.as_ref().map_or(&self.value, |l| &l.tie)
    }

    /// Passes on the gradient that an operation has computed for this argument: what is returned is the gradient of
    /// [`node`](Self::node).
    pub(crate) fn pass(&self, grad: Tensor) -> candle_core::Result<Option<Tensor>> {
        let Some(link) = &self.link else { return Ok(Some(grad)) };
        let mut kept = link.gradient.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some(match kept.take() {
            Some(sum) => (sum + grad)?,
            None => grad,
        });
        Tensor::zeros((), DType::F32, &Device::Cpu).map(Some)
    }
}
