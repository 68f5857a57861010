//! A matrix for every relation: each its own, sums of a few, or blocks along the diagonal.

use candle_core::Tensor;
use candle_geometric_graph::Relations;
use candle_geometric_ops as ops;
use candle_nn::VarBuilder;

use crate::{Error, Result, init};

/// W_r, `[I, O]` for each of R relations.
#[derive(Debug, Clone)]
pub(super) struct RelationWeights {
    /// R, I, O.
    sizes: [usize; 3],
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// `[R, I, O]`.
    Full(Tensor),
    /// `[R, B]` and `[B, I, O]`.
    Bases { comp: Tensor, basis: Tensor },
    /// `[R, B, I/B, O/B]`.
    Blocks { weight: Tensor, blocks: usize },
}

enum Matrices<'a> {
    /// `[R, I, O]`.
    Full(Tensor),
    /// `[R, B, I/B, O/B]`, and B.
    Blocks(&'a Tensor, usize),
}

impl RelationWeights {
    /// Of `(num_bases, num_blocks)`, under `names`: that of the weights or of the bases, and that of the coefficients.
    pub(super) fn new(
        layer: &'static str,
        sizes: [usize; 3],
        (num_bases, num_blocks): (Option<usize>, Option<usize>),
        names: [&str; 2],
        vb: &VarBuilder,
    ) -> Result<Self> {
        let [relations, inputs, outputs] = sizes;
        let get = |shape: &[usize], name: &str| vb.get_with_hints(shape, name, init::glorot_uniform(shape));
        if relations == 0 {
            return Err(Error::argument(layer, "num_relations", "at least 1", "0"));
        }
        let kind = match (num_bases, num_blocks) {
            (None, None) => Kind::Full(get(&sizes, names[0])?),
            (Some(0), None) => return Err(Error::argument(layer, "num_bases", "at least 1", "0")),
            (Some(bases), None) => Kind::Bases {
                basis: get(&[bases, inputs, outputs], names[0])?,
                comp: get(&[relations, bases], names[1])?,
            },
            (None, Some(blocks)) => {
                let divides = blocks > 0 && inputs.is_multiple_of(blocks) && outputs.is_multiple_of(blocks);
                if !divides {
                    let expected = format!("a number that divides {inputs} and {outputs} channels");
                    return Err(Error::argument(layer, "num_blocks", expected, blocks.to_string()));
                }
                let shape = [relations, blocks, inputs / blocks, outputs / blocks];
                Kind::Blocks { weight: get(&shape, names[0])?, blocks }
            }
            (Some(bases), Some(blocks)) => {
                let expected = "none, because the layer has num_bases";
                let actual = format!("{blocks} (and {bases} bases)");
                return Err(Error::argument(layer, "num_blocks", expected, actual));
            }
        };
        Ok(Self { sizes, kind })
    }

    /// All W_r.
    fn matrices(&self) -> Result<Matrices<'_>> {
        let [relations, inputs, outputs] = self.sizes;
        Ok(match &self.kind {
            Kind::Full(weight) => Matrices::Full(weight.clone()),
            Kind::Bases { comp, basis } => {
                let flat = basis.reshape((basis.dim(0)?, inputs * outputs))?;
                Matrices::Full(comp.matmul(&flat)?.reshape((relations, inputs, outputs))?)
            }
            Kind::Blocks { weight, blocks } => Matrices::Blocks(weight, *blocks),
        })
    }

    /// `Σ_r h[i, r] W_r` of `h` with a row for every pair of a node and a relation, `[N·R, I] → [N, O]`.
    pub(super) fn sum_over_relations(&self, h: &Tensor) -> Result<Tensor> {
        let [relations, inputs, outputs] = self.sizes;
        let n = h.dim(0)? / relations;
        let (weight, blocks) = match self.matrices()? {
            Matrices::Full(weight) => {
                let weight = weight.reshape((relations * inputs, outputs))?.t()?;
                return Ok(ops::linear(&h.reshape((n, relations * inputs))?, &weight, None)?);
            }
            Matrices::Blocks(weight, blocks) => (weight, blocks),
        };
        let (i, o) = (inputs / blocks, outputs / blocks);
        let h = h.reshape((n, relations, blocks, i))?;
        let each = (0..blocks).map(|b| {
            let part = h.narrow(2, b, 1)?.contiguous()?.reshape((n, relations * i))?;
            let weight = weight.narrow(1, b, 1)?.contiguous()?.reshape((relations * i, o))?;
            Ok(ops::linear(&part, &weight.t()?, None)?)
        });
        Ok(Tensor::cat(&each.collect::<Result<Vec<_>>>()?, 1)?)
    }

    /// `x[i] W_r` for every pair of a node and a relation, `[N, I] → [N·R, O]`.
    pub(super) fn by_pair(&self, x: &Tensor) -> Result<Tensor> {
        let [relations, inputs, outputs] = self.sizes;
        let n = x.dim(0)?;
        let (weight, blocks) = match self.matrices()? {
            Matrices::Full(weight) => {
                let weight = weight.transpose(1, 2)?.contiguous()?.reshape((relations * outputs, inputs))?;
                return Ok(ops::linear(x, &weight, None)?.reshape((n * relations, outputs))?);
            }
            Matrices::Blocks(weight, blocks) => (weight, blocks),
        };
        let (i, o) = (inputs / blocks, outputs / blocks);
        let each = (0..blocks).map(|b| {
            let weight = weight.narrow(1, b, 1)?.squeeze(1)?.transpose(1, 2)?.contiguous()?;
            let part = x.narrow(1, b * i, i)?.contiguous()?;
            let out = ops::linear(&part, &weight.reshape((relations * o, i))?, None)?;
            Ok(out.reshape((n * relations, o))?)
        });
        Ok(Tensor::cat(&each.collect::<Result<Vec<_>>>()?, 1)?)
    }

    /// Row j of W_r for every pair of a row and a relation, `[I·R, O]`.
    pub(super) fn rows_by_pair(&self, layer: &'static str) -> Result<Tensor> {
        let [relations, inputs, outputs] = self.sizes;
        match self.matrices()? {
            Matrices::Full(weight) => {
                Ok(weight.transpose(0, 1)?.contiguous()?.reshape((inputs * relations, outputs))?)
            }
            Matrices::Blocks(..) => {
                let expected = "features, because the layer has num_blocks";
                Err(Error::argument(layer, "x", expected, "numbers of nodes"))
            }
        }
    }
}

/// That edges have as many relations as the layer.
pub(super) fn check_relations(
    layer: &'static str,
    relations: &Relations,
    num_relations: usize,
) -> Result<()> {
    if relations.num_relations() == num_relations {
        return Ok(());
    }
    let expected = format!("edges of {num_relations} relations");
    Err(Error::argument(layer, "edge_type", expected, format!("{} relations", relations.num_relations())))
}
