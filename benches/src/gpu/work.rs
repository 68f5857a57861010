//! One measurement: an attention by itself, or a whole layer.

use std::path::Path;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor, Var};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::graph::rng::Generator;
use candle_geometric::nn::conv::{
    GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig, TransformerConv, TransformerConvConfig,
};
use candle_geometric::nn::{Mode, SeededVarMap};
use candle_geometric::ops::{self, DynamicScoring, Extras};

use super::clock::Clock;
use super::{Row, Size};
use crate::meter;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The attention of GAT alone, from the projected features and the scores of nodes on.
    Additive(DType),
    /// That of GATv2.
    Dynamic(DType),
    /// That of the graph transformer.
    Dot(DType),
    /// A whole layer, H·C → H·C channels, with the loops on the graph.
    Gat,
    /// As `Gat`.
    Gatv2,
    /// As `Gat`.
    Transformer,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Additive(DType::F32),
        Self::Dynamic(DType::F32),
        Self::Dot(DType::F32),
        Self::Additive(DType::F16),
        Self::Dynamic(DType::F16),
        Self::Dot(DType::F16),
        Self::Gat,
        Self::Gatv2,
        Self::Transformer,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Additive(_) => "additive attention",
            Self::Dynamic(_) => "dynamic attention",
            Self::Dot(_) => "dot-product attention",
            Self::Gat => "GATConv",
            Self::Gatv2 => "GATv2Conv",
            Self::Transformer => "TransformerConv",
        }
    }

    fn dtype(self) -> DType {
        match self {
            Self::Additive(dtype) | Self::Dynamic(dtype) | Self::Dot(dtype) => dtype,
            _ => DType::F32,
        }
    }

    /// What the forward pass of an attention moves if every row is fetched anew: of an edge the index of its source, the
    /// scores and the rows that belong to it; of a node its result, and what the backward pass will need.
    fn bytes(self, nodes: f64, edges: f64, (heads, channels): (f64, f64)) -> Option<f64> {
        let size = self.dtype().size_in_bytes() as f64;
        let (row, head) = (heads * channels * size, heads * 4.0);
        match self {
            Self::Additive(_) => Some(edges * (4.0 + head + row) + nodes * (row + 3.0 * head)),
            Self::Dynamic(_) => Some(edges * (4.0 + row) + nodes * (2.0 * row + 2.0 * head)),
            Self::Dot(_) => Some(edges * (4.0 + 2.0 * row) + nodes * (2.0 * row + 2.0 * head)),
            _ => None,
        }
    }
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Forward, without gradients.
    Forward,
    /// Forward and backward, with the gradients of all arguments.
    Both,
}

impl Pass {
    pub(crate) const ALL: [Self; 2] = [Self::Forward, Self::Both];

    fn name(self) -> &'static str {
        match self {
            Self::Forward => "fwd",
            Self::Both => "fb",
        }
    }
}

type Run = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// Measures one.
pub(crate) fn row(
    size: Size,
    edges: &EdgeIndex,
    (heads, channels): (usize, usize),
    kind: Kind,
    pass: Pass,
    device: &Device,
    (clock, repetitions): (&Clock, usize),
) -> Result<Row> {
    let (n, width, dtype) = (size.nodes, heads * channels, kind.dtype());
    let (run, shapes) = work(kind, edges, (n, heads, channels), device)?;
    let new = |shape: &Vec<usize>| -> Result<Tensor> {
        Ok(Tensor::randn(0f32, 1f32, shape.as_slice(), device)?.to_dtype(dtype)?)
    };
    let inputs = shapes.iter().map(new).collect::<Result<Vec<_>>>()?;
    let gradient = new(&vec![n, width])?;
    let step = || -> Result<()> {
        if pass == Pass::Forward {
            return run(&inputs).map(drop);
        }
        let vars = inputs.iter().map(Var::from_tensor).collect::<candle_core::Result<Vec<_>>>()?;
        let args: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
        let gradients = ops::backward_from(&run(&args)?, &gradient)?;
        gradients.get(&vars[0]).context("no gradient")?;
        Ok(())
    };
    let times = clock.times(repetitions, step)?;
    let peak_mb = clock.peak_mb(step)?;
    let (nodes, count) = (n as f64, edges.num_edges() as f64);
    let moved = kind.bytes(nodes, count, (heads as f64, channels as f64));
    Ok(Row {
        graph: size.name.into(),
        what: kind.name().into(),
        heads,
        channels,
        dtype: dtype.as_str().into(),
        pass: pass.name().into(),
        ms: Some(meter::median(&times)),
        peak_mb,
        bytes: moved.filter(|_| pass == Pass::Forward),
    })
}

