//! Every layer against what PyTorch Geometric computed in float64: outputs and gradients, in f64 and in f32.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::aggr::{
    AttentionalAggregation, AttentionalAggregationConfig, MaxAggregation, MeanAggregation, Set2Set,
    Set2SetConfig, SetTransformerAggregation, SetTransformerAggregationConfig, SoftmaxAggregation,
    SoftmaxAggregationConfig,
};
use candle_geometric_nn::conv::{
    GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig, GcnConv, GcnConvConfig, SageConv, SageConvConfig,
    TransformerConv, TransformerConvConfig,
};
use candle_geometric_nn::norm::{
    GraphNorm, GraphNormConfig, InstanceNorm, InstanceNormConfig, LayerNorm, LayerNormConfig, PairNorm,
    PairNormConfig,
};
use candle_geometric_nn::{Attention, Mode, Nodes, Result, SeededVarMap};
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;
use serde::de::DeserializeOwned;

/// The layers of this crate that there are cases of.
const LAYERS: &[&str] = &[
    "AttentionalAggregation",
    "GATConv",
    "GATv2Conv",
    "GCNConv",
    "GraphNorm",
    "InstanceNorm",
    "LayerNorm",
    "MaxAggregation",
    "MeanAggregation",
    "PairNorm",
    "SAGEConv",
    "Set2Set",
    "SetTransformerAggregation",
    "SoftmaxAggregation",
    "TransformerConv",
];

/// One file: the layer, its arguments as JSON text, its tensors.
struct Case {
    name: String,
    layer: String,
    kwargs: String,
    tensors: BTreeMap<String, Tensor>,
}

impl Case {
    /// None if the case is of a layer that is not here.
    fn read(path: &Path) -> Option<Self> {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        if !LAYERS.contains(&metadata["layer"].as_str()) {
            return None;
        }
        let tensors = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
        Some(Self {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            layer: metadata["layer"].clone(),
            kwargs: metadata["kwargs"].clone(),
            tensors: tensors.into_iter().collect(),
        })
    }

    fn config<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.kwargs).unwrap_or_else(|e| panic!("{}: {}: {e}", self.name, self.kwargs))
    }

    /// The tensors whose names start with `prefix`, without it.
    fn under(&self, prefix: &str) -> BTreeMap<String, Tensor> {
        let strip = |(k, v): (&String, &Tensor)| Some((k.strip_prefix(prefix)?.to_string(), v.clone()));
        self.tensors.iter().filter_map(strip).collect()
    }
}

/// A layer that can be applied to a case's inputs.
struct Inputs {
    vars: BTreeMap<String, Var>,
    edges: Option<EdgeIndex>,
    batch: Option<EdgeIndex>,
}

impl Inputs {
    fn new(case: &Case, dtype: DType) -> Self {
        let inputs = case.under("in.");
        let floats = inputs.iter().filter(|(_, t)| t.dtype().is_float());
        let vars: BTreeMap<_, _> = floats
            .map(|(k, t)| (k.clone(), Var::from_tensor(&t.to_dtype(dtype).unwrap()).unwrap()))
            .collect();
        let rows = |name: &str| vars.get(name).map(|x: &Var| x.dim(0).unwrap());
        let edges = inputs.get("edge_index").map(|t| match (rows("x"), rows("x_src"), rows("x_dst")) {
            (Some(n), ..) => ops::edge_index(t, n).unwrap(),
            (_, Some(src), Some(dst)) => {
                let ids = t.to_dtype(DType::U32).unwrap().to_vec2::<u32>().unwrap();
                EdgeIndex::bipartite(ids[0].clone(), ids[1].clone(), src, dst).unwrap()
            }
            _ => panic!("{}: no node features", case.name),
        });
        let batch = inputs.get("batch").map(|t| {
            let ids = t.to_dtype(DType::U32).unwrap().to_vec1::<u32>().unwrap();
            // A pool gives a row per graph; elsewhere the last graph has a node.
            let pooled = case.layer.ends_with("Aggregation") || case.layer == "Set2Set";
            let graphs = if pooled {
                case.tensors["out"].dim(0).unwrap()
            } else {
                ids.iter().max().map_or(0, |m| *m as usize + 1)
            };
            EdgeIndex::from_batch(&ids, graphs).unwrap()
        });
        Self { vars, edges, batch }
    }

