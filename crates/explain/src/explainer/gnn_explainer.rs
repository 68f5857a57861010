use candle_core::{DType, Tensor, Var};
use candle_geometric_graph::EdgeIndex;
use candle_geometric_graph::rng::Stream;
use candle_geometric_ops as ops;
use candle_nn::{AdamW, Optimizer, ParamsAdamW};

use super::{Subject, Target, check_below, gradient_of, host};
use crate::{Error, Result};

/// GNNExplainer (Ying et al., *GNNExplainer: Generating Explanations for Graph Neural Networks*, NeurIPS 2019): a mask m of the edges
/// and, if wanted, one of the features, learnt by Adam for one output.
///
/// > loss = −log p(class | σ(m)) + edge_size Σ σ(m) + edge_ent mean H(σ(m)) + node_feat_size mean σ(n) + node_feat_ent mean H(σ(n))
///
/// where messages are multiplied by σ(m), features by σ(n), and H is the entropy of a bit. As in PyTorch Geometric, whose
/// defaults these are: the sums and means go over what has a gradient in the first epoch, which has the first term alone;
/// everything else gets 0.
#[derive(Debug, Clone, PartialEq)]
pub struct GnnExplainer {
    /// The number of steps of Adam. Default 100.
    pub epochs: usize,
    /// The learning rate. Default 0.01.
    pub lr: f64,
    /// The weight of the size of the edge mask. Default 0.005.
    pub edge_size: f64,
    /// The weight of the entropy of the edge mask. Default 1.
    pub edge_ent: f64,
    /// The weight of the size of the mask of features. Default 1.
    pub node_feat_size: f64,
    /// The weight of the entropy of the mask of features. Default 0.1.
    pub node_feat_ent: f64,
    /// What of the features is masked. Default [`NodeMask::Attributes`].
    pub node_mask: NodeMask,
    /// The seed of what the masks start from. Default 0.
    pub seed: u64,
}

/// What a mask of features distinguishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NodeMask {
    /// There is none.
    None,
    /// Nodes: one number for all features of a node.
    Object,
    /// Every feature of every node.
    #[default]
    Attributes,
    /// Features: one number for all nodes.
    CommonAttributes,
}

/// What [`GnnExplainer`] found.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The weight of every edge, 0 to 1, in the caller's order. 0 where the output does not depend on the edge.
    pub edges: Vec<f64>,
    /// The weights of features, 0 to 1, where they were asked for: `[N, 1]`, `[N, F]` or `[1, F]`.
    pub nodes: Option<Tensor>,
}

impl Default for GnnExplainer {
    fn default() -> Self {
        Self {
            epochs: 100,
            lr: 0.01,
            edge_size: 0.005,
            edge_ent: 1.0,
            node_feat_size: 1.0,
            node_feat_ent: 0.1,
            node_mask: NodeMask::default(),
            seed: 0,
        }
    }
}

/// A mask that is learnt.
struct Mask {
    name: &'static str,
    logits: Var,
    /// 1 where there was a gradient in the first epoch, else 0; and how many there are.
    hard: Option<(Tensor, f64)>,
}

