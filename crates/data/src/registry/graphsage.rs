use super::{Counts, DatasetInfo, Format, file};

const URL: &str = "https://raw.githubusercontent.com/cornell-zhang/GraphZoom/5156f86fa22efa853e864553de4225a9122d8062/graphzoom/dataset/cora/";

pub(super) static DATASETS: &[DatasetInfo] = &[DatasetInfo {
    name: "graphsage-cora",
    description: "Cora in GraphSAGE's form: the links and classes of LINQS, without features",
    format: Format::GraphSage,
    files: &[
        file("cora-G.json", 319485, "e78a545fbed882dbca3acab268429a3df5f98dc172b958056ae3c6424cd747cb"),
        file(
            "cora-class_map.json",
            28678,
            "c6457c9860058739a55c9189eaf94310e62c3f162ff12ed724d9ed24ce3d22e1",
        ),
    ],
    folder: "graphsage-json",
    base_url: URL,
    licence: "BSD-3-Clause",
    citation: "Hamilton, Ying, Leskovec: Inductive representation learning on large graphs, NeurIPS 2017",
    class_names: &[
        "Neural_Networks",
        "Rule_Learning",
        "Reinforcement_Learning",
        "Probabilistic_Methods",
        "Theory",
        "Genetic_Algorithms",
        "Case_Based",
    ],
    counts: Counts { graphs: 1, nodes: 2708, edges: 10556, features: 0, classes: 7, split: [140, 0, 2568] },
}];
