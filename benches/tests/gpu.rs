//! The measurements of a GPU run, and make their report, on the CPU too: so they are not broken on the day that a card is at hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use serde_json::Value;

#[test]
fn the_measurements_run_without_a_gpu() {
    let folder = tempfile::tempdir().unwrap();
    let gpu = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_gpu")).args(arguments).arg("--out").arg(folder.path()).output();
        let output = output.unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (missing, errors) = gpu(&["--report"]);
    assert!(!missing && errors.contains("ours.json"), "{errors}");
    let (done, errors) = gpu(&["--device", "cpu", "--quick", "--graphs"]);
    assert!(done, "{errors}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let ours: Value = serde_json::from_str(&read("ours.json")).unwrap();
    let rows = ours["rows"].as_array().unwrap();
    // Two graphs: their structure; four shapes, nine things, two passes.
    assert_eq!(rows.len(), 2 * (1 + 4 * 9 * 2));
    assert!(rows.iter().all(|row| row["ms"].as_f64().unwrap() > 0.0));
    assert!(ours["step"]["ms"].as_f64().unwrap() > 0.0);
    // By hand: 3000 edges and 300 loops, 4 heads of 16 channels, f32.
    assert_eq!(rows[0]["pass"], "once");
    let first = &rows[1];
    assert_eq!((&first["what"], &first["pass"]), (&"additive attention".into(), &"fwd".into()));
    assert_eq!(first["bytes"].as_f64().unwrap(), 3300.0 * (4.0 + 16.0 + 256.0) + 300.0 * (256.0 + 48.0));
    let graphs = candle_core::safetensors::load(
        folder.path().join("graphs/1M.safetensors"),
        &candle_core::Device::Cpu,
    )
    .unwrap();
    assert_eq!(graphs["edge_index"].dims(), [2, 3300]);

    // What PyTorch Geometric took stands beside ours, and how many times that is.
    let mut row = first.clone();
    let ms = first["ms"].as_f64().unwrap();
    (row["what"], row["ms"]) = ("additive attention eager".into(), (3.0 * ms).into());
    let pyg = serde_json::json!({"device": "a card", "copy_gb_s": null, "rows": [row]});
    std::fs::write(folder.path().join("pyg.json"), pyg.to_string()).unwrap();
    let (done, errors) = gpu(&["--report"]);
    assert!(done, "{errors}");
    let report = read("report.md");
    assert!(report.contains("(3.0×)") && report.contains("step of training"), "{report}");
}
