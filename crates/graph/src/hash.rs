//! A hash for indices of nodes, which need no protection from those who choose them: some times faster than the standard
//! one. The maps that use it are looked into, never iterated over.

use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type NodeHasher = BuildHasherDefault<Multiply>;

/// Multiplies by 2⁶⁴ over the golden ratio, and brings the high half, which is mixed best, into the low one.
#[derive(Default)]
pub(crate) struct Multiply(u64);

impl Hasher for Multiply {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u64(b.into()));
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        let product = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ product >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
