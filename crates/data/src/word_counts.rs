use std::collections::{BTreeMap, BTreeSet};

use candle_core::{DType, Device, Tensor};

use crate::Result;

/// How often each word stands in each text, `[N, W]` in f32, and the W words of the columns, in alphabetical order.
///
/// A word is a run of letters and digits, in lower case; those that stand in fewer than `min_texts` texts are left out, as
/// of Cora those in fewer than ten papers were. Nothing is stemmed, and common words stay in.
///
/// # Errors
/// If the matrix cannot be allocated.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use candle_geometric_data::word_counts;
/// let texts = ["A graph is a graph.", "Attention on a graph!"].map(String::from);
/// let (counts, words) = word_counts(&texts, 2)?;
/// assert_eq!(words, ["a", "graph"]);
/// assert_eq!(counts.to_vec2::<f32>()?, [[2., 2.], [1., 1.]]);
/// # Ok(()) }
/// ```
pub fn word_counts(texts: &[String], min_texts: usize) -> Result<(Tensor, Vec<String>)> {
    let mut texts_with = BTreeMap::<String, usize>::new();
    for text in texts {
        let different: BTreeSet<String> = words(text).collect();
        different.into_iter().for_each(|word| *texts_with.entry(word).or_default() += 1);
    }
    texts_with.retain(|_, texts| *texts >= min_texts);
    let vocabulary: Vec<String> = texts_with.into_keys().collect();
    let width = vocabulary.len();
    if width == 0 {
        return Ok((Tensor::zeros((texts.len(), 0), DType::F32, &Device::Cpu)?, vocabulary));
    }
    let mut counts = vec![0f32; texts.len() * width];
    for (row, text) in counts.chunks_exact_mut(width).zip(texts) {
        for word in words(text) {
            let column = vocabulary.binary_search(&word).ok().and_then(|column| row.get_mut(column));
            column.into_iter().for_each(|count| *count += 1.0);
        }
    }
    Ok((Tensor::from_vec(counts, (texts.len(), width), &Device::Cpu)?, vocabulary))
}

fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn counts(texts: &[&str], min_texts: usize) -> (Vec<Vec<f32>>, Vec<String>) {
        let texts: Vec<String> = texts.iter().map(|t| t.to_string()).collect();
        let (x, words) = word_counts(&texts, min_texts).unwrap();
        (x.to_vec2().unwrap(), words)
    }

    #[test]
    fn words_are_counted_whatever_stands_between_them() {
        let (x, words) = counts(&["Graphs, graphs;\nÉtale-GRAPHS 2", "2 étale", ""], 1);
        assert_eq!(words, ["2", "graphs", "étale"]);
        assert_eq!(x, [[1., 3., 1.], [1., 0., 1.], [0., 0., 0.]]);
    }

    #[test]
    fn rare_words_are_left_out_by_the_number_of_texts_not_of_uses() {
        let (x, words) = counts(&["a a a b", "b c", "b c"], 2);
        assert_eq!(words, ["b", "c"]);
        assert_eq!(x, [[1., 0.], [1., 1.], [1., 1.]]);
        let none = word_counts(&["a".into(), "b".into()], 2).unwrap();
        assert_eq!((none.0.dims(), none.1.len()), (&[2, 0][..], 0));
        assert_eq!(word_counts(&[], 1).unwrap().0.dims(), [0, 0]);
    }
}
