use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor, Var};
use candle_geometric::graph::rng::Stream;
use candle_geometric::nn::SeededVarMap;
use candle_nn::VarBuilder;
use serde_json::Value;

use super::sample::{Kind, Sample};
use super::{Rows, Trial};
use crate::verify::compare::relative_error;
use crate::verify::inputs::Inputs;
use crate::verify::parameters::Parameters;
use crate::verify::{Layer, Outputs};

/// How far results may be apart that only differ in the order of sums.
const CLOSE: f64 = 1e-10;
/// How far a gradient may be from a finite difference.
const SLOPE: f64 = 2e-6;
/// How far results of half precision may be, in units of its precision: several maps, each of whose results is rounded.
const HALVES: f64 = 32.0;
/// The step of finite differences.
const STEP: f64 = 1e-6;

/// A layer with parameters, and what it is tried on.
pub(super) struct Bench<'a> {
    layer: Layer,
    trial: &'a Trial,
    kwargs: Value,
    parameters: BTreeMap<String, Tensor>,
}

/// Results and gradients as bits.
type Bits = Vec<Vec<u64>>;

impl<'a> Bench<'a> {
    pub(super) fn new(layer: Layer, trial: &'a Trial) -> Result<Self> {
        let kwargs = serde_json::from_str(trial.kwargs).context("kwargs of the trial")?;
        let map = SeededVarMap::new(1);
        let mut bench = Self { layer, trial, kwargs, parameters: BTreeMap::new() };
        let vb = map.var_builder(DType::F64, &Device::Cpu);
        bench.apply_with(vb, &bench.sample(Kind::Odd, 1), DType::F64).context("the first time")?;
        for (k, (name, start)) in map.to_tensors()?.into_iter().enumerate() {
            // Off the values that parameters start from, which may be zero; variances stay positive.
            let noise = |i: u64| 0.3 * Stream::new(2, k as u64).normal(i);
            let noise: Vec<f64> = (0..start.elem_count() as u64).map(noise).collect();
            let noise = Tensor::from_vec(noise, start.shape(), &Device::Cpu)?;
            let value = if is_statistic(&name) { (start + noise.abs()?)? } else { (start + noise)? };
            bench.parameters.insert(name, value);
        }
        Ok(bench)
    }

    pub(super) fn sample(&self, kind: Kind, seed: u64) -> Sample {
        Sample::new(&self.trial.setting, kind, seed)
    }

    fn apply_with(&self, vb: VarBuilder<'_>, sample: &Sample, dtype: DType) -> Result<Outputs> {
        self.apply_to(vb, sample.tensors(dtype)?, self.parameters.clone(), sample)
    }

    fn apply_to(
        &self,
        vb: VarBuilder<'_>,
        tensors: BTreeMap<String, Tensor>,
        parameters: BTreeMap<String, Tensor>,
        sample: &Sample,
    ) -> Result<Outputs> {
        let rows = match self.trial.rows {
            Rows::Graphs => sample.graphs,
            _ => sample.sets.last().map_or(0, |set| set.nodes),
        };
        let outputs = BTreeMap::from([(String::new(), vec![rows])]);
        (self.layer)(&self.kwargs, vb, &Inputs { tensors, parameters, outputs })
    }

