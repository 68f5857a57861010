use std::borrow::Cow;

use crate::value::Node;
use crate::{Error, Result, text};

/// The bytes of the file and how far they have been read.
pub(crate) struct Source<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Where the opcode being executed starts, for messages.
    opcode_at: usize,
}

impl<'a> Source<'a> {
    pub(crate) fn new(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position, opcode_at: position }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The next opcode.
    pub(crate) fn opcode(&mut self) -> Result<u8> {
        self.opcode_at = self.position;
        self.u8()
    }

    pub(crate) fn left(&self, wanted: usize) -> Result<()> {
        let left = self.bytes.len().saturating_sub(self.position);
        if wanted > left {
            return Err(Error::Truncated { position: self.position, wanted, left });
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        self.left(length)?;
        let start = self.position;
        self.position += length;
        Ok(&self.bytes[start..self.position])
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn signed_length(&mut self) -> Result<usize> {
        let length = i32::from_le_bytes(self.array()?);
        self.need(usize::try_from(length).ok(), "a negative length")
    }

    pub(crate) fn length8(&mut self) -> Result<usize> {
        let length = u64::from_le_bytes(self.array()?);
        self.need(usize::try_from(length).ok(), "a length beyond this machine's memory")
    }

    /// The bytes up to the next newline, without it.
    pub(crate) fn line(&mut self) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let Some(length) = rest.iter().position(|&b| b == b'\n') else {
            return Err(Error::Truncated {
                position: self.position,
                wanted: rest.len() + 1,
                left: rest.len(),
            });
        };
        let line = self.take(length)?;
        self.position += 1;
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    pub(crate) fn text_line(&mut self) -> Result<&'a str> {
        let line = self.line()?;
        self.need(std::str::from_utf8(line).ok(), "a name that is not UTF-8")
    }

    pub(crate) fn utf8(&mut self, length: usize) -> Result<Node<'a>> {
        let bytes = self.take(length)?;
        let text = self.need(std::str::from_utf8(bytes).ok(), "text that is not UTF-8")?;
        Ok(Node::Str(Cow::Borrowed(text)))
    }

    pub(crate) fn decimal(&mut self) -> Result<u32> {
        let line = self.line()?;
        self.need(text::decimal(line), "not a memo index")
    }

    pub(crate) fn need<T>(&self, value: Option<T>, problem: &str) -> Result<T> {
        value.ok_or_else(|| self.malformed(problem.to_string()))
    }

    pub(crate) fn malformed(&self, problem: String) -> Error {
        Error::Malformed { position: self.opcode_at, problem }
    }

    /// The opcode that was read last is not one that can be executed.
    pub(crate) fn unsupported(&self, opcode: u8) -> Error {
        Error::Opcode { position: self.opcode_at, opcode }
    }
}
