//! Features from texts: a sentence encoder makes a vector of every text (feature `text`).
//!
//! The encoder is any model of the families `bert`, `roberta`, `xlm-roberta`, `camembert`, `distilbert`, `mpnet`, `electra` and
//! `modernbert`: a folder, or a repository on the Hub, with `config.json`, `tokenizer.json` and `model.safetensors`. What
//! `sentence-transformers` keeps beside them is followed: pooling and normalisation (`modules.json`, `1_Pooling/config.json`),
//! the greatest length and lower case (`sentence_bert_config.json`), and the prompt (`config_sentence_transformers.json`). So the
//! vectors are those of `SentenceTransformer(…).encode(texts)`.
//!
//! ```no_run
//! use candle_geometric_data::text_encoder::TextEncoder;
//! use candle_geometric_data::{Cache, Source, load};
//! # fn main() -> candle_geometric_data::Result<()> {
//! let cornell = load("cornell-texts", &Source::Cache)?;
//! let encoder = TextEncoder::load("sentence-transformers/all-MiniLM-L6-v2")?;
//! let x = encoder.encode_cached(&cornell.texts, &Cache::from_env()?)?; // [191, 384], the model runs once
//! let cornell = cornell.with_features(x)?;
//! # Ok(()) }
//! ```

mod config;
mod folder;
mod hub;
mod model;
mod options;
mod pooling;
mod tokens;
mod weights;

use std::fmt;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use crate::{Cache, Error, Result, text_vectors};
use model::Model;

pub use options::{EncodeProgress, EncoderOptions, Pooling};

/// A model that makes a vector of every text.
pub struct TextEncoder {
    model: Model,
    tokenizer: Tokenizer,
    pooling: Pooling,
    normalize: bool,
    max_length: usize,
    lower_case: bool,
    prompt: String,
    vocab_size: usize,
    width: usize,
    batch_tokens: usize,
    device: Device,
    dtype: DType,
    sha256: String,
    progress: Option<Box<ProgressFn>>,
}

type ProgressFn = dyn Fn(EncodeProgress) + Send + Sync;

impl TextEncoder {
    /// The model in a folder, or in a repository `OWNER/NAME` on the Hub, as it is: on the CPU, with the pooling that its
    /// files ask for.
    ///
    /// # Errors
    /// If there is no such folder or repository, a file is missing or damaged, or the model is of no family that is known.
    pub fn load(name: &str) -> Result<Self> {
        Self::load_with(name, EncoderOptions::default())
    }

    /// As [`load`](Self::load), with choices of one's own.
    ///
    /// # Errors
    /// As [`load`](Self::load), and if an option is not one: a greatest length of more tokens than the model has positions
    /// for, or of none beside those that are added to every text; a type that the model cannot compute in.
    pub fn load_with(name: &str, options: EncoderOptions) -> Result<Self> {
        let files = match hub::repository_of(name) {
            Some(repository) => {
                folder::read(&hub::Hub::from_env().fetch(repository)?, options.pooling.is_some())?
            }
            None => folder::read(Path::new(name), options.pooling.is_some())?,
        };
        let architecture = config::parse(&files.config.path, &files.config.bytes)?;
        let dtype = options.dtype;
        let types = match architecture {
            config::Architecture::Bert(_) => &[DType::F32, DType::F16, DType::BF16][..],
            config::Architecture::Modern(_) => &[DType::F32][..],
        };
        if !types.contains(&dtype) {
            let names: Vec<&str> = types.iter().map(DType::as_str).collect();
            return Err(Error::invalid("dtype", names.join(" or "), dtype.as_str()));
        }
        let prompt = options.prompt.or(files.settings.prompt).unwrap_or_default();
        if files.settings.without_prompt && !prompt.is_empty() {
            let expected =
                "none: this model's pooling leaves out the tokens of a prompt, which is not known here";
            return Err(Error::invalid("prompt", expected, format!("{prompt:?}")));
        }
        let positions = architecture.max_length();
        let max_length = match options.max_length {
            Some(length) if length > positions => {
                return Err(Error::invalid(
                    "max_length",
                    format!("at most {positions}, the model's own"),
                    length,
                ));
            }
            Some(length) => length,
            None => files.settings.max_length.map_or(positions, |length| length.min(positions)),
        };
        let tokenizer = tokens::tokenizer(&files.tokenizer, max_length)?;
        let architecture = architecture.with_max_length(max_length);
        let vb =
            weights::load(&files.weights.path, &files.weights.bytes, &architecture, dtype, &options.device)?;
        let model = Model::load(&architecture, vb)
            .map_err(|e| Error::format(&files.weights.path, format!("not the weights of this model: {e}")))?;
        Ok(Self {
            model,
            tokenizer,
            pooling: options.pooling.or(files.settings.pooling).unwrap_or(Pooling::Mean),
            normalize: options.normalize.unwrap_or(files.settings.normalize),
            max_length,
            lower_case: files.settings.lower_case,
            prompt,
            vocab_size: architecture.vocab_size(),
            width: architecture.hidden_size(),
            batch_tokens: options.batch_tokens,
            device: options.device,
            dtype,
            sha256: files.sha256,
            progress: None,
        })
    }