    fn nodes(&self) -> Nodes<'_> {
        match self.vars.get("x") {
            Some(x) => x.as_tensor().into(),
            None => (self.vars["x_src"].as_tensor(), self.vars["x_dst"].as_tensor()).into(),
        }
    }

    fn x(&self) -> &Tensor {
        self.vars["x"].as_tensor()
    }

    fn edges(&self) -> &EdgeIndex {
        self.edges.as_ref().unwrap()
    }

    fn batch(&self) -> &EdgeIndex {
        self.batch.as_ref().unwrap()
    }

    fn edge_attr(&self) -> Option<&Tensor> {
        self.vars.get("edge_attr").map(|v| v.as_tensor())
    }
}

type Outputs = (Tensor, Option<Attention>);
type Layer = Box<dyn Fn(&Inputs) -> Result<Outputs>>;

/// The layer of a case, with its parameters from `vb`.
fn build(case: &Case, vb: VarBuilder) -> Result<Layer> {
    fn boxed(f: impl Fn(&Inputs) -> Result<Outputs> + 'static) -> Layer {
        Box::new(f)
    }
    let with_attention = case.tensors.contains_key("out.alpha");
    match case.layer.as_str() {
        "GATConv" => GatConv::new(&case.config::<GatConvConfig>(), vb).map(|l| {
            boxed(move |i| {
                let (y, a) = l.forward_with_attention(i.nodes(), i.edges(), i.edge_attr(), Mode::Eval)?;
                Ok((y, with_attention.then_some(a)))
            })
        }),
        "GATv2Conv" => Gatv2Conv::new(&case.config::<Gatv2ConvConfig>(), vb).map(|l| {
            boxed(move |i| {
                let (y, a) = l.forward_with_attention(i.nodes(), i.edges(), i.edge_attr(), Mode::Eval)?;
                Ok((y, with_attention.then_some(a)))
            })
        }),
        "TransformerConv" => TransformerConv::new(&case.config::<TransformerConvConfig>(), vb).map(|l| {
            boxed(move |i| {
                let (y, a) = l.forward_with_attention(i.nodes(), i.edges(), i.edge_attr(), Mode::Eval)?;
                Ok((y, with_attention.then_some(a)))
            })
        }),
        "GCNConv" => GcnConv::new(&case.config::<GcnConvConfig>(), vb)
            .map(|l| boxed(move |i| Ok((l.forward(i.x(), i.edges())?, None)))),
        "SAGEConv" => SageConv::new(&case.config::<SageConvConfig>(), vb)
            .map(|l| boxed(move |i| Ok((l.forward(i.nodes(), i.edges())?, None)))),
        "GraphNorm" => GraphNorm::new(&case.config::<GraphNormConfig>(), vb)
            .map(|l| boxed(move |i| Ok((l.forward(i.x(), i.batch.as_ref())?, None)))),
        "InstanceNorm" => InstanceNorm::new(&case.config::<InstanceNormConfig>(), vb)
            .map(|l| boxed(move |i| Ok((l.forward_t(i.x(), i.batch.as_ref(), Mode::Eval)?, None)))),
        "LayerNorm" => LayerNorm::new(&case.config::<LayerNormConfig>(), vb)
            .map(|l| boxed(move |i| Ok((l.forward(i.x(), i.batch.as_ref())?, None)))),
        "PairNorm" => {
            let l = PairNorm::new(&case.config::<PairNormConfig>());
            Ok(boxed(move |i| Ok((l.forward(i.x(), i.batch.as_ref())?, None))))
        }
        "AttentionalAggregation" => {
            AttentionalAggregation::new(&case.config::<AttentionalAggregationConfig>(), vb)
                .map(|l| boxed(move |i| Ok((l.forward(i.x(), i.batch())?, None))))
        }
        "MaxAggregation" => {
            let l: MaxAggregation = case.config();
            Ok(boxed(move |i| Ok((l.forward(i.x(), i.batch())?, None))))
        }
        "MeanAggregation" => {
            let l: MeanAggregation = case.config();
            Ok(boxed(move |i| Ok((l.forward(i.x(), i.batch())?, None))))
        }
        "Set2Set" => Set2Set::new(&case.config::<Set2SetConfig>(), vb)
            .map(|l| boxed(move |i| Ok((l.forward(i.x(), i.batch())?, None)))),
        "SetTransformerAggregation" => {
            SetTransformerAggregation::new(&case.config::<SetTransformerAggregationConfig>(), vb)
                .map(|l| boxed(move |i| Ok((l.forward(i.x(), i.batch())?, None))))
        }
        "SoftmaxAggregation" => SoftmaxAggregation::new(&case.config::<SoftmaxAggregationConfig>(), vb)
            .map(|l| boxed(move |i| Ok((l.forward(i.x(), i.batch())?, None)))),
        other => panic!("{other}"),
    }
}

