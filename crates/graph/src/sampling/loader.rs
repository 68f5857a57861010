use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use crate::rng::Stream;
use crate::validate::check_size;
use crate::{GraphError, Result};

/// Prepares batches in the background, a few ahead of who uses them, and gives them in order.
///
/// One thread goes through the batches of seeds and makes each into a sample; a sampler may use all threads for each. After an
/// error, or a panic, which becomes one, nothing follows. Dropping the loader ends the thread, after what it is just making.
pub struct Loader<T> {
    /// Both are `None` once all has come or failed.
    samples: Option<Receiver<Result<T>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Loader<T> {
    /// A loader of `sample(seeds)` for each of the `batches`, which keeps up to `prefetch` of them ready.
    ///
    /// What depends on chance should depend on the number of the batch, as a stream of a
    /// [`Generator`](crate::rng::Generator) does that only this loader asks.
    pub fn new<S, B, F>(batches: B, prefetch: usize, mut sample: F) -> Self
    where
        B: IntoIterator<Item = S>,
        B::IntoIter: Send + 'static,
        F: FnMut(S) -> Result<T> + Send + 'static,
    {
        let batches = batches.into_iter();
        let (send, receive) = sync_channel(prefetch);
        let run = move || {
            let mut batches = batches;
            loop {
                // Nothing of what a panic leaves behind is used again: it ends the loop.
                let next = catch_unwind(AssertUnwindSafe(|| batches.next().map(&mut sample)));
                let next = next.unwrap_or_else(|panic| Some(Err(panicked(&*panic))));
                let Some(next) = next else { return };
                let failed = next.is_err();
                // Nobody receives when the loader was dropped.
                if send.send(next).is_err() || failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("loader".into()).spawn(run);
        match thread {
            Ok(thread) => Self { samples: Some(receive), thread: Some(thread) },
            Err(error) => {
                let (send, receive) = sync_channel(1);
                let message = format!("the thread could not be started: {error}");
                // There is room for it, and the receiver is here.
                let _ = send.send(Err(GraphError::Loader { message }));
                Self { samples: Some(receive), thread: None }
            }
        }
    }
}

impl<T> Iterator for Loader<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let next = self.samples.as_ref()?.recv().ok();
        if !matches!(next, Some(Ok(_))) {
            self.stop();
        }
        next
    }
}

impl<T> Loader<T> {
    fn stop(&mut self) {
        // First, so that the thread does not wait for room.
        self.samples = None;
        if let Some(thread) = self.thread.take() {
            // It catches panics and so ends well.
            let _ = thread.join();
        }
    }
}

impl<T> Drop for Loader<T> {
    fn drop(&mut self) {
        self.stop();
    }
}

fn panicked(panic: &(dyn Any + Send)) -> GraphError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_string());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    GraphError::Loader { message: format!("panicked: {}", text.unwrap_or_else(|| "no message".into())) }
}

/// The numbers below `count` in batches of `batch_size`: in order, or in random order. With `drop_last` without the last batch
/// if it is smaller. For seeds that are not all nodes, let the numbers be places in a list of them.
///
/// # Errors
/// If `batch_size` is 0 or `count` exceeds 32 bits.
///
/// ```
/// # use candle_geometric_graph::sampling::seed_batches;
/// # fn main() -> Result<(), candle_geometric_graph::GraphError> {
/// assert_eq!(seed_batches(5, 2, None, false)?, [vec![0, 1], vec![2, 3], vec![4]]);
/// assert_eq!(seed_batches(5, 2, None, true)?.len(), 2);
/// # Ok(()) }
/// ```
pub fn seed_batches(
    count: usize,
    batch_size: usize,
    shuffle: Option<Stream>,
    drop_last: bool,
) -> Result<Vec<Vec<u32>>> {
    check_size("count", count)?;
    if batch_size == 0 {
        let (expected, actual) = ("at least 1".into(), "0".into());
        return Err(GraphError::Invalid { argument: "batch_size", expected, actual });
    }
    let mut order: Vec<u32> = (0..count as u32).collect();
    if let Some(stream) = shuffle {
        stream.sequence().shuffle(&mut order);
    }
    let mut batches: Vec<Vec<u32>> = order.chunks(batch_size).map(<[u32]>::to_vec).collect();
    if drop_last && batches.last().is_some_and(|last| last.len() < batch_size) {
        batches.pop();
    }
    Ok(batches)
}
