use super::{Counts, DatasetInfo, Format, file};

const URL: &str = "https://raw.githubusercontent.com/yandex-research/heterophilous-graphs/a431395582e929d88271309716bea4fe24ce6318/data/";
const PAPER: &str = "Platonov et al.: A critical look at the evaluation of GNNs under heterophily: are we really making progress?, ICLR 2023";

pub(super) static DATASETS: &[DatasetInfo] = &[
    DatasetInfo {
        name: "minesweeper",
        description: "cells of a grid, the mines around each (hidden for half of them), and which cells are mines",
        format: Format::Heterophilous,
        files: &[file(
            "minesweeper.npz",
            135045,
            "e664c8dacf1e8ac466c2c09ed4b237bd2c5541f47a6eae9c6092cb87f16412b3",
        )],
        folder: "heterophily",
        base_url: URL,
        licence: "MIT",
        citation: PAPER,
        class_names: &["free", "mine"],
        counts: Counts {
            graphs: 1,
            nodes: 10000,
            edges: 78804,
            features: 7,
            classes: 2,
            split: [5000, 2500, 2500],
        },
    },
    DatasetInfo {
        name: "tolokers",
        description: "workers of a crowdsourcing platform, who worked on the same tasks, and who was banned",
        format: Format::Heterophilous,
        files: &[file(
            "tolokers.npz",
            1329769,
            "dacf3ac94cec53d03cd2adb5255c08b33dee1656c33ca8164a464bd9450a1667",
        )],
        folder: "heterophily",
        base_url: URL,
        licence: "MIT",
        citation: PAPER,
        class_names: &["not banned", "banned"],
        counts: Counts {
            graphs: 1,
            nodes: 11758,
            edges: 1038000,
            features: 10,
            classes: 2,
            split: [5879, 2939, 2940],
        },
    },
];
