//! Every example does what it says on generated data: its `--quick` form ends well and says something. What an example
//! promises of its results it checks itself, and fails if they do not hold.

use std::collections::BTreeSet;
use std::env::{consts::EXE_SUFFIX, current_exe};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

/// The program of an example, which `cargo test` builds beside this one.
fn program(name: &str) -> Result<PathBuf> {
    let this = current_exe()?;
    let profile = this.ancestors().nth(2).context("a test lies in target/PROFILE/deps")?;
    let program = profile.join("examples").join(format!("{name}{EXE_SUFFIX}"));
    ensure!(program.is_file(), "{} is not built; run `cargo build --examples` first", program.display());
    Ok(program)
}

fn run(name: &str, argument: &str) -> Result<Output> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace's folder")?;
    Ok(Command::new(program(name)?).arg(argument).current_dir(root).output()?)
}

fn check(name: &str) -> Result<()> {
    let quick = run(name, "--quick")?;
    let errors = String::from_utf8_lossy(&quick.stderr);
    ensure!(quick.status.success(), "{name} --quick: {}\n{errors}", quick.status);
    ensure!(!quick.stdout.is_empty(), "{name} --quick said nothing");

    let help = run(name, "--help")?;
    ensure!(help.status.success() && help.stdout.starts_with(b"Usage:"), "{name} --help does not help");

    let unknown = run(name, "--quik")?;
    ensure!(!unknown.status.success(), "{name} takes an argument that it does not know");
    let errors = String::from_utf8_lossy(&unknown.stderr);
    ensure!(errors.contains("--quik"), "{name} does not name the argument that it does not know:\n{errors}");
    Ok(())
}

/// A test per example, and the list of them.
macro_rules! examples {
    ($($test:ident $name:literal)*) => {
        const EXAMPLES: &[&str] = &[$($name),*];

        $(#[test]
        fn $test() -> Result<()> {
            check($name)
        })*
    };
}

examples! {
    clustering "clustering"
    custom_layer "custom-layer"
    dictionary_lookup "dictionary-lookup"
    embed_in_app "embed-in-app"
    explain_ba_shapes "explain-ba-shapes"
    gat_against_gcn "gat-against-gcn"
    gat_cora "gat-cora"
    graph_classification "graph-classification"
    graph_pooling "graph-pooling"
    heterogeneous "heterogeneous"
    heterophily "heterophily"
    knowledge_graph "knowledge-graph"
    link_prediction "link-prediction"
    load_dgl_checkpoint "load-dgl-checkpoint"
    load_pyg_checkpoint "load-pyg-checkpoint"
    molecules "molecules"
    neighbor_sampling "neighbor-sampling"
    own_tables "own-tables"
    protein_interactions "protein-interactions"
    question_answering "question-answering"
    text_classifier "text-classifier"
    text_graph "text-graph"
}

#[test]
fn every_folder_with_an_example_is_listed_and_has_a_page() -> Result<()> {
    let mut folders = BTreeSet::new();
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR"))? {
        let folder = entry?.path();
        if folder.join("main.rs").is_file() {
            ensure!(folder.join("README.md").is_file(), "{} has no README.md", folder.display());
            folders.insert(folder.file_name().context("a folder has a name")?.to_string_lossy().into_owned());
        }
    }
    let listed: BTreeSet<String> = EXAMPLES.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(folders, listed);
    Ok(())
}
