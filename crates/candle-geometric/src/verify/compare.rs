//! How far two tensors are from each other.

use anyhow::{Result, ensure};
use candle_core::{DType, Tensor};

use super::inputs::integers;

/// The largest absolute error, divided by the largest absolute value that was expected (or by 1 where that is
/// smaller). NaN where only one side is NaN; integer tensors are equal (0) or not (infinity).
///
/// # Errors
/// If the shapes differ, or one holds integers and the other does not.
pub(crate) fn relative_error(actual: &Tensor, expected: &Tensor) -> Result<f64> {
    ensure!(
        actual.dims() == expected.dims(),
        "expected shape {:?}, got {:?}",
        expected.dims(),
        actual.dims()
    );
    if !expected.dtype().is_float() {
        let equal = integers(actual, "output")? == integers(expected, "output")?;
        return Ok(if equal { 0.0 } else { f64::INFINITY });
    }
    ensure!(actual.dtype().is_float(), "expected floating-point numbers, got {:?}", actual.dtype());
    let (actual, expected) = (values(actual)?, values(expected)?);
    let scale = expected.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
    let mut largest = 0.0_f64;
    for (a, e) in actual.iter().zip(&expected) {
        let same = a == e || (a.is_nan() && e.is_nan());
        let error = if same { 0.0 } else { (a - e).abs() };
        // `f64::max` drops a NaN; here it must win.
        largest = if error.is_nan() || largest.is_nan() { f64::NAN } else { largest.max(error) };
    }
    Ok(largest / scale)
}

/// Whether two results are the same, bit by bit (every NaN is one).
///
/// # Errors
/// If a device fails.
pub(crate) fn same_bits(a: &Tensor, b: &Tensor) -> Result<bool> {
    if a.dims() != b.dims() || a.dtype() != b.dtype() {
        return Ok(false);
    }
    if !a.dtype().is_float() {
        return Ok(integers(a, "output")? == integers(b, "output")?);
    }
    let (a, b) = (values(a)?, values(b)?);
    Ok(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())))
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    if tensor.elem_count() == 0 {
        return Ok(Vec::new());
    }
    Ok(tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?)
}

#[cfg(test)]
mod tests {
    use super::{relative_error, same_bits};
    use candle_core::{Device, Tensor};

    fn row(values: &[f64]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn the_scale_is_the_largest_expected_value_but_at_least_one() {
        assert_eq!(relative_error(&row(&[8.0, 1.0]), &row(&[8.0, 3.0])).unwrap(), 0.25);
        assert_eq!(relative_error(&row(&[0.0, 0.25]), &row(&[0.0, 0.5])).unwrap(), 0.25);
    }

    #[test]
    fn the_last_bit_counts() {
        let (a, b) = (row(&[1.0, f64::NAN]), row(&[1.0 + f64::EPSILON, f64::NAN]));
        assert!(same_bits(&a, &a).unwrap() && !same_bits(&a, &b).unwrap());
        assert!(!same_bits(&row(&[0.0]), &row(&[-0.0])).unwrap() && !same_bits(&row(&[0.0]), &a).unwrap());
    }

    #[test]
    fn nan_is_never_close() {
        assert!(relative_error(&row(&[f64::NAN, 0.0]), &row(&[1.0, 0.0])).unwrap().is_nan());
        assert!(relative_error(&row(&[1.0]), &row(&[f64::INFINITY])).unwrap().is_nan());
    }

    #[test]
    fn integers_are_equal_or_infinitely_far() {
        let ids = |v: &[i64]| Tensor::new(v, &Device::Cpu).unwrap();
        assert_eq!(relative_error(&ids(&[1, 2]), &ids(&[1, 2])).unwrap(), 0.0);
        assert_eq!(relative_error(&ids(&[1, 2]), &ids(&[2, 1])).unwrap(), f64::INFINITY);
    }

    #[test]
    fn shapes_must_agree() {
        let error = relative_error(&row(&[1.0]), &row(&[1.0, 2.0])).unwrap_err().to_string();
        assert!(error.contains("[2]") && error.contains("[1]"), "{error}");
    }
}
