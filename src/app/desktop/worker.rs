//! A named thread that runs jobs one after another and reports as events, so that no frame ever waits.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::util::{CancelToken, JobContext};

/// Identifies a job of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkId(u64);

/// What a worker tells.
#[derive(Debug)]
pub enum WorkEvent<T> {
    /// How far a job is.
    Progress {
        /// Which job.
        id: WorkId,
        /// 0..=1.
        fraction: f32,
        /// What it is doing.
        stage: String,
    },
    /// A job is over; `None` when it panicked, which is a defect of ours.
    Finished {
        /// Which job.
        id: WorkId,
        /// What came of it.
        outcome: Option<T>,
    },
}

type Work<T> = Box<dyn FnOnce(&JobContext) -> T + Send>;
type Waker = Arc<dyn Fn() + Send + Sync>;

struct Queued<T> {
    id: WorkId,
    cancel: CancelToken,
    work: Work<T>,
}

/// The thread and its queue. Dropping it cancels all jobs; the thread ends after the running one.
pub struct Worker<T> {
    /// Taken when no more jobs are accepted.
    queue: Option<Sender<Queued<T>>>,
    events: Receiver<WorkEvent<T>>,
    cancels: HashMap<WorkId, CancelToken>,
    /// Jobs that the end waits for.
    to_the_end: HashSet<WorkId>,
    next_id: u64,
}

/// Progress is reported at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

impl<T: Send + 'static> Worker<T> {
    /// Starts the thread `name`; `waker` is called after every event.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(name: &str, waker: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        let (queue, jobs) = unbounded::<Queued<T>>();
        let (sender, events) = unbounded();
        let waker: Waker = Arc::new(waker);
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                for job in jobs {
                    let event = run(job, &sender, &waker);
                    // Nobody listens when the window is gone; the jobs are done all the same.
                    if sender.send(event).is_ok() {
                        waker();
                    }
                }
            })?;
        Ok(Self {
            queue: Some(queue),
            events,
            cancels: HashMap::new(),
            to_the_end: HashSet::new(),
            next_id: 0,
        })
    }

    /// Accepts no more jobs and cancels those of [`Self::submit`]; waits for those of [`Self::submit_to_the_end`], at most
    /// `patience`.
    pub fn finish(&mut self, patience: Duration) {
        self.queue = None;
        for (id, cancel) in &self.cancels {
            if !self.to_the_end.contains(id) {
                cancel.cancel();
            }
        }
        let deadline = Instant::now() + patience;
        while !self.to_the_end.is_empty()
            // Either the thread is gone, or patience is over: both end the wait.
            && let Ok(event) = self.events.recv_deadline(deadline)
        {
            self.forget_ended(&event);
        }
    }

    /// Queues a job that writes something: [`Self::finish`] waits for it.
    pub fn submit_to_the_end(
        &mut self,
        work: impl FnOnce(&JobContext) -> T + Send + 'static,
    ) -> WorkId {
        let id = self.submit(work);
        if self.queue.is_some() {
            self.to_the_end.insert(id);
        }
        id
    }

    /// Queues a job; ignored after [`Self::finish`].
    pub fn submit(&mut self, work: impl FnOnce(&JobContext) -> T + Send + 'static) -> WorkId {
        let id = WorkId(self.next_id);
        self.next_id += 1;
        let cancel = CancelToken::default();
        self.cancels.insert(id, cancel.clone());
        let job = Queued {
            id,
            cancel,
            work: Box::new(work),
        };
        if let Some(queue) = &self.queue {
            queue
                .send(job)
                .expect("the thread lives as long as its queue");
        }
        id
    }

    /// Asks a job to stop; it still sends its `Finished`.
    pub fn cancel(&self, id: WorkId) {
        if let Some(cancel) = self.cancels.get(&id) {
            cancel.cancel();
        }
    }

    /// The events since the last call.
    pub fn drain(&mut self) -> Vec<WorkEvent<T>> {
        let events: Vec<_> = self.events.try_iter().collect();
        for event in &events {
            self.forget_ended(event);
        }
        events
    }

    fn forget_ended(&mut self, event: &WorkEvent<T>) {
        if let WorkEvent::Finished { id, .. } = event {
            self.cancels.remove(id);
            self.to_the_end.remove(id);
        }
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        for cancel in self.cancels.values() {
            cancel.cancel();
        }
    }
}

fn run<T: Send + 'static>(
    job: Queued<T>,
    sender: &Sender<WorkEvent<T>>,
    waker: &Waker,
) -> WorkEvent<T> {
    let Queued { id, cancel, work } = job;
    let (progress, wake) = (sender.clone(), Arc::clone(waker));
    let last = Mutex::new(None::<Instant>);
    let context = JobContext::new(cancel, move |fraction, stage| {
        let mut last = last.lock().unwrap_or_else(|e| e.into_inner());
        if last.is_some_and(|t| t.elapsed() < PROGRESS_EVERY) {
            return;
        }
        *last = Some(Instant::now());
        let event = WorkEvent::Progress {
            id,
            fraction,
            stage: stage.to_owned(),
        };
        // Nobody listens when the window is closing; the job then hears it by its cancel token.
        if progress.send(event).is_ok() {
            wake();
        }
    });
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&context)));
    if outcome.is_err() {
        tracing::error!(job = id.0, "a file job panicked");
    }
    WorkEvent::Finished {
        id,
        outcome: outcome.ok(),
    }
}
