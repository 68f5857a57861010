//! Tables in Parquet files, read row by row.
//!
//! Read are flat columns of booleans, integers, floats and texts, in every encoding of the format, of pages of both versions,
//! uncompressed or compressed by snappy, gzip or zstd. This is a reader of our own because a damaged file must be an error:
//! the decoders of the crate `parquet` (60.1) panic on pages that end too early, and make room for as many values as a header
//! claims.
//!
//! Source: <https://parquet.apache.org/docs/file-format/>.

mod encoding;
mod footer;
mod page;
mod thrift;

use std::borrow::Cow;

use footer::{Footer, Kind};
use page::{Page, Pages};

use crate::inflate::limit;
use crate::tables::{Row, Table};
use crate::text::shown;
use crate::{Error, Result};

/// A part of a file, or what is wrong with it.
type Parsed<T> = std::result::Result<T, &'static str>;

/// A value. Texts are kept beside them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f32),
    Double(f64),
    Text(usize),
}

/// A Parquet file, and how far it has been read.
pub(crate) struct ParquetTable<'a> {
    file: &'a str,
    bytes: &'a [u8],
    footer: Footer,
    columns: Vec<Column<'a>>,
    /// The next group of rows, and how many rows of the present one are left.
    group: usize,
    left: usize,
    /// How many rows have been read.
    row: usize,
    budget: u64,
}

/// A column that is wanted, and the page of it that is being read.
struct Column<'a> {
    name: String,
    leaf: usize,
    kind: Kind,
    optional: bool,
    codec: i64,
    /// The pages that are still to come, in the present group of rows.
    bytes: &'a [u8],
    /// How many values these have.
    left: usize,
    dictionary: Option<Vec<Cell>>,
    cells: std::vec::IntoIter<Cell>,
    /// The texts of the dictionary, then those of the page.
    texts: Vec<String>,
    dictionary_texts: usize,
    value: Cell,
}

impl<'a> ParquetTable<'a> {
    pub(crate) fn open(file: &'a str, bytes: &'a [u8]) -> Result<Self> {
        let footer = footer::footer(bytes).map_err(|problem| Error::format(file, problem))?;
        let budget = limit(bytes.len() as u64);
        Ok(Self { file, bytes, footer, columns: Vec::new(), group: 0, left: 0, row: 0, budget })
    }

    /// Goes on to the next group of rows that has any; false at the end.
    fn next_group(&mut self) -> Result<bool> {
        while self.left == 0 {
            let Some(group) = self.footer.groups.get(self.group) else { return Ok(false) };
            for column in &mut self.columns {
                // The footer was checked: every group has all columns, and these are in the file.
                let chunk = group.chunks.get(column.leaf);
                column.bytes =
                    chunk.and_then(|chunk| self.bytes.get(chunk.bytes.clone())).unwrap_or_default();
                column.codec = chunk.map_or(0, |chunk| chunk.codec);
                column.left = group.rows;
                column.dictionary = None;
                column.texts.clear();
                column.dictionary_texts = 0;
                column.cells = Vec::new().into_iter();
            }
            self.left = group.rows;
            self.group += 1;
        }
        Ok(true)
    }
}

