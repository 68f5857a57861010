//! Writers of small files in the formats that the tests read.
#![allow(dead_code)] // every test file uses its own part

pub(crate) mod bodies;
pub(crate) mod corpus;
pub(crate) mod hostile;

use std::io::{Cursor, Write};

/// Writes protocol-2 pickles as Python 2 wrote them for numpy and scipy objects: byte strings for text, arrays by
/// `_reconstruct` and `BUILD`, matrices by `NEWOBJ` and `BUILD`.
#[derive(Default)]
pub(crate) struct Pickler {
    out: Vec<u8>,
}

impl Pickler {
    pub(crate) fn new() -> Self {
        Self { out: b"\x80\x02".to_vec() }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(b'.');
        self.out
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    fn int(&mut self, value: usize) -> &mut Self {
        match value {
            0..=0xff => self.raw(&[b'K', value as u8]),
            0x100..=0xffff => self.raw(b"M").raw(&(value as u16).to_le_bytes()),
            _ => self.raw(b"J").raw(&(value as i32).to_le_bytes()),
        }
    }

    fn str(&mut self, bytes: &[u8]) -> &mut Self {
        if bytes.len() < 256 {
            self.raw(&[b'U', bytes.len() as u8]).raw(bytes)
        } else {
            self.raw(b"T").raw(&(bytes.len() as u32).to_le_bytes()).raw(bytes)
        }
    }

    fn tuple(&mut self, sizes: &[usize]) -> &mut Self {
        self.raw(b"(");
        for &size in sizes {
            self.int(size);
        }
        self.raw(b"t")
    }

    /// `kind` is `i4` or `f4`.
    pub(crate) fn array(&mut self, kind: &str, shape: &[usize], bytes: &[u8]) -> &mut Self {
        self.raw(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n")
            .tuple(&[0])
            .str(b"b")
            .raw(b"tR");
        self.raw(b"(").int(1).tuple(shape);
        self.raw(b"cnumpy\ndtype\n(").str(kind.as_bytes()).int(0).int(1).raw(b"tR(").int(3).str(b"<");
        self.raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb");
        self.raw(b"\x89").str(bytes).raw(b"tb")
    }

    /// A `csr_matrix` with these entries per row.
    pub(crate) fn csr(&mut self, columns: usize, rows: &[Vec<(i32, f32)>]) -> &mut Self {
        let entries: Vec<_> = rows.iter().flatten().copied().collect();
        let indptr: Vec<i32> = std::iter::once(0)
            .chain(rows.iter().scan(0, |end, row| {
                *end += row.len() as i32;
                Some(*end)
            }))
            .collect();
        let indices: Vec<i32> = entries.iter().map(|e| e.0).collect();
        let data: Vec<f32> = entries.iter().map(|e| e.1).collect();
        self.raw(b"cscipy.sparse.csr\ncsr_matrix\n)\x81}(").str(b"format").str(b"csr");
        self.str(b"_shape").tuple(&[rows.len(), columns]);
        self.str(b"indptr").array("i4", &[indptr.len()], &le(&indptr));
        self.str(b"indices").array("i4", &[indices.len()], &le(&indices));
        self.str(b"data").array("f4", &[data.len()], &le(&data));
        self.raw(b"ub")
    }

    /// One-hot int32 rows.
    pub(crate) fn one_hot(&mut self, classes: usize, labels: &[usize]) -> &mut Self {
        let rows: Vec<i32> =
            labels.iter().flat_map(|&label| (0..classes).map(move |c| i32::from(c == label))).collect();
        self.array("i4", &[labels.len(), classes], &le(&rows))
    }

    /// `defaultdict(list)` of neighbours.
    pub(crate) fn graph(&mut self, neighbours: &[(usize, &[usize])]) -> &mut Self {
        self.raw(b"ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R(");
        for (node, neighbours) in neighbours {
            self.int(*node).raw(b"](");
            for &neighbour in *neighbours {
                self.int(neighbour);
            }
            self.raw(b"e");
        }
        self.raw(b"u")
    }
}

/// Little-endian bytes.
pub(crate) fn le<T: Le>(values: &[T]) -> Vec<u8> {
    values.iter().flat_map(|v| v.le()).collect()
}

pub(crate) trait Le {
    fn le(&self) -> Vec<u8>;
}

macro_rules! le {
    ($($t:ty),*) => { $(impl Le for $t { fn le(&self) -> Vec<u8> { self.to_le_bytes().to_vec() } })* };
}
le!(i8, i32, i64, f32, f64);

/// A `.npy` file of version 1.0.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|n| format!("{n},")).collect();
    let fortran = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({sizes}), }}");
    header.push_str(&" ".repeat(63 - (header.len() + 10) % 64));
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), data].concat()
}

/// A ZIP archive.
pub(crate) fn archive(files: &[(&str, Vec<u8>)], deflate: bool) -> Vec<u8> {
    let method = if deflate { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, contents) in files {
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(contents).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
