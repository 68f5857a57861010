//! The pages in which the values of a column stand.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;

use super::encoding::{delta, hybrid, length, take, unpack};
use super::footer::Kind;
use super::thrift::{Fields, read};
use super::{Cell, Parsed};

/// A page, unpacked.
pub(super) enum Page {
    /// Values that others refer to by their place.
    Dictionary(Vec<Cell>),
    /// Values of rows.
    Data(Vec<Cell>),
    /// Something for faster searches.
    Index,
}

/// Reads the pages of a column.
pub(super) struct Pages<'a, 'b> {
    pub(super) kind: Kind,
    pub(super) optional: bool,
    pub(super) codec: i64,
    pub(super) dictionary: Option<&'b [Cell]>,
    /// Where texts go; cells say which.
    pub(super) texts: &'b mut Vec<String>,
    /// How many bytes may still be unpacked.
    pub(super) budget: &'b mut u64,
    pub(super) bytes: &'b mut &'a [u8],
}

impl Pages<'_, '_> {
    /// The next page, which may have `rows` values at most.
    pub(super) fn next(&mut self, rows: usize) -> Parsed<Page> {
        let header = read(self.bytes)?;
        let unpacked = header.size(2).ok_or("a page lacks its size")?;
        let packed = header.size(3).ok_or("a page lacks its compressed size")?;
        let packed = take(self.bytes, packed)?;
        match header.int(1) {
            Some(0) => {
                let about = header.fields(5).ok_or("a page lacks its description")?;
                let count = self.count(about, rows)?;
                let page = self.unpack(packed, unpacked)?;
                let mut page = &page[..];
                let levels = if self.optional {
                    if about.int(3) != Some(3) {
                        return Err("levels that are not written in runs");
                    }
                    let length = length(&mut page)?;
                    take(&mut page, length)?
                } else {
                    &[]
                };
                self.data(about.int(2), levels, page, count)
            }
            Some(1) => Ok(Page::Index),
            Some(2) => {
                let about = header.fields(7).ok_or("a dictionary lacks its description")?;
                let count = about.size(1).ok_or("a page lacks its number of values")?;
                if self.dictionary.is_some() {
                    return Err("a second dictionary");
                }
                if !matches!(about.int(2), Some(0 | 2)) {
                    return Err("a dictionary in an unknown encoding");
                }
                let page = self.unpack(packed, unpacked)?;
                self.plain(&page, count).map(Page::Dictionary)
            }
            Some(3) => {
                let about = header.fields(8).ok_or("a page lacks its description")?;
                let count = self.count(about, rows)?;
                let (nulls, others) = (about.size(5), about.size(6));
                let (definition, repetition) =
                    nulls.zip(others).ok_or("a page lacks the sizes of its levels")?;
                let mut packed = packed;
                // Levels are never compressed in this form.
                take(&mut packed, repetition)?;
                let levels = take(&mut packed, definition)?;
                let values =
                    definition.checked_add(repetition).and_then(|levels| unpacked.checked_sub(levels));
                let values = values.ok_or("a page smaller than its levels")?;
                let page = match about.int(7) {
                    Some(0) => packed.to_vec(),
                    _ => self.unpack(packed, values)?,
                };
                self.data(about.int(4), levels, &page, count)
            }
            _ => Err("a page of no known type"),
        }
    }

    /// The number of values of a page. Rows that cost next to nothing in the file cost the budget.
    fn count(&mut self, about: &Fields<'_>, rows: usize) -> Parsed<usize> {
        let count = about.size(1).ok_or("a page lacks its number of values")?;
        if count > rows {
            return Err("a page with more values than there are rows");
        }
        self.spend(count.saturating_mul(4))?; // as much as a number takes in the graph
        Ok(count)
    }

    fn spend(&mut self, bytes: usize) -> Parsed<()> {
        *self.budget = self
            .budget
            .checked_sub(bytes as u64)
            .ok_or("it unpacks to much more than a file of its size should")?;
        Ok(())
    }

