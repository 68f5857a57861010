//! Backward passes: through results that operations of this crate and of Candle both read, and through one another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Shape, Tensor, Var};
use candle_geometric_graph::rng::Stream;
use candle_geometric_ops::{
    self as ops, Dropout, Reduce, Result, backward, backward_from, bias_add, dropout, elu, gather_src,
    linear, project, reference, scatter, segment_softmax, spmm,
};
use common::{assert_close, graphs, numbers, random};

fn variables(shapes: &[&[usize]], dtype: DType) -> Vec<Var> {
    let one = |(k, shape): (usize, &&[usize])| random(shape, k as u64).to_dtype(dtype);
    shapes.iter().enumerate().map(|k| Var::from_tensor(&one(k).unwrap()).unwrap()).collect()
}

fn of(gradients: &GradStore, variables: &[Var]) -> Vec<Tensor> {
    variables.iter().map(|v| gradients.get(v).unwrap().clone()).collect()
}

/// Results with readers of both kinds, a variable that several operations use, and one that Candle's use too.
#[test]
fn results_may_be_read_by_anybody() {
    let stream = Stream::new(3, 0);
    for (name, edges) in graphs() {
        if edges.num_src() != edges.num_dst() || edges.num_edges() == 0 {
            continue;
        }
        let n = edges.num_src();
        for dtype in [DType::F32, DType::F64] {
            let v = variables(&[&[n, 4], &[4, 4], &[4]], dtype);
            let run = |ours: bool| -> Result<Tensor> {
                let [x, weight, bias] = [&v[0], &v[1], &v[2]].map(|v| v.as_tensor());
                let mask = Dropout { p: 0.3, stream };
                let (h, a, m) = if ours {
                    let h = elu(&linear(x, weight, Some(bias))?, 1.0)?;
                    let a = segment_softmax(&gather_src(&dropout(&h, mask)?, &edges)?, &edges)?;
                    let m = scatter(&a, &edges, Reduce::Max)?;
                    (bias_add(&spmm(&edges, None, &h)?, bias)?, a, (m + linear(&h, weight, None)?)?)
                } else {
                    let h = reference::elu(&reference::linear(x, weight, Some(bias))?, 1.0)?;
                    let dropped = reference::dropout(&h, mask)?;
                    let a = reference::segment_softmax(&reference::gather_src(&dropped, &edges)?, &edges)?;
                    let m = reference::scatter(&a, &edges, Reduce::Max)?;
                    let sums = reference::bias_add(&reference::spmm(&edges, None, &h)?, bias)?;
                    (sums, a, (m + reference::linear(&h, weight, None)?)?)
                };
                let of_edges = a.sqr()?.sum_all()?;
                Ok((((&h * m)? + h.sqr()?)?.sum_all()? + (of_edges + bias.sqr()?.sum_all()?)?)?)
            };
            let (loss, expected) = (run(true).unwrap(), run(false).unwrap());
            let expected = of(&expected.backward().unwrap(), &v);
            let tolerance = if dtype == DType::F32 { 1e-5 } else { 1e-12 };
            // One after the other through the same nodes.
            for gradients in [loss.backward().unwrap(), backward(&loss).unwrap(), backward(&loss).unwrap()] {
                for (k, (a, b)) in of(&gradients, &v).iter().zip(&expected).enumerate() {
                    assert_close(&format!("{name}, {dtype:?}, variable {k}"), a, b, tolerance);
                }
            }
        }
    }
}

#[test]
fn a_gradient_that_is_given_is_that_of_a_weighted_sum() {
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        let v = variables(&[&[5, 3], &[2, 3]], dtype);
        let gradient = random(&[2, 5], 7).to_dtype(dtype).unwrap();
        // Not in a row in memory.
        let gradient = gradient.t().unwrap();
        let out = linear(&v[0], &v[1], None).unwrap();
        let sum = (&out * &gradient).unwrap().sum_all().unwrap();
        let (ours, theirs) = (backward_from(&out, &gradient).unwrap(), sum.backward().unwrap());
        for (a, b) in of(&ours, &v).iter().zip(&of(&theirs, &v)) {
            assert_eq!(numbers(a), numbers(b), "{dtype:?}");
        }
    }
}

#[test]
fn a_gradient_that_does_not_fit_is_refused() {
    let v = variables(&[&[5, 3]], DType::F32);
    let out = elu(&v[0], 1.0).unwrap();
    let wrong_shape = backward_from(&out, &random(&[3, 5], 0).to_dtype(DType::F32).unwrap()).unwrap_err();
    assert!(wrong_shape.to_string().contains("gradient: expected shape [5, 3]"), "{wrong_shape}");
    let wrong_type = backward_from(&out, &random(&[5, 3], 0)).unwrap_err();
    assert!(wrong_type.to_string().contains("gradient"), "{wrong_type}");
}

#[test]
fn what_depends_on_no_variable_has_no_gradients() {
    let x = random(&[5, 3], 0);
    assert!(backward(&elu(&x, 1.0).unwrap().sum_all().unwrap()).unwrap().get(&x).is_none());
    assert!(backward_from(&elu(&x, 1.0).unwrap(), &x).unwrap().get(&x).is_none());
}

