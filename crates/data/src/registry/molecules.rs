use super::{Counts, DatasetInfo, FileInfo, Format, file_at};

const URL: &str = "https://raw.githubusercontent.com/";
const WU: &str =
    "Wu et al.: MoleculeNet: a benchmark for molecular machine learning, Chemical Science 9 (2018)";

static ESOL: [FileInfo; 1] = [file_at(
    "delaney-processed.csv",
    "deepchem/deepchem/2.8.0/datasets/delaney-processed.csv",
    96699,
    "8c06a76f0c6487d29ab0f903e6a7a7139f189ab3c1178f159c8be8964602f189",
)];
static BBBP: [FileInfo; 1] = [file_at(
    "BBBP.csv",
    "Projectwithhima/Drug_Discovery_BBBP/3747a5576e8ca92d174eb6c1e585b5f49664be56/BBBP.csv",
    148761,
    "3dec6354d1082d0a22d619d8a1c41683a958e1094476beb9a35186bf630c45b9",
)];
static TOX21: [FileInfo; 1] = [file_at(
    "tox21.csv",
    "OpenDrugAI/AttentiveFP/dda6708342ffe255ded73c459ad64214a4615542/data/tox21.csv",
    525119,
    "7d7e7facd853a63e79ddce4e9c3fcb7a0d83a1c300b603031c0f2c64fbe77761",
)];

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "esol",
        description: "molecules and how much of each dissolves in water (log mol/l)",
        format: Format::Molecules,
        files: &ESOL,
        folder: "molnet",
        base_url: URL,
        licence: "MIT",
        citation: WU,
        class_names: &["measured log solubility in mols per litre"],
        counts: Counts { graphs: 1128, nodes: 14991, edges: 30856, features: 39, classes: 1, split: [0; 3] },
    },
    DatasetInfo {
        name: "bbbp",
        description: "molecules, and whether each passes the blood-brain barrier",
        format: Format::Molecules,
        files: &BBBP,
        folder: "molnet",
        base_url: URL,
        licence: "none stated",
        citation: WU,
        class_names: &["p_np"],
        counts: Counts { graphs: 2039, nodes: 49068, edges: 105842, features: 39, classes: 1, split: [0; 3] },
    },
    DatasetInfo {
        name: "tox21",
        description: "molecules, and how each acts in twelve tests of toxicity",
        format: Format::Molecules,
        files: &TOX21,
        folder: "molnet",
        base_url: URL,
        licence: "none stated",
        citation: WU,
        class_names: &[
            "NR-AR",
            "NR-AR-LBD",
            "NR-AhR",
            "NR-Aromatase",
            "NR-ER",
            "NR-ER-LBD",
            "NR-PPAR-gamma",
            "SR-ARE",
            "SR-ATAD5",
            "SR-HSE",
            "SR-MMP",
            "SR-p53",
        ],
        counts: Counts {
            graphs: 7823,
            nodes: 145256,
            edges: 301802,
            features: 39,
            classes: 12,
            split: [0; 3],
        },
    },
];
