//! The background worker that runs models, so that the window never waits for one.
//!
//! One named thread owns the [`Segmenter`](crate::models::Segmenter) and everything of Burn behind it.
//! [`Request`]s go in, [`Event`]s come out; results are plain volumes. The window and the command line use
//! the same engine. A panic inside a job becomes [`Event::Failed`], and the worker lives on.
//!
//! Jobs have a [`Priority`]. One under way gives way wherever it polls its
//! [`JobContext`](crate::util::JobContext): there the worker does what is more urgent, with the same model on the same
//! thread, and the job goes on as if nothing had happened. So a click is answered in the middle of an automatic run, and
//! of training.

mod message;
mod queue;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::models::{ModelError, Segmenter};

pub use message::{Event, JobId, Request, Task};
pub use queue::{Asker, CancelOutcome, Priority, Queue, Superseded};
use worker::{OpenedModel, Opener, Outbox, Shared, Worker};

/// How long closing waits for a job that does not stop at once.
const SHUTDOWN_PATIENCE: Duration = Duration::from_millis(300);

/// The handle to the worker thread. Dropping it stops the worker.
pub struct Engine {
    shared: Arc<Shared>,
    outbox: Outbox,
    events: Receiver<Event>,
    finished: Receiver<()>,
    next_id: AtomicU64,
}

impl Engine {
    /// Starts a worker on whatever `opener` opens; it runs on the worker's thread, and its outcome arrives as
    /// [`Event::ModelReady`] or [`Event::ModelFailed`]. Requests may be submitted before.
    ///
    /// `waker` is called after every event, from any thread; the window asks for a repaint in it.
    ///
    /// # Panics
    /// If the operating system has no thread left.
    pub fn start(
        opener: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
        waker: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self::spawn(|outbox| worker::opened(outbox, opener), None, waker)
    }

    /// As [`Self::start`]; should the GPU fail under a job, `on_cpu` opens the model that computes from then on, which a
    /// second [`Event::ModelReady`] tells.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn start_falling_back(
        opener: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
        on_cpu: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
        waker: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let on_cpu: Opener = Box::new(on_cpu);
        Self::spawn(|outbox| worker::opened(outbox, opener), Some(on_cpu), waker)
    }

    /// Starts a worker without a model, for tasks that need none; every other job fails.
    ///
    /// # Panics
    /// If the operating system has no thread left.
    pub fn without_model(waker: impl Fn() + Send + Sync + 'static) -> Self {
        Self::spawn(|_| Err("no model is open here".to_owned()), None, waker)
    }

    fn spawn(
        open: impl FnOnce(&Outbox) -> OpenedModel + Send + 'static,
        on_cpu: Option<Opener>,
        waker: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        // Unbounded, because the worker must not wait for the window; progress is throttled at its source.
        let (sender, events) = crossbeam_channel::unbounded();
        let (done, finished) = crossbeam_channel::bounded(1);
        let shared = Arc::new(Shared::default());
        let outbox = Outbox::new(sender, Arc::new(waker));
        let (queue, sink) = (shared.clone(), outbox.clone());
        std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                let model = open(&sink);
                Worker::new(queue, sink, model, on_cpu).run();
                // Nobody listens when the engine was dropped long ago.
                let _ = done.send(());
            })
            .expect("the operating system has a thread for the engine");
        Self {
            shared,
            outbox,
            events,
            finished,
            next_id: AtomicU64::new(1),
        }
    }

    /// Queues a request. A new [`Request::Prompt`] supersedes those that wait and stops the one that runs:
    /// they end as [`Event::Cancelled`].
    pub fn submit(&self, request: Request) -> JobId {
        self.submit_of(Asker::default(), request)
    }

    /// As [`Self::submit`], for one of several who share the engine: what others asked is not superseded.
    pub fn submit_of(&self, asker: Asker, request: Request) -> JobId {
        let id = JobId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let superseded = self.shared.push(asker, id, request);
        for id in superseded.dropped {
            self.outbox.send(Event::Cancelled { id });
        }
        id
    }

    /// Stops a job, waiting or begun; it ends as [`Event::Cancelled`]. Nothing happens if it has ended.
    pub fn cancel(&self, id: JobId) {
        if self.shared.cancel(id) == CancelOutcome::Removed {
            self.outbox.send(Event::Cancelled { id });
        }
    }

    /// Cancels all jobs, for good, and does not wait.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// What happened, in order. Drained by the window once per frame, waited for by the command line.
    pub fn events(&self) -> &Receiver<Event> {
        &self.events
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
        // A job deep in the GPU driver may take longer; the process may end without it.
        let _ = self.finished.recv_timeout(SHUTDOWN_PATIENCE);
    }
}
