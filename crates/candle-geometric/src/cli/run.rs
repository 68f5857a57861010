//! `candle-geometric run`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use candle_geometric::explain::{HeadEntropy, LayerSummary, Neighbor, Picture, Weights, summarise};
use candle_geometric::models::zoo::Family;
use candle_geometric::models::{HeteroModelConfig, KnowledgeModelConfig, ModelConfig};
use clap::Args;
use serde::Serialize;

use super::Verdict;
use super::answers::Asked;
use super::device::DeviceName;
use super::out::{OutDir, quoted};
use super::screen::{Screen, percent};
use super::task::{Task, family};

/// Run a pretrained model on the data it was made for: what it says of the nodes, graphs, pairs or questions of the test data; for
/// the nodes of one graph, also what the attention looks at.
#[derive(Args)]
#[command(after_help = "Examples:
  candle-geometric run gat-karate
  candle-geometric run gat-cora --data DIR --out pictures
  candle-geometric run gat-cora --limit 5 --json
  candle-geometric run gat-pubmed --device cuda:0
  candle-geometric run relational-gat-umls --data DIR --limit 10

--out writes predictions.csv and summary.json, and attention.svg for the nodes of one graph.")]
pub(crate) struct Run {
    /// A model of the zoo (see `list`), a folder with a config.json, or owner/repo on the Hub
    model: String,
    /// The folder with the files of the data set, instead of the cache
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to run: cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// A folder to write the picture, the predictions and the summary into
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The most predictions to show; of a larger graph, its first test nodes are shown
    #[arg(long, value_name = "N", default_value_t = 40)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The number of neighbours that are named for a node.
const NEIGHBORS: usize = 3;

/// What `--json` prints; `summary.json` is the same without the nodes.
#[derive(Serialize)]
struct Summary<'a> {
    model: &'a str,
    data: &'a str,
    device: String,
    nodes: usize,
    edges: usize,
    accuracy: Accuracy,
    attention: Vec<Layer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    predictions: Option<Vec<Row<'a>>>,
}

/// The share of nodes predicted right in each part of the data that there is.
#[derive(Serialize)]
struct Accuracy {
    train: Option<f64>,
    val: Option<f64>,
    test: Option<f64>,
}

/// The entropies of an attention layer, in nats, as means over nodes.
#[derive(Serialize)]
struct Layer<'a> {
    layer: usize,
    edges: usize,
    heads: &'a [HeadEntropy],
}

/// A node.
#[derive(Serialize)]
struct Row<'a> {
    node: u32,
    part: &'static str,
    predicted: &'a str,
    truth: &'a str,
    most_attended: &'a [Neighbor],
}

impl Run {
    pub(crate) fn run(self, screen: &mut Screen) -> Result<Verdict> {
        let out = self.out.clone().map(OutDir::check).transpose()?;
        let device = self.device.open()?;
        let asked = Asked {
            model: &self.model,
            data: self.data.as_deref(),
            device: &device,
            device_name: self.device.to_string(),
            out: out.as_ref(),
            limit: self.limit,
            json: self.json,
        };
        match family(&self.model)? {
            Family::Graph => {}
            Family::Hetero => return asked.run::<HeteroModelConfig>(screen).map(|()| Verdict::Good),
            Family::Knowledge => return asked.run::<KnowledgeModelConfig>(screen).map(|()| Verdict::Good),
        }
        let Some(task) = Task::load(&self.model, self.data.as_deref(), &device)? else {
            return asked.run::<ModelConfig>(screen).map(|()| Verdict::Good);
        };
        let graph = &task.dataset.graph;
        let attention =
            task.model.model.attention(&graph.x, &graph.edge_index, graph.edge_attr.as_ref(), None)?;
        let weights = attention
            .iter()
            .map(|a| Ok(Weights::from_tensor(&a.edges, &a.alpha)?))
            .collect::<Result<Vec<_>>>()?;
        let layers = summarise(&weights, NEIGHBORS);
        let report = Report { predicted: task.predictions()?, task: &task, layers: &layers };

        let mut summary = report.summary(self.device)?;
        if let Some(out) = &out {
            if let Some(last) = weights.last() {
                out.write("attention.svg", report.picture(last)?.as_bytes())?;
            }
            out.write("predictions.csv", report.csv().as_bytes())?;
            out.write_json("summary.json", &summary)?;
        }
        let nodes = report.shown(self.limit)?;
        if self.json {
            summary.predictions = Some(nodes.iter().map(|&n| report.row(n)).collect());
            screen.json(&summary)?;
            return Ok(Verdict::Good);
        }
        report.print(screen, &summary, &nodes)?;
        if let Some(out) = &out {
            let picture = if weights.is_empty() { "" } else { "attention.svg, " };
            writeln!(
                screen,
                "\nwrote {picture}predictions.csv and summary.json to {}",
                out.path().display()
            )?;
        }
        Ok(Verdict::Good)
    }
}

/// What came out of a run.
struct Report<'a> {
    task: &'a Task,
    predicted: Vec<u32>,
    layers: &'a [LayerSummary],
}

