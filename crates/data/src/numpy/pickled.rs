use candle_geometric_pickle::{Pickle, Reader, Value};

use super::{Array, Csr, Type};
use crate::{Error, Result};

/// What pickles of arrays and matrices call, by the names of all generations of numpy, scipy and Python.
const KNOWN: &[(&str, &str)] = &[
    ("collections", "defaultdict"),
    ("__builtin__", "list"),
    ("builtins", "list"),
    ("_codecs", "encode"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("scipy.sparse.csr", "csr_matrix"),
    ("scipy.sparse._csr", "csr_matrix"),
];

/// Reads the pickle in the file `name`.
pub(crate) fn read<'a>(name: &str, bytes: &'a [u8]) -> Result<Pickle<'a>> {
    Reader::new(bytes).allow(KNOWN).read().map_err(|source| Error::Pickle { file: name.into(), source })
}

/// An array: `_reconstruct(…)` with the state `(version, shape, dtype, fortran_order, bytes)`.
pub(crate) fn array<'p>(name: &str, value: Value<'p>) -> Result<Array<'p>> {
    let parts = || {
        let call = value.as_call().filter(|call| call.global.1 == "_reconstruct")?;
        let state: Vec<Value<'p>> = call.state?.items()?.collect();
        let &[_, shape, dtype, fortran, bytes] = state.as_slice() else { return None };
        let shape: Option<Vec<usize>> = shape.items()?.map(Value::as_usize).collect();
        Some((shape?, element_type(dtype)?, fortran.as_bool()?, bytes.as_bytes()?))
    };
    let (shape, dtype, fortran, bytes) = parts().ok_or_else(|| {
        Error::format(name, format!("expected a numpy array of numbers, got {}", value.kind()))
    })?;
    Array::new(name, dtype, shape, fortran, bytes)
}

/// `dtype("f4", …)` with the state `(3, "<", …)`: the second item is the order of the bytes.
fn element_type(value: Value<'_>) -> Option<Type> {
    let call = value.as_call().filter(|call| call.global == ("numpy", "dtype"))?;
    let mut dtype = Type::parse(call.args.items()?.next()?.as_str()?)?;
    if let Some(state) = call.state {
        dtype.big_endian = state.items()?.nth(1)?.as_str()? == ">";
    }
    Some(dtype)
}

/// A matrix: `csr_matrix` with a dictionary as its state.
pub(crate) fn csr(name: &str, value: Value<'_>) -> Result<Csr> {
    let state = value.as_call().filter(|call| call.global.1 == "csr_matrix").and_then(|call| call.state);
    let bad = |problem: &str| Error::format(name, problem);
    let state = state.ok_or_else(|| bad("expected a scipy csr_matrix"))?;
    let part = |key: &str| {
        let found = state.get(key).ok_or_else(|| bad(&format!("the csr_matrix has no {key}")))?;
        array(&format!("{name}: {key}"), found)
    };
    let shape = state.get("_shape").or_else(|| state.get("shape")).and_then(|shape| {
        let sizes: Vec<usize> = shape.items()?.map(Value::as_usize).collect::<Option<_>>()?;
        <[usize; 2]>::try_from(sizes).ok()
    });
    let shape = shape.ok_or_else(|| bad("the csr_matrix has no shape of two sizes"))?;
    Csr::new(name, shape, &part("indptr")?, &part("indices")?, &part("data")?)
}
