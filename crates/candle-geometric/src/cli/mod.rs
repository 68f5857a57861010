//! The subcommands, one file each.

mod answers;
mod curves;
mod data;
mod device;
mod encode;
mod error;
mod evaluate;
mod explain;
mod info;
mod list;
mod out;
mod run;
mod screen;
mod seen;
mod task;
mod texts;
mod train;
mod verify;

use anyhow::Result;
use clap::{Parser, Subcommand};

pub(crate) use error::report;
use screen::Screen;

/// How a command that ran to its end went.
pub(crate) enum Verdict {
    /// As hoped: exit code 0.
    Good,
    /// What was checked does not hold: exit code 1. (Bad input and every other error is exit code 2.)
    Failed,
}

/// Graph neural networks with attention: pretrained models, training, and layers checked against their peers.
#[derive(Parser)]
#[command(
    name = "candle-geometric",
    version,
    arg_required_else_help = true,
    after_help = "Examples:
  candle-geometric list
  candle-geometric run gat-karate
  candle-geometric run gat-cora --data DIR --out pictures
  candle-geometric explain gat-karate --out pictures
  candle-geometric train train.toml --out runs/mine

Exit codes: 0 all is well; 1 `evaluate` or `verify` found a difference; 2 bad input or any other error."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::List),
    Data(data::Data),
    Info(info::Info),
    Run(run::Run),
    Explain(explain::Explain),
    Curves(curves::Curves),
    Evaluate(evaluate::Evaluate),
    Train(train::Train),
    Verify(verify::Verify),
}

impl Cli {
    /// Runs the command that was given.
    pub(crate) fn run(self) -> Result<Verdict> {
        let screen = &mut Screen::new();
        match self.command {
            Command::List(command) => command.run(screen),
            Command::Data(command) => command.run(screen),
            Command::Info(command) => command.run(screen),
            Command::Run(command) => command.run(screen),
            Command::Explain(command) => command.run(screen),
            Command::Curves(command) => command.run(screen),
            Command::Evaluate(command) => command.run(screen),
            Command::Train(command) => command.run(screen),
            Command::Verify(command) => command.run(screen),
        }
    }
}
