//! Random numbers that do not depend on the order in which they are asked for.
//!
//! A counter-based generator computes the i-th number from the seed and i alone, so dropout, initialisation and
//! sampling give the same bits on any number of threads and any device, and a backward pass recomputes its mask
//! instead of storing it. The function is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: *Parallel Random Numbers: As
//! Easy as 1, 2, 3*, SC'11), the generator that PyTorch and JAX-like systems use on GPUs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Hands out numbered [`Stream`]s of one seed. This is all the random state of a training run: two integers.
#[derive(Debug)]
pub struct Generator {
    seed: u64,
    next: AtomicU64,
}

impl Generator {
    /// A generator whose first stream is number 0.
    pub fn new(seed: u64) -> Self {
        Self::resume(seed, 0)
    }

    /// A generator that goes on at stream number `next`, to resume a run from its checkpoint.
    pub fn resume(seed: u64, next: u64) -> Self {
        Self { seed, next: AtomicU64::new(next) }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of the next stream: with the [`seed`](Self::seed), the whole state.
    pub fn position(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// The next stream. No stream is handed out twice.
    pub fn stream(&self) -> Stream {
        Stream { seed: self.seed, id: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Clone for Generator {
    fn clone(&self) -> Self {
        Self::resume(self.seed, self.position())
    }
}

/// An endless sequence of random numbers with access to any position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    seed: u64,
    id: u64,
}

impl Stream {
    /// Stream number `id` of `seed`.
    pub const fn new(seed: u64, id: u64) -> Self {
        Self { seed, id }
    }

    /// Its seed and its number: what code in another language needs to read the same stream.
    pub const fn key(&self) -> (u64, u64) {
        (self.seed, self.id)
    }

    /// The stream of a name, such as a parameter's: its number is the 64-bit FNV-1a hash of the name with the
    /// highest bit set, out of the reach of a [`Generator`].
    pub const fn named(seed: u64, name: &str) -> Self {
        let bytes = name.as_bytes();
        let mut hash = 0xcbf2_9ce4_8422_2325u64;
        let mut i = 0;
        while i < bytes.len() {
            hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            i += 1;
        }
        Self { seed, id: hash | 1 << 63 }
    }

    /// Four random words: block number `block` of the stream.
    #[inline]
    pub fn block(&self, block: u64) -> [u32; 4] {
        let mut c = [block as u32, (block >> 32) as u32, self.id as u32, (self.id >> 32) as u32];
        let mut k = [self.seed as u32, (self.seed >> 32) as u32];
        for _ in 0..10 {
            let a = u64::from(c[0]) * 0xD251_1F53;
            let b = u64::from(c[2]) * 0xCD9E_8D57;
            c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
            k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
        }
        c
    }

    /// The [`block`](Self::block)s of `N` numbers. Loops over the `N`, for code that is compiled for vector instructions.
    #[inline(always)]
    pub fn blocks<const N: usize>(&self, numbers: [u64; N]) -> [[u32; 4]; N] {
        // Words in 64 bits, as products need them: between widths there would be more conversions than products.
        const LOW: u64 = 0xffff_ffff;
        let [mut c0, mut c1] = [numbers.map(|n| n & LOW), numbers.map(|n| n >> 32)];
        let [mut c2, mut c3] = [[self.id & LOW; N], [self.id >> 32; N]];
        let mut k = [self.seed as u32, (self.seed >> 32) as u32];
        for _ in 0..10 {
            let [k0, k1] = k.map(u64::from);
            for l in 0..N {
                let a = (c0[l] & LOW) * 0xD251_1F53;
                let b = (c2[l] & LOW) * 0xCD9E_8D57;
                (c0[l], c1[l]) = ((b >> 32) ^ c1[l] ^ k0, b & LOW);
                (c2[l], c3[l]) = ((a >> 32) ^ c3[l] ^ k1, a & LOW);
            }
            k = [k[0].wrapping_add(0x9E37_79B9), k[1].wrapping_add(0xBB67_AE85)];
        }
        // Two words at a time, which is how vector code puts side by side what it has one below the other.
        std::array::from_fn(|l| {
            let (first, second) = (c0[l] | c1[l] << 32, c2[l] | c3[l] << 32);
            [first as u32, (first >> 32) as u32, second as u32, (second >> 32) as u32]
        })
    }

    /// The i-th random word.
    #[inline]
    pub fn word(&self, i: u64) -> u32 {
        self.block(i / 4)[(i % 4) as usize]
    }

    /// The i-th number, uniform in [0, 1) with 24 bits.
    #[inline]
    pub fn uniform(&self, i: u64) -> f32 {
        (self.word(i) >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// The i-th number, uniform in [0, 1) with 53 bits. Takes the words 2i and 2i + 1.
    #[inline]
    pub fn uniform_f64(&self, i: u64) -> f64 {
        let b = self.block(i / 2);
        let o = (i % 2 * 2) as usize;
        let bits = u64::from(b[o]) << 32 | u64::from(b[o + 1]);
        (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// The i-th number, of the standard normal distribution (Box–Muller). Takes the block i.
    pub fn normal(&self, i: u64) -> f64 {
        let u = 1.0 - self.uniform_f64(2 * i);
        let v = self.uniform_f64(2 * i + 1);
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Stream number `n` of those that this one can be split into, so that the parts of a work have random numbers of their
    /// own, whoever does them. Its seed and number are a block at the far end of this stream.
    #[inline]
    pub fn split(&self, n: u64) -> Self {
        let [a, b, c, d] = self.block(!n);
        Self { seed: u64::from(a) << 32 | u64::from(b), id: u64::from(c) << 32 | u64::from(d) }
    }

    /// Reads the stream from its beginning, one number after the other.
    pub fn sequence(self) -> Sequence {
        Sequence { stream: self, position: 0, block: [0; 4] }
    }
}

/// A [`Stream`] read in order.
#[derive(Debug, Clone)]
pub struct Sequence {
    stream: Stream,
    position: u64,
    /// The block that the position is in, once its first word was read.
    block: [u32; 4],
}

impl Sequence {
    /// A number uniform in `0..bound`, without bias (Lemire 2019). 0 if `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        if bound == 0 {
            return 0;
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// As [`below`](Self::below), for bounds beyond 32 bits.
    pub fn below_u64(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let word = u64::from(self.word()) << 32 | u64::from(self.word());
            let product = u128::from(word) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A number uniform in [0, 1) with 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.word() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A number uniform in [0, 1) with 53 bits. Takes two words.
    pub fn uniform_f64(&mut self) -> f64 {
        let bits = u64::from(self.word()) << 32 | u64::from(self.word());
        (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Shuffles a slice (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }

    /// A random word.
    pub fn word(&mut self) -> u32 {
        let within = (self.position % 4) as usize;
        if within == 0 {
            self.block = self.stream.block(self.position / 4);
        }
        self.position += 1;
        self.block[within]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with the reference implementation (Random123, `kat_vectors`).
    #[test]
    fn philox_known_answers() {
        assert_eq!(Stream::new(0, 0).block(0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            Stream::new(u64::MAX, u64::MAX).block(u64::MAX),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn blocks_side_by_side_are_those_one_by_one() {
        let s = Stream::new(u64::MAX / 3, u64::MAX / 5);
        for first in [0, 7, u64::from(u32::MAX) - 1, u64::MAX - 1] {
            let numbers = [first, first.wrapping_add(1), first ^ 0x55];
            assert_eq!(s.blocks(numbers), numbers.map(|n| s.block(n)));
        }
    }

    #[test]
    fn moments() {
        let s = Stream::new(7, 3);
        let n = 40_000;
        let mean = (0..n).map(|i| f64::from(s.uniform(i))).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let var = (0..n).map(|i| s.normal(i).powi(2)).sum::<f64>() / n as f64;
        assert!((var - 1.0).abs() < 0.03, "{var}");
    }

    #[test]
    fn a_sequence_is_the_words_in_order() {
        let s = Stream::new(3, 4).split(9);
        let mut q = s.sequence();
        assert!((0..10).all(|i| q.word() == s.word(i)));
        let mut q = s.sequence();
        assert!((0..5).all(|i| q.uniform_f64() == s.uniform_f64(i)));
        assert_ne!(s, Stream::new(3, 4).split(8));
    }

    #[test]
    fn below_is_in_range_and_shuffle_permutes() {
        let mut q = Stream::named(1, "x").sequence();
        assert!((0..1000).all(|_| q.below(7) < 7));
        assert!((0..1000).all(|_| q.below_u64(u64::MAX / 3 * 2) < u64::MAX / 3 * 2));
        let mut v: Vec<u32> = (0..100).collect();
        q.shuffle(&mut v);
        assert_ne!(v, (0..100).collect::<Vec<_>>());
        v.sort_unstable();
        assert_eq!(v, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_generator_resumes() {
        let g = Generator::new(5);
        let _ = g.stream();
        assert_eq!(Generator::resume(g.seed(), g.position()).stream(), g.stream());
    }
}
