//! Between edge lists as tensors and [`EdgeIndex`], and the copies of a graph's indices on a device.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use crate::{Error, Result, cuda};

/// The graph of an edge list in PyTorch Geometric's form: `[2, E]`, sources in row 0, destinations in row 1.
///
/// The indices are u32 or i64, on any device; they are copied to the host and validated here, once. Those of a CUDA device
/// stay there as well: their grouping for the kernels happens there, and nothing comes back from the host.
///
/// # Errors
/// If the shape is not `[2, E]`, the type is another one, or an index is negative or not below `num_nodes`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let t = Tensor::new(&[[0i64, 1, 2], [1, 2, 0]], &Device::Cpu)?;
/// let edges = candle_geometric_ops::edge_index(&t, 3)?;
/// assert_eq!(edges.source(), &[0, 1, 2]);
/// assert_eq!(edges.destination(), &[1, 2, 0]);
/// # Ok(()) }
/// ```
pub fn edge_index(t: &Tensor, num_nodes: usize) -> Result<EdgeIndex> {
    let [2, _] = *t.dims() else {
        return Err(Error::Shape {
            argument: "edge_index",
            expected: "[2, E] (sources, destinations)".into(),
            actual: t.dims().to_vec(),
        });
    };
    let [source, destination] = [t.get(0)?, t.get(1)?];
    let edges = match t.dtype() {
        DType::U32 => EdgeIndex::new(source.to_vec1()?, destination.to_vec1()?, num_nodes)?,
        DType::I64 => {
            EdgeIndex::from_i64(&source.to_vec1::<i64>()?, &destination.to_vec1::<i64>()?, num_nodes)?
        }
        actual => {
            return Err(Error::DType { argument: "edge_index", expected: "u32 or i64".into(), actual });
        }
    };
    if cuda::runs_on(t.device()) && edges.num_edges() > 0 {
        // Copies, as nobody may change what was validated.
        let own =
            |t: &Tensor| if t.dtype() == DType::U32 { t.force_contiguous() } else { t.to_dtype(DType::U32) };
        let (source, destination) = (own(&source)?, own(&destination)?);
        edges.attachment(|| {
            Copies(Mutex::new(vec![Arc::new(DeviceIndex {
                device: t.device().clone(),
                source,
                destination,
            })]))
        });
    }
    Ok(edges)
}

/// The edge list of a graph as a u32 tensor `[2, E]` on `device`: sources in row 0, destinations in row 1.
///
/// ```
/// use candle_core::Device;
/// use candle_geometric_graph::EdgeIndex;
/// # fn main() -> candle_geometric_ops::Result<()> {
/// let edges = EdgeIndex::new(vec![0, 1], vec![1, 2], 3)?;
/// let t = candle_geometric_ops::edge_index_tensor(&edges, &Device::Cpu)?;
/// assert_eq!(t.to_vec2::<u32>()?, [[0, 1], [1, 2]]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// If the device refuses the copy.
pub fn edge_index_tensor(edges: &EdgeIndex, device: &Device) -> Result<Tensor> {
    let both = [edges.source(), edges.destination()].concat();
    Ok(Tensor::from_vec(both, (2, edges.num_edges()), device)?)
}

/// The indices of a graph on one device.
#[derive(Debug)]
pub(crate) struct DeviceIndex {
    device: Device,
    /// `[E]`, the caller's order.
    pub(crate) source: Tensor,
    /// `[E]`, the caller's order.
    pub(crate) destination: Tensor,
}

#[derive(Default)]
struct Copies(Mutex<Vec<Arc<DeviceIndex>>>);

#[cfg(test)]
pub(crate) fn are_on(edges: &EdgeIndex, device: &Device) -> bool {
    let kept = edges.attachment(Copies::default);
    let kept = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    kept.iter().any(|c| c.device.same_device(device))
}

/// The indices of `edges` on `device`, copied there on first use unless they came from there, and kept with the graph.
pub(crate) fn on_device(edges: &EdgeIndex, device: &Device) -> Result<Arc<DeviceIndex>> {
    let copies = edges.attachment(Copies::default);
    let mut kept = copies.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = kept.iter().find(|c| c.device.same_device(device)) {
        return Ok(found.clone());
    }
    let made = Arc::new(DeviceIndex {
        device: device.clone(),
        source: Tensor::new(edges.source(), device)?,
        destination: Tensor::new(edges.destination(), device)?,
    });
    kept.push(made.clone());
    Ok(made)
}
