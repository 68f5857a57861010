//! Tensors as a pickle describes them: a view, with offset and strides, of a flat storage kept outside the pickle.

use std::borrow::Cow;

use candle_core::{DType, Device, Tensor};
use candle_geometric_pickle::Value;

/// Why a tensor cannot be made.
pub(super) type Problem = String;

/// The elements of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// Candle's type for them; `None` for signed bytes, which Candle has not.
    dtype: Option<DType>,
    /// Bytes per element.
    pub(super) size: usize,
}

impl Kind {
    fn of(value: Value<'_>) -> Result<Self, Problem> {
        let name = value.as_global().map(|(_, name)| name);
        let (dtype, size) = match name {
            Some("DoubleStorage") => (Some(DType::F64), 8),
            Some("FloatStorage") => (Some(DType::F32), 4),
            Some("HalfStorage") => (Some(DType::F16), 2),
            Some("BFloat16Storage") => (Some(DType::BF16), 2),
            Some("LongStorage") => (Some(DType::I64), 8),
            Some("IntStorage") => (Some(DType::I32), 4),
            Some("ShortStorage") => (Some(DType::I16), 2),
            Some("CharStorage") => (None, 1),
            Some("ByteStorage" | "BoolStorage" | "UntypedStorage") => (Some(DType::U8), 1),
            _ => return Err(format!("`{}` is not a type of storage", name.unwrap_or(value.kind()))),
        };
        Ok(Self { dtype, size })
    }
}

/// A reference to a storage, or (in old files) to a part of one.
#[derive(Debug, Clone, Copy)]
pub(super) struct StorageRef<'p> {
    pub(super) key: &'p str,
    pub(super) kind: Kind,
    /// The number of elements of the whole storage.
    pub(super) len: usize,
    /// The part: first element and number of elements.
    part: (usize, usize),
}

impl<'p> StorageRef<'p> {
    /// From a persistent id: `("storage", type, key, device, number of elements[, None or (_, offset, size)])`.
    pub(super) fn of(value: Value<'p>) -> Result<Self, Problem> {
        let malformed = || format!("expected the reference of a storage, found a {}", value.kind());
        let id = value.as_persistent_id().ok_or_else(malformed)?;
        let id: Vec<Value<'p>> = id.items().ok_or_else(malformed)?.collect();
        let [tag, kind, key, _, len, rest @ ..] = id.as_slice() else { return Err(malformed()) };
        let (Some("storage"), Some(key), Some(len)) = (tag.as_str(), key.as_str(), len.as_usize()) else {
            return Err(malformed());
        };
        let part = match rest.first().filter(|v| !v.is_none()) {
            None => (0, len),
            Some(view) => {
                let view: Vec<_> = view.items().ok_or_else(malformed)?.skip(1).map(Value::as_usize).collect();
                let [Some(offset), Some(size)] = view.as_slice() else { return Err(malformed()) };
                if offset.checked_add(*size).is_none_or(|end| end > len) {
                    return Err(format!("a view of {size} elements at {offset} leaves its storage of {len}"));
                }
                (*offset, *size)
            }
        };
        Ok(Self { key, kind: Kind::of(*kind)?, len, part })
    }

    /// The size of the whole storage in bytes.
    pub(super) fn bytes(&self) -> Result<usize, Problem> {
        let problem = || format!("a storage of {} elements is too large", self.len);
        self.len.checked_mul(self.kind.size).ok_or_else(problem)
    }
}

/// A tensor as the pickle describes it.
#[derive(Debug)]
pub(super) struct TensorRef<'p> {
    pub(super) storage: StorageRef<'p>,
    offset: usize,
    pub(super) shape: Vec<usize>,
    strides: Vec<usize>,
}

/// The arguments of a tensor's rebuilding, if the value is a tensor or a parameter.
fn rebuild(value: Value<'_>) -> Option<Value<'_>> {
    let call = value.as_call()?;
    match call.global {
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(call.args),
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            rebuild(call.args.items()?.next()?)
        }
        _ => None,
    }
}

/// Whether the value is a tensor or a parameter.
pub(super) fn is_tensor(value: Value<'_>) -> bool {
    rebuild(value).is_some()
}

impl<'p> TensorRef<'p> {
    pub(super) fn of(value: Value<'p>) -> Result<Self, Problem> {
        let args: Vec<Value<'p>> = rebuild(value).and_then(Value::items).into_iter().flatten().collect();
        let [storage, offset, shape, strides, ..] = args.as_slice() else {
            return Err(format!("expected a tensor, found a {}", value.kind()));
        };
        let (Some(offset), Some(shape), Some(strides)) = (offset.as_usize(), sizes(*shape), sizes(*strides))
        else {
            return Err("offset, shape and strides of a tensor must be non-negative integers".into());
        };
        if shape.len() != strides.len() {
            return Err(format!("shape {shape:?} and strides {strides:?} differ in length"));
        }
        Ok(Self { storage: StorageRef::of(*storage)?, offset, shape, strides })
    }

