//! `config.json`: which model it is, and its sizes.

use candle_transformers::models::bert::{self, HiddenAct};
use candle_transformers::models::modernbert;
use serde::Deserialize;

use crate::{Error, Result};

/// The values of `model_type` of which the encoder is one of ours.
pub(super) const KNOWN: &str =
    "bert, camembert, distilbert, electra, modernbert, mpnet, roberta, xlm-roberta";

/// No size of a model is larger; sizes below this do not overflow when multiplied by small numbers.
const MAX_SIZE: usize = 1 << 24;

/// The architecture of an encoder.
#[derive(Debug, Clone)]
pub(super) enum Architecture {
    Bert(BertLike),
    Modern(modernbert::Config),
}

/// A model whose layers are those of BERT. What differs is what goes into the first of them.
#[derive(Debug, Clone)]
pub(super) struct BertLike {
    /// The layers; `max_position_embeddings` and `type_vocab_size` are as in the file.
    pub(super) layers: bert::Config,
    /// The width of the embeddings, from which ELECTRA projects to the width of the layers.
    pub(super) embedding_size: usize,
    /// The position of the first token: RoBERTa and MPNet keep the rows before it for padding.
    pub(super) first_position: usize,
    /// Whether there are embeddings of token types.
    pub(super) token_types: bool,
    /// The number of buckets of MPNet's relative positions.
    pub(super) relative_buckets: Option<usize>,
}

impl Architecture {
    /// The most tokens that there are positions for.
    pub(super) fn max_length(&self) -> usize {
        match self {
            Self::Bert(model) => model.layers.max_position_embeddings.saturating_sub(model.first_position),
            Self::Modern(config) => config.max_position_embeddings,
        }
    }

    /// The same for texts of so many tokens. BERT's positions are weights; ModernBERT's are computed, up to this.
    pub(super) fn with_max_length(mut self, length: usize) -> Self {
        if let Self::Modern(config) = &mut self {
            config.max_position_embeddings = length;
        }
        self
    }

    /// D, the width of a hidden state.
    pub(super) fn hidden_size(&self) -> usize {
        match self {
            Self::Bert(model) => model.layers.hidden_size,
            Self::Modern(config) => config.hidden_size,
        }
    }

    /// The number of tokens that there are embeddings for.
    pub(super) fn vocab_size(&self) -> usize {
        match self {
            Self::Bert(model) => model.layers.vocab_size,
            Self::Modern(config) => config.vocab_size,
        }
    }
}

/// What is read of the file. The second names are those of DistilBERT and ModernBERT.
#[derive(Deserialize)]
struct File {
    model_type: Option<String>,
    vocab_size: Option<usize>,
    #[serde(alias = "dim")]
    hidden_size: Option<usize>,
    #[serde(alias = "n_layers")]
    num_hidden_layers: Option<usize>,
    #[serde(alias = "n_heads")]
    num_attention_heads: Option<usize>,
    #[serde(alias = "hidden_dim")]
    intermediate_size: Option<usize>,
    #[serde(alias = "activation", alias = "hidden_activation")]
    hidden_act: Option<String>,
    max_position_embeddings: Option<usize>,
    type_vocab_size: Option<usize>,
    layer_norm_eps: Option<f64>,
    pad_token_id: Option<u32>,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
    embedding_size: Option<usize>,
    relative_attention_num_buckets: Option<usize>,
    // Of ModernBERT.
    norm_eps: Option<f64>,
    global_attn_every_n_layers: Option<usize>,
    local_attention: Option<usize>,
    global_rope_theta: Option<f64>,
    local_rope_theta: Option<f64>,
    rope_parameters: Option<RopeParameters>,
    layer_types: Option<Vec<String>>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    norm_bias: bool,
}

/// How newer files write the bases of ModernBERT's rotary positions.
#[derive(Deserialize)]
struct RopeParameters {
    full_attention: Option<Rope>,
    sliding_attention: Option<Rope>,
}

#[derive(Deserialize)]
struct Rope {
    rope_theta: Option<f64>,
}

