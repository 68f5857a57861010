//! numpy's files as graphs: a `.npy` of edges, `[E, 2]` or `[2, E]`, or a `.npz` with `edge_index` `[2, E]` and perhaps `x` `[N, F]`,
//! `edge_attr` `[E, D]`, `y` `[N]` and `num_nodes`.

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::numpy::{Archive, Array, npy};
use crate::text::agree;
use crate::{Error, NodeIds, RawGraph, Result};

/// Reads a `.npy` file of edges, which messages call `file`. The nodes are those up to the greatest that occurs. Two edges in a
/// square array stand in its rows, as `[E, 2]`.
///
/// # Errors
/// If it is not an array of non-negative integers of one of these shapes.
pub fn parse_npy(file: &str, bytes: &[u8]) -> Result<RawGraph> {
    let (source, destination) = edges(&npy::parse(file, bytes.into())?, true)?;
    let n = source.iter().chain(&destination).max().map_or(0, |&last| last as usize + 1);
    // A list of edges says nothing of the nodes in the gaps; a wrong number must not make billions of them.
    let limit = (64 * source.len()).max(1 << 24);
    if n > limit {
        let problem = format!("node {} in a list of {} edges", n - 1, source.len());
        return Err(Error::format(file, problem));
    }
    RawGraph::new(EdgeIndex::new(source, destination, n)?, NodeIds::Positions)
}

/// Reads a `.npz` file. Without `x`, `y` and `num_nodes`, the nodes are those up to the greatest that occurs.
///
/// # Errors
/// If the archive is damaged, `edge_index` is missing, or arrays do not fit together.
pub fn parse_npz(file: &str, bytes: &[u8]) -> Result<RawGraph> {
    let mut archive = Archive::open(bytes)?;
    let (source, destination) = edges(&archive.array("edge_index")?, false)?;
    let x = archive.get("x")?.map(|x| x.float_matrix()).transpose()?;
    let edge_attr = archive.get("edge_attr")?.map(|attr| attr.float_matrix()).transpose()?;
    let y = archive.get("y")?.map(|y| y.indices()).transpose()?;
    let declared = match archive.get("num_nodes")? {
        Some(array) => {
            let one = array.scalar()?.ok_or_else(|| array.error("expected one number"))?;
            Some(one as usize)
        }
        None => None,
    };
    let greatest = source.iter().chain(&destination).max().map_or(0, |&last| last as usize + 1);
    let n = x.as_ref().map(|x| x.rows).or(y.as_ref().map(Vec::len)).or(declared).unwrap_or(greatest);
    let limit = (64 * source.len()).max(1 << 24);
    if x.is_none() && y.is_none() && n > limit {
        return Err(Error::format(file, format!("{n} nodes with {} edges", source.len())));
    }
    let e = source.len();
    let edges = EdgeIndex::new(source, destination, n).map_err(|e| Error::format(file, e.to_string()))?;
    let mut graph = RawGraph::new(edges, NodeIds::Positions)?;
    if let Some(attr) = &edge_attr {
        agree("edge_attr", "rows, as there are edges", e, attr.rows)?;
    }
    if let Some(y) = y {
        agree("y", "entries, as there are nodes", n, y.len())?;
        graph.y = Some(Tensor::from_vec(y, n, &Device::Cpu)?);
    }
    graph.x = x.map(|x| x.into_tensor()).transpose()?;
    graph.edge_attr = edge_attr.map(|attr| attr.into_tensor()).transpose()?;
    Ok(graph)
}

fn edges(array: &Array<'_>, pairs: bool) -> Result<(Vec<u32>, Vec<u32>)> {
    let matrix = array.index_matrix()?;
    match (matrix.rows, matrix.columns) {
        (_, 2) if pairs => Ok(matrix.values.as_chunks::<2>().0.iter().map(|&[s, d]| (s, d)).unzip()),
        (2, e) => {
            let mut source = matrix.values;
            let destination = source.split_off(e);
            Ok((source, destination))
        }
        (rows, columns) => {
            let expected = if pairs { "[E, 2] or [2, E]" } else { "[2, E]" };
            Err(array.error(format!("expected shape {expected}, got [{rows}, {columns}]")))
        }
    }
}
