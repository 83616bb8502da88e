//! One notch of the wheel is one notch, also where it comes as a button.
//!
//! Remote desktops (VNC, XTEST) turn the wheel on X11 by pressing and releasing buttons 4 to 7, and winit 0.30 makes a
//! movement of the wheel of the press and another of the release. The raw events that come before each tell which it
//! was. A real wheel comes as motion, with no button that is not marked as emulated.

use eframe::{EframeWinitApplication, UserEvent};
use winit::application::ApplicationHandler;
use winit::event::{DeviceEvent, DeviceId, ElementState, StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, DeviceEvents, EventLoop};
use winit::window::WindowId;

/// The buttons of X11 that mean the wheel.
const WHEEL_BUTTONS: std::ops::RangeInclusive<u32> = 4..=7;

/// Tells which movements of the wheel are the release of a button that was counted when it was pressed.
#[derive(Debug, Default)]
pub struct WheelButtons {
    /// What such a button did last, until the movement that winit makes of it.
    last: Option<ElementState>,
}

impl WheelButtons {
    /// Takes note of a raw button event.
    pub fn heed(&mut self, button: u32, state: ElementState) {
        if WHEEL_BUTTONS.contains(&button) {
            self.last = Some(state);
        }
    }

    /// Whether a movement of the wheel is one to leave out.
    pub fn is_release(&mut self) -> bool {
        self.last.take() == Some(ElementState::Released)
    }
}

/// Eframe's application, which hears of each notch once.
pub(super) struct OnceANotch<'a> {
    app: EframeWinitApplication<'a>,
    buttons: WheelButtons,
    is_focused: bool,
}

impl<'a> OnceANotch<'a> {
    /// The application on an event loop that it listens to.
    pub fn new(app: EframeWinitApplication<'a>, event_loop: &EventLoop<UserEvent>) -> Self {
        if cfg!(target_os = "linux") {
            // The wheel turns under the pointer, whichever window has the keyboard.
            event_loop.listen_device_events(DeviceEvents::Always);
        }
        Self {
            app,
            buttons: WheelButtons::default(),
            is_focused: false,
        }
    }
}

impl ApplicationHandler<UserEvent> for OnceANotch<'_> {
    fn window_event(&mut self, event_loop: &ActiveEventLoop, id: WindowId, event: WindowEvent) {
        if let WindowEvent::Focused(focused) = event {
            self.is_focused = focused;
        }
        let is_wheel = matches!(event, WindowEvent::MouseWheel { .. });
        if !(is_wheel && self.buttons.is_release()) {
            self.app.window_event(event_loop, id, event);
        }
    }

    fn device_event(&mut self, event_loop: &ActiveEventLoop, id: DeviceId, event: DeviceEvent) {
        if let DeviceEvent::Button { button, state } = event {
            self.buttons.heed(button, state);
        }
        if self.is_focused {
            self.app.device_event(event_loop, id, event);
        }
    }

    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        self.app.resumed(event_loop);
    }

    fn new_events(&mut self, event_loop: &ActiveEventLoop, cause: StartCause) {
        self.app.new_events(event_loop, cause);
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, event: UserEvent) {
        self.app.user_event(event_loop, event);
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        self.app.about_to_wait(event_loop);
    }

    fn suspended(&mut self, event_loop: &ActiveEventLoop) {
        self.app.suspended(event_loop);
    }

    fn exiting(&mut self, event_loop: &ActiveEventLoop) {
        self.app.exiting(event_loop);
    }

    fn memory_warning(&mut self, event_loop: &ActiveEventLoop) {
        self.app.memory_warning(event_loop);
    }
}
