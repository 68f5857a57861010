//! numpy arrays and scipy matrices, as `.npy` files and as pickles write them.

mod array;
pub(crate) mod npy;
pub(crate) mod pickled;
mod sparse;

pub(crate) use array::{Array, Type};
pub(crate) use sparse::{Csr, Dense};
