//! Every kind of task, on data that the tests make: what is learnt is learnt, what must not be seen is not, and what does not
//! fit is an error that says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::knowledge_graph::parse;
use candle_geometric_data::{Graph, GraphDataset, HeteroDataset, KnowledgeGraph, Level, NodeDataset, karate};
use candle_geometric_graph::{EdgeIndex, HeteroGraph};
use candle_geometric_models::{
    Configuration, HeteroModelConfig, KnowledgeModelConfig, MetricKind, ModelConfig,
};
use candle_geometric_nn::SeededVarMap;
use candle_geometric_train::{
    Answer, Error, Recipe, RunOptions, TrainConfig, Trainable, Trained, Trainer, clustering, train_once,
};

fn config<C: Configuration>(model: &str, data: &str, training: &str) -> TrainConfig<C> {
    let text = format!(
        "model = {model}\ndata = {{ name = \"made\", {data} }}\noptimizer = {{ name = \"adam\", lr = 0.02 }}\n\
         training = {{ {training} }}\n"
    );
    TrainConfig::parse_as(&text, "train.toml".as_ref()).unwrap()
}

fn train<C: Configuration + Clone>(config: &TrainConfig<C>, data: &impl Trainable<C>, seed: u64) -> Trained {
    train_once(config, data, seed, &RunOptions::default(), &mut ()).unwrap()
}

fn refused<C: Configuration + Clone>(config: &TrainConfig<C>, data: &impl Trainable<C>) -> String {
    match Trainer::new(config, data, &Device::Cpu) {
        Err(error @ Error::Invalid { .. }) => error.to_string(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

fn undirected(pairs: &[(u32, u32)], n: usize) -> EdgeIndex {
    EdgeIndex::from_pairs(pairs.iter().flat_map(|&(a, b)| [(a, b), (b, a)]), n).unwrap()
}

/// Rings and stars of 4 to 7 nodes, 20 of each; a node only knows its degree.
fn shapes() -> GraphDataset {
    let (mut graphs, mut x, mut y) = (vec![], vec![], vec![]);
    for i in 0..40u32 {
        let n = 4 + i / 2 % 4;
        let pairs: Vec<(u32, u32)> = match i % 2 {
            0 => (0..n).map(|k| (k, (k + 1) % n)).collect(),
            _ => (1..n).map(|k| (0, k)).collect(),
        };
        let graph = undirected(&pairs, n as usize);
        x.extend((0..n as usize).map(|node| [1.0, graph.by_destination().degree(node) as f32]));
        graphs.push(graph);
        y.push(i % 2);
    }
    let x = Tensor::from_slice(x.as_flattened(), (x.len(), 2), &Device::Cpu).unwrap();
    let data = GraphDataset::new("shapes", graphs, x).unwrap();
    data.with_labels(Tensor::new(y, &Device::Cpu).unwrap(), Level::Graph, vec!["ring".into(), "star".into()])
        .unwrap()
}

const CLASSIFIER: &str = r#"{ architecture = "AttentionGraphClassifier",
    config = { in_channels = 2, hidden_channels = 8, out_channels = OUT } }"#;

fn classifier(out: usize) -> String {
    CLASSIFIER.replace("OUT", &out.to_string()).replace('\n', " ")
}

#[test]
fn graphs_are_classified() {
    let training =
        r#"task = "graph-classification", epochs = 60, batch_size = 8, early_stopping = "val-loss""#;
    let config = config(&classifier(2), "protocol = { folds = { folds = 5, val = 0.25 } }", training);
    let trained = train(&config, &shapes(), 0);
    assert!(trained.report.test.unwrap().metric > 0.9, "{:?}", trained.report);
}

#[test]
fn a_stopped_run_of_batches_goes_on_with_the_same_bits() {
    struct StopAt(usize);
    impl candle_geometric_train::Observer for StopAt {
        fn epoch(&mut self, report: &candle_geometric_train::EpochReport) -> candle_geometric_train::Flow {
            match report.epoch == self.0 {
                true => candle_geometric_train::Flow::Stop,
                false => candle_geometric_train::Flow::Continue,
            }
        }
    }
    let training = r#"task = "graph-classification", epochs = 12, batch_size = 7, checkpoint_every = 5"#;
    let config = config(&classifier(2), "protocol = { shares = { train = 0.6, val = 0.2 } }", training);
    let whole = train(&config, &shapes(), 3);
    let dir = tempfile::tempdir().unwrap();
    let out = Some(dir.path().to_path_buf());
    let options = RunOptions { out: out.clone(), resume: false };
    let stopped = train_once(&config, &shapes(), 3, &options, &mut StopAt(7)).unwrap_err();
    assert!(matches!(stopped, Error::Interrupted { epoch: 7 }));
    let resumed = train_once(&config, &shapes(), 3, &RunOptions { out, resume: true }, &mut ()).unwrap();
    for (name, tensor) in &whole.weights {
        let bits =
            |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits);
        assert!(bits(tensor).eq(bits(&resumed.weights[name])), "{name}");
    }
}

/// The number of nodes is predicted; half of the labels are unknown, and wrong where they are.
#[test]
fn numbers_of_graphs_are_learnt_from_what_is_known() {
    let data = shapes();
    let nodes: Vec<[f32; 1]> = data.graphs.iter().map(|g| [g.num_src() as f32]).collect();
    let known: Vec<[f32; 1]> = (0..40).map(|i| [f32::from(u8::from(i % 3 != 0))]).collect();
    let y: Vec<[f32; 1]> =
        nodes.iter().zip(&known).map(|(n, k)| if k[0] == 1.0 { *n } else { [1e6] }).collect();
    let tensor = |v: Vec<[f32; 1]>| Tensor::from_slice(v.as_flattened(), (v.len(), 1), &Device::Cpu).unwrap();
    let data = data.with_labels(tensor(y), Level::Graph, vec!["nodes".into()]).unwrap();
    let data = data.with_label_mask(tensor(known)).unwrap();
    let training = r#"task = "graph-regression", epochs = 150, batch_size = 0, early_stopping = "val-metric", patience = 0"#;
    let model = r#"{ architecture = "AttentiveFP", config = { in_channels = 2, hidden_channels = 16, out_channels = 1,
        edge_dim = 1, num_layers = 1, num_timesteps = 1 } }"#
        .replace('\n', " ");
    let edges = data.num_edges();
    let data = data.with_edge_attr(Tensor::ones((edges, 1), DType::F32, &Device::Cpu).unwrap()).unwrap();
    let config = config(&model, "protocol = { shares = { train = 0.6, val = 0.2 } }", training);
    let report = train(&config, &data, 0).report;
    let rmse = report.test.unwrap().metric;
    // A model that always says the mean is off by about 1.1.
    assert!(rmse < 0.5, "{rmse}");
    // Less is better: the epoch that was kept is the one with the least error.
    assert!(report.val.metric < 0.5, "{report:?}");
}

