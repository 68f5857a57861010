//! Attentions whose scores compare whole rows, as operations of Candle on the CPU.

use candle_core::{Device, Result, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::extras::Extras;
use crate::Dropout;
use crate::Linked;
use crate::cpu::memory::Reused;
use crate::cpu::pairwise::{
    Added, Attended, Backward, Dot, Dynamic, Of, Pairs, Score, Wanted, attend, scores,
};
use crate::cpu::{Host, Real, dense, for_float};
use crate::node::{Gradients, node};

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

/// What the backward pass of an attention needs from its forward pass.
struct Kept<T: Real> {
    /// The result, where something was added to it afterwards: subtracting that again would lose digits.
    out: Option<Reused<T>>,
    /// `[N_dst, H]`.
    largest: Vec<T>,
    /// `[N_dst, H]`.
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
        if !tracked {
            return Tensor::from_vec(out, shape, &Device::Cpu);
        }
        let apart = owned.bias.is_some() || owned.residual.is_some();
        let (result, out) = if apart { (sum, Some(Reused(out))) } else { (out, None) };
        let kept = Kept { out, largest, inverse };
        let args: Vec<&Tensor> = args.iter().collect();
        node(&args, (T::to_cpu_storage_owned(result), shape.into()), move |out, grad| {
            let (view, g) = (Host::open(out), Host::open(grad));
            let grad_numbers = g.slice::<T>()?;
            let out = match &kept.out {
                Some(out) => &out.0,
                None => view.slice()?,
            };
            let of = Of::Result { out, grad: grad_numbers, largest: &kept.largest, inverse: &kept.inverse };
            let mut all = self.gradients(of, owned.dropout)?;
            if let Some(bias) = &owned.bias {
                let sums = || dense::column_sums(grad_numbers, bias.elem_count());
                let of_bias = || Tensor::from_vec(sums(), bias.shape(), &Device::Cpu);
                all.push(bias.track_op().then(of_bias).transpose()?);
            }
            if let Some(residual) = &owned.residual {
                all.push(if residual.is_tracked() { residual.pass(grad.clone())? } else { None });
            }
            Ok(all)
        })
    }

    fn scores_as<T: Real>(self) -> Result<Tensor> {
        let (args, shape) = (self.nodes(), (self.edges.num_edges(), self.heads));
        let numbers: Vec<T> = by_scoring!(self, T, score => self.with_pairs(score, None, scores)?);
        let args: Vec<&Tensor> = args.iter().collect();
        node(&args, (T::to_cpu_storage_owned(numbers), shape.into()), move |_, grad| {
            self.gradients(Of::Scores(Host::open(grad).slice::<T>()?), None)
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
        let link = |wanted: bool, numbers: Vec<T>, linked: &Linked| {
            let shape = linked.value().shape().clone();
            if wanted { linked.pass_own(Tensor::from_vec(numbers, shape, &Device::Cpu)?) } else { Ok(None) }
        };
        let plain = |wanted: bool, numbers: Vec<T>, t: &Tensor| {
            wanted.then(|| Tensor::from_vec(numbers, t.shape(), &Device::Cpu)).transpose()
        };
        let mut all =
            vec![link(wanted.query, found.query, &self.query)?, link(wanted.key, found.key, &self.key)?];
        if let Some(value) = &self.value {
            all.push(link(wanted.value, found.value, value)?);
        }
        if let Some(att) = self.att() {
            all.push(plain(wanted.att, found.att, att)?);
        }
        if let Some(edge) = &self.edge {
            all.push(plain(wanted.edge, found.edge, edge)?);
        }
        Ok(all)
    }
}
