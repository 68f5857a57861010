use super::{Counts, DatasetInfo, Format, file};

const PLANETOID_URL: &str =
    "https://raw.githubusercontent.com/kimiyoung/planetoid/af6abf468a772cc055bec88c52e4d6f51b7c37e3/data/";
const PLANETOID_PAPER: &str =
    "Yang, Cohen, Salakhutdinov: Revisiting semi-supervised learning with graph embeddings, ICML 2016";

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "cora",
        description: "papers on machine learning, their citations, the words in them, and their topics",
        format: Format::Planetoid,
        files: &[
            file("ind.cora.allx", 257305, "9419ba2f26f5c35243db64aba110e0f35a04851609e0dc5433450676ca6b8543"),
            file("ind.cora.tx", 148025, "b9afbaa4a400df991f6f02ef677e1e44da55ffc04801fd02f9e673987829226a"),
            file("ind.cora.ally", 47959, "2b998f5cc7fedc86e7f97ca2498f47a1ffc1462c29e2d578b23bf3f62b6e7d71"),
            file("ind.cora.ty", 28135, "41f5ac76596a1699cc33f53084a2419e92961c42bb75f36fc38e616d348532ad"),
            file("ind.cora.y", 4054, "94465c14eb53e04ca262198dcbb2521ee8af60fb3f3d546cd6ca24a511b0e7d1"),
            file("ind.cora.graph", 59847, "58f13302f39dde8852dad6fe6d15b89b077b6d7f837626bce671ef80344b383d"),
            file(
                "ind.cora.test.index",
                5000,
                "297ce89af2b51a6a194181c7dbe1796c6a1cf9cd9349a88383b1b1e227867875",
            ),
        ],
        folder: "planetoid",
        base_url: PLANETOID_URL,
        licence: "MIT",
        citation: PLANETOID_PAPER,
        class_names: &[
            "Theory",
            "Reinforcement_Learning",
            "Genetic_Algorithms",
            "Neural_Networks",
            "Probabilistic_Methods",
            "Case_Based",
            "Rule_Learning",
        ],
        counts: Counts {
            graphs: 1,
            nodes: 2708,
            edges: 10556,
            features: 1433,
            classes: 7,
            split: [140, 500, 1000],
        },
    },
    DatasetInfo {
        name: "citeseer",
        description: "papers on computer science, their citations, the words in them, and their topics; 15 isolated ones between the 1000 for testing have neither words nor topic, and are in no mask",
        format: Format::Planetoid,
        files: &[
            file(
                "ind.citeseer.allx",
                595021,
                "2ac30345d95c9ec933a817ee0bdd6a5f077f8c184a20e696910192d534414668",
            ),
            file(
                "ind.citeseer.tx",
                260321,
                "539a8906a2da97628d212f2fdd668c109a8b3f0d36574b59e5d3fd5b5303da21",
            ),
            file(
                "ind.citeseer.ally",
                55623,
                "f704b2d986dde6c2669934de1f3ae5696a6cf9455c0f6b2646a2d135ea0a1c95",
            ),
            file(
                "ind.citeseer.ty",
                24135,
                "55e5bd1ba1e733a04598753ad1a8d57957f4b8f89e74519f41f4f4938767e4ce",
            ),
            file("ind.citeseer.y", 3014, "8ba87e515d8e3ee3cf52f6d2c5b86aa73f11ecad825a808455209ec26cd54924"),
            file(
                "ind.citeseer.graph",
                61987,
                "d79a4ef9d3e7169aee8946145f6b7306e35bc79bffad26346cfb94e10e9912a7",
            ),
            file(
                "ind.citeseer.test.index",
                5000,
                "2af990671580b6b2df5d158d1038f8292e30c9cd821b5453f399659b25b723d4",
            ),
        ],
        folder: "planetoid",
        base_url: PLANETOID_URL,
        licence: "MIT",
        citation: PLANETOID_PAPER,
        class_names: &["AI", "ML", "IR", "DB", "Agents", "HCI"],
        counts: Counts {
            graphs: 1,
            nodes: 3327,
            edges: 9104,
            features: 3703,
            classes: 6,
            split: [120, 500, 1000],
        },
    },
    DatasetInfo {
        name: "pubmed",
        description: "papers on diabetes, their citations, TF-IDF of the words in them, and the kind of diabetes",
        format: Format::Planetoid,
        files: &[
            file(
                "ind.pubmed.allx",
                7578385,
                "508e538e2abdccdd54c4d3e9f49d638b4af7107d85845f66ddea5a5152658b7e",
            ),
            file("ind.pubmed.tx", 405505, "4eb5f5d0f30f26497eb0ac6ac9719d09c67e284f1ed0385c93f3ef27a671da3d"),
            file(
                "ind.pubmed.ally",
                224739,
                "0c37bbe3b5014ec365e9d393cf4791925e5ed94fb194305d74f064a8d7b50f0e",
            ),
            file("ind.pubmed.ty", 12135, "ee2e0d4819d9fbcc403689c3bf2e49face401b605932f093bc58ab6461130fdd"),
            file("ind.pubmed.y", 854, "e6c807633307a07ed659249006536a147c7999c797f11a2560752990181b41b3"),
            file(
                "ind.pubmed.graph",
                471808,
                "5b89f0036ca22909471f1e6558eb42fa06e0c730a577bde5b058b40638f81dc9",
            ),
            file(
                "ind.pubmed.test.index",
                6000,
                "b101d421688bbaecbd82e8a18f1e282378d6830f3a37666f28ebc47f844341b5",
            ),
        ],
        folder: "planetoid",
        base_url: PLANETOID_URL,
        licence: "MIT",
        citation: PLANETOID_PAPER,
        class_names: &["Experimental", "Type 1", "Type 2"],
        counts: Counts {
            graphs: 1,
            nodes: 19717,
            edges: 88648,
            features: 500,
            classes: 3,
            split: [60, 500, 1000],
        },
    },
];