    fn unpack(&mut self, packed: &[u8], unpacked: usize) -> Parsed<Vec<u8>> {
        // The most that one byte can stand for: 64 bytes copied by 3; DEFLATE's limit; blocks of 128 KiB written in 4 bytes.
        let most = match self.codec {
            0 => 1,
            1 => 22,
            2 => 1032,
            6 => 1 << 15,
            4 => {
                return Err(
                    "it is compressed by Brotli, which is not read: write it with snappy, zstd or gzip",
                );
            }
            5 | 7 => {
                return Err("it is compressed by LZ4, which is not read: write it with snappy, zstd or gzip");
            }
            _ => {
                return Err("it is compressed in a way that is not read: write it with snappy, zstd or gzip");
            }
        };
        if unpacked > packed.len().saturating_mul(most).saturating_add(64) {
            return Err("a page that claims to unpack to more than it can");
        }
        self.spend(unpacked)?;
        let page = match self.codec {
            0 => packed.to_vec(),
            _ if unpacked == 0 => Vec::new(),
            1 => match snap::raw::decompress_len(packed) {
                Ok(length) if length == unpacked => snap::raw::Decoder::new()
                    .decompress_vec(packed)
                    .map_err(|_| "a page that snappy cannot unpack")?,
                _ => return Err("a page that does not unpack to the size that it should have"),
            },
            2 => {
                let mut page = Vec::new();
                let unpacker = MultiGzDecoder::new(packed);
                let read = unpacker.take(unpacked as u64 + 1).read_to_end(&mut page);
                read.map_err(|_| "a page that gzip cannot unpack")?;
                page
            }
            _ => zstd::bulk::decompress(packed, unpacked).map_err(|_| "a page that zstd cannot unpack")?,
        };
        if page.len() != unpacked {
            return Err("a page that does not unpack to the size that it should have");
        }
        Ok(page)
    }

    /// The values of rows: levels say which of them are not null.
    fn data(&mut self, encoding: Option<i64>, levels: &[u8], values: &[u8], count: usize) -> Parsed<Page> {
        if !self.optional {
            return self.values(encoding, values, count).map(Page::Data);
        }
        let levels = hybrid(levels, 1, count)?;
        let present = levels.iter().filter(|&&level| level == 1).count();
        let mut values = self.values(encoding, values, present)?.into_iter();
        let cell = |level| if level == 1 { values.next() } else { Some(Cell::Null) };
        levels.into_iter().map(cell).collect::<Option<_>>().map(Page::Data).ok_or("fewer values than rows")
    }

