//! How fast training samples are drawn, and nothing else of the program: it is small enough to be taken along to a
//! machine with a GPU, where it takes the place of `prosector train RECIPE --cache FILE --samples FIRST..LAST`.
//!
//! Usage: the same words; samples go to stdout, their rate to stderr.

#![allow(clippy::print_stderr, reason = "a benchmark reports")]

use std::io::{IsTerminal as _, Write, sink, stdout};
use std::time::Instant;

use clap::Parser as _;
use prosector::cli::{Cli, Command};
use prosector::train::write_samples;
use prosector::util::JobContext;

fn main() {
    // Cargo adds `--bench` of its own.
    let words = std::env::args().filter(|word| word != "--bench");
    let Some(Command::Train(args)) = Cli::parse_from(words).command else {
        eprintln!("name a recipe: train RECIPE --samples FIRST..LAST");
        return;
    };
    let Some(steps) = args.samples else {
        eprintln!("name the steps: --samples FIRST..LAST");
        return;
    };
    let is_terminal = stdout().is_terminal();
    let mut out: Box<dyn Write> = if is_terminal {
        Box::new(sink())
    } else {
        Box::new(stdout().lock())
    };
    let (started, count) = (Instant::now(), steps.len());
    let ctx = JobContext::silent();
    match write_samples(&args.config, args.cache.as_deref(), steps, &mut out, &ctx) {
        Ok(()) => eprintln!(
            "{:.2} steps a second",
            count as f64 / started.elapsed().as_secs_f64()
        ),
        Err(error) => eprintln!("error: {error}"),
    }
}