    /// Has `report` called after every batch.
    pub fn on_progress(mut self, report: impl Fn(EncodeProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// D, the length of the vector of a text.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The most tokens of a text that are looked at, those included that are added to every text.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// How the vectors of tokens become that of a text.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// The vectors of N texts, `[N, D]` of f32 on the model's device, in their order.
    ///
    /// Blanks around a text are left out, and what is beyond [`max_length`](Self::max_length) tokens. A text without any token,
    /// such as an empty one where the tokenizer adds none to it, has a vector of zeros. Texts go through the model in batches of
    /// a like length; neither their order nor their company changes a vector by more than rounding, and the same texts, in any
    /// number of threads, give the same bits.
    ///
    /// # Errors
    /// If the tokenizer has tokens that the model does not, or the model gives numbers that are not finite.
    pub fn encode<S: AsRef<str>>(&self, texts: &[S]) -> Result<Tensor> {
        let (n, width) = (texts.len(), self.width);
        let prepared: Vec<String> = texts.iter().map(|text| self.prepare(text.as_ref())).collect();
        let tokens = tokens::tokenize(&self.tokenizer, &prepared, self.vocab_size)?;
        let (order, batches) = tokens::batches(&tokens, self.batch_tokens);
        let mut vectors = vec![0f32; n * width];
        // Those without tokens are done.
        let mut encoded = n - order.len();
        for batch in batches {
            let rows = order.get(batch).unwrap_or_default();
            let values = self.encode_batch(&tokens::batch(&tokens, rows, &self.device)?)?;
            for (&row, values) in rows.iter().zip(values.chunks_exact(width)) {
                if let Some(vector) = vectors.get_mut(row * width..(row + 1) * width) {
                    vector.copy_from_slice(values);
                }
            }
            encoded += rows.len();
            self.report(encoded, n);
        }
        if order.is_empty() {
            self.report(n, n);
        }
        Ok(Tensor::from_vec(vectors, (n, width), &self.device)?)
    }

    /// As [`encode`](Self::encode), but what was encoded before is read from the cache: `DIR/texts/KEY.safetensors`.
    ///
    /// The key is the SHA-256 of the model's files, of the options (with the kind of device, so that the bits are the same), and of
    /// the texts. A file that is damaged is made anew.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), and if the cache cannot be written.
    pub fn encode_cached<S: AsRef<str>>(&self, texts: &[S], cache: &Cache) -> Result<Tensor> {
        let key = self.key(texts);
        let path = cache.folder().join("texts").join(format!("{key}.safetensors"));
        let vectors = match text_vectors::load(&path, &key, texts) {
            Ok(vectors) => {
                self.report(texts.len(), texts.len());
                vectors
            }
            // None yet, or a damaged file.
            Err(_) => {
                let vectors = self.encode(texts)?;
                text_vectors::save(&path, &key, texts, &vectors)?;
                vectors
            }
        };
        Ok(vectors.to_device(&self.device)?)
    }

    /// A text as the tokenizer gets it.
    fn prepare(&self, text: &str) -> String {
        let text = format!("{}{text}", self.prompt);
        let text = text.trim();
        if self.lower_case { text.to_lowercase() } else { text.to_string() }
    }

    fn encode_batch(&self, batch: &model::Batch) -> Result<Vec<f32>> {
        let hidden = self.model.forward(batch)?;
        let mut vectors = pooling::pool(self.pooling, &hidden, &batch.mask)?;
        if self.normalize {
            vectors = pooling::normalize(&vectors)?;
        }
        let vectors: Vec<f32> = vectors.flatten_all()?.to_vec1()?;
        match vectors.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(Error::invalid("the model's weights", "finite vectors of texts", value)),
            None => Ok(vectors),
        }
    }

    fn report(&self, encoded: usize, total: usize) {
        if let Some(report) = &self.progress {
            report(EncodeProgress { encoded, total });
        }
    }

    /// What the vectors of these texts depend on.
    fn key<S: AsRef<str>>(&self, texts: &[S]) -> String {
        let device = match self.device {
            Device::Cpu => "cpu",
            Device::Cuda(_) => "cuda",
            Device::Metal(_) => "metal",
        };
        let options = format!(
            "1 {} {} {} {} {} {} {device} {} {:?}",
            self.sha256,
            self.pooling.name(),
            self.normalize,
            self.max_length,
            self.lower_case,
            self.batch_tokens,
            self.dtype.as_str(),
            self.prompt,
        );
        let mut hash = Sha256::new();
        for text in std::iter::once(options.as_str()).chain(texts.iter().map(AsRef::as_ref)) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        crate::source::hex(hash)
    }
}

impl fmt::Debug for TextEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextEncoder")
            .field("width", &self.width)
            .field("max_length", &self.max_length)
            .field("pooling", &self.pooling)
            .field("normalize", &self.normalize)
            .field("prompt", &self.prompt)
            .field("dtype", &self.dtype)
            .finish_non_exhaustive()
    }
}