impl<'a> Report<'a> {
    fn summary(&self, device: DeviceName) -> Result<Summary<'a>> {
        let graph = &self.task.dataset.graph;
        let accuracy = |part| -> Result<Option<f64>> {
            if self.task.part(part)?.is_empty() { Ok(None) } else { self.task.accuracy(part).map(Some) }
        };
        let layers = self.layers.iter();
        Ok(Summary {
            model: &self.task.model.name,
            data: &self.task.dataset.name,
            device: device.to_string(),
            nodes: graph.num_nodes(),
            edges: graph.num_edges(),
            accuracy: Accuracy { train: accuracy("train")?, val: accuracy("val")?, test: accuracy("test")? },
            attention: layers.map(|l| Layer { layer: l.layer, edges: l.edges, heads: &l.heads }).collect(),
            predictions: None,
        })
    }

    /// The nodes to show: all of a small graph, else the first test nodes.
    fn shown(&self, limit: usize) -> Result<Vec<u32>> {
        let all = self.predicted.len();
        if all <= limit {
            return Ok((0..all as u32).collect());
        }
        let mut nodes = self.task.part("test")?;
        if nodes.is_empty() {
            nodes = (0..all as u32).collect();
        }
        nodes.truncate(limit);
        Ok(nodes)
    }

    fn row(&self, node: u32) -> Row<'a> {
        let i = node as usize;
        let graph = &self.task.dataset.graph;
        let parts = [("train", &graph.train_mask), ("val", &graph.val_mask), ("test", &graph.test_mask)];
        let part = parts.iter().find(|(_, mask)| mask.get(i) == Some(&true)).map_or("-", |(name, _)| name);
        let most_attended = self.layers.last().and_then(|l| l.most_attended.get(i));
        Row {
            node,
            part,
            predicted: self.predicted.get(i).map_or("-", |&class| self.label(class)),
            truth: self.task.truth.get(i).map_or("-", |&class| self.label(class)),
            most_attended: most_attended.map_or(&[], Vec::as_slice),
        }
    }

    fn label(&self, class: u32) -> &'a str {
        self.task.model.entry.task.labels.get(class as usize).map_or("?", String::as_str)
    }

    fn csv(&self) -> String {
        let mut text = String::from("node,part,predicted,truth,most_attended\n");
        for node in 0..self.predicted.len() as u32 {
            let row = self.row(node);
            let attended: Vec<String> = row.most_attended.iter().map(|n| n.node.to_string()).collect();
            let fields = [row.part, row.predicted, row.truth, &attended.join(" ")].map(quoted);
            text.push_str(&format!("{node},{}\n", fields.join(",")));
        }
        text
    }

    fn picture(&self, weights: &Weights) -> Result<String> {
        let picture = Picture {
            title: format!("Attention of {} on {}", self.task.model.name, self.task.dataset.name),
            predicted: Some(&self.predicted),
            truth: Some(&self.task.truth),
            class_names: &self.task.model.entry.task.labels,
            ..Picture::new(weights)
        };
        Ok(picture.to_svg()?)
    }

    fn print(&self, screen: &mut Screen, summary: &Summary<'_>, nodes: &[u32]) -> Result<()> {
        let heading = format!(
            "{} on {}: {} nodes, {} edges ({})",
            summary.model, summary.data, summary.nodes, summary.edges, summary.device
        );
        writeln!(screen, "{}", screen.title(&heading))?;
        let a = &summary.accuracy;
        let parts = [("test", a.test), ("val", a.val), ("train", a.train)];
        let parts: Vec<String> =
            parts.iter().filter_map(|(name, value)| Some(format!("{name} {}", percent((*value)?)))).collect();
        writeln!(screen, "accuracy: {}\n", parts.join(", "))?;

        let rows = nodes.iter().map(|&node| {
            let row = self.row(node);
            let wrong = if row.predicted == row.truth { "" } else { "wrong" };
            let attended =
                row.most_attended.iter().map(|n| format!("{} ({:.2})", n.node, n.weight)).collect::<Vec<_>>();
            let [predicted, truth] = [row.predicted, row.truth].map(String::from);
            vec![node.to_string(), row.part.into(), predicted, truth, wrong.into(), attended.join(", ")]
        });
        let header = [
            "node",
            "part",
            "predicted",
            "truth",
            "",
            "most attended neighbours (last layer, mean of heads)",
        ];
        if !nodes.is_empty() {
            screen.table(&header, rows.collect(), &[0])?;
        }
        if nodes.len() < self.predicted.len() {
            let text = format!("{} of {} nodes; --limit N shows more", nodes.len(), self.predicted.len());
            writeln!(screen, "{}", screen.faint(&text))?;
        }
        if self.layers.is_empty() {
            return Ok(writeln!(screen, "\nthis model has no attention")?);
        }
        writeln!(
            screen,
            "\n{}",
            screen.title("entropy of the attention of a node, in nats, mean over nodes")
        )?;
        let heads = self.layers.iter().flat_map(|layer| layer.heads.iter().map(move |head| (layer, head)));
        let rows = heads.map(|(layer, head)| {
            let relative = head.relative.map_or_else(|| "-".into(), |r| format!("{r:.3}"));
            let numbers = [head.entropy, head.uniform].map(|x| format!("{x:.3}"));
            let [entropy, uniform] = numbers;
            vec![layer.layer.to_string(), head.head.to_string(), entropy, uniform, relative]
        });
        screen.table(&["layer", "head", "entropy", "uniform", "ratio"], rows.collect(), &[0, 1, 2, 3, 4])?;
        Ok(())
    }
}
