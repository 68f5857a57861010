use super::{Counts, DatasetInfo, FileInfo, Format, file, file_at};

const URL: &str =
    "https://raw.githubusercontent.com/CrawlScript/gnn_datasets/482d7152d60e429763ca256dd0906fa9badaae0c/";
const LV: &str = "Lv et al.: Are we really making much progress? Revisiting, benchmarking and refining heterogeneous graph neural networks, KDD 2021";

static HGB_ACM: [FileInfo; 5] = [
    file_at(
        "HGB/ACM/info.dat",
        "HGB/ACM.zip!info.dat",
        1474,
        "552ee190fcf2faca1da5dfb168cb5071cfe91e2c46fa6827da4f7f00ba740fda",
    ),
    file_at(
        "HGB/ACM/node.dat",
        "HGB/ACM.zip!node.dat",
        38124647,
        "a68556ff5862e60294074814626dfbb05360cedc3ba849f47fabef1c31d2baad",
    ),
    file_at(
        "HGB/ACM/link.dat",
        "HGB/ACM.zip!link.dat",
        8661472,
        "4744248dc42a722defc8e50db9247117f2f44d7290b6c29f59a6ffe250cf944f",
    ),
    file_at(
        "HGB/ACM/label.dat",
        "HGB/ACM.zip!label.dat",
        8688,
        "5b833a59cf52bde5e9312eee25f26f9b8ea95a44066bfbfa097a8eed7af3dee0",
    ),
    file_at(
        "HGB/ACM/label.dat.test",
        "HGB/ACM.zip!label.dat.test",
        10229,
        "34e5acdec329264d5493005b5331f9405dbe5367584903c3101270c480353607",
    ),
];
static HGB_DBLP: [FileInfo; 1] =
    [file("HGB/DBLP.zip", 2581052, "3bca0a2857957bbd79ef233f041c174946bc2e4ce19b9deb632c9882e75a02ca")];

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "hgb-acm",
        description: "papers, their authors, subjects and terms, and the field of each paper",
        format: Format::Hgb,
        files: &HGB_ACM,
        folder: "hetero",
        base_url: URL,
        licence: "none stated",
        citation: LV,
        class_names: &[],
        counts: Counts {
            graphs: 1,
            nodes: 10942,
            edges: 547872,
            features: 1902,
            classes: 3,
            split: [907, 0, 1059],
        },
    },
    DatasetInfo {
        name: "hgb-dblp",
        description: "authors, their papers, the terms and venues of these, and the field of each author",
        format: Format::Hgb,
        files: &HGB_DBLP,
        folder: "hetero",
        base_url: URL,
        licence: "none stated",
        citation: LV,
        class_names: &[],
        counts: Counts {
            graphs: 1,
            nodes: 26128,
            edges: 239566,
            features: 334,
            classes: 4,
            split: [1217, 0, 1420],
        },
    },
];
