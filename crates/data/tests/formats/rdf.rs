use std::io::Write;

use crate::common::bodies::rdf as read;
use crate::common::hostile::{hostile, windows};

fn files() -> Vec<Vec<u8>> {
    [
        "<http://x/a> <http://x/knows> <http://x/b> .\n<http://x/b> <http://x/age> \"7\"^^<http://x/int> .\n\
         _:z <http://x/age> \"7\" .\n<http://x/a> <http://x/knows> <http://x/b> .\n\n",
        "person\tid\tgroup\nhttp://x/a\t1.0\tlow\n",
        "id\tperson\tgroup\n2\thttp://x/b\thigh\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

#[test]
fn literals_are_nodes_and_columns_are_found_by_name() {
    let made = read(&files()).unwrap();
    let names = ["<http://x/a>", "<http://x/b>", "\"7\"^^<http://x/int>", "_:z", "\"7\""];
    assert_eq!(made.facts.entities, names);
    assert_eq!(made.facts.relations, ["<http://x/age>", "<http://x/knows>"], "the most frequent first");
    let facts: Vec<_> = made.facts.train.iter().map(|t| (t.head, t.relation, t.tail)).collect();
    assert_eq!(facts, [(0, 1, 1), (1, 0, 2), (3, 0, 4)], "a fact that comes twice is one");
    assert_eq!((made.train.clone(), made.test.clone()), (vec![(0, 1)], vec![(1, 0)]));
    assert_eq!(made.class_names, ["high", "low"]);
    let mut files = files();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&files[0]).unwrap();
    files[0] = encoder.finish().unwrap();
    assert_eq!(read(&files).unwrap(), made);
}

#[test]
fn lines_that_make_no_sense_are_named() {
    let cases = [
        (0, "<http://x/a> <http://x/knows> <http://x/b> .\n<http://x/a> x .\n", "the facts: line 2: "),
        (
            1,
            "who\tgroup\n",
            "the training table: line 1: there is no column \"person\"; there are: who, group",
        ),
        (1, "person\tgroup\nhttp://x/q\tlow\n", "the training table: line 2: \"http://x/q\" is in no fact"),
        (2, "person\tgroup\nhttp://x/a\tlow\n", "the test table: line 2: \"http://x/a\" has two labels"),
    ];
    for (file, contents, message) in cases {
        let mut files = files();
        files[file] = contents.as_bytes().to_vec();
        let error = read(&files).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error:?} lacks {message:?}");
    }
}

#[test]
fn damaged_files() {
    windows(&files(), read);
    hostile("rdf", &files());
}