impl GnnExplainer {
    /// Which edges and features the output `target` rests on. The same seed gives the same bits.
    ///
    /// # Errors
    /// If `epochs` is 0, the model fails, there is no such row or class, the logits depend on the edge mask or the features not
    /// at all, or a step makes a mask that is not finite.
    pub fn explain<M>(&self, subject: &Subject<M>, target: Target) -> Result<Explanation>
    where
        M: Fn(&Tensor, &EdgeIndex, &Tensor) -> candle_core::Result<Tensor>,
    {
        if self.epochs == 0 {
            return Err(Error::Invalid {
                argument: "epochs",
                expected: "at least 1".into(),
                actual: "0".into(),
            });
        }
        let (n, f) = subject.x().dims2()?;
        // Glorot's bound for a rectified unit, as if each node had n inputs: PyTorch Geometric's.
        let std = (2.0 / n.max(1) as f64).sqrt();
        let mut edges = self.mask("the edge mask", (subject.edges().num_edges(), 1), std, subject.x())?;
        let shape = match self.node_mask {
            NodeMask::None => None,
            NodeMask::Object => Some((n, 1)),
            NodeMask::Attributes => Some((n, f)),
            NodeMask::CommonAttributes => Some((1, f)),
        };
        let nodes = shape.map(|shape| self.mask("the features", shape, 0.1, subject.x()));
        let mut nodes = nodes.transpose()?;
        let variables = [Some(&edges), nodes.as_ref()].into_iter().flatten();
        let variables = variables.map(|mask| mask.logits.clone()).collect();
        let adam = ParamsAdamW { lr: self.lr, weight_decay: 0.0, ..ParamsAdamW::default() };
        let mut adam = AdamW::new(variables, adam)?;
        for _ in 0..self.epochs {
            let x = match &nodes {
                Some(mask) => subject.x().broadcast_mul(&ops_result(ops::sigmoid(&mask.logits))?)?,
                None => subject.x().clone(),
            };
            let edge_mask = ops_result(ops::sigmoid(&edges.logits))?.squeeze(1)?;
            let logits = subject.row(&x, &edge_mask, target.row)?;
            check_below("class", target.class, logits.dim(0)?)?;
            let mut loss = candle_nn::ops::log_softmax(&logits, 0)?.get(target.class)?.neg()?;
            for term in [
                edges.regulariser(self.edge_size, false, self.edge_ent)?,
                match &nodes {
                    Some(mask) => mask.regulariser(self.node_feat_size, true, self.node_feat_ent)?,
                    None => None,
                },
            ]
            .into_iter()
            .flatten()
            {
                loss = (loss + term)?;
            }
            let gradients = ops_result(ops::backward(&loss))?;
            for mask in [Some(&mut edges), nodes.as_mut()].into_iter().flatten() {
                mask.find_hard(&gradients)?;
            }
            adam.step(&gradients)?;
        }
        let found = nodes.map(|mask| mask.result()).transpose()?;
        Ok(Explanation { edges: host(&edges.result()?)?, nodes: found })
    }

    /// A mask that starts at normal numbers.
    fn mask(&self, name: &'static str, shape: (usize, usize), std: f64, like: &Tensor) -> Result<Mask> {
        let stream = Stream::named(self.seed, name);
        let start: Vec<f64> = (0..(shape.0 * shape.1) as u64).map(|i| std * stream.normal(i)).collect();
        let start = Tensor::from_vec(start, shape, like.device())?.to_dtype(like.dtype())?;
        Ok(Mask { name, logits: Var::from_tensor(&start)?, hard: None })
    }
}

impl Mask {
    /// The price of a mask that is large or undecided; none before the first gradient, or if there is nothing to mask.
    fn regulariser(&self, size: f64, mean_size: bool, entropy: f64) -> Result<Option<Tensor>> {
        const EPS: f64 = 1e-15;
        let Some((hard, count)) = self.hard.as_ref().filter(|(_, count)| *count > 0.0) else {
            return Ok(None);
        };
        let m = ops_result(ops::sigmoid(&self.logits))?;
        let price = (&m * hard)?.sum_all()?;
        let price = (price * if mean_size { size / count } else { size })?;
        let rest = (1.0 - &m)?;
        let bits = ((&m * (&m + EPS)?.log()?)? + (&rest * (&rest + EPS)?.log()?)?)?;
        Ok(Some((price - ((bits * hard)?.sum_all()? * (entropy / count))?)?))
    }

    /// Keeps where the first epoch has a gradient.
    fn find_hard(&mut self, gradients: &candle_core::backprop::GradStore) -> Result<()> {
        if self.hard.is_some() {
            return Ok(());
        }
        let hard = gradient_of(gradients, &self.logits, self.name)?.ne(0.0)?.to_dtype(self.logits.dtype())?;
        let count = hard.to_dtype(DType::F64)?.sum_all()?.to_scalar::<f64>()?;
        self.hard = Some((hard, count));
        Ok(())
    }

    /// The mask as probabilities, 0 where there was no gradient.
    fn result(&self) -> Result<Tensor> {
        let mask = ops_result(ops::sigmoid(&self.logits.as_detached_tensor()))?;
        if host(&mask)?.iter().any(|m| m.is_nan()) {
            return Err(Error::Invalid {
                argument: "model",
                expected: format!("finite gradients by {}", self.name),
                actual: "NaN".into(),
            });
        }
        match &self.hard {
            Some((hard, _)) => Ok((mask * hard)?),
            None => Ok(mask),
        }
    }
}

fn ops_result<T>(result: ops::Result<T>) -> Result<T> {
    Ok(result.map_err(candle_core::Error::from)?)
}
