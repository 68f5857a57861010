//! Compressed files, unpacked no further than their size justifies.

use std::io::{BufReader, Error, ErrorKind, Read, Result};

use flate2::bufread::MultiGzDecoder;

/// What is unpacked may have this many bytes, and [`EXPANSION`] more for every byte of the file: more means a damaged file, or
/// one made to fill the memory.
const FLOOR: u64 = 1 << 28;
const EXPANSION: u64 = 64;

/// How many bytes a compressed file of this size may unpack to.
pub(crate) fn limit(compressed: u64) -> u64 {
    FLOOR.saturating_add(compressed.saturating_mul(EXPANSION))
}

/// A text as it is, or unpacked if it begins as gzip does.
pub(crate) fn plain<'a>(file: impl Read + 'a, size: u64) -> Result<Box<dyn Read + 'a>> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    let magic = std::io::BufRead::fill_buf(&mut file)?;
    if magic.starts_with(b"\x1f\x8b") {
        Ok(Box::new(Bounded { inner: MultiGzDecoder::new(file), left: limit(size) }))
    } else {
        Ok(Box::new(file))
    }
}

/// A reader that fails, rather than ends, beyond its limit.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let length = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(length as u64).ok_or_else(|| {
            Error::new(ErrorKind::InvalidData, "it unpacks to much more than a file of its size should")
        })?;
        Ok(length)
    }
}
