//! Which processor computes.

/// What the user asked for with `--device`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceChoice {
    /// A real GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// Any wgpu adapter, a software rasteriser too.
    Gpu,
}

/// The device a model runs on, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputeDevice {
    /// `cpu` or `gpu`.
    pub kind: &'static str,
    /// What the status bar shows, such as the adapter's name.
    pub name: String,
}

impl ComputeDevice {
    /// Whether it is a graphics device, which can be lost.
    pub fn is_gpu(&self) -> bool {
        self.kind == "gpu"
    }
}
