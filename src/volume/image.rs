//! A scan: typed voxels as stored, the rescale to physical values, and what kind of scan it is.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::geometry::VoxelBox;
use crate::util::short_debug;

use super::morphology::Crop;
use super::{Grid, Rgb, ThirdAxis, luminance};

/// Kind of scan; decides window presets and the model's normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Computed tomography, values in Hounsfield units.
    Ct,
    /// Magnetic resonance, arbitrary units.
    Mr,
    /// Positron emission tomography.
    Pet,
}

short_debug! {
    VoxelData: |voxels| format_args!("{} x {}", voxels.len(), voxels.dtype());
    ImageVolume: |image| format_args!("{} {:?} {:?}", image.modality.name(), image.grid.dims, image.voxels);
}

impl Modality {
    /// The lower-case name used on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ct => "ct",
            Self::Mr => "mr",
            Self::Pet => "pet",
        }
    }
}

/// Voxels in the type they were stored in, `i` fastest.
#[derive(Clone, PartialEq)]
pub enum VoxelData {
    /// Unsigned 8 bit.
    U8(Vec<u8>),
    /// Signed 8 bit.
    I8(Vec<i8>),
    /// Unsigned 16 bit.
    U16(Vec<u16>),
    /// Signed 16 bit.
    I16(Vec<i16>),
    /// Unsigned 32 bit.
    U32(Vec<u32>),
    /// Signed 32 bit.
    I32(Vec<i32>),
    /// Unsigned 64 bit.
    U64(Vec<u64>),
    /// Signed 64 bit.
    I64(Vec<i64>),
    /// 32-bit float.
    F32(Vec<f32>),
    /// 64-bit float.
    F64(Vec<f64>),
}

/// Runs `$body` with `$v` bound to the typed vector inside a [`VoxelData`].
#[macro_export]
macro_rules! with_voxels {
    ($data:expr, $v:ident => $body:expr) => {{
        #[allow(
            clippy::unnecessary_cast,
            reason = "one body serves all types: a cast that one of them needs is idle for another"
        )]
        let result = match $data {
            $crate::volume::VoxelData::U8($v) => $body,
            $crate::volume::VoxelData::I8($v) => $body,
            $crate::volume::VoxelData::U16($v) => $body,
            $crate::volume::VoxelData::I16($v) => $body,
            $crate::volume::VoxelData::U32($v) => $body,
            $crate::volume::VoxelData::I32($v) => $body,
            $crate::volume::VoxelData::U64($v) => $body,
            $crate::volume::VoxelData::I64($v) => $body,
            $crate::volume::VoxelData::F32($v) => $body,
            $crate::volume::VoxelData::F64($v) => $body,
        };
        result
    }};
}

/// As [`with_voxels!`](crate::with_voxels), for a `$body` that gives a vector of the same type: voxels of that type.
#[macro_export]
macro_rules! map_voxels {
    ($data:expr, $v:ident => $body:expr) => {
        match $data {
            $crate::volume::VoxelData::U8($v) => $crate::volume::VoxelData::U8($body),
            $crate::volume::VoxelData::I8($v) => $crate::volume::VoxelData::I8($body),
            $crate::volume::VoxelData::U16($v) => $crate::volume::VoxelData::U16($body),
            $crate::volume::VoxelData::I16($v) => $crate::volume::VoxelData::I16($body),
            $crate::volume::VoxelData::U32($v) => $crate::volume::VoxelData::U32($body),
            $crate::volume::VoxelData::I32($v) => $crate::volume::VoxelData::I32($body),
            $crate::volume::VoxelData::U64($v) => $crate::volume::VoxelData::U64($body),
            $crate::volume::VoxelData::I64($v) => $crate::volume::VoxelData::I64($body),
            $crate::volume::VoxelData::F32($v) => $crate::volume::VoxelData::F32($body),
            $crate::volume::VoxelData::F64($v) => $crate::volume::VoxelData::F64($body),
        }
    };
}

