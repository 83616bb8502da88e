//! The thread that owns the model.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::models::{ModelError, Segmenter};
use crate::util::{CancelToken, JobContext};

use super::background;
use super::queue::{CancelOutcome, Queue, Superseded};
use super::{Event, JobId, Request};

/// Progress is not reported more often than this.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// The queue as the engine's handle and the worker share it.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: Queue,
    stopped: bool,
}

impl Shared {
    pub(super) fn push(&self, id: JobId, request: Request) -> Superseded {
        let superseded = self.lock().queue.push(id, request);
        self.changed.notify_one();
        superseded
    }

    pub(super) fn cancel(&self, id: JobId) -> CancelOutcome {
        self.lock().queue.cancel(id)
    }

    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.queue.clear();
        self.changed.notify_one();
    }

    /// Waits for a job; `None` when the engine was dropped.
    fn next(&self) -> Option<(JobId, Request, CancelToken)> {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(job) = state.queue.take() {
                return Some(job);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self) {
        self.lock().queue.finish();
    }

    /// No job runs under this lock, so a panic elsewhere cannot leave the queue half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends events and wakes whoever reads them.
#[derive(Clone)]
pub(super) struct Outbox {
    sender: Sender<Event>,
    waker: Arc<dyn Fn() + Send + Sync>,
}

impl Outbox {
    pub(super) fn new(sender: Sender<Event>, waker: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { sender, waker }
    }

    pub(super) fn send(&self, event: Event) {
        // The receiver is gone only when the engine was dropped; then nobody wants the event.
        if self.sender.send(event).is_ok() {
            (self.waker)();
        }
    }
}

type OpenedModel = Result<Box<dyn Segmenter>, String>;

pub(super) struct Worker {
    shared: Arc<Shared>,
    outbox: Outbox,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, outbox: Outbox) -> Self {
        Self { shared, outbox }
    }

    /// Opens the model, then runs jobs until the engine is dropped.
    pub(super) fn run(&self, opener: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError>) {
        let mut model = self.open(opener);
        while let Some((id, request, cancel)) = self.shared.next() {
            let event = self.run_job(&mut model, id, request, cancel);
            self.shared.finish();
            if let Some(event) = event {
                self.outbox.send(event);
            }
        }
    }

    fn open(&self, opener: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError>) -> OpenedModel {
        let opened = match catch_unwind(AssertUnwindSafe(opener)) {
            Ok(opened) => opened.map_err(|e| e.to_string()),
            Err(panic) => Err(format!(
                "the model could not be opened: {}",
                panic_text(&*panic)
            )),
        };
        self.outbox.send(match &opened {
            Ok(model) => Event::ModelReady {
                card: Box::new(model.card().clone()),
                device: model.device().clone(),
            },
            Err(message) => Event::ModelFailed {
                message: message.clone(),
            },
        });
        opened
    }

    /// Runs one job to its last event.
    fn run_job(
        &self,
        model: &mut OpenedModel,
        id: JobId,
        request: Request,
        cancel: CancelToken,
    ) -> Option<Event> {
        let segmenter = match model {
            Ok(segmenter) => segmenter,
            Err(message) => {
                let message = message.clone();
                return Some(Event::Failed { id, message });
            }
        };
        if !matches!(request, Request::DropCaches) {
            self.outbox.send(Event::Started { id });
        }
        let ctx = JobContext::new(cancel.clone(), self.throttled_progress(id));
        let job = AssertUnwindSafe(|| perform(segmenter.as_mut(), id, request, &ctx));
        match catch_unwind(job) {
            Ok(_) if cancel.is_cancelled() => Some(Event::Cancelled { id }),
            Ok(Ok(event)) => event,
            Ok(Err(ModelError::Cancelled(_))) => Some(Event::Cancelled { id }),
            Ok(Err(e)) => Some(Event::Failed {
                id,
                message: e.to_string(),
            }),
            Err(panic) => {
                let message = panic_text(&*panic);
                tracing::error!(job = id.0, "panic in a job: {message}");
                self.recover(model);
                Some(Event::Failed {
                    id,
                    message: format!("the model stopped unexpectedly ({message}): try again"),
                })
            }
        }
    }

    /// After a panic: what was cached may be half written, so it goes. A model that cannot even do that is lost.
    fn recover(&self, model: &mut OpenedModel) {
        let Ok(segmenter) = model else { return };
        if catch_unwind(AssertUnwindSafe(|| segmenter.drop_caches())).is_err() {
            let message = "the model stopped and cannot go on: restart Prosector".to_owned();
            *model = Err(message.clone());
            self.outbox.send(Event::ModelFailed { message });
        }
    }

    fn throttled_progress(&self, id: JobId) -> impl Fn(f32, &str) + Send + Sync + 'static {
        let outbox = self.outbox.clone();
        let last = Mutex::new(None::<Instant>);
        move |fraction, stage| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|at| at.elapsed() < PROGRESS_INTERVAL) {
                return;
            }
            *last = Some(Instant::now());
            let stage = stage.to_owned();
            outbox.send(Event::Progress {
                id,
                fraction,
                stage,
            });
        }
    }
}

/// Does what a request asks; the event that reports its result.
fn perform(
    model: &mut dyn Segmenter,
    id: JobId,
    request: Request,
    ctx: &JobContext,
) -> Result<Option<Event>, ModelError> {
    let start = Instant::now();
    match request {
        Request::Auto {
            scan,
            image,
            structures,
        } => {
            model.card().check_automatic()?;
            let mut result = model.segment_auto(&image, scan, structures.as_deref(), ctx)?;
            background::clear_labels(&image, &mut result.labels);
            result.warnings.extend(model.card().time_warning(&image));
            let seconds = start.elapsed().as_secs_f64();
            Ok(Some(Event::FinishedAuto {
                id,
                result,
                seconds,
            }))
        }
        Request::Prompt {
            scan,
            image,
            prompts,
            prior,
        } => {
            model.card().check_prompts(&prompts)?;
            background::check_clicks(&image, &prompts)?;
            let mut result =
                model.segment_prompted(&image, scan, &prompts, prior.as_deref(), ctx)?;
            background::clear_mask(&image, &mut result.mask);
            result.warnings.extend(model.card().time_warning(&image));
            let seconds = start.elapsed().as_secs_f64();
            Ok(Some(Event::FinishedPrompt {
                id,
                result,
                seconds,
            }))
        }
        Request::DropCaches => {
            model.drop_caches();
            Ok(None)
        }
    }
}

/// The message of a panic, on one line.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given");
    text.lines().next().unwrap_or_default().to_owned()
}
