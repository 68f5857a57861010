//! Files of the form in which DGL distributes the protein interactions, with generated content.

use std::fmt::Write as _;
use std::path::Path;

use candle_geometric::graph::rng::Stream;

const NODES: usize = 100;
const COMPLEX: usize = 10;
const FEATURES: usize = 8;
const LABELS: usize = 6;

/// Writes the four files of each of three parts: sixteen graphs for training, two for validation, two for testing. The nodes
/// of a graph are in complexes of ten, which interact mostly among themselves and have their labels in common. Each label
/// raises a feature by 1, less than what chance does to it.
pub(crate) fn write(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (part, graphs) in [("train", 16), ("valid", 2), ("test", 2)] {
        let n = graphs * NODES;
        let random = Stream::named(0, part);
        let has = |node: usize, label: usize| random.uniform((node / COMPLEX * LABELS + label) as u64) < 0.5;
        let x: Vec<f32> = (0..n * FEATURES)
            .map(|i| {
                let (node, feature) = (i / FEATURES, i % FEATURES);
                let raised = feature < LABELS && has(node, feature);
                random.split(1).normal(i as u64) as f32 + if raised { 1.0 } else { 0.0 }
            })
            .collect();
        let labels = (0..n * LABELS).map(|i| f32::from(u8::from(has(i / LABELS, i % LABELS))));
        let mut sequence = random.split(2).sequence();
        let mut links = vec![];
        for node in 0..n {
            for _ in 0..3 {
                let around = if sequence.below(10) < 9 { COMPLEX } else { NODES };
                links.push((node, node / around * around + sequence.below(around as u32) as usize));
            }
        }
        links.retain(|(a, b)| a != b);

        let nodes = (0..n).map(|id| format!(r#"{{"id": {id}}}"#)).collect::<Vec<_>>().join(", ");
        let mut text = String::new();
        for (source, target) in links {
            let comma = if text.is_empty() { "" } else { ", " };
            write!(text, r#"{comma}{{"source": {source}, "target": {target}}}"#)?;
        }
        let json = format!(
            r#"{{"directed": false, "multigraph": false, "graph": {{}}, "nodes": [{nodes}], "links": [{text}]}}"#
        );
        std::fs::write(folder.join(format!("{part}_graph.json")), json)?;
        let floats = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect();
        let ids = (0..n as i64).flat_map(|node| (1 + node / NODES as i64).to_le_bytes()).collect();
        for (file, form, shape, bytes) in [
            ("feats", "<f4", format!("({n}, {FEATURES})"), floats(&mut x.into_iter())),
            ("labels", "<f4", format!("({n}, {LABELS})"), floats(&mut labels.into_iter())),
            ("graph_id", "<i8", format!("({n},)"), ids),
        ] {
            std::fs::write(folder.join(format!("{part}_{file}.npy")), npy(form, &shape, bytes))?;
        }
    }
    Ok(())
}

/// An array in numpy's format: a magic number, a header filled up to a multiple of 64 bytes, the numbers.
fn npy(form: &str, shape: &str, numbers: Vec<u8>) -> Vec<u8> {
    let header = format!("{{'descr': '{form}', 'fortran_order': False, 'shape': {shape}, }}");
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((length as u16).to_le_bytes());
    file.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    file.extend(numbers);
    file
}