    fn values(&mut self, encoding: Option<i64>, mut bytes: &[u8], count: usize) -> Parsed<Vec<Cell>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let values = match (encoding, self.kind) {
            (Some(0), _) => self.plain(bytes, count)?,
            (Some(2 | 8), _) => {
                let dictionary = self.dictionary.ok_or("a page without the dictionary that it refers to")?;
                let width = take(&mut bytes, 1)?.first().copied().unwrap_or(0);
                let cell = |place| dictionary.get(place as usize).copied();
                let places = hybrid(bytes, u32::from(width), count)?;
                let cells = places.into_iter().map(cell).collect::<Option<_>>();
                cells.ok_or("a value behind the end of the dictionary")?
            }
            (Some(3), Kind::Bool) => {
                let length = length(&mut bytes)?;
                let bits = hybrid(take(&mut bytes, length)?, 1, count)?;
                bits.into_iter().map(|bit| Cell::Bool(bit == 1)).collect()
            }
            (Some(5), Kind::Int32 { .. } | Kind::Int64 { .. }) => {
                delta(&mut bytes, count)?.into_iter().map(|value| self.whole(value)).collect()
            }
            (Some(6), Kind::Text) => {
                let lengths = delta(&mut bytes, count)?;
                lengths
                    .into_iter()
                    .map(|length| self.text(take(&mut bytes, size(length)?)?))
                    .collect::<Parsed<_>>()?
            }
            (Some(7), Kind::Text) => {
                let prefixes = delta(&mut bytes, count)?;
                let lengths = delta(&mut bytes, count)?;
                let (mut last, mut cells) = (Vec::new(), Vec::new());
                for (prefix, length) in prefixes.into_iter().zip(lengths) {
                    let prefix = size(prefix)?;
                    if prefix > last.len() {
                        return Err("a text that begins with more than the one before it has");
                    }
                    self.spend(prefix)?; // may be much from few bytes
                    last.truncate(prefix);
                    last.extend_from_slice(take(&mut bytes, size(length)?)?);
                    cells.push(self.text(&last)?);
                }
                cells
            }
            (Some(9), Kind::Int32 { .. } | Kind::Int64 { .. } | Kind::Float | Kind::Double) => {
                // First the first bytes of all values, then the second ones, ….
                let width = if matches!(self.kind, Kind::Int32 { .. } | Kind::Float) { 4usize } else { 8 };
                let bytes = take(&mut bytes, width.checked_mul(count).ok_or("a page beyond the memory")?)?;
                let joined = (0..count).flat_map(|i| bytes.iter().skip(i).step_by(count).copied());
                self.plain(&joined.collect::<Vec<_>>(), count)?
            }
            _ => return Err("an encoding that is not known for such values"),
        };
        if values.len() == count { Ok(values) } else { Err("fewer values than rows") }
    }

    /// Values one after the other.
    fn plain(&mut self, mut bytes: &[u8], count: usize) -> Parsed<Vec<Cell>> {
        match self.kind {
            Kind::Bool => {
                let bytes = take(&mut bytes, count.div_ceil(8))?;
                Ok(unpack(bytes, 1).take(count).map(|bit| Cell::Bool(bit == 1)).collect())
            }
            Kind::Text => {
                let mut cells = Vec::new();
                for _ in 0..count {
                    let length = length(&mut bytes)?;
                    cells.push(self.text(take(&mut bytes, length)?)?);
                }
                Ok(cells)
            }
            Kind::Int32 { .. } | Kind::Float => {
                let bytes = take(&mut bytes, count.checked_mul(4).ok_or("a page beyond the memory")?)?;
                let cell = |&value: &[u8; 4]| match self.kind {
                    Kind::Float => Cell::Float(f32::from_le_bytes(value)),
                    _ => self.whole(i32::from_le_bytes(value).into()),
                };
                Ok(bytes.as_chunks().0.iter().map(cell).collect())
            }
            Kind::Int64 { .. } | Kind::Double => {
                let bytes = take(&mut bytes, count.checked_mul(8).ok_or("a page beyond the memory")?)?;
                let cell = |&value: &[u8; 8]| match self.kind {
                    Kind::Double => Cell::Double(f64::from_le_bytes(value)),
                    _ => self.whole(i64::from_le_bytes(value)),
                };
                Ok(bytes.as_chunks().0.iter().map(cell).collect())
            }
        }
    }

    fn whole(&self, value: i64) -> Cell {
        match self.kind {
            Kind::Int32 { signed: true } => Cell::Int(i64::from(value as i32)),
            Kind::Int32 { signed: false } => Cell::Int(i64::from(value as u32)),
            Kind::Int64 { signed: false } => Cell::Unsigned(value.cast_unsigned()),
            _ => Cell::Int(value),
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Parsed<Cell> {
        let text = std::str::from_utf8(bytes).map_err(|_| "a text that is not UTF-8")?;
        self.texts.push(text.to_string());
        Ok(Cell::Text(self.texts.len() - 1))
    }
}

fn size(length: i64) -> Parsed<usize> {
    usize::try_from(length).map_err(|_| "a text of negative length")
}
