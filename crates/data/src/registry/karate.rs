use super::{Counts, DatasetInfo, Format};

pub(super) static DATASETS: &[DatasetInfo] = &[DatasetInfo {
    name: "karate",
    description: "members of a karate club, their friendships, and the side each took when it split",
    format: Format::Embedded,
    files: &[],
    folder: "",
    base_url: "",
    licence: "facts from a publication",
    citation: "Zachary: An information flow model for conflict and fission in small groups, 1977",
    class_names: &["Mr. Hi", "Officer"],
    counts: Counts { graphs: 1, nodes: 34, edges: 156, features: 34, classes: 2, split: [6, 10, 18] },
}];
