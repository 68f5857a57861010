//! From texts to tokens, and from those to batches.

use std::ops::Range;

use candle_core::{Device, Tensor};
use tokenizers::{PostProcessor, Tokenizer, TruncationParams};

use super::folder::File;
use super::model::Batch;
use crate::{Error, Result};

/// So many texts are split at a time; what the tokenizer knows beside the numbers of the tokens is large.
const AT_ONCE: usize = 1024;

/// A tokenizer that cuts texts to `max_length` tokens.
pub(super) fn tokenizer(file: &File, max_length: usize) -> Result<Tokenizer> {
    let bad = |problem: String| Error::format(&file.path, problem);
    let mut tokenizer =
        Tokenizer::from_bytes(&file.bytes).map_err(|e| bad(format!("not a tokenizer: {e}")))?;
    let added = tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
    if max_length <= added {
        let expected = format!("more than the {added} tokens that the tokenizer adds to every text");
        return Err(Error::invalid("max_length", expected, max_length));
    }
    let truncation = TruncationParams { max_length, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|e| bad(e.to_string()))?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// The tokens of every text. None is `vocab_size` or more.
pub(super) fn tokenize(tokenizer: &Tokenizer, texts: &[String], vocab_size: usize) -> Result<Vec<Vec<u32>>> {
    let mut tokens = Vec::with_capacity(texts.len());
    for some in texts.chunks(AT_ONCE) {
        let some = some.iter().map(String::as_str).collect();
        let encodings = tokenizer.encode_batch_fast(some, true);
        for encoding in encodings.map_err(|e| Error::format(super::folder::TOKENIZER, e.to_string()))? {
            let ids = encoding.get_ids().to_vec();
            if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab_size) {
                let problem =
                    format!("token {id}, but the model knows {vocab_size}: the two do not belong together");
                return Err(Error::format(super::folder::TOKENIZER, problem));
            }
            tokens.push(ids);
        }
    }
    Ok(tokens)
}

/// The texts that have tokens, longest first, cut into batches of at most `batch_tokens` tokens with their padding.
///
/// Texts of a like length stand together, so that little is padding; the longest come first, so that a batch that does not
/// fit into memory shows at once.
pub(super) fn batches(tokens: &[Vec<u32>], batch_tokens: usize) -> (Vec<usize>, Vec<Range<usize>>) {
    let length = |&text: &usize| tokens.get(text).map_or(0, Vec::len);
    let mut order: Vec<usize> = (0..tokens.len()).filter(|text| length(text) > 0).collect();
    order.sort_by_key(|text| std::cmp::Reverse(length(text)));
    let (mut batches, mut start) = (Vec::new(), 0);
    while let Some(longest) = order.get(start).map(length) {
        let end = (start + (batch_tokens / longest).max(1)).min(order.len());
        batches.push(start..end);
        start = end;
    }
    (order, batches)
}

/// The texts of a batch, the first of which is the longest.
pub(super) fn batch(tokens: &[Vec<u32>], texts: &[usize], device: &Device) -> Result<Batch> {
    let rows: Vec<&[u32]> = texts.iter().filter_map(|&text| tokens.get(text)).map(Vec::as_slice).collect();
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for row in &rows {
        let padding = longest - row.len();
        // What stands at padding is never seen; 0 is a token of every model.
        ids.extend(row.iter().copied().chain(std::iter::repeat_n(0, padding)));
        mask.extend(std::iter::repeat_n(1f32, row.len()).chain(std::iter::repeat_n(0., padding)));
    }
    let shape = (rows.len(), longest);
    Ok(Batch { ids: Tensor::from_vec(ids, shape, device)?, mask: Tensor::from_vec(mask, shape, device)? })
}
