//! The engine as the commands use it: one job at a time, waited for.

use std::sync::Arc;

use crate::cli::DeviceArgs;
use crate::engine::{Engine, Event, JobId, Request, Task};
use crate::models::{
    AutoResult, ComputeDevice, DeviceChoice, ModelCard, ModelError, PromptedResult, ScanKey,
    Segmenter,
};
use crate::prompt::{Asked, PromptSet, TargetSize};
use crate::remote::{Processor, open_model};
use crate::volume::{ImageVolume, Mask};

use super::Refusal;
use super::console::Console;

/// An opened model on the engine's thread.
pub(super) struct ModelRun {
    engine: Engine,
    console: Console,
    /// What the model is.
    pub(super) card: ModelCard,
    /// Where it computes.
    pub(super) device: ComputeDevice,
}

/// A result and how long it took.
pub(super) struct Timed<T> {
    pub(super) result: T,
    pub(super) seconds: f64,
}

impl ModelRun {
    /// Opens a model (`None`: the one in the box, or the one that is served) and waits until it is ready.
    pub(super) fn open(
        model: Option<&str>,
        device: &Processor,
        console: Console,
    ) -> Result<Self, Refusal> {
        let (id, of_opener) = (model.map(str::to_owned), device.clone());
        let run = Self::start(move || open_model(id.as_deref(), &of_opener), console)?;
        if let Processor::There(address) = device {
            // Before anything is sent.
            console.warnings(address.warning().as_slice());
        }
        Ok(run)
    }

    /// Starts the engine on whatever `opener` opens, and waits until it is ready.
    pub(super) fn start(
        opener: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
        console: Console,
    ) -> Result<Self, Refusal> {
        let engine = Engine::start(opener, || {});
        loop {
            match next_event(&engine)? {
                Event::ModelReady { card, device } => {
                    return Ok(Self {
                        engine,
                        console,
                        card: *card,
                        device,
                    });
                }
                Event::ModelFailed { message } => return Err(Refusal::Other(message)),
                _ => {}
            }
        }
    }

    /// The device in words: its kind and its name.
    pub(super) fn device_text(&self) -> String {
        format!("{} ({})", self.device.kind, self.device.name)
    }

    /// Finds the model's structures; `others` are the images of the same grid that it takes besides.
    pub(super) fn auto(
        &self,
        image: &Arc<ImageVolume>,
        others: Vec<Arc<ImageVolume>>,
        scan: ScanKey,
        structures: Option<Vec<String>>,
    ) -> Result<Timed<AutoResult>, Refusal> {
        let id = self.engine.submit(Request::Auto {
            scan,
            image: image.clone(),
            others,
            structures,
        });
        match self.wait(id)? {
            Event::FinishedAuto {
                result, seconds, ..
            } => Ok(Timed { result, seconds }),
            other => Err(unfinished(other)),
        }
    }

    /// Segments what the prompts point at.
    pub(super) fn prompted(
        &self,
        image: &Arc<ImageVolume>,
        scan: ScanKey,
        prompts: &PromptSet,
        prior: Option<Arc<Mask>>,
    ) -> Result<Timed<PromptedResult>, Refusal> {
        let asked = Asked {
            prompts: prompts.clone(),
            prior,
            ..Asked::default()
        };
        self.asked(image, scan, asked)
    }

    /// Segments what is asked for.
    pub(super) fn asked(
        &self,
        image: &Arc<ImageVolume>,
        scan: ScanKey,
        asked: Asked,
    ) -> Result<Timed<PromptedResult>, Refusal> {
        let id = self.engine.submit(Request::Prompt {
            scan,
            image: image.clone(),
            asked,
        });
        match self.wait(id)? {
            Event::FinishedPrompt {
                result, seconds, ..
            } => Ok(Timed { result, seconds }),
            other => Err(unfinished(other)),
        }
    }

    /// Segments as a user would who gives the prompts one after another, from nothing: the box and what stands before
    /// the first positive one, then each upon the mask before it. Models learn clicks as corrections of a mask; given all
    /// at once, a later click could undo what an earlier one found.
    pub(super) fn one_by_one(
        &self,
        image: &Arc<ImageVolume>,
        scan: ScanKey,
        prompts: &PromptSet,
        size: TargetSize,
    ) -> Result<Timed<PromptedResult>, Refusal> {
        let order = prompts.in_order();
        let all = order.len();
        let mut order = order.into_iter();
        let first = match prompts.target_box {
            Some(_) => 0,
            None => order.position(|p| p.is_positive()).unwrap_or(all) + 1,
        };
        let upon = |count: usize, prior: Option<Mask>| {
            let asked = Asked {
                prompts: prompts.first(count),
                prior: prior.map(Arc::new),
                size,
                ..Asked::default()
            };
            self.asked(image, scan, asked)
        };
        let mut latest = upon(first, None)?;
        for count in first + 1..=all {
            let next = upon(count, Some(latest.result.mask))?;
            latest = Timed {
                result: next.result,
                seconds: latest.seconds + next.seconds,
            };
        }
        Ok(latest)
    }

    /// Does a task with the model, after everything else that it is asked.
    pub(super) fn do_task(&self, task: Task) -> Result<(), Refusal> {
        let id = self.engine.submit(Request::Background { task });
        match self.wait(id)? {
            Event::FinishedTask { .. } => Ok(()),
            other => Err(unfinished(other)),
        }
    }

    /// Forgets what is cached of scans.
    pub(super) fn drop_caches(&self) {
        self.engine.submit(Request::DropCaches);
    }

    /// The last event of a job; its progress is shown meanwhile.
    fn wait(&self, job: JobId) -> Result<Event, Refusal> {
        loop {
            match next_event(&self.engine)? {
                Event::Progress {
                    id,
                    fraction,
                    stage,
                } if id == job => self.console.progress(fraction, &stage),
                event @ (Event::FinishedAuto { id, .. }
                | Event::FinishedPrompt { id, .. }
                | Event::FinishedTask { id, .. }
                | Event::Failed { id, .. }
                | Event::Cancelled { id })
                    if id == job =>
                {
                    return Ok(event);
                }
                _ => {}
            }
        }
    }
}

/// The processor of this machine that was asked for, for `work` that is not done on another.
pub(super) fn own_device(args: &DeviceArgs, work: &str) -> Result<DeviceChoice, Refusal> {
    match &args.device {
        Processor::Here(device) => Ok(*device),
        Processor::There(address) => Err(Refusal::Other(format!(
            "{work} is not done on another machine, and {address} only segments: run the command there, or choose --device auto, cpu or gpu"
        ))),
    }
}

/// Does a task that needs no model, on an engine's thread.
pub(super) fn run_alone(request: Request, report: impl Fn(f32, &str)) -> Result<(), Refusal> {
    let engine = Engine::without_model(|| {});
    engine.submit(request);
    loop {
        match next_event(&engine)? {
            Event::Progress {
                fraction, stage, ..
            } => report(fraction, &stage),
            Event::FinishedTask { .. } => return Ok(()),
            event @ (Event::Failed { .. } | Event::Cancelled { .. }) => {
                return Err(unfinished(event));
            }
            _ => {}
        }
    }
}

fn next_event(engine: &Engine) -> Result<Event, Refusal> {
    let gone = |_| Refusal::Other("the engine stopped: start the command again".to_owned());
    engine.events().recv().map_err(gone)
}

fn unfinished(event: Event) -> Refusal {
    Refusal::Other(match event {
        Event::Failed { message, .. } => message,
        _ => "the job was cancelled".to_owned(),
    })
}
