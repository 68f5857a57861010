//! How an error reaches the user: what failed, why, and what would help.

use std::fmt;
use std::io::Write;

use anyhow::{Error, Result};

/// Advice on an error, carried beside it.
#[derive(Debug)]
struct Hint {
    text: String,
    error: Error,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Hint {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.chain().nth(1)
    }
}

/// Adds advice to an error.
pub(crate) trait OrHint<T> {
    /// The same error, reported with a line `hint: …`.
    fn hint(self, text: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<Error>> OrHint<T> for Result<T, E> {
    fn hint(self, text: impl Into<String>) -> Result<T> {
        self.map_err(|error| Error::new(Hint { text: text.into(), error: error.into() }))
    }
}

/// The cause of this type, also where it has a hint.
pub(crate) fn cause<E: std::error::Error + 'static>(error: &Error) -> Option<&E> {
    error.chain().find_map(|c| c.downcast_ref().or_else(|| cause(&c.downcast_ref::<Hint>()?.error)))
}

/// Writes an error to standard error: `error:`, one line per cause, and the hint.
pub(crate) fn report(error: &Error) {
    let mut last = error.to_string();
    let mut text = format!("error: {last}\n");
    for cause in error.chain().skip(1).map(|cause| cause.to_string()) {
        // Many an error ends with its cause already.
        if !last.ends_with(&cause) {
            text.push_str(&format!("  caused by: {cause}\n"));
            last = cause;
        }
    }
    for hint in error.chain().filter_map(|e| e.downcast_ref::<Hint>()) {
        text.push_str(&format!("hint: {}\n", hint.text));
    }
    // Nobody is left to be told when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
