//! A graphics device that is gone: the driver crashed, hung or was replaced, or the machine slept.
//!
//! Neither eframe nor egui's renderer recover from that; they panic at the next thing that they write to the device. So
//! eframe's application is dropped, with its window and its device, and another is made around the same session, which
//! draws everything anew from what the processor holds.

use std::cell::{OnceCell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use eframe::egui_wgpu::RenderState;
use eframe::{UserEvent, wgpu};
use winit::application::ApplicationHandler;
use winit::event::{DeviceEvent, DeviceId, StartCause, WindowEvent};
use winit::event_loop::ActiveEventLoop;
use winit::window::WindowId;

use super::window::Window;

/// So many devices may be lost within [`SHORT`]; after one more there is no point in going on.
const MOST_LOSSES: usize = 3;
const SHORT: Duration = Duration::from_secs(60);
/// Seconds after which the device is destroyed on purpose, for the trial in `tests/lost_work.py`.
const ON_PURPOSE: &str = "PROSECTOR_TEST_LOSE_DEVICE_AFTER_S";

/// Whether a device is gone.
#[derive(Debug, Clone, Default)]
pub(super) struct Loss {
    happened: Arc<AtomicBool>,
    device: Rc<OnceCell<wgpu::Device>>,
}

impl Loss {
    /// Learns when this device is lost, and keeps wgpu from ending the program for it.
    pub fn watch(&self, state: &RenderState) {
        let lost = Arc::clone(&self.happened);
        state
            .device
            .set_device_lost_callback(move |reason, message| {
                tracing::error!(?reason, message, "the graphics device is lost");
                lost.store(true, Ordering::Relaxed);
            });
        let lost = Arc::clone(&self.happened);
        let handler = move |error: wgpu::Error| {
            tracing::error!(%error, "an error of the graphics device");
            if !matches!(error, wgpu::Error::Validation { .. }) {
                lost.store(true, Ordering::Relaxed);
            }
        };
        state.device.on_uncaptured_error(Arc::new(handler));
        // Set once: every device has a loss of its own.
        let _ = self.device.set(state.device.clone());
        lose_on_purpose(state);
    }

    fn has_happened(&self) -> bool {
        self.happened.load(Ordering::Relaxed)
    }

    /// The same, of a device that may not have said it yet: it does when it is polled.
    fn has_just_happened(&self) -> bool {
        if let Some(device) = self.device.get()
            && let Err(error) = device.poll(wgpu::PollType::Poll)
        {
            tracing::error!(%error, "the graphics device does not answer");
        }
        self.has_happened()
    }
}

/// How often devices were lost lately.
#[derive(Debug, Default)]
pub(super) struct Losses(Vec<Instant>);

impl Losses {
    /// Counts one more; whether it is worth to go on.
    pub fn count(&mut self, now: Instant) -> bool {
        self.0.retain(|at| now.duration_since(*at) < SHORT);
        self.0.push(now);
        self.0.len() <= MOST_LOSSES
    }
}

/// An application that ends its run when its device is lost, with its window gone and nothing said to the user.
pub(super) struct Guarded<A> {
    app: Option<A>,
    loss: Loss,
}

impl<A> Guarded<A> {
    pub fn new(app: A, loss: Loss) -> Self {
        Self {
            app: Some(app),
            loss,
        }
    }

    /// Whether the run ended for want of a device.
    pub fn was_lost(&self) -> bool {
        self.app.is_none()
    }

    fn tell(&mut self, event_loop: &ActiveEventLoop, event: impl FnOnce(&mut A)) {
        let Some(app) = &mut self.app else {
            return;
        };
        let told = catch_unwind(AssertUnwindSafe(|| event(app)));
        let is_lost = match &told {
            Ok(()) => self.loss.has_happened(),
            Err(_) => self.loss.has_just_happened(),
        };
        if is_lost {
            // A window must go before its event loop ends.
            self.app = None;
            event_loop.exit();
        } else if let Err(panic) = told {
            resume_unwind(panic);
        }
    }
}

impl<A: ApplicationHandler<UserEvent>> ApplicationHandler<UserEvent> for Guarded<A> {
    fn window_event(&mut self, event_loop: &ActiveEventLoop, id: WindowId, event: WindowEvent) {
        self.tell(event_loop, |app| app.window_event(event_loop, id, event));
    }

    fn device_event(&mut self, event_loop: &ActiveEventLoop, id: DeviceId, event: DeviceEvent) {
        self.tell(event_loop, |app| app.device_event(event_loop, id, event));
    }

    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        self.tell(event_loop, |app| app.resumed(event_loop));
    }

    fn new_events(&mut self, event_loop: &ActiveEventLoop, cause: StartCause) {
        self.tell(event_loop, |app| app.new_events(event_loop, cause));
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, event: UserEvent) {
        self.tell(event_loop, |app| app.user_event(event_loop, event));
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.tell(event_loop, |app| app.about_to_wait(event_loop));
    }

    fn suspended(&mut self, event_loop: &ActiveEventLoop) {
        self.tell(event_loop, |app| app.suspended(event_loop));
    }

    fn exiting(&mut self, event_loop: &ActiveEventLoop) {
        self.tell(event_loop, |app| app.exiting(event_loop));
    }

    fn memory_warning(&mut self, event_loop: &ActiveEventLoop) {
        self.tell(event_loop, |app| app.memory_warning(event_loop));
    }
}

/// The window as eframe holds it: it outlives the device that it is drawn on.
pub(super) struct Held(pub Rc<RefCell<Window>>);

impl eframe::App for Held {
    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        self.0.borrow_mut().logic(ctx, frame);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        self.0.borrow_mut().ui(ui, frame);
    }

    fn raw_input_hook(&mut self, ctx: &egui::Context, input: &mut egui::RawInput) {
        self.0.borrow_mut().raw_input_hook(ctx, input);
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        eframe::App::save(&mut *self.0.borrow_mut(), storage);
    }

    fn persist_egui_memory(&self) -> bool {
        self.0.borrow().persist_egui_memory()
    }

    fn on_exit(&mut self) {
        self.0.borrow_mut().on_exit();
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        self.0.borrow().clear_color(visuals)
    }
}

/// Destroys the first device of a process after a while, where a trial asks for it.
fn lose_on_purpose(state: &RenderState) {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    let asked = std::env::var(ON_PURPOSE).ok().and_then(|s| s.parse().ok());
    let Some(Ok(after)) = asked.map(Duration::try_from_secs_f64) else {
        return;
    };
    if BEGUN.swap(true, Ordering::Relaxed) {
        return;
    }
    let device = state.device.clone();
    let thread = std::thread::Builder::new().name("lose-device".to_owned());
    let started = thread.spawn(move || {
        std::thread::sleep(after);
        device.destroy();
    });
    if let Err(error) = started {
        tracing::warn!(kind = ?error.kind(), "no thread to lose the device");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_lost_again_and_again_is_given_up() {
        let mut losses = Losses::default();
        let start = Instant::now();
        let mut goes_on_at = |second| losses.count(start + Duration::from_secs(second));
        assert!([0, 1, 2].into_iter().all(&mut goes_on_at));
        assert!(!goes_on_at(3), "the fourth in a minute");
        assert!(goes_on_at(62), "all but the last are long ago");
    }
}
