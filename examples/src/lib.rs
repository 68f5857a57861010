//! What the examples share: their command line, and how they tell of training.

use std::ops::Range;
use std::path::PathBuf;

use anyhow::{Result, bail};
use candle_geometric::data::{Graph, NodeDataset, Source};
use candle_geometric::graph::rng::Stream;
use candle_geometric::prelude::*;
use candle_geometric::train::{EpochReport, Flow, Observer};

const HELP: &str = "\
Usage: cargo run --release --example NAME -- [FILE] [--data DIR] [--quick]

Arguments:
  FILE        A file, where the example takes one: its README says which

Options:
  --data DIR  The folder with the files of the data set; without it they are downloaded once, into a cache
  --quick     Seconds instead of minutes, and nothing that is not in the repository
  -h, --help  Print help";

/// The arguments of an example: `[FILE] [--data DIR] [--quick]`.
#[derive(Debug, Default)]
pub struct Arguments {
    /// A file, where the example takes one.
    pub file: Option<PathBuf>,
    /// The folder with the files of the data set.
    pub data: Option<PathBuf>,
    /// Seconds instead of minutes, and nothing that is not in the repository.
    pub quick: bool,
}

impl Arguments {
    /// Reads the command line. `--help` is answered here and ends the program.
    ///
    /// # Errors
    /// If an argument is unknown or lacks its value.
    pub fn read() -> Result<Self> {
        let mut read = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => {
                    println!("{HELP}");
                    std::process::exit(0);
                }
                "--quick" => read.quick = true,
                "--data" => match arguments.next() {
                    Some(folder) => read.data = Some(folder.into()),
                    None => bail!("--data: expected a folder"),
                },
                other if other.starts_with('-') => {
                    bail!("unknown argument {other}: expected [FILE] [--data DIR] [--quick]")
                }
                file => read.file = Some(file.into()),
            }
        }
        Ok(read)
    }

    /// Where data sets come from: the folder, or else the cache, which is filled over the network when it lacks one.
    pub fn source(&self) -> Source {
        self.data.clone().map_or(Source::Cache, Source::Folder)
    }
}

/// Prints one of so many epochs of training.
#[derive(Debug)]
pub struct Print {
    /// Every how many epochs there is a line.
    pub every: usize,
}

impl Observer for Print {
    fn epoch(&mut self, e: &EpochReport) -> Flow {
        if e.epoch.is_multiple_of(self.every.max(1)) {
            println!(
                "epoch {:>4}  loss {:.4}  val loss {:.4}  val {:.3}",
                e.epoch, e.loss, e.val.loss, e.val.metric
            );
        }
        Flow::Continue
    }
}

/// Pages of four topics: of a dozen words one in three belongs to the topic, the others to nobody; links are mostly within a topic.
///
/// # Errors
/// None is expected.
pub fn pages() -> Result<NodeDataset> {
    let topics = [
        ["graph", "vertex", "edge", "path", "tree", "cycle"],
        ["cell", "protein", "gene", "tissue", "enzyme", "membrane"],
        ["court", "contract", "judge", "statute", "appeal", "witness"],
        ["violin", "sonata", "tempo", "chord", "choir", "opera"],
    ];
    let common =
        ["the", "new", "results", "show", "we", "with", "of", "many", "about", "study", "first", "work"];
    let (count, mut random) = (320u32, Stream::named(0, "pages").sequence());
    let (mut texts, mut pairs) = (vec![], vec![]);
    for page in 0..count {
        let own = topics[page as usize % 4];
        let words: Vec<&str> = (0..12)
            .map(|_| match random.below(12) {
                0 | 1 => own[random.below(6) as usize],
                2 => topics[random.below(4) as usize][random.below(6) as usize],
                _ => common[random.below(12) as usize],
            })
            .collect();
        texts.push(words.join(" "));
        for _ in 0..3 {
            let within = random.below(10) < 7;
            let other = if within { 4 * random.below(count / 4) + page % 4 } else { random.below(count) };
            pairs.extend([(page, other), (other, page)]);
        }
    }
    let n = count as usize;
    // Half of each topic for training, a fifth for validation.
    let part = |shares: Range<u32>| (0..count).map(|page| shares.contains(&(page / 4 % 10))).collect();
    let y: Vec<u32> = (0..count).map(|page| page % 4).collect();
    let graph =
        Graph::new(Tensor::ones((n, 1), DType::F32, &Device::Cpu)?, EdgeIndex::from_pairs(pairs, n)?)?
            .with_labels(Tensor::new(y.as_slice(), &Device::Cpu)?)?
            .with_split(part(0..5), part(5..7), part(7..10))?;
    let names = ["mathematics", "biology", "law", "music"].map(String::from).to_vec();
    Ok(NodeDataset::new("texts", graph, names)?.with_texts(texts)?)
}

/// The programs in the book are compiled with the documentation's tests.
#[cfg(doctest)]
mod book {
    macro_rules! pages {
        ($($page:ident $path:literal)*) => {
            $(#[doc = include_str!(concat!("../../docs/src/", $path))]
            struct $page;)*
        };
    }
    pages! {
        Zoo "zoo.md"
        Porting "porting.md"
        Nodes "tasks/nodes.md"
        Heterophily "tasks/heterophily.md"
        Inductive "tasks/inductive.md"
        Text "tasks/text.md"
        Links "tasks/links.md"
        Clustering "tasks/clustering.md"
        Graphs "tasks/graphs.md"
        Molecules "tasks/molecules.md"
        Heterogeneous "tasks/heterogeneous.md"
        KnowledgeGraphs "tasks/knowledge-graphs.md"
        Sampling "tasks/sampling.md"
    }
}
