//! What the examples share: their command line, and how they tell of training.

use std::path::PathBuf;

use anyhow::{Result, bail};
use candle_geometric::data::Source;
use candle_geometric::train::{EpochReport, Flow, Observer};

const HELP: &str = "\
Usage: cargo run --release --example NAME -- [FILE] [--data DIR] [--quick]

Arguments:
  FILE        A file, where the example takes one: its README says which

Options:
  --data DIR  The folder with the files of the data set; without it they are downloaded once, into a cache
  --quick     Seconds instead of minutes, and nothing that is not in the repository
  -h, --help  Print help";

/// The arguments of an example: `[FILE] [--data DIR] [--quick]`.
#[derive(Debug, Default)]
pub struct Arguments {
    /// A file, where the example takes one.
    pub file: Option<PathBuf>,
    /// The folder with the files of the data set.
    pub data: Option<PathBuf>,
    /// Seconds instead of minutes, and nothing that is not in the repository.
    pub quick: bool,
}

impl Arguments {
    /// Reads the command line. `--help` is answered here and ends the program.
    ///
    /// # Errors
    /// If an argument is unknown or lacks its value.
    pub fn read() -> Result<Self> {
        let mut read = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => {
                    println!("{HELP}");
                    std::process::exit(0);
                }
                "--quick" => read.quick = true,
                "--data" => match arguments.next() {
                    Some(folder) => read.data = Some(folder.into()),
                    None => bail!("--data: expected a folder"),
                },
                other if other.starts_with('-') => {
                    bail!("unknown argument {other}: expected [FILE] [--data DIR] [--quick]")
                }
                file => read.file = Some(file.into()),
            }
        }
        Ok(read)
    }

    /// Where data sets come from: the folder, or else the cache, which is filled over the network when it lacks one.
    pub fn source(&self) -> Source {
        self.data.clone().map_or(Source::Cache, Source::Folder)
    }
}

/// Prints one of so many epochs of training.
#[derive(Debug)]
pub struct Print {
    /// Every how many epochs there is a line.
    pub every: usize,
}

impl Observer for Print {
    fn epoch(&mut self, e: &EpochReport) -> Flow {
        if e.epoch.is_multiple_of(self.every.max(1)) {
            println!(
                "epoch {:>4}  loss {:.4}  val loss {:.4}  val {:.3}",
                e.epoch, e.loss, e.val.loss, e.val.metric
            );
        }
        Flow::Continue
    }
}
