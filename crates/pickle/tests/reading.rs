//! What well-formed pickles read as.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use candle_geometric_pickle::{Error, Limits, Reader, Value};

/// `pickle.dumps(object, protocol=p)` by CPython 3.11, for p = 0 to 5, of
/// `{"numbers": […], "text": …, "bytes": b"\x00\xff\n", "tuples": ((), (1,), …), "shared": [s, s], "long": "x" * 300}`.
const PROTOCOLS: [&[u8]; 6] = [
    include_bytes!("fixtures/protocol-0.pkl"),
    include_bytes!("fixtures/protocol-1.pkl"),
    include_bytes!("fixtures/protocol-2.pkl"),
    include_bytes!("fixtures/protocol-3.pkl"),
    include_bytes!("fixtures/protocol-4.pkl"),
    include_bytes!("fixtures/protocol-5.pkl"),
];

fn items(value: Value<'_>) -> Vec<Value<'_>> {
    value.items().unwrap().collect()
}

#[test]
fn the_same_object_in_every_protocol() {
    for (protocol, bytes) in PROTOCOLS.iter().enumerate() {
        let mut reader = Reader::new(bytes).allow(&[("_codecs", "encode")]);
        let pickle = reader.read().unwrap_or_else(|e| panic!("protocol {protocol}: {e}"));
        assert_eq!(reader.position(), bytes.len());
        let root = pickle.root();
        assert_eq!(root.entries().unwrap().len(), 6);

        let numbers = items(root.get("numbers").unwrap());
        let ints: Vec<_> = numbers.iter().take(9).map(|v| v.as_i128().unwrap()).collect();
        let two = 2i128;
        let expected = [0, -1, 255, 65535, -two.pow(31), two.pow(40), two.pow(70), -two.pow(70), two.pow(63)];
        assert_eq!(ints, expected);
        assert_eq!(numbers[5].as_i64(), Some(1 << 40));
        assert_eq!(numbers[8].as_i64(), None, "2**63 does not fit");
        assert_eq!(numbers[8].as_usize(), Some(1 << 63));
        assert_eq!((numbers[9].as_bool(), numbers[10].as_bool()), (Some(true), Some(false)));
        assert!(numbers[11].is_none());
        assert_eq!((numbers[12].as_f64(), numbers[13].as_f64()), (Some(1.5), Some(-0.25)));

        assert_eq!(root.get("text").unwrap().as_str(), Some("h\u{e9} \u{2192} 'q\"\n\\ "));
        assert_eq!(root.get("bytes").unwrap().as_bytes().as_deref(), Some(&b"\x00\xff\n"[..]));
        assert_eq!(root.get("long").unwrap().as_str().unwrap().len(), 300);
        let tuples = items(root.get("tuples").unwrap());
        for (length, tuple) in tuples.iter().enumerate() {
            let ints: Vec<_> = items(*tuple).iter().map(|v| v.as_i64().unwrap()).collect();
            assert_eq!(ints, (1..=length as i64).collect::<Vec<_>>());
        }
        let shared = items(root.get("shared").unwrap());
        assert!(shared[0].is(shared[1]));
        assert!(root.get("absent").is_none());
    }
}

#[test]
fn every_truncation_is_an_error() {
    for bytes in PROTOCOLS {
        for length in 0..bytes.len() {
            let read = Reader::new(&bytes[..length]).allow(&[("_codecs", "encode")]).read();
            assert!(read.is_err(), "the first {length} bytes of {}", bytes.len());
        }
    }
}

#[test]
fn python_2_strings_are_bytes_and_text() {
    // pickle.dumps(["ab", "\xff", "x" * 3], 2) in Python 2: SHORT_BINSTRING and BINSTRING
    let pickle = Reader::new(b"\x80\x02](U\x02abU\x01\xffT\x03\0\0\0xxxe.").read().unwrap();
    let strings = items(pickle.root());
    assert_eq!(strings[0].as_str(), Some("ab"));
    assert_eq!(strings[0].as_bytes().as_deref(), Some(&b"ab"[..]));
    assert_eq!(strings[1].as_str(), None);
    assert_eq!(strings[1].as_bytes().as_deref(), Some(&b"\xff"[..]));
    assert_eq!(strings[2].as_str(), Some("xxx"));
}

#[test]
fn calls_stay_data() {
    // collections.defaultdict(list) with one entry, as in a Planetoid graph
    let bytes = b"\x80\x02ccollections\ndefaultdict\nq\x01c__builtin__\nlist\nq\x02\x85q\x03Rq\x04(K\x05]q\x05(K\x06K\x07eu.";
    let allowed = [("collections", "defaultdict"), ("__builtin__", "list")];
    let pickle = Reader::new(bytes).allow(&allowed).read().unwrap();
    let call = pickle.root().as_call().unwrap();
    assert_eq!(call.global, ("collections", "defaultdict"));
    assert_eq!(items(call.args)[0].as_global(), Some(("__builtin__", "list")));
    let (key, value) = pickle.root().entries().unwrap().next().unwrap();
    assert_eq!(key.as_i64(), Some(5));
    assert_eq!(items(value).len(), 2);

    // an object with a state, fetched from the memo after BUILD: both are the same object
    let bytes = b"\x80\x02cm\nC\n)\x81q\0N\x85b0h\0h\0\x86.";
    let pickle = Reader::new(bytes).allow(&[("m", "C")]).read().unwrap();
    let pair = items(pickle.root());
    assert!(pair[0].is(pair[1]));
    assert!(items(pair[1].as_call().unwrap().state.unwrap())[0].is_none());

    // a storage of torch.save: BINPERSID of ("storage", "0")
    let pickle = Reader::new(b"\x80\x02X\x07\0\0\0storageX\x01\0\0\x000\x86Q.").read().unwrap();
    let key = pickle.root().as_persistent_id().unwrap();
    assert_eq!(items(key)[0].as_str(), Some("storage"));
}

#[test]
fn a_global_off_the_list_is_named() {
    let writings: [&[u8]; 5] = [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x8c\x04true\x85R.",
        b"\x80\x02cos\nsystem\n)\x81.",
        b"\x80\x04\x95\x0e\0\0\0\0\0\0\0\x8c\x02os\x8c\x06system\x93.",
    ];
    for bytes in writings {
        let error = Reader::new(bytes).allow(&[("os", "path"), ("posix", "system")]).read().unwrap_err();
        assert_eq!(error, Error::UnknownGlobal { module: "os".into(), name: "system".into() });
        assert_eq!(
            error.to_string(),
            "the pickle asks for `os system`, which is not among the known ones; nothing was executed"
        );
    }
}

#[test]
fn deep_values_neither_overflow_nor_pass() {
    for (open, close) in [(&b"]"[..], &b"a"[..]), (b"", b"\x85"), (b"(", b"t"), (b"}K\0", b"s")] {
        let n = 300_000;
        let bytes = [&open.repeat(n), &b"N"[..], &close.repeat(n), b"."].concat();
        let error = Reader::new(&bytes).read().unwrap_err();
        assert_eq!(error, Error::Limit { what: "depth of nesting", limit: 64 });
        let deep = Limits { depth: n, ..Limits::default() };
        let pickle = Reader::new(&bytes).limits(deep).read().unwrap();
        drop(pickle);
    }
}

#[test]
fn values_that_unfold_without_end_are_refused() {
    // each list holds the one before twice: 2^40 leaves in 240 bytes
    let mut bytes = b"\x80\x02]q\0".to_vec();
    for level in 1..=40 {
        bytes.extend([b']', b'q', level, b'(', b'h', level - 1, b'h', level - 1, b'e']);
    }
    bytes.push(b'.');
    let error = Reader::new(&bytes).read().unwrap_err();
    assert_eq!(error, Error::Limit { what: "number of values", limit: 1 << 24 });

    assert_eq!(Reader::new(b"]q\0h\0a.").read().unwrap_err(), Error::Cycle { kind: "list" });
    let small = Limits { values: 3, ..Limits::default() };
    assert!(Reader::new(b"](NNe.").limits(small).read().is_ok());
    assert!(Reader::new(b"](NNNe.").limits(small).read().is_err());
}

#[test]
fn declared_lengths_are_checked_first() {
    for bytes in [
        &b"T\xff\xff\xff\x7fab."[..],
        b"B\xff\xff\xff\xffab.",
        b"X\xff\xff\xff\xffab.",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fab.",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffab.",
        b"\x95\xff\xff\xff\xff\0\0\0\0N.",
        b"\x8b\xff\xff\xff\x7f\x01.",
    ] {
        assert!(matches!(Reader::new(bytes).read(), Err(Error::Truncated { .. })), "{bytes:?}");
    }
    assert!(matches!(Reader::new(b"T\xff\xff\xff\xffab.").read(), Err(Error::Malformed { .. })));
}

#[test]
fn nonsense_is_refused() {
    for bytes in [
        &b"."[..],
        b"(.",
        b"a.",
        b"NNa.",
        b"NN\x81.",
        b"N)R.",
        b"e.",
        b"](Nu.",
        b"}(Nu.",
        b"h\0.",
        b"NNb.",
        b"(Nt0.",
        b"(0(0N\x86.",
        b"I1x\n.",
        b"S'a\n.",
        b"S'\\x4'\n.",
        b"V\\uD800\n.",
        b"\x80\x06N.",
        b"\x8c\x01\xff.",
        b"\x82\x01.",
        b"\xff.",
    ] {
        assert!(Reader::new(bytes).read().is_err(), "{bytes:?}");
    }
}
