//! `verify`: cases that this file computes itself, by a plain loop over the edges.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::ops::{Add, Div, Mul, Sub};
use std::path::Path;

use candle_core::{Device, Tensor};
use common::{assert_error, run, stderr, stdout};

/// A number and its derivative: one run of the loop per variable gives exact gradients.
#[derive(Clone, Copy, Default)]
struct Dual(f64, f64);

impl Add for Dual {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(self.0 + o.0, self.1 + o.1)
    }
}
impl Sub for Dual {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self(self.0 - o.0, self.1 - o.1)
    }
}
impl Mul for Dual {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Self(self.0 * o.0, self.0 * o.1 + self.1 * o.0)
    }
}
impl Div for Dual {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        Self(self.0 / o.0, (self.1 * o.0 - self.0 * o.1) / (o.0 * o.0))
    }
}
impl Dual {
    fn exp(self) -> Self {
        Self(self.0.exp(), self.0.exp() * self.1)
    }
    fn leaky_relu(self) -> Self {
        if self.0 > 0.0 { self } else { self * Self(0.2, 0.0) }
    }
}

const NODES: usize = 5;
const IN: usize = 2;
const OUT: usize = 3;
/// A duplicate, a self-loop, and node 4 alone.
const EDGES: [(usize, usize); 6] = [(0, 1), (0, 1), (1, 2), (2, 2), (3, 2), (2, 0)];
const SIDES: [(&str, &[usize]); 5] = [
    ("in.x", &[NODES, IN]),
    ("param.lin.weight", &[OUT, IN]),
    ("param.att_src", &[1, 1, OUT]),
    ("param.att_dst", &[1, 1, OUT]),
    ("param.bias", &[OUT]),
];

/// GATConv with one head and self-loops, as the paper writes it.
fn gat(sides: &[Vec<Dual>]) -> Vec<Dual> {
    let [x, weight, att_src, att_dst, bias] = sides else { unreachable!() };
    let sum = |terms: &mut dyn Iterator<Item = Dual>| terms.fold(Dual::default(), |a, b| a + b);
    let h = |i: usize, c: usize| sum(&mut (0..IN).map(|k| x[i * IN + k] * weight[c * IN + k]));
    let score = |i: usize, att: &[Dual]| sum(&mut (0..OUT).map(|c| h(i, c) * att[c]));
    let mut edges: Vec<_> = EDGES.into_iter().filter(|(j, i)| j != i).collect();
    edges.extend((0..NODES).map(|i| (i, i)));
    let mut out = Vec::new();
    for i in 0..NODES {
        let sources: Vec<usize> = edges.iter().filter(|e| e.1 == i).map(|e| e.0).collect();
        let weights: Vec<Dual> =
            sources.iter().map(|&j| (score(j, att_src) + score(i, att_dst)).leaky_relu().exp()).collect();
        let total = sum(&mut weights.iter().copied());
        for (c, &b) in bias.iter().enumerate() {
            let weighted = sum(&mut sources.iter().zip(&weights).map(|(&j, &w)| w / total * h(j, c)));
            out.push(weighted + b);
        }
    }
    out
}

/// The case: numbers that float32 holds exactly, what the loop gives, and its gradients.
fn gat_case() -> BTreeMap<String, Tensor> {
    let number = |i: usize| ((i * 7 + 3) % 11) as f64 / 8.0 - 0.625;
    let mut next = 0..;
    let sides: Vec<Vec<Dual>> = SIDES
        .iter()
        .map(|(_, shape)| next.by_ref().take(shape.iter().product()).map(|i| Dual(number(i), 0.0)).collect())
        .collect();
    let cotangent: Vec<f64> = (0..NODES * OUT).map(|i| number(5 * i + 2)).collect();
    let mut case = BTreeMap::new();
    let tensor = |values: Vec<f64>, shape: &[usize]| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    for (s, (name, shape)) in SIDES.iter().enumerate() {
        let gradient = (0..sides[s].len()).map(|k| {
            let mut seeded = sides.clone();
            seeded[s][k].1 = 1.0;
            gat(&seeded).iter().zip(&cotangent).map(|(out, v)| out.1 * v).sum()
        });
        case.insert(format!("grad.{name}"), tensor(gradient.collect(), shape));
        case.insert(name.to_string(), tensor(sides[s].iter().map(|d| d.0).collect(), shape));
    }
    case.insert("out".into(), tensor(gat(&sides).iter().map(|d| d.0).collect(), &[NODES, OUT]));
    case.insert("cotangent".into(), tensor(cotangent, &[NODES, OUT]));
    let ends = EDGES.iter().map(|e| e.0 as i64).chain(EDGES.iter().map(|e| e.1 as i64));
    let ends = Tensor::from_vec(ends.collect(), (2, EDGES.len()), &Device::Cpu).unwrap();
    case.insert("in.edge_index".into(), ends);
    case
}

