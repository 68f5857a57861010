//! `candle-geometric data`: the data sets, and the user's own graphs.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use candle_geometric::data::registry::{Format, find};
use candle_geometric::data::tables::Columns;
use candle_geometric::data::{
    Dataset, DatasetInfo, GraphDataset, NodeIds, Stats, datasets, graph_file, import,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Verdict;
use super::encode::Encode;
use super::error::OrHint;
use super::screen::Screen;
use super::task::load_data;

/// The data sets that load by name, what is in them, and graphs of your own.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric data list
  candle-geometric data info cora
  candle-geometric data stats karate
  candle-geometric data stats proteins --data DIR
  candle-geometric data import edges.csv --out graph.safetensors
  candle-geometric data encode cornell-texts --model sentence-transformers/all-MiniLM-L6-v2 --out graph.safetensors")]
pub(crate) struct Data {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(List),
    Info(Info),
    Stats(StatsOf),
    Import(Import),
    Encode(Encode),
}

impl Data {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        match self.command {
            Command::List(command) => command.run(screen)?,
            Command::Info(command) => command.run(screen)?,
            Command::Stats(command) => command.run(screen)?,
            Command::Import(command) => command.run(screen)?,
            Command::Encode(command) => command.run(screen)?,
        }
        Ok(Verdict::Good)
    }
}

/// Every data set that loads by name.
#[derive(Args)]
struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl List {
    fn run(self, screen: &mut Screen) -> Result<()> {
        if self.json {
            return screen.json(&datasets().map(as_json).collect::<Vec<_>>());
        }
        let rows = datasets().map(|info| {
            let c = info.counts;
            let counts = [c.graphs, c.nodes, c.edges, c.features, c.classes].map(|n| n.to_string());
            [vec![info.name.to_string()], counts.to_vec(), vec![info.description.to_string()]].concat()
        });
        let header = ["data set", "graphs", "nodes", "edges", "features", "classes", "about"];
        Ok(screen.table(&header, rows.collect(), &[1, 2, 3, 4, 5])?)
    }
}

/// What is known of a data set without opening it.
#[derive(Args)]
struct Info {
    /// A data set (see `data list`)
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Info {
    fn run(self, screen: &mut Screen) -> Result<()> {
        let info = find(&self.name)?;
        if self.json {
            return screen.json(&as_json(info));
        }
        let [train, val, test] = info.counts.split;
        let split = if train == 0 { "none".into() } else { format!("{train} / {val} / {test}") };
        let classes = if info.class_names.is_empty() { "-".into() } else { info.class_names.join(", ") };
        let facts = [
            ("data set", info.name.to_string()),
            ("about", info.description.to_string()),
            ("graphs", info.counts.graphs.to_string()),
            ("nodes", info.counts.nodes.to_string()),
            ("edges", info.counts.edges.to_string()),
            ("features", info.counts.features.to_string()),
            ("classes", info.counts.classes.to_string()),
            ("names", classes),
            ("split", split),
            ("licence", info.licence.to_string()),
            ("cite", info.citation.to_string()),
            ("folder", info.folder.to_string()),
        ];
        for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
            writeln!(screen, "{} {fact}", screen.title(&format!("{name:<10}")))?;
        }
        if info.files.is_empty() {
            return Ok(());
        }
        let rows =
            info.files.iter().map(|file| vec![file.bytes.to_string(), file.sha256.into(), info.url(file)]);
        writeln!(screen)?;
        Ok(screen.table(&["bytes", "sha256", "published at"], rows.collect(), &[0])?)
    }
}

fn as_json(info: &DatasetInfo) -> Value {
    let c = info.counts;
    let files = info.files.iter().map(
        |file| json!({ "name": file.name, "bytes": file.bytes, "sha256": file.sha256, "url": info.url(file) }),
    );
    json!({
        "name": info.name,
        "description": info.description,
        "format": format!("{:?}", info.format),
        "counts": {
            "graphs": c.graphs, "nodes": c.nodes, "edges": c.edges, "features": c.features, "classes": c.classes,
            "split": c.split,
        },
        "class_names": info.class_names,
        "licence": info.licence,
        "citation": info.citation,
        "files": files.collect::<Vec<_>>(),
    })
}

/// Load a data set, and count what is in it.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric data stats karate
  candle-geometric data stats cora --data DIR
  candle-geometric data stats COLLAB --format tu --data DIR
  candle-geometric data stats graph --format graph --data .    # graph.safetensors, by `data import`")]
