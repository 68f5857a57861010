//! Random inputs and finite differences.
#![allow(dead_code)]

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_nn::{Result, SeededVarMap};

/// Normal numbers, the same for the same `id`.
pub(crate) fn normal(shape: &[usize], id: u64) -> Tensor {
    let s = Stream::new(99, id);
    let values: Vec<f64> = (0..shape.iter().product::<usize>()).map(|i| s.normal(i as u64)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// As [`normal`], as a variable.
pub(crate) fn var(shape: &[usize], id: u64) -> Var {
    Var::from_tensor(&normal(shape, id)).unwrap()
}

/// Random edges with everything real graphs have: duplicates, self-loops, and (the last two nodes) isolated nodes.
pub(crate) fn messy_graph(nodes: usize, edges: usize, id: u64) -> EdgeIndex {
    let mut random = Stream::new(98, id).sequence();
    let mut pairs: Vec<(u32, u32)> =
        (0..edges - 4).map(|_| (random.below(nodes as u32 - 2), random.below(nodes as u32 - 2))).collect();
    pairs.extend([(0, 1), (0, 1), (1, 1), (2, 2)]);
    EdgeIndex::from_pairs(pairs, nodes).unwrap()
}

pub(crate) fn values(t: &Tensor) -> Vec<f64> {
    t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// The largest absolute difference; infinite where one is NaN.
pub(crate) fn distance(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let gap = |(a, b): (f64, f64)| if (a - b).is_nan() { f64::INFINITY } else { (a - b).abs() };
    values(a).into_iter().zip(values(b)).map(gap).fold(0.0, f64::max)
}

/// Compares gradients of Σ f ⊙ v for a fixed random v with central differences, for the inputs and for the
/// parameters of the map.
pub(crate) fn check_gradients(map: &SeededVarMap, inputs: &[&Var], f: impl Fn() -> Result<Tensor>) {
    let v = normal(f().unwrap().dims(), 77);
    let loss = || (f().unwrap() * &v).unwrap().sum_all().unwrap();
    let grads = loss().backward().unwrap();
    let parameters = map.vars().into_iter().filter(|(name, _)| !name.contains("running_"));
    let inputs = inputs.iter().enumerate().map(|(i, var)| (format!("input {i}"), (*var).clone()));
    for (name, var) in parameters.chain(inputs) {
        let start = var.as_detached_tensor().copy().unwrap();
        let analytic = grads.get(&var).map_or(vec![0.0; start.elem_count()], values);
        let (base, step) = (values(&start), 1e-5);
        // Sixteen elements of each tensor, spread over it.
        let stride = base.len().div_ceil(16).max(1);
        for (i, analytic) in analytic.iter().enumerate().step_by(stride) {
            let at = |shift: f64| {
                let mut moved = base.clone();
                moved[i] += shift;
                var.set(&Tensor::from_vec(moved, start.shape(), &Device::Cpu).unwrap()).unwrap();
                loss().to_scalar::<f64>().unwrap()
            };
            let numeric = (at(step) - at(-step)) / (2.0 * step);
            let gap = (numeric - analytic).abs() / numeric.abs().max(1.0);
            assert!(gap < 1e-6, "{name}[{i}]: {analytic} by autograd, {numeric} by differences");
        }
        var.set(&start).unwrap();
    }
}
