use super::{Counts, DatasetInfo, FileInfo, Format, file, file_at};

const KGE: &str = "https://raw.githubusercontent.com/DeepGraphLearning/KnowledgeGraphEmbedding/2e440e0f9c687314d5ff67ead68ce985dc446e3a/data/";
const CONVE: &str =
    "https://raw.githubusercontent.com/TimDettmers/ConvE/f3c0eb286025410fa5b4c04696c918264163d0ca/";
const DETTMERS: &str = "Dettmers et al.: Convolutional 2D knowledge graph embeddings, AAAI 2018";

static FB15K_237: [FileInfo; 3] = [
    file("FB15k-237/train.txt", 21277292, "6e4c2782169af21e9743f3b1d200886f5d595bf6bc504ec1351720949c5cdfae"),
    file("FB15k-237/valid.txt", 1303101, "cf6309010852f6a8d47a45df830a426415d1ee6f7a3970a8376ff1fb81db4a5c"),
    file("FB15k-237/test.txt", 1519499, "5711cf41623ceb4eacc50eb6108a3ca6565c7492e3caaf82a3e355cc660d1574"),
];
static WN18RR: [FileInfo; 3] = [
    file_at(
        "WN18RR/train.txt",
        "wn18rr/train.txt",
        3135377,
        "038612e783c215ee5f3ca9fbfca27b8d0739be1028fe4ee7c174aecf0b83d5df",
    ),
    file_at(
        "WN18RR/valid.txt",
        "wn18rr/valid.txt",
        110415,
        "453ce7202afa58094a04d2b1560ee2b02660f1c260b32ce6651c8ccedd1028ab",
    ),
    file_at(
        "WN18RR/test.txt",
        "wn18rr/test.txt",
        113180,
        "0383bceaaa1096cf3c03ec021ed0048068e2355dbfc0239b292cefdac821cec5",
    ),
];
static UMLS: [FileInfo; 3] = [
    file_at(
        "umls/train.txt",
        "umls.tar.gz!train.txt",
        260013,
        "873ef4925516b83e7f6f8cc02b4be51d848828710a7f65a956f0ac4a9e452f35",
    ),
    file_at(
        "umls/valid.txt",
        "umls.tar.gz!valid.txt",
        32963,
        "025c98f8a4891e2a6582ec5b40ee0d904031edad9c52554522f4b7904820c98e",
    ),
    file_at(
        "umls/test.txt",
        "umls.tar.gz!test.txt",
        32968,
        "a7eb529a3d2810fcc96341ccc97c625a5e202f8389673aa6bd317eeebbb79014",
    ),
];
static NATIONS: [FileInfo; 3] = [
    file_at(
        "nations/train.txt",
        "nations.tar.gz!train.txt",
        39101,
        "0830fa9da8e5bba2ccdaa45b7bdc9130451ba66b09ff2708f35fccaf82473e57",
    ),
    file_at(
        "nations/valid.txt",
        "nations.tar.gz!valid.txt",
        4851,
        "2b337a62e51a2f45c283eac98a70d21b7e0e102136be1539b2a52c652a7b0530",
    ),
    file_at(
        "nations/test.txt",
        "nations.tar.gz!test.txt",
        4951,
        "3971085165b47b6aeaec68058c6d8d98b3005e929db81268410b95ae4db770ab",
    ),
];

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "fb15k-237",
        description: "facts on people, films, places and so on from Freebase, without inverse relations",
        format: Format::Triples,
        files: &FB15K_237,
        folder: "kg",
        base_url: KGE,
        licence: "MIT",
        citation: "Toutanova, Chen: Observed versus latent features for knowledge base and text inference, 2015",
        class_names: &[],
        counts: Counts {
            graphs: 1,
            nodes: 14541,
            edges: 310116,
            features: 0,
            classes: 237,
            split: [272115, 17535, 20466],
        },
    },
    DatasetInfo {
        name: "wn18rr",
        description: "how the meanings of English words relate, from WordNet, without inverse relations",
        format: Format::Triples,
        files: &WN18RR,
        folder: "kg",
        base_url: KGE,
        licence: "MIT",
        citation: DETTMERS,
        class_names: &[],
        counts: Counts {
            graphs: 1,
            nodes: 40943,
            edges: 93003,
            features: 0,
            classes: 11,
            split: [86835, 3034, 3134],
        },
    },
    DatasetInfo {
        name: "umls",
        description: "how concepts of medicine relate, from the Unified Medical Language System",
        format: Format::Triples,
        files: &UMLS,
        folder: "kg",
        base_url: CONVE,
        licence: "MIT",
        citation: "Kok, Domingos: Statistical predicate invention, ICML 2007",
        class_names: &[],
        counts: Counts {
            graphs: 1,
            nodes: 135,
            edges: 6529,
            features: 0,
            classes: 46,
            split: [5216, 652, 661],
        },
    },
    DatasetInfo {
        name: "nations",
        description: "how nations treated each other",
        format: Format::Triples,
        files: &NATIONS,
        folder: "kg",
        base_url: CONVE,
        licence: "MIT",
        citation: "Kok, Domingos: Statistical predicate invention, ICML 2007",
        class_names: &[],
        counts: Counts {
            graphs: 1,
            nodes: 14,
            edges: 1992,
            features: 0,
            classes: 55,
            split: [1592, 199, 201],
        },
    },
];
