//! Files of `torch.save`, in both formats: what they hold, and what is wrong with bad ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::PathBuf;

use candle_core::DType;
use candle_geometric_models::import::{Checkpoint, read_checkpoint};
use serde_json::json;
use support::{Pickle, Storage, legacy, numbers, state_dict, zipped};

fn read(bytes: &[u8]) -> Result<Checkpoint, String> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("model.pt");
    std::fs::write(&path, bytes).unwrap();
    read_checkpoint(&path).map_err(|e| e.to_string())
}

fn error(bytes: &[u8]) -> String {
    read(bytes).expect_err("a bad file was accepted")
}

fn sample() -> (Vec<u8>, Vec<Storage>) {
    let tensors = [("a.weight", numbers(&[3, 2], 1)), ("a.bias", numbers(&[3], 2))];
    let (pickle, storages) = state_dict(Pickle::new(), &tensors);
    (pickle.stop(), storages)
}

#[test]
fn both_formats_hold_the_same() {
    let (pickle, storages) = sample();
    for bytes in [zipped(&pickle, &storages), legacy(&pickle, &storages)] {
        let tensors = read(&bytes).unwrap().tensors;
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["a.bias", "a.weight"]);
        let weight = tensors["a.weight"].to_vec2::<f32>().unwrap();
        assert_eq!(weight, numbers(&[3, 2], 1).to_vec2::<f32>().unwrap());
    }
}

#[test]
fn a_state_dict_is_found_among_other_things() {
    let pickle = Pickle::new().dict().text("epoch").int(7).text("best").raw(b"G").raw(&0.25f64.to_be_bytes());
    let pickle = pickle.text("optimizer").dict().text("exp_avg").view("FloatStorage", "0", 6, 0, &[6], &[1]);
    let (pickle, storages) = state_dict(pickle.close().text("model_state_dict"), &[("w", numbers(&[6], 1))]);
    let shape = pickle.text("shape").global("torch", "Size").raw(b"(").sizes(&[2, 3]).raw(b"tR").close();
    let checkpoint = read(&zipped(&shape.stop(), &storages)).unwrap();
    assert_eq!(checkpoint.tensors.keys().collect::<Vec<_>>(), ["w"]);
    let expected =
        json!({"epoch": 7, "best": 0.25, "optimizer": {"exp_avg": {"tensor": [6]}}, "shape": [2, 3]});
    assert_eq!(checkpoint.metadata, expected);
}

#[test]
fn several_state_dicts_are_ambiguous() {
    let pickle =
        Pickle::new().dict().text("encoder").dict().text("w").view("FloatStorage", "0", 1, 0, &[1], &[1]);
    let pickle = pickle.close().text("decoder").dict().text("w").view("FloatStorage", "0", 1, 0, &[1], &[1]);
    let message = error(&zipped(&pickle.close().close().stop(), &[("0".into(), vec![0; 4])]));
    assert!(message.contains("several dictionaries of tensors (encoder, decoder)"), "{message}");
    let loops = Pickle::new().dict().text("loops").dict().text("state_dict").ordered_dict().text("progress");
    let loops = loops.view("FloatStorage", "0", 1, 0, &[1], &[1]).close().close().text("state_dict");
    let lightning =
        loops.ordered_dict().text("w").view("FloatStorage", "0", 1, 0, &[1], &[1]).close().close();
    let tensors = read(&zipped(&lightning.stop(), &[("0".into(), vec![0; 4])])).unwrap().tensors;
    assert_eq!(tensors.keys().collect::<Vec<_>>(), ["w"], "the outermost state_dict");
    let message = error(&zipped(&Pickle::new().dict().text("epoch").int(1).close().stop(), &[]));
    assert!(message.contains("no dictionary of tensors"), "{message}");
}

#[test]
fn views_share_a_storage() {
    let bytes: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let pickle = Pickle::new().ordered_dict().text("whole").view("FloatStorage", "0", 6, 0, &[2, 3], &[3, 1]);
    let pickle = pickle.text("transposed").view("FloatStorage", "0", 6, 0, &[3, 2], &[1, 3]);
    let pickle = pickle.text("row").view("FloatStorage", "0", 6, 3, &[3], &[1]).close().stop();
    for bytes in [zipped(&pickle, &[("0".into(), bytes.clone())]), legacy(&pickle, &[("0".into(), bytes)])] {
        let tensors = read(&bytes).unwrap().tensors;
        assert_eq!(tensors["whole"].to_vec2::<f32>().unwrap(), [[0., 1., 2.], [3., 4., 5.]]);
        assert_eq!(tensors["transposed"].to_vec2::<f32>().unwrap(), [[0., 3.], [1., 4.], [2., 5.]]);
        assert_eq!(tensors["row"].to_vec1::<f32>().unwrap(), [3., 4., 5.]);
    }
}

