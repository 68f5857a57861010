use crate::registry::{Format, find};
use crate::source::Files;
use crate::{Error, NodeDataset, Result, karate, linqs, npz, planetoid};

/// Loads a data set by its name; [`datasets`](crate::registry::datasets) lists them.
///
/// # Errors
/// If there is no data set of this name (the nearest names are suggested), files are missing (all are listed, with
/// their addresses) or damaged.
///
/// ```no_run
/// use candle_geometric_data::{Source, load};
/// # fn main() -> candle_geometric_data::Result<()> {
/// let cora = load("cora", &Source::Cache)?; // downloads once
/// let cora = load("cora", &Source::Folder("data".into()))?;
/// # Ok(()) }
/// ```
pub fn load(name: &str, files: &dyn Files) -> Result<NodeDataset> {
    let info = find(name)?;
    let contents = files.read(info)?;
    let contents: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let mut dataset = match (info.format, contents.as_slice()) {
        (Format::Embedded, []) => karate::karate()?,
        (Format::Planetoid, &[allx, tx, ally, ty, y, graph, test_index]) => {
            let files = planetoid::Planetoid { allx, tx, ally, ty, y, graph, test_index };
            planetoid::parse(info.name, files)?
        }
        (Format::Linqs, &[content, cites]) => linqs::parse(info.name, content, cites)?,
        (Format::Npz, &[archive]) => npz::parse(info.name, archive)?,
        (_, files) => {
            let expected = format!("the {} files of {}", info.files.len(), info.name);
            return Err(Error::invalid("files", expected, files.len()));
        }
    };
    if info.class_names.len() == dataset.num_classes {
        dataset.class_names = info.class_names.iter().map(|name| name.to_string()).collect();
    }
    Ok(dataset)
}
