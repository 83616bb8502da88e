//! `prosector train`: a model from a configuration file.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::TrainArgs;
use crate::util::{CancelToken, JobContext};

use super::Refusal;
use super::console::Console;

/// How often a line is written where stderr is no terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

pub(super) fn run(args: &TrainArgs) -> Result<(), Refusal> {
    let console = Console::new(false);
    let ctx = if stderr().is_terminal() {
        console.context()
    } else {
        logged_context(console)
    };
    let cache = args.cache.as_deref();
    if let Some(out) = &args.pack {
        let packed = crate::train::pack(&args.config, out, &ctx)?;
        console.line(&format!(
            "packed {} scans and {} label maps into {:.1} MiB",
            packed.scans,
            packed.label_maps,
            packed.bytes as f64 / f64::from(1 << 20)
        ));
        return Ok(());
    }
    if let Some(steps) = &args.samples {
        let mut out = std::io::stdout().lock();
        crate::train::write_samples(&args.config, cache, steps.clone(), &mut out, &ctx)?;
        return Ok(());
    }
    crate::train::run(&args.config, cache, args.device.device, args.resume, &ctx)?;
    console.line(
        "trained; the recipe names the folder of the weights, or the model that is now installed",
    );
    Ok(())
}

/// A context that writes progress a line at a time: training takes hours, and its log is read afterwards.
fn logged_context(console: Console) -> JobContext {
    let last = Mutex::new(None::<Instant>);
    JobContext::new(CancelToken::default(), move |fraction, stage| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) || fraction >= 1.0 {
            *last = Some(Instant::now());
            console.log(fraction, stage);
        }
    })
}
