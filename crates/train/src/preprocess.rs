use candle_core::Tensor;
use candle_geometric_data::{NodeDataset, normalize_features, normalize_features_l2, word_counts};
use candle_geometric_models::{FeatureNorm, Preprocessing};

use crate::{Error, Result};

/// The features `x` `[N, F]` of a data set as a model takes them: every row divided by what `norm` says.
///
/// # Errors
/// If they are to be divided and are not a matrix of floating-point numbers.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use candle_core::{Device, Tensor};
/// use candle_geometric_models::FeatureNorm;
/// use candle_geometric_train::preprocess;
/// let x = Tensor::new(&[[3f32, 4.]], &Device::Cpu)?;
/// assert_eq!(preprocess(&x, FeatureNorm::L2)?.to_vec2::<f32>()?, [[0.6, 0.8]]);
/// # Ok(()) }
/// ```
pub fn preprocess(x: &Tensor, norm: FeatureNorm) -> Result<Tensor> {
    Ok(match norm {
        FeatureNorm::None => x.clone(),
        FeatureNorm::Sum => normalize_features(x)?,
        FeatureNorm::L2 => normalize_features_l2(x)?,
    })
}

/// The features `[N, F]` of the nodes of a data set as a model takes them: its own or the words of its texts, divided. Vectors
/// by a sentence encoder are its own by then ([`NodeDataset::with_features`]).
///
/// # Errors
/// If words are to be counted and the nodes have no texts, an encoder's vectors are wanted and the nodes have no features, or the
/// features cannot be divided.
pub fn features(dataset: &NodeDataset, preprocessing: &Preprocessing) -> Result<Tensor> {
    let own = &dataset.graph.x;
    if let Some(encoder) = preprocessing.encoder.as_ref().filter(|_| dataset.graph.num_features() == 0) {
        let expected = format!("the vectors of the texts by {encoder} as the features of the nodes");
        return Err(Error::invalid("data.encoder", expected, "nodes without features"));
    }
    let counted = match preprocessing.word_counts {
        Some(_) if dataset.texts.is_empty() && dataset.graph.num_nodes() > 0 => {
            let expected = "a data set whose nodes are texts";
            return Err(Error::invalid(
                "data.word_counts",
                expected,
                format!("{}, which has none", dataset.name),
            ));
        }
        Some(min_texts) => Some(word_counts(&dataset.texts, min_texts)?.0.to_device(own.device())?),
        None => None,
    };
    preprocess(counted.as_ref().unwrap_or(own), preprocessing.normalize_features)
}
