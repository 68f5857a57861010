//! Arbitrary bytes: an error or a value that can be walked, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_geometric_pickle::{Reader, Value};
use proptest::prelude::*;

const GLOBALS: &[(&str, &str)] = &[("m", "C"), ("_codecs", "encode")];

/// Every opcode with an argument that is often right, so that long programs get far.
const PIECES: &[&[u8]] = &[
    b"\x80\x02",
    b"(",
    b"0",
    b"1",
    b"2",
    b"N",
    b"\x88",
    b"I1\n",
    b"L-7L\n",
    b"F1.5\n",
    b"S'a\\n'\n",
    b"Va\\u0041\n",
    b"K\x05",
    b"M\0\x01",
    b"J\xff\xff\xff\xff",
    b"G\x3f\xf0\0\0\0\0\0\0",
    b"\x8a\x02\x01\x02",
    b"\x8b\x01\0\0\0\x80",
    b"U\x02ab",
    b"T\x01\0\0\0a",
    b"C\x01x",
    b"B\x01\0\0\0y",
    b"X\x01\0\0\0m",
    b"\x8c\x01C",
    b"\x8c\x01m",
    b"]",
    b"a",
    b"e",
    b"l",
    b")",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"}",
    b"d",
    b"s",
    b"u",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"cm\nC\n",
    b"\x93",
    b"R",
    b"\x81",
    b"\x92",
    b"b",
    b"im\nC\n",
    b"o",
    b"p1\n",
    b"q\0",
    b"r\xff\xff\xff\xff",
    b"\x94",
    b"g1\n",
    b"h\0",
    b"j\xff\xff\xff\xff",
    b"Pk\n",
    b"Q",
    b".",
];

/// Calls everything there is on every value, recursing as a caller would.
fn walk(value: Value<'_>) -> usize {
    let _ = (
        value.as_bool(),
        value.as_i128(),
        value.as_f64(),
        value.as_bytes(),
        value.as_str(),
        value.as_global(),
    );
    let _ = (value.get("a").is_some(), format!("{value:?}"));
    let mut children: Vec<Value<'_>> = value.items().into_iter().flatten().collect();
    children.extend(value.entries().into_iter().flatten().flat_map(|(k, v)| [k, v]));
    children.extend(value.as_persistent_id());
    if let Some(call) = value.as_call() {
        children.push(call.args);
        children.extend(call.state);
    }
    1 + children.into_iter().map(walk).sum::<usize>()
}

fn read(bytes: &[u8]) {
    let limits = candle_geometric_pickle::Limits { values: 10_000, ..Default::default() };
    let mut reader = Reader::new(bytes).allow(GLOBALS).limits(limits);
    while let Ok(pickle) = reader.read() {
        assert!(walk(pickle.root()) <= 10_000);
        assert!(reader.position() <= bytes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn random_programs(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..80)) {
        read(&pieces.concat());
    }

    #[test]
    fn damaged_pickles(protocol in 0usize..6, damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut bytes = std::fs::read(format!("{}/tests/fixtures/protocol-{protocol}.pkl", env!("CARGO_MANIFEST_DIR"))).unwrap();
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        read(&bytes);
    }
}
