//! How much memory work takes, counted by the allocator on the threads that do it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// The system's allocator, which counts the bytes that counted threads take and the most that they ever had.
struct Counting;

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

fn more(bytes: usize) {
    if COUNTED.get() {
        PEAK.fetch_max(LIVE.fetch_add(bytes as isize, Relaxed) + bytes as isize, Relaxed);
    }
}

fn less(bytes: usize) {
    if COUNTED.get() {
        LIVE.fetch_sub(bytes as isize, Relaxed);
    }
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: the caller's promises are those that the system's allocator asks for, here and below.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        less(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both pieces are there while the one is copied to the other.
        more(size);
        less(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does `f` on two threads that are counted (what tasks take for themselves depends on how many there are at a time), while
/// nothing else is.
pub(crate) fn counted<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    static ONE: Mutex<()> = Mutex::new(());
    let _alone = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(|_| COUNTED.set(true)).build();
    pool.unwrap().install(f)
}

/// The bytes that counted threads have taken and not given back.
pub(crate) fn live() -> isize {
    LIVE.load(Relaxed)
}

/// The most bytes that `f`, which is done on a counted thread, takes at a time beyond what was taken before.
pub(crate) fn peak_of(f: impl FnOnce()) -> usize {
    let before = live();
    PEAK.store(before, Relaxed);
    f();
    usize::try_from(PEAK.load(Relaxed) - before).unwrap()
}
