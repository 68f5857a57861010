//! The opcodes that carry their value: numbers, strings and constants.

use std::borrow::Cow;

use crate::source::Source;
use crate::value::Node;
use crate::{Result, text};

impl<'a> Source<'a> {
    /// Numbers, strings and constants; `None` for any other opcode.
    pub(crate) fn scalar(&mut self, opcode: u8) -> Result<Option<Node<'a>>> {
        Ok(Some(match opcode {
            b'N' => Node::None,
            0x88 => Node::Bool(true),
            0x89 => Node::Bool(false),
            b'I' => match self.line()? {
                b"00" => Node::Bool(false),
                b"01" => Node::Bool(true),
                line => Node::Int(self.need(text::decimal(line), "not an integer")?),
            },
            b'J' => Node::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'K' => Node::Int(i64::from(self.u8()?)),
            b'M' => Node::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'L' => {
                let line = self.line()?;
                let digits = line.strip_suffix(b"L").unwrap_or(line);
                let value: i128 = self.need(text::decimal(digits), "not an integer of at most 128 bits")?;
                int(Cow::Owned(value.to_le_bytes().to_vec()))
            }
            0x8a => {
                let length = usize::from(self.u8()?);
                int(Cow::Borrowed(self.take(length)?))
            }
            0x8b => {
                let length = self.signed_length()?;
                int(Cow::Borrowed(self.take(length)?))
            }
            b'F' => {
                let line = self.line()?;
                Node::Float(self.need(text::decimal(line), "not a number")?)
            }
            b'G' => Node::Float(f64::from_be_bytes(self.array()?)),
            b'S' => {
                let line = self.line()?;
                Node::Bytes(self.need(text::string_literal(line), "not a string literal")?)
            }
            b'T' => {
                let length = self.signed_length()?;
                Node::Bytes(Cow::Borrowed(self.take(length)?))
            }
            b'U' | b'C' => {
                let length = usize::from(self.u8()?);
                Node::Bytes(Cow::Borrowed(self.take(length)?))
            }
            b'B' => {
                let length = self.u32()? as usize;
                Node::Bytes(Cow::Borrowed(self.take(length)?))
            }
            0x8e | 0x96 => {
                let length = self.length8()?;
                Node::Bytes(Cow::Borrowed(self.take(length)?))
            }
            b'V' => {
                let line = self.line()?;
                Node::Str(Cow::Owned(self.need(text::raw_unicode(line), "not an escaped text")?))
            }
            b'X' => {
                let length = self.u32()? as usize;
                self.utf8(length)?
            }
            0x8c => {
                let length = usize::from(self.u8()?);
                self.utf8(length)?
            }
            0x8d => {
                let length = self.length8()?;
                self.utf8(length)?
            }
            _ => return Ok(None),
        }))
    }
}

/// An integer from little-endian two's complement, in the smaller form where it fits.
fn int(bytes: Cow<'_, [u8]>) -> Node<'_> {
    let negative = bytes.last().is_some_and(|&b| b >= 0x80);
    let fill = if negative { 0xff } else { 0 };
    let (low, high) = bytes.split_at(bytes.len().min(8));
    let mut narrow = [fill; 8];
    narrow.iter_mut().zip(low).for_each(|(n, &b)| *n = b);
    let value = i64::from_le_bytes(narrow);
    if high.iter().all(|&b| b == fill) && (value < 0) == negative {
        Node::Int(value)
    } else {
        Node::BigInt(bytes)
    }
}
