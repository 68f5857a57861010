//! Graphs whose nodes are texts.

use candle_core::{DType, Device, Tensor};
use candle_geometric_data::registry::Format;
use candle_geometric_data::text_graph::{parse_csv, parse_json};
use candle_geometric_data::{Dataset, NodeDataset};

use crate::common::hostile::hostile;

fn edges(dataset: &NodeDataset) -> Vec<(u32, u32)> {
    dataset.graph.edge_index.iter().collect()
}

#[test]
fn json() {
    // Ids of their own, a duplicate edge, a self-loop, a node without neighbours, a text with everything.
    let json = "\u{feff}[
        {\"node_id\": 7, \"label\": 2, \"text\": \"\", \"neighbors\": [9, 9, 7], \"mask\": \"Test\"},
        {\"node_id\": -3, \"label\": 0, \"text\": \"ä \\\"b\\\"\\n\", \"neighbors\": [], \"mask\": \"Train\"},
        {\"node_id\": 9, \"label\": 0, \"text\": \"c\", \"neighbors\": [7], \"mask\": \"Validation\", \"more\": 1}
    ]";
    let dataset = parse_json("some", json.as_bytes()).unwrap();
    assert_eq!(edges(&dataset), [(0, 2), (0, 2), (0, 0), (2, 0)]);
    assert_eq!(dataset.labels().unwrap(), [2, 0, 0]);
    assert_eq!(dataset.texts, ["", "ä \"b\"\n", "c"]);
    assert_eq!(dataset.class_names, ["0", "1", "2"]);
    assert_eq!(dataset.graph.train_mask, [false, true, false]);
    assert_eq!(dataset.graph.val_mask, [false, false, true]);
    assert_eq!(dataset.graph.test_mask, [true, false, false]);
    assert_eq!(dataset.graph.x.dims(), [3, 0]);

    let x = Tensor::ones((3, 5), DType::F32, &Device::Cpu).unwrap();
    let dataset = dataset.with_features(x.clone()).unwrap();
    assert_eq!((dataset.graph.num_features(), dataset.texts.len()), (5, 3));
    assert!(dataset.clone().with_features(x.narrow(0, 0, 2).unwrap()).is_err());
    let error = dataset.with_texts(vec![String::new()]).unwrap_err().to_string();
    assert_eq!(error, "texts: expected 3, one per node, got 1");

    assert_eq!(parse_json("none", b"[]").unwrap().graph.num_nodes(), 0);
}

#[test]
fn tables() {
    let table = "url,raw_text,category,node_id,label,len,neighbor_ids\r\n\
        http://a,\"one, \"\"two\"\"\r\nthree\",page,10,1,3,\"[20, 10]\"\r\n\
        http://b,,person,20,0,0,[]\r\n";
    let dataset = parse_csv("some", table.as_bytes()).unwrap();
    assert_eq!(edges(&dataset), [(0, 1), (0, 0)]);
    assert_eq!(dataset.texts, ["one, \"two\"\r\nthree", ""]);
    assert_eq!(dataset.class_names, ["person", "page"]);

    // As other tables of the benchmark have it.
    let table = "text,label,node_id,neighbour\na,0,0,\"['1']\"\nb,0,1,\"['0', '1']\"\n";
    assert_eq!(edges(&parse_csv("some", table.as_bytes()).unwrap()), [(0, 1), (1, 0), (1, 1)]);
}

#[test]
fn by_the_name_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Dataset::open(Format::Texts, "some", folder.path()).and_then(Dataset::into_nodes);
    assert!(open().unwrap_err().to_string().contains(".csv"));
    std::fs::write(folder.path().join("some.csv"), "text,label,node_id,neighbour\na,0,0,[]\n").unwrap();
    assert_eq!(open().unwrap().texts, ["a"]);
}

#[test]
fn what_is_wrong_is_said() {
    let node = |node: &str| parse_json("some", format!("[{node}]").as_bytes()).unwrap_err().to_string();
    let json = [
        (
            r#"{"node_id": 0, "label": 1, "text": "", "neighbors": []}"#,
            "node 0: label: expected a class below 1",
        ),
        (r#"{"node_id": 0, "label": 4294967295, "text": "", "neighbors": []}"#, "expected a class below 1"),
        (r#"{"node_id": 0, "label": -1, "text": "", "neighbors": []}"#, "-1"),
        (r#"{"node_id": 5, "label": 0, "text": "", "neighbors": [6]}"#, "node 5: its neighbour 6 is no node"),
        (
            r#"{"node_id": 5, "label": 0, "text": "", "neighbors": [], "mask": "train"}"#,
            "unknown variant `train`",
        ),
        (r#"{"node_id": 5, "label": 0, "neighbors": []}"#, "missing field `text`"),
        (
            r#"{"node_id": 5, "label": 0, "text": "", "neighbors": []},
               {"node_id": 5, "label": 0, "text": "", "neighbors": []}"#,
            "node 5 comes twice",
        ),
    ];
    for (json, expected) in json {
        let error = node(json);
        assert!(error.starts_with("the JSON of nodes: ") && error.contains(expected), "{error}");
    }

    let table = [
        ("", "there is no column \"node_id\""),
        ("node_id,label,text\n", "line 1: there is no column \"neighbour\""),
        ("node_id,label,text,neighbour\n0,0,a\n", "line 2: expected 4 values"),
        (
            "node_id,label,text,neighbour\n0,0,\"a\nb\",[]\nx,0,c,[]\n",
            "line 4: node_id: expected a number, got \"x\"",
        ),
        ("node_id,label,text,neighbour\n0,-1,a,[]\n", "line 2: label: expected a class, got -1"),
        ("node_id,label,text,neighbour\n0,0,a,0\n", "line 2: expected a list of neighbours in brackets"),
        ("node_id,label,text,neighbour\n0,0,a,[0;1]\n", "line 2: neighbours: expected a number"),
        (
            "node_id,label,text,neighbour,category\n0,0,a,[],x\n1,0,a,[],y\n",
            "line 3: class 0 is \"x\" and \"y\"",
        ),
    ];
    for (table, expected) in table {
        let error = parse_csv("some", table.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("the table of nodes: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn damaged_files() {
    let json = r#"[{"node_id": 7, "label": 1, "text": "a \u00e4", "neighbors": [9, 7], "mask": "Test"},
        {"node_id": 9, "label": 0, "text": "c", "neighbors": [7]}]"#;
    let table = "node_id,label,raw_text,neighbor_ids,category\n7,1,\"a, b\",\"[9, 7]\",x\n9,0,c,[],y\n";
    hostile("text_json", &[json.into()]);
    hostile("text_csv", &[table.into()]);
}