/// The identity, whose backward pass does something else meanwhile, as a thread does that waits for others.
struct Meanwhile<F>(F);

impl<F: Fn() -> Result<()>> CustomOp1 for Meanwhile<F> {
    fn name(&self) -> &'static str {
        "meanwhile"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((x.clone(), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        (self.0)()?;
        Ok(Some(grad.clone()))
    }
}

#[test]
fn passes_inside_of_passes_do_not_take_each_others_gradients() {
    let v = variables(&[&[4, 3]], DType::F64);
    let w = v.clone();
    let inner = move || -> Result<()> {
        let loss = elu(&w[0], 0.5)?.sum_all()?;
        let (a, b) = (loss.backward()?, backward(&loss)?);
        let [a, b] = [a, b].map(|g| g.get(&w[0]).map(numbers));
        assert!(a.is_some() && a == b);
        Ok(())
    };
    let alone = of(&elu(&v[0], 1.0).unwrap().sum_all().unwrap().backward().unwrap(), &v);
    let out = elu(&v[0], 1.0).unwrap().apply_op1(Meanwhile(inner)).unwrap().sum_all().unwrap();
    assert_eq!(numbers(&of(&backward(&out).unwrap(), &v)[0]), numbers(&alone[0]));
}

#[test]
fn a_pass_that_fails_leaves_nothing_behind() {
    let v = variables(&[&[4, 3]], DType::F64);
    let fails = || Err(candle_core::Error::Msg("on purpose".into()).into());
    let loss = |x: &Tensor| elu(x, 1.0).unwrap().sum_all().unwrap();
    let failing = loss(&v[0].apply_op1(Meanwhile(fails)).unwrap());
    let error = backward(&failing).map(drop).unwrap_err();
    assert!(error.to_string().contains("on purpose"), "{error}");
    assert!(loss(&v[0]).backward().unwrap().get(&v[0]).is_some());
    assert!(backward(&loss(&v[0])).unwrap().get(&v[0]).is_some());
}

/// From 4 MB on memory is used again: not that of gradients which the caller has.
#[test]
fn gradients_keep_their_memory() {
    let v = variables(&[&[20_000, 64], &[64, 64]], DType::F32);
    let step = || {
        let h = project(&v[0], &v[1], None).unwrap().tensor().unwrap();
        // The sum passes its gradient on as it is.
        let out = bias_add(&elu(&h, 1.0).unwrap(), &v[1].get(0).unwrap()).unwrap();
        let read_twice = (&out * &out).unwrap();
        of(&backward(&read_twice.sum_all().unwrap()).unwrap(), &v)
    };
    let first = step();
    let copies: Vec<_> = first.iter().map(numbers).collect();
    for _ in 0..3 {
        let again = step();
        for ((kept, copy), again) in first.iter().zip(&copies).zip(&again) {
            assert!(numbers(kept) == *copy && numbers(again) == *copy);
        }
    }
}

#[test]
fn threads_may_run_passes_on_shared_variables() {
    let v = variables(&[&[500, 8], &[8, 8]], DType::F32);
    let pass = || {
        let h = elu(&linear(&v[0], &v[1], None).unwrap(), 1.0).unwrap();
        let gradients =
            backward_from(&h, &Tensor::ones((500, 8), DType::F32, &Device::Cpu).unwrap()).unwrap();
        of(&gradients, &v).iter().flat_map(numbers).collect::<Vec<_>>()
    };
    let alone = pass();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..20).map(|_| pass()).collect::<Vec<_>>())).collect();
        for thread in threads {
            assert!(thread.join().unwrap().iter().all(|g| *g == alone));
        }
    });
}

/// Finite differences through a chain of results that only this crate reads.
#[test]
fn gradients_through_a_chain_are_slopes() {
    let edges = graphs().swap_remove(1).1;
    let n = edges.num_src();
    let v = variables(&[&[n, 3], &[3, 3]], DType::F64);
    let value = |x: &Tensor| -> Tensor {
        let h = elu(&linear(x, &v[1], None).unwrap(), 1.0).unwrap();
        let h = ops::leaky_relu(&spmm(&edges, None, &h).unwrap(), 0.1).unwrap();
        linear(&h, &v[1], None).unwrap().sqr().unwrap().sum_all().unwrap()
    };
    let gradient = numbers(&of(&backward(&value(&v[0])).unwrap(), &v[..1])[0]);
    let (x, step) = (numbers(&v[0]), 1e-6);
    for k in 0..x.len() {
        let moved = |by: f64| {
            let mut x = x.clone();
            x[k] += by;
            numbers(&value(&Tensor::from_vec(x, (n, 3), &Device::Cpu).unwrap()))[0]
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        assert!((slope - gradient[k]).abs() <= 1e-6 * slope.abs().max(1.0), "{k}: {slope} {}", gradient[k]);
    }
}
