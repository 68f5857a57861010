//! Tables of molecules: a small one, hostile ones, and the real ones.
#![cfg(feature = "smiles")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use candle_geometric_data::Error;
use candle_geometric_data::molecules::moleculenet::parse;
use candle_geometric_data::molecules::{Chematic, Columns, Molecules};
use common::bodies::{SMILES_COLUMNS, molecules};
use common::hostile::hostile;

const TABLE: &str = "\u{feff}\"active, or not\",name,toxic,smiles\r\n\
    1,\"ethanol, alcohol\",,CCO \r\n\
    ,benzene,0.5,c1ccccc1\r\n\
    0,impossible,1,C(C)(C)(C)(C)C\r\n\
    -2,salt,1e3,[Na+].[Cl-]\r\n";

fn read(table: &str) -> Result<Molecules, Error> {
    molecules(&[table.into()])
}

#[test]
fn a_small_table() {
    let molecules = read(TABLE).unwrap();
    let graphs = &molecules.graphs;
    assert_eq!(molecules.smiles, ["CCO", "c1ccccc1", "[Na+].[Cl-]"]);
    assert_eq!(molecules.rows, [0, 1, 3]);
    assert_eq!(
        (graphs.len(), graphs.num_nodes(), graphs.num_edges(), graphs.num_features()),
        (3, 11, 16, 39)
    );
    assert_eq!(graphs.class_names, ["active, or not", "toxic"]);
    let numbers = |t: &Option<candle_core::Tensor>| t.as_ref().unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(numbers(&graphs.y), [[1., 0.], [0., 0.5], [-2., 1e3]]);
    assert_eq!(numbers(&graphs.y_mask), [[1., 0.], [0., 1.], [1., 1.]]);
    let [rejected] = &molecules.rejected[..] else { panic!("{:?}", molecules.rejected) };
    assert_eq!((rejected.row, rejected.line, rejected.smiles.as_str()), (2, 4, "C(C)(C)(C)(C)C"));
    assert!(!rejected.reason.is_empty());
    // Ethanol and the salt have no rings and so one scaffold.
    let split = molecules.scaffold_split(0.7, 0.0, &Chematic).unwrap();
    assert_eq!((split.train, split.val, split.test), (vec![0, 2], vec![], vec![1]));
}

#[test]
fn where_every_label_is_known_there_is_no_mask() {
    let molecules = read("smiles,toxic,\"active, or not\"\nC,1,0\n").unwrap();
    assert!(molecules.graphs.y_mask.is_none() && molecules.rejected.is_empty());
    let empty = read("smiles,toxic,\"active, or not\"\n").unwrap();
    assert_eq!((empty.graphs.len(), empty.graphs.x.dims()), (0, [0, 39].as_slice()));
}

#[test]
fn what_is_wrong_with_a_table_is_told_with_its_line() {
    let header = "\"active, or not\",toxic,smiles\n";
    for (table, parts) in [
        (String::new(), ["line 1", "smiles"]),
        ("a;b;c\n1;2;C\n".into(), ["line 1", "a;b;c"]),
        (format!("{header}1,0,C\n1,0\n"), ["line 3", "expected 3 fields, got 2"]),
        (format!("{header}1,yes,C\n"), ["line 2", "toxic: expected a number or nothing, got \"yes\""]),
        (format!("{header}NaN,0,C\n"), ["line 2", "active, or not: expected a number"]),
        (format!("{header}inf,0,C\n"), ["line 2", "expected a number"]),
    ] {
        let message = read(&table).unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{table:?}: {message}");
    }
    let latin = parse("small", b"\"active, or not\",toxic,smiles\n1,0,C\xe9\n", &SMILES_COLUMNS, &Chematic);
    assert!(latin.unwrap_err().to_string().contains("line 2: expected UTF-8"));
}

#[test]
fn damaged_tables() {
    hostile("moleculenet", &[TABLE.into()]);
}

/// The counts that RDKit gives.
#[test]
fn esol_bbbp_and_tox21() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/molnet");
    if !folder.is_dir() {
        assert!(std::env::var_os("CANDLE_GEOMETRIC_REQUIRE_SHARED").is_none(), "../shared is not here");
        eprintln!("SKIPPED esol_bbbp_and_tox21: ../shared is not here");
        return;
    }
    let tox21 = [
        "NR-AR",
        "NR-AR-LBD",
        "NR-AhR",
        "NR-Aromatase",
        "NR-ER",
        "NR-ER-LBD",
        "NR-PPAR-gamma",
        "SR-ARE",
        "SR-ATAD5",
        "SR-HSE",
        "SR-MMP",
        "SR-p53",
    ];
    let esol = ["measured log solubility in mols per litre"];
    for (file, tasks, [accepted, rejected, atoms, bonds, unknown]) in [
        ("delaney-processed.csv", &esol[..], [1128, 0, 14991, 15428, 0]),
        ("BBBP.csv", &["p_np"], [2039, 11, 49068, 52921, 0]),
        ("tox21.csv", &tox21, [7823, 8, 145256, 150901, 16026]),
    ] {
        let columns = Columns { smiles: "smiles", tasks };
        let molecules = parse(file, &std::fs::read(folder.join(file)).unwrap(), &columns, &Chematic).unwrap();
        let graphs = &molecules.graphs;
        let unknown_of_accepted = graphs.y_mask.as_ref().map_or(0, |mask| {
            mask.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().filter(|&&known| known == 0.).count()
        });
        assert_eq!(
            [graphs.len(), molecules.rejected.len(), graphs.num_nodes(), graphs.num_edges() / 2],
            [accepted, rejected, atoms, bonds],
            "{file}"
        );
        // The count of the file includes the rows that are no molecules.
        assert!(unknown_of_accepted <= unknown && unknown - unknown_of_accepted <= 12 * rejected, "{file}");
        let rows: Vec<_> = molecules.rejected.iter().map(|r| r.row).collect();
        match file {
            "BBBP.csv" => assert_eq!(rows, [59, 61, 391, 614, 642, 645, 646, 647, 648, 649, 685]),
            "tox21.csv" => assert_eq!(rows, [1322, 2290, 2297, 3558, 4565, 4649, 5538, 6723]),
            _ => assert!(rows.is_empty()),
        }
    }
}
