use candle_core::{DType, Device};
use serde::Deserialize;

/// How the vectors of the tokens of a text become the vector of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// The mean over the tokens.
    Mean,
    /// The vector of the first token, which BERT calls `[CLS]`.
    Cls,
    /// The greatest value over the tokens, for each of the D columns.
    Max,
}

impl Pooling {
    /// All of them, with the names that sentence-transformers gives them.
    pub const NAMES: [(&'static str, Self); 3] =
        [("mean", Self::Mean), ("cls", Self::Cls), ("max", Self::Max)];

    /// The name that sentence-transformers gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Max => "max",
        }
    }
}

/// What may be chosen about a [`TextEncoder`](super::TextEncoder). `None` is what the model's folder says.
#[derive(Debug, Clone)]
pub struct EncoderOptions {
    /// How tokens become a text. A folder that does not say it means the mean.
    pub pooling: Option<Pooling>,
    /// Whether vectors are divided by their length. A folder that does not say it means that they are not.
    pub normalize: Option<bool>,
    /// The most tokens of a text, `[CLS]` and `[SEP]` included; what is beyond is left out.
    pub max_length: Option<usize>,
    /// What is put before every text, such as `"clustering: "`.
    pub prompt: Option<String>,
    /// The most tokens of a batch, padding included. A text that is longer is a batch of its own.
    pub batch_tokens: usize,
    /// Where the model runs.
    pub device: Device,
    /// The type that the model computes in: f32, f16 or bf16. The vectors are f32 in any case.
    pub dtype: DType,
}

impl Default for EncoderOptions {
    /// As the folder says, on the CPU, in f32, and 8192 tokens per batch.
    fn default() -> Self {
        Self {
            pooling: None,
            normalize: None,
            max_length: None,
            prompt: None,
            batch_tokens: 8192,
            device: Device::Cpu,
            dtype: DType::F32,
        }
    }
}

/// How far the encoding of texts is. The last report has `encoded == total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeProgress {
    /// Texts encoded so far.
    pub encoded: usize,
    /// Texts there are.
    pub total: usize,
}
