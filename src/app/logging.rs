//! Where diagnostics go: to stderr, as much as `PROSECTOR_LOG` says, and nothing of a patient.

use std::thread;

use tracing::Metadata;
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The environment variable with the filter, such as `debug` or `prosector=trace`.
const FILTER_VARIABLE: &str = "PROSECTOR_LOG";

/// Whose diagnostics are shown: ours, and those of the graphics driver. Other crates are handed paths, file contents, keys
/// and file dialogs, and some tell all of it at `trace`.
const TOLD: &[&str] = &["prosector", "naga", "wgpu", "wgpu_core", "wgpu_hal"];

/// Sends diagnostics to stderr; `default_filter` holds unless the user chose another.
///
/// A panic on the engine's thread is reported to the user as a failed job, so it goes to the diagnostics only.
pub fn init(default_filter: &str) {
    let chosen = EnvFilter::try_from_env(FILTER_VARIABLE);
    let filter = chosen.unwrap_or_else(|_| EnvFilter::new(default_filter));
    let told = FilterFn::new(|metadata: &Metadata<'_>| is_told(metadata.target()));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .compact()
        .with_filter(filter.and(told));
    if tracing_subscriber::registry()
        .with(lines)
        .try_init()
        .is_err()
    {
        // Somebody who uses the library has set up another; theirs stays.
        return;
    }
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if thread::current().name() == Some("engine") {
            tracing::error!("{panic}");
        } else {
            usual(panic);
        }
    }));
}

/// Whether the diagnostics of this module are shown.
fn is_told(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or(target);
    TOLD.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::is_told;

    #[test]
    fn crates_that_see_paths_and_contents_are_silent() {
        let told = [
            "prosector",
            "prosector::app::desktop::glue",
            "wgpu_core::device",
        ];
        let silent = [
            "dicom_object::file",
            "dicom_parser",
            "dicom_encoding::text",
            "nifti",
            "eframe::native::file_storage",
            "winit::platform_impl",
            "egui_winit",
            "zbus::connection",
            "rfd",
            "prosector_like",
            "burn_store",
            "log",
        ];
        assert!(told.into_iter().all(is_told));
        assert!(!silent.into_iter().any(is_told));
    }
}
