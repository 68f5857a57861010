//! Layers over the edges of a graph.

use anyhow::Result;
use candle_core::{DType, Tensor};
use candle_geometric::nn::Mode;
use candle_geometric::nn::conv::{
    Attention, GatConv, GatConvConfig, Gatv2Conv, Gatv2ConvConfig, GcnConv, GcnConvConfig, SageConv,
    SageConvConfig, TransformerConv, TransformerConvConfig,
};
use candle_geometric::ops;
use candle_nn::VarBuilder;
use serde_json::Value;

use super::config;
use crate::verify::Outputs;
use crate::verify::inputs::Inputs;

pub(super) fn gat(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GatConv::new(&config::<GatConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.nodes()?, inputs.edges()?, inputs.optional("edge_attr"));
    if inputs.wants("y") {
        return attended(conv.forward_with_attention(x, &edges, edge_attr, Mode::Eval)?);
    }
    Ok(vec![("", conv.forward_edges(x, &edges, edge_attr, Mode::Eval)?)])
}

pub(super) fn gatv2(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = Gatv2Conv::new(&config::<Gatv2ConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.nodes()?, inputs.edges()?, inputs.optional("edge_attr"));
    if inputs.wants("y") {
        return attended(conv.forward_with_attention(x, &edges, edge_attr, Mode::Eval)?);
    }
    Ok(vec![("", conv.forward_edges(x, &edges, edge_attr, Mode::Eval)?)])
}

pub(super) fn gcn(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = GcnConv::new(&config::<GcnConvConfig>(kwargs, inputs)?, vb)?;
    let out =
        conv.forward_edges(inputs.get("x")?, &inputs.edges()?, inputs.optional("edge_weight"), Mode::Eval)?;
    Ok(vec![("", out)])
}

pub(super) fn sage(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = SageConv::new(&config::<SageConvConfig>(kwargs, inputs)?, vb)?;
    Ok(vec![("", conv.forward(inputs.nodes()?, &inputs.edges()?)?)])
}

pub(super) fn transformer(kwargs: &Value, vb: VarBuilder<'_>, inputs: &Inputs) -> Result<Outputs> {
    let conv = TransformerConv::new(&config::<TransformerConvConfig>(kwargs, inputs)?, vb)?;
    let (x, edges, edge_attr) = (inputs.nodes()?, inputs.edges()?, inputs.optional("edge_attr"));
    if inputs.wants("y") {
        return attended(conv.forward_with_attention(x, &edges, edge_attr, Mode::Eval)?);
    }
    Ok(vec![("", conv.forward_edges(x, &edges, edge_attr, Mode::Eval)?)])
}

/// What PyG returns with `return_attention_weights=True`.
fn attended((y, attention): (Tensor, Attention)) -> Result<Outputs> {
    let edges = ops::edge_index_tensor(&attention.edges, y.device())?.to_dtype(DType::I64)?;
    Ok(vec![("y", y), ("alpha_edge_index", edges), ("alpha", attention.alpha)])
}
