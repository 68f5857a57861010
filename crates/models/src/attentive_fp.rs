use candle_core::Tensor;
use candle_geometric_graph::EdgeIndex;
use candle_geometric_nn::conv::{Attention, GatConv, GatConvConfig};
use candle_geometric_nn::{GruCell, Linear, Mode, dropout, graphs, init};
use candle_geometric_ops::{self as ops, Reduce};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::basic_gnn::check_sizes;
use crate::config::Architecture;
use crate::{GraphModel, Level, Result};

const NAME: &str = "AttentiveFP";
/// The slope of every leaky ReLU.
const SLOPE: f64 = 0.01;

/// The arguments of [`AttentiveFp`], with PyTorch Geometric's names and defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentiveFpConfig {
    /// I, the features of an atom.
    pub in_channels: usize,
    /// C.
    pub hidden_channels: usize,
    /// O.
    pub out_channels: usize,
    /// D, the features of a bond.
    pub edge_dim: usize,
    /// The number of layers over atoms, at least 1.
    pub num_layers: usize,
    /// T, how often the molecule looks at its atoms.
    pub num_timesteps: usize,
    /// The probability with which numbers and weights α are dropped in training. Default 0.
    #[serde(default)]
    pub dropout: f64,
}

/// A model of molecules (Xiong et al., *Pushing the Boundaries of Molecular Representation for Drug Discovery with the
/// Graph Attention Mechanism*, J. Med. Chem. 2020, eq. 1 to 9): PyTorch Geometric's `AttentiveFP`.
///
/// > x = LeakyReLU(W₁ x + b₁); h = ELU(GATE(x, bonds)), x = ReLU(GRU(h, x)); then L − 1 times
/// > h = ELU(GAT(x)), x = ReLU(GRU(h, x))
/// >
/// > m = ReLU(Σ x_i over the atoms); T times h = ELU(GAT(atoms → m)), m = ReLU(GRU(h, m)), with the same weights;
/// > y = W₂ m + b₂
///
/// where GATE attends with α = softmax LeakyReLU(⟨a_l, LeakyReLU(W \[x_j ‖ e\])⟩ + ⟨a_r, x_i⟩) to W' x_j.
///
/// Shapes: x `[N, I]`, edge_attr `[E, D]`, result `[B, O]`: one row for each graph of the batch. Parameters `lin1`,
/// `gate_conv` {`att_l` `[1, C]`, `att_r` `[1, C]`, `lin1.weight` `[C, C + D]`, `lin2.weight`, `bias`}, `gru`,
/// `atom_convs.i`, `atom_grus.i`, `mol_conv`, `mol_gru`, `lin2`.
///
/// ```
/// use candle_core::{DType, Device, Tensor};
/// use candle_geometric_graph::EdgeIndex;
/// use candle_geometric_models::{AttentiveFp, AttentiveFpConfig, GraphModel};
/// use candle_geometric_nn::{Mode, SeededVarMap};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = AttentiveFpConfig {
///     in_channels: 9, hidden_channels: 8, out_channels: 1, edge_dim: 3, num_layers: 2, num_timesteps: 2, dropout: 0.0,
/// };
/// let model = AttentiveFp::new(&config, SeededVarMap::new(0).var_builder(DType::F32, &Device::Cpu))?;
/// let (bonds, batch) = (EdgeIndex::new(vec![0, 1], vec![1, 0], 3)?, EdgeIndex::from_batch(&[0, 0, 1], 2)?);
/// let x = Tensor::ones((3, 9), DType::F32, &Device::Cpu)?;
/// let edge_attr = Tensor::ones((2, 3), DType::F32, &Device::Cpu)?;
/// assert_eq!(model.forward_batch(&x, &bonds, Some(&edge_attr), Some(&batch), Mode::Eval)?.dims(), [2, 1]);
/// # Ok(()) }
/// ```
pub struct AttentiveFp {
    config: AttentiveFpConfig,
    lin1: Linear,
    gate_conv: GateConv,
    gru: GruCell,
    atoms: Vec<(GatConv, GruCell)>,
    mol_conv: GatConv,
    mol_gru: GruCell,
    lin2: Linear,
}

