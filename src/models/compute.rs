//! Opening the device that computes.

use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind};

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
            None => Device::wgpu_options().init().map(named).map_err(|e| {
                ModelError::Device(format!(
                    "no GPU can be used ({e}): choose --device cpu, or install a Vulkan driver"
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

fn real_gpu() -> Option<(ComputeDevice, Device)> {
    // Named, because asking every graphics API makes OpenGL's libraries complain on standard error.
    let api = if cfg!(target_os = "macos") {
        WgpuBackend::Metal
    } else {
        WgpuBackend::Vulkan
    };
    [DeviceKind::DiscreteGpu(0), DeviceKind::IntegratedGpu(0)]
        .into_iter()
        .find_map(|kind| {
            let options = Device::wgpu_options().device_kind(kind);
            options.graphics_api(api).init().ok()
        })
        .map(named)
}

fn named(device: Device) -> (ComputeDevice, Device) {
    let name = device
        .identity()
        .map_or_else(|| "GPU".to_owned(), |identity| identity.name);
    (ComputeDevice { kind: "gpu", name }, device)
}
