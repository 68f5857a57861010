use candle_core::{Device, Tensor};
use candle_geometric_graph::EdgeIndex;

use super::{Atom, Bond, BondKind, BondStereo, Chirality, Hybridization, Molecule};
use crate::Result;

/// The number of features of an atom.
pub const ATOM_FEATURES: usize = 39;
/// The number of features of a bond.
pub const BOND_FEATURES: usize = 10;

/// B, C, N, O, F, Si, P, S, Cl, As, Se, Br, Te, I, At.
const ELEMENTS: [u8; 15] = [5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 52, 53, 85];

/// What a model sees of a molecule: the features of Xiong et al. 2020 (AttentiveFP), table 1, in the order of PyTorch
/// Geometric's example.
///
/// An atom: its element (B, C, N, O, F, Si, P, S, Cl, As, Se, Br, Te, I, At, another), its degree (0 to 5), its formal charge, its
/// radical electrons, its hybridisation (sp, sp², sp³, sp³d, sp³d², another), whether it is aromatic, its hydrogens (0 to 4),
/// whether it may be chiral, and R or S. A bond: single, double, triple, aromatic; conjugated; in a ring; without stereochemistry,
/// of any, Z, E. What is counted is a position that holds 1; a degree or number of hydrogens beyond these leaves all at 0.
#[derive(Debug, Clone)]
pub struct Features {
    /// `[N, 39]`.
    pub x: Tensor,
    /// Both directions of every bond, one after the other.
    pub edge_index: EdgeIndex,
    /// `[E, 10]`.
    pub edge_attr: Tensor,
}

impl Features {
    /// Of one molecule, in f32 on the CPU.
    ///
    /// # Errors
    /// If a bond's atom is not one of the molecule's.
    pub fn new(molecule: &Molecule) -> Result<Self> {
        let (n, e) = (molecule.atoms.len(), 2 * molecule.bonds.len());
        let x: Vec<f32> = molecule.atoms.iter().flat_map(of_atom).collect();
        let edge_attr: Vec<f32> = molecule.bonds.iter().flat_map(|b| [of_bond(b); 2]).flatten().collect();
        let pairs = molecule.bonds.iter().flat_map(|b| [(b.atoms[0], b.atoms[1]), (b.atoms[1], b.atoms[0])]);
        Ok(Self {
            x: Tensor::from_vec(x, (n, ATOM_FEATURES), &Device::Cpu)?,
            edge_index: EdgeIndex::from_pairs(pairs, n)?,
            edge_attr: Tensor::from_vec(edge_attr, (e, BOND_FEATURES), &Device::Cpu)?,
        })
    }
}

fn of_atom(atom: &Atom) -> [f32; ATOM_FEATURES] {
    let mut row = Row { numbers: [0.0; ATOM_FEATURES], at: 0 };
    let element = ELEMENTS.iter().position(|&e| e == atom.atomic_number);
    row.one_of(ELEMENTS.len() + 1, element.unwrap_or(ELEMENTS.len()));
    row.one_of(6, atom.degree);
    row.number(atom.formal_charge as f32);
    row.number(atom.radical_electrons as f32);
    let hybridization = match atom.hybridization {
        Hybridization::Sp => 0,
        Hybridization::Sp2 => 1,
        Hybridization::Sp3 => 2,
        Hybridization::Sp3d => 3,
        Hybridization::Sp3d2 => 4,
        Hybridization::Other => 5,
    };
    row.one_of(6, hybridization);
    row.number(atom.is_aromatic.into());
    row.one_of(5, atom.hydrogens);
    row.number(atom.chirality_possible.into());
    row.number((atom.chirality == Some(Chirality::R)).into());
    row.number((atom.chirality == Some(Chirality::S)).into());
    row.numbers
}

fn of_bond(bond: &Bond) -> [f32; BOND_FEATURES] {
    let mut row = Row { numbers: [0.0; BOND_FEATURES], at: 0 };
    for kind in [BondKind::Single, BondKind::Double, BondKind::Triple, BondKind::Aromatic] {
        row.number((bond.kind == kind).into());
    }
    row.number(bond.is_conjugated.into());
    row.number(bond.in_ring.into());
    for stereo in [BondStereo::None, BondStereo::Any, BondStereo::Z, BondStereo::E] {
        row.number((bond.stereo == stereo).into());
    }
    row.numbers
}

/// Features as they are written one after the other.
struct Row<const N: usize> {
    numbers: [f32; N],
    at: usize,
}

impl<const N: usize> Row<N> {
    fn number(&mut self, value: f32) {
        self.numbers[self.at] = value;
        self.at += 1;
    }

    /// A 1 at position `which` of `choices`; none if there is no such position.
    fn one_of(&mut self, choices: usize, which: usize) {
        for choice in 0..choices {
            self.number((choice == which).into());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Where a row is not 0, and what it holds there.
    fn set(row: &[f32]) -> Vec<(usize, f32)> {
        row.iter().copied().enumerate().filter(|(_, v)| *v != 0.0).collect()
    }

    #[test]
    fn every_feature_has_its_place() {
        let carbon = Atom {
            atomic_number: 6,
            degree: 5,
            formal_charge: -2,
            radical_electrons: 3,
            hybridization: Hybridization::Other,
            is_aromatic: true,
            hydrogens: 4,
            chirality_possible: true,
            chirality: Some(Chirality::S),
        };
        let (minus, three) = ((22, -2.0), (23, 3.0));
        let ones = [(1, 1.0), (21, 1.0), minus, three, (29, 1.0), (30, 1.0), (35, 1.0), (36, 1.0), (38, 1.0)];
        assert_eq!(set(&of_atom(&carbon)), ones);
        let uranium = Atom { atomic_number: 92, degree: 6, hydrogens: 5, chirality: None, ..carbon };
        assert_eq!(set(&of_atom(&uranium)), [(15, 1.0), minus, three, (29, 1.0), (30, 1.0), (36, 1.0)]);

        let bond = Bond {
            atoms: [1, 0],
            kind: BondKind::Aromatic,
            is_conjugated: true,
            in_ring: true,
            stereo: BondStereo::E,
        };
        assert_eq!(set(&of_bond(&bond)), [(3, 1.0), (4, 1.0), (5, 1.0), (9, 1.0)]);
        let dative = Bond { kind: BondKind::Other, stereo: BondStereo::None, ..bond };
        assert_eq!(set(&of_bond(&dative)), [(4, 1.0), (5, 1.0), (6, 1.0)]);

        let both = Features::new(&Molecule { atoms: vec![carbon, uranium], bonds: vec![bond] }).unwrap();
        assert_eq!(both.edge_index.source(), [1, 0]);
        let rows = both.edge_attr.to_vec2::<f32>().unwrap();
        assert_eq!(rows[0], rows[1]);
        let lone = Features::new(&Molecule { atoms: vec![carbon], bonds: vec![] }).unwrap();
        assert_eq!((lone.x.dims(), lone.edge_attr.dims()), ([1, 39].as_slice(), [0, 10].as_slice()));
        let outside = Molecule { atoms: vec![carbon], bonds: vec![bond] };
        assert!(Features::new(&outside).is_err());
    }
}
