use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_ops::{self as ops, Reduce};
use serde::{Deserialize, Serialize};

use crate::Result;

macro_rules! aggregation {
    ($(#[$doc:meta])* $name:ident, $reduce:expr) => {
        $(#[$doc])*
        ///
        /// Shapes: x `[E, F]`, result `[groups, F]`. No parameters; as a configuration it is `{}`.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {}

        impl $name {
            /// One row per group.
            ///
            /// # Errors
            /// If `x` has not one row per edge.
            pub fn forward(&self, x: &Tensor, edges: &EdgeIndex) -> Result<Tensor> {
                Ok(ops::scatter(x, edges, $reduce)?)
            }
        }
    };
}

aggregation!(
    /// The sum of the rows of each group.
    ///
    /// ```
    /// use candle_core::{Device, Tensor};
    /// use candle_geometric_graph::EdgeIndex;
    /// use candle_geometric_nn::aggr::SumAggregation;
    /// # fn main() -> Result<(), candle_geometric_nn::Error> {
    /// let batch = EdgeIndex::from_batch(&[0, 0, 2], 3)?; // the graph 1 is empty
    /// let x = Tensor::new(&[[1f32], [2.], [5.]], &Device::Cpu)?;
    /// let y = SumAggregation::default().forward(&x, &batch)?;
    /// assert_eq!(y.to_vec2::<f32>()?, [[3.], [0.], [5.]]);
    /// # Ok(()) }
    /// ```
    SumAggregation,
    Reduce::Sum
);
aggregation!(
    /// The mean of the rows of each group.
    MeanAggregation,
    Reduce::Mean
);
aggregation!(
    /// The largest of the rows of each group, channel by channel.
    MaxAggregation,
    Reduce::Max
);
aggregation!(
    /// The smallest of the rows of each group, channel by channel.
    MinAggregation,
    Reduce::Min
);
aggregation!(
    /// The product of the rows of each group, channel by channel; 1 for a group without rows.
    MulAggregation,
    Reduce::Mul
);
