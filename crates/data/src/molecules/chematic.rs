use chematic_smiles::{
    RdkitSmilesParams, SmilesParseLimits, ogb_graph_features, parse_with_limits, rdkit_chiral_centers,
    rdkit_murcko_scaffold, rdkit_smiles,
};

use super::{Atom, Bond, BondKind, BondStereo, Chirality, Hybridization, Molecule, SmilesReader};

/// More atoms than any molecule of a data set has; a text of a few kilobytes could ask for minutes of work otherwise.
const LIMITS: SmilesParseLimits =
    SmilesParseLimits { max_input_bytes: 1 << 16, max_atoms: 4096, max_bonds: 8192 };

/// The reader of the crate `chematic-smiles`, which follows RDKit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chematic;

impl SmilesReader for Chematic {
    fn molecule(&self, smiles: &str) -> Result<Molecule, String> {
        let parsed = parse_with_limits(smiles.trim(), &LIMITS).map_err(|e| e.to_string())?;
        let graph = ogb_graph_features(&parsed).map_err(|e| e.to_string())?;
        let mut centres = vec![(false, None); graph.node_feat.len()];
        for (atom, kind) in rdkit_chiral_centers(&parsed, true).map_err(|e| e.to_string())? {
            let chirality = match kind.as_str() {
                "R" => Some(Chirality::R),
                "S" => Some(Chirality::S),
                _ => None,
            };
            if let Some(centre) = centres.get_mut(atom) {
                *centre = (true, chirality);
            }
        }
        // The categories of OGB; every bond stands there in both directions.
        let atoms = graph.node_feat.iter().zip(centres).map(|(f, (chirality_possible, chirality))| {
            let [element, _, degree, charge, hydrogens, radicals, hybridization, aromatic, _] = *f;
            Atom {
                atomic_number: u8::try_from(element + 1).ok().filter(|&z| z <= 118).unwrap_or(0),
                degree: usize::try_from(degree - hydrogens).unwrap_or(0),
                formal_charge: i32::try_from(charge - 5).unwrap_or(0),
                radical_electrons: u32::try_from(radicals).unwrap_or(0),
                hybridization: match hybridization {
                    0 => Hybridization::Sp,
                    1 => Hybridization::Sp2,
                    2 => Hybridization::Sp3,
                    3 => Hybridization::Sp3d,
                    4 => Hybridization::Sp3d2,
                    _ => Hybridization::Other,
                },
                is_aromatic: aromatic != 0,
                hydrogens: usize::try_from(hydrogens).unwrap_or(0),
                chirality_possible,
                chirality,
            }
        });
        let ends = graph.edge_index.iter().step_by(2).zip(graph.edge_feat.iter().step_by(2));
        let bonds = ends.map(|(ends, &[kind, stereo, conjugated])| Bond {
            atoms: ends.map(|end| u32::try_from(end).unwrap_or(u32::MAX)),
            kind: match kind {
                0 => BondKind::Single,
                1 => BondKind::Double,
                2 => BondKind::Triple,
                3 => BondKind::Aromatic,
                _ => BondKind::Other,
            },
            is_conjugated: conjugated != 0,
            in_ring: false,
            stereo: match stereo {
                1 => BondStereo::Z,
                2 => BondStereo::E,
                5 => BondStereo::Any,
                _ => BondStereo::None,
            },
        });
        let mut molecule = Molecule { atoms: atoms.collect(), bonds: bonds.collect() };
        molecule.find_rings();
        Ok(molecule)
    }

    fn scaffold(&self, smiles: &str) -> Result<String, String> {
        let parsed = parse_with_limits(smiles.trim(), &LIMITS).map_err(|e| e.to_string())?;
        let scaffold = rdkit_murcko_scaffold(&parsed).map_err(|e| e.to_string())?;
        if scaffold.is_empty() {
            return Ok(scaffold);
        }
        let flat = parse_with_limits(&scaffold, &LIMITS).map_err(|e| e.to_string())?;
        let params = RdkitSmilesParams { isomeric: false, ..RdkitSmilesParams::default() };
        rdkit_smiles(&flat, &params).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lactic_acid() {
        let m = Chematic.molecule(" C[C@@H](O)C(=O)O ").unwrap();
        let numbers: Vec<_> = m.atoms.iter().map(|a| (a.atomic_number, a.degree, a.hydrogens)).collect();
        assert_eq!(numbers, [(6, 1, 3), (6, 3, 1), (8, 1, 1), (6, 3, 0), (8, 1, 0), (8, 1, 1)]);
        assert_eq!(m.atoms[1].chirality, Some(Chirality::R));
        assert!(m.atoms[1].chirality_possible && !m.atoms[0].chirality_possible);
        assert_eq!(m.atoms[1].hybridization, Hybridization::Sp3);
        assert_eq!(m.atoms[3].hybridization, Hybridization::Sp2);
        assert_eq!(m.bonds[3].kind, BondKind::Double);
        assert!(m.bonds.iter().all(|b| !b.in_ring));
    }

    #[test]
    fn rings_charges_and_double_bonds() {
        let m = Chematic.molecule("c1ccccc1/C=C/[N+](C)(C)C").unwrap();
        assert!(m.atoms[..6].iter().all(|a| a.is_aromatic));
        assert_eq!(m.bonds.iter().filter(|b| b.in_ring && b.kind == BondKind::Aromatic).count(), 6);
        assert_eq!(m.bonds.iter().filter(|b| b.stereo == BondStereo::E).count(), 1);
        assert_eq!(m.atoms[8].formal_charge, 1);
        assert_eq!(Chematic.scaffold("c1ccccc1/C=C/[N+](C)(C)C").unwrap(), "c1ccccc1");
        assert_eq!(Chematic.scaffold("CCO").unwrap(), "");
    }

    #[test]
    fn radicals_metals_and_hydrogen_alone() {
        let methyl = Chematic.molecule("[CH3]").unwrap();
        assert_eq!((methyl.atoms[0].radical_electrons, methyl.bonds.len()), (1, 0));
        assert_eq!(Chematic.molecule("[Na+].[Cl-]").unwrap().bonds, []);
        assert_eq!(Chematic.molecule("[H][H]").unwrap().atoms.len(), 2);
    }

    /// Texts that are no molecules, and molecules that cannot be.
    #[test]
    fn what_is_refused() {
        let long = "C".repeat(1 << 17);
        for smiles in ["", "  ", "C(", "C1CC", "CC(C)(C)(C)(C)C", "[NH2]=C(C)[O", "Xx", "C\0C", "🦀", &long]
        {
            assert!(Chematic.molecule(smiles).is_err(), "{}", &smiles[..smiles.len().min(20)]);
        }
    }
}
