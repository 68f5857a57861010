use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Shape, Tensor, Var};
use candle_geometric_graph::rng::Stream;
use candle_nn::init::NormalOrUniform;
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::{Result, WeightsError};

/// The named parameters of a model under training, initialised from a seed.
///
/// Candle's `VarMap` with three differences: a parameter starts from the stream of *its name*, so its first value
/// depends on the seed alone and not on the order in which layers are made; the names are in order; and loading
/// says everything that does not fit at once.
///
/// Clones share the parameters.
///
/// ```
/// use candle_core::{DType, Device};
/// use candle_geometric_nn::{Linear, SeededVarMap};
/// # fn main() -> Result<(), candle_geometric_nn::Error> {
/// let map = SeededVarMap::new(7);
/// let vb = map.var_builder(DType::F32, &Device::Cpu);
/// let _layer = Linear::new(5, 4, true, vb.pp("lin"))?;
/// let names: Vec<String> = map.vars().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["lin.bias", "lin.weight"]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct SeededVarMap {
    seed: u64,
    vars: Arc<Mutex<BTreeMap<String, Var>>>,
}

impl SeededVarMap {
    /// A map without parameters; they come into being when a layer asks for them.
    pub fn new(seed: u64) -> Self {
        Self { seed, vars: Arc::default() }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The builder to make layers with.
    pub fn var_builder(&self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }

    /// All parameters, and the running statistics of norms, in the order of their names. Running statistics get no
    /// gradient, so optimisers leave them alone.
    pub fn vars(&self) -> Vec<(String, Var)> {
        self.lock().iter().map(|(name, var)| (name.clone(), var.clone())).collect()
    }

    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<Var> {
        self.lock().get(name).cloned()
    }

    /// A copy of all values: later training does not change it.
    ///
    /// # Errors
    /// If the device runs out of memory.
    pub fn to_tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        let copy = |(name, var): (&String, &Var)| Ok((name.clone(), var.as_detached_tensor().copy()?));
        self.lock().iter().map(copy).collect()
    }

    /// Sets one parameter. The value is cast to the parameter's type and moved to its device.
    ///
    /// # Errors
    /// If there is no such parameter or the shapes differ.
    pub fn set(&self, name: &str, value: &Tensor) -> Result<()> {
        let mut wrong = WeightsError::default();
        match self.get(name) {
            None => wrong.unexpected.push(name.to_string()),
            Some(var) if var.dims() != value.dims() => {
                wrong.shapes.push((name.to_string(), var.dims().to_vec(), value.dims().to_vec()));
            }
            Some(var) => return assign(&var, value),
        }
        Err(wrong.into())
    }

    /// Sets all parameters from tensors under the same names, or none of them.
    ///
    /// # Errors
    /// [`WeightsError`] with every missing, unexpected, wrongly shaped or not finite tensor.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use candle_core::{DType, Device, Tensor};
    /// use candle_geometric_nn::{Error, Linear, SeededVarMap};
    /// # fn main() -> Result<(), Error> {
    /// let map = SeededVarMap::new(0);
    /// let _layer = Linear::new(2, 3, true, map.var_builder(DType::F32, &Device::Cpu))?;
    /// let weight = Tensor::zeros((2, 3), DType::F32, &Device::Cpu)?; // should be [3, 2]
    /// let error = map.load_tensors(&BTreeMap::from([("weight".to_string(), weight)])).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the weights do not fit the model:\n  missing: bias\n  wrong shape: weight: expected [3, 2], got [2, 3]"
    /// );
    /// # Ok(()) }
    /// ```
    pub fn load_tensors(&self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        let vars = self.lock();
        let mut wrong = WeightsError::default();
        for (name, var) in vars.iter() {
            match tensors.get(name) {
                None => wrong.missing.push(name.clone()),
                Some(tensor) => {
                    if tensor.dims() != var.dims() {
                        wrong.shapes.push((name.clone(), var.dims().to_vec(), tensor.dims().to_vec()));
                    }
                    match non_finite(tensor)? {
                        0 => {}
                        count => wrong.non_finite.push((name.clone(), count)),
                    }
                }
            }
        }
        wrong.unexpected.extend(tensors.keys().filter(|name| !vars.contains_key(*name)).cloned());
        if !wrong.is_empty() {
            return Err(wrong.into());
        }
        for (name, var) in vars.iter() {
            if let Some(tensor) = tensors.get(name) {
                assign(var, tensor)?;
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Var>> {
        // A panic elsewhere cannot leave the map half changed: every change is one insert.
        self.vars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SimpleBackend for SeededVarMap {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut vars = self.lock();
        if let Some(var) = vars.get(name) {
            if var.shape() != &shape {
                let shapes = vec![(name.to_string(), var.dims().to_vec(), shape.dims().to_vec())];
                return Err(crate::Error::from(WeightsError { shapes, ..Default::default() }).into());
            }
            return Ok(var.as_tensor().clone());
        }
        let values = draw(&shape, init, Stream::named(self.seed, name));
        let var = Var::from_tensor(&Tensor::from_vec(values, shape, device)?.to_dtype(dtype)?)?;
        let tensor = var.as_tensor().clone();
        vars.insert(name.to_string(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        match SeededVarMap::get(self, name) {
            Some(var) => Ok(var.as_tensor().clone()),
            None => Err(candle_core::Error::CannotFindTensor { path: name.to_string() }.bt()),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }
}

/// The first values of a parameter, the same for every type it may be stored in.
fn draw(shape: &Shape, init: Init, stream: Stream) -> Vec<f64> {
    let n = shape.elem_count() as u64;
    let uniform = |lo: f64, up: f64| (0..n).map(|i| lo + (up - lo) * stream.uniform_f64(i)).collect();
    let normal = |mean: f64, stdev: f64| (0..n).map(|i| mean + stdev * stream.normal(i)).collect();
    match init {
        Init::Const(value) => vec![value; n as usize],
        Init::Uniform { lo, up } => uniform(lo, up),
        Init::Randn { mean, stdev } => normal(mean, stdev),
        Init::Kaiming { dist, fan, non_linearity } => {
            let std = non_linearity.gain() / (fan.for_shape(shape).max(1) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => normal(0.0, std),
                NormalOrUniform::Uniform => uniform(-(3f64.sqrt() * std), 3f64.sqrt() * std),
            }
        }
    }
}

fn non_finite(tensor: &Tensor) -> Result<usize> {
    if !tensor.dtype().is_float() {
        return Ok(0);
    }
    let values = tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    Ok(values.iter().filter(|v| !v.is_finite()).count())
}

fn assign(var: &Var, value: &Tensor) -> Result<()> {
    // A copy, because `Var::set` refuses a tensor that shares its storage.
    Ok(var.set(&value.detach().to_device(var.device())?.to_dtype(var.dtype())?.copy()?.contiguous()?)?)
}