#[test]
fn every_type_of_storage() {
    let cases: [(&str, Vec<u8>, DType, f64); 10] = [
        ("DoubleStorage", (-2.5f64).to_le_bytes().to_vec(), DType::F64, -2.5),
        ("FloatStorage", (-2.5f32).to_le_bytes().to_vec(), DType::F32, -2.5),
        ("HalfStorage", vec![0x00, 0xc1], DType::F16, -2.5),
        ("BFloat16Storage", vec![0x20, 0xc0], DType::BF16, -2.5),
        ("LongStorage", (-3i64).to_le_bytes().to_vec(), DType::I64, -3.0),
        ("IntStorage", (-3i32).to_le_bytes().to_vec(), DType::I32, -3.0),
        ("ShortStorage", (-3i16).to_le_bytes().to_vec(), DType::I16, -3.0),
        ("CharStorage", vec![0xfd], DType::I16, -3.0),
        ("ByteStorage", vec![200], DType::U8, 200.0),
        ("BoolStorage", vec![1], DType::U8, 1.0),
    ];
    for (kind, bytes, dtype, value) in cases {
        let pickle = Pickle::new().ordered_dict().text("t").view(kind, "0", 1, 0, &[], &[]).close().stop();
        let tensors = read(&zipped(&pickle, &[("0".into(), bytes)])).unwrap().tensors;
        assert_eq!(tensors["t"].dtype(), dtype, "{kind}");
        let tensor = tensors["t"].to_dtype(DType::F64).unwrap();
        assert_eq!(tensor.to_scalar::<f64>().unwrap(), value, "{kind}");
    }
}

#[test]
fn parameters_and_old_views() {
    // Parameter(tensor), and a storage that is a view of another, as old files have it.
    let parameter =
        Pickle::new().ordered_dict().text("p").global("torch._utils", "_rebuild_parameter").raw(b"(");
    let parameter =
        parameter.view("FloatStorage", "0", 4, 0, &[4], &[1]).raw(b"\x88").ordered_dict().raw(b"utR");
    let view = parameter.text("v").global("torch._utils", "_rebuild_tensor").raw(b"((").text("storage");
    let view = view.global("torch", "FloatStorage").text("0").text("cpu").int(4);
    let view =
        view.raw(b"(").text("view").int(1).int(2).raw(b"ttQ").int(0).sizes(&[2]).sizes(&[1]).raw(b"tR");
    let bytes: Vec<u8> = (0..4).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let tensors = read(&legacy(&view.close().stop(), &[("0".into(), bytes)])).unwrap().tensors;
    assert_eq!(tensors["p"].to_vec1::<f32>().unwrap(), [0., 1., 2., 3.]);
    assert_eq!(tensors["v"].to_vec1::<f32>().unwrap(), [1., 2.]);
}

#[test]
fn a_callable_outside_the_list_is_named_and_not_called() {
    let evil = Pickle::new().global("os", "system").raw(b"(").text("echo owned").raw(b"tR").stop();
    let message = error(&zipped(&evil, &[]));
    assert!(message.contains("the pickle asks for `os system`"), "{message}");
    assert!(message.contains("torch.save(model.state_dict()"), "{message}");
    assert!(error(&evil).contains("`os system`"));
}

#[test]
fn lengths_are_checked() {
    let short =
        Pickle::new().ordered_dict().text("t").view("FloatStorage", "0", 4, 0, &[4], &[1]).close().stop();
    let message = error(&zipped(&short, &[("0".into(), vec![0; 12])]));
    assert!(message.contains("tensor `t`: storage `0` has 12 bytes, expected 16"), "{message}");
    let message = error(&zipped(&short, &[("0".into(), vec![0; 20])]));
    assert!(message.contains("more than the 16 bytes that it can have"), "{message}");
    assert!(error(&zipped(&short, &[])).contains("archive/data/0"));
    assert!(error(&legacy(&short, &[("0".into(), vec![0; 12])])).contains("has 3 elements, expected 4"));
    assert!(error(&legacy(&short, &[])).contains("storage `0` is not in the file"));

    let outside =
        Pickle::new().ordered_dict().text("t").view("FloatStorage", "0", 4, 2, &[3], &[1]).close().stop();
    assert!(error(&zipped(&outside, &[("0".into(), vec![0; 16])])).contains("leaves its storage"));
    let huge = [1 << 20, 1 << 20];
    let bomb = Pickle::new().ordered_dict().text("t").view("FloatStorage", "0", 1, 0, &huge, &[0, 0]).close();
    let message = error(&zipped(&bomb.stop(), &[("0".into(), vec![0; 4])]));
    assert!(message.contains("many times larger than the file"), "{message}");
}

#[test]
fn other_files_are_refused() {
    assert!(error(b"").contains("neither a file of torch.save nor safetensors"));
    assert!(error(b"hello, world").contains("neither a file of torch.save nor safetensors"));
    assert!(error(&Pickle::new().int(5).stop()).contains("not one of torch.save"));
    let mut big_endian = legacy(&Pickle::new().dict().close().stop(), &[]);
    let flag = big_endian.windows(14).position(|w| w == b"little_endian\x88").unwrap() + 13;
    big_endian[flag] = 0x89;
    assert!(error(&big_endian).contains("big-endian"));
}

/// A file cut anywhere is an error; a flipped bit is one too, or changes nothing but a name or a value. Never a panic.
#[test]
fn truncated_and_bit_flipped_files() {
    let (pickle, storages) = sample();
    for bytes in [zipped(&pickle, &storages), legacy(&pickle, &storages)] {
        for len in 0..bytes.len() {
            let _ = error(&bytes[..len]);
        }
    }
    let bytes = zipped(&pickle, &storages);
    let data = bytes.windows(12).position(|w| w == &storages[1].1[..12]).unwrap();
    let mut flipped = bytes.clone();
    flipped[data] ^= 1;
    assert!(error(&flipped).contains("archive/data/1"), "the check-sum of the archive");
    for bytes in [bytes, legacy(&pickle, &storages)] {
        for byte in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[byte] ^= 1 << (byte % 8);
            if let Ok(checkpoint) = read(&flipped) {
                assert!(checkpoint.tensors.len() <= 2);
            }
        }
    }
}
