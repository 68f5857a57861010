//! Standard output: colours only on a terminal that wants them, and a reader that leaves early is no error.

use std::io::{Error, ErrorKind, IsTerminal, Result, Stdout, Write};

use anyhow::Context;
use candle_geometric::models::{Metric, MetricKind};
use comfy_table::{CellAlignment, Table, presets};
use owo_colors::{OwoColorize, Style};
use serde::Serialize;

/// Standard output.
pub(crate) struct Screen {
    stdout: Stdout,
    colour: bool,
    gone: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let unset = |name| std::env::var_os(name).is_none_or(|v| v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let stdout = std::io::stdout();
        let colour = stdout.is_terminal() && unset("NO_COLOR") && !dumb;
        Self { stdout, colour, gone: false }
    }

    /// The text as something that went well.
    pub(crate) fn good(&self, text: &str) -> String {
        self.styled(text, Style::new().green())
    }

    /// The text as something that went wrong.
    pub(crate) fn bad(&self, text: &str) -> String {
        self.styled(text, Style::new().red().bold())
    }

    /// The text as something of less weight.
    pub(crate) fn faint(&self, text: &str) -> String {
        self.styled(text, Style::new().dimmed())
    }

    /// The text as a heading.
    pub(crate) fn title(&self, text: &str) -> String {
        self.styled(text, Style::new().bold())
    }

    fn styled(&self, text: &str, style: Style) -> String {
        if self.colour { text.style(style).to_string() } else { text.to_string() }
    }

    /// Prints a table: columns whose index is in `right` are aligned to the right.
    pub(crate) fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>, right: &[usize]) -> Result<()> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header.iter().map(|h| h.to_string())).add_rows(rows);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if right.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.lines() {
            writeln!(self, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Prints a value as JSON, over several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(value).context("cannot be written as JSON")?;
        Ok(writeln!(self, "{text}")?)
    }
}

/// Mean and standard deviation over runs: `83.1 ± 0.5 %`, or of an error `0.820 ± 0.031`.
pub(crate) fn mean_std(metric: MetricKind, mean: f64, std: f64) -> String {
    if metric.is_error() {
        return format!("{mean:.3} ± {std:.3}");
    }
    format!("{:.1} ± {:.1} %", 100.0 * mean, 100.0 * std)
}

/// What a recipe gives: mean and standard deviation, where there are several runs.
pub(crate) fn over_runs(metric: &Metric) -> String {
    match metric.runs {
        1 => format!("{} with one seed", value(metric.name, metric.mean)),
        runs => format!("{} over {runs} seeds", mean_std(metric.name, metric.mean, metric.std)),
    }
}

/// The value of a metric: a percentage, or an error as it is.
pub(crate) fn value(metric: MetricKind, value: f64) -> String {
    if metric.is_error() { metric.show(value) } else { percent(value) }
}

/// A fraction as a percentage: `83.1 %`.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// Writing goes on into nothing once the reader has gone (`… | head`), so that a long command still does its work and
/// ends with its own exit code.
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if !self.gone {
            match self.stdout.write(bytes) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => self.gone = true,
                other => return other.map_err(named),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        match self.stdout.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(named),
        }
    }
}

/// The error, saying where it happened.
fn named(error: Error) -> Error {
    Error::new(error.kind(), format!("cannot write to standard output: {error}"))
}
