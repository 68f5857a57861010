//! Operations as nodes of Candle's graph: any number of arguments, one result, and a closure for the gradients.
//!
//! An operation of Candle has at most three arguments. Here the arguments are bundled, three at a time, into *ties*:
//! numbers of no interest that depend on them. The result depends on the ties. In the backward pass it computes the
//! gradients of all arguments and leaves them in a mailbox, from which the ties hand them out. The mailbox belongs to the
//! graph, so two threads must not run backward passes through the same nodes at the same time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Error, Layout, Result, Shape, Tensor,
};

/// The most arguments of an operation.
const MOST: usize = 9;

/// The gradients of the arguments in their order; `None` where there is none.
pub(crate) type Gradients = Vec<Option<Tensor>>;

/// The numbers of a result on the CPU and its shape.
pub(crate) type Value = (CpuStorage, Shape);

/// A tensor that depends on `args`, at most nine: `backward` computes their gradients from the result and its gradient.
pub(crate) fn node(
    args: &[&Tensor],
    (storage, shape): Value,
    backward: impl Fn(&Tensor, &Tensor) -> Result<Gradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    if args.len() > MOST {
        return Err(Error::Msg(format!("an operation has at most {MOST} arguments, not {}", args.len())));
    }
    let mailbox = Arc::new(Mutex::new(vec![None; args.len()]));
    let ties = args
        .chunks(3)
        .enumerate()
        .map(|(k, args)| {
            let tie = Tie { first: 3 * k, mailbox: mailbox.clone() };
            match args {
                [a, b, c] => a.apply_op3(b, c, tie),
                [a, b] => a.apply_op2(b, tie),
                _ => args[0].apply_op1(tie),
            }
        })
        .collect::<Result<Vec<_>>>()?;
    let op = Node { value: Mutex::new(Some((storage, shape))), backward: Box::new(backward), mailbox };
    match ties.as_slice() {
        [a, b, c] => a.apply_op3(b, c, op),
        [a, b] => a.apply_op2(b, op),
        [a] => a.apply_op1(op),
        _ => Err(Error::Msg("an operation without arguments".into())),
    }
}

type Mailbox = Arc<Mutex<Gradients>>;

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The gradient of a tie. Its value does not matter, but without one Candle would not go on to the tie's arguments.
fn nothing() -> Result<Option<Tensor>> {
    Tensor::zeros((), DType::F32, &Device::Cpu).map(Some)
}

/// A number that depends on up to three arguments, of which it is to hand out the gradients `first…`.
struct Tie {
    first: usize,
    mailbox: Mailbox,
}

impl Tie {
    fn value() -> Result<Value> {
        Ok((CpuStorage::F32(vec![0.0]), ().into()))
    }

    fn take(&self, k: usize) -> Option<Tensor> {
        lock(&self.mailbox).get_mut(self.first + k).and_then(Option::take)
    }
}

/// The gradients of the arguments from the result and its gradient.
type Backward = Box<dyn Fn(&Tensor, &Tensor) -> Result<Gradients> + Send + Sync>;

/// The result, which was computed beforehand.
struct Node {
    value: Mutex<Option<Value>>,
    backward: Backward,
    mailbox: Mailbox,
}

impl Node {
    fn value(&self) -> Result<Value> {
        lock(&self.value).take().ok_or_else(|| Error::Msg("an operation was run a second time".into()))
    }

    fn run(&self, out: &Tensor, grad: &Tensor) -> Result<()> {
        *lock(&self.mailbox) = (self.backward)(out, &grad.contiguous()?)?;
        Ok(())
    }
}

impl CustomOp1 for Tie {
    fn name(&self) -> &'static str {
        "tie"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<Value> {
        Self::value()
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.take(0))
    }
}

impl CustomOp2 for Tie {
    fn name(&self) -> &'static str {
        "tie"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<Value> {
        Self::value()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((self.take(0), self.take(1)))
    }
}

impl CustomOp3 for Tie {
    fn name(&self) -> &'static str {
        "tie"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<Value> {
        Self::value()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok((self.take(0), self.take(1), self.take(2)))
    }
}

impl CustomOp1 for Node {
    fn name(&self) -> &'static str {
        "candle-geometric"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<Value> {
        self.value()
    }

    fn bwd(&self, _: &Tensor, out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.run(out, grad)?;
        nothing()
    }
}

impl CustomOp2 for Node {
    fn name(&self) -> &'static str {
        "candle-geometric"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<Value> {
        self.value()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.run(out, grad)?;
        Ok((nothing()?, nothing()?))
    }
}

impl CustomOp3 for Node {
    fn name(&self) -> &'static str {
        "candle-geometric"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<Value> {
        self.value()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        self.run(out, grad)?;
        Ok((nothing()?, nothing()?, nothing()?))
    }
}
