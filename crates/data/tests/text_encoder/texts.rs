//! What becomes of texts, whatever they are and however many.

use std::sync::{Arc, Mutex};

use candle_core::{DType, Tensor};
use candle_geometric_data::text_encoder::EncodeProgress;

use crate::*;

#[test]
fn neither_order_nor_company_nor_padding_changes_a_vector() {
    for family in FAMILIES {
        let folder = model(family);
        let together = load(&folder, plain()).unwrap().encode(&texts()).unwrap();
        let alone = load(&folder, EncoderOptions { batch_tokens: 0, ..plain() }).unwrap();
        close(&rows(&alone.encode(&texts()).unwrap()), &rows(&together), 2e-6);
        let turned: Vec<String> = texts().into_iter().rev().collect();
        let mut turned = rows(&load(&folder, plain()).unwrap().encode(&turned).unwrap());
        turned.reverse();
        close(&turned, &rows(&together), 2e-6);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let encoder = load(&model("bert"), plain()).unwrap();
    let many: Vec<String> = (0..40).flat_map(|_| texts()).collect();
    let encode = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| rows(&encoder.encode(&many).unwrap()))
    };
    assert_eq!(encode(1), encode(3));
}

/// The pooling and normalisation once more, by hand.
#[test]
fn pooling_is_what_it_says() {
    let folder = model("bert");
    let token = |pooling, normalize| {
        let options = EncoderOptions { pooling: Some(pooling), normalize: Some(normalize), ..plain() };
        rows(&load(&folder, options).unwrap().encode(&texts()).unwrap())
    };
    for (row, unit) in token(Pooling::Mean, false).iter().zip(token(Pooling::Mean, true)) {
        let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
        let expected: Vec<f32> = row.iter().map(|v| v / length).collect();
        close(&[unit], &[expected], 1e-6);
    }
    // A mean of things is nowhere above the greatest of them.
    for (mean, max) in token(Pooling::Mean, false).iter().zip(token(Pooling::Max, false)) {
        assert!(mean.iter().zip(&max).all(|(mean, max)| *mean <= max + 1e-6));
    }
}

#[test]
fn no_texts_and_texts_without_tokens() {
    let folder = model("bert");
    let none = load(&folder, plain()).unwrap().encode::<&str>(&[]).unwrap();
    assert_eq!((none.dims(), none.dtype()), (&[0, 8][..], DType::F32));

    // A tokenizer that adds nothing: an empty text has no token at all.
    let path = folder.path().join("tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    tokenizer["post_processor"] = Value::Null;
    std::fs::write(&path, tokenizer.to_string()).unwrap();
    for (_, pooling) in Pooling::NAMES {
        let options = EncoderOptions { pooling: Some(pooling), normalize: Some(true), ..plain() };
        let encoder = load(&folder, options).unwrap();
        let x = rows(&encoder.encode(&["", "graph", " \n"]).unwrap());
        assert_eq!((&x[0], &x[2]), (&vec![0.; 8], &vec![0.; 8]));
        assert!(x[1].iter().all(|value| *value != 0.));
        assert_eq!(rows(&encoder.encode(&["", ""]).unwrap()), [[0.; 8]; 2]);
    }
}

#[test]
fn what_is_beyond_the_greatest_length_is_not_seen() {
    let options = EncoderOptions { max_length: Some(5), ..plain() };
    let encoder = load(&model("bert"), options).unwrap();
    // [CLS], three words, [SEP].
    let long = format!("node edge graph {}", "paper ".repeat(10_000));
    let x = rows(&encoder.encode(&["node edge graph", &long, "node edge paper"]).unwrap());
    close(&x[1..2], &x[..1], 1e-6);
    assert!(x[0] != x[2]);
}

#[test]
fn progress_ends_at_the_total() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = reports.clone();
    let options = EncoderOptions { batch_tokens: 0, ..plain() };
    let encoder = load(&model("bert"), options).unwrap().on_progress(move |p| seen.lock().unwrap().push(p));
    encoder.encode(&["a", "b", "c"]).unwrap();
    let at = |encoded| EncodeProgress { encoded, total: 3 };
    assert_eq!(*reports.lock().unwrap(), [at(1), at(2), at(3)]);
}

#[test]
fn half_precision_is_near() {
    let exact = load(&model("mpnet"), plain()).unwrap().encode(&texts()).unwrap();
    for dtype in [DType::F16, DType::BF16] {
        let near: Tensor =
            load(&model("mpnet"), EncoderOptions { dtype, ..plain() }).unwrap().encode(&texts()).unwrap();
        assert_eq!(near.dtype(), DType::F32);
        close(&rows(&near), &rows(&exact), 0.2);
    }
}