#[test]
fn another_seed_has_other_data() {
    let training = r#"task = "graph-classification", epochs = 1, metric = "roc-auc""#;
    let config = config(&classifier(2), "protocol = { folds = { folds = 5, val = 0.25 } }", training);
    let trainer = Trainer::new(&config, &shapes(), &Device::Cpu).unwrap();
    assert_eq!(trainer.metric(), MetricKind::RocAuc);
    let report = |seed| trainer.run(seed, &RunOptions::default(), &mut ()).unwrap().report;
    assert_eq!(report(1).test, report(1).test);
    assert_ne!(report(1).train, report(2).train);
}

/// Two groups of 12 nodes, each almost complete, and two edges between them.
fn groups() -> NodeDataset {
    let inside = |first: u32| {
        (first..first + 12)
            .flat_map(move |a| (a + 1..first + 12).map(move |b| (a, b)))
            .filter(|(a, b)| (a + b) % 5 != 0)
    };
    let pairs: Vec<(u32, u32)> = inside(0).chain(inside(12)).chain([(0, 12), (5, 20)]).collect();
    let x = Tensor::eye(24, DType::F32, &Device::Cpu).unwrap();
    let labels: Vec<u32> = (0..24).map(|i| i / 12).collect();
    let mut graph = Graph::new(x, undirected(&pairs, 24)).unwrap();
    graph.y = Some(Tensor::new(labels, &Device::Cpu).unwrap());
    NodeDataset::new("groups", graph, vec!["left".into(), "right".into()]).unwrap()
}

const AUTOENCODER: &str = r#"{ architecture = "GAE", config = { encoder = { architecture = "GAT",
    config = { in_channels = 24, hidden_channels = 8, num_layers = 2, out_channels = 4, heads = 2 } } } }"#;

