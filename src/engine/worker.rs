//! The thread that owns the model.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::models::{ModelError, Segmenter};
use crate::util::{CancelToken, JobContext};
use crate::volume::morphology::Crop;

use super::message::Failure;
use super::queue::{Asker, CancelOutcome, Queue, Superseded};
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
    pub(super) fn push(&self, asker: Asker, id: JobId, request: Request) -> Superseded {
        let superseded = self.lock().queue.push_of(asker, id, request);
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
    fn next(&self) -> Option<Queued> {
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

    /// A job that goes before the one that runs, if one waits.
    fn more_urgent(&self) -> Option<Queued> {
        let mut state = self.lock();
        if state.stopped {
            return None;
        }
        state.queue.take()
    }

    fn finish(&self) {
        self.lock().queue.finish();
    }

    fn stop_begun(&self) {
        self.lock().queue.stop_begun();
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

/// A request, its name, and what stops it.
type Queued = (JobId, Request, CancelToken);

/// The model, or why there is none.
pub(super) type OpenedModel = Result<Arc<dyn Segmenter>, String>;

/// Opens a model, on the engine's thread.
pub(super) type Opener = Box<dyn FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send>;

/// Opens the model and tells its outcome.
pub(super) fn opened(
    outbox: &Outbox,
    opener: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError>,
) -> OpenedModel {
    let opened = match catch_unwind(AssertUnwindSafe(opener)) {
        Ok(opened) => opened.map(Arc::from).map_err(|e| e.to_string()),
        Err(panic) => Err(format!(
            "the model could not be opened: {}",
            panic_text(&*panic)
        )),
    };
    outbox.send(match &opened {
        Ok(model) => ready(&**model),
        Err(message) => Event::ModelFailed {
            message: message.clone(),
        },
    });
    opened
}

/// What computes after a panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recovery {
    /// The same device, or nothing.
    AsBefore,
    /// The CPU instead of a GPU.
    OnCpu,
}

/// What runs jobs on the thread that it was made on.
pub(super) struct Worker {
    shared: Arc<Shared>,
    outbox: Outbox,
    model: Mutex<OpenedModel>,
    /// Opens the model on the CPU, should the GPU fail.
    on_cpu: Mutex<Option<Opener>>,
    thread: ThreadId,
}

impl Worker {
    /// A worker for this thread.
    pub(super) fn new(
        shared: Arc<Shared>,
        outbox: Outbox,
        model: OpenedModel,
        on_cpu: Option<Opener>,
    ) -> Arc<Self> {
        Arc::new(Self {
            shared,
            outbox,
            model: Mutex::new(model),
            on_cpu: Mutex::new(on_cpu),
            thread: std::thread::current().id(),
        })
    }

    /// Runs jobs until the engine is dropped.
    pub(super) fn run(self: &Arc<Self>) {
        while let Some(job) = self.shared.next() {
            self.run_job(job);
        }
    }

    /// Runs one job to its last event.
    fn run_job(self: &Arc<Self>, (id, request, cancel): Queued) {
        let event = self.outcome(id, request, &cancel);
        self.shared.finish();
        if let Some(event) = event {
            self.outbox.send(event);
        }
    }

    fn outcome(
        self: &Arc<Self>,
        id: JobId,
        request: Request,
        cancel: &CancelToken,
    ) -> Option<Event> {
        let failed = |message| Some(Event::Failed { id, message });
        let (model, needs_model) = (self.model(), request.needs_model());
        if let (Err(message), true) = (&model, needs_model) {
            return failed(message.clone());
        }
        if !matches!(request, Request::DropCaches) {
            self.outbox.send(Event::Started { id });
        }
        let worker = Arc::clone(self);
        let ctx = JobContext::new(cancel.clone(), self.throttled_progress(id))
            .giving_way(move || worker.run_more_urgent());
        let job = AssertUnwindSafe(|| perform(&model, id, request, &ctx));
        let ended = match catch_unwind(job) {
            Ok(ended) => ended,
            Err(panic) => {
                let message = panic_text(&*panic);
                tracing::error!(job = id.0, "panic in a job: {message}");
                if self.recover(&model) == Recovery::OnCpu {
                    return failed(format!(
                        "the GPU failed ({message}), and the CPU computes from now on: try again"
                    ));
                }
                let what = if needs_model { "model" } else { "job" };
                return failed(format!(
                    "the {what} stopped unexpectedly ({message}): try again"
                ));
            }
        };
        if let (Err(message), true) = (self.model(), needs_model) {
            // A job that went before this one broke the model.
            return failed(message);
        }
        match ended {
            _ if cancel.is_cancelled() => Some(Event::Cancelled { id }),
            Ok(event) => event,
            Err(e) => failed(e.to_string()),
        }
    }

    /// Does what goes before the job that runs. A job may poll on threads of its own, but models run on this one only.
    fn run_more_urgent(self: &Arc<Self>) {
        if std::thread::current().id() != self.thread {
            return;
        }
        while let Some(job) = self.shared.more_urgent() {
            self.run_job(job);
        }
    }

    fn model(&self) -> OpenedModel {
        self.lock_model().clone()
    }

    /// No job runs under this lock.
    fn lock_model(&self) -> MutexGuard<'_, OpenedModel> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken_on_cpu(&self) -> Option<Opener> {
        let mut held = self.on_cpu.lock().unwrap_or_else(PoisonError::into_inner);
        held.take()
    }

    /// After a panic: what was cached may be half written, so it goes. A model that cannot even do that is lost, and
    /// with it the jobs that gave way. On a GPU the device may be lost, which is how Burn says so: the CPU goes on.
    fn recover(&self, model: &OpenedModel) -> Recovery {
        let Ok(model) = model else {
            return Recovery::AsBefore;
        };
        if model.device().is_gpu()
            && let Some(on_cpu) = self.taken_on_cpu()
        {
            self.shared.stop_begun();
            *self.lock_model() = opened(&self.outbox, on_cpu);
            return Recovery::OnCpu;
        }
        if catch_unwind(AssertUnwindSafe(|| model.drop_caches())).is_err() {
            let message = "the model stopped and cannot go on: restart Prosector".to_owned();
            *self.lock_model() = Err(message.clone());
            self.shared.stop_begun();
            self.outbox.send(Event::ModelFailed { message });
        }
        Recovery::AsBefore
    }

    fn throttled_progress(&self, id: JobId) -> impl Fn(f32, &str) + Send + Sync + 'static {
        let outbox = self.outbox.clone();
        let last = Mutex::new(None::<Instant>);
        move |fraction, stage| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let is_early = last.is_some_and(|at| at.elapsed() < PROGRESS_INTERVAL);
            if is_early && fraction < 1.0 {
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

fn ready(model: &dyn Segmenter) -> Event {
    Event::ModelReady {
        card: Box::new(model.card().clone()),
        device: model.device().clone(),
    }
}

/// Does what a request asks; the event that reports its result.
fn perform(
    model: &OpenedModel,
    id: JobId,
    request: Request,
    ctx: &JobContext,
) -> Result<Option<Event>, Failure> {
    let model = model.as_deref().map_err(Clone::clone);
    let start = Instant::now();
    let seconds = || start.elapsed().as_secs_f64();
    match request {
        Request::Auto {
            scan,
            image,
            others,
            structures,
        } => {
            let wanted = structures.as_deref();
            let result = model?.segment_auto_of(&image, &others, scan, wanted, ctx)?;
            Ok(Some(Event::FinishedAuto {
                id,
                result,
                seconds: seconds(),
            }))
        }
        Request::Prompt { scan, image, asked } => {
            let result = model?.segment_asked(&image, scan, &asked, ctx)?;
            Ok(Some(Event::FinishedPrompt {
                id,
                result,
                seconds: seconds(),
            }))
        }
        Request::Preview { scan, image, asked } => {
            let mask = model?.preview(&image, scan, &asked, ctx)?;
            let region = Crop::of_mask(&mask);
            Ok(Some(Event::FinishedPreview { id, region }))
        }
        Request::Background { task } | Request::Training { task } => {
            task.run(model, ctx)?;
            Ok(Some(Event::FinishedTask {
                id,
                seconds: seconds(),
            }))
        }
        Request::DropCaches => {
            model?.drop_caches();
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
