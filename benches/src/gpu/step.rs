//! A full-batch step of training: GAT of three layers, 100 features, 4 heads of 64 channels, 47 classes, as one would train on
//! ogbn-products.

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use candle_geometric::graph::EdgeIndex;
use candle_geometric::graph::rng::Generator;
use candle_geometric::models::{GatConfig, ModelConfig};
use candle_geometric::nn::{Mode, SeededVarMap};
use candle_geometric::ops;
use candle_geometric::train::optim::AdamConfig;
use candle_geometric::train::{MaskedLoss, Optimizer, OptimizerConfig, Targets};

use super::clock::Clock;
use super::{Row, Size};
use crate::meter;

const FEATURES: usize = 100;
const CLASSES: usize = 47;

pub(crate) fn row(
    size: Size,
    edges: &EdgeIndex,
    device: &Device,
    (clock, repetitions): (&Clock, usize),
) -> Result<Row> {
    let (heads, channels) = (4, 64);
    let config = GatConfig {
        heads,
        out_channels: Some(CLASSES),
        dropout: 0.5,
        act: Some("elu".into()),
        add_self_loops: false,
        ..GatConfig::new(FEATURES, heads * channels, 3)
    };
    let weights = SeededVarMap::new(0);
    let model = ModelConfig::Gat(config).build(weights.var_builder(DType::F32, device))?;
    let adam = OptimizerConfig::Adam(AdamConfig { lr: 0.001, ..AdamConfig::default() });
    let mut optimizer = Optimizer::new(&adam, &weights.vars())?;
    let x = Tensor::randn(0f32, 1f32, (size.nodes, FEATURES), device)?;
    let labels: Vec<u32> = (0..size.nodes as u32).map(|node| node % CLASSES as u32).collect();
    // The share of nodes that ogbn-products trains on.
    let mask: Vec<bool> = (0..size.nodes).map(|node| node % 12 == 0).collect();
    let loss = MaskedLoss::new(&Targets::classes(&labels, CLASSES)?, &mask, "train_mask")?;
    let generator = Generator::new(0);
    let mut step = || -> Result<()> {
        let out = model.forward_t(&x, edges, None, Mode::Train(&generator))?;
        let loss = loss.forward(&out)?;
        optimizer.step(&ops::backward(&loss)?)?;
        let value = loss.to_dtype(DType::F32)?.to_scalar::<f32>().context("the loss")?;
        if !value.is_finite() {
            bail!("the loss is {value}");
        }
        Ok(())
    };
    let times = clock.times(repetitions, &mut step)?;
    let peak_mb = clock.peak_mb(step)?;
    Ok(Row {
        graph: size.name.into(),
        what: "GAT, three layers, step of training".into(),
        heads,
        channels,
        dtype: "f32".into(),
        pass: "step".into(),
        ms: Some(meter::median(&times)),
        peak_mb,
        bytes: None,
    })
}
