use super::{Counts, DatasetInfo, Format, file};

const NPZ_URL: &str = "https://raw.githubusercontent.com/shchur/gnn-benchmark/1e72912a0810cdf27ae54fd589a3b43358a2b161/data/npz/";
const SHCHUR_PAPER: &str = "Shchur et al.: Pitfalls of graph neural network evaluation, 2018";

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "npz-cora",
        description: "Cora as in the benchmark of Shchur et al.: without a split",
        format: Format::Npz,
        files: &[file(
            "cora.npz",
            540580,
            "068e22d90c3849b4057dfb05851741428992af058efcd4e7ebb4186f3d581de2",
        )],
        folder: "npz",
        base_url: NPZ_URL,
        licence: "MIT",
        citation: SHCHUR_PAPER,
        class_names: &[],
        counts: Counts { graphs: 1, nodes: 2708, edges: 10556, features: 1433, classes: 7, split: [0; 3] },
    },
    DatasetInfo {
        name: "amazon-photo",
        description: "goods for photography, which are bought together, words of their reviews, and categories",
        format: Format::Npz,
        files: &[file(
            "amazon_electronics_photo.npz",
            17113960,
            "bdb1feb8e6ff42ee44024b04479145029c563fd42fc31bff80af20887ba0439a",
        )],
        folder: "npz",
        base_url: NPZ_URL,
        licence: "MIT",
        citation: SHCHUR_PAPER,
        class_names: &[],
        counts: Counts { graphs: 1, nodes: 7650, edges: 238162, features: 745, classes: 8, split: [0; 3] },
    },
];
