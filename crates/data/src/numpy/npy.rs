use std::borrow::Cow;

use super::{Array, Type};
use crate::{Error, Result};

/// Reads a `.npy` file, of any of its versions:
/// <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
pub(crate) fn parse<'a>(name: &str, bytes: Cow<'a, [u8]>) -> Result<Array<'a>> {
    let bad = |problem: String| Error::format(name, problem);
    let short = || bad("the npy header is truncated".into());
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| bad("not an npy file".into()))?;
    let (&major, rest) = rest.split_first().ok_or_else(short)?;
    let rest = rest.get(1..).ok_or_else(short)?; // the minor version
    let (length, rest) = match major {
        1 => rest.split_first_chunk().map(|(&n, rest)| (u16::from_le_bytes(n) as usize, rest)),
        2 | 3 => rest.split_first_chunk().map(|(&n, rest)| (u32::from_le_bytes(n) as usize, rest)),
        _ => return Err(bad(format!("npy version {major}, the newest known is 3"))),
    }
    .ok_or_else(short)?;
    let header = rest.get(..length).ok_or_else(short)?;
    let header = std::str::from_utf8(header).map_err(|_| bad("the npy header is not text".into()))?;

    let value = |key: &str| {
        let (_, after) = header.split_once(&format!("'{key}':"))?;
        Some(after.trim_start())
    };
    let odd = || bad(format!("the npy header {header:?} lacks descr, fortran_order or shape"));
    let descr = value("descr").and_then(|v| v.strip_prefix('\'')?.split('\'').next()).ok_or_else(odd)?;
    let fortran = value("fortran_order").ok_or_else(odd)?.starts_with("True");
    let shape = value("shape").and_then(|v| v.strip_prefix('(')?.split(')').next()).ok_or_else(odd)?;
    let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty()).map(str::parse);
    let shape: Vec<usize> = sizes.collect::<std::result::Result<_, _>>().map_err(|_| odd())?;
    let dtype = Type::parse(descr)
        .ok_or_else(|| bad(format!("numpy type {descr:?} is neither numbers nor fixed-width text")))?;

    let start = bytes.len() - rest.len() + length;
    let data = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(start..).unwrap_or_default()),
        Cow::Owned(mut bytes) => {
            bytes.drain(..start);
            Cow::Owned(bytes)
        }
    };
    Array::new(name, dtype, shape, fortran, data)
}
