//! How Parquet writes numbers: variable lengths, runs, packed bits and differences.
//!
//! Source: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use super::Parsed;

/// The first bytes, which then are no longer there.
pub(super) fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Parsed<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or("it ends too early")?;
    *bytes = rest;
    Ok(taken)
}

/// A number in groups of seven bits, the low ones first.
pub(super) fn varint(bytes: &mut &[u8]) -> Parsed<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let &byte = take(bytes, 1)?.first().ok_or("it ends too early")?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number of more than 64 bits")
}

/// A number that may be negative: 0, -1, 1, -2, ….
pub(super) fn zigzag(bytes: &mut &[u8]) -> Parsed<i64> {
    varint(bytes).map(|value| (value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

/// A little-endian number that begins the bytes, as the length of a text or of levels is written.
pub(super) fn length(bytes: &mut &[u8]) -> Parsed<usize> {
    let &word = take(bytes, 4)?.first_chunk().ok_or("it ends too early")?;
    usize::try_from(u32::from_le_bytes(word)).map_err(|_| "a length beyond the memory")
}

/// Numbers of `width` bits, up to 64, one after the other, the low bits first.
pub(super) fn unpack(bytes: &[u8], width: u32) -> impl Iterator<Item = u64> {
    let mut bytes = bytes.iter();
    let (mut bits, mut have) = (0u128, 0);
    std::iter::from_fn(move || {
        while have < width {
            bits |= u128::from(*bytes.next()?) << have;
            have += 8;
        }
        let value = bits & ((1u128 << width) - 1);
        bits >>= width;
        have -= width;
        u64::try_from(value).ok()
    })
}

/// `count` numbers of `width` bits, up to 32, in runs of the same and packed groups of eight.
pub(super) fn hybrid(mut bytes: &[u8], width: u32, count: usize) -> Parsed<Vec<u32>> {
    if width > 32 {
        return Err("numbers of more than 32 bits");
    }
    let mut values = Vec::new();
    while values.len() < count {
        let left = count - values.len();
        let head = varint(&mut bytes)?;
        let length = usize::try_from(head >> 1).map_err(|_| "a run beyond the memory")?;
        if head & 1 == 0 {
            let value = unpack(take(&mut bytes, width.div_ceil(8) as usize)?, width).next().unwrap_or(0);
            values.resize(values.len() + length.min(left), value as u32);
        } else if width == 0 {
            values.resize(values.len() + length.saturating_mul(8).min(left), 0);
        } else {
            // Some writers leave out the end of the last group.
            let packed = length.saturating_mul(width as usize).min(bytes.len());
            let packed = take(&mut bytes, packed)?;
            values.extend(unpack(packed, width).take(left.min(length.saturating_mul(8))).map(|v| v as u32));
        }
    }
    Ok(values)
}

/// Numbers as differences in blocks, at most `most` of them; what follows is left in `bytes`.
pub(super) fn delta(bytes: &mut &[u8], most: usize) -> Parsed<Vec<i64>> {
    let size = |value: u64| usize::try_from(value).map_err(|_| "a block beyond the memory");
    let (block, miniblocks, count) = (size(varint(bytes)?)?, size(varint(bytes)?)?, size(varint(bytes)?)?);
    let first = zigzag(bytes)?;
    if count > most {
        return Err("more numbers than the page has values");
    }
    let per_miniblock = block.checked_div(miniblocks).unwrap_or(0);
    if per_miniblock == 0 || per_miniblock % 8 != 0 {
        return Err("blocks that do not divide into groups of eight");
    }
    let mut values = Vec::new();
    if count > 0 {
        values.push(first);
    }
    let mut last = first;
    while values.len() < count {
        let least = zigzag(bytes)?;
        for &width in take(bytes, miniblocks)? {
            if values.len() == count {
                break; // what is not needed is not there
            }
            if width > 64 {
                return Err("differences of more than 64 bits");
            }
            let length =
                (per_miniblock / 8).checked_mul(usize::from(width)).ok_or("a block beyond the memory")?;
            let packed = take(bytes, length)?;
            let differences = unpack(packed, u32::from(width)).take(per_miniblock);
            for difference in differences.take(count - values.len()) {
                last = last.wrapping_add(least).wrapping_add(difference.cast_signed());
                values.push(last);
            }
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(unpack(&[0x88, 0xc6, 0xfa], 3).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(hybrid(&[0x03, 0x88, 0xc6, 0xfa, 0x08, 0x05], 3, 11).unwrap()[6..], [6, 7, 5, 5, 5]);
        // 1, 2, 3, 4, 5: the difference is always 1, so that the blocks have no bits.
        let mut bytes: &[u8] = &[0x80, 0x01, 0x04, 0x05, 0x02, 0x02, 0, 0, 0, 0, 9];
        assert_eq!(delta(&mut bytes, 5).unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(bytes, [9]);
        assert_eq!(zigzag(&mut &[0x01][..]), Ok(-1));
    }

    #[test]
    fn counts_are_not_believed() {
        let mut huge: &[u8] = &[0x80, 0x01, 0x04, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x02];
        assert!(delta(&mut huge, 100).is_err());
        assert!(delta(&mut &[0x00, 0x00, 0x01, 0x02][..], 100).is_err());
        assert!(hybrid(&[0x03], 1, 8).is_err());
        assert!(varint(&mut &[0xff; 11][..]).is_err());
        assert_eq!(unpack(&[0xff; 8], 64).next(), Some(u64::MAX));
    }
}
