//! Edge lists as text, in the form of the Stanford Large Network Dataset Collection: two numbers per line, with blanks or
//! tabs between them, perhaps a weight behind them, and comments that begin with `#` or `%`. gzip is unpacked.
//!
//! The numbers are what nodes are called: any that 64 bits hold, in any order, with gaps. The nodes of the graph are the
//! distinct ones in ascending order, so numbers without gaps from 0 stay as they are. Edges stay in the order of the file,
//! duplicates and self-loops too, each in its one direction.
//!
//! ```
//! # fn main() -> candle_geometric_data::Result<()> {
//! use candle_geometric_data::{NodeIds, snap};
//! let graph = snap::parse("wiki", b"# FromNodeId\tToNodeId\n30\t1412\n30\t7\n")?;
//! assert_eq!(graph.edge_index.iter().collect::<Vec<_>>(), [(1, 2), (1, 0)]);
//! assert_eq!(graph.ids, NodeIds::Numbers(vec![7, 30, 1412]));
//! # Ok(()) }
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::{Error, NodeIds, RawGraph, Result, inflate, text};

/// No line is longer than this.
const MAX_LINE: usize = 1 << 20;

/// Reads an edge list from the contents of a file, which messages call `file`.
///
/// # Errors
/// If a line is not two integers (and a finite weight, if the first line has one), or gzip is damaged.
pub fn parse(file: &str, bytes: &[u8]) -> Result<RawGraph> {
    let reader = inflate::plain(bytes, bytes.len() as u64).map_err(Error::io(file))?;
    read_from(file, reader)
}

/// Reads an edge list from a file, piece by piece.
///
/// # Errors
/// As [`parse`], and if the file cannot be read.
pub fn read(path: &Path) -> Result<RawGraph> {
    let file = File::open(path).map_err(Error::io(path))?;
    let size = file.metadata().map_err(Error::io(path))?.len();
    read_from(&path.display().to_string(), inflate::plain(file, size).map_err(Error::io(path))?)
}

fn read_from(file: &str, mut reader: impl Read) -> Result<RawGraph> {
    let mut list =
        EdgeList { file, line: 0, columns: None, ids: Ids::Narrow(Vec::new()), weights: Vec::new() };
    let mut buffer = vec![0; 2 * MAX_LINE];
    // What stands in the buffer: the beginning of a line whose end has not been read.
    let (mut filled, mut first) = (0, true);
    loop {
        let free = buffer.get_mut(filled..).unwrap_or_default();
        let length = reader.read(free).map_err(Error::io(file))?;
        let end = filled + length;
        let block = buffer.get(..end).unwrap_or_default();
        let skip = block.len() - if first { text::without_mark(block).len() } else { block.len() };
        if length == 0 {
            list.lines(block.get(skip..).unwrap_or_default())?;
            return list.finish();
        }
        let Some(last) = block.iter().rposition(|&byte| byte == b'\n') else {
            if end > MAX_LINE {
                return Err(Error::line(file, list.line + 1, format!("longer than {MAX_LINE} bytes")));
            }
            filled = end;
            continue;
        };
        list.lines(block.get(skip..=last).unwrap_or_default())?;
        (first, filled) = (false, end - last - 1);
        buffer.copy_within(last + 1..end, 0);
    }
}

/// Sources and destinations in turn. Most files need no more than 32 bits.
enum Ids {
    Narrow(Vec<u32>),
    Wide(Vec<i64>),
}

struct EdgeList<'f> {
    file: &'f str,
    line: usize,
    columns: Option<bool>,
    ids: Ids,
    weights: Vec<f32>,
}

