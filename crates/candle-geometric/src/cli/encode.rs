//! `candle-geometric data encode`.

use std::path::PathBuf;

use anyhow::Result;
use candle_geometric::data::registry::Format;
use clap::Args;

use super::device::DeviceName;
use super::screen::Screen;

/// Turn the texts of nodes into features, by a sentence encoder.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric data encode cornell-texts --model sentence-transformers/all-MiniLM-L6-v2 --out cornell.safetensors
  candle-geometric data encode subcora-texts --data DIR --model FOLDER --out cora.safetensors
  candle-geometric data encode edges.csv --texts papers.csv --text title,abstract --model FOLDER --out graph.safetensors

Models are those of the families bert, roberta, xlm-roberta, camembert, distilbert, mpnet, electra and modernbert: a folder with
config.json, tokenizer.json and model.safetensors. What was encoded before is read from the cache.")]
// Without the feature `text` the command only says so.
#[cfg_attr(not(feature = "text"), allow(dead_code))]
pub(super) struct Encode {
    /// A data set with texts (see `data list`), or with --texts a file with a graph (see `data import`)
    graph: String,
    /// The encoder: a folder, or OWNER/NAME on the Hub
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// The file to write: the graph with the features of its nodes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The folder with the files of the data set, instead of the cache
    #[arg(long, value_name = "DIR", conflicts_with = "texts")]
    data: Option<PathBuf>,
    /// The format of a data set that is not in the list
    #[arg(long, requires = "data")]
    format: Option<Format>,
    /// A table with the texts of the nodes of a graph of your own
    #[arg(long, value_name = "CSV")]
    texts: Option<PathBuf>,
    /// The column of the names of nodes, in the table of texts
    #[arg(long, default_value = "id", value_name = "COLUMN", requires = "texts")]
    id: String,
    /// The columns of texts, which are joined
    #[arg(long, default_value = "text", value_delimiter = ',', value_name = "COLUMNS", requires = "texts")]
    text: Vec<String>,
    /// How tokens become a text: mean, cls or max; as the model says, or the mean
    #[arg(long, value_name = "NAME", value_parser = ["mean", "cls", "max"])]
    pooling: Option<String>,
    /// Whether vectors are divided by their length; as the model says, or not
    #[arg(long, value_name = "BOOL")]
    normalize: Option<bool>,
    /// The most tokens of a text
    #[arg(long, value_name = "N")]
    max_length: Option<usize>,
    /// What is put before every text
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// The most tokens of a batch: fewer need less memory
    #[arg(long, value_name = "N", default_value_t = 8192)]
    batch_tokens: usize,
    /// Where the model runs: cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
}

#[cfg(not(feature = "text"))]
impl Encode {
    pub(super) fn run(self, _: &mut Screen) -> Result<()> {
        use super::error::OrHint;
        let error = candle_geometric::data::Error::NotBuilt { what: "text encoders", feature: "text" };
        Err(error).hint("build the program with `--features text`")
    }
}

#[cfg(feature = "text")]
mod with_text {
    use std::io::Write;

    use anyhow::{Context, bail};
    use candle_geometric::data::csv_graph::node_texts;
    use candle_geometric::data::tables::Columns;
    use candle_geometric::data::text_encoder::{EncoderOptions, Pooling, TextEncoder};
    use candle_geometric::data::{Cache, Dataset, RawGraph, datasets, graph_file, import};

    use super::super::error::OrHint;
    use super::super::task::load_data;
    use super::super::texts::with_progress;
    use super::{Encode, Format, Result, Screen};

    impl Encode {
        pub(in super::super) fn run(self, screen: &mut Screen) -> Result<()> {
            // What is quick to fail comes first.
            let cache = Cache::from_env()?;
            let (mut graph, texts) = self.graph()?;
            let without = texts.iter().filter(|text| text.is_empty()).count();
            let pooling = self.pooling.as_deref();
            let options = EncoderOptions {
                pooling: Pooling::NAMES.iter().find(|(name, _)| Some(*name) == pooling).map(|(_, p)| *p),
                normalize: self.normalize,
                max_length: self.max_length,
                prompt: self.prompt,
                batch_tokens: self.batch_tokens,
                device: self.device.open()?,
                ..EncoderOptions::default()
            };
            let encoder = TextEncoder::load_with(&self.model, options)
                .hint("--model is a folder with config.json, tokenizer.json and model.safetensors, or OWNER/NAME on the Hub")?;
            let width = encoder.width();
            graph.x = Some(with_progress(encoder, &texts, &cache)?);
            graph_file::save(&graph, &self.out)
                .hint("give --out a file in a folder that you may write to")?;
            let (nodes, edges) = (texts.len(), graph.edge_index.num_edges());
            writeln!(
                screen,
                "wrote {}: {nodes} nodes with {width} features, {edges} edges",
                self.out.display()
            )?;
            if without > 0 {
                writeln!(screen, "{without} nodes have no text")?;
            }
            Ok(())
        }

        /// The graph, and a text per node; an empty one for those that have none.
        fn graph(&self) -> Result<(RawGraph, Vec<String>)> {
            if let Some(table) = &self.texts {
                let graph = import(self.graph.as_ref(), None, &Columns::default())?;
                let bytes = std::fs::read(table).with_context(|| format!("--texts {}", table.display()))?;
                let texts = node_texts(&bytes, &graph, &self.id, &self.text)?;
                if texts.iter().all(Option::is_none) && !texts.is_empty() {
                    let name = graph.ids.name(0).unwrap_or_default();
                    bail!("--texts {}: no node of the graph is in it, such as {name:?}", table.display());
                }
                return Ok((graph, texts.into_iter().map(Option::unwrap_or_default).collect()));
            }
            let known: Vec<&str> = datasets().filter(|d| d.format == Format::Texts).map(|d| d.name).collect();
            let hint = format!(
                "data sets with texts are {}; for a graph of your own, give --texts",
                known.join(", ")
            );
            match load_data(&self.graph, self.format, self.data.as_deref()).hint(&hint)? {
                Dataset::Nodes(dataset) if !dataset.texts.is_empty() => {
                    Ok((dataset.graph.into(), dataset.texts))
                }
                other => Err(anyhow::anyhow!("{}: {} without texts", self.graph, other.kind())).hint(hint),
            }
        }
    }
}
