use super::{Counts, DatasetInfo, FileInfo, Format, file, file_at};

const GRAPH_MASTER: &str =
    "https://raw.githubusercontent.com/EnjunDu/GraphMaster/dc27a6e7fc7264f99ff109dd9ba92f1215cbeea0/data/";
const TAG: &str = "https://raw.githubusercontent.com/sktsherlock/TAG-Benchmark/9553c4e4a4bb9787e5c9d5622190b4730fdc4733/data/webkb/";
const DU: &str =
    "Du et al.: GraphMaster: automated graph synthesis via LLM agents in data-limited environments, 2025";
const YAN: &str =
    "Yan et al.: A comprehensive study on text-attributed graphs: benchmarking and rethinking, NeurIPS 2023";

static CORNELL: [FileInfo; 1] = [file_at(
    "Cornell.csv",
    "Cornell/Cornell.csv",
    406640,
    "9df54de8059186c5a374e8dd56076f8f3422658ad48316aba684d8ffe45b95fb",
)];
static TEXAS: [FileInfo; 1] = [file_at(
    "Texas.csv",
    "Texas/Texas.csv",
    291962,
    "4769410dd18a93bf0dcda643f01061a388466130232d5d458d8669b2cf06d2a6",
)];
static WASHINGTON: [FileInfo; 1] = [file_at(
    "Washington.csv",
    "Washington/Washington.csv",
    384709,
    "85c7ac53ff8e11c83e2d4b64f557b72233e3184ae5429056c64e4ce7a6c9b143",
)];
static WISCONSIN: [FileInfo; 1] = [file_at(
    "Wisconsin.csv",
    "Wisconsin/Wisconsin.csv",
    579481,
    "49f2d7bfe9449dde2d9c583bc8a642f300b2b3de73e10e409d20cd742a5d85a8",
)];

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "subcora-texts",
        description: "half of the papers of Cora with titles and abstracts, their citations and fields",
        format: Format::Texts,
        files: &[file(
            "SubCora.json",
            1590344,
            "408966fb95aa092e23967c853abef67ad56aecd236cda3e66c6d1441f8142367",
        )],
        folder: "tag",
        base_url: GRAPH_MASTER,
        licence: "none stated",
        citation: DU,
        class_names: &[
            "Case_Based",
            "Genetic_Algorithms",
            "Neural_Networks",
            "Probabilistic_Methods",
            "Reinforcement_Learning",
            "Rule_Learning",
            "Theory",
        ],
        counts: Counts {
            graphs: 1,
            nodes: 1354,
            edges: 4972,
            features: 0,
            classes: 7,
            split: [815, 267, 272],
        },
    },
    DatasetInfo {
        name: "subciteseer-texts",
        description: "papers of Citeseer with titles and abstracts, their citations and fields",
        format: Format::Texts,
        files: &[file(
            "SubCiteseer.json",
            1480906,
            "221b7b99bcc747b78f0158684187969ed94fcc7ca94642028b4ec7bbc00b52b8",
        )],
        folder: "tag",
        base_url: GRAPH_MASTER,
        licence: "none stated",
        citation: DU,
        class_names: &["Agents", "ML", "IR", "DB", "HCI", "AI"],
        counts: Counts {
            graphs: 1,
            nodes: 1274,
            edges: 2720,
            features: 0,
            classes: 6,
            split: [764, 255, 255],
        },
    },
    DatasetInfo {
        name: "cornell-texts",
        description: "web pages of the computer science department of Cornell with their texts, their links and kinds (other pages than in cornell)",
        format: Format::Texts,
        files: &CORNELL,
        folder: "tag",
        base_url: TAG,
        licence: "none stated",
        citation: YAN,
        class_names: &["student", "project", "course", "staff", "faculty"],
        counts: Counts { graphs: 1, nodes: 191, edges: 293, features: 0, classes: 5, split: [0, 0, 0] },
    },
    DatasetInfo {
        name: "texas-texts",
        description: "web pages of the computer science department of Texas with their texts, their links and kinds (other pages than in texas)",
        format: Format::Texts,
        files: &TEXAS,
        folder: "tag",
        base_url: TAG,
        licence: "none stated",
        citation: YAN,
        class_names: &["course", "project", "student", "faculty", "staff"],
        counts: Counts { graphs: 1, nodes: 187, edges: 328, features: 0, classes: 5, split: [0, 0, 0] },
    },
    DatasetInfo {
        name: "washington-texts",
        description: "web pages of the computer science department of Washington with their texts, their links and kinds",
        format: Format::Texts,
        files: &WASHINGTON,
        folder: "tag",
        base_url: TAG,
        licence: "none stated",
        citation: YAN,
        class_names: &["project", "course", "student", "faculty", "staff"],
        counts: Counts { graphs: 1, nodes: 229, edges: 445, features: 0, classes: 5, split: [0, 0, 0] },
    },
    DatasetInfo {
        name: "wisconsin-texts",
        description: "web pages of the computer science department of Wisconsin with their texts, their links and kinds (other pages than in wisconsin)",
        format: Format::Texts,
        files: &WISCONSIN,
        folder: "tag",
        base_url: TAG,
        licence: "none stated",
        citation: YAN,
        class_names: &["project", "faculty", "course", "student", "staff"],
        counts: Counts { graphs: 1, nodes: 265, edges: 530, features: 0, classes: 5, split: [0, 0, 0] },
    },
];
