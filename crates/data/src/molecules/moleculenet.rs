//! Tables of molecules as MoleculeNet (Wu et al. 2018) distributes them: CSV with a header, a column of SMILES, and a column
//! of numbers for each task, empty where nothing is known.

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;
use rayon::prelude::*;

use super::{ATOM_FEATURES, BOND_FEATURES, Features, SmilesReader, scaffold_split};
use crate::text::{RecordLines, shown, without_mark};
use crate::{Error, GraphDataset, GraphSplit, Level, Result};

/// Which columns of a table are what.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// The name of the column of SMILES.
    pub smiles: &'a str,
    /// The names of the columns of numbers to be predicted.
    pub tasks: &'a [&'a str],
}

/// The molecules of a table.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Molecules {
    /// Their graphs, with the features of [`Features`] and a label for each task; [`GraphDataset::y_mask`] says which are
    /// known, where not all are.
    pub graphs: GraphDataset,
    /// The SMILES of each graph.
    pub smiles: Vec<String>,
    /// The row of each graph in the table, from 0, the header not counted.
    pub rows: Vec<usize>,
    /// The rows that are no molecules.
    pub rejected: Vec<Rejected>,
}

/// A row of a table that is not a molecule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its number, from 0, the header not counted.
    pub row: usize,
    /// Its line in the file, from 1.
    pub line: usize,
    /// What stands there.
    pub smiles: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a table. Rows whose SMILES is no molecule are left out, and listed in [`Molecules::rejected`].
///
/// # Errors
/// If the table is not one, a column is missing, or a label is not a number.
pub fn parse(
    name: &str,
    table: &[u8],
    columns: &Columns<'_>,
    reader: &(impl SmilesReader + Sync + ?Sized),
) -> Result<Molecules> {
    let file = "table";
    let table = without_mark(table);
    let mut csv = csv::Reader::from_reader(table);
    let malformed = |e: csv::Error| malformed(file, table, &e);
    let header = csv.byte_headers().map_err(malformed)?.clone();
    let column = |wanted: &str| {
        header.iter().position(|title| title.trim_ascii() == wanted.as_bytes()).ok_or_else(|| {
            let titles: Vec<_> = header.iter().map(|t| String::from_utf8_lossy(t).into_owned()).collect();
            Error::line(
                file,
                1,
                format!("expected a column {wanted:?}, got {}", shown(&format!("{titles:?}"))),
            )
        })
    };
    let smiles_at = column(columns.smiles)?;
    let tasks_at = columns.tasks.iter().map(|task| column(task)).collect::<Result<Vec<_>>>()?;

    let mut texts = Vec::new();
    let (mut y, mut known) = (Vec::new(), Vec::new());
    let mut record = csv::ByteRecord::new();
    let mut lines = RecordLines::default();
    while csv.read_byte_record(&mut record).map_err(malformed)? {
        let line = lines.of(table, record.position());
        let field = |at: usize| {
            let bytes = record.get(at).unwrap_or_default();
            std::str::from_utf8(bytes)
                .map(str::trim)
                .map_err(|_| Error::line(file, line, "expected UTF-8 text"))
        };
        texts.push((line, field(smiles_at)?.to_string()));
        for (&at, task) in tasks_at.iter().zip(columns.tasks) {
            let text = field(at)?;
            let value =
                if text.is_empty() { Some(0.0) } else { text.parse().ok().filter(|v: &f32| v.is_finite()) };
            y.push(value.ok_or_else(|| {
                Error::line(
                    file,
                    line,
                    format!("{task}: expected a number or nothing, got {:?}", shown(text)),
                )
            })?);
            known.push(f32::from(u8::from(!text.is_empty())));
        }
    }

    let read = |(_, smiles): &(usize, String)| {
        let molecule = reader.molecule(smiles)?;
        Features::new(&molecule).map_err(|e| e.to_string())
    };
    // In the order of the table, whichever thread reads which.
    let molecules: Vec<std::result::Result<Features, String>> = texts.par_iter().map(read).collect();

    let (mut graphs, mut smiles, mut rows, mut rejected) = (vec![], vec![], vec![], vec![]);
    for (row, ((line, text), molecule)) in texts.into_iter().zip(molecules).enumerate() {
        match molecule {
            Ok(features) => {
                graphs.push(features);
                smiles.push(text);
                rows.push(row);
            }
            Err(reason) => rejected.push(Rejected { row, line, smiles: text, reason }),
        }
    }
    let graphs = assemble(name, &graphs)?;
    let tasks = columns.tasks.len();
    let of_rows = |all: &[f32]| -> Result<Tensor> {
        let kept = rows.iter().flat_map(|row| all[row * tasks..][..tasks].iter().copied());
        Ok(Tensor::from_vec(kept.collect::<Vec<_>>(), (rows.len(), tasks), &Device::Cpu)?)
    };
    let names = columns.tasks.iter().map(ToString::to_string).collect();
    let mut graphs = graphs.with_labels(of_rows(&y)?, Level::Graph, names)?;
    if known.contains(&0.0) {
        graphs = graphs.with_label_mask(of_rows(&known)?)?;
    }
    Ok(Molecules { graphs, smiles, rows, rejected })
}

impl Molecules {
    /// Splits by scaffold ([`scaffold_split`]): MoleculeNet's split for data whose molecules come in families.
    ///
    /// # Errors
    /// If `reader` cannot read what a reader has read before.
    pub fn scaffold_split(
        &self,
        train: f64,
        val: f64,
        reader: &(impl SmilesReader + Sync + ?Sized),
    ) -> Result<GraphSplit> {
        let of_row = |(smiles, row): (&String, &usize)| {
            let problem = |problem| Error::format("table", format!("row {row}, {smiles:?}: {problem}"));
            reader.scaffold(smiles).map_err(problem)
        };
        let scaffolds: Vec<_> = self.smiles.par_iter().zip(&self.rows).map(of_row).collect::<Result<_>>()?;
        let [train, val, test] = scaffold_split(&scaffolds, train, val);
        Ok(GraphSplit { train, val, test })
    }
}

fn assemble(name: &str, molecules: &[Features]) -> Result<GraphDataset> {
    let join = |tensors: Vec<&Tensor>, width| -> Result<Tensor> {
        if tensors.is_empty() {
            return Ok(Tensor::zeros((0, width), candle_core::DType::F32, &Device::Cpu)?);
        }
        Ok(Tensor::cat(&tensors, 0)?)
    };
    let x = join(molecules.iter().map(|m| &m.x).collect(), ATOM_FEATURES)?;
    let edge_attr = join(molecules.iter().map(|m| &m.edge_attr).collect(), BOND_FEATURES)?;
    let graphs: Vec<EdgeIndex> = molecules.iter().map(|m| m.edge_index.clone()).collect();
    GraphDataset::new(name, graphs, x)?.with_edge_attr(edge_attr)
}

fn malformed(file: &str, table: &[u8], error: &csv::Error) -> Error {
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("expected {expected_len} fields, got {len}")
        }
        kind => format!("{kind:?}"),
    };
    Error::line(file, RecordLines::default().of(table, error.position()), problem)
}
