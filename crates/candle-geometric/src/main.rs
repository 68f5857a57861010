//! The command-line program `candle-geometric`: run, evaluate and train graph attention networks, and check every
//! layer against its peers.

mod cli;
mod verify;

use std::process::ExitCode;

use clap::Parser;

/// Large results are freed and asked for again: mimalloc keeps their pages mapped. (Tests count with an allocator of their own.)
#[cfg(all(feature = "mimalloc", not(test)))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