    fn builder(parameters: &BTreeMap<String, Tensor>) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(Parameters(parameters.clone())), DType::F64, Device::Cpu)
    }

    fn outputs(&self, sample: &Sample) -> Result<Outputs> {
        self.apply_with(Self::builder(&self.parameters), sample, DType::F64)
    }

    /// The results with everything in them as a variable, and the gradients of Σ result · cotangent.
    pub(super) fn with_gradients(&self, sample: &Sample) -> Result<(Outputs, BTreeMap<String, Tensor>)> {
        self.with_gradients_of(sample.tensors(DType::F64)?, sample)
    }

    fn with_gradients_of(
        &self,
        inputs: BTreeMap<String, Tensor>,
        sample: &Sample,
    ) -> Result<(Outputs, BTreeMap<String, Tensor>)> {
        let variable = |(name, t): (String, Tensor)| -> Result<(String, Tensor, Option<Var>)> {
            match t.dtype().is_float() {
                true => {
                    Var::from_tensor(&t).map(|v| (name, v.as_tensor().clone(), Some(v))).map_err(Into::into)
                }
                false => Ok((name, t, None)),
            }
        };
        let inputs = inputs.into_iter().map(variable).collect::<Result<Vec<_>>>()?;
        let parameters = self.parameters.clone().into_iter().map(variable).collect::<Result<Vec<_>>>()?;
        let named = |all: &[(String, Tensor, Option<Var>)]| {
            all.iter().map(|(n, t, _)| (n.clone(), t.clone())).collect::<BTreeMap<_, _>>()
        };
        let of = named(&parameters);
        let outputs = self.apply_to(Self::builder(&of), named(&inputs), of, sample)?;
        let mut gradients = BTreeMap::new();
        let store = match loss(&outputs)? {
            Some(loss) if loss.track_op() => Some(candle_geometric::ops::backward(&loss)?),
            _ => None,
        };
        for (prefix, all) in [("in.", &inputs), ("param.", &parameters)] {
            for (name, _, variable) in all {
                let Some(variable) = variable else { continue };
                let found = store.as_ref().and_then(|s| s.get(variable)).cloned();
                gradients.insert(format!("{prefix}{name}"), found.map_or_else(|| variable.zeros_like(), Ok)?);
            }
        }
        Ok((outputs, gradients))
    }

    pub(super) fn differences(&self) -> Result<()> {
        let sample = self.sample(Kind::Odd, 3);
        let (_, gradients) = self.with_gradients(&sample)?;
        let inputs = sample.tensors(DType::F64)?;
        for (k, (name, gradient)) in gradients.iter().enumerate() {
            let other = self.trial.setting.other_gradients.contains(&name.as_str());
            if other || is_statistic(name) || gradient.elem_count() == 0 {
                continue;
            }
            let direction = random(gradient.dims(), 100 + k as u64)?;
            let moved = |by: f64| -> Result<f64> {
                let (mut inputs, mut parameters) = (inputs.clone(), self.parameters.clone());
                let step = |t: &Tensor| t + (&direction * by)?;
                for (prefix, all) in [("in.", &mut inputs), ("param.", &mut parameters)] {
                    if let Some(t) = name.strip_prefix(prefix).and_then(|n| all.get_mut(n)) {
                        *t = step(t)?;
                    }
                }
                let outputs = self.apply_to(Self::builder(&parameters), inputs, parameters, &sample)?;
                loss(&outputs)?.map_or(Ok(0.0), |l| Ok(l.to_scalar::<f64>()?))
            };
            let slope = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
            let ours = (gradient * &direction)?.sum_all()?.to_scalar::<f64>()?;
            let off = (slope - ours).abs() / slope.abs().max(1.0);
            ensure!(off <= SLOPE, "`{name}`: the gradient along a direction is {ours}, the slope {slope}");
        }
        Ok(())
    }

    pub(super) fn permutations(&self) -> Result<()> {
        if self.trial.rows == Rows::Other {
            return Ok(());
        }
        let sample = self.sample(Kind::Odd, 4).union(&self.sample(Kind::Star, 5));
        let (shuffled, nodes, edges) = sample.shuffled(6);
        for ((name, a), (_, b)) in self.outputs(&sample)?.iter().zip(&self.outputs(&shuffled)?) {
            let expected = match (self.trial.rows, sample.set_of(name), edges.first()) {
                (_, _, Some(order)) if matches!(*name, "edges" | "alpha") => select(a, order)?,
                (Rows::Nodes, Some(set), _) => select(a, &nodes[set])?,
                (Rows::Edges, _, Some(order)) => select(a, order)?,
                _ => a.clone(),
            };
            close(name, b, &expected)?;
        }
        Ok(())
    }

    pub(super) fn batches(&self) -> Result<()> {
        if self.trial.rows == Rows::Other {
            return Ok(());
        }
        let (alone, mate) = (self.sample(Kind::Odd, 7), self.sample(Kind::Star, 8).scaled(10.0));
        for ((name, a), (_, b)) in self.outputs(&alone)?.iter().zip(&self.outputs(&alone.union(&mate))?) {
            let rows: Vec<usize> = (0..a.dim(0)?).collect();
            ensure!(
                b.dim(0)? >= rows.len(),
                "`{name}`: a batch gives {:?}, one graph {:?}",
                b.dims(),
                a.dims()
            );
            close(name, &select(b, &rows)?, a)?;
        }
        Ok(())
    }

    pub(super) fn degenerate(&self) -> Result<()> {
        for kind in Kind::ALL {
            let (outputs, gradients) =
                self.with_gradients(&self.sample(kind, 9)).with_context(|| format!("{kind:?}"))?;
            for (name, t) in
                outputs.iter().map(|(n, t)| (*n, t)).chain(gradients.iter().map(|(n, t)| (n.as_str(), t)))
            {
                finite(name, t).with_context(|| format!("{kind:?}"))?;
            }
        }
        Ok(())
    }

    pub(super) fn large(&self) -> Result<()> {
        if !self.trial.setting.large {
            return Ok(());
        }
        let (outputs, gradients) = self.with_gradients(&self.sample(Kind::Odd, 10).scaled(1e4))?;
        let gradients = gradients.iter().map(|(n, t)| (n.as_str(), t));
        outputs.iter().map(|(n, t)| (*n, t)).chain(gradients).try_for_each(|(name, t)| finite(name, t))
    }

    /// Where scores are inputs: a graph all of whose scores are −∞ gets weights of 0, and gradients that are finite.
    pub(super) fn masked(&self) -> Result<()> {
        let Some(scores) = self.trial.setting.scores else { return Ok(()) };
        let sample = self.sample(Kind::Odd, 16);
        let mut inputs = sample.tensors(DType::F64)?;
        let graph_of = inputs.get("batch").context("batch")?.to_vec1::<i64>()?;
        let given = inputs.get(scores).context(scores)?;
        let out = |row: usize| graph_of[row] == graph_of[0];
        let rows = given.to_vec2::<f64>()?.into_iter().enumerate();
        let rows = rows.map(|(row, s)| if out(row) { vec![f64::NEG_INFINITY; s.len()] } else { s });
        let masked = Tensor::new(rows.collect::<Vec<_>>(), given.device())?;
        inputs.insert(scores.to_string(), masked);
        let (outputs, gradients) = self.with_gradients_of(inputs, &sample)?;
        for (name, t) in &outputs {
            finite(name, t)?;
            let weights = t.to_vec2::<f64>()?.into_iter().enumerate();
            let zero = weights.filter(|(row, _)| out(*row)).flat_map(|(_, w)| w).all(|w| w == 0.0);
            ensure!(zero, "`{name}`: a graph without a finite score has weights other than 0");
        }
        gradients.iter().try_for_each(|(name, t)| finite(name, t))
    }

    pub(super) fn threads(&self) -> Result<()> {
        let sample = self.sample(Kind::Odd, 11).union(&self.sample(Kind::Star, 12));
        let run = |threads| -> Result<Bits> {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
            let (outputs, gradients) = pool.install(|| self.with_gradients(&sample))?;
            outputs.iter().map(|(_, t)| t).chain(gradients.values()).map(bits).collect()
        };
        let expected = run(1)?;
        for threads in [1, 2, 3, 8] {
            ensure!(run(threads)? == expected, "{threads} threads give other bits than one");
        }
        Ok(())
    }

    pub(super) fn saved(&self) -> Result<()> {
        let sample = self.sample(Kind::Odd, 13);
        let file = safetensors::serialize(&self.parameters, None)?;
        let vb = VarBuilder::from_buffered_safetensors(file, DType::F64, &Device::Cpu)?;
        let bits_of = |outputs: Outputs| outputs.iter().map(|(_, t)| bits(t)).collect::<Result<Bits>>();
        let loaded = bits_of(self.apply_with(vb, &sample, DType::F64)?)?;
        ensure!(loaded == bits_of(self.outputs(&sample)?)?, "other bits after saving and loading");
        Ok(())
    }

    /// f16 and bf16, beside f64 on the same numbers.
    pub(super) fn halves(&self) -> Result<()> {
        if self.trial.rows == Rows::Other {
            return Ok(());
        }
        let sample = self.sample(Kind::Odd, 15);
        for (dtype, precision) in [(DType::F16, 2f64.powi(-11)), (DType::BF16, 2f64.powi(-8))] {
            let round = |all: &BTreeMap<String, Tensor>, to: DType| -> Result<BTreeMap<String, Tensor>> {
                let rounded = |t: &Tensor| match t.dtype().is_float() {
                    true => t.to_dtype(dtype)?.to_dtype(to),
                    false => Ok(t.clone()),
                };
                all.iter().map(|(name, t)| Ok((name.clone(), rounded(t)?))).collect()
            };
            let run = |to: DType| -> Result<Outputs> {
                let parameters = round(&self.parameters, to)?;
                let backend = Box::new(Parameters(parameters.clone()));
                let vb = VarBuilder::from_backend(backend, to, Device::Cpu);
                self.apply_to(vb, round(&sample.tensors(DType::F64)?, to)?, parameters, &sample)
            };
            for ((name, actual), (_, expected)) in
                run(dtype).with_context(|| format!("{dtype:?}"))?.iter().zip(&run(DType::F64)?)
            {
                let error = relative_error(actual, expected).with_context(|| format!("output `{name}`"))?;
                ensure!(error <= HALVES * precision, "{dtype:?}: output `{name}`: off by {error:e}");
            }
        }
        Ok(())
    }

    pub(super) fn shapes(&self) -> Result<()> {
        let sample = self.sample(Kind::Odd, 14);
        let inputs = sample.tensors(DType::F64)?;
        for (name, tensor) in &inputs {
            let argument = name.split('.').next().unwrap_or(name);
            if !["x", "x_src", "x_dst", "edge_attr", "edge_weight", "pos"].contains(&argument) {
                continue;
            }
            if argument.starts_with('x') && self.trial.setting.any_width {
                continue;
            }
            let mut dims = tensor.dims().to_vec();
            // Rows of x say how many nodes there are: they cannot be wrong.
            let which = if argument.starts_with('x') { dims.len() - 1 } else { 0 };
            dims[which] += 1;
            let mut wrong = inputs.clone();
            wrong.insert(name.clone(), Tensor::zeros(dims.as_slice(), DType::F64, &Device::Cpu)?);
            let vb = Self::builder(&self.parameters);
            match self.apply_to(vb, wrong, self.parameters.clone(), &sample) {
                Ok(_) => bail!("`{name}` of shape {dims:?} instead of {:?} is taken", tensor.dims()),
                Err(error) => {
                    let message = format!("{error:#}");
                    let said = message.contains(argument) && message.contains(&format!("{dims:?}"));
                    ensure!(said, "the error does not name `{argument}` and {dims:?}: {message}");
                }
            }
        }
        Ok(())
    }
}

