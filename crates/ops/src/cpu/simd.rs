//! Which vector instructions the kernels use: chosen when the program runs, among AVX-512, AVX2, NEON and none.
//!
//! Kernels are ordinary loops, compiled once for each. They add and multiply apart, never fused, and sum in a fixed
//! number of lanes, so all of them give the same bits. (Products of matrices are gemm's, which chooses for itself.)

use std::sync::OnceLock;

use pulp::{Arch, NullaryFnOnce};

/// The environment variable that turns vector instructions off where it is `portable`.
const VARIABLE: &str = "CANDLE_GEOMETRIC_SIMD";

/// A loop to be compiled for every set of instructions: its arguments are the fields.
pub(super) trait Kernel {
    /// What it computes.
    type Output;

    /// Computes it. To be marked `#[inline(always)]`, and so must be all that it calls in loops: a function that is
    /// called, and not inlined, is compiled for the least of the instructions.
    fn run(self) -> Self::Output;
}

/// Runs a kernel with the best instructions of this machine.
#[inline]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    struct Call<K>(K);
    impl<K: Kernel> NullaryFnOnce for Call<K> {
        type Output = K::Output;
        #[inline(always)]
        fn call(self) -> K::Output {
            self.0.run()
        }
    }
    arch().dispatch(Call(kernel))
}

fn arch() -> Arch {
    static CHOSEN: OnceLock<Arch> = OnceLock::new();
    *CHOSEN.get_or_init(|| match std::env::var_os(VARIABLE) {
        Some(v) if v == "portable" => Arch::Scalar,
        _ => Arch::new(),
    })
}

/// Asks for the cache lines of `numbers`, which will be read soon, in the second cache level: a processor can wait for
/// fewer lines on their way to the first, and rows of a few hundred bytes then arrive a third later.
#[inline(always)]
pub(super) fn prefetch<T>(numbers: &[T]) {
    const LINE: usize = 64;
    let start = numbers.as_ptr().cast::<u8>();
    let into_line = start as usize % LINE;
    for offset in (0..into_line + size_of_val(numbers)).step_by(LINE) {
        let line = start.wrapping_sub(into_line).wrapping_add(offset);
        // SAFETY: the address is that of a cache line in which some of `numbers` lie, and a prefetch neither reads nor
        // writes anything that the program can see.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T1>(line.cast());
        }
        // SAFETY: as above; the instruction changes no register and no memory.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            std::arch::asm!("prfm pldl2keep, [{}]", in(reg) line, options(nostack, readonly, preserves_flags));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = line;
    }
}
