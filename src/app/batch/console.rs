//! What the commands print, and where: results on stdout, everything else on stderr.

use std::io::{IsTerminal, Write, stderr, stdin, stdout};

use serde::Serialize;

use crate::util::{CancelToken, JobContext};

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Console {
    json: bool,
}

impl Console {
    /// A console that prints results as JSON, or as text.
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints the result: `value` as JSON, or else `text`.
    pub(super) fn result<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) {
        let printed = if self.json {
            serde_json::to_string_pretty(value).expect("results are plain values")
        } else {
            text()
        };
        // A closed pipe means that nobody reads any more.
        let _ = writeln!(stdout(), "{}", printed.trim_end());
    }

    /// Prints a line of text; nothing where the result is JSON.
    pub(super) fn line(self, text: &str) {
        if !self.json {
            let _ = writeln!(stdout(), "{text}");
        }
    }

    /// Prints warnings on stderr, a line each.
    pub(super) fn warnings(self, warnings: &[String]) {
        clear_progress();
        for warning in warnings {
            let _ = writeln!(stderr(), "warning: {}", one_line(warning));
        }
    }

    /// Prints what the user should know of the work on stderr, a line each.
    pub(super) fn notes(self, notes: &[String]) {
        clear_progress();
        for note in notes {
            let _ = writeln!(stderr(), "{}", one_line(note));
        }
    }

    /// Asks whether to go on; `None` where nobody is there to answer.
    pub(super) fn confirmed(question: &str) -> Option<bool> {
        if !stdin().is_terminal() || !stderr().is_terminal() {
            return None;
        }
        let _ = write!(stderr(), "{question}");
        let _ = stderr().flush();
        let mut answer = String::new();
        let is_read = stdin().read_line(&mut answer).is_ok();
        Some(is_read && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
    }

    /// Prints a refusal on stderr, in one line.
    pub(super) fn refuse(refusal: &dyn std::error::Error) {
        clear_progress();
        let _ = writeln!(stderr(), "error: {}", one_line(&refusal.to_string()));
    }

    /// Shows how far a job is, on a terminal only: in a log it would bury the messages.
    pub(super) fn progress(self, fraction: f32, stage: &str) {
        if stderr().is_terminal() {
            let percent = (fraction * 100.0).round();
            let _ = write!(stderr(), "\r\x1b[K{percent:3.0} % {}", one_line(stage));
            let _ = stderr().flush();
        }
    }

    /// Writes how far a long job is, as a line of a log.
    pub(super) fn log(self, fraction: f32, stage: &str) {
        let percent = fraction * 100.0;
        let _ = writeln!(stderr(), "{percent:6.2} % {}", one_line(stage));
    }

    /// A context for jobs that shows their progress here.
    pub(super) fn context(self) -> JobContext {
        JobContext::new(CancelToken::default(), move |fraction, stage| {
            self.progress(fraction, stage);
        })
    }
}

fn clear_progress() {
    if stderr().is_terminal() {
        let _ = write!(stderr(), "\r\x1b[K");
    }
}

fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}
