//! Molecules: from SMILES to graphs of atoms and bonds with the features of AttentiveFP.
//!
//! What is known of a molecule ([`Molecule`]) stands apart from who read it ([`SmilesReader`]) and from what a model sees of
//! it ([`Features`]). With the feature `smiles` there is a reader, `Chematic`, that perceives rings, aromaticity, hybridisation,
//! conjugation and stereochemistry as RDKit does.

#[cfg(feature = "smiles")]
mod chematic;
mod features;
pub mod moleculenet;
mod scaffold;

#[cfg(feature = "smiles")]
pub use chematic::Chematic;
pub use features::{ATOM_FEATURES, BOND_FEATURES, Features};
pub use moleculenet::{Columns, Molecules, Rejected};
pub use scaffold::scaffold_split;

/// Atoms and the bonds between them. Hydrogens are numbers of their neighbours, but for those that RDKit keeps as atoms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Molecule {
    /// The atoms, in the order of the SMILES.
    pub atoms: Vec<Atom>,
    /// Every bond once.
    pub bonds: Vec<Bond>,
}

/// An atom of a [`Molecule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Atom {
    /// The number of protons; 0 for an atom that can be anything (`*`).
    pub atomic_number: u8,
    /// The number of bonds to other atoms of the graph.
    pub degree: usize,
    /// The charge in units of the elementary charge.
    pub formal_charge: i32,
    /// The number of unpaired electrons.
    pub radical_electrons: u32,
    /// How its orbitals mix.
    pub hybridization: Hybridization,
    /// Whether it is part of an aromatic ring.
    pub is_aromatic: bool,
    /// The number of hydrogens on it that are not atoms of the graph.
    pub hydrogens: usize,
    /// Whether its neighbours may be arranged in two ways.
    pub chirality_possible: bool,
    /// In which, by the rules of Cahn, Ingold and Prelog, where the SMILES says so.
    pub chirality: Option<Chirality>,
}

/// A bond of a [`Molecule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bond {
    /// The positions of its atoms.
    pub atoms: [u32; 2],
    /// Its order.
    pub kind: BondKind,
    /// Whether it is conjugated with others.
    pub is_conjugated: bool,
    /// Whether it is part of a ring.
    pub in_ring: bool,
    /// The arrangement of its neighbours.
    pub stereo: BondStereo,
}

/// The mixing of an atom's orbitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the definitions")]
pub enum Hybridization {
    Sp,
    Sp2,
    Sp3,
    Sp3d,
    Sp3d2,
    /// None of these, or unknown.
    Other,
}

/// The arrangement around a chiral atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the definitions")]
pub enum Chirality {
    R,
    S,
}

/// The order of a bond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the definitions")]
pub enum BondKind {
    Single,
    Double,
    Triple,
    Aromatic,
    /// None of these, such as dative or quadruple.
    Other,
}

/// The arrangement around a double bond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the definitions")]
pub enum BondStereo {
    None,
    /// Unknown on purpose.
    Any,
    Z,
    E,
}

/// Who can read SMILES.
pub trait SmilesReader {
    /// The molecule.
    ///
    /// # Errors
    /// What is wrong with the text, or with the molecule: RDKit, too, refuses impossible valences.
    fn molecule(&self, smiles: &str) -> Result<Molecule, String>;

    /// The molecule's scaffold (Bemis and Murcko, 1996), its rings and what links them, as canonical SMILES without
    /// stereochemistry; empty for a molecule without rings.
    ///
    /// # Errors
    /// As [`SmilesReader::molecule`].
    fn scaffold(&self, smiles: &str) -> Result<String, String>;
}

impl Molecule {
    /// Marks the bonds that are part of a ring: those whose ends stay connected without them.
    pub fn find_rings(&mut self) {
        let bridges = bridges(self.atoms.len(), &self.bonds);
        for (bond, bridge) in self.bonds.iter_mut().zip(bridges) {
            bond.in_ring = !bridge;
        }
    }
}

/// Whether each bond is the only connection between its ends (Tarjan 1974), without recursion.
fn bridges(atoms: usize, bonds: &[Bond]) -> Vec<bool> {
    let mut neighbours = vec![Vec::new(); atoms];
    for (k, bond) in bonds.iter().enumerate() {
        let [a, b] = bond.atoms.map(|a| a as usize);
        neighbours[a].push((b, k));
        neighbours[b].push((a, k));
    }
    let mut bridge = vec![false; bonds.len()];
    // When an atom was first seen, and the earliest atom that it reaches without the bond it was reached by.
    let (mut seen, mut earliest) = (vec![0usize; atoms], vec![0usize; atoms]);
    let mut time = 0;
    for root in 0..atoms {
        if seen[root] > 0 {
            continue;
        }
        time += 1;
        (seen[root], earliest[root]) = (time, time);
        // An atom, the bond that led to it, and how many of its neighbours were looked at.
        let mut path = vec![(root, usize::MAX, 0)];
        while let Some((atom, by, next)) = path.last_mut() {
            let (atom, by) = (*atom, *by);
            if let Some(&(other, bond)) = neighbours[atom].get(*next) {
                *next += 1;
                if bond == by {
                    continue;
                }
                if seen[other] == 0 {
                    time += 1;
                    (seen[other], earliest[other]) = (time, time);
                    path.push((other, bond, 0));
                } else {
                    earliest[atom] = earliest[atom].min(seen[other]);
                }
            } else {
                path.pop();
                if let Some((parent, ..)) = path.last() {
                    earliest[*parent] = earliest[*parent].min(earliest[atom]);
                    if let Some(bridge) = bridge.get_mut(by) {
                        *bridge = earliest[atom] == seen[atom];
                    }
                }
            }
        }
    }
    bridge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bonds_of_rings_are_found() {
        // A triangle, a tail of two bonds, a square that shares an atom with it, and a pair apart.
        let pairs = [[0, 1], [1, 2], [2, 0], [2, 3], [3, 4], [2, 5], [5, 6], [6, 7], [7, 2], [8, 9]];
        let bond = |atoms| Bond {
            atoms,
            kind: BondKind::Single,
            is_conjugated: false,
            in_ring: false,
            stereo: BondStereo::None,
        };
        let bonds: Vec<_> = pairs.into_iter().map(bond).collect();
        let expected = [false, false, false, true, true, false, false, false, false, true];
        assert_eq!(bridges(10, &bonds), expected);
        assert!(bridges(0, &[]).is_empty());
    }
}