    /// The tensor's size in bytes.
    pub(super) fn bytes(&self) -> Result<usize, Problem> {
        let sizes = self.shape.iter().chain([&self.storage.kind.size]);
        let product = sizes.copied().try_fold(1usize, usize::checked_mul);
        product.ok_or_else(|| format!("shape {:?} is too large", self.shape))
    }

    /// The tensor, from the bytes of its whole storage, on the CPU.
    pub(super) fn load(&self, storage: &[u8]) -> Result<Tensor, Problem> {
        let expected = self.storage.bytes()?;
        if storage.len() != expected {
            return Err(format!(
                "storage `{}` has {} bytes, expected {expected}: the file is truncated or damaged",
                self.storage.key,
                storage.len()
            ));
        }
        let Kind { dtype, size } = self.storage.kind;
        let (start, len) = self.storage.part;
        let part = storage.get(start * size..(start + len) * size).unwrap_or_default();
        let elements = gather(part, size, self.offset, &self.shape, &self.strides)?;
        let tensor = match dtype {
            Some(dtype) => Tensor::from_raw_buffer(&elements, dtype, &self.shape, &Device::Cpu),
            None => {
                let signed: Vec<i16> = elements.iter().map(|&b| i16::from(b as i8)).collect();
                Tensor::from_vec(signed, self.shape.as_slice(), &Device::Cpu)
            }
        };
        tensor.map_err(|e| e.to_string())
    }
}

/// A tuple of sizes, plain or a `torch.Size`.
pub(super) fn sizes(value: Value<'_>) -> Option<Vec<usize>> {
    let value = match value.as_call() {
        Some(call) if call.global == ("torch", "Size") => call.args.items()?.next()?,
        _ => value,
    };
    value.items()?.map(Value::as_usize).collect()
}

/// The elements of a strided view in row-major order.
fn gather<'a>(
    storage: &'a [u8],
    size: usize,
    offset: usize,
    shape: &[usize],
    strides: &[usize],
) -> Result<Cow<'a, [u8]>, Problem> {
    if shape.contains(&0) {
        return Ok(Cow::Borrowed(&[]));
    }
    let outside =
        || format!("a view of shape {shape:?}, strides {strides:?}, offset {offset} leaves its storage");
    let last =
        shape.iter().zip(strides).try_fold(offset, |at, (&n, &s)| at.checked_add((n - 1).checked_mul(s)?));
    if last.is_none_or(|last| last >= storage.len() / size) {
        return Err(outside());
    }
    let mut expected = 1;
    let contiguous = shape.iter().zip(strides).rev().all(|(&n, &s)| {
        let here = n == 1 || s == expected;
        expected *= n;
        here
    });
    let element = |at: usize| storage.get(at * size..(at + 1) * size).ok_or_else(outside);
    if contiguous {
        let elements = storage.get(offset * size..(offset + expected) * size);
        return elements.map(Cow::Borrowed).ok_or_else(outside);
    }
    let mut out = Vec::with_capacity(shape.iter().product::<usize>() * size);
    let mut index = vec![0; shape.len()];
    let mut at = offset;
    loop {
        out.extend_from_slice(element(at)?);
        // The next index, last axis first; a wrapped axis goes back to its start.
        let mut axes = index.iter_mut().zip(shape.iter().zip(strides)).rev();
        loop {
            let Some((i, (&n, &s))) = axes.next() else { return Ok(Cow::Owned(out)) };
            if *i + 1 < n {
                *i += 1;
                at += s;
                break;
            }
            at -= *i * s;
            *i = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_views() {
        let bytes: Vec<u8> = (0..12).collect();
        let view = |offset, shape: &[usize], strides: &[usize]| {
            gather(&bytes, 1, offset, shape, strides).map(Cow::into_owned)
        };
        assert_eq!(view(0, &[3, 4], &[4, 1]).unwrap(), (0..12).collect::<Vec<u8>>());
        assert_eq!(view(0, &[4, 3], &[1, 4]).unwrap(), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        assert_eq!(view(5, &[], &[]).unwrap(), [5]);
        assert_eq!(view(3, &[2, 2], &[0, 1]).unwrap(), [3, 4, 3, 4]);
        assert!(view(3, &[0, 7], &[9, 9]).unwrap().is_empty());
        assert!(view(1, &[3, 4], &[4, 1]).unwrap_err().contains("leaves its storage"));
        assert!(view(0, &[2, usize::MAX], &[1, usize::MAX]).is_err());
        assert_eq!(gather(&bytes, 4, 1, &[2], &[1]).unwrap().into_owned(), [4, 5, 6, 7, 8, 9, 10, 11]);
        assert!(gather(&bytes, 4, 2, &[2], &[1]).is_err());
    }
}
