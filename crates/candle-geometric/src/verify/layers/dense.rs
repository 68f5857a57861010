//! Layers over dense adjacency matrices.

use anyhow::Result;
use candle_core::Tensor;
use candle_geometric::nn::Mode;
use candle_geometric::nn::dense::{DenseGatConv, DenseGatConvConfig};
use candle_nn::VarBuilder;
use serde_json::Value;

use super::{Entry, config, nodes};
use crate::verify::Outputs;
use crate::verify::gauntlet::Setting;
use crate::verify::inputs::{Inputs, integers, rows};

const GRAPH: Setting = Setting::graph();

pub(super) const LAYERS: &[Entry] = &[Entry::new(
    "DenseGATConv",
    gat,
    &[
        nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2}"#, GRAPH),
        nodes(r#"{"in_channels": 5, "out_channels": 3, "heads": 2, "concat": false}"#, GRAPH),
        nodes(
            r#"{"in_channels": 5, "out_channels": 3, "bias": false, "add_loop": false, "negative_slope": 0.1}"#,
            GRAPH,
        ),
    ],
)];

pub(super) fn gat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let mut kwargs = kwargs.clone();
    // An argument of the forward pass.
    let add_loop = kwargs.as_object_mut().and_then(|k| k.remove("add_loop"));
    let add_loop = add_loop.is_none_or(|value| value != false);
    let conv = DenseGatConv::new(&config::<DenseGatConvConfig>(&kwargs, inputs)?, vb)?;
    let (x, mask) = (inputs.get("x")?, inputs.optional("mask"));
    match inputs.optional("adj") {
        Some(adj) => Ok(vec![("", conv.forward_t(x, adj, mask, add_loop, Mode::Eval)?)]),
        None => {
            Ok(vec![("", conv.forward_t(x, &adjacency(inputs)?, mask, add_loop, Mode::Eval)?.squeeze(0)?)])
        }
    }
}

/// `[N, N]` of a graph that comes with `edge_index`, as the gauntlet's do.
fn adjacency(inputs: &Inputs) -> Result<Tensor> {
    let x = inputs.get("x")?;
    let n = rows(x, "x")?;
    let mut adj = vec![0f32; n * n];
    let edges = inputs.get("edge_index")?;
    let (source, destination) = (edges.narrow(0, 0, 1)?, edges.narrow(0, 1, 1)?);
    for (j, i) in integers(&source, "edge_index")?.into_iter().zip(integers(&destination, "edge_index")?) {
        adj[i as usize * n + j as usize] = 1.0;
    }
    Ok(Tensor::from_vec(adj, (n, n), x.device())?.to_dtype(x.dtype())?)
}
