//! A slab: slices side by side, of which a view shows the largest, the mean or the smallest value behind each of its pixels.
//!
//! Values are taken together along the voxel axis through the slices, voxel by voxel, before a pixel between voxels is
//! interpolated. Device and twin draw the same values: they are made here.

use std::ops::RangeInclusive;

use crate::geometry::{SliceView, VoxelBox};
use crate::volume::{ImageVolume, Rgb};
use crate::with_voxels;

use super::texel::{NOT_A_NUMBER, StoredValue, Texels, image_format};

/// Which of the values behind a pixel is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// The largest: vessels, nodules.
    Maximum,
    /// Their mean: less noise.
    Mean,
    /// The smallest: airways.
    Minimum,
}

impl Projection {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 3] = [Self::Maximum, Self::Mean, Self::Minimum];

    /// What it is called in radiology.
    pub fn name(self) -> &'static str {
        match self {
            Self::Maximum => "MIP",
            Self::Mean => "Mean",
            Self::Minimum => "MinIP",
        }
    }
}

/// A view of several slices at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slab {
    /// What is shown of their values.
    pub projection: Projection,
    /// How thick it is: slices whose middle is at most half of it away, on either side, are taken in.
    pub thickness_mm: f64,
}

/// The slices of a slab on one grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlabSlices {
    projection: Projection,
    axis: usize,
    first: i64,
    last: i64,
}

impl Slab {
    /// In words, as beside the slice's number.
    pub fn text(self) -> String {
        format!("{} {:.0} mm", self.projection.name(), self.thickness_mm)
    }

    /// The slices of a view that it takes in, that of the view in their middle; at the ends of the volume fewer.
    pub fn slices(self, view: &SliceView) -> RangeInclusive<i64> {
        let inverse = view.grid().affine.inverse().matrix3.transpose();
        let apart_mm = 1.0 / inverse.col(view.normal_axis()).length();
        // What a decimal number of mm cannot say exactly must not cost a slice.
        let beside = (self.thickness_mm.max(0.0) / 2.0 / apart_mm + 1e-6).floor() as i64;
        let last = view.slice_count() as i64 - 1;
        let middle = view.slice().clamp(0, last);
        middle.saturating_sub(beside).max(0)..=middle.saturating_add(beside).min(last)
    }
}

impl SlabSlices {
    /// The slices that a view takes in on a scan; `None` where it is one alone. Where stored values fall as those of the scan
    /// rise, the largest is the smallest that is stored.
    pub fn of(slab: Option<Slab>, view: &SliceView, image: &ImageVolume) -> Option<Self> {
        // Between voxel slices there are none to be taken together.
        let slab = slab.filter(|_| !view.is_tilted())?;
        let (first, last) = slab.slices(view).into_inner();
        let falls = image.colours().is_none() && image.rescale().slope < 0.0;
        let projection = match (slab.projection, falls) {
            (Projection::Maximum, true) => Projection::Minimum,
            (Projection::Minimum, true) => Projection::Maximum,
            (projection, _) => projection,
        };
        (first < last).then_some(Self {
            projection,
            axis: view.normal_axis(),
            first,
            last,
        })
    }

    /// Every `step`th voxel of a box one slice deep, what lies behind it taken together; the slice's axes in the order of
    /// the volume.
    pub fn texels(self, image: &ImageVolume, of: VoxelBox, step: usize) -> Texels {
        let columns = Columns {
            dims: image.grid().dims,
            of,
            step,
            slab: self,
        };
        if let Some(colours) = image.colours() {
            return Texels::Rgba(self.colours(&columns, colours));
        }
        let values = with_voxels!(image.voxels(), v => self.values(&columns, v));
        match image_format(image) {
            wgpu::TextureFormat::R32Float => Texels::F32(values),
            _ => Texels::I16(values.into_iter().map(|v| v.round() as i16).collect()),
        }
    }

    fn values<T: StoredValue>(self, columns: &Columns, voxels: &[T]) -> Vec<f32> {
        let value = |v: T| -> f32 { v.texel().into() };
        let number = |v: f32, or: f32| if v > NOT_A_NUMBER { v } else { or };
        let finite = |v: f32| if v.is_finite() { v } else { NOT_A_NUMBER };
        match self.projection {
            Projection::Maximum => columns.folded(voxels, NOT_A_NUMBER, |a, v| a.max(value(v))),
            Projection::Minimum => {
                let least = |a: f32, v| a.min(number(value(v), f32::INFINITY));
                let least = columns.folded(voxels, f32::INFINITY, least);
                least.into_iter().map(finite).collect()
            }
            Projection::Mean => {
                let sum = |(sum, n): (f64, u32), v| match number(value(v), f32::INFINITY) {
                    v if v.is_finite() => (sum + f64::from(v), n + 1),
                    _ => (sum, n),
                };
                let sums = columns.folded(voxels, (0.0, 0u32), sum).into_iter();
                sums.map(|(sum, n)| finite((sum / f64::from(n)) as f32))
                    .collect()
            }
        }
    }

    fn colours(self, columns: &Columns, colours: &[Rgb]) -> Vec<[u8; 4]> {
        let opaque = |[r, g, b]: Rgb| [r, g, b, u8::MAX];
        let of_each = |by: fn(u8, u8) -> u8| {
            move |a: Rgb, c: Rgb| -> Rgb { std::array::from_fn(|n| by(a[n], c[n])) }
        };
        let shown = match self.projection {
            Projection::Maximum => columns.folded(colours, [0; 3], of_each(u8::max)),
            Projection::Minimum => columns.folded(colours, [u8::MAX; 3], of_each(u8::min)),
            Projection::Mean => {
                let sum = |a: [u32; 3], c: Rgb| std::array::from_fn(|n| a[n] + u32::from(c[n]));
                let count = (self.last - self.first + 1) as u32;
                let sums = columns.folded(colours, [0u32; 3], sum).into_iter();
                sums.map(|sum| sum.map(|s| ((s + count / 2) / count) as u8))
                    .collect()
            }
        };
        shown.into_iter().map(opaque).collect()
    }
}

/// The voxels behind each voxel of a slice.
struct Columns {
    dims: [usize; 3],
    of: VoxelBox,
    step: usize,
    slab: SlabSlices,
}

impl Columns {
    /// Folds each column; on the calling thread alone, and always along rows as they lie in memory.
    fn folded<T: Copy, A: Copy>(&self, voxels: &[T], begin: A, fold: impl Fn(A, T) -> A) -> Vec<A> {
        let [ni, nj, _] = self.dims;
        let axis = self.slab.axis;
        let behind = self.slab.first as usize..=self.slab.last as usize;
        let across = |d: usize| {
            let end = match d == axis {
                true => self.of.min[d],
                false => self.of.max[d],
            };
            (self.of.min[d] as usize..=end as usize).step_by(self.step)
        };
        let mut out = Vec::new();
        for k in across(2) {
            for j in across(1) {
                if axis == 0 {
                    let row = &voxels[ni * (j + nj * k)..][behind.clone()];
                    out.push(row.iter().copied().fold(begin, &fold));
                    continue;
                }
                let start = out.len();
                out.extend(across(0).map(|_| begin));
                for slice in behind.clone() {
                    let [j, k] = if axis == 1 { [slice, k] } else { [j, slice] };
                    let row = &voxels[ni * (j + nj * k)..][..ni];
                    let row = row[self.of.min[0] as usize..].iter().step_by(self.step);
                    for (sum, &v) in out[start..].iter_mut().zip(row) {
                        *sum = fold(*sum, v);
                    }
                }
            }
        }
        out
    }
}
