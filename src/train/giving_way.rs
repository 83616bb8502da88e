//! Work on threads of its own, while the calling thread lets go first what is more urgent.
//!
//! Where training is a job of an engine, its thread is the only one on which clicks are answered. It would be waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use crate::util::{Cancelled, JobContext};

/// How often it is asked whether something is more urgent.
const POLL: Duration = Duration::from_millis(10);

/// Does `work` on a thread of its own. It does not pause: what goes first meanwhile shares the processor with it.
///
/// # Errors
/// Cancelled, once the work has ended.
pub(super) fn meanwhile<R: Send>(
    ctx: &JobContext,
    work: impl FnOnce() -> R + Send,
) -> Result<R, Cancelled> {
    std::thread::scope(|scope| {
        let (alive, ended) = mpsc::channel::<()>();
        let running = scope.spawn(move || {
            let _alive = alive;
            work()
        });
        let polled = poll_until(&ended, || ctx.check());
        let done = joined(running);
        polled.map(|_ended| done)
    })
}

/// Applies `work` to each item and its index on threads of their own, as many as there are cores. No item is begun while
/// something more urgent goes first.
///
/// Not on Rayon's threads, whose kernels wait by taking up other work: the next item's while this one's graph is locked.
///
/// # Errors
/// Cancelled, once the items under way have ended.
pub(super) fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    ctx: &JobContext,
    work: impl Fn(usize, &T) -> R + Sync,
) -> Result<Vec<R>, Cancelled> {
    let share = items.len().div_ceil(rayon::current_num_threads()).max(1);
    let (work, gate) = (&work, &Gate::default());
    std::thread::scope(|scope| {
        let (alive, ended) = mpsc::channel::<()>();
        let running: Vec<_> = items
            .chunks(share)
            .enumerate()
            .map(|(chunk, items)| {
                let alive = alive.clone();
                let run = move |(at, item)| gate.passes().then(|| work(chunk * share + at, item));
                scope.spawn(move || {
                    let _alive = alive;
                    items.iter().enumerate().map_while(run).collect::<Vec<R>>()
                })
            })
            .collect();
        drop(alive);
        let polled = poll_until(&ended, || gate.closed_while(|| ctx.check()));
        let done = running.into_iter().flat_map(joined).collect();
        polled.map(|_ended| done)
    })
}

/// What comes next; `None` once every sender is gone.
///
/// # Errors
/// Cancelled.
pub(super) fn received<T>(ctx: &JobContext, from: &Receiver<T>) -> Result<Option<T>, Cancelled> {
    poll_until(from, || ctx.check())
}

fn poll_until<T>(
    from: &Receiver<T>,
    poll: impl Fn() -> Result<(), Cancelled>,
) -> Result<Option<T>, Cancelled> {
    loop {
        poll()?;
        match from.recv_timeout(POLL) {
            Ok(found) => return Ok(Some(found)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn joined<R>(thread: ScopedJoinHandle<'_, R>) -> R {
    let done = thread.join();
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What items pass before they are begun.
#[derive(Default)]
struct Gate {
    closed: Mutex<()>,
    shut_for_good: AtomicBool,
}

impl Gate {
    /// Waits while it is closed; whether the item is still wanted then.
    fn passes(&self) -> bool {
        drop(self.closed.lock().unwrap_or_else(PoisonError::into_inner));
        !self.shut_for_good.load(Ordering::Relaxed)
    }

    /// Closes it while something is done, for good if that fails.
    fn closed_while(&self, go: impl FnOnce() -> Result<(), Cancelled>) -> Result<(), Cancelled> {
        let _closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = go();
        self.shut_for_good
            .fetch_or(gone.is_err(), Ordering::Relaxed);
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::util::CancelToken;

    #[test]
    fn results_come_in_order_and_others_go_first_meanwhile() {
        let gone_first = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&gone_first);
        let ctx = JobContext::new(CancelToken::default(), |_, _| {}).giving_way(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let items: Vec<usize> = (10..20).collect();
        let found = side_by_side(&items, &ctx, |at, item| {
            std::thread::sleep(2 * POLL);
            (at, *item)
        });
        let expected: Vec<(usize, usize)> = items.iter().copied().enumerate().collect();
        assert_eq!(found, Ok(expected));
        assert!(gone_first.swap(0, Ordering::SeqCst) > 1);
        let slow = || std::thread::sleep(5 * POLL);
        assert_eq!(meanwhile(&ctx, slow), Ok(()));
        assert!(gone_first.load(Ordering::SeqCst) > 1);
    }

    #[test]
    fn no_item_begins_while_others_go_first_nor_once_it_is_cancelled() {
        let (begun, busy) = (Arc::new(AtomicUsize::new(0)), AtomicBool::new(false));
        let (seen, cancel) = (Arc::clone(&begun), CancelToken::default());
        let stop = cancel.clone();
        let ctx = JobContext::new(cancel, |_, _| {}).giving_way(move || {
            let before = seen.load(Ordering::SeqCst);
            if before == 0 || busy.swap(true, Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(20 * POLL);
            assert_eq!(seen.load(Ordering::SeqCst), before, "an item was begun");
            stop.cancel();
        });
        let items = [(); 1000];
        let found = side_by_side(&items, &ctx, |_, ()| {
            begun.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(POLL);
        });
        assert_eq!(found, Err(Cancelled));
        assert!(begun.load(Ordering::SeqCst) < items.len());
    }
}
