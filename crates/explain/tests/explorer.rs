//! The page is whole, names nothing outside itself, and a browser shows what the weights say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::process::Command;

use candle_geometric_explain::{Explorer, Heads, SelfLoops, Weights, most_attended};
use candle_geometric_graph::EdgeIndex;
use common::{attention, karate};

/// What the page says about the graph.
fn data(html: &str) -> serde_json::Value {
    let (_, rest) = html.split_once(r#"<script type="application/json" id="data">"#).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn layers() -> [Weights; 2] {
    [attention(&karate(), 3), attention(&karate(), 1)]
}

#[test]
fn the_page_has_every_edge_and_weight() {
    let layers = layers();
    let names: Vec<String> = (0..34).map(|i| format!("</script><b>{i}")).collect();
    let classes: Vec<u32> = (0..34).map(|i| i % 2).collect();
    let page = Explorer {
        title: "a < b".into(),
        predicted: Some(&classes),
        node_names: &names,
        ..Explorer::new(&layers)
    };
    let html = page.to_html().unwrap();
    assert_eq!(html, page.to_html().unwrap());
    // The library, the data and the code, and no more, whatever names nodes have.
    assert_eq!(html.matches("</script>").count(), 3);
    let data = data(&html);
    assert_eq!(
        (data["title"].as_str(), data["nodes"][7]["name"].as_str()),
        (Some("a < b"), Some("</script><b>7"))
    );
    assert_eq!((data["nodes"][3]["predicted"].as_u64(), data["nodes"][3]["truth"].as_u64()), (Some(1), None));
    for (layer, weights) in data["layers"].as_array().unwrap().iter().zip(&layers) {
        assert_eq!(layer["alpha"].as_array().unwrap().len(), weights.heads());
        for h in 0..weights.heads() {
            for (e, expected) in weights.select(Heads::One(h)).unwrap().into_iter().enumerate() {
                assert_eq!(layer["source"][e].as_u64(), Some(u64::from(weights.edges().source()[e])));
                let found = layer["alpha"][h][e].as_f64().unwrap();
                assert!((found - expected).abs() <= 5e-4 * expected, "{found} {expected}");
            }
        }
    }
}

#[test]
fn larger_graphs_are_cut() {
    let ring = (0..3000u32).flat_map(|i| [(i, (i + 1) % 3000), ((i + 1) % 3000, i), (i, i)]);
    let layers = [attention(&EdgeIndex::from_pairs(ring, 3000).unwrap(), 1)];
    let cut = Explorer { max_edges: 300, centre: Some(70), ..Explorer::new(&layers) };
    let data = data(&cut.to_html().unwrap());
    let edges = data["layers"][0]["source"].as_array().unwrap().len();
    assert!((200..=300).contains(&edges), "{edges}");
    let ids: Vec<u64> = data["nodes"].as_array().unwrap().iter().map(|n| n["id"].as_u64().unwrap()).collect();
    assert!(ids.contains(&70) && ids.first() > Some(&0) && ids.last() < Some(&140), "{ids:?}");
    assert!(data["subtitle"].as_str().unwrap().contains("of 3000 nodes, around 70"));
}

#[test]
fn bad_arguments_are_refused_by_name() {
    let layers = layers();
    let page = Explorer::new(&layers);
    let message = |p: Explorer<'_>| p.to_html().unwrap_err().to_string();
    assert_eq!(message(Explorer::new(&[])), "layers: expected at least one layer with attention, got none");
    assert!(message(Explorer { truth: Some(&[0]), ..page.clone() }).starts_with("truth: "));
    assert!(message(Explorer { node_names: &["a".into()], ..page.clone() }).starts_with("node_names: "));
    assert_eq!(
        message(Explorer { centre: Some(34), ..page.clone() }),
        "centre: expected a node below 34, got 34"
    );
    let other =
        [layers[0].clone(), Weights::new(EdgeIndex::new(vec![], vec![], 3).unwrap(), vec![], 1).unwrap()];
    assert!(message(Explorer::new(&other)).starts_with("layers: "));
    // Nothing to show is no error.
    let empty = [Weights::new(EdgeIndex::new(vec![], vec![], 0).unwrap(), vec![], 1).unwrap()];
    assert!(Explorer::new(&empty).to_html().is_ok());
}

/// A Chromium: that of the variable `CHROMIUM`, or one on the path.
fn browser() -> Option<String> {
    let named = std::env::var("CHROMIUM").ok();
    let known = ["chromium", "chromium-browser", "google-chrome"].map(String::from);
    named
        .into_iter()
        .chain(known)
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success()))
}

/// The page as the browser leaves it after a while.
fn browse(browser: &str, page: &Path, view: &str, extra: &[&str]) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1280,860"])
        .args(["--no-zygote", "--single-process", "--virtual-time-budget=12000", "--timeout=60000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(extra)
        .arg(format!("file://{}#{view}", page.display()))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_browser_lists_the_neighbours_of_a_node() {
    let Some(browser) = browser() else {
        eprintln!("SKIPPED a_browser_lists_the_neighbours_of_a_node: no Chromium here (set CHROMIUM to one)");
        return;
    };
    let layers = layers();
    let classes: Vec<u32> = (0..34).map(|i| u32::from(i > 16)).collect();
    let names = ["Mr Hi", "Officer"].map(String::from);
    let page = Explorer {
        title: "Karate".into(),
        predicted: Some(&classes),
        truth: Some(&classes),
        class_names: &names,
        ..Explorer::new(&layers)
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("karate.html");
    page.save(&path).unwrap();
    if let Some(folder) = std::env::var_os("KEEP_PICTURES") {
        page.save(Path::new(&folder).join("explorer.html")).unwrap();
    }
    let dom = browse(&browser, &path, "layer=0&head=2&node=33", &["--dump-dom"]);
    let panel = dom.split_once(r#"<div id="node""#).unwrap().1;
    let rows: Vec<u32> = panel
        .split(r#"data-node=""#)
        .skip(1)
        .map(|row| row.split_once('"').unwrap().0.parse().unwrap())
        .collect();
    let expected = &most_attended(&layers[0], 34, Heads::One(2), SelfLoops::Include).unwrap()[33];
    assert_eq!(rows, expected.iter().map(|n| n.node).collect::<Vec<_>>());
    assert!(dom.contains("33: Officer") && dom.contains("33 (itself)") && dom.contains("<canvas"));
    if let Some(folder) = std::env::var_os("KEEP_PICTURES") {
        let folder = Path::new(&folder);
        page.save(folder.join("explorer.html")).unwrap();
        let picture = format!("--screenshot={}", folder.join("explorer.png").display());
        browse(&browser, &path, "layer=0&node=33", &[&picture]);
    }
}
