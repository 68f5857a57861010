//! The same bits for any number of threads, forward and backward.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use candle_core::{DType, Tensor};
use candle_geometric_graph::rng::Stream;
use candle_geometric_ops::{Dropout, Result, dropout, elu, linear};
use common::{cases, hub_edges, numbers, random, with_gradients};

/// The bits of the result and of all gradients, on `threads` threads.
fn bits(threads: usize, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor> + Sync) -> Vec<u64> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (out, gradients) = pool.install(|| with_gradients(inputs, &f));
    [&out].into_iter().chain(&gradients).flat_map(numbers).map(f64::to_bits).collect()
}

fn assert_same_bits(what: &str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Result<Tensor> + Sync) {
    let one = bits(1, inputs, &f);
    for threads in [2, 5] {
        assert!(bits(threads, inputs, &f) == one, "{what} differs on {threads} threads");
    }
}

#[test]
fn operations_on_a_graph() {
    // Large enough for many chunks in every kernel, with a hub.
    let edges = hub_edges(3000, 30_000, 4);
    for case in cases::all() {
        for dtype in [DType::F32, DType::F64] {
            let shapes = (case.shapes)(&edges);
            let inputs: Vec<_> =
                shapes.iter().zip(1..).map(|(s, k)| random(s, k).to_dtype(dtype).unwrap()).collect();
            assert_same_bits(case.name, &inputs, |t| (case.ours)(t, &edges));
        }
    }
}

#[test]
fn dense_operations() {
    let [x, w, b] = [(&[3000, 70][..], 1), (&[50, 70], 2), (&[50], 3)]
        .map(|(s, k)| random(s, k).to_dtype(DType::F32).unwrap());
    let d = Dropout { p: 0.5, stream: Stream::new(1, 2) };
    assert_same_bits("dropout", std::slice::from_ref(&x), |t| dropout(&t[0], d));
    assert_same_bits("elu", std::slice::from_ref(&x), |t| elu(&t[0], 1.0));
    assert_same_bits("linear", &[x.clone(), w.clone(), b.clone()], |t| linear(&t[0], &t[1], Some(&t[2])));
    let sparse = dropout(&x, Dropout { p: 0.97, stream: Stream::new(1, 3) }).unwrap();
    assert_same_bits("linear of a sparse constant", &[w, b], |t| linear(&sparse, &t[0], Some(&t[1])));
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
        return print_bits(cases::all().iter().flat_map(|case| {
            let shapes = (case.shapes)(&edges);
            let numbered = shapes.iter().zip(1..);
            let inputs: Vec<_> = numbered.map(|(s, k)| random(s, k).to_dtype(DType::F32).unwrap()).collect();
            bits(1, &inputs, |t| (case.ours)(t, &edges))
        }));
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