#[test]
fn hidden_links_are_found_and_groups_too() {
    let model = AUTOENCODER.replace('\n', " ");
    let training = r#"task = "link-prediction", epochs = 60, early_stopping = "val-metric""#;
    let links = config(&model, "protocol = { links = { val = 0.1, test = 0.2 } }", training);
    let report = train(&links, &groups(), 0).report;
    assert!(report.test.unwrap().metric > 0.75, "{report:?}");
    assert!(report.more[&MetricKind::AveragePrecision] > 0.75, "{report:?}");

    let training = r#"task = "clustering", epochs = 60, early_stopping = "none""#;
    let clusters = config(&model, "", training);
    let trainer = Trainer::new(&clusters, &groups(), &Device::Cpu).unwrap();
    assert_eq!((trainer.metric(), trainer.val_metric()), (MetricKind::Nmi, MetricKind::RocAuc));
    let report = trainer.run(0, &RunOptions::default(), &mut ()).unwrap().report;
    assert_eq!(report.test.unwrap().metric, 1.0, "{report:?}");
    assert_eq!(report.more[&MetricKind::Ari], 1.0);
    // Labels play no part: other ones give the same weights.
    let mut other = groups();
    other.graph.y = Some(Tensor::new((0..24).map(|i| i % 2).collect::<Vec<u32>>(), &Device::Cpu).unwrap());
    let other = train(&clusters, &other, 0).report;
    assert_eq!((other.val, other.best_epoch), (report.val, report.best_epoch));
}

#[test]
fn nodes_are_divided_as_the_protocol_says() {
    let model = r#"{ architecture = "GCN", config = { in_channels = 34, hidden_channels = 4, num_layers = 2, out_channels = 2 } }"#;
    let run = |data: &str, seed| {
        let config: TrainConfig = config(model, data, "epochs = 1, metric = \"roc-auc\"");
        train(&config, &karate().unwrap(), seed).report
    };
    let per_class = "protocol = { per-class = { train = 3, val = 4 } }";
    assert_ne!(run(per_class, 0).train, run(per_class, 1).train);
    assert_eq!(run(per_class, 5).test, run(per_class, 5).test);
    let message =
        refused(&config::<ModelConfig>(model, "protocol = \"each\"", "epochs = 1"), &karate().unwrap());
    assert!(message.contains("several published splits"), "{message}");
}

/// Papers whose class is that of their author.
fn papers() -> HeteroDataset {
    let written: Vec<(u32, u32)> = (0..12).map(|paper| (paper, paper % 4)).collect();
    let (of, by) = written.into_iter().unzip();
    let to_author = EdgeIndex::bipartite(of, by, 12, 4).unwrap();
    let to_paper = to_author.reversed();
    let graph = HeteroGraph::new(
        [("paper", 12), ("author", 4)],
        [(("paper", "by", "author"), to_author), (("author", "wrote", "paper"), to_paper)],
    )
    .unwrap();
    let x = Tensor::eye(12, DType::F32, &Device::Cpu).unwrap();
    let mask = |part: u32| (0..12u32).map(|paper| paper / 4 == part).collect::<Vec<bool>>();
    let y = Tensor::new((0..12u32).map(|paper| paper % 2).collect::<Vec<_>>(), &Device::Cpu).unwrap();
    let names = vec!["even".into(), "odd".into()];
    let mut data = HeteroDataset::new("papers", graph, "paper", y, names).unwrap();
    data.x = BTreeMap::from([("paper".to_string(), x)]);
    [data.train_mask, data.val_mask, data.test_mask] = [mask(0), mask(1), mask(2)];
    data
}

const HAN: &str = r#"{ architecture = "HAN", config = { in_channels = 12, out_channels = 2, target = "paper", heads = 2,
    hidden_channels = 8, dropout = 0.0, metadata = [["paper"], [["paper", "pap", "paper"]]] } }"#;

