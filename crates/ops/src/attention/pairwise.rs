//! Attentions whose scores compare whole rows, as operations of Candle.

use candle_core::{Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::extras::Extras;
use crate::cpu::memory::Reused;
use crate::cpu::pairwise::{
    Added, Attended, Backward, Dot, Dynamic, Of, Pairs, Score, Wanted, attend, scores,
};
use crate::cpu::{Host, Real, dense, for_float};
use crate::cuda;
use crate::link::Gradient;
use crate::node::{self, Gradients, node, node_of_result};
use crate::{Dropout, Linked};

/// How scores follow from queries and keys.
#[derive(Debug)]
pub(super) enum Scoring {
    /// `⟨query, key⟩ / √C`.
    Dot,
    /// `⟨att, LeakyReLU(query + key)⟩`, where keys are the values, too.
    Dynamic { att: Tensor, negative_slope: f64 },
}

/// An attention of this kind: `D = H·C`.
#[derive(Debug)]
pub(super) struct Pairwise {
    pub(super) scoring: Scoring,
    pub(super) heads: usize,
    /// `[N_dst, D]`.
    pub(super) query: Linked,
    /// `[N_src, D]`.
    pub(super) key: Linked,
    /// `[N_src, D]`; `None` where keys are values, or where only scores are asked for.
    pub(super) value: Option<Linked>,
    /// `[E, D]`.
    pub(super) edge: Option<Tensor>,
    pub(super) edges: EdgeIndex,
}

/// What an attention does beside its definition, owned.
struct Owned {
    dropout: Option<Dropout>,
    bias: Option<Tensor>,
    residual: Option<Linked>,
}

/// What the backward pass of an attention needs from its forward pass beside the result, `[N_dst, H]` each.
struct Kept<T> {
    largest: Vec<T>,
    inverse: Vec<T>,
}

/// Runs `$body` with `$score` bound to the score of `$self`.
macro_rules! by_scoring {
    ($self:expr, $t:ty, $score:ident => $body:expr) => {
        match &$self.scoring {
            Scoring::Dot => {
                let channels = $self.key.value().dim(1)? / $self.heads;
                let $score = Dot { scale: <$t>::from_f64((channels as f64).sqrt().recip()) };
                $body
            }
            Scoring::Dynamic { att, negative_slope } => {
                let att = Host::open(att);
                let $score = Dynamic { att: att.slice()?, slope: <$t>::from_f64(*negative_slope) };
                $body
            }
        }
    };
}

impl Pairwise {
    /// The attention, `[N_dst, D]`.
    pub(super) fn attend(mut self, extras: Extras<'_>) -> Result<Tensor> {
        self.make_contiguous()?;
        let owned = Owned {
            dropout: extras.dropout.filter(|d| d.p > 0.0),
            bias: extras.bias.map(Tensor::contiguous).transpose()?,
            residual: extras.residual.map(Linked::contiguous).transpose()?,
        };
        for_float!(self.key.value().dtype(), "attention", T => self.attend_as::<T>(owned))
    }

    /// The scores, `[E, H]`.
    pub(super) fn scores(mut self) -> Result<Tensor> {
        self.make_contiguous()?;
        for_float!(self.key.value().dtype(), "scores", T => self.scores_as::<T>())
    }

    /// [`Pairwise::attend`] on a GPU.
    pub(super) fn attend_on_cuda(self, extras: Extras<'_>) -> Result<Tensor> {
        let dropout = extras.dropout.filter(|d| d.p > 0.0);
        let out = self.on_cuda(dropout)?.attend()?;
        Ok(extras.add_to(out)?)
    }

    /// [`Pairwise::scores`] on a GPU, where those of half precision are in f32.
    pub(super) fn scores_on_cuda(self) -> Result<Tensor> {
        self.on_cuda(None)?.scores()
    }

    fn on_cuda(mut self, dropout: Option<Dropout>) -> Result<cuda::pairwise::Pairwise> {
        self.make_contiguous()?;
        Ok(cuda::pairwise::Pairwise {
            query: self.query.tensor()?,
            key: self.key.tensor()?,
            value: self.value.as_ref().map(Linked::tensor).transpose()?,
            dynamic: match self.scoring {
                Scoring::Dot => None,
                Scoring::Dynamic { att, negative_slope } => Some((att, negative_slope)),
            },
            edge: self.edge,
            heads: self.heads,
            edges: self.edges,
            dropout,
        })
    }

    fn make_contiguous(&mut self) -> Result<()> {
        for t in [&mut self.query, &mut self.key].into_iter().chain(&mut self.value) {
            *t = t.contiguous()?;
        }
        if let Some(t) = &mut self.edge {
            *t = t.contiguous()?;
        }
        if let Scoring::Dynamic { att, .. } = &mut self.scoring {
            *att = att.contiguous()?;
        }
        Ok(())
    }

    fn att(&self) -> Option<&Tensor> {
        match &self.scoring {
            Scoring::Dot => None,
            Scoring::Dynamic { att, .. } => Some(att),
        }
    }

    /// What stands for the arguments, in the order of [`Pairwise::gradients`].
    fn nodes(&self) -> Vec<Tensor> {
        let linked = [&self.query, &self.key].into_iter().chain(&self.value).map(Linked::node);
        linked.chain(self.att()).chain(&self.edge).cloned().collect()
    }

    fn attend_as<T: Real>(self, owned: Owned) -> Result<Tensor> {
        let mut args = self.nodes();
        args.extend(owned.bias.clone());
        args.extend(owned.residual.as_ref().map(|r| r.node().clone()));
        let tracked = args.iter().any(Tensor::track_op);
        let shape = (self.edges.num_dst(), self.key.value().dim(1)?);
        let residual = owned.residual.as_ref().map(Linked::value);
        let views = (owned.bias.as_ref().map(Host::open), residual.as_ref().map(Host::open));
        let added = Added {
            bias: views.0.as_ref().map(Host::slice).transpose()?,
            residual: views.1.as_ref().map(Host::slice).transpose()?,
            apart: tracked,
        };
        let done: Attended<T> = by_scoring!(self, T, score => {
            self.with_pairs(score, owned.dropout, |pairs| attend(pairs, added))?
        });
        drop(views);
        let Attended { out, sum, largest, inverse } = done;
        let apart = tracked && (owned.bias.is_some() || owned.residual.is_some());
        let args: Vec<&Tensor> = args.iter().collect();
        let kept = Kept { largest, inverse };
        if apart {
            // The attention alone is kept: subtracting from the sum what was added would lose digits.
            let out = Reused(out);
            node(&args, node::value(sum, shape), move |grad| self.backward(&owned, &kept, &out.0, grad))
        } else {
            node_of_result(&args, node::value(out, shape), move |out, grad| {
                self.backward(&owned, &kept, Host::open(out).slice()?, grad)
            })
        }
    }

    /// The gradients of the arguments from `out`, the attention before anything is added, and the gradient of the result.
    fn backward<T: Real>(
        &self,
        owned: &Owned,
        Kept { largest, inverse }: &Kept<T>,
        out: &[T],
        grad: &Gradient,
    ) -> Result<Gradients> {
        let g = Host::open(grad.tensor());
        let g = g.slice::<T>()?;
        let mut all = self.gradients(Of::Result { out, grad: g, largest, inverse }, owned.dropout)?;
        if let Some(bias) = &owned.bias {
            let sums = || Gradient::own(dense::column_sums(g, bias.elem_count()), bias.shape());
            all.push(bias.track_op().then(sums).transpose()?);
        }
        if let Some(residual) = &owned.residual {
            all.push(residual.is_tracked().then(|| grad.clone()));
        }
        Ok(all)
    }

    fn scores_as<T: Real>(self) -> Result<Tensor> {
        let (args, shape) = (self.nodes(), (self.edges.num_edges(), self.heads));
        let numbers: Vec<T> = by_scoring!(self, T, score => self.with_pairs(score, None, scores)?);
        let args: Vec<&Tensor> = args.iter().collect();
        node(&args, node::value(numbers, shape), move |grad| {
            self.gradients(Of::Scores(Host::open(grad.tensor()).slice::<T>()?), None)
        })
    }

    fn with_pairs<T: Real, S: Score<T>, R>(
        &self,
        score: S,
        dropout: Option<Dropout>,
        f: impl FnOnce(&Pairs<'_, T, S>) -> R,
    ) -> Result<R> {
        let [query, key] = [&self.query, &self.key].map(Linked::value);
        let value = self.value.as_ref().map(Linked::value);
        let [query, key] = [&query, &key].map(Host::open);
        let (value, edge) = (value.as_ref().map(Host::open), self.edge.as_ref().map(Host::open));
        let key = key.slice::<T>()?;
        let pairs = Pairs {
            edges: &self.edges,
            score,
            heads: self.heads,
            channels: self.key.value().dim(1)? / self.heads,
            query: query.slice()?,
            key,
            value: value.as_ref().map_or(Ok(key), Host::slice)?,
            edge: edge.as_ref().map(Host::slice).transpose()?,
            dropout,
        };
        Ok(f(&pairs))
    }

    /// The gradients of what [`Pairwise::nodes`] stands for.
    fn gradients<T: Real>(&self, of: Of<'_, T>, dropout: Option<Dropout>) -> Result<Gradients> {
        let tracked = |t: Option<&Tensor>| t.is_some_and(Tensor::track_op);
        let wanted = Wanted {
            query: self.query.is_tracked(),
            key: self.key.is_tracked(),
            value: self.value.as_ref().is_some_and(Linked::is_tracked),
            edge: tracked(self.edge.as_ref()),
            att: tracked(self.att()),
        };
        let found = by_scoring!(self, T, score => {
            self.with_pairs(score, dropout, |pairs| Backward { pairs, of }.run(wanted))?
        });
        let wanted_as = Gradient::wanted::<T>;
        let mut all = vec![
            wanted_as(wanted.query, found.query, &self.query.value())?,
            wanted_as(wanted.key, found.key, &self.key.value())?,
        ];
        if let Some(value) = &self.value {
            all.push(wanted_as(wanted.value, found.value, &value.value())?);
        }
        if let Some(att) = self.att() {
            all.push(wanted_as(wanted.att, found.att, att)?);
        }
        if let Some(edge) = &self.edge {
            all.push(wanted_as(wanted.edge, found.edge, edge)?);
        }
        Ok(all)
    }
}