impl AttentiveFp {
    /// A model with the parameters that `vb` gives.
    ///
    /// # Errors
    /// If an argument is out of range, or `vb` has no such parameters.
    pub fn new(config: &AttentiveFpConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let (c, h) = (config.clone(), config.hidden_channels);
        let sizes = [
            ("in_channels", c.in_channels),
            ("hidden_channels", h),
            ("out_channels", c.out_channels),
            ("edge_dim", c.edge_dim),
            ("num_layers", c.num_layers),
        ];
        check_sizes(NAME, &sizes)?;
        let gat = GatConvConfig {
            dropout: c.dropout,
            add_self_loops: false,
            negative_slope: SLOPE,
            ..GatConvConfig::new(h, h)
        };
        let atom = |k: usize| -> Result<_> {
            let conv = GatConv::new(&gat, vb.pp("atom_convs").pp(k))?;
            Ok((conv, GruCell::new(h, h, true, vb.pp("atom_grus").pp(k))?))
        };
        Ok(Self {
            lin1: Linear::new(c.in_channels, h, true, vb.pp("lin1"))?,
            gate_conv: GateConv::new(&c, vb.pp("gate_conv"))?,
            gru: GruCell::new(h, h, true, vb.pp("gru"))?,
            atoms: (0..c.num_layers - 1).map(atom).collect::<Result<_>>()?,
            mol_conv: GatConv::new(&gat, vb.pp("mol_conv"))?,
            mol_gru: GruCell::new(h, h, true, vb.pp("mol_gru"))?,
            lin2: Linear::new(h, c.out_channels, true, vb.pp("lin2"))?,
            config: c,
        })
    }

    /// The arguments of the model.
    pub fn config(&self) -> &AttentiveFpConfig {
        &self.config
    }

    /// The outputs, and the attention of every layer if `seen` asks for it.
    fn run(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
        batch: &EdgeIndex,
        mode: Mode<'_>,
        mut seen: Option<&mut Vec<Attention>>,
    ) -> candle_geometric_nn::Result<Tensor> {
        let p = self.config.dropout;
        let next = |h: &Tensor, gru: &GruCell, state: &Tensor| -> candle_geometric_nn::Result<Tensor> {
            let h = dropout(&ops::elu(h, 1.0)?, p, mode)?;
            Ok(ops::relu(&gru.forward(&h, state)?)?)
        };
        let x = ops::leaky_relu(&self.lin1.forward(x)?, SLOPE)?;
        let bonds = self.gate_conv.terms(&x, edges, edge_attr)?;
        let mut atoms = next(&self.gate_conv.forward(&bonds, edges, p, mode)?, &self.gru, &x)?;
        if let Some(seen) = seen.as_deref_mut() {
            seen.push(bonds.attention(edges)?);
        }
        for (conv, gru) in &self.atoms {
            if let Some(seen) = seen.as_deref_mut() {
                seen.push(conv.forward_with_attention(&atoms, edges, None, mode)?.1);
            }
            atoms = next(&conv.forward_t(&atoms, edges, mode)?, gru, &atoms)?;
        }
        let mut molecules = ops::relu(&ops::scatter(&atoms, batch, Reduce::Sum)?)?;
        for _ in 0..self.config.num_timesteps {
            let pair = (&atoms, &molecules);
            if let Some(seen) = seen.as_deref_mut() {
                seen.push(self.mol_conv.forward_with_attention(pair, batch, None, mode)?.1);
            }
            molecules = next(&self.mol_conv.forward_t(pair, batch, mode)?, &self.mol_gru, &molecules)?;
        }
        self.lin2.forward(&dropout(&molecules, p, mode)?)
    }

    /// The bonds' features and the molecule of each atom, if all shapes fit.
    fn check<'a>(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&'a Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<(&'a Tensor, EdgeIndex)> {
        let AttentiveFpConfig { in_channels, edge_dim, .. } = self.config;
        let n = edges.num_nodes().map_err(candle_geometric_nn::Error::from)?;
        let wrong = |argument: &'static str, expected: [usize; 2], actual: String| {
            candle_geometric_nn::Error::argument(NAME, argument, format!("{expected:?}"), actual)
        };
        if x.dims() != [n, in_channels] {
            return Err(wrong("x", [n, in_channels], format!("{:?}", x.dims())).into());
        }
        let expected = [edges.num_edges(), edge_dim];
        match edge_attr {
            Some(e) if e.dims() == expected => Ok((e, graphs(NAME, n, batch)?)),
            other => {
                let actual = other.map_or("none".into(), |e| format!("{:?}", e.dims()));
                Err(wrong("edge_attr", expected, actual).into())
            }
        }
    }
}