#[test]
fn nodes_of_one_type_are_classified_along_metapaths() {
    let metapaths = r#"metapaths = { pap = [["paper", "by", "author"], ["author", "wrote", "paper"]] }"#;
    let training = r#"epochs = 60, metric = "micro-f1", early_stopping = "val-loss""#;
    let config: TrainConfig<HeteroModelConfig> = config(&HAN.replace('\n', " "), metapaths, training);
    let report = train(&config, &papers(), 0).report;
    assert_eq!(report.test.unwrap().metric, 1.0, "{report:?}");
    assert_eq!(report.more[&MetricKind::MacroF1], 1.0);
    assert_eq!(TrainConfig::parse_as(&config.to_toml().unwrap(), "t".as_ref()).unwrap(), config);
}

/// Brothers are mutual; who is whose child follows from who is whose parent.
fn family() -> KnowledgeGraph {
    let mut facts = String::new();
    for i in 0..10 {
        facts += &format!("p{i}\tparent\tc{i}\nc{i}\tchild\tp{i}\n");
    }
    let asked = "c8\tchild\tp8\nc9\tchild\tp9\n";
    let train: String = facts.split_inclusive('\n').filter(|line| !asked.contains(*line)).collect();
    parse("family", train.as_bytes(), b"c8\tchild\tp8\n", b"c9\tchild\tp9\n").unwrap()
}

#[test]
fn facts_that_follow_are_ranked_first() {
    let model = r#"{ architecture = "RelationalGAT", config = { residual = true,
        convs = [{ in_channels = 16, out_channels = 16, num_relations = 4 }],
        decoder = { DistMult = { num_nodes = 20, num_relations = 4, hidden_channels = 16 } } } }"#
        .replace('\n', " ");
    let training =
        r#"task = "knowledge-graph-completion", epochs = 80, batch_size = 16, early_stopping = "none""#;
    let config: TrainConfig<KnowledgeModelConfig> = config(&model, "", training);
    let report = train(&config, &family(), 0).report;
    assert!(report.test.unwrap().metric > 0.5, "{report:?}");
    assert_eq!(report.more[&MetricKind::Hits10], 1.0);
    assert_eq!(TrainConfig::parse_as(&config.to_toml().unwrap(), "t".as_ref()).unwrap(), config);
}

