//! Which GPUs are tried, and by which graphics API.

use burn::tensor::DeviceKind;
use burn::tensor::wgpu::WgpuBackend;

/// The kinds of adapters that are real GPUs, the fastest first.
const KINDS: [DeviceKind; 3] = [
    DeviceKind::DiscreteGpu(0),
    DeviceKind::IntegratedGpu(0),
    DeviceKind::VirtualGpu(0),
];

/// The APIs of an operating system (as Rust names it), the best first. They are named, because asking every API makes
/// OpenGL's libraries complain on standard error.
const APIS: [(&str, &[WgpuBackend]); 2] = [
    ("macos", &[WgpuBackend::Metal]),
    ("windows", &[WgpuBackend::Vulkan, WgpuBackend::Dx12]),
];
const APIS_ELSEWHERE: &[WgpuBackend] = &[WgpuBackend::Vulkan];

/// What to try, in this order: a faster kind by its second API comes before a slower kind by its first.
pub(super) fn attempts(system: &str) -> impl Iterator<Item = (DeviceKind, WgpuBackend)> {
    let known = APIS.iter().find(|(name, _)| *name == system);
    let apis = known.map_or(APIS_ELSEWHERE, |(_, apis)| apis);
    KINDS
        .into_iter()
        .flat_map(move |kind| apis.iter().map(move |api| (kind.clone(), *api)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directx_12_follows_vulkan_on_windows_and_nothing_else_is_tried_elsewhere() {
        use DeviceKind::{DiscreteGpu, IntegratedGpu, VirtualGpu};
        use WgpuBackend::{Dx12, Metal, Vulkan};
        let of = |system| attempts(system).collect::<Vec<_>>();
        let kinds = [DiscreteGpu(0), IntegratedGpu(0), VirtualGpu(0)];
        let by = |api| kinds.clone().map(|kind| (kind, api)).to_vec();
        let windows = [
            (DiscreteGpu(0), Vulkan),
            (DiscreteGpu(0), Dx12),
            (IntegratedGpu(0), Vulkan),
            (IntegratedGpu(0), Dx12),
            (VirtualGpu(0), Vulkan),
            (VirtualGpu(0), Dx12),
        ];
        assert_eq!(of("windows"), windows);
        assert_eq!(of("macos"), by(Metal));
        assert_eq!(of("linux"), by(Vulkan));
    }
}
