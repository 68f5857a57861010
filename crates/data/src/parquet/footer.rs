//! What stands at the end of a Parquet file: the columns, and where their values are.

use std::ops::Range;

use super::Parsed;
use super::encoding::length;
use super::thrift::{Fields, read};

/// What a file says of itself.
#[derive(Debug)]
pub(super) struct Footer {
    pub(super) columns: Vec<ColumnInfo>,
    pub(super) groups: Vec<Group>,
}

/// A column, or a part of one that nests.
#[derive(Debug)]
pub(super) struct ColumnInfo {
    pub(super) name: String,
    /// Which of the columns without parts this is, and what it holds; an error says why it cannot be read.
    pub(super) leaf: Parsed<(usize, Kind)>,
    pub(super) optional: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    /// 32-bit integers, with a sign or without.
    Int32 {
        signed: bool,
    },
    Int64 {
        signed: bool,
    },
    Float,
    Double,
    Text,
}

/// Some rows.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) rows: usize,
    /// One per column without parts.
    pub(super) chunks: Vec<Chunk>,
}

/// The values of a column in a group of rows.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) bytes: Range<usize>,
    /// The number of the compression.
    pub(super) codec: i64,
}

/// Reads the footer of a file.
pub(super) fn footer(file: &[u8]) -> Parsed<Footer> {
    let file = file.strip_prefix(b"PAR1").ok_or("not a Parquet file: it does not begin with PAR1")?;
    let file = match file.strip_suffix(b"PAR1") {
        Some(file) => file,
        None if file.ends_with(b"PARE") => return Err("the file is encrypted"),
        None => return Err("it does not end with PAR1, as a complete Parquet file does"),
    };
    let (rest, size) = file.split_last_chunk::<4>().ok_or("it ends before its footer")?;
    let size = length(&mut &size[..])?;
    let start = rest.len().checked_sub(size).ok_or("its footer is longer than the file")?;
    let mut footer = rest.get(start..).unwrap_or_default();
    let fields = read(&mut footer)?;
    let (columns, leaves) = schema(&fields)?;
    let mut groups = Vec::new();
    for group in fields.list(4).ok_or("its footer lacks the groups of rows")? {
        let rows = group.size(3).ok_or("a group lacks its number of rows")?;
        // Before the footer, in the file.
        let chunks = group.list(1).ok_or("a group lacks its columns")?.map(|c| chunk(c, start + 4));
        let chunks = chunks.collect::<Parsed<Vec<_>>>()?;
        if chunks.len() != leaves {
            return Err("a group with another number of columns than the schema");
        }
        groups.push(Group { rows, chunks });
    }
    Ok(Footer { columns, groups })
}

fn chunk(chunk: &Fields<'_>, end_of_data: usize) -> Parsed<Chunk> {
    if chunk.bytes(1).is_some() {
        return Err("a column in another file");
    }
    let about = chunk.fields(3).ok_or("a column lacks its description")?;
    let start = about.size(9).ok_or("a column lacks its place")?;
    // The dictionary stands before the data. Old writers put 0 where there is none.
    let start = about.size(11).filter(|&dictionary| dictionary > 0).map_or(start, |d| d.min(start));
    let end = about.size(7).and_then(|size| start.checked_add(size)).ok_or("a column lacks its size")?;
    if end > end_of_data {
        return Err("a column that ends behind the data");
    }
    Ok(Chunk { bytes: start..end, codec: about.int(4).ok_or("a column lacks its compression")? })
}

/// The columns, and how many without parts there are.
fn schema(fields: &Fields<'_>) -> Parsed<(Vec<ColumnInfo>, usize)> {
    let mut elements = fields.list(2).ok_or("its footer lacks the schema")?;
    elements.next().ok_or("its schema is empty")?; // stands for the whole row
    let mut columns = Vec::new();
    let mut leaves = 0;
    // How many parts of the present column are still to come.
    let mut parts = 0usize;
    for element in elements {
        let children = element.size(5).unwrap_or(0);
        let whole = parts == 0;
        parts = parts.saturating_sub(1).saturating_add(children);
        let leaf =
            if children > 0 { Err("its values have parts") } else { kind(element).map(|k| (leaves, k)) };
        if children == 0 {
            leaves += 1;
        }
        if whole {
            let name = element.bytes(4).and_then(|name| std::str::from_utf8(name).ok());
            let name = name.ok_or("a column without a name of UTF-8")?.to_string();
            columns.push(ColumnInfo { name, leaf, optional: element.int(3) == Some(1) });
        }
    }
    Ok((columns, leaves))
}

/// What the values of an element of the schema are.
fn kind(element: &Fields<'_>) -> Parsed<Kind> {
    const DECIMAL: i64 = 5;
    /// Dates, times and spans of time.
    const TIMES: [i64; 6] = [6, 7, 8, 9, 10, 21];
    /// Of 8, 16, 32 and 64 bits.
    const UNSIGNED: std::ops::RangeInclusive<i64> = 11..=14;
    if element.int(3) == Some(2) {
        return Err("its values are lists");
    }
    let converted = element.int(6).unwrap_or(-1);
    let logical = element.fields(10);
    let is = |field| logical.is_some_and(|logical| logical.fields(field).is_some());
    if converted == DECIMAL || is(5) {
        return Err("its values are decimals of any precision; convert them to floats");
    }
    if TIMES.contains(&converted) || is(6) || is(7) || is(8) {
        return Err("its values are dates or times; convert them to numbers");
    }
    let unsigned = logical.and_then(|logical| logical.fields(10)).is_some_and(|int| int.int(2) == Some(0));
    let signed = !(unsigned || UNSIGNED.contains(&converted));
    match element.int(1) {
        Some(0) => Ok(Kind::Bool),
        Some(1) => Ok(Kind::Int32 { signed }),
        Some(2) => Ok(Kind::Int64 { signed }),
        Some(4) => Ok(Kind::Float),
        Some(5) => Ok(Kind::Double),
        Some(6) => Ok(Kind::Text),
        Some(3) => Err("its values are times of 96 bits; convert them to numbers"),
        Some(7) => Err("its values are bytes of a fixed length; convert them to numbers or texts"),
        _ => Err("its values are of no known type"),
    }
}
