use super::{Counts, DatasetInfo, FileInfo, Format, file_at};

const URL: &str =
    "https://raw.githubusercontent.com/bknyaz/graph_nn/72eaa1c6bd70a90fde772ad4a21049ccd6bc97a2/data/";
const LICENCE: &str = "none stated (the repository it is taken from: ECL-2.0)";
const BORGWARDT: &str = "Borgwardt et al.: Protein function prediction via graph kernels, 2005";

static MUTAG: [FileInfo; 5] = [
    file_at(
        "MUTAG/MUTAG_A.txt",
        "MUTAG.zip!MUTAG_A.txt",
        76940,
        "d9656ca7493f3445d737c711710bb36fd432dddd1c0ea32e1d4713c86ebd28e2",
    ),
    file_at(
        "MUTAG/MUTAG_edge_labels.txt",
        "MUTAG.zip!MUTAG_edge_labels.txt",
        14884,
        "4669ce755075ff86c3240709345745886400908fa637a49310459b9c267b3e56",
    ),
    file_at(
        "MUTAG/MUTAG_graph_indicator.txt",
        "MUTAG.zip!MUTAG_graph_indicator.txt",
        11532,
        "7d520a4d6c7961c0cdeabe076d8fe27e795b6d373485c9a2b744987e560a2056",
    ),
    file_at(
        "MUTAG/MUTAG_graph_labels.txt",
        "MUTAG.zip!MUTAG_graph_labels.txt",
        439,
        "a1518ea39ba3426bd42f57396b9c4baffe68e9adc718caeeab0119c6591a5f2c",
    ),
    file_at(
        "MUTAG/MUTAG_node_labels.txt",
        "MUTAG.zip!MUTAG_node_labels.txt",
        6742,
        "678f429965490e84dd27713017538c995fc05d1621beac910848b600015ee863",
    ),
];
static PROTEINS: [FileInfo; 5] = [
    file_at(
        "PROTEINS/PROTEINS_A.txt",
        "PROTEINS.zip!PROTEINS_A.txt",
        2022990,
        "4c4b33e272fc95cac6d27ed6d5d12b9a852c8610e91fff59f8f0dbdd5a20df67",
    ),
    file_at(
        "PROTEINS/PROTEINS_graph_indicator.txt",
        "PROTEINS.zip!PROTEINS_graph_indicator.txt",
        169673,
        "8d4ff1e852a5c28561e9bffb44cf9490bc552b13a3b6156dd12dc7f44e9afc4a",
    ),
    file_at(
        "PROTEINS/PROTEINS_graph_labels.txt",
        "PROTEINS.zip!PROTEINS_graph_labels.txt",
        2226,
        "c0ef9810c440775252872318d0c8adc385588e14bc4c47a2c34aa96ee3c7cdcd",
    ),
    file_at(
        "PROTEINS/PROTEINS_node_attributes.txt",
        "PROTEINS.zip!PROTEINS_node_attributes.txt",
        478190,
        "54eef829abb37e458a5fbf3a3c581e48e5810e220463c2cd951856b9ceb08f07",
    ),
    file_at(
        "PROTEINS/PROTEINS_node_labels.txt",
        "PROTEINS.zip!PROTEINS_node_labels.txt",
        86942,
        "f758e8ad3d6e3c026b50833d75f6f90735b94eb3345e4243707f495ca8afea8d",
    ),
];
static ENZYMES: [FileInfo; 5] = [
    file_at(
        "ENZYMES/ENZYMES_A.txt",
        "ENZYMES.zip!ENZYMES_A.txt",
        885124,
        "5553c84f8f562f3e199dfd27192174f485e85c44c1357661098668937a739cbf",
    ),
    file_at(
        "ENZYMES/ENZYMES_graph_indicator.txt",
        "ENZYMES.zip!ENZYMES_graph_indicator.txt",
        74914,
        "95ba0fa47eba6f02e6b754a215dc66d5b49de3f45f57a128514301a8d7ed5f46",
    ),
    file_at(
        "ENZYMES/ENZYMES_graph_labels.txt",
        "ENZYMES.zip!ENZYMES_graph_labels.txt",
        1200,
        "04743e08967e61e65cdacbb90f8df6ee53742b3d2e7b84675b85ebac70506856",
    ),
    file_at(
        "ENZYMES/ENZYMES_node_attributes.txt",
        "ENZYMES.zip!ENZYMES_node_attributes.txt",
        3876850,
        "305a8fc3b12f79fb844ef3374d6a3c8ceeb4887dd4f86bbfe37932c4c5434e7b",
    ),
    file_at(
        "ENZYMES/ENZYMES_node_labels.txt",
        "ENZYMES.zip!ENZYMES_node_labels.txt",
        39160,
        "8263eb9b64efa231a5886343483ccfc0342f2407014763a8f738fd51c32ce770",
    ),
];
static NCI1: [FileInfo; 4] = [
    file_at(
        "NCI1/NCI1_A.txt",
        "NCI1.zip!NCI1_A.txt",
        3235898,
        "2c028eda59a5fe96e2265a63d9ac236901bd9a7dc658498be13cd704a703076d",
    ),
    file_at(
        "NCI1/NCI1_graph_indicator.txt",
        "NCI1.zip!NCI1_graph_indicator.txt",
        585267,
        "ffe5acfa754b057d5ce0dc725c5aadb631628161886cc040d38c719635257dc5",
    ),
    file_at(
        "NCI1/NCI1_graph_labels.txt",
        "NCI1.zip!NCI1_graph_labels.txt",
        8220,
        "fae44681e70113f496256ae87eaac33b7836e3a97fe8e023933b84fde6a5c8a2",
    ),
    file_at(
        "NCI1/NCI1_node_labels.txt",
        "NCI1.zip!NCI1_node_labels.txt",
        245932,
        "dc0a22b6cbff0c939de00373e823977ba32b358f560e4288d7602f7b51407ee2",
    ),
];
static IMDB_BINARY: [FileInfo; 3] = [
    file_at(
        "IMDB-BINARY/IMDB-BINARY_A.txt",
        "IMDB-BINARY.zip!IMDB-BINARY_A.txt",
        4596012,
        "23c8964bab82f81469271186d721131714a265d0ca8c44ae048118da1d0c4092",
    ),
    file_at(
        "IMDB-BINARY/IMDB-BINARY_graph_indicator.txt",
        "IMDB-BINARY.zip!IMDB-BINARY_graph_indicator.txt",
        76924,
        "415cc3ba25b8c647dcf34d3de034f675ee070616f3b803be939cb26773489f26",
    ),
    file_at(
        "IMDB-BINARY/IMDB-BINARY_graph_labels.txt",
        "IMDB-BINARY.zip!IMDB-BINARY_graph_labels.txt",
        2000,
        "63a44411fd6342b9c4429828c16e144a2a11ef5244e25bb60f0ffa8b3ee2ffce",
    ),
];

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "mutag",
        description: "molecules, their atoms and bonds, and whether each makes bacteria mutate",
        format: Format::Tu,
        files: &MUTAG,
        folder: "tu",
        base_url: URL,
        licence: LICENCE,
        citation: "Debnath et al.: Structure-activity relationship of mutagenic aromatic and heteroaromatic nitro compounds, 1991",
        class_names: &[],
        counts: Counts { graphs: 188, nodes: 3371, edges: 7442, features: 7, classes: 2, split: [0; 3] },
    },
    DatasetInfo {
        name: "proteins",
        description: "proteins, their secondary structure elements, and whether each is an enzyme",
        format: Format::Tu,
        files: &PROTEINS,
        folder: "tu",
        base_url: URL,
        licence: LICENCE,
        citation: BORGWARDT,
        class_names: &[],
        counts: Counts { graphs: 1113, nodes: 43471, edges: 162088, features: 3, classes: 2, split: [0; 3] },
    },
    DatasetInfo {
        name: "enzymes",
        description: "enzymes, their secondary structure elements, and the class of reaction each catalyses",
        format: Format::Tu,
        files: &ENZYMES,
        folder: "tu",
        base_url: URL,
        licence: LICENCE,
        citation: BORGWARDT,
        class_names: &[],
        counts: Counts { graphs: 600, nodes: 19580, edges: 74564, features: 3, classes: 6, split: [0; 3] },
    },
    DatasetInfo {
        name: "nci1",
        description: "molecules, their atoms, and whether each acts against lung cancer cells",
        format: Format::Tu,
        files: &NCI1,
        folder: "tu",
        base_url: URL,
        licence: LICENCE,
        citation: "Wale, Watson, Karypis: Comparison of descriptor spaces for chemical compound retrieval and classification, 2008",
        class_names: &[],
        counts: Counts {
            graphs: 4110,
            nodes: 122747,
            edges: 265506,
            features: 37,
            classes: 2,
            split: [0; 3],
        },
    },
    DatasetInfo {
        name: "imdb-binary",
        description: "actors who played together around each of them, and the genre: action or romance",
        format: Format::Tu,
        files: &IMDB_BINARY,
        folder: "tu",
        base_url: URL,
        licence: LICENCE,
        citation: "Yanardag, Vishwanathan: Deep graph kernels, KDD 2015",
        class_names: &[],
        counts: Counts {
            graphs: 1000,
            nodes: 19773,
            edges: 193062,
            features: 136,
            classes: 2,
            split: [0; 3],
        },
    },
];
