//! Features from the texts of nodes, by the sentence encoder that a recipe names.

use std::path::Path;

use anyhow::{Result, ensure};
use candle_geometric::data::{Dataset, text_vectors};

use super::error::OrHint;

/// The data with the vectors that `encoder` makes of its texts as features. Those in the file `texts.safetensors` in the folder
/// `beside` are taken where they are of this encoder and these texts: a model comes with them, so that neither the encoder nor the
/// feature `text` is needed to run it.
pub(crate) fn encoded(dataset: Dataset, encoder: &str, beside: Option<&Path>) -> Result<Dataset> {
    let dataset = dataset.into_nodes()?;
    ensure!(
        !dataset.texts.is_empty(),
        "data.encoder: expected a data set whose nodes are texts, got {}, which has none",
        dataset.name
    );
    let file = beside.map(|folder| folder.join(text_vectors::FILE)).filter(|path| path.is_file());
    let kept = file.map(|path| text_vectors::load(&path, encoder, &dataset.texts));
    let vectors = match kept {
        Some(Ok(vectors)) => vectors,
        // Of other texts, or damaged: the encoder says what is right.
        other => encode(encoder, &dataset.texts).map_err(|error| match other {
            Some(Err(why)) => error.context(why.to_string()),
            _ => error,
        })?,
    };
    Ok(Dataset::Nodes(dataset.with_features(vectors)?))
}

/// Writes those vectors into the folder of a model that was trained on them.
pub(crate) fn keep(dataset: &Dataset, encoder: &str, folder: &Path) -> Result<()> {
    if let Dataset::Nodes(dataset) = dataset {
        let path = folder.join(text_vectors::FILE);
        text_vectors::save(&path, encoder, &dataset.texts, &dataset.graph.x)?;
    }
    Ok(())
}

#[cfg(not(feature = "text"))]
fn encode(encoder: &str, _: &[String]) -> Result<candle_geometric::Tensor> {
    let error = candle_geometric::data::Error::NotBuilt { what: "text encoders", feature: "text" };
    Err(error)
        .hint(format!("build the program with `--features text`: the texts are to be encoded by {encoder}"))
}

#[cfg(feature = "text")]
fn encode(encoder: &str, texts: &[String]) -> Result<candle_geometric::Tensor> {
    use candle_geometric::data::text_encoder::TextEncoder;
    let cache = candle_geometric::data::Cache::from_env()?;
    let encoder = TextEncoder::load(encoder)
        .hint("`encoder` in the section [data] of the recipe is OWNER/NAME on the Hub, or a folder")?;
    with_progress(encoder, texts, &cache)
}

/// Encodes with a bar, or reads what was encoded before from the cache.
#[cfg(feature = "text")]
pub(crate) fn with_progress(
    encoder: candle_geometric::data::text_encoder::TextEncoder,
    texts: &[String],
    cache: &candle_geometric::data::Cache,
) -> Result<candle_geometric::Tensor> {
    use indicatif::{ProgressBar, ProgressStyle};
    let bar = ProgressBar::new(texts.len() as u64);
    bar.set_style(ProgressStyle::with_template("{bar:20} {pos}/{len} texts [{elapsed}, {eta} left]")?);
    let moving = bar.clone();
    let encoder = encoder.on_progress(move |progress| moving.set_position(progress.encoded as u64));
    let vectors = encoder.encode_cached(texts, cache)?;
    bar.finish_and_clear();
    Ok(vectors.to_device(&candle_geometric::Device::Cpu)?)
}
