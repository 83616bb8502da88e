//! Why a picture could not be drawn on a graphics device.

/// Drawing offscreen failed; the CPU twin can draw the same picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// There is neither a graphics card nor a software rasteriser.
    #[error("no graphics adapter was found: install a Vulkan driver, or let the CPU draw")]
    NoAdapter(#[source] wgpu::RequestAdapterError),
    /// The adapter gave no device.
    #[error(
        "the graphics adapter {adapter} gave no device: update its driver, or let the CPU draw"
    )]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// What the driver said.
        #[source]
        source: wgpu::RequestDeviceError,
    },
    /// The picture is larger than the device's textures.
    #[error(
        "a picture of {width} x {height} pixels is larger than the graphics device's {limit}: ask for a smaller one"
    )]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// Largest side.
        limit: u32,
    },
    /// The driver reported an error while drawing or reading back.
    #[error("the graphics device failed while drawing: {0}")]
    Device(String),
}