impl GraphModel for AttentiveFp {
    fn level(&self) -> Level {
        Level::Graph
    }

    fn forward_batch(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
        mode: Mode<'_>,
    ) -> Result<Tensor> {
        let (edge_attr, batch) = self.check(x, edges, edge_attr, batch)?;
        Ok(self.run(x, edges, edge_attr, &batch, mode, None)?)
    }

    /// Of the layers over bonds, then of each look of the molecules at their atoms, whose edges lead from atoms to molecules.
    fn attention(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: Option<&Tensor>,
        batch: Option<&EdgeIndex>,
    ) -> Result<Vec<Attention>> {
        let (edge_attr, batch) = self.check(x, edges, edge_attr, batch)?;
        let mut seen = Vec::new();
        self.run(x, edges, edge_attr, &batch, Mode::Eval, Some(&mut seen))?;
        Ok(seen)
    }
}

/// The first layer, which sees the bonds.
struct GateConv {
    att_l: Tensor,
    att_r: Tensor,
    /// Of the source and of the edge.
    lin1: (Tensor, Tensor),
    lin2: Linear,
    bias: Tensor,
}

impl GateConv {
    fn new(c: &AttentiveFpConfig, vb: VarBuilder<'_>) -> Result<Self> {
        let h = c.hidden_channels;
        let att = |name| vb.get_with_hints((1, h), name, init::glorot_uniform(&[1, h]));
        let lin1 = Linear::glorot(h.saturating_add(c.edge_dim), h, false, vb.pp("lin1"))?;
        Ok(Self {
            att_l: att("att_l")?,
            att_r: att("att_r")?,
            lin1: (lin1.weight().narrow(1, 0, h)?, lin1.weight().narrow(1, h, c.edge_dim)?),
            lin2: Linear::glorot(h, h, false, vb.pp("lin2"))?,
            bias: vb.get_with_hints(h, "bias", init::ZEROS)?,
        })
    }

    fn terms(
        &self,
        x: &Tensor,
        edges: &EdgeIndex,
        edge_attr: &Tensor,
    ) -> candle_geometric_nn::Result<GateTerms> {
        // W [x ‖ e] in two parts: that of the node is computed once for all its edges.
        let of_source = ops::gather_src(&ops::linear(x, &self.lin1.0, None)?, edges)?;
        let pairs = (of_source + ops::linear(edge_attr, &self.lin1.1, None)?)?;
        Ok(GateTerms {
            values: self.lin2.forward(x)?,
            of_edge: ops::linear(&ops::leaky_relu(&pairs, SLOPE)?, &self.att_l, None)?,
            of_node: ops::linear(x, &self.att_r, None)?,
            none: Tensor::zeros((x.dim(0)?, 1), x.dtype(), x.device())?,
        })
    }

    fn forward(
        &self,
        t: &GateTerms,
        edges: &EdgeIndex,
        p: f64,
        mode: Mode<'_>,
    ) -> candle_geometric_nn::Result<Tensor> {
        let (of_node, of_edge) = (Some(&t.of_node), Some(&t.of_edge));
        let drop = mode.dropout(p);
        let out = ops::additive_attention(&t.values, &t.none, of_node, of_edge, edges, SLOPE, drop)?;
        Ok(ops::bias_add(&out, &self.bias)?)
    }
}

/// What goes into the attention of the first layer.
struct GateTerms {
    values: Tensor,
    of_edge: Tensor,
    of_node: Tensor,
    /// The scores of sources: what they have to say is in those of the edges.
    none: Tensor,
}

impl GateTerms {
    fn attention(&self, edges: &EdgeIndex) -> candle_geometric_nn::Result<Attention> {
        let (of_node, of_edge) = (Some(&self.of_node), Some(&self.of_edge));
        let alpha = ops::additive_attention_weights(&self.none, of_node, of_edge, edges, SLOPE)?;
        Ok(Attention { edges: edges.clone(), alpha })
    }
}

impl Architecture for AttentiveFpConfig {
    fn in_channels(&self) -> usize {
        self.in_channels
    }

    fn out_channels(&self) -> usize {
        self.out_channels
    }

    fn build(&self, vb: VarBuilder<'_>) -> Result<Box<dyn GraphModel>> {
        Ok(Box::new(AttentiveFp::new(self, vb)?))
    }
}
