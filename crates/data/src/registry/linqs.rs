use super::{Counts, DatasetInfo, Format, file};

const LINQS_URL: &str =
    "https://raw.githubusercontent.com/tkipf/pygcn/1600b5b748b3976413d1e307540ccc62605b4d6d/data/cora/";
const SEN_PAPER: &str = "Sen et al.: Collective classification in network data, AI Magazine 29 (2008)";

pub(super) static DATASETS: &[DatasetInfo] = &[DatasetInfo {
    name: "linqs-cora",
    description: "Cora as first published: other node order, and the split of pygcn and pyGAT",
    format: Format::Linqs,
    files: &[
        file("cora.content", 7823427, "b8ebed0fd45e53995abafd1b70cf6a9fcc8f86abc5826d69b97fe6ca46e9c8ee"),
        file("cora.cites", 69928, "ec1a372391b7f0f60a6aff0084e8abd8f19f0faa7e1f2441a41c492042d5945e"),
    ],
    folder: "linqs-cora",
    base_url: LINQS_URL,
    licence: "none stated (the repository it is taken from: MIT)",
    citation: SEN_PAPER,
    class_names: &[],
    counts: Counts {
        graphs: 1,
        nodes: 2708,
        edges: 10556,
        features: 1433,
        classes: 7,
        split: [140, 300, 1000],
    },
}];
