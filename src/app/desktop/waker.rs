//! How other threads make the window look at what they have done.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use egui::Context;

/// Wakes the window, whichever of egui's contexts draws it: a lost graphics device takes its context with it.
#[derive(Clone)]
pub(super) struct Waker(Arc<Mutex<Context>>);

impl Waker {
    pub fn new(context: &Context) -> Self {
        Self(Arc::new(Mutex::new(context.clone())))
    }

    /// From now on this context draws the window.
    pub fn renew(&self, context: &Context) {
        *self.lock() = context.clone();
    }

    /// Lets the window take over what another thread has done. One frame is enough for that; a repaint without delay
    /// means three.
    pub fn wake(&self) {
        let context = self.context();
        context.request_repaint_after(Duration::from_millis(1));
    }

    /// The context that draws the window.
    pub fn context(&self) -> Context {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Context> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
