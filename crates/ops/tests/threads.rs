//! The same bits for any number of threads, forward and backward.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_ops::{Dropout, Result, bias_add, dropout, elu, linear, linear_sum, mean_heads};
use common::cases::{self, Case};
use common::{cut_graphs, hub_edges, numbers, one_segment, random, with_gradients};

/// The bits of the result and of all gradients, on `threads` threads.
fn bits(threads: usize, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor> + Sync) -> Vec<u64> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (out, gradients) = pool.install(|| with_gradients(inputs, &f));
    [&out].into_iter().chain(&gradients).flat_map(numbers).map(f64::to_bits).collect()
}

fn assert_same_bits(what: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor> + Sync) {
    let one = bits(1, inputs, &f);
    for threads in [2, 3, 8] {
        assert!(bits(threads, inputs, &f) == one, "{what} differs on {threads} threads");
    }
}

fn typed(case: &Case, edges: &EdgeIndex, dtype: DType) -> Vec<Tensor> {
    let shapes = (case.shapes)(edges);
    shapes.iter().zip(1..).map(|(s, k)| random(s, k).to_dtype(dtype).unwrap()).collect()
}

#[test]
fn operations_on_a_graph() {
    // Large enough for many chunks in every kernel.
    let large = [("large", hub_edges(3000, 30_000, 4)), ("one segment", one_segment(30_000))];
    for (graph, edges) in large {
        for case in cases::all() {
            for dtype in [DType::F32, DType::F64] {
                let inputs = typed(&case, &edges, dtype);
                assert_same_bits(&format!("{} on {graph}", case.name), &inputs, |t| (case.ours)(t, &edges));
            }
        }
    }
}

#[test]
fn primitives_of_every_width() {
    let widths = [cases::primitives::<1>(), cases::primitives::<5>(), cases::primitives::<33>()];
    for (graph, edges) in cut_graphs() {
        for case in widths.iter().flatten() {
            for dtype in [DType::F32, DType::F64] {
                let inputs = typed(case, &edges, dtype);
                assert_same_bits(&format!("{} on {graph}", case.name), &inputs, |t| (case.ours)(t, &edges));
            }
        }
    }
}

type Dense = fn(&[Tensor]) -> Result<Tensor>;

/// The operations without a graph, with the shapes of their arguments.
fn dense() -> Vec<(&'static str, Vec<&'static [usize]>, Dense)> {
    fn half() -> Dropout {
        Dropout { p: 0.5, stream: Stream::new(1, 2) }
    }
    vec![
        ("dropout", vec![&[3000, 71]], |t| dropout(&t[0], half())),
        ("elu", vec![&[3000, 70]], |t| elu(&t[0], 1.0)),
        ("bias_add", vec![&[3000, 70], &[70]], |t| bias_add(&t[0], &t[1])),
        ("bias_add of few columns", vec![&[30_000, 3], &[3]], |t| bias_add(&t[0], &t[1])),
        ("mean_heads", vec![&[3000, 70], &[14]], |t| mean_heads(&t[0], 5, Some(&t[1]))),
        ("linear", vec![&[3000, 70], &[50, 70], &[50]], |t| linear(&t[0], &t[1], Some(&t[2]))),
        ("linear_sum", vec![&[3000, 70], &[50, 70], &[3000, 20], &[50, 20], &[50]], |t| {
            linear_sum([((&t[0]).into(), &t[1]), ((&t[2]).into(), &t[3])], Some(&t[4]))
        }),
        ("linear of a sparse constant", vec![&[50, 70], &[50]], |t| {
            let x = random(&[3000, 70], 1).to_dtype(t[0].dtype())?;
            let sparse = dropout(&x, Dropout { p: 0.97, stream: Stream::new(1, 3) })?;
            linear(&sparse, &t[0], Some(&t[1]))
        }),
    ]
}

fn dense_inputs(shapes: &[&[usize]], dtype: DType) -> Vec<Tensor> {
    shapes.iter().zip(1..).map(|(s, k)| random(s, k).to_dtype(dtype).unwrap()).collect()
}

fn dense_bits(dtype: DType) -> Vec<u64> {
    let without_products = dense().into_iter().filter(|(name, ..)| !name.starts_with("linear"));
    without_products.flat_map(|(_, shapes, f)| bits(1, &dense_inputs(&shapes, dtype), f)).collect()
}

#[test]
fn dense_operations() {
    for (name, shapes, f) in dense() {
        for dtype in [DType::F32, DType::F64, DType::BF16] {
            assert_same_bits(name, &dense_inputs(&shapes, dtype), f);
        }
    }
}

/// What a test of this binary prints as its bits in a process of its own, where it finds [`PRINT`] set.
fn ask(test: &str, variable: (&str, &str)) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .envs([(PRINT, "1"), variable])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.split("bits ").nth(1).expect("the other process printed no bits")[..16].to_owned()
}

const PRINT: &str = "CANDLE_GEOMETRIC_PRINT_BITS";

fn print_bits(bits: impl IntoIterator<Item = u64>) {
    let hash = bits.into_iter().fold(0u64, |h, b| (h ^ b).wrapping_mul(0x0000_0100_0000_01b3));
    println!("bits {hash:016x}");
}

/// The instructions are chosen once per process, so this asks other processes.
#[test]
fn vector_instructions_give_the_bits_of_portable_code() {
    if std::env::var_os(PRINT).is_some() {
        let edges = hub_edges(3000, 30_000, 4);
        let of = |case: &Case, dtype| bits(1, &typed(case, &edges, dtype), |t| (case.ours)(t, &edges));
        let every = [cases::all(), cases::primitives::<1>(), cases::primitives::<33>()].into_iter().flatten();
        let types = [DType::F32, DType::F64];
        let dense = types.into_iter().flat_map(dense_bits);
        return print_bits(every.flat_map(|case| types.map(|dtype| of(&case, dtype))).flatten().chain(dense));
    }
    let test = "vector_instructions_give_the_bits_of_portable_code";
    let variable = "CANDLE_GEOMETRIC_SIMD";
    assert_eq!(ask(test, (variable, "portable")), ask(test, (variable, "")));
}

/// Candle chooses the number of threads of a matrix product once per process, so this asks other processes.
#[test]
fn matrix_products_in_other_processes() {
    if std::env::var_os(PRINT).is_some() {
        let [x, w] =
            [(&[700, 300][..], 1), (&[64, 300], 2)].map(|(s, k)| random(s, k).to_dtype(DType::F32).unwrap());
        let (out, gradients) = with_gradients(&[x, w], |t| linear(&t[0], &t[1], None));
        let all = [&out].into_iter().chain(&gradients).flat_map(numbers);
        return print_bits(all.map(f64::to_bits));
    }
    let on = |threads| ask("matrix_products_in_other_processes", ("RAYON_NUM_THREADS", threads));
    let one = on("1");
    assert_eq!(on("2"), one);
    assert_eq!(on("5"), one);
}
