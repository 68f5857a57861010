//! numpy arrays and scipy matrices, as `.npy` files and as pickles write them.

mod archive;
mod array;
pub(crate) mod npy;
pub(crate) mod pickled;
mod sparse;

pub(crate) use archive::Archive;
pub(crate) use array::{Array, Matrix, Type};
pub(crate) use sparse::{Csr, Dense};