/// Reads the contents of `config.json`, which messages call `path`.
pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Architecture> {
    let file: File = super::folder::json(path, bytes)?;
    let bad = |problem: String| Error::format(path, problem);
    let model_type = file.model_type.as_deref().unwrap_or("");
    let known: Vec<&str> = KNOWN.split(", ").collect();
    if !known.contains(&model_type) {
        return Err(Error::UnknownEncoder { file: path.into(), model_type: model_type.into(), known: KNOWN });
    }
    let size = |name: &str, value: Option<usize>| match value {
        Some(value) if (1..=MAX_SIZE).contains(&value) => Ok(value),
        Some(value) => Err(bad(format!("{name}: expected a size from 1 to {MAX_SIZE}, got {value}"))),
        None => Err(bad(format!("{name} is missing"))),
    };
    let positive = |name: &str, value: f64| match value > 0. && value.is_finite() {
        true => Ok(value),
        false => Err(bad(format!("{name}: expected a positive number, got {value}"))),
    };
    let vocab_size = size("vocab_size", file.vocab_size)?;
    let hidden_size = size("hidden_size", file.hidden_size)?;
    let num_hidden_layers = size("num_hidden_layers", file.num_hidden_layers)?;
    let num_attention_heads = size("num_attention_heads", file.num_attention_heads)?;
    let intermediate_size = size("intermediate_size", file.intermediate_size)?;
    let max_position_embeddings = size("max_position_embeddings", file.max_position_embeddings)?;
    if hidden_size % num_attention_heads != 0 {
        return Err(bad(format!(
            "hidden_size: expected a multiple of num_attention_heads, {num_attention_heads}, got {hidden_size}"
        )));
    }
    if file.is_decoder {
        return Err(bad("is_decoder: expected an encoder, got a decoder".into()));
    }
    if let Some(other) = file.position_embedding_type.as_deref().filter(|&kind| kind != "absolute") {
        return Err(bad(format!("position_embedding_type: expected absolute, got {other:?}")));
    }
    let act = file.hidden_act.as_deref().unwrap_or("gelu");
    if model_type == "modernbert" {
        if file.attention_bias || file.mlp_bias || file.norm_bias || act != "gelu" {
            return Err(bad("expected a ModernBERT without biases, with the activation gelu".into()));
        }
        let every = size("global_attn_every_n_layers", Some(file.global_attn_every_n_layers.unwrap_or(3)))?;
        for (layer, kind) in file.layer_types.iter().flatten().enumerate() {
            if (kind == "full_attention") != (layer % every == 0) {
                return Err(bad(format!(
                    "layer_types: expected full_attention in every {every}th layer, got {kind:?} in layer {layer}"
                )));
            }
        }
        let rope = file.rope_parameters.as_ref();
        let theta = |rope: Option<&Rope>| rope.and_then(|rope| rope.rope_theta);
        let global = theta(rope.and_then(|r| r.full_attention.as_ref())).or(file.global_rope_theta);
        let local = theta(rope.and_then(|r| r.sliding_attention.as_ref())).or(file.local_rope_theta);
        return Ok(Architecture::Modern(modernbert::Config {
            vocab_size,
            hidden_size,
            num_hidden_layers,
            num_attention_heads,
            intermediate_size,
            max_position_embeddings,
            layer_norm_eps: positive("norm_eps", file.norm_eps.unwrap_or(1e-5))?,
            pad_token_id: file.pad_token_id.unwrap_or(0),
            global_attn_every_n_layers: every,
            global_rope_theta: positive("global_rope_theta", global.unwrap_or(160_000.))?,
            local_attention: size("local_attention", Some(file.local_attention.unwrap_or(128)))?,
            local_rope_theta: positive("local_rope_theta", local.unwrap_or(10_000.))?,
            classifier_config: None,
        }));
    }
    let hidden_act = match act {
        "gelu" => HiddenAct::Gelu,
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => HiddenAct::GeluApproximate,
        "relu" => HiddenAct::Relu,
        other => return Err(bad(format!("hidden_act: expected gelu, gelu_new or relu, got {other:?}"))),
    };
    let padded = matches!(model_type, "roberta" | "xlm-roberta" | "camembert" | "mpnet");
    let token_types = !matches!(model_type, "distilbert" | "mpnet");
    let first_position = if padded { file.pad_token_id.unwrap_or(1) as usize + 1 } else { 0 };
    if first_position >= max_position_embeddings {
        return Err(bad(format!(
            "max_position_embeddings: expected more than pad_token_id + 1, {first_position}, got {max_position_embeddings}"
        )));
    }
    let relative_buckets = match model_type {
        "mpnet" => Some(size(
            "relative_attention_num_buckets",
            Some(file.relative_attention_num_buckets.unwrap_or(32)),
        )?),
        _ => None,
    };
    Ok(Architecture::Bert(BertLike {
        embedding_size: match (model_type, file.embedding_size) {
            ("electra", Some(width)) => size("embedding_size", Some(width))?,
            _ => hidden_size,
        },
        first_position,
        token_types,
        relative_buckets,
        layers: bert::Config {
            vocab_size,
            hidden_size,
            num_hidden_layers,
            num_attention_heads,
            intermediate_size,
            hidden_act,
            max_position_embeddings,
            type_vocab_size: size("type_vocab_size", Some(file.type_vocab_size.unwrap_or(2)))?,
            // DistilBERT's file does not have it; it is the same there.
            layer_norm_eps: positive("layer_norm_eps", file.layer_norm_eps.unwrap_or(1e-12))?,
            pad_token_id: file.pad_token_id.unwrap_or(0) as usize,
            ..bert::Config::default()
        },
    }))
}
