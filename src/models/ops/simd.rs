//! Which vector instructions this processor has, found once.

#![allow(
    unsafe_code,
    reason = "calling a function compiled for an instruction set needs it, after the processor was asked"
)]

use std::sync::OnceLock;

/// Instruction sets that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Simd {
    /// 512-bit vectors with fused multiply-add.
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// What the compiler's baseline for this target offers.
    Portable,
}

/// The widest set that this processor has.
pub(super) fn available() -> Simd {
    static FOUND: OnceLock<Simd> = OnceLock::new();
    *FOUND.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Simd {
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("fma") {
        Simd::Avx512
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Simd::Avx2
    } else {
        Simd::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Simd {
    Simd::Portable
}

/// Runs `work` compiled for the processor's widest vectors, so far as the compiler inlines it.
#[inline]
pub(super) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    match available() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `available` asked the processor for these features.
        Simd::Avx512 => unsafe { with_avx512(work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Simd::Avx2 => unsafe { with_avx2(work) },
        _ => work(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,fma")]
fn with_avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Makes a function of what works by tiles of rows that stay in registers, of which processors have more or fewer:
/// `fn NAME<N>(ARGUMENTS) = WORK`, where `WORK::<R, N, FUSED>` takes `R` rows at a time, with fused multiply-add or without,
/// and is inlined always, as what is not is compiled for no vectors. (Given a closure or a value that holds the arguments,
/// the compiler no longer knows that none of them is a part of another, and half of the speed is lost.)
macro_rules! in_tiles {
    ($(#[$doc:meta])* fn $name:ident<N>($($argument:ident: $type:ty),* $(,)?) = $work:ident) => {
        $(#[$doc])*
        #[allow(
            unsafe_code,
            reason = "calling a function compiled for an instruction set needs it, after the processor was asked"
        )]
        fn $name<const N: usize>($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,fma")]
            fn avx512<const N: usize>($($argument: $type),*) {
                $work::<8, N, true>($($argument),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2<const N: usize>($($argument: $type),*) {
                $work::<4, N, true>($($argument),*);
            }
            match $crate::models::ops::simd::available() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `available` asked the processor for these features.
                $crate::models::ops::simd::Simd::Avx512 => unsafe { avx512::<N>($($argument),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::models::ops::simd::Simd::Avx2 => unsafe { avx2::<N>($($argument),*) },
                _ => $work::<4, N, false>($($argument),*),
            }
        }
    };
}

pub(super) use in_tiles;

/// Whether a tile may be 32 columns wide, for a result of so many.
pub(super) fn is_wide(columns: usize) -> bool {
    available() == Simd::Avx512 && columns > 16
}

/// `a * b + c`, fused where the instruction set has it (a library call elsewhere, so not used there).
#[inline(always)]
pub(super) fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}
