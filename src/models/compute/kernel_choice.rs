//! How CubeCL chooses among the kernels that can do the same, on a software adapter.
//!
//! For every size of operation that it meets, CubeCL times all its kernels, and before that the adapter's peak rates, to
//! know when a kernel is good enough. Where a processor draws, compiling one of the kernels can take ten seconds and
//! measuring one rate two, and a network's first pass many minutes. The results do not depend on the choice: here the
//! first kernel that runs is taken. Real GPUs are not touched.

use std::time::Duration;

use burn::backend::Cube;
use burn::tensor::{Device, Tensor};
use cubecl_runtime::config::autotune::{AutotuneConfig, BenchConfig};
use cubecl_runtime::config::{CubeClRuntimeConfig, RuntimeConfig};
use cubecl_runtime::throughput::{
    MIN_WORKING_SET, MemoryAccess, MemorySpec, ThroughputKey, ThroughputMode, ThroughputValue,
};

/// Where several kernels are compared all the same, each runs once. To be called before the adapter is opened.
pub(super) fn sample_once() {
    let bench = BenchConfig {
        min_samples: 1,
        max_samples: 1,
        short_circuit_samples: 1,
        ..BenchConfig::default()
    };
    // Refused where something has read the configuration before: everything is then only slower.
    let _ = CubeClRuntimeConfig::try_set(CubeClRuntimeConfig {
        autotune: AutotuneConfig {
            bench,
            ..AutotuneConfig::default()
        },
        ..CubeClRuntimeConfig::default()
    });
}

/// Declares the adapter's peak rates to be so low that any kernel reaches them.
pub(super) fn accept_any(device: &Device) {
    let Ok(tensor) = Tensor::<1>::zeros([1], device).try_into_primitive::<Cube>() else {
        return;
    };
    let slow = ThroughputValue {
        ops_count: 1,
        duration: Duration::from_secs(1),
    };
    for mode in modes() {
        // What is known is not measured. One that is missing would be measured, which only takes longer.
        let _ = tensor
            .client
            .measure_throughput(ThroughputKey { mode }, || Ok(slow));
    }
}

/// Everything that is measured for single precision.
fn modes() -> impl Iterator<Item = ThroughputMode> {
    const OCTAVES: u32 = 32;
    let launch = ThroughputMode::Launch;
    let dtype = ThroughputKey { mode: launch }.dtype();
    let accesses = [MemoryAccess::Copy, MemoryAccess::Read, MemoryAccess::Write];
    let memory = accesses.into_iter().flat_map(|access| {
        (0..OCTAVES).map(move |octave| {
            ThroughputMode::Memory(MemorySpec::new(access, MIN_WORKING_SET << octave))
        })
    });
    [launch, ThroughputMode::ComputeDirect { dtype }]
        .into_iter()
        .chain(memory)
}
