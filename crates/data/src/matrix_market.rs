//! Sparse matrices in the Matrix Market exchange format (NIST), as adjacency matrices.
//!
//! `%%MatrixMarket matrix coordinate FIELD SYMMETRY`, comments, a line `rows columns entries`, and the entries `i j value`,
//! which count from 1. Entry `(i, j)` is an edge from `i` to `j`. `pattern` has no values; other fields (`real`, `integer`) give
//! edges their weight. A `symmetric` matrix lists one triangle: every entry off the diagonal counts in both directions, in
//! `skew-symmetric` with the other sign. A matrix that is not square has edges between two sets of nodes.

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::text::{Line, lines};
use crate::{Error, NodeIds, RawGraph, Result};

/// Reads the contents of a file, which messages call `file`.
///
/// # Errors
/// If the header is not of the form above, an entry is not in the matrix or makes no sense, or there are more or fewer
/// entries than the header says.
///
/// ```
/// # fn main() -> candle_geometric_data::Result<()> {
/// let text = "%%MatrixMarket matrix coordinate pattern symmetric\n% a triangle\n3 3 3\n2 1\n3 1\n3 2\n";
/// let graph = candle_geometric_data::matrix_market::parse("triangle.mtx", text.as_bytes())?;
/// assert_eq!(graph.edge_index.num_edges(), 6);
/// # Ok(()) }
/// ```
pub fn parse(file: &str, bytes: &[u8]) -> Result<RawGraph> {
    let mut rest = lines(file, bytes);
    let first = rest.next().ok_or_else(|| Error::format(file, "the file is empty"))??;
    let (pattern, mirror) = header(&first)?;
    let mut rest = rest.filter(|line| !line.as_ref().is_ok_and(|line| line.text.starts_with('%')));
    let line = rest.next().ok_or_else(|| Error::format(file, "there is no line of sizes"))??;
    let [rows, columns, entries] = words(&line, "rows, columns and entries")?;
    let size = |text: &str| line.number::<usize>("a size", text);
    let (rows, columns, entries) = (size(rows)?, size(columns)?, size(entries)?);
    if mirror.is_some() && rows != columns {
        return Err(line.error(format!("a symmetric matrix of {rows} × {columns}")));
    }
    let (mut source, mut destination, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    let (mut count, mut last) = (0usize, 1);
    for line in rest {
        let line = line?;
        last = line.number;
        let (i, j, value) = if pattern {
            let [i, j] = words(&line, "a row and a column")?;
            (i, j, 1.)
        } else {
            let [i, j, value] = words(&line, "a row, a column and a value")?;
            (i, j, line.finite("a finite value", value)?)
        };
        let (i, j) = (place(&line, "row", i, rows)?, place(&line, "column", j, columns)?);
        count += 1;
        if count > entries {
            return Err(line.error(format!("more entries than the {entries} of the header")));
        }
        let mut add = |i, j, value| {
            source.push(i);
            destination.push(j);
            weights.push(value);
        };
        add(i, j, value);
        if let Some(sign) = mirror.filter(|_| i != j) {
            add(j, i, sign * value);
        }
    }
    if count != entries {
        let problem = format!("the file ends after {count} entries instead of the {entries} of the header");
        return Err(Error::line(file, last, problem));
    }
    let edges = match rows == columns {
        true => EdgeIndex::new(source, destination, rows),
        false => EdgeIndex::bipartite(source, destination, rows, columns),
    };
    let mut graph =
        RawGraph::new(edges.map_err(|e| Error::format(file, e.to_string()))?, NodeIds::Positions)?;
    if !pattern {
        let e = weights.len();
        graph.edge_attr = Some(Tensor::from_vec(weights, e, &Device::Cpu)?);
    }
    Ok(graph)
}

/// Whether there are no values, and the sign of mirrored ones.
fn header(line: &Line<'_>) -> Result<(bool, Option<f32>)> {
    let lower = line.text.to_lowercase();
    let mut words = lower.split_ascii_whitespace();
    let parts: [&str; 5] = std::array::from_fn(|_| words.next().unwrap_or_default());
    let ["%%matrixmarket", "matrix", "coordinate", field, symmetry] = parts else {
        return Err(line.error("expected `%%MatrixMarket matrix coordinate FIELD SYMMETRY`"));
    };
    let pattern = match field {
        "pattern" => true,
        "real" | "integer" | "double" => false,
        other => return Err(line.error(format!("expected pattern, real or integer, got {other:?}"))),
    };
    match symmetry {
        "general" => Ok((pattern, None)),
        "symmetric" => Ok((pattern, Some(1.))),
        "skew-symmetric" if !pattern => Ok((pattern, Some(-1.))),
        other => Err(line.error(format!("expected general, symmetric or skew-symmetric, got {other:?}"))),
    }
}

fn words<'a, const N: usize>(line: &Line<'a>, expected: &str) -> Result<[&'a str; N]> {
    let mut words = line.text.split_ascii_whitespace();
    let array: [Option<&str>; N] = std::array::from_fn(|_| words.next());
    if array.iter().any(Option::is_none) || words.next().is_some() {
        return Err(line.error(format!("expected {expected}, got {:?}", crate::text::shown(line.text))));
    }
    Ok(array.map(Option::unwrap_or_default))
}

fn place(line: &Line<'_>, what: &str, text: &str, size: usize) -> Result<u32> {
    let place: usize = line.number(&format!("a {what}"), text)?;
    match place.checked_sub(1).filter(|_| place <= size).and_then(|place| u32::try_from(place).ok()) {
        Some(place) => Ok(place),
        None => Err(line.error(format!("expected a {what} from 1 to {size}, got {place}"))),
    }
}