fn write(path: &Path, layer: &str, case: &BTreeMap<String, Tensor>) {
    let about = HashMap::from([
        ("layer".to_string(), layer.to_string()),
        ("kwargs".to_string(), format!(r#"{{"in_channels": {IN}, "out_channels": {OUT}}}"#)),
    ]);
    safetensors::serialize_to_file(case.iter(), Some(about), path).unwrap();
}

#[test]
fn a_layer_that_agrees_passes_and_one_that_does_not_exist_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deeper")).unwrap();
    write(&folder.path().join("deeper/1.safetensors"), "GATConv", &gat_case());
    write(&folder.path().join("2.safetensors"), "NoSuchConv", &gat_case());
    let output = run(&["verify", folder.path().to_str().unwrap()]);
    let text = stdout(&output);
    assert_eq!(text.lines().last(), Some("1 passed, 0 failed, 1 skipped"), "{text}{}", stderr(&output));
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("NoSuchConv (1)"), "{text}");
    let line = text.lines().find(|l| l.contains("1.safetensors")).unwrap();
    assert!(line.contains("GATConv") && line.ends_with("ok"), "{line}");
    // Where nothing could be checked, nothing is said to be right.
    let output = run(&["verify", folder.path().join("2.safetensors").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no case is of a layer that there is"), "{}", stderr(&output));
}

#[test]
fn cases_run_where_and_as_often_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("gat.safetensors"), "GATConv", &gat_case());
    let path = folder.path().to_str().unwrap();
    let output = run(&["verify", path, "--device", "cpu", "--times", "3"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("1 passed, 0 failed"));
    assert_error(&run(&["verify", path, "--device", "tpu"]), &["tpu", "cuda"]);
    assert_error(&run(&["verify", "--gauntlet", "GATConv", "--times", "3"]), &["--times"]);
}

#[test]
fn a_wrong_output_a_wrong_gradient_and_a_nan_each_fail() {
    let folder = tempfile::tempdir().unwrap();
    let spoil = |name: &str, by: f64| {
        let mut case = gat_case();
        let tensor = case.get_mut(name).unwrap();
        *tensor = (&*tensor + by).unwrap();
        write(&folder.path().join(format!("{name}.safetensors")), "GATConv", &case);
    };
    spoil("out", 1e-9);
    spoil("grad.param.att_dst", 1e-9);
    spoil("grad.in.x", f64::NAN);
    let output = run(&["verify", folder.path().to_str().unwrap()]);
    let text = stdout(&output);
    assert_eq!(text.lines().last(), Some("0 passed, 3 failed, 0 skipped"), "{text}");
    assert_eq!(output.status.code(), Some(1));
    for name in ["out", "grad.param.att_dst", "grad.in.x"] {
        assert!(text.contains(&format!("FAIL `{name}` is off in f64")), "{text}");
    }
}

#[test]
fn damaged_and_incomplete_files_fail_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.safetensors");
    write(&whole, "GATConv", &gat_case());
    let bytes = std::fs::read(&whole).unwrap();
    let without = |name: &str| {
        let mut case = gat_case();
        case.remove(name).unwrap();
        write(&folder.path().join(format!("without-{name}.safetensors")), "GATConv", &case);
    };
    std::fs::write(folder.path().join("cut.safetensors"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(folder.path().join("empty.safetensors"), []).unwrap();
    std::fs::write(folder.path().join("huge.safetensors"), [0xff; 64]).unwrap();
    for name in ["in.edge_index", "in.x", "param.att_src", "out", "cotangent"] {
        without(name);
    }
    let mut far = gat_case();
    far.insert("in.edge_index".into(), Tensor::new(&[[0_i64, 9], [1, 1]], &Device::Cpu).unwrap());
    write(&folder.path().join("range.safetensors"), "GATConv", &far);

    let output = run(&["verify", folder.path().to_str().unwrap()]);
    let text = stdout(&output);
    assert_eq!(text.lines().last(), Some("1 passed, 9 failed, 0 skipped"), "{text}{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
    let reason = |file: &str, part: &str| {
        let line = text.lines().find(|l| l.starts_with(file)).unwrap();
        assert!(line.contains("FAIL") && line.contains(part), "`{part}` is not in: {line}");
    };
    for file in ["cut", "empty", "huge"] {
        reason(file, "not a valid safetensors file");
    }
    reason("without-in.x.", "`in.x`");
    reason("without-in.edge_index", "`in.edge_index`");
    reason("without-param.att_src", "`param.att_src`");
    reason("without-out", "`out`");
    reason("without-cotangent", "`cotangent`");
    reason("range", "9");
}

#[test]
fn any_damage_ends_in_a_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.safetensors");
    write(&whole, "GATConv", &gat_case());
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::remove_file(whole).unwrap();
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    for file in 0..300 {
        let mut damaged = bytes.clone();
        // Every other file is hit in its header alone, where names, shapes and arguments stand.
        let reach = if file % 2 == 0 { 1000 } else { bytes.len() };
        for _ in 0..=next(3) {
            damaged[next(reach)] ^= 1 << next(8);
        }
        std::fs::write(folder.path().join(format!("{file}.safetensors")), damaged).unwrap();
    }
    let output = run(&["verify", folder.path().to_str().unwrap()]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let cases = text.lines().filter(|line| line.contains(".safetensors")).count();
    assert_eq!(cases, 300);
    let [passed, failed, skipped]: [usize; 3] = text
        .lines()
        .last()
        .unwrap()
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    assert_eq!(passed + failed + skipped, 300);
    assert!(failed > 200, "{failed}");
}

#[test]
fn nothing_to_check_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert_error(&run(&["verify", folder.path().to_str().unwrap()]), &["no case files"]);
    let nowhere = folder.path().join("nowhere");
    assert_error(&run(&["verify", nowhere.to_str().unwrap()]), &["nowhere"]);
    assert_error(&run(&["verify"]), &["DIR_OR_FILE"]);
}

/// Every case of the peers, where they are at hand.
#[test]
fn all_cases_of_the_peers() {
    let cases = common::workspace().join("../shared/parity");
    if !cases.exists() {
        let required = std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_some();
        assert!(!required, "../shared is not here");
        eprintln!("SKIPPED all_cases_of_the_peers: ../shared is not here");
        return;
    }
    let output = run(&["verify", cases.to_str().unwrap()]);
    let text = stdout(&output);
    let failed: Vec<&str> = text.lines().filter(|l| l.contains("FAIL")).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(output.status.code(), Some(0));
    let last = text.lines().last().unwrap();
    let passed: usize = last.split(' ').next().unwrap().parse().unwrap();
    assert!(passed >= 73, "{last}");
}
