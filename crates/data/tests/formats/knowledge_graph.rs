use candle_geometric_data::knowledge_graph::parse;

use crate::common::bodies::triples as read;
use crate::common::hostile::{hostile, windows};

fn files() -> Vec<Vec<u8>> {
    ["b\tr 1\ta\na\tq\ta\nb\tr 1\tc\nb\tr 1\ta\n", "d\tr 1\ta\n", "b\tr 1\td\n"]
        .map(|t| t.as_bytes().to_vec())
        .to_vec()
}

#[test]
fn names_are_numbered_as_they_appear() {
    let graph = read(&files()).unwrap();
    assert_eq!((graph.entities.join(" "), graph.relations.join(",")), ("b a c d".into(), "r 1,q".into()));
    let triples: Vec<_> = graph.train.iter().map(|t| (t.head, t.relation, t.tail)).collect();
    assert_eq!(triples, [(0, 0, 1), (1, 1, 1), (0, 0, 2), (0, 0, 1)]);
    let edges = graph.edges(true).unwrap();
    assert_eq!(edges.edge_type(), [0, 1, 0, 0, 2, 3, 2, 2]);
    assert_eq!(edges.edges().source(), [0, 1, 0, 0, 1, 1, 2, 1]);
    assert_eq!(edges.edges().num_nodes().unwrap(), 4);
    assert_eq!(graph.edges(false).unwrap().num_relations(), 2);
    assert_eq!(graph.questions(&graph.val, true), [[3, 0, 1], [1, 2, 3]]);
    let known = [[0, 0, 1], [1, 1, 1], [0, 0, 2], [0, 0, 1], [3, 0, 1], [0, 0, 3]];
    assert_eq!(graph.known(false), known);
    assert!(known.iter().all(|k| graph.known(true).contains(k)));
    assert_eq!(graph.entity_texts(b"c\tsea\nx\ty\n").unwrap(), [None, None, Some("sea".into()), None]);
    let none = parse("none", b"", b"", b"").unwrap();
    assert_eq!((none.edges(true).unwrap().num_relations(), none.known(true)), (0, vec![]));
}

#[test]
fn lines_that_make_no_sense_are_named() {
    for (text, message) in [
        ("a\tb\n", "train: line 1: expected a head, a relation and a tail, separated by tabs, got \"a\\tb\""),
        ("a\tb\tc\n\na\tb\tc\td\n", "train: line 3: expected a head"),
        ("a\t\tc\n", "train: line 1: a name is empty"),
        ("a b c\n", "train: line 1"),
    ] {
        let error = parse("made", text.as_bytes(), b"", b"").unwrap_err().to_string();
        assert!(error.starts_with(message), "{error:?} lacks {message:?}");
    }
    assert_eq!(
        parse("made", b"a\tb\tc\nd\te\t\xff\n", b"", b"").unwrap_err().to_string(),
        "train: line 2: expected UTF-8 text"
    );
}

#[test]
fn damaged_files() {
    windows(&files(), read);
    hostile("triples", &files());
}