#[test]
fn what_does_not_fit_is_named() {
    let bad = |data: &str, training: &str| {
        refused(&config::<ModelConfig>(&classifier(2), data, &format!("epochs = 1, {training}")), &shapes())
    };
    let graphs = r#"task = "graph-classification""#;
    for (message, words) in [
        (
            bad("", r#"task = "link-prediction""#),
            "training.task: expected graph-classification or graph-regression",
        ),
        (bad("", graphs), "data.protocol: expected another one: the data has no split of its own, got own"),
        (bad("protocol = \"each\"", graphs), "data.protocol: expected a way to divide many graphs"),
        (
            bad(
                "protocol = { shares = { train = 0.5, val = 0.5 } }",
                &format!("{graphs}, loss = \"mean-squared-error\""),
            ),
            "training.loss: expected cross-entropy",
        ),
        (
            bad("protocol = { shares = { train = 0.5, val = 0.2 } }", &format!("{graphs}, metric = \"mrr\"")),
            "training.metric: expected accuracy or roc-auc",
        ),
        (
            bad("protocol = { shares = { train = 1.0, val = 0.0 } }", graphs),
            "expected validation graphs, got none",
        ),
    ] {
        assert!(message.contains(words), "{message}");
    }
    let links = config::<ModelConfig>(
        &AUTOENCODER.replace('\n', " "),
        "",
        r#"task = "link-prediction", epochs = 1, loss = "cross-entropy""#,
    );
    assert!(refused(&links, &groups()).contains("training.loss: expected none"));
}

#[test]
fn clusters_are_compared_by_entropies_and_by_pairs() {
    let labels = [0, 0, 0, 1, 1, 1, 2, 2];
    let found = [1, 1, 0, 0, 0, 2, 2, 2];
    // By the definitions: entropies of both and of the pairs, and all 28 pairs of points counted.
    let nmi = clustering::normalized_mutual_info(&labels, &found).unwrap();
    let ari = clustering::adjusted_rand(&labels, &found).unwrap();
    assert!((nmi - 0.5588730382170322).abs() < 1e-12, "{nmi}");
    assert!((ari - 0.23809523809523808).abs() < 1e-12, "{ari}");
    assert!(clustering::adjusted_rand(&labels, &found[1..]).is_err());
}

/// A model of seed 0 as it is before training, asked for the test data: its metric, and what it says of every item.
fn untrained<C: Configuration + Clone>(
    config: &TrainConfig<C>,
    data: &impl Trainable<C>,
    names: &[&str],
) -> (f64, Vec<Answer>) {
    let tasks = data.tasks(&config.model, &Recipe::of_training(config), &Device::Cpu).unwrap();
    let task = tasks.of_seed(0).unwrap();
    let map = SeededVarMap::new(0);
    let model = config.model.build_model(map.var_builder(DType::F32, &Device::Cpu)).unwrap();
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    (task.evaluate(&model).unwrap().test.unwrap().metric, task.answers(&model, &names).unwrap())
}

/// The share that is right.
fn right(answers: &[Answer]) -> f64 {
    answers.iter().filter(|answer| answer.right == Some(true)).count() as f64 / answers.len() as f64
}

#[test]
fn what_is_said_in_words_is_what_is_measured() {
    let model = r#"{ architecture = "GCN", config = { in_channels = 34, hidden_channels = 4, num_layers = 2, out_channels = 2 } }"#;
    let (accuracy, answers) = untrained(
        &config::<ModelConfig>(model, "", "epochs = 1"),
        &karate().unwrap(),
        &["Mr. Hi", "Officer"],
    );
    assert_eq!((right(&answers), answers.len()), (accuracy, 18));
    assert_eq!((answers[0].item.as_str(), answers[0].truth.as_str()), ("2", "Mr. Hi"));

    let graphs = "protocol = { shares = { train = 0.5, val = 0.25 } }";
    let config_of = |training: &str| config::<ModelConfig>(&classifier(2), graphs, training);
    let (accuracy, answers) =
        untrained(&config_of(r#"task = "graph-classification", epochs = 1"#), &shapes(), &["ring", "star"]);
    assert_eq!((right(&answers), answers.len()), (accuracy, 10));
    for answer in &answers {
        let star = answer.item.parse::<usize>().unwrap() % 2 == 1;
        assert_eq!(answer.truth, if star { "star" } else { "ring" });
    }

    let links = "protocol = { links = { val = 0.1, test = 0.2 } }";
    let model = AUTOENCODER.replace('\n', " ");
    let training = r#"task = "link-prediction", epochs = 1"#;
    let (_, answers) = untrained(&config::<ModelConfig>(&model, links, training), &groups(), &[]);
    for answer in &answers {
        let (j, i) = answer.item.split_once(" – ").unwrap();
        let pair = (j.parse::<u32>().unwrap(), i.parse::<u32>().unwrap());
        let edge = groups().graph.edge_index.iter().any(|edge| edge == pair);
        assert_eq!(answer.truth, if edge { "an edge" } else { "none" });
        let likely = answer.predicted.parse::<f64>().unwrap();
        assert!(likely == 0.5 || answer.right == Some((likely > 0.5) == edge), "{answer:?}");
    }

    let (micro_f1, answers) = untrained(
        &config::<HeteroModelConfig>(
            &HAN.replace('\n', " "),
            r#"metapaths = { pap = [["paper", "by", "author"], ["author", "wrote", "paper"]] }"#,
            "epochs = 1",
        ),
        &papers(),
        &["even", "odd"],
    );
    assert_eq!((right(&answers), answers.len()), (micro_f1, 4));

    let model = r#"{ architecture = "RelationalGAT", config = {
        convs = [{ in_channels = 4, out_channels = 4, num_relations = 4 }],
        decoder = { DistMult = { num_nodes = 20, num_relations = 4, hidden_channels = 4 } } } }"#;
    let training = r#"task = "knowledge-graph-completion", epochs = 1"#;
    let config = config::<KnowledgeModelConfig>(&model.replace('\n', " "), "", training);
    let names = family().entities;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mrr, answers) = untrained(&config, &family(), &names);
    assert_eq!(
        answers.iter().map(|a| a.item.as_str()).collect::<Vec<_>>(),
        ["(c9, child, ?)", "(p9, child⁻¹, ?)"]
    );
    let rank =
        |a: &Answer| a.truth.split_once("(rank ").unwrap().1.trim_end_matches(')').parse::<f64>().unwrap();
    let mean = answers.iter().map(|a| 1.0 / rank(a)).sum::<f64>() / 2.0;
    assert!((mean - mrr).abs() < 1e-12);
    assert!(answers.iter().all(|a| a.right == Some(rank(a) == 1.0)));
}
