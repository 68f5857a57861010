use std::borrow::Cow;
use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{Array, Csr, npy};
use crate::{Error, Result, inflate};

/// A `.npz` file: a ZIP archive of `.npy` files. They are looked up by name and unpacked into memory, never to a path.
pub(crate) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    limit: u64,
    /// How many bytes may still be unpacked.
    left: u64,
}

impl<'a> Archive<'a> {
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self> {
        let zip = ZipArchive::new(Cursor::new(bytes));
        let zip = zip.map_err(|e| Error::format("the npz archive", e.to_string()))?;
        let limit = inflate::limit(bytes.len() as u64);
        Ok(Self { zip, limit, left: limit })
    }

    /// The contents of `<name>.npy`, if there is one. Reading to its end checks its checksum.
    pub(crate) fn bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let damaged = |e: &dyn std::fmt::Display| Error::format(format!("{name}.npy"), e.to_string());
        let entry = match self.zip.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(damaged(&e)),
        };
        let mut bytes = Vec::new();
        let read = entry.take(self.left).read_to_end(&mut bytes).map_err(|e| damaged(&e))? as u64;
        if read == self.left {
            return Err(damaged(&format!("the arrays have more than {} bytes", self.limit)));
        }
        self.left -= read;
        Ok(Some(bytes))
    }

    /// The array of this name, if there is one.
    pub(crate) fn get(&mut self, name: &str) -> Result<Option<Array<'static>>> {
        self.bytes(name)?.map(|bytes| npy::parse(name, Cow::Owned(bytes))).transpose()
    }

    /// The array of this name.
    pub(crate) fn array(&mut self, name: &str) -> Result<Array<'static>> {
        let missing = || Error::format("the npz archive", format!("it has no array {name:?}"));
        self.get(name)?.ok_or_else(missing)
    }

    /// The matrix whose parts are `<name>_data` and so on.
    pub(crate) fn csr(&mut self, name: &str) -> Result<Csr> {
        let mut part = |part: &str| self.array(&format!("{name}_{part}"));
        let shape = part("shape")?;
        let sizes = shape.indices()?;
        let &[rows, columns] = sizes.as_slice() else {
            return Err(shape.error(format!("expected two sizes, got {}", sizes.len())));
        };
        let (indptr, indices, data) = (part("indptr")?, part("indices")?, part("data")?);
        Csr::new(name, [rows as usize, columns as usize], &indptr, &indices, &data)
    }
}
