//! What we ask of the graphics device, and how large a volume it may hold.

/// Largest sum of texture bytes for one scan; beyond it, only the slices in view are on the device.
const BUDGET_BYTES: u64 = 1536 << 20;

/// The device to request from an adapter: its own texture sizes instead of the web's small defaults.
pub fn device_descriptor(adapter: &wgpu::Adapter) -> wgpu::DeviceDescriptor<'static> {
    let offered = adapter.limits();
    let base = match adapter.get_info().backend {
        wgpu::Backend::Gl => wgpu::Limits::downlevel_webgl2_defaults(),
        _ => wgpu::Limits::default(),
    };
    wgpu::DeviceDescriptor {
        label: Some("prosector"),
        required_limits: wgpu::Limits {
            max_texture_dimension_2d: offered.max_texture_dimension_2d,
            max_texture_dimension_3d: offered.max_texture_dimension_3d,
            max_buffer_size: offered.max_buffer_size,
            ..base
        },
        ..Default::default()
    }
}

/// How large textures may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextureLimits {
    /// Texels along one side of a 3D texture.
    pub side: u32,
    /// Bytes of all textures of one scan.
    pub budget_bytes: u64,
}

impl TextureLimits {
    /// The limits of a device.
    pub fn of(device: &wgpu::Device) -> Self {
        Self {
            side: device.limits().max_texture_dimension_3d,
            budget_bytes: BUDGET_BYTES,
        }
    }

    /// The same, but never a whole volume: each view's slice is uploaded when it is shown.
    pub fn slices_only(self) -> Self {
        Self {
            budget_bytes: 0,
            ..self
        }
    }

    /// Whether a volume without which nothing is shown fits whole: the budget of a scan at most, whatever else is there.
    pub(super) fn may_hold(&self, dims: [usize; 3], bytes_per_voxel: usize) -> bool {
        let budget_bytes = BUDGET_BYTES;
        Self {
            budget_bytes,
            ..*self
        }
        .hold(dims, bytes_per_voxel)
    }

    /// Whether a volume fits whole, at this many bytes per voxel.
    pub(super) fn hold(&self, dims: [usize; 3], bytes_per_voxel: usize) -> bool {
        let bytes = dims
            .iter()
            .try_fold(bytes_per_voxel as u64, |n, &d| n.checked_mul(d as u64));
        dims.iter().all(|&n| n <= self.side as usize)
            && bytes.is_some_and(|n| n <= self.budget_bytes)
    }
}
