use candle_geometric_data::Result;
use candle_geometric_data::knowledge_graph::{KnowledgeGraph, filtered_rank, parse};

use crate::hostile::{hostile, windows};

fn files() -> Vec<Vec<u8>> {
    ["b\tr 1\ta\na\tq\ta\nb\tr 1\tc\nb\tr 1\ta\n", "d\tr 1\ta\n", "b\tr 1\td\n"]
        .map(|t| t.as_bytes().to_vec())
        .to_vec()
}

fn read(files: &[Vec<u8>]) -> Result<KnowledgeGraph> {
    parse("made", &files[0], &files[1], &files[2])
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
    let filter = graph.filter();
    assert_eq!(
        (filter.tails(0, 0), filter.heads(0, 1), filter.tails(2, 0)),
        (&[1, 2, 3][..], &[0, 3][..], &[][..])
    );
    assert_eq!(graph.entity_texts(b"c\tsea\nx\ty\n").unwrap(), [None, None, Some("sea".into()), None]);
    let none = parse("none", b"", b"", b"").unwrap();
    assert_eq!((none.edges(true).unwrap().num_relations(), none.filter().tails(0, 0)), (0, &[][..]));
}

#[test]
fn ranks_are_filtered_and_ties_are_fair() {
    let scores = [0.5, 0.9, 0.5, 0.1, 0.5, 0.7];
    assert_eq!(filtered_rank(&scores, 0, &[]), Some(4.), "two better, two equal: 3 to 5");
    assert_eq!(filtered_rank(&scores, 0, &[0, 1, 2]), Some(2.5), "one better, one equal");
    assert_eq!(filtered_rank(&scores, 0, &[1, 1, 7]), Some(3.), "named twice, and one that is not there");
    assert_eq!(filtered_rank(&[1.; 5], 3, &[]), Some(3.));
    assert_eq!(filtered_rank(&scores, 6, &[]), None);
    assert_eq!(filtered_rank(&[f32::NAN, 0., 0.], 0, &[]), Some(3.), "no number is no good score");
    assert_eq!(filtered_rank(&[0., f32::NAN, 0.], 0, &[]), Some(2.5));
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
    hostile(&files(), read, |graph| {
        graph.edges(true).unwrap();
        graph.filter();
    });
}
