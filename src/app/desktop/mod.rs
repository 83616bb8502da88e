//! The window: eframe around the session, the engine and the file thread.

mod archive_flow;
mod channel_flow;
mod compare_flow;
mod dialogs;
mod farewell;
mod file_flow;
mod files;
mod glue;
mod grid_flow;
mod import_flow;
mod jobs;
mod lesson_job;
mod lost_device;
mod measuring;
mod memory;
mod model_choice;
mod origins;
mod path_flow;
mod preview;
mod recovery_flow;
mod rehearsing;
mod requests;
mod second_flow;
mod teach_flow;
mod waker;
mod wheel;
mod window;
mod words;
mod worker;
mod worklist;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use eframe::egui_wgpu::{SurfaceConfig, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use egui::ViewportBuilder;
use winit::event_loop::EventLoop;
use winit::platform::run_on_demand::EventLoopExtRunOnDemand;

use crate::models::{DeviceChoice, ModelError, Segmenter};
use crate::render::device_descriptor;
use crate::train::teach::TeachesBy;

use lost_device::{Guarded, Held, Loss, Losses};
use memory::WindowMemory;
use wheel::OnceANotch;

pub use dialogs::{FileDialogs, NativeDialogs, PathAnswer, PathPurpose};
pub use wheel::WheelButtons;
pub use window::Window;

/// Opens a model by its id (`None`: the one in the box), on the engine's thread; on this device instead of the one that was
/// asked for at the start, if there is one.
pub type ModelOpener = Arc<
    dyn Fn(Option<&str>, Option<DeviceChoice>) -> Result<Box<dyn Segmenter>, ModelError>
        + Send
        + Sync,
>;

/// What a window starts with.
pub struct WindowOptions {
    /// A scan to open, and label maps on it.
    pub paths: Vec<PathBuf>,
    /// Opens models.
    pub open_model: ModelOpener,
    /// Teaches.
    pub teach: TeachesBy,
    /// Where settings and unsaved work are kept; `None` keeps none.
    pub data_folder: Option<PathBuf>,
    /// Where connections with archives are kept; `None`: where the user's are.
    pub connections_file: Option<PathBuf>,
    /// Asks the user for paths; `None` asks with the desktop's own dialogs.
    pub dialogs: Option<Box<dyn FileDialogs>>,
    /// Open the phantom at once.
    pub open_sample: bool,
}

/// The window cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "the window cannot be opened: {reason}; a display and a graphics driver (Vulkan, Metal, DirectX or OpenGL) are needed"
)]
pub struct WindowError {
    reason: String,
}

/// The name of the folder where the system keeps what the window remembers.
pub const APP_ID: &str = "prosector";

/// Opens the window and returns when it is closed.
///
/// # Errors
/// There is no display, or no graphics adapter that can draw on it, or no longer one.
pub fn run(options: WindowOptions) -> Result<(), WindowError> {
    let failed = |error: &dyn std::fmt::Display| WindowError {
        reason: error.to_string(),
    };
    let mut event_loop = EventLoop::<eframe::UserEvent>::with_user_event()
        .build()
        .map_err(|e| failed(&e))?;
    let data_folder = options.data_folder.clone();
    let mut behind = Behind::Options(Box::new(options));
    let mut losses = Losses::default();
    loop {
        let loss = Loss::default();
        // Why the window did not come about; what eframe itself says of it goes to the log only.
        let outcome = Rc::new(RefCell::new(Err(NO_ADAPTER.to_owned())));
        let told = Rc::clone(&outcome);
        let lost = loss.clone();
        let created = Box::new(move |cc: &eframe::CreationContext<'_>| {
            let window = behind.window(cc);
            *told.borrow_mut() = window.as_ref().map(Rc::clone).map_err(ToString::to_string);
            let window = window?;
            if let Some(state) = &cc.wgpu_render_state {
                lost.watch(state);
            }
            Ok(Box::new(Held(window)) as Box<dyn eframe::App>)
        });
        let native = native_options(data_folder.as_deref());
        let app = eframe::create_native(APP_ID, native, created, &event_loop);
        let app = OnceANotch::new(app, &event_loop);
        let mut app = Guarded::new(app, loss);
        event_loop
            .run_app_on_demand(&mut app)
            .map_err(|e| failed(&e))?;
        let window = outcome
            .replace(Err(String::new()))
            .map_err(|reason| WindowError { reason })?;
        if !app.was_lost() {
            return Ok(());
        }
        window.borrow_mut().device_was_lost();
        if !losses.count(Instant::now()) {
            eframe::App::on_exit(&mut *window.borrow_mut());
            return Err(failed(&LOST_AGAIN));
        }
        behind = Behind::Window(window);
    }
}

/// What a window is made of: what it starts with, or one that has lost its device.
enum Behind {
    Options(Box<WindowOptions>),
    Window(Rc<RefCell<Window>>),
}

impl Behind {
    /// The window, drawing on eframe's device.
    fn window(self, cc: &eframe::CreationContext<'_>) -> std::io::Result<Rc<RefCell<Window>>> {
        match self {
            Self::Window(window) => {
                window.borrow_mut().draw_with(cc);
                Ok(window)
            }
            Self::Options(options) => {
                let mut window = Window::new(cc, *options)?;
                if let Some(locale) = sys_locale::get_locale() {
                    window.speak_as(&locale);
                }
                let (journal, end, waker) = window.farewell();
                if let Some(journal) = &journal {
                    farewell::heed_exit(Arc::clone(journal));
                }
                if let Err(error) = farewell::heed_signals(journal, end, waker) {
                    tracing::warn!(kind = ?error.kind(), "signals end the program without a word");
                }
                Ok(Rc::new(RefCell::new(window)))
            }
        }
    }
}

fn native_options(data_folder: Option<&Path>) -> eframe::NativeOptions {
    eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_app_id(APP_ID)
            .with_title("Prosector")
            .with_inner_size([1360.0, 860.0])
            .with_min_inner_size([720.0, 480.0])
            .with_drag_and_drop(true),
        wgpu_options: graphics(),
        // A window that has been somewhere comes back there.
        centered: !WindowMemory::read(data_folder).has_place(),
        persist_window: false,
        persistence_path: data_folder.map(|f| f.join(memory::FILE_NAME)),
        ..Default::default()
    }
}

/// Why there is no window where eframe never came to ask for its contents.
const NO_ADAPTER: &str = "no graphics adapter can draw on this display";
/// Why there is none any more.
const LOST_AGAIN: &str =
    "the graphics device was lost again and again; unsaved work is offered at the next start";

/// The folder where the system keeps what the window remembers; `None` where there is none.
pub fn data_folder() -> Option<PathBuf> {
    eframe::storage_dir(APP_ID)
}

/// The window has a graphics device of its own; the engine has another, so that a long computation never
/// holds up a frame.
fn graphics() -> WgpuConfiguration {
    let setup = WgpuSetupCreateNew {
        device_descriptor: Arc::new(device_descriptor),
        ..WgpuSetupCreateNew::without_display_handle()
    };
    WgpuConfiguration {
        wgpu_setup: WgpuSetup::CreateNew(setup),
        ..Default::default()
    }
    .with_surface_config(SurfaceConfig::LOW_LATENCY)
}