impl VoxelData {
    /// Number of voxels.
    pub fn len(&self) -> usize {
        with_voxels!(self, v => v.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stored value at an offset, without rescale.
    #[inline]
    pub fn stored(&self, offset: usize) -> f64 {
        with_voxels!(self, v => v[offset] as f64)
    }

    /// The type's name as numpy writes it: `int16`, `float32`, ...
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::U8(_) => "uint8",
            Self::I8(_) => "int8",
            Self::U16(_) => "uint16",
            Self::I16(_) => "int16",
            Self::U32(_) => "uint32",
            Self::I32(_) => "int32",
            Self::U64(_) => "uint64",
            Self::I64(_) => "int64",
            Self::F32(_) => "float32",
            Self::F64(_) => "float64",
        }
    }
}

/// `value = slope * stored + intercept`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescale {
    /// Multiplier; finite and not zero.
    pub slope: f64,
    /// Added after multiplying.
    pub intercept: f64,
}

impl Rescale {
    /// Stored values are the values.
    pub const IDENTITY: Self = Self {
        slope: 1.0,
        intercept: 0.0,
    };

    /// The physical value of a stored one.
    #[inline]
    pub fn apply(self, stored: f64) -> f64 {
        self.slope * stored + self.intercept
    }
}

/// Display window: values at or below `low()` are black, at or above `high()` white.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Middle of the window, in the image's values (HU for CT).
    pub level: f64,
    /// Width of the window, above zero.
    pub width: f64,
}

impl Window {
    /// The value shown black.
    pub fn low(self) -> f64 {
        self.level - self.width / 2.0
    }

    /// The value shown white.
    pub fn high(self) -> f64 {
        self.level + self.width / 2.0
    }
}

/// One frame of a scan on its grid.
#[derive(Clone, PartialEq)]
pub struct ImageVolume {
    grid: Grid,
    voxels: VoxelData,
    rescale: Rescale,
    modality: Modality,
    colours: Option<Vec<Rgb>>,
    third_axis: ThirdAxis,
}

impl ImageVolume {
    /// Binds voxels to their grid.
    ///
    /// # Panics
    /// If the number of voxels is not the grid's: readers check that before.
    pub fn new(grid: Grid, voxels: VoxelData, rescale: Rescale, modality: Modality) -> Self {
        assert_eq!(grid.len(), voxels.len(), "voxels must fill the grid");
        Self {
            grid,
            voxels,
            rescale,
            modality,
            colours: None,
            third_axis: ThirdAxis::Space,
        }
    }

