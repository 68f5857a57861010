//! A [`FillValue`] in JSON: `"mean"`, `"add"`, … or a number. For `#[serde(with = "candle_geometric_nn::fill_value")]`.

use candle_geometric_graph::FillValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Number(f64),
    Name(String),
}

/// Writes the number, or the name of the reduction.
///
/// # Errors
/// If the format cannot hold it.
pub fn serialize<S: Serializer>(value: &FillValue, to: S) -> Result<S::Ok, S::Error> {
    match value {
        FillValue::Constant(number) => Form::Number(*number),
        name => Form::Name(name.to_string()),
    }
    .serialize(to)
}

/// Reads a number, or the name of a reduction.
///
/// # Errors
/// If it is neither.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<FillValue, D::Error> {
    match Form::deserialize(from)? {
        Form::Number(number) => Ok(FillValue::Constant(number)),
        Form::Name(name) => name.parse().map_err(serde::de::Error::custom),
    }
}