/// What to repeat, and the shapes of its arguments.
fn work(
    kind: Kind,
    edges: &EdgeIndex,
    (n, heads, channels): (usize, usize, usize),
    device: &Device,
) -> Result<(Run, Vec<Vec<usize>>)> {
    let (edges, width) = (edges.clone(), heads * channels);
    let rows = || vec![n, width];
    let weights = SeededVarMap::new(0);
    let vb = || weights.var_builder(DType::F32, device);
    let generator = Generator::new(0);
    Ok(match kind {
        Kind::Additive(_) => (
            Box::new(move |t: &[Tensor]| {
                Ok(ops::additive_attention(&t[0], &t[1], Some(&t[2]), None, &edges, 0.2, None)?)
            }),
            vec![rows(), vec![n, heads], vec![n, heads]],
        ),
        Kind::Dynamic(_) => (
            Box::new(move |t: &[Tensor]| {
                let scoring = DynamicScoring { att: &t[2], edge_terms: None, negative_slope: 0.2 };
                Ok(ops::dynamic_attention(&t[0], &t[1], scoring, &edges, Extras::default())?)
            }),
            vec![rows(), rows(), vec![heads, channels]],
        ),
        Kind::Dot(_) => (
            Box::new(move |t: &[Tensor]| {
                Ok(ops::dot_product_attention(&t[0], &t[1], &t[2], None, heads, &edges, Extras::default())?)
            }),
            vec![rows(), rows(), rows()],
        ),
        Kind::Gat => {
            let config =
                GatConvConfig { heads, add_self_loops: false, ..GatConvConfig::new(width, channels) };
            let conv = GatConv::new(&config, vb())?;
            (
                Box::new(move |t: &[Tensor]| Ok(conv.forward_t(&t[0], &edges, Mode::Train(&generator))?)),
                vec![rows()],
            )
        }
        Kind::Gatv2 => {
            let config =
                Gatv2ConvConfig { heads, add_self_loops: false, ..Gatv2ConvConfig::new(width, channels) };
            let conv = Gatv2Conv::new(&config, vb())?;
            (
                Box::new(move |t: &[Tensor]| Ok(conv.forward_t(&t[0], &edges, Mode::Train(&generator))?)),
                vec![rows()],
            )
        }
        Kind::Transformer => {
            let config = TransformerConvConfig { heads, ..TransformerConvConfig::new(width, channels) };
            let conv = TransformerConv::new(&config, vb())?;
            (
                Box::new(move |t: &[Tensor]| Ok(conv.forward_t(&t[0], &edges, Mode::Train(&generator))?)),
                vec![rows()],
            )
        }
    })
}

/// Writes the graph for `pyg.py`: `edge_index` `[2, E]` of i64, and the number of nodes.
pub(crate) fn write_graph(folder: &Path, size: Size, edges: &EdgeIndex) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let ids: Vec<i64> = edges.source().iter().chain(edges.destination()).map(|&id| id.into()).collect();
    let tensor = Tensor::from_vec(ids, (2, edges.num_edges()), &Device::Cpu)?;
    let nodes = Tensor::new(&[size.nodes as i64], &Device::Cpu)?;
    let path = folder.join(format!("{}.safetensors", size.name));
    let all = std::collections::HashMap::from([("edge_index", tensor), ("num_nodes", nodes)]);
    Ok(candle_core::safetensors::save(&all, path)?)
}
