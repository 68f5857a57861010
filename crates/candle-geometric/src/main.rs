//! The command-line program `candle-geometric`: run, evaluate and train graph attention networks, and check every
//! layer against its peers.

mod cli;
mod verify;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(cli::Verdict::Good) => ExitCode::SUCCESS,
        Ok(cli::Verdict::Failed) => ExitCode::from(1),
        Err(error) => {
            cli::report(&error);
            ExitCode::from(2)
        }
    }
}
