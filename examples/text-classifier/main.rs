//! An app in plain Candle, a classifier of texts with its own model, loss and optimizer, that adds a layer of ours: attention
//! over the links between the texts. With `--data DIR` papers and their citations, with `--quick` generated pages. See the
//! README beside this file.
use anyhow::{Context, ensure};
use candle_geometric::candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, VarMap, linear, loss, ops};
use candle_geometric::data::{Dataset, NodeDataset, normalize_features, word_counts};
use candle_geometric::nn::conv::{GatConv, GatConvConfig};
use candle_geometric::prelude::*;
use candle_geometric_examples::{Arguments, pages};

const WIDTH: usize = 64;

/// The mean of the vectors of a text's words, a hidden layer, the classes. What is new is `links`.
struct Classifier {
    words: Linear,
    links: Option<GatConv>,
    classes: Linear,
}

impl Classifier {
    fn new(words: usize, classes: usize, with_links: bool, vb: VarBuilder<'_>) -> anyhow::Result<Self> {
        let config = GatConvConfig { heads: 8, residual: true, ..GatConvConfig::new(WIDTH, WIDTH / 8) };
        Ok(Self {
            words: linear(words, WIDTH, vb.pp("words"))?,
            links: if with_links { Some(GatConv::new(&config, vb.pp("links"))?) } else { None },
            classes: linear(WIDTH, classes, vb.pp("classes"))?,
        })
    }

    /// `counts` `[N, words]` to logits `[N, classes]`.
    fn forward(&self, counts: &Tensor, edges: &EdgeIndex, train: bool) -> anyhow::Result<Tensor> {
        let mut x = self.words.forward(counts)?.relu()?;
        if train {
            x = ops::dropout(&x, 0.5)?;
        }
        if let Some(links) = &self.links {
            x = links.forward(&x, edges)?.relu()?;
        }
        Ok(self.classes.forward(&x)?)
    }
}

/// The numbers of the nodes of a mask.
fn nodes(mask: &[bool]) -> anyhow::Result<Tensor> {
    let nodes: Vec<u32> = (0u32..).zip(mask).filter(|(_, inside)| **inside).map(|(node, _)| node).collect();
    Ok(Tensor::new(nodes, &Device::Cpu)?)
}

/// The accuracy on the test texts, in the epoch that is best on the validation texts.
fn train(data: &NodeDataset, counts: &Tensor, with_links: bool, epochs: usize) -> anyhow::Result<f64> {
    let (graph, y) = (&data.graph, data.graph.y.as_ref().context("no classes")?);
    let [train, val, test] = [&graph.train_mask, &graph.val_mask, &graph.test_mask].map(|mask| nodes(mask));
    let (train, val, test) = (train?, val?, test?);
    let varmap = VarMap::new();
    let vb = VarBuilder::from_varmap(&varmap, DType::F32, &Device::Cpu);
    let model = Classifier::new(counts.dim(1)?, data.num_classes, with_links, vb)?;
    let parameters = ParamsAdamW { lr: 0.01, weight_decay: 5e-4, ..ParamsAdamW::default() };
    let mut optimizer = AdamW::new(varmap.all_vars(), parameters)?;
    let truth = y.index_select(&train, 0)?;
    let mut best = (0.0, 0.0);
    for _ in 0..epochs {
        let logits = model.forward(counts, &graph.edge_index, true)?;
        let loss = loss::cross_entropy(&logits.index_select(&train, 0)?, &truth)?;
        optimizer.backward_step(&loss)?;
        let right =
            model.forward(counts, &graph.edge_index, false)?.argmax(1)?.eq(y)?.to_dtype(DType::F32)?;
        let accuracy = |part: &Tensor| -> anyhow::Result<f64> {
            Ok(right.index_select(part, 0)?.mean_all()?.to_scalar::<f32>()?.into())
        };
        let val = accuracy(&val)?;
        if val > best.0 {
            best = (val, accuracy(&test)?);
        }
    }
    Ok(best.1)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::read()?;
    let (data, epochs) = if arguments.quick {
        (pages()?, 60)
    } else {
        (Dataset::load("subcora-texts", &arguments.source())?.into_nodes()?, 100)
    };
    let (counts, words) = word_counts(&data.texts, 2)?;
    let counts = normalize_features(&counts)?;
    println!(
        "{} texts, {} words, {} links, {} classes",
        data.texts.len(),
        words.len(),
        data.graph.num_edges(),
        data.num_classes
    );
    let without = train(&data, &counts, false, epochs)?;
    let with = train(&data, &counts, true, epochs)?;
    println!(
        "test accuracy: {:.1} % by the words alone, {:.1} % with attention over links",
        100.0 * without,
        100.0 * with
    );
    ensure!(with > without, "the links have not helped");
    Ok(())
}
