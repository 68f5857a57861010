use super::{Counts, DatasetInfo, FileInfo, Format, file_at};

const URL: &str = "https://raw.githubusercontent.com/";

static AIFB: [FileInfo; 3] = [
    file_at(
        "aifb/aifb_stripped.nt.gz",
        "pbloem/gated-rgcn/44d9324f9a6821fb12dcea98f669ed0aa6ab401b/data/aifb/aifb_stripped.nt.gz",
        568040,
        "ba4191235456e09d8f12a2415f24273b8d7641ffee6001ca9340f02c04d77fea",
    ),
    file_at(
        "aifb/trainingSet.tsv",
        "tkipf/relational-gcn/4bec1341dd46b72bf482f7ed26c2dca4533577f6/rgcn/data/aifb/trainingSet.tsv",
        22927,
        "4960629668c6548215871321e4b6daaee24191f38f41ccfbc4de62016d18c5a7",
    ),
    file_at(
        "aifb/testSet.tsv",
        "tkipf/relational-gcn/4bec1341dd46b72bf482f7ed26c2dca4533577f6/rgcn/data/aifb/testSet.tsv",
        5921,
        "abe4a9e7c393164996d1fe7250d72ec1f1a7b350583f2dff5d880f60ec04b3b6",
    ),
];

pub(super) static DATASETS: &[DatasetInfo] = &[DatasetInfo {
    name: "aifb",
    description: "facts on a research institute, and the group that each person belongs to",
    format: Format::Rdf,
    files: &AIFB,
    folder: "hetero",
    base_url: URL,
    licence: "MIT (the repositories it is taken from)",
    citation: "Bloehdorn, Sure: Kernel methods for mining instance data in ontologies, ISWC 2007",
    class_names: &[],
    counts: Counts { graphs: 1, nodes: 8285, edges: 29043, features: 0, classes: 4, split: [140, 0, 36] },
}];
