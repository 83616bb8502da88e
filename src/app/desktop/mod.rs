//! The window: eframe around the session, the engine and the file thread.

mod dialogs;
mod farewell;
mod file_flow;
mod files;
mod glue;
mod jobs;
mod memory;
mod model_choice;
mod path_flow;
mod recovery_flow;
mod requests;
mod wheel;
mod window;
mod words;
mod worker;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use eframe::egui_wgpu::{SurfaceConfig, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use egui::ViewportBuilder;
use winit::event_loop::EventLoop;

use crate::models::{ModelError, Segmenter};
use crate::render::device_descriptor;

use memory::WindowMemory;
use wheel::OnceANotch;

pub use dialogs::{FileDialogs, NativeDialogs, PathAnswer, PathPurpose};
pub use wheel::WheelButtons;
pub use window::Window;

/// Opens a model by its id (`None`: the one in the box), on the engine's thread.
pub type ModelOpener =
    Arc<dyn Fn(Option<&str>) -> Result<Box<dyn Segmenter>, ModelError> + Send + Sync>;

/// What a window starts with.
pub struct WindowOptions {
    /// A scan to open, and label maps on it.
    pub paths: Vec<PathBuf>,
    /// Opens models.
    pub open_model: ModelOpener,
    /// Where settings and unsaved work are kept; `None` keeps none.
    pub data_folder: Option<PathBuf>,
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
/// There is no display, or no graphics adapter that can draw on it.
pub fn run(options: WindowOptions) -> Result<(), WindowError> {
    let memory = WindowMemory::read(options.data_folder.as_deref());
    let native = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_app_id(APP_ID)
            .with_title("Prosector")
            .with_inner_size([1360.0, 860.0])
            .with_min_inner_size([720.0, 480.0])
            .with_drag_and_drop(true),
        wgpu_options: graphics(),
        // A window that has been somewhere comes back there.
        centered: !memory.has_place(),
        persist_window: false,
        persistence_path: options
            .data_folder
            .as_ref()
            .map(|f| f.join(memory::FILE_NAME)),
        ..Default::default()
    };
    // Why the window did not come about; what eframe itself says of it goes to the log only.
    let outcome = Rc::new(RefCell::new(Some(NO_ADAPTER.to_owned())));
    let told = Rc::clone(&outcome);
    let created = Box::new(move |cc: &eframe::CreationContext<'_>| {
        let window = Window::new(cc, options).inspect_err(|error| {
            told.replace(Some(error.to_string()));
        })?;
        let (journal, end) = window.farewell();
        if let Some(journal) = &journal {
            farewell::heed_exit(Arc::clone(journal));
        }
        if let Err(error) = farewell::heed_signals(journal, end, cc.egui_ctx.clone()) {
            tracing::warn!(kind = ?error.kind(), "signals end the program without a word");
        }
        told.replace(None);
        Ok(Box::new(window) as Box<dyn eframe::App>)
    });
    let failed = |error: &dyn std::fmt::Display| WindowError {
        reason: error.to_string(),
    };
    let event_loop = EventLoop::<eframe::UserEvent>::with_user_event()
        .build()
        .map_err(|e| failed(&e))?;
    let app = eframe::create_native(APP_ID, native, created, &event_loop);
    let mut app = OnceANotch::new(app, &event_loop);
    event_loop.run_app(&mut app).map_err(|e| failed(&e))?;
    match outcome.take() {
        Some(reason) => Err(WindowError { reason }),
        None => Ok(()),
    }
}

/// Why there is no window where eframe never came to ask for its contents.
const NO_ADAPTER: &str = "no graphics adapter can draw on this display";

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