/// The largest error relative to the scale of the expected values; infinite where one is not finite.
fn error(actual: Option<&Tensor>, expected: &Tensor, what: &str) -> f64 {
    let values =
        |t: &Tensor| t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
    let b = values(expected);
    let a = match actual {
        Some(t) => {
            assert_eq!(t.dims(), expected.dims(), "{what}");
            values(t)
        }
        None => vec![0.0; b.len()],
    };
    let scale = b.iter().fold(1f64, |m, v| m.max(v.abs()));
    let worst =
        |m: f64, (a, b): (&f64, &f64)| if (a - b).is_nan() { f64::INFINITY } else { m.max((a - b).abs()) };
    a.iter().zip(&b).fold(0.0, worst) / scale
}

/// The largest error of a case, over outputs and gradients.
fn check(case: &Case, dtype: DType) -> f64 {
    let map = SeededVarMap::new(0);
    let layer = build(case, map.var_builder(dtype, &Device::Cpu)).unwrap();
    let mut parameters = case.under("param.");
    if case.kwargs.contains("\"share_weights\": true") {
        parameters.retain(|name, _| !name.starts_with("lin_r")); // saved twice
    }
    map.load_tensors(&parameters).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let inputs = Inputs::new(case, dtype);
    let (out, attention) = layer(&inputs).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let mut worst = 0f64;
    let mut compare = |what: &str, actual: Option<&Tensor>, expected: &Tensor| {
        let e = error(actual, expected, &format!("{} {what}", case.name));
        if e > tolerance(dtype) {
            eprintln!("{} {dtype:?} {what}: {e:e}", case.name);
        }
        worst = worst.max(e);
    };
    compare("out", Some(&out), case.tensors.get("out").unwrap_or_else(|| &case.tensors["out.y"]));
    if let Some(a) = attention {
        let edges = ops::edge_index_tensor(&a.edges, &Device::Cpu).unwrap();
        assert_eq!(error(Some(&edges), &case.tensors["out.alpha_edge_index"], &case.name), 0.0);
        compare("alpha", Some(&a.alpha), &case.tensors["out.alpha"]);
    }
    let v = case.tensors["cotangent"].to_dtype(dtype).unwrap();
    let grads = (out * v).unwrap().sum_all().unwrap().backward().unwrap();
    for (name, expected) in case.under("grad.in.") {
        compare(&format!("grad.in.{name}"), grads.get(&inputs.vars[&name]), &expected);
    }
    for (name, expected) in case.under("grad.param.") {
        compare(&format!("grad.param.{name}"), grads.get(&map.get(&name).unwrap()), &expected);
    }
    worst
}

fn tolerance(dtype: DType) -> f64 {
    if dtype == DType::F64 { 1e-10 } else { 2e-5 }
}

#[test]
fn layers_agree_with_pytorch_geometric() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/parity/pyg");
    if !folder.is_dir() {
        assert!(std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_none(), "{}", folder.display());
        eprintln!("SKIPPED layers_agree_with_pytorch_geometric: ../shared is not here");
        return;
    }
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut seen = BTreeSet::new();
    let mut failed = vec![];
    for case in files.iter().filter_map(|f| Case::read(f)) {
        seen.insert(case.layer.clone());
        for dtype in [DType::F64, DType::F32] {
            let worst = check(&case, dtype);
            if worst > tolerance(dtype) {
                failed.push(format!("{} {dtype:?}: {worst:e}", case.name));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(seen.len(), LAYERS.len(), "only cases of {seen:?}");
}
