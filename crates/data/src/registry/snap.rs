use super::{Counts, DatasetInfo, FileInfo, Format, file, file_at};

const SNAP: &str = "https://snap.stanford.edu/data/";
const LESKOVEC: &str = "Leskovec, Huttenlocher, Kleinberg: Signed networks in social media, CHI 2010";
const MCAULEY: &str = "McAuley, Leskovec: Learning to discover social circles in ego networks, NIPS 2012";

static WIKI_VOTE: [FileInfo; 1] = [file_at(
    "wiki-Vote.txt",
    "wiki-Vote.txt.gz!wiki-Vote.txt",
    1095061,
    "d2afbedf262126f820c6b3dd9f39a6d68e6f5ea839c0508297032ca77578b28a",
)];
static EGO_FACEBOOK: [FileInfo; 1] = [file_at(
    "facebook_combined.txt",
    "facebook_combined.txt.gz!facebook_combined.txt",
    854362,
    "f41c026ed8af3cc3359f1ca5573d0605fb09ae0eefa34544b820fd8c6e2ef296",
)];
static SOC_EPINIONS1: [FileInfo; 1] = [file(
    "soc-Epinions1.txt.gz",
    1630437,
    "69a2dab71fa5e3a0715487599fc16ca17ddc847379325a6c765bbad6e3e36938",
)];

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "wiki-vote",
        description: "users of Wikipedia, and who voted on whom as administrator",
        format: Format::Snap,
        files: &WIKI_VOTE,
        folder: "snap",
        base_url: SNAP,
        licence: "none stated",
        citation: LESKOVEC,
        class_names: &[],
        counts: Counts { graphs: 1, nodes: 7115, edges: 103689, features: 0, classes: 0, split: [0; 3] },
    },
    DatasetInfo {
        name: "ego-facebook",
        description: "users of Facebook and their friendships, each in one direction",
        format: Format::Snap,
        files: &EGO_FACEBOOK,
        folder: "snap",
        base_url: SNAP,
        licence: "none stated",
        citation: MCAULEY,
        class_names: &[],
        counts: Counts { graphs: 1, nodes: 4039, edges: 88234, features: 0, classes: 0, split: [0; 3] },
    },
    DatasetInfo {
        name: "soc-epinions1",
        description: "users of Epinions, and who trusts whom",
        format: Format::Snap,
        files: &SOC_EPINIONS1,
        folder: "snap",
        base_url: SNAP,
        licence: "none stated",
        citation: "Richardson, Agrawal, Domingos: Trust management for the semantic web, ISWC 2003",
        class_names: &[],
        counts: Counts { graphs: 1, nodes: 75879, edges: 508837, features: 0, classes: 0, split: [0; 3] },
    },
];