impl Table for ParquetTable<'_> {
    type Row<'t>
        = ParquetRow<'t>
    where
        Self: 't;

    fn column(&mut self, name: &str) -> Result<usize> {
        let Some(found) = self.footer.columns.iter().find(|column| column.name == name) else {
            let known = self.footer.columns.iter().take(40).map(|column| column.name.as_str());
            let known = known.collect::<Vec<_>>().join(", ");
            let problem = format!("there is no column {name:?}; there are: {}", shown(&known));
            return Err(Error::format(self.file, problem));
        };
        let (leaf, kind) =
            found.leaf.map_err(|problem| Error::format(self.file, format!("column {name:?}: {problem}")))?;
        self.columns.push(Column {
            name: name.to_string(),
            leaf,
            kind,
            optional: found.optional,
            codec: 0,
            bytes: &[],
            left: 0,
            dictionary: None,
            cells: Vec::new().into_iter(),
            texts: Vec::new(),
            dictionary_texts: 0,
            value: Cell::Null,
        });
        Ok(self.columns.len() - 1)
    }

    fn next(&mut self) -> Result<Option<ParquetRow<'_>>> {
        if !self.next_group()? {
            return Ok(None);
        }
        self.left -= 1;
        self.row += 1;
        for column in &mut self.columns {
            column.next(&mut self.budget).map_err(|problem| {
                Error::format(self.file, format!("row {}: column {:?}: {problem}", self.row, column.name))
            })?;
        }
        Ok(Some(ParquetRow { file: self.file, row: self.row, columns: &self.columns }))
    }
}

impl Column<'_> {
    /// Goes on to the value of the next row.
    fn next(&mut self, budget: &mut u64) -> Parsed<()> {
        loop {
            if let Some(value) = self.cells.next() {
                self.value = value;
                return Ok(());
            }
            self.texts.truncate(self.dictionary_texts);
            let mut pages = Pages {
                kind: self.kind,
                optional: self.optional,
                codec: self.codec,
                dictionary: self.dictionary.as_deref(),
                texts: &mut self.texts,
                budget,
                bytes: &mut self.bytes,
            };
            match pages.next(self.left)? {
                Page::Dictionary(cells) => {
                    self.dictionary = Some(cells);
                    self.dictionary_texts = self.texts.len();
                }
                Page::Data(cells) => {
                    self.left -= cells.len().min(self.left);
                    self.cells = cells.into_iter();
                }
                Page::Index => {}
            }
        }
    }
}

/// A row of a [`ParquetTable`].
pub(crate) struct ParquetRow<'t> {
    file: &'t str,
    row: usize,
    columns: &'t [Column<'t>],
}

impl ParquetRow<'_> {
    fn cell(&self, column: usize) -> Result<(&str, Cell, &[String])> {
        let column =
            self.columns.get(column).ok_or_else(|| self.error(format!("there is no column {column}")))?;
        Ok((&column.name, column.value, &column.texts))
    }
}

impl Row for ParquetRow<'_> {
    fn error(&self, problem: impl Into<String>) -> Error {
        Error::format(self.file, format!("row {}: {}", self.row, problem.into()))
    }

    fn text(&self, column: usize) -> Result<Cow<'_, str>> {
        let (_, cell, texts) = self.cell(column)?;
        Ok(match cell {
            Cell::Null => "".into(),
            Cell::Bool(value) => value.to_string().into(),
            Cell::Int(value) => value.to_string().into(),
            Cell::Unsigned(value) => value.to_string().into(),
            // With a point, as tables of text have them.
            Cell::Float(value) => format!("{value:?}").into(),
            Cell::Double(value) => format!("{value:?}").into(),
            Cell::Text(place) => texts.get(place).map_or("", String::as_str).into(),
        })
    }

    fn number(&self, column: usize) -> Result<f32> {
        let (name, cell, texts) = self.cell(column)?;
        let value = match cell {
            Cell::Bool(value) => f32::from(u8::from(value)),
            Cell::Int(value) => value as f32,
            Cell::Unsigned(value) => value as f32,
            Cell::Float(value) => value,
            Cell::Double(value) => value as f32,
            Cell::Null | Cell::Text(_) => {
                let got = match cell {
                    Cell::Text(place) => {
                        format!("the text {:?}", shown(texts.get(place).map_or("", String::as_str)))
                    }
                    _ => "null".to_string(),
                };
                return Err(self.error(format!("{name}: expected a finite number, got {got}")));
            }
        };
        if value.is_finite() {
            return Ok(value);
        }
        Err(self.error(format!("{name}: expected a finite number, got {value}")))
    }
}
