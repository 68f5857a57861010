use candle_core::{DType, Tensor};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::{Error as LayerError, Linear, Result};
use candle_geometric_ops as ops;
use candle_nn::{Init, VarBuilder};

/// What features of nodes or edges come in through: a linear map of numbers, or a table with a row for each category.
/// Parameters: `weight` `[C, F]` and `bias` `[C]`, or `weight` `[categories, C]`.
#[derive(Debug, Clone)]
pub(crate) enum Encoder {
    Linear(Linear),
    /// Starts as `torch.nn.Embedding`: normal with deviation 1.
    Embedding(Tensor),
}

impl Encoder {
    /// A table of so many categories, or if there are none a map from `inputs` features, to C channels.
    pub(crate) fn new(
        inputs: usize,
        categories: Option<usize>,
        channels: usize,
        vb: VarBuilder<'_>,
    ) -> Result<Self> {
        let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
        Ok(match categories {
            None => Self::Linear(Linear::new(inputs, channels, true, vb)?),
            Some(n) => Self::Embedding(vb.get_with_hints((n, channels), "weight", normal)?),
        })
    }

    /// `[M, C]` of `[M, F]`, or of the categories `[M, 1]`, whole numbers of any type. Errors name the model and the argument
    /// that `x` is or is a part of.
    pub(crate) fn forward(&self, model: &'static str, argument: &'static str, x: &Tensor) -> Result<Tensor> {
        let table = match self {
            Self::Linear(linear) => return linear.forward(x),
            Self::Embedding(table) => table,
        };
        let (m, n) = (x.elem_count(), table.dim(0)?);
        let category = |v: &f64| -> Result<u32> {
            if v.fract() == 0.0 && (0.0..n as f64).contains(v) {
                return Ok(*v as u32);
            }
            let expected = format!("categories, whole numbers from 0 to {}", n - 1);
            Err(LayerError::argument(model, argument, expected, v.to_string()))
        };
        let numbers: Vec<f64> =
            if m == 0 { vec![] } else { x.flatten_all()?.to_dtype(DType::F64)?.to_vec1()? };
        let categories = numbers.iter().map(category).collect::<Result<Vec<_>>>()?;
        let rows = (0..categories.len() as u32).collect();
        Ok(ops::gather_src(table, &EdgeIndex::bipartite(categories, rows, n, m)?)?)
    }
}
