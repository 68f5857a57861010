//! The parameters of a case, as a layer's constructor asks for them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_geometric::models::Parameter;
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

/// Parameters by name, as a back-end of a `VarBuilder` that hands out the very tensors: gradients reach them.
pub(crate) struct Parameters(pub(crate) BTreeMap<String, Tensor>);

impl SimpleBackend for Parameters {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let tensor = self.get_unchecked(name, dtype, device)?;
        if tensor.shape() != &shape {
            candle_core::bail!(
                "`param.{name}`: expected shape {shape:?}, the file holds {:?}",
                tensor.shape()
            );
        }
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        match self.0.get(name) {
            Some(tensor) => Ok(tensor.clone()),
            None => candle_core::bail!("the file lacks the tensor `param.{name}`"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// The names and shapes that a constructor asks for: it is run with a back-end that answers with zeros.
pub(crate) fn asked_for<E>(build: impl FnOnce(VarBuilder<'_>) -> Result<(), E>) -> Result<Vec<Parameter>, E> {
    let recorder = Recorder::default();
    build(VarBuilder::from_backend(Box::new(&recorder), DType::F32, Device::Cpu))?;
    let seen = recorder.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(seen.into_iter().map(|(name, shape)| Parameter { name, shape }).collect())
}

#[derive(Default)]
struct Recorder(Mutex<BTreeMap<String, Vec<usize>>>);

impl SimpleBackend for &Recorder {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(name.to_string(), shape.dims().to_vec());
        Tensor::zeros(shape, dtype, device)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> candle_core::Result<Tensor> {
        candle_core::bail!("the shape of `{name}` is not known")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}
