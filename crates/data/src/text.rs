//! Text files line by line: what Windows editors put in is left out, and an error says where it is.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::{Error, Result};

/// The contents without a byte order mark.
pub(crate) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A line, without its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    file: &'a str,
    /// The first is 1.
    pub(crate) number: usize,
    pub(crate) text: &'a str,
}

impl<'a> Line<'a> {
    pub(crate) fn error(&self, problem: impl Into<String>) -> Error {
        Error::line(self.file, self.number, problem)
    }

    /// The fields between separators, which must be `N`.
    pub(crate) fn fields<const N: usize>(&self, separator: char, expected: &str) -> Result<[&'a str; N]> {
        let mut fields = self.text.split(separator);
        let array: [Option<&str>; N] = std::array::from_fn(|_| fields.next());
        if array.iter().any(Option::is_none) || fields.next().is_some() {
            return Err(self.error(format!("expected {expected}, got {:?}", shown(self.text))));
        }
        Ok(array.map(Option::unwrap_or_default))
    }

    /// A number, such as a `u32`, with blanks around it.
    pub(crate) fn number<T: FromStr>(&self, what: &str, text: &str) -> Result<T> {
        text.trim().parse().map_err(|_| self.error(format!("expected {what}, got {:?}", shown(text))))
    }

    /// A number that is neither infinite nor NaN.
    pub(crate) fn finite(&self, what: &str, text: &str) -> Result<f32> {
        let value: f32 = self.number(what, text)?;
        if value.is_finite() { Ok(value) } else { Err(self.error(format!("expected {what}, got {value}"))) }
    }

    /// Numbers that are neither infinite nor NaN, appended to `values`; says how many.
    pub(crate) fn finite_list(&self, separator: char, what: &str, values: &mut Vec<f32>) -> Result<usize> {
        let before = values.len();
        for text in self.text.split(separator) {
            values.push(self.finite(what, text)?);
        }
        Ok(values.len() - before)
    }
}

/// The lines that are not empty.
///
/// Each is checked to be UTF-8 as it comes, so that the error can say which is not.
pub(crate) fn lines<'a>(file: &'a str, bytes: &'a [u8]) -> impl Iterator<Item = Result<Line<'a>>> {
    let lines = (1..).zip(without_mark(bytes).split(|&byte| byte == b'\n'));
    lines.filter_map(move |(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return None;
        }
        Some(match std::str::from_utf8(line) {
            Ok(text) => Ok(Line { file, number, text }),
            Err(_) => Err(Error::line(file, number, "expected UTF-8 text")),
        })
    })
}

/// The beginning of a text, for messages.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_string(),
    }
}

/// That two counts agree.
pub(crate) fn agree<T: PartialEq + Display + Debug>(
    file: &str,
    what: &str,
    expected: T,
    actual: T,
) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    Err(Error::format(file, format!("expected {expected} {what}, got {actual}")))
}

/// Counts lines, since `csv` is one behind where they end as on Windows.
#[derive(Default)]
pub(crate) struct RecordLines {
    /// How many bytes have been looked at, and how many lines ended there.
    seen: (usize, usize),
}

impl RecordLines {
    /// The line, from 1, on which a record begins. Records are asked for in their order.
    pub(crate) fn of(&mut self, table: &[u8], position: Option<&csv::Position>) -> usize {
        let (seen, ended) = self.seen;
        let at = position.map_or(0, |p| p.byte() as usize).clamp(seen, table.len());
        let blank = table[at..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let start = at + blank;
        let newlines = table[seen..start].iter().filter(|&&byte| byte == b'\n').count();
        self.seen = (start, ended + newlines);
        ended + newlines + 1
    }
}