impl EdgeList<'_> {
    /// Reads whole lines.
    fn lines(&mut self, block: &[u8]) -> Result<()> {
        let mut rest = block;
        loop {
            rest = blanks(rest);
            self.line += 1;
            match rest.first() {
                None => {
                    self.line -= 1;
                    return Ok(());
                }
                Some(b'\n') => rest = rest.get(1..).unwrap_or_default(),
                Some(b'#' | b'%') => {
                    let end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |end| end + 1);
                    rest = rest.get(end..).unwrap_or_default();
                }
                Some(_) => rest = self.edge(rest)?,
            }
        }
    }

    fn edge<'a>(&mut self, line: &'a [u8]) -> Result<&'a [u8]> {
        let bad = |expected: &str| {
            let end = line.iter().position(|&byte| byte == b'\n').unwrap_or(line.len());
            let text = String::from_utf8_lossy(line.get(..end.min(300)).unwrap_or_default());
            let problem = format!("expected {expected}, got {:?}", text::shown(text.trim_end()));
            Error::line(self.file, self.line, problem)
        };
        let nodes = || bad("two 64-bit integers, with blanks between them");
        let (source, rest) = integer(line).ok_or_else(nodes)?;
        let (destination, rest) = integer(blanks(rest)).ok_or_else(nodes)?;
        let rest = blanks(rest);
        let weighted = !matches!(rest.first(), None | Some(b'\n'));
        if *self.columns.get_or_insert(weighted) != weighted {
            return Err(bad(if weighted { "two columns, as before" } else { "three columns, as before" }));
        }
        let mut rest = rest;
        if weighted {
            let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let weight = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f32>().ok());
            self.weights.push(
                weight.filter(|w| w.is_finite()).ok_or_else(|| bad("a finite weight behind the nodes"))?,
            );
            rest = blanks(after);
        }
        let rest = match rest.split_first() {
            None => rest,
            Some((b'\n', rest)) => rest,
            Some(_) => return Err(bad("at most three columns")),
        };
        self.ids.push(source);
        self.ids.push(destination);
        Ok(rest)
    }

    fn finish(self) -> Result<RawGraph> {
        let (ids, source, destination) = match self.ids {
            Ids::Narrow(ids) => dense(ids)?,
            Ids::Wide(ids) => dense(ids)?,
        };
        let n = ids.len();
        let positions = ids.iter().zip(0..).all(|(&id, i)| id == i);
        let ids = if positions { NodeIds::Positions } else { NodeIds::Numbers(ids) };
        let mut graph = RawGraph::new(EdgeIndex::new(source, destination, n)?, ids)?;
        if self.columns == Some(true) {
            let e = self.weights.len();
            graph.edge_attr = Some(Tensor::from_vec(self.weights, e, &Device::Cpu)?);
        }
        Ok(graph)
    }
}

impl Ids {
    fn push(&mut self, id: i64) {
        match (&mut *self, u32::try_from(id)) {
            (Self::Narrow(ids), Ok(id)) => ids.push(id),
            (Self::Wide(ids), _) => ids.push(id),
            (Self::Narrow(ids), Err(_)) => {
                let wide = ids.iter().map(|&id| i64::from(id)).chain([id]).collect();
                *self = Self::Wide(wide);
            }
        }
    }
}

fn blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r', rest @ ..] = text {
        text = rest;
    }
    text
}

/// An integer at the beginning of a text, with a blank or nothing behind it.
fn integer(text: &[u8]) -> Option<(i64, &[u8])> {
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
    let mut rest = digits;
    let mut value: u64 = 0;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        // 18 digits always fit; with more, the sum is checked.
        value = if digits.len() - rest.len() < 18 {
            value * 10 + u64::from(digit - b'0')
        } else {
            value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?
        };
        rest = after;
    }
    if rest.len() == digits.len() || !matches!(rest.first(), None | Some(b' ' | b'\t' | b'\r' | b'\n')) {
        return None;
    }
    let value = if negative { 0i64.checked_sub_unsigned(value)? } else { i64::try_from(value).ok()? };
    Some((value, rest))
}

/// The distinct ids in ascending order, and the ends of the edges by their place among these.
fn dense<T: Copy + Ord + Into<i64>>(ids: Vec<T>) -> Result<(Vec<i64>, Vec<u32>, Vec<u32>)> {
    let mut distinct: Vec<i64> = Vec::new();
    let mut ends = [Vec::with_capacity(ids.len() / 2), Vec::with_capacity(ids.len() / 2)];
    let place: Box<dyn Fn(i64) -> u32> = match ids.iter().map(|&id| id.into()).max() {
        // Where most numbers up to the greatest occur, a table of them is smaller than the list of edges.
        Some(max) if max < 4 * ids.len() as i64 && ids.iter().all(|&id| id.into() >= 0) => {
            let mut table = vec![0u32; max as usize + 1];
            for &id in &ids {
                if let Some(seen) = table.get_mut(id.into() as usize) {
                    *seen = 1;
                }
            }
            for (id, place) in (0..).zip(&mut table) {
                if *place == 1 {
                    *place = distinct.len() as u32;
                    distinct.push(id);
                }
            }
            Box::new(move |id| table.get(id as usize).copied().unwrap_or(0))
        }
        _ => {
            distinct = ids.iter().map(|&id| id.into()).collect();
            distinct.sort_unstable();
            distinct.dedup();
            let sorted = distinct.clone();
            Box::new(move |id| sorted.partition_point(|&other| other < id) as u32)
        }
    };
    if u32::try_from(distinct.len()).is_err() {
        return Err(Error::invalid("edge list", "at most 2³² nodes", distinct.len()));
    }
    for pair in ids.chunks_exact(2) {
        for (end, &id) in ends.iter_mut().zip(pair) {
            end.push(place(id.into()));
        }
    }
    let [source, destination] = ends;
    Ok((distinct, source, destination))
}
