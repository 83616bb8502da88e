//! Which processor computes.

/// Which processor of this machine the user asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    /// `cpu`, `gpu`, or `remote` where another machine computes.
    pub kind: &'static str,
    /// What the status bar shows, such as the adapter's name.
    pub name: String,
}

impl ComputeDevice {
    /// What stands in [`Self::kind`] where another machine computes.
    pub const REMOTE: &'static str = "remote";

    /// Whether another machine computes.
    pub fn is_remote(&self) -> bool {
        self.kind == Self::REMOTE
    }

    /// Whether it is a graphics device, which can be lost.
    pub fn is_gpu(&self) -> bool {
        self.kind == "gpu"
    }
}