struct StatsOf {
    /// A data set (see `data list`), or with --format the name by which its files are called
    name: String,
    /// The folder with the files of the data set, instead of the cache
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The format of a data set that is not in the list: its files are not compared with published ones
    #[arg(long, requires = "data")]
    format: Option<Format>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl StatsOf {
    fn run(self, screen: &mut Screen) -> Result<()> {
        let dataset = load_data(&self.name, self.format, self.data.as_deref())?;
        let stats = dataset.stats()?;
        let more = details(&dataset)?;
        if self.json {
            let bins = stats.histogram.iter().map(|bin| json!([bin.from, bin.to, bin.nodes]));
            let more: serde_json::Map<String, Value> =
                more.into_iter().map(|(name, fact)| (name.to_string(), Value::String(fact))).collect();
            return screen.json(&json!({
                "name": self.name,
                "kind": dataset.kind(),
                "graphs": stats.graphs,
                "nodes": stats.nodes,
                "edges": stats.edges,
                "self_loops": stats.self_loops,
                "isolated": stats.isolated,
                "in_degree": { "min": stats.min_degree, "mean": stats.mean_degree, "max": stats.max_degree },
                "histogram": bins.collect::<Vec<_>>(),
                "details": more,
            }));
        }
        let edges = match &dataset {
            Dataset::Triples(d) => {
                let all = d.train.len() + d.val.len() + d.test.len();
                format!("{}, the facts for training, of {all} in all", stats.edges)
            }
            _ => stats.edges.to_string(),
        };
        let facts = [
            ("data set", format!("{}: {}", self.name, dataset.kind())),
            ("graphs", stats.graphs.to_string()),
            ("nodes", stats.nodes.to_string()),
            ("edges", edges),
            ("self-loops", stats.self_loops.to_string()),
            ("isolated", format!("{} nodes", stats.isolated)),
        ];
        for (name, fact) in facts.into_iter().chain(more) {
            writeln!(screen, "{} {fact}", screen.title(&format!("{name:<12}")))?;
        }
        histogram(screen, &stats)
    }
}

/// Nodes by the number of edges that end in them, as bars.
fn histogram(screen: &mut Screen, stats: &Stats) -> Result<()> {
    const WIDTH: usize = 40;
    let degrees =
        format!("in-degree {} to {}, mean {:.2}", stats.min_degree, stats.max_degree, stats.mean_degree);
    writeln!(screen, "\n{}", screen.title(&degrees))?;
    let most = stats.histogram.iter().map(|bin| bin.nodes).max().unwrap_or(0).max(1);
    for bin in &stats.histogram {
        let range =
            if bin.from == bin.to { bin.from.to_string() } else { format!("{}-{}", bin.from, bin.to) };
        // Whatever is there is seen.
        let length = (bin.nodes * WIDTH).div_ceil(most);
        writeln!(screen, "{range:>15}  {:<WIDTH$}  {}", "█".repeat(length), bin.nodes)?;
    }
    Ok(())
}

/// What only data sets of its kind have.
fn details(dataset: &Dataset) -> Result<Vec<(&'static str, String)>> {
    let count = |mask: &[bool]| mask.iter().filter(|&&m| m).count();
    let split = |masks: [&Vec<bool>; 3]| masks.map(|mask| count(mask).to_string()).join(" / ");
    let sizes = |names: &[String], labels: &[u32]| {
        let size = |class: usize| labels.iter().filter(|&&label| label as usize == class).count();
        let each: Vec<String> =
            names.iter().enumerate().map(|(class, name)| format!("{name} {}", size(class))).collect();
        format!("{}: {}", names.len(), each.join(", "))
    };
    let of_graphs = |d: &GraphDataset| {
        let classes = match d.labels() {
            Ok(labels) => sizes(&d.class_names, &labels),
            Err(_) => d.num_classes().to_string(),
        };
        let of_edges = d.edge_attr.as_ref().and_then(|attr| attr.dims().get(1).copied());
        vec![
            ("features", format!("{} of nodes, {} of edges", d.num_features(), of_edges.unwrap_or(0))),
            ("classes", classes),
        ]
    };
    Ok(match dataset {
        Dataset::Nodes(d) => {
            let g = &d.graph;
            let classes = match d.labels() {
                Ok(labels) => sizes(&d.class_names, &labels),
                Err(_) => format!("{} (a node may have several)", d.num_classes),
            };
            let mut facts = vec![
                ("features", g.num_features().to_string()),
                ("classes", classes),
                ("split", split([&g.train_mask, &g.val_mask, &g.test_mask])),
                ("splits", d.splits.len().max(1).to_string()),
            ];
            if !d.texts.is_empty() {
                let bytes: usize = d.texts.iter().map(String::len).sum();
                facts.push((
                    "texts",
                    format!("{} of {} bytes on average", d.texts.len(), bytes / d.texts.len()),
                ));
            }
            facts
        }
        Dataset::Graphs(d) => of_graphs(d),
        #[cfg(feature = "smiles")]
        Dataset::Molecules(d) => {
            let mut facts = of_graphs(&d.graphs);
            if !d.rejected.is_empty() {
                let lines: Vec<String> = d.rejected.iter().map(|r| r.line.to_string()).collect();
                let text = format!("{} left out, lines {}", d.rejected.len(), lines.join(", "));
                facts.push(("rows that are no molecules", text));
            }
            facts
        }
        Dataset::Hetero(d) => {
            let nodes: Vec<String> = d.graph.nodes().map(|(name, n)| format!("{name} {n}")).collect();
            let edges: Vec<String> = d.graph.edges().map(|(t, e)| format!("{t} {}", e.num_edges())).collect();
            vec![
                ("node types", nodes.join(", ")),
                ("edge types", edges.join(", ")),
                ("target", format!("{}, {} classes", d.target, d.class_names.len())),
                ("split", split([&d.train_mask, &d.val_mask, &d.test_mask])),
            ]
        }
        Dataset::Triples(d) => vec![
            ("relations", d.relations.len().to_string()),
            ("split", format!("{} / {} / {}", d.train.len(), d.val.len(), d.test.len())),
        ],
        // What else there is depends on the features that the library was built with.
        _ => Vec::new(),
    })
}

/// Turn a graph of your own into one file that loads at once.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric data import wiki-Vote.txt --out wiki.safetensors
  candle-geometric data import edges.csv --nodes nodes.csv --x age,height --y kind --out graph.safetensors

Read are, by the end of the name: .txt, .tsv, .edges, .el (two numbers per line; also .gz), .csv, .parquet (built
with the feature `parquet`), .mtx, .graphml, .npy, .npz and .safetensors.")]
struct Import {
    /// The file with the edges
    path: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// A table of nodes, beside a .csv or .parquet of edges
    #[arg(long, value_name = "FILE")]
    nodes: Option<PathBuf>,
    /// The column of the sources, in a .csv or .parquet
    #[arg(long, default_value = "source", value_name = "COLUMN")]
    source: String,
    /// The column of the destinations, in a .csv or .parquet
    #[arg(long, default_value = "target", value_name = "COLUMN")]
    target: String,
    /// Columns of features of edges, in a .csv or .parquet
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    edge_attr: Vec<String>,
    /// The column of names, in the table of nodes
    #[arg(long, default_value = "id", value_name = "COLUMN")]
    id: String,
    /// Columns of features, in the table of nodes
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    x: Vec<String>,
    /// The column of classes, in the table of nodes
    #[arg(long, value_name = "COLUMN")]
    y: Option<String>,
}

impl Import {
    fn run(self, screen: &mut Screen) -> Result<()> {
        let columns = Columns {
            source: self.source,
            destination: self.target,
            edge_attr: self.edge_attr,
            id: self.id,
            x: self.x,
            y: self.y,
            ..Columns::default()
        };
        let graph = import(&self.path, self.nodes.as_deref(), &columns)?;
        graph_file::save(&graph, &self.out).hint("give --out a file in a folder that you may write to")?;
        let edges = &graph.edge_index;
        let named = match &graph.ids {
            NodeIds::Positions => "numbered from 0",
            NodeIds::Numbers(_) => "with numbers of their own",
            NodeIds::Names(_) => "with names",
        };
        let nodes = match edges.is_bipartite() {
            true => format!("{} and {}", edges.num_src(), edges.num_dst()),
            false => edges.num_src().to_string(),
        };
        writeln!(screen, "wrote {}: {nodes} nodes {named}, {} edges", self.out.display(), edges.num_edges())?;
        Ok(())
    }
}
