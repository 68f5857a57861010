//! What was encoded before is not encoded again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_geometric_data::Cache;

use crate::*;

/// The files of the cache.
fn files(cache: &TempDir) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(cache.path().join("texts")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_hit_runs_no_model_and_a_damaged_file_is_made_anew() {
    let (folder, cache) = (model("bert"), tempfile::tempdir().unwrap());
    let batches = Arc::new(AtomicUsize::new(0));
    let encoder = |options| {
        let batches = batches.clone();
        load(&folder, options).unwrap().on_progress(move |_| {
            batches.fetch_add(1, Ordering::Relaxed);
        })
    };
    let options = || EncoderOptions { batch_tokens: 0, ..plain() };
    let encode = |options| {
        batches.store(0, Ordering::Relaxed);
        let x = encoder(options).encode_cached(&texts(), &Cache::at(cache.path())).unwrap();
        (rows(&x), batches.load(Ordering::Relaxed))
    };
    // A batch for each text, then none but the report that all is done.
    let (first, count) = encode(options());
    assert_eq!(count, texts().len());
    assert_eq!(encode(options()), (first.clone(), 1));

    let [file] = &files(&cache)[..] else { panic!("one file") };
    let good = std::fs::read(file).unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for bad in [&flipped[..], &good[..good.len() - 1], b"", b"\xff\xff\xff\xff\xff\xff\xff\xff{}"] {
        std::fs::write(file, bad).unwrap();
        assert_eq!(encode(options()), (first.clone(), texts().len()));
        assert_eq!(std::fs::read(file).unwrap(), good);
    }
}

#[test]
fn other_options_texts_and_models_are_other_files() {
    let (folder, cache) = (model("bert"), tempfile::tempdir().unwrap());
    let encode = |options, texts: &[&str]| {
        load(&folder, options).unwrap().encode_cached(texts, &Cache::at(cache.path())).unwrap();
        files(&cache).len()
    };
    assert_eq!(encode(plain(), &["ab", "c"]), 1);
    assert_eq!(encode(plain(), &["a", "bc"]), 2);
    assert_eq!(encode(EncoderOptions { normalize: Some(true), ..plain() }, &["ab", "c"]), 3);
    assert_eq!(encode(EncoderOptions { pooling: Some(Pooling::Cls), ..plain() }, &["ab", "c"]), 4);
    assert_eq!(encode(EncoderOptions { prompt: Some("p".into()), ..plain() }, &["ab", "c"]), 5);
    let path = folder.path().join("tokenizer.json");
    let tokenizer = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, tokenizer + " ").unwrap();
    assert_eq!(encode(plain(), &["ab", "c"]), 6);
    assert_eq!(encode(plain(), &["ab", "c"]), 6);
}