    /// Binds colours to their grid; the voxels are their luminance.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn in_colour(grid: Grid, colours: Vec<Rgb>, modality: Modality) -> Self {
        let voxels = VoxelData::U8(colours.par_iter().map(|&c| luminance(c)).collect());
        Self {
            colours: Some(colours),
            ..Self::new(grid, voxels, Rescale::IDENTITY, modality)
        }
    }

    /// The same with time as its third axis.
    pub fn over_time(mut self, frame_ms: Option<f64>) -> Self {
        self.third_axis = ThirdAxis::Time { frame_ms };
        self
    }

    /// The same, where nothing says how the patient lies in the voxels.
    pub fn with_sides_assumed(mut self) -> Self {
        self.grid.sides_assumed = true;
        self
    }

    /// The sampling grid.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The voxels as stored.
    pub fn voxels(&self) -> &VoxelData {
        &self.voxels
    }

    /// The rescale from stored to physical values.
    pub fn rescale(&self) -> Rescale {
        self.rescale
    }

    /// The colours of a scan in colour, whose voxels are their luminance.
    pub fn colours(&self) -> Option<&[Rgb]> {
        self.colours.as_deref()
    }

    /// The voxel type's name: that of numbers as numpy writes it, `rgb24` of colours.
    pub fn dtype(&self) -> &'static str {
        match self.colours {
            Some(_) => "rgb24",
            None => self.voxels.dtype(),
        }
    }

    /// Whether the third axis is space or time.
    pub fn third_axis(&self) -> ThirdAxis {
        self.third_axis
    }

    /// The kind of scan.
    pub fn modality(&self) -> Modality {
        self.modality
    }

    /// The same scan read as another modality (the user's override).
    pub fn with_modality(mut self, modality: Modality) -> Self {
        self.modality = modality;
        self
    }

    /// The physical value at an array offset.
    #[inline]
    pub fn value(&self, offset: usize) -> f64 {
        self.rescale.apply(self.voxels.stored(offset))
    }

    /// The voxels whose physical value `belongs`; it is asked of values that are no number too.
    pub fn mask_where(&self, belongs: impl Fn(f64) -> bool + Sync) -> Crop {
        Crop {
            bounds: self.grid.bounds(),
            voxels: self.map_values(|value| u8::from(belongs(value))),
        }
    }

    /// What each voxel's physical value becomes.
    pub fn map_values<T: Send>(&self, map: impl Fn(f64) -> T + Sync) -> Vec<T> {
        let rescale = self.rescale;
        with_voxels!(&self.voxels, stored => stored
            .par_iter()
            .map(|&stored| map(rescale.apply(stored as f64)))
            .collect())
    }

    /// The part of the scan inside a box of its voxels, on its own grid; `None` if the box misses the scan.
    pub fn cropped(&self, to: VoxelBox) -> Option<Self> {
        let to = to.clipped(self.grid.dims)?;
        let [ni, nj, nk] = to.size();
        let [i0, j0, k0] = to.min.map(|v| v as usize);
        let rows = (0..nk).flat_map(|k| (0..nj).map(move |j| (j, k)));
        let starts = rows.map(|(j, k)| self.grid.offset(i0, j0 + j, k0 + k));
        let colours = self.colours.as_ref().map(|colours| {
            let rows = starts.clone().map(|s| &colours[s..s + ni]);
            rows.flatten().copied().collect()
        });
        macro_rules! copied {
            ($($kind:ident)+) => {
                match &self.voxels {
                    $(VoxelData::$kind(v) => VoxelData::$kind(
                        starts.flat_map(|s| v[s..s + ni].iter().copied()).collect(),
                    ),)+
                }
            };
        }
        let voxels = copied!(U8 I8 U16 I16 U32 I32 U64 I64 F32 F64);
        Some(Self {
            grid: self.grid.sub_grid(to),
            voxels,
            rescale: self.rescale,
            modality: self.modality,
            colours,
            third_axis: self.third_axis,
        })
    }

    /// Smallest and largest finite physical value; `None` when no value is finite.
    pub fn value_range(&self) -> Option<(f64, f64)> {
        self.finite_range().0
    }

    /// [`Self::value_range`], and the number of voxels that are no finite number.
    pub fn finite_range(&self) -> (Option<(f64, f64)>, usize) {
        let (stored, non_finite) = match &self.voxels {
            VoxelData::F32(v) => {
                let (range, non_finite) = extremes(v, f32::is_finite);
                (range.map(|(a, b)| (f64::from(a), f64::from(b))), non_finite)
            }
            VoxelData::F64(v) => extremes(v, f64::is_finite),
            whole => with_voxels!(whole, v => {
                let (range, _) = extremes(v, |_| true);
                (range.map(|(a, b)| (a as f64, b as f64)), 0)
            }),
        };
        let range = stored.map(|(low, high)| {
            let (a, b) = (self.rescale.apply(low), self.rescale.apply(high));
            (a.min(b), a.max(b))
        });
        (range, non_finite)
    }
}

/// Smallest and largest of the finite values, and the number of the others. Compares in the stored type,
/// which the compiler turns into vector instructions.
fn extremes<T: Copy + PartialOrd + Send + Sync>(
    values: &[T],
    is_finite: impl Fn(T) -> bool + Sync,
) -> (Option<(T, T)>, usize) {
    let Some(first) = values.iter().copied().find(|&v| is_finite(v)) else {
        return (None, values.len());
    };
    let lower = |a: T, b: T| if b < a { b } else { a };
    let higher = |a: T, b: T| if b > a { b } else { a };
    let (low, high, non_finite) = values
        .par_chunks(1 << 16)
        .map(|chunk| {
            let mut found = (first, first, 0);
            for &v in chunk {
                let finite = is_finite(v);
                let v = if finite { v } else { first };
                found.0 = lower(found.0, v);
                found.1 = higher(found.1, v);
                found.2 += usize::from(!finite);
            }
            found
        })
        .reduce(
            || (first, first, 0),
            |a, b| (lower(a.0, b.0), higher(a.1, b.1), a.2 + b.2),
        );
    (Some((low, high)), non_finite)
}
