//! A walk over the graph that a question steers: at each step, attention over the edges that leave where the walk is.

use candle_geometric::candle_nn::{Init, ops::softmax_last_dim};
use candle_geometric::nn::{GruCell, Linear};
use candle_geometric::ops::{self, Reduce};
use candle_geometric::prelude::*;

use crate::families::{Question, RELATIONS, WORDS, World};

/// The largest number of steps that a question needs: two words of two steps each.
pub(crate) const STEPS: usize = 4;
const WIDTH: usize = 32;

/// Words and relations have embeddings. A recurrent cell reads the words by attention, and says at each step what to look
/// for: q_t. An edge e of relation r has the score ⟨q_t, r⟩, and α its softmax over the edges that leave a node; the walk is at
/// i with probability p_{t+1}(i) = Σ α_e p_t(j) over the edges from j to i.
pub(crate) struct Walker {
    words: Tensor,
    places: Tensor,
    relations: Tensor,
    cell: GruCell,
    query: Linear,
}

/// A walk for each of B questions.
pub(crate) struct Walks {
    /// Where they end, `[N, B]`.
    pub(crate) arrived: Tensor,
    /// The attention of every step, `[E, B]`.
    pub(crate) alpha: Vec<Tensor>,
}

impl Walker {
    pub(crate) fn new(vb: VarBuilder<'_>) -> anyhow::Result<Self> {
        let table = |rows: usize, name: &str| {
            vb.get_with_hints((rows, WIDTH), name, Init::Randn { mean: 0.0, stdev: 0.3 })
        };
        Ok(Self {
            words: table(WORDS.len() + 1, "words")?,
            places: table(2, "places")?,
            relations: table(RELATIONS.len(), "relations")?,
            cell: GruCell::new(WIDTH, WIDTH, true, vb.pp("cell"))?,
            query: Linear::new(WIDTH, WIDTH, true, vb.pp("query"))?,
        })
    }

    /// Walks through `world` from the persons that the questions are about.
    pub(crate) fn walk(&self, world: &World, questions: &[Question]) -> anyhow::Result<Walks> {
        let (n, b) = (world.names.len(), questions.len());
        let words: Vec<u32> = questions.iter().flat_map(|question| question.words).collect();
        let words = self.words.index_select(&Tensor::from_vec(words, 2 * b, &Device::Cpu)?, 0)?;
        let words = words.reshape((b, 2, WIDTH))?.broadcast_add(&self.places.unsqueeze(0)?)?;

        let mut start = vec![0f32; n * b];
        for (column, question) in questions.iter().enumerate() {
            start[question.person as usize * b + column] = 1.0;
        }
        let mut at = Tensor::from_vec(start, (n, b), &Device::Cpu)?;
        let relation = Tensor::new(world.relations.as_slice(), &Device::Cpu)?;
        // The library's softmax is over the edges that end in a node: turned round, over those that leave it.
        let turned = world.edges.reversed();
        let (mut state, mut alpha) = (words.mean(1)?, vec![]);
        for _ in 0..STEPS {
            let asked = words.matmul(&state.unsqueeze(2)?)?.squeeze(2)?; // [B, 2]
            let read = words.broadcast_mul(&softmax_last_dim(&asked)?.unsqueeze(2)?)?.sum(1)?;
            state = self.cell.forward(&read, &state)?;
            let query = self.query.forward(&state)?;
            let scores = self.relations.matmul(&query.t()?)?.index_select(&relation, 0)?; // [E, B]
            let weights = ops::segment_softmax(&scores, &turned)?;
            let steps = (ops::gather_src(&at, &world.edges)? * &weights)?;
            at = ops::scatter(&steps, &world.edges, Reduce::Sum)?;
            alpha.push(weights);
        }
        Ok(Walks { arrived: at, alpha })
    }
}
