//! What goes between two machines, as messages and bytes.
//!
//! Numbers that must arrive to the last bit (affines, estimates) are sent as their bits: text would round some of them.

pub(super) mod answer;
pub(super) mod asked;
pub(super) mod lesson;
mod runs;
pub(super) mod scan;

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use crate::geometry::{Affine, VoxelBox, VoxelIndex};
use crate::volume::Grid;

use super::failure::Broken;

/// A number by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub(super) struct Bits64(pub(super) f64);

impl From<u64> for Bits64 {
    fn from(bits: u64) -> Self {
        Self(f64::from_bits(bits))
    }
}

impl From<Bits64> for u64 {
    fn from(value: Bits64) -> Self {
        value.0.to_bits()
    }
}

/// A short number by its bits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub(super) struct Bits32(pub(super) f32);

impl From<u32> for Bits32 {
    fn from(bits: u32) -> Self {
        Self(f32::from_bits(bits))
    }
}

impl From<Bits32> for u32 {
    fn from(value: Bits32) -> Self {
        value.0.to_bits()
    }
}

/// A grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct GridForm {
    dims: [usize; 3],
    /// The upper three rows of the affine.
    rows: [[Bits64; 4]; 3],
    sides_assumed: bool,
}

impl GridForm {
    pub(super) fn of(grid: &Grid) -> Self {
        let [x, y, z, _] = grid.affine.to_rows().map(|row| row.map(Bits64));
        Self {
            dims: grid.dims,
            rows: [x, y, z],
            sides_assumed: grid.sides_assumed,
        }
    }

    /// The grid, of at most `most` voxels.
    ///
    /// # Errors
    /// It has none, or more, or no place.
    pub(super) fn grid(&self, most: usize) -> Result<Grid, Broken> {
        let [ni, nj, nk] = self.dims;
        let voxels = ni.checked_mul(nj).and_then(|n| n.checked_mul(nk));
        if !voxels.is_some_and(|n| (1..=most).contains(&n)) {
            return Err(Broken::Nonsense("a grid that is empty or too large"));
        }
        let rows = self.rows.map(|row| row.map(|v| v.0));
        let affine = Affine::from_rows(&rows);
        let affine = affine
            .ok()
            .ok_or(Broken::Nonsense("a grid without a place"))?;
        Ok(Grid::new(self.dims, affine).with_sides_assumed(self.sides_assumed))
    }
}

/// The lowest and the highest corner of a box.
pub(super) type BoxForm = [[i64; 3]; 2];

/// Voxel indices beyond this are of no scan.
const FURTHEST: i64 = 1 << 31;

pub(super) fn box_form(of: VoxelBox) -> BoxForm {
    [of.min, of.max]
}

/// The box.
///
/// # Errors
/// Far beyond any scan.
pub(super) fn box_of([a, b]: BoxForm) -> Result<VoxelBox, Broken> {
    Ok(VoxelBox::from_corners(voxel_of(a)?, voxel_of(b)?))
}

/// The voxel.
///
/// # Errors
/// Far beyond any scan.
pub(super) fn voxel_of(at: [i64; 3]) -> Result<VoxelIndex, Broken> {
    match at.iter().all(|v| (-FURTHEST..FURTHEST).contains(v)) {
        true => Ok(VoxelIndex(at)),
        false => Err(Broken::Nonsense("a voxel far beyond the scan")),
    }
}

/// Packs bytes, fast rather than well.
pub(super) fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    let packed = packer.write_all(bytes).and_then(|()| packer.finish());
    packed.expect("memory takes what is written")
}

/// Unpacks at most `most` bytes.
///
/// # Errors
/// They are damaged, or more.
pub(super) fn unpacked(packed: &[u8], most: usize) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    let mut from = io::Read::take(flate2::read::ZlibDecoder::new(packed), most as u64 + 1);
    let read = io::Read::read_to_end(&mut from, &mut bytes);
    match read {
        Ok(n) if n <= most => Ok(bytes),
        _ => Err(Broken::Nonsense("damaged bytes")),
    }
}
