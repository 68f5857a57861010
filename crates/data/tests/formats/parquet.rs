//! Parquet files that pyarrow wrote: see `fixtures/parquet.py`.

use candle_geometric_data::tables::Columns;
use candle_geometric_data::{csv_graph, import, parquet_graph};

use crate::common::bodies::parquet_columns;
use crate::common::hostile::hostile;
use crate::own::content;

const CSV: &[u8] = include_bytes!("fixtures/table.csv");
const FIXTURES: [(&str, &[u8]); 5] = [
    ("snappy", include_bytes!("fixtures/snappy.parquet")),
    ("gzip", include_bytes!("fixtures/gzip.parquet")),
    ("zstd", include_bytes!("fixtures/zstd.parquet")),
    ("plain", include_bytes!("fixtures/plain.parquet")),
    ("delta", include_bytes!("fixtures/delta.parquet")),
];

#[test]
fn every_form_gives_what_the_csv_gives() {
    let expected = content(csv_graph::parse(CSV, None, &parquet_columns()).unwrap());
    assert!(expected.0.len() == 20 && expected.2[1].as_ref().unwrap().len() == 140);
    for (name, file) in FIXTURES {
        let made = parquet_graph::parse(file, None, &parquet_columns()).unwrap();
        assert!(content(made) == expected, "{name}");
    }
}

#[test]
fn nodes_come_from_a_table_of_their_own() {
    let columns = Columns { x: vec!["size".into()], y: Some("kind".into()), ..Columns::default() };
    let csv = csv_graph::parse(
        b"source,target\nb,a\nb,b\n",
        Some(b"id,size,kind\na,1.5,x\nb,2,\nc,-1,w\n"),
        &columns,
    );
    let (edges, nodes) = (include_bytes!("fixtures/edges.parquet"), include_bytes!("fixtures/nodes.parquet"));
    let made = parquet_graph::parse(edges, Some(nodes), &columns).unwrap();
    assert_eq!(content(made), content(csv.unwrap()), "a null is an empty text");
    let folder = tempfile::tempdir().unwrap();
    let paths = ["edges.parquet", "nodes.PARQUET", "nodes.csv"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], edges).unwrap();
    std::fs::write(&paths[1], nodes).unwrap();
    assert_eq!(import(&paths[0], Some(&paths[1]), &columns).unwrap().num_nodes(), 3);
    let error = import(&paths[0], Some(&paths[2]), &columns).unwrap_err().to_string();
    assert!(error.starts_with("nodes: expected a table of nodes in a .parquet"), "{error}");
}

#[test]
fn what_is_wrong_is_told_with_its_column_and_row() {
    let (_, snappy) = FIXTURES[0];
    let error = |columns: Columns| parquet_graph::parse(snappy, None, &columns).unwrap_err().to_string();
    let attr = |name: &str| Columns { edge_attr: vec![name.into()], ..Columns::default() };
    for (column, message) in [
        ("none", "there is no column \"none\"; there are: source, target, kind, i8"),
        ("kind", "row 1: kind: expected a finite number, got the text \""),
        ("holes", "row 3: holes: expected a finite number, got null"),
        ("time", "column \"time\": its values are dates or times; convert them to numbers"),
        ("list", "column \"list\": its values have parts"),
        ("parts", "column \"parts\": its values have parts"),
        ("price", "column \"price\": its values are decimals"),
    ] {
        let error = error(attr(column));
        assert!(error.starts_with(&format!("the table of edges: {message}")), "{error}");
    }
    for (file, message) in [
        (&b""[..], "not a Parquet file"),
        (b"PAR1PAR1", "it ends before its footer"),
        (b"PAR1\xff\xff\xff\x7fPAR1", "its footer is longer than the file"),
        (b"PAR1\0\0\0\0PARE", "the file is encrypted"),
        (&snappy[..snappy.len() - 1], "it does not end with PAR1"),
        (include_bytes!("fixtures/brotli.parquet"), "row 1: column \"source\": it is compressed by Brotli"),
    ] {
        let error = parquet_graph::parse(file, None, &Columns::default()).unwrap_err().to_string();
        assert!(error.starts_with("the table of edges: ") && error.contains(message), "{error}");
    }
}

#[test]
fn damaged_files() {
    for (_, file) in FIXTURES {
        hostile("parquet", &[file.to_vec()]);
    }
}