/// Running statistics, which have no gradient.
fn is_statistic(name: &str) -> bool {
    name.contains("running_") || name.contains("num_batches_tracked")
}

fn random(shape: &[usize], seed: u64) -> Result<Tensor> {
    let stream = Stream::new(seed, 0xC07);
    let numbers: Vec<f64> = (0..shape.iter().product::<usize>() as u64).map(|i| stream.normal(i)).collect();
    Ok(Tensor::from_vec(numbers, shape, &Device::Cpu)?)
}

/// A weighted sum of all numbers in the results.
fn loss(outputs: &Outputs) -> Result<Option<Tensor>> {
    let mut sum: Option<Tensor> = None;
    for (k, (_, t)) in outputs.iter().enumerate() {
        if t.dtype().is_float() && t.elem_count() > 0 {
            let term = (t * random(t.dims(), 50 + k as u64)?)?.sum_all()?;
            sum = Some(match sum {
                Some(sum) => (sum + term)?,
                None => term,
            });
        }
    }
    Ok(sum)
}

fn select(t: &Tensor, rows: &[usize]) -> Result<Tensor> {
    let rows: Vec<u32> = rows.iter().map(|&r| u32::try_from(r)).collect::<Result<_, _>>()?;
    let count = rows.len();
    Ok(t.contiguous()?.index_select(&Tensor::from_vec(rows, count, &Device::Cpu)?, 0)?)
}

fn close(name: &str, actual: &Tensor, expected: &Tensor) -> Result<()> {
    let error = relative_error(actual, expected).with_context(|| format!("output `{name}`"))?;
    ensure!(error <= CLOSE, "output `{name}`: off by {error:e}");
    Ok(())
}

fn numbers(t: &Tensor) -> Result<Vec<f64>> {
    if t.elem_count() == 0 {
        return Ok(vec![]);
    }
    Ok(t.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?)
}

fn bits(t: &Tensor) -> Result<Vec<u64>> {
    Ok(numbers(t)?.into_iter().map(f64::to_bits).collect())
}

fn finite(name: &str, t: &Tensor) -> Result<()> {
    ensure!(numbers(t)?.iter().all(|v| v.is_finite()), "`{name}` is not finite");
    Ok(())
}
