//! The thread that brings a window's steps to the disk.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::session::Step;
use crate::session::journal::{Archive, Index, Place, Record, StepId};
use crate::util::short_debug;

use super::claim::{self, Claim};
use super::disk::{self, Disk, DiskOf, JournalFile, OpenFile};

/// How long until a write that failed is tried again, when nothing new comes before.
const RETRY_EVERY: Duration = Duration::from_secs(2);

/// What the user is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Steps do not reach the disk: why, in a few words. Told once until they do again.
    Fails(String),
    /// All steps are on the disk again.
    WorksAgain,
}

/// What is to be done, in order.
#[derive(Debug)]
enum Order {
    Append(Record),
    GoOn(Box<GoOn>),
    Discard,
}

/// A journal to go on in.
#[derive(Debug)]
struct GoOn {
    /// Until it is taken.
    claim: Option<Claim>,
    index: Index,
    whole_bytes: u64,
    is_damaged: bool,
}

/// Brings records to the disk on a thread of its own, in the order in which they are told.
pub struct Writer {
    shared: Arc<Shared>,
    events: Receiver<Event>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

short_debug! {
    Writer: |_| "the journal";
    Shared: |_| "the journal's queue";
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    readable: Mutex<Readable>,
}

#[derive(Default)]
struct Queue {
    orders: VecDeque<Order>,
    /// Orders are being carried out, or wait for a retry.
    is_busy: bool,
    is_failing: bool,
    /// Somebody waits: try again at once.
    is_urgent: bool,
    is_closed: bool,
    /// The thread is gone: what has not reached the disk never will.
    has_ended: bool,
    /// How often carrying out orders was begun, and ended.
    begun: u64,
    ended: u64,
}

/// What is on disk.
#[derive(Default)]
struct Readable {
    path: Option<PathBuf>,
    index: Index,
    /// How many records of a step are on their way: what is on disk of it is not what was told last.
    on_the_way: HashMap<StepId, usize>,
}

impl Readable {
    fn is_told(&mut self, record: &Record) {
        if let Some(step) = record.told() {
            *self.on_the_way.entry(step).or_default() += 1;
        }
    }

