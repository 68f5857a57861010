//! Thrift's compact protocol, in which Parquet writes its headers.

use std::collections::BTreeMap;

use super::Parsed;
use super::encoding::{take, varint, zigzag};

/// Headers nest less than this.
const DEPTH: usize = 16;

/// Whatever a field may hold.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// Numbers; of booleans, 0 and 1.
    Int(i64),
    Bytes(&'a [u8]),
    List(Vec<Value<'a>>),
    Struct(Fields<'a>),
    /// What no header that is read here has: floats and maps.
    Other,
}

/// The fields of a structure, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(BTreeMap<i16, Value<'a>>);

impl<'a> Fields<'a> {
    pub(super) fn int(&self, field: i16) -> Option<i64> {
        match self.0.get(&field) {
            Some(Value::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// A count or a place, which is never negative.
    pub(super) fn size(&self, field: i16) -> Option<usize> {
        self.int(field).and_then(|value| usize::try_from(value).ok())
    }

    pub(super) fn bytes(&self, field: i16) -> Option<&'a [u8]> {
        match self.0.get(&field) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn fields(&self, field: i16) -> Option<&Fields<'a>> {
        match self.0.get(&field) {
            Some(Value::Struct(fields)) => Some(fields),
            _ => None,
        }
    }

    /// The structures in a list.
    pub(super) fn list(&self, field: i16) -> Option<impl Iterator<Item = &Fields<'a>>> {
        match self.0.get(&field) {
            Some(Value::List(values)) => Some(values.iter().filter_map(|value| match value {
                Value::Struct(fields) => Some(fields),
                _ => None,
            })),
            _ => None,
        }
    }
}

/// Reads a structure, which then no longer stands at the beginning of `bytes`.
pub(super) fn read<'a>(bytes: &mut &'a [u8]) -> Parsed<Fields<'a>> {
    structure(bytes, DEPTH)
}

fn structure<'a>(bytes: &mut &'a [u8], depth: usize) -> Parsed<Fields<'a>> {
    let depth = depth.checked_sub(1).ok_or("a header that nests too deep")?;
    let mut fields = BTreeMap::new();
    let mut id = 0i16;
    loop {
        let head = byte(bytes)?;
        if head == 0 {
            return Ok(Fields(fields));
        }
        id = match head >> 4 {
            0 => i16::try_from(zigzag(bytes)?).map_err(|_| "a header with a field beyond 2¹⁵")?,
            delta => id.checked_add(i16::from(delta)).ok_or("a header with a field beyond 2¹⁵")?,
        };
        let value = match head & 15 {
            kind @ (1 | 2) => Value::Int(i64::from(kind == 1)), // booleans have no bytes of their own
            kind => value(bytes, kind, depth)?,
        };
        if fields.insert(id, value).is_some() {
            return Err("a header with the same field twice");
        }
    }
}

fn value<'a>(bytes: &mut &'a [u8], kind: u8, depth: usize) -> Parsed<Value<'a>> {
    Ok(match kind {
        1 | 2 => Value::Int(i64::from(byte(bytes)? == 1)),
        3 => Value::Int(i64::from(byte(bytes)?.cast_signed())),
        4..=6 => Value::Int(zigzag(bytes)?),
        7 => take(bytes, 8).map(|_| Value::Other)?,
        8 => {
            let length = size(bytes)?;
            Value::Bytes(take(bytes, length)?)
        }
        9 | 10 => {
            let depth = depth.checked_sub(1).ok_or("a header that nests too deep")?;
            let head = byte(bytes)?;
            let length = if head >> 4 == 15 { size(bytes)? } else { usize::from(head >> 4) };
            // Every element has a byte, so that a list never outgrows what is there.
            let mut values = Vec::new();
            for _ in 0..length {
                values.push(value(bytes, head & 15, depth)?);
            }
            Value::List(values)
        }
        11 => {
            let depth = depth.checked_sub(1).ok_or("a header that nests too deep")?;
            let length = size(bytes)?;
            let kinds = if length == 0 { 0 } else { byte(bytes)? };
            for _ in 0..length {
                value(bytes, kinds >> 4, depth)?;
                value(bytes, kinds & 15, depth)?;
            }
            Value::Other
        }
        12 => Value::Struct(structure(bytes, depth)?),
        13 => take(bytes, 16).map(|_| Value::Other)?,
        _ => return Err("a header with a field of no known type"),
    })
}

fn byte(bytes: &mut &[u8]) -> Parsed<u8> {
    take(bytes, 1).and_then(|byte| byte.first().copied().ok_or("a header that is cut off"))
}

fn size(bytes: &mut &[u8]) -> Parsed<usize> {
    varint(bytes).and_then(|size| usize::try_from(size).map_err(|_| "a length beyond the memory"))
}
