//! The engine that all clients share, and whose each of its jobs is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::engine::{Asker, Engine, Event, JobId, Request};
use crate::models::{ComputeDevice, ModelCard, ModelError, ScanKey, Segmenter};

use super::super::message::Tell;

/// How often it is looked whether all jobs have stopped.
const POLL: Duration = Duration::from_millis(10);

/// What happened to a job of a client, by the number that it gave it.
pub(super) struct Report {
    pub(super) number: u64,
    /// Of the scan.
    pub(super) dims: [usize; 3],
    pub(super) event: Event,
}

/// What a client is told.
pub(super) enum News {
    /// By the engine.
    Happened(Report),
    /// By whoever attends to it, with the parts.
    Said(Tell, Vec<Vec<u8>>),
}

/// Whose a job is.
struct Owner {
    asker: Asker,
    number: u64,
    dims: [usize; 3],
    to: Sender<News>,
}

/// What of a job its client is told, and how.
pub(super) struct Wanted<'a> {
    pub(super) asker: Asker,
    pub(super) number: u64,
    pub(super) dims: [usize; 3],
    pub(super) to: &'a Sender<News>,
}

type Owners = Mutex<HashMap<JobId, Owner>>;

/// The engine with the model, and the owners of its jobs.
pub(super) struct Desk {
    engine: Engine,
    card: ModelCard,
    device: ComputeDevice,
    owners: Arc<Owners>,
    next_asker: AtomicU64,
    next_scan: AtomicU64,
}

impl Desk {
    /// Opens the model, and a thread that hands out what happens.
    pub(super) fn open(
        opener: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
        on_cpu: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
    ) -> Result<Self, String> {
        let engine = Engine::start_falling_back(opener, on_cpu, || {});
        let (card, device) = loop {
            match engine.events().recv() {
                Ok(Event::ModelReady { card, device }) => break (*card, device),
                Ok(Event::ModelFailed { message }) => return Err(message),
                Ok(_) => {}
                Err(_) => return Err("the engine stopped: start the command again".to_owned()),
            }
        };
        let owners = Arc::<Owners>::default();
        let (events, of_events) = (engine.events().clone(), Arc::clone(&owners));
        std::thread::Builder::new()
            .name("desk".to_owned())
            .spawn(move || events.iter().for_each(|event| hand_out(&of_events, event)))
            .map_err(|e| e.to_string())?;
        Ok(Self {
            engine,
            card,
            device,
            owners,
            next_asker: AtomicU64::new(1),
            next_scan: AtomicU64::new(1),
        })
    }

    pub(super) fn card(&self) -> &ModelCard {
        &self.card
    }

    pub(super) fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// A client that nobody else is.
    pub(super) fn asker(&self) -> Asker {
        Asker(self.next_asker.fetch_add(1, Ordering::Relaxed))
    }

    /// A key that no other scan of any client has.
    pub(super) fn scan_key(&self) -> ScanKey {
        ScanKey(self.next_scan.fetch_add(1, Ordering::Relaxed))
    }

    /// Queues a job.
    pub(super) fn submit(&self, wanted: &Wanted<'_>, request: Request) {
        // Nothing is handed out before the owner is known.
        let mut owners = lock(&self.owners);
        let id = self.engine.submit_of(wanted.asker, request);
        let owner = Owner {
            asker: wanted.asker,
            number: wanted.number,
            dims: wanted.dims,
            to: wanted.to.clone(),
        };
        owners.insert(id, owner);
    }

    /// Jobs of a client that have not ended.
    pub(super) fn count(&self, asker: Asker) -> usize {
        let owners = lock(&self.owners);
        owners.values().filter(|o| o.asker == asker).count()
    }

    /// Stops a job of a client, or all.
    pub(super) fn cancel(&self, asker: Asker, number: Option<u64>) {
        let is_meant = |o: &Owner| o.asker == asker && number.is_none_or(|n| n == o.number);
        let owners = lock(&self.owners);
        let meant = owners.iter().filter(|(_, o)| is_meant(o));
        let meant: Vec<JobId> = meant.map(|(&id, _)| id).collect();
        drop(owners);
        meant.into_iter().for_each(|id| self.engine.cancel(id));
    }

    /// Stops all jobs for good, and waits at most so long until they have.
    pub(super) fn stop(&self, patience: Duration) {
        let all: Vec<JobId> = lock(&self.owners).keys().copied().collect();
        all.into_iter().for_each(|id| self.engine.cancel(id));
        self.engine.stop();
        let start = Instant::now();
        while !lock(&self.owners).is_empty() && start.elapsed() < patience {
            std::thread::sleep(POLL);
        }
    }

    /// Forgets what is cached of scans.
    pub(super) fn drop_caches(&self, asker: Asker) {
        self.engine.submit_of(asker, Request::DropCaches);
    }
}

/// No job runs under this lock.
fn lock(owners: &Owners) -> MutexGuard<'_, HashMap<JobId, Owner>> {
    owners.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells a job's owner what happened to it; at its end it has none any more.
fn hand_out(owners: &Owners, event: Event) {
    let (id, is_end) = match &event {
        Event::ModelReady { .. } | Event::ModelFailed { .. } | Event::Started { .. } => return,
        Event::Progress { id, .. } => (*id, false),
        Event::FinishedAuto { id, .. }
        | Event::FinishedPrompt { id, .. }
        | Event::FinishedPreview { id, .. }
        | Event::FinishedTask { id, .. }
        | Event::Failed { id, .. }
        | Event::Cancelled { id } => (*id, true),
    };
    let mut owners = lock(owners);
    if let Some(owner) = owners.get(&id) {
        let report = Report {
            number: owner.number,
            dims: owner.dims,
            event,
        };
        // A client that is gone wants nothing.
        let _ = owner.to.send(News::Happened(report));
    }
    if is_end {
        owners.remove(&id);
    }
}
