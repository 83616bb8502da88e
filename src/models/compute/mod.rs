//! Opening the device that computes.

mod attempts;
mod kernel_choice;

use std::sync::OnceLock;

use attempts::attempts;
use burn::tensor::Device;

use super::device::{ComputeDevice, DeviceChoice};
use super::segmenter::ModelError;

/// Opens the device of a choice. `Auto` takes a real GPU where there is one, else the CPU; a software rasteriser
/// computes only when `Gpu` asks for any adapter.
///
/// # Errors
/// `Gpu` without any adapter.
pub fn open(choice: DeviceChoice) -> Result<(ComputeDevice, Device), ModelError> {
    match choice {
        DeviceChoice::Cpu => Ok(cpu()),
        DeviceChoice::Auto => Ok(real_gpu().unwrap_or_else(cpu)),
        DeviceChoice::Gpu => match real_gpu() {
            Some(found) => Ok(found),
            None => software_gpu().map_err(|reason| {
                ModelError::Device(format!(
                    "no GPU can be used ({reason}): choose --device cpu, or install a Vulkan driver"
                ))
            }),
        },
    }
}

fn cpu() -> (ComputeDevice, Device) {
    let threads = rayon::current_num_threads();
    let description = ComputeDevice {
        kind: "cpu",
        name: format!("CPU, {threads} threads"),
    };
    (description, Device::flex())
}

/// The first GPU that is one. An adapter can be opened only once in a process.
fn real_gpu() -> Option<(ComputeDevice, Device)> {
    static FOUND: OnceLock<Option<(ComputeDevice, Device)>> = OnceLock::new();
    let search = || {
        attempts(std::env::consts::OS)
            .find_map(|(kind, api)| {
                let options = Device::wgpu_options().device_kind(kind);
                options.graphics_api(api).init().ok()
            })
            .map(named)
    };
    FOUND.get_or_init(search).clone()
}

/// Whatever else computes: a software rasteriser.
fn software_gpu() -> Result<(ComputeDevice, Device), String> {
    static FOUND: OnceLock<Result<(ComputeDevice, Device), String>> = OnceLock::new();
    let open = || {
        kernel_choice::sample_once();
        let device = Device::wgpu_options().init().map_err(|e| e.to_string())?;
        kernel_choice::accept_any(&device);
        Ok(named(device))
    };
    FOUND.get_or_init(open).clone()
}

fn named(device: Device) -> (ComputeDevice, Device) {
    let name = device
        .identity()
        .map_or_else(|| "GPU".to_owned(), |identity| identity.name);
    (ComputeDevice { kind: "gpu", name }, device)
}
