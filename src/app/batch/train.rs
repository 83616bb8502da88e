//! `prosector train`: a model from a configuration file.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cli::TrainArgs;
use crate::engine::{Request, Task};
use crate::train::TrainRequest;
use crate::util::{CancelToken, JobContext};

use super::Refusal;
use super::console::Console;
use super::model_run::{own_device, run_alone};

/// How often a line is written where stderr is no terminal.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

pub(super) fn run(args: &TrainArgs) -> Result<(), Refusal> {
    let console = Console::new(false);
    let report = reporter(console);
    let cache = args.cache.as_deref();
    if let Some(out) = &args.pack {
        let ctx = JobContext::new(CancelToken::default(), report);
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
        let ctx = JobContext::new(CancelToken::default(), report);
        let mut out = std::io::stdout().lock();
        crate::train::write_samples(&args.config, cache, steps.clone(), &mut out, &ctx)?;
        return Ok(());
    }
    let request = TrainRequest {
        recipe: args.config.clone(),
        cache: args.cache.clone(),
        device: own_device(&args.device, "training")?,
        resume: args.resume,
    };
    let task = Task::without_model(move |ctx| crate::train::run(&request, ctx));
    run_alone(Request::Training { task }, report)?;
    console.line(
        "trained; the recipe names the folder of the weights, or the model that is now installed",
    );
    Ok(())
}

/// Shows progress on a terminal, else writes it a line at a time: training takes hours, and its log is read afterwards.
fn reporter(console: Console) -> impl Fn(f32, &str) + Send + Sync + 'static {
    let (on_terminal, last) = (stderr().is_terminal(), Mutex::new(None::<Instant>));
    move |fraction, stage| {
        if on_terminal {
            return console.progress(fraction, stage);
        }
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() >= LOG_INTERVAL) || fraction >= 1.0 {
            *last = Some(Instant::now());
            console.log(fraction, stage);
        }
    }
}