    fn is_written(&mut self, records: &[Record]) {
        for step in records.iter().filter_map(Record::told) {
            if let Some(left) = self.on_the_way.get_mut(&step) {
                *left -= 1;
                if *left == 0 {
                    self.on_the_way.remove(&step);
                }
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    /// Starts the thread. Journals go to the data folder; none is made before there is work. `waker` is called after every
    /// event.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(data_folder: &Path, waker: impl Fn() + Send + 'static) -> io::Result<Self> {
        let disk_of = Arc::new(|file: File| Box::new(file) as Box<dyn Disk>);
        Self::start_on(data_folder, disk_of, waker)
    }

    /// As [`Self::start`], with what files are written through.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start_on(
        data_folder: &Path,
        disk_of: DiskOf,
        waker: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, events) = unbounded();
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            changed: Condvar::new(),
            readable: Mutex::default(),
        });
        let mut hand = Hand {
            folder: claim::folder_in(data_folder),
            disk_of,
            shared: Arc::clone(&shared),
            events: sender,
            waker: Box::new(waker),
            untold: Vec::new(),
            file: None,
        };
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || hand.run())?;
        Ok(Self {
            shared,
            events,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// What happened since the last call.
    pub fn events(&self) -> Vec<Event> {
        self.events.try_iter().collect()
    }

    /// What comes belongs to a journal that was left over.
    pub fn go_on(&self, claim: Claim, index: Index, whole_bytes: u64, is_damaged: bool) {
        self.order(Order::GoOn(Box::new(GoOn {
            claim: Some(claim),
            index,
            whole_bytes,
            is_damaged,
        })));
    }

    /// Removes the journal: its work was saved or given up.
    pub fn discard(&self) {
        self.order(Order::Discard);
    }

    /// Waits until all that was told is on the disk, at most `patience`.
    ///
    /// # Errors
    /// It is not: it failed, or takes longer. One line.
    pub fn flush(&self, patience: Duration) -> Result<(), String> {
        let deadline = Instant::now() + patience;
        let mut queue = locked(&self.shared.queue);
        // What is under way may have failed already when something changed for the better.
        let under_way = queue.begun;
        queue.is_urgent = true;
        self.shared.changed.notify_all();
        loop {
            if queue.orders.is_empty() && !queue.is_busy {
                return Ok(());
            }
            if queue.has_ended || queue.is_failing && queue.ended > under_way {
                return Err("unsaved work does not reach the disk".to_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err("unsaved work has not reached the disk in time".to_owned());
            }
            let woken = self.shared.changed.wait_timeout(queue, left);
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits as [`Self::flush`] does, then ends the thread and lets go of the journal.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub fn close(&self, patience: Duration) -> Result<(), String> {
        let outcome = self.flush(patience);
        self.end();
        outcome
    }

    fn end(&self) {
        locked(&self.shared.queue).is_closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = locked(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread panicked");
        }
    }

    fn order(&self, order: Order) {
        locked(&self.shared.queue).orders.push_back(order);
        self.shared.changed.notify_all();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Archive for Writer {
    fn append(&self, record: Record) {
        locked(&self.shared.readable).is_told(&record);
        self.order(Order::Append(record));
    }

    fn holds(&self, step: StepId) -> bool {
        let readable = locked(&self.shared.readable);
        readable.index.holds(step) && !readable.on_the_way.contains_key(&step)
    }

    fn read(&self, step: StepId) -> Result<Arc<Step>, String> {
        let readable = locked(&self.shared.readable);
        let read = || {
            let path = readable.path.as_ref().ok_or(io::ErrorKind::NotFound)?;
            let mut file = File::open(path)?;
            readable.index.read_step(step, |place: Place| {
                let mut payload = vec![0; place.len as usize];
                file.seek(SeekFrom::Start(place.payload_at()))?;
                file.read_exact(&mut payload)?;
                Ok(payload)
            })
        };
        read().map_err(|e: io::Error| format!("an earlier step cannot be read back: {e}"))
    }
}

/// What the thread works with.
struct Hand {
    folder: PathBuf,
    disk_of: DiskOf,
    shared: Arc<Shared>,
    events: Sender<Event>,
    waker: Box<dyn Fn() + Send>,
    /// Records of a journal that has no file yet, because there is no work in it.
    untold: Vec<Record>,
    file: Option<JournalFile>,
}

impl Hand {
    fn run(&mut self) {
        let mut todo: VecDeque<Order> = VecDeque::new();
        let mut is_failing = false;
        while self.wait(&mut todo) {
            let outcome = self.carry_out(&mut todo);
            let failed = outcome.is_err();
            if failed != is_failing {
                let event = match outcome {
                    Err(error) => Event::Fails(reason(&error)),
                    Ok(()) => Event::WorksAgain,
                };
                is_failing = failed;
                // Nobody listens when the window is gone.
                if self.events.send(event).is_ok() {
                    (self.waker)();
                }
            }
            let mut queue = locked(&self.shared.queue);
            queue.is_failing = failed;
            queue.is_busy = !todo.is_empty();
            queue.ended += 1;
            drop(queue);
            self.shared.changed.notify_all();
        }
    }

    /// Waits for orders, or for the time to try again; `false` at the end.
    fn wait(&self, todo: &mut VecDeque<Order>) -> bool {
        let mut queue = locked(&self.shared.queue);
        let deadline = Instant::now() + RETRY_EVERY;
        while queue.orders.is_empty() && !queue.is_closed && !queue.is_urgent {
            if todo.is_empty() {
                let woken = self.shared.changed.wait(queue);
                queue = woken.unwrap_or_else(PoisonError::into_inner);
            } else {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let woken = self.shared.changed.wait_timeout(queue, left);
                queue = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        queue.is_urgent = false;
        if queue.is_closed && queue.orders.is_empty() {
            queue.has_ended = true;
            self.shared.changed.notify_all();
            return false;
        }
        todo.append(&mut queue.orders);
        queue.is_busy = true;
        queue.begun += 1;
        true
    }

    /// Carries out the orders and takes out of `todo` what is done; what fails stays, to be tried again.
    fn carry_out(&mut self, todo: &mut VecDeque<Order>) -> io::Result<()> {
        while let Some(order) = todo.front_mut() {
            match order {
                Order::Append(record) if record.is_begin() => {
                    self.remove();
                    self.append(vec![record.clone()])?;
                }
                Order::Append(_) => {
                    // All at once: a sync costs more than many records.
                    let records: Vec<Record> = todo.iter().map_while(Order::record).collect();
                    let count = records.len();
                    self.append(records)?;
                    todo.drain(..count);
                    continue;
                }
                Order::GoOn(go_on) => {
                    self.untold.clear();
                    let file = go_on.open(&self.disk_of)?;
                    self.is_open(file, std::mem::take(&mut go_on.index));
                }
                Order::Discard => self.remove(),
            }
            todo.pop_front();
        }
        Ok(())
    }

    fn append(&mut self, records: Vec<Record>) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            let index = file.append(&records)?;
            let mut readable = locked(&self.shared.readable);
            readable.index.absorb(index);
            readable.is_written(&records);
            return Ok(());
        }
        let mut told = self.untold.clone();
        told.extend(records);
        // What comes after the work was given up belongs to nothing.
        told.drain(..told.iter().position(Record::is_begin).unwrap_or(told.len()));
        if told.iter().any(Record::has_work) {
            let claim = Claim::fresh(&self.folder)?;
            let (file, index) = JournalFile::create(claim, &self.disk_of, &told)?;
            self.is_open(file, index);
            locked(&self.shared.readable).is_written(&told);
            told.clear();
        }
        self.untold = told;
        Ok(())
    }

    fn is_open(&mut self, file: JournalFile, index: Index) {
        let mut readable = locked(&self.shared.readable);
        readable.path = Some(file.path().to_owned());
        readable.index = index;
        drop(readable);
        self.file = Some(file);
    }

    /// The work was saved or given up.
    fn remove(&mut self) {
        self.untold.clear();
        let mut readable = locked(&self.shared.readable);
        readable.path = None;
        readable.index = Index::default();
        drop(readable);
        if let Some(file) = self.file.take()
            && let Err(error) = file.remove()
        {
            tracing::warn!(kind = ?error.kind(), "a journal could not be removed");
        }
    }
}

impl Order {
    /// The record to append, unless work begins anew with it.
    fn record(&self) -> Option<Record> {
        match self {
            Self::Append(record) if !record.is_begin() => Some(record.clone()),
            _ => None,
        }
    }
}

impl GoOn {
    fn open(&mut self, disk_of: &DiskOf) -> io::Result<JournalFile> {
        let claim = self.claim.as_ref().ok_or(io::ErrorKind::NotFound)?;
        if self.is_damaged {
            disk::keep_copy(claim)?;
        }
        let open = OpenFile::cut_to(claim, disk_of, self.whole_bytes)?;
        let claim = self.claim.take().ok_or(io::ErrorKind::NotFound)?;
        Ok(JournalFile::go_on(claim, open, &self.index, disk_of))
    }
}

/// Why, in words that tell what to do.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full; free some space".to_owned()
        }
        _ => error.to_string(),
    }
}
