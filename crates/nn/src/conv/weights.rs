//! Edge weights that follow from the structure alone, kept with the graph.

use std::marker::PhantomData;
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::Result;

/// 1 / √(d_j d_i) `[E]` for every edge from j to i, where d is the in-degree, in the type and on the device of `like`.
pub(super) fn symmetric(edges: &EdgeIndex, like: &Tensor) -> Result<Tensor> {
    struct Symmetric;
    kept::<Symmetric>(edges, like, || {
        let inverse_root = |d: &u32| if *d == 0 { 0.0 } else { f64::from(*d).sqrt().recip() };
        let s: Vec<f64> = edges.in_degrees().iter().map(inverse_root).collect();
        edges.iter().map(|(j, i)| s[j as usize] * s[i as usize]).collect()
    })
}

/// 1 / d_i `[E]` for every edge to i, where d is the in-degree: a sum with these weights is a mean.
pub(super) fn mean(edges: &EdgeIndex, like: &Tensor) -> Result<Tensor> {
    struct Mean;
    kept::<Mean>(edges, like, || {
        let degrees = edges.in_degrees();
        edges.destination().iter().map(|i| f64::from(degrees[*i as usize]).recip()).collect()
    })
}

/// The tensor that `make` gives, made once for each kind of weights, type and device.
fn kept<Kind: Send + Sync + 'static>(
    edges: &EdgeIndex,
    like: &Tensor,
    make: impl FnOnce() -> Vec<f64>,
) -> Result<Tensor> {
    struct Kept<Kind>(Mutex<Vec<Tensor>>, PhantomData<Kind>);
    let kept = edges.attachment(|| Kept::<Kind>(Mutex::default(), PhantomData));
    let mut tensors = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    let (dtype, device) = (like.dtype(), like.device());
    if let Some(t) = tensors.iter().find(|t| t.dtype() == dtype && t.device().same_device(device)) {
        return Ok(t.clone());
    }
    let weights = Tensor::from_vec(make(), edges.num_edges(), &Device::Cpu)?;
    let weights = weights.to_dtype(dtype)?.to_device(device)?;
    tensors.push(weights.clone());
    Ok(weights)
}
