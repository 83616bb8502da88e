//! Formats that are a text header and one block of voxels: reading the block, and what comes of it.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::path::Path;
use std::str::FromStr;

use bytemuck::Pod;
use bzip2::read::MultiBzDecoder;
use flate2::Compression;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use rayon::prelude::*;

use crate::util::JobContext;
use crate::volume::{
    Grid, ImageVolume, LabelLayers, LabelMap, LabelTable, Modality, Rescale, VoxelData,
};
use crate::{map_voxels, with_voxels};

use super::described::{Found, described};
use super::stored_type::StoredType;
use super::whole::{in_bytes, label_map, named};
use super::{IoError, Labels, OpenOptions, ScanInfo, Warning};

/// Read at once, and between two looks at whether the user gave up.
const CHUNK_BYTES: usize = 4 << 20;
/// Deflate packs at most 1032 bytes into one; a little more for the framing.
pub(super) const PACKED_RATIO: u64 = 1040;
/// Of zeros bzip2 makes far less: 45 bytes of a block of 45 MB.
const BZIP2_RATIO: u64 = 1_100_000;

/// How a block is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As it is.
    Plain,
    /// One or more gzip members.
    Gzip,
    /// A zlib stream.
    Zlib,
    /// One or more bzip2 streams.
    Bzip2,
    /// Decimal numbers between blanks.
    Text,
}

/// A block of voxels as its header describes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockLayout {
    /// The voxel type.
    pub stored_type: StoredType,
    /// The most significant byte comes first.
    pub is_big_endian: bool,
    /// How the bytes are stored.
    pub packing: Packing,
    /// Number of voxels, those of all frames.
    pub voxels: usize,
}

impl BlockLayout {
    /// Reads the block; `stored_bytes` is what the file has from here on. Memory grows with what is really there.
    ///
    /// # Errors
    /// A reason: the data end early, or cannot be unpacked.
    pub(super) fn read(
        &self,
        stored: impl Read,
        stored_bytes: u64,
        ctx: &JobContext,
    ) -> Result<VoxelData, BlockError> {
        let needed = self.voxels as u64 * self.stored_type.bytes() as u64;
        let most = match self.packing {
            Packing::Plain => stored_bytes,
            Packing::Gzip | Packing::Zlib => stored_bytes.saturating_mul(PACKED_RATIO),
            Packing::Bzip2 => stored_bytes.saturating_mul(BZIP2_RATIO),
            // A digit and a blank for each.
            Packing::Text => stored_bytes.saturating_mul(self.stored_type.bytes() as u64),
        };
        if needed > most {
            return Err(BlockError::Damaged(format!(
                "its voxels need {needed} bytes and it has {stored_bytes}; copy or download it again"
            )));
        }
        let stored = BufReader::with_capacity(256 << 10, stored);
        match self.packing {
            Packing::Plain => self.typed(stored, ctx),
            Packing::Gzip => self.typed(MultiGzDecoder::new(stored), ctx),
            Packing::Zlib => self.typed(ZlibDecoder::new(stored), ctx),
            Packing::Bzip2 => self.typed(MultiBzDecoder::new(stored), ctx),
            Packing::Text => self.read_text(stored, ctx),
        }
    }

    fn typed(&self, reader: impl Read, ctx: &JobContext) -> Result<VoxelData, BlockError> {
        let swap = self.is_big_endian != cfg!(target_endian = "big");
        let f32_swapped = |v: f32| f32::from_bits(v.to_bits().swap_bytes());
        let f64_swapped = |v: f64| f64::from_bits(v.to_bits().swap_bytes());
        Ok(match self.stored_type {
            StoredType::U8 => VoxelData::U8(self.vector(reader, swap, u8::swap_bytes, ctx)?),
            StoredType::I8 => VoxelData::I8(self.vector(reader, swap, i8::swap_bytes, ctx)?),
            StoredType::U16 => VoxelData::U16(self.vector(reader, swap, u16::swap_bytes, ctx)?),
            StoredType::I16 => VoxelData::I16(self.vector(reader, swap, i16::swap_bytes, ctx)?),
            StoredType::U32 => VoxelData::U32(self.vector(reader, swap, u32::swap_bytes, ctx)?),
            StoredType::I32 => VoxelData::I32(self.vector(reader, swap, i32::swap_bytes, ctx)?),
            StoredType::U64 => VoxelData::U64(self.vector(reader, swap, u64::swap_bytes, ctx)?),
            StoredType::I64 => VoxelData::I64(self.vector(reader, swap, i64::swap_bytes, ctx)?),
            StoredType::F32 => VoxelData::F32(self.vector(reader, swap, f32_swapped, ctx)?),
            StoredType::F64 => VoxelData::F64(self.vector(reader, swap, f64_swapped, ctx)?),
            StoredType::Rgb24 | StoredType::Rgba32 => {
                return Err(BlockError::Damaged("its voxels are colours".to_owned()));
            }
        })
    }

    /// Voxels that are written as text.
    fn read_text(&self, stored: impl Read, ctx: &JobContext) -> Result<VoxelData, BlockError> {
        let (voxels, kind) = (self.voxels, self.stored_type);
        Ok(match kind {
            StoredType::U8 => VoxelData::U8(parsed(stored, voxels, ctx)?),
            StoredType::I8 => VoxelData::I8(parsed(stored, voxels, ctx)?),
            StoredType::U16 => VoxelData::U16(parsed(stored, voxels, ctx)?),
            StoredType::I16 => VoxelData::I16(parsed(stored, voxels, ctx)?),
            StoredType::U32 => VoxelData::U32(parsed(stored, voxels, ctx)?),
            StoredType::I32 => VoxelData::I32(parsed(stored, voxels, ctx)?),
            StoredType::U64 => VoxelData::U64(parsed(stored, voxels, ctx)?),
            StoredType::I64 => VoxelData::I64(parsed(stored, voxels, ctx)?),
            StoredType::F32 => VoxelData::F32(parsed(stored, voxels, ctx)?),
            StoredType::F64 => VoxelData::F64(parsed(stored, voxels, ctx)?),
            StoredType::Rgb24 | StoredType::Rgba32 => {
                return Err(BlockError::Damaged("its voxels are colours".to_owned()));
            }
        })
    }

    fn vector<T: Pod + Send>(
        &self,
        mut reader: impl Read,
        swap: bool,
        swap_bytes: impl Fn(T) -> T + Sync,
        ctx: &JobContext,
    ) -> Result<Vec<T>, BlockError> {
        let mut voxels: Vec<T> = Vec::new();
        let step = CHUNK_BYTES / size_of::<T>();
        while voxels.len() < self.voxels {
            ctx.check().map_err(|c| BlockError::Io(c.into()))?;
            let from = voxels.len();
            let to = self.voxels.min(from + step);
            voxels
                .try_reserve(to - from)
                .map_err(|e| BlockError::Damaged(format!("it does not fit into memory ({e})")))?;
            voxels.resize(to, T::zeroed());
            let bytes = bytemuck::cast_slice_mut(&mut voxels[from..]);
            reader.read_exact(bytes).map_err(|e| {
                BlockError::Damaged(format!(
                    "its voxels cannot be read to the end ({e}); copy or download it again"
                ))
            })?;
        }
        if swap {
            voxels.par_iter_mut().for_each(|v| *v = swap_bytes(*v));
        }
        Ok(voxels)
    }
}

/// The first `count` numbers of a text.
fn parsed<T: FromStr>(
    stored: impl Read,
    count: usize,
    ctx: &JobContext,
) -> Result<Vec<T>, BlockError> {
    let mut numbers = Vec::new();
    for line in BufReader::new(stored).split(b'\n') {
        ctx.check().map_err(|c| BlockError::Io(c.into()))?;
        let line =
            line.map_err(|e| BlockError::Damaged(format!("its voxels cannot be read ({e})")))?;
        let words = line.split(|b| b.is_ascii_whitespace() || *b == b',');
        for word in words
            .filter(|word| !word.is_empty())
            .take(count - numbers.len())
        {
            let number = std::str::from_utf8(word)
                .ok()
                .and_then(|word| word.parse().ok());
            let number = number.ok_or_else(|| {
                let word = String::from_utf8_lossy(word);
                BlockError::Damaged(format!(
                    "{word:?} stands among its voxels, which is no number of their type"
                ))
            })?;
            numbers.push(number);
        }
    }
    match numbers.len() == count {
        true => Ok(numbers),
        false => Err(BlockError::Damaged(format!(
            "it has {} voxels and needs {count}; copy or download it again",
            numbers.len()
        ))),
    }
}

/// Why a block is not read.
pub(super) enum BlockError {
    /// What is wrong with the file.
    Damaged(String),
    /// Anything else.
    Io(IoError),
}

impl BlockError {
    /// The refusal of the file.
    pub(super) fn of(self, path: &Path) -> IoError {
        match self {
            Self::Damaged(reason) => IoError::damaged(path, reason),
            Self::Io(error) => error,
        }
    }
}

/// What was read: the grid of one frame, and the voxels of all.
pub(super) struct Block {
    /// The grid of a frame.
    pub grid: Grid,
    /// The voxels; frames one after another.
    pub voxels: VoxelData,
    /// Number of frames.
    pub frames: usize,
    /// Doubts to show.
    pub warnings: Vec<Warning>,
}

impl Block {
    /// One frame as a scan.
    ///
    /// # Errors
    /// There is no such frame, or no voxel is a number.
    pub(super) fn into_scan(
        self,
        path: &Path,
        options: &OpenOptions,
    ) -> Result<(ScanInfo, Option<ImageVolume>), IoError> {
        let frames = self.frames;
        if options.frames_of_slice.is_some() {
            let reason = "frames of a slice are read from NIfTI and DICOM; convert it first";
            return Err(IoError::unsupported(path, reason));
        }
        let frame = options.frame.unwrap_or(0);
        if frame >= frames {
            let path = path.to_owned();
            return Err(IoError::NoSuchFrame {
                path,
                frame,
                frames,
            });
        }
        let mut info = ScanInfo {
            warnings: self.warnings,
            ..ScanInfo::default()
        };
        if frames > 1 && options.frame.is_none() {
            info.warnings.push(Warning::FirstFrame { frames });
        }
        let voxels = match frames {
            1 => self.voxels,
            _ => {
                let len = self.grid.len();
                map_voxels!(&self.voxels, v => v[frame * len..][..len].to_vec())
            }
        };
        let found = Found {
            frames,
            dtype: voxels.dtype(),
            time: None,
        };
        let image = ImageVolume::new(self.grid, voxels, Rescale::IDENTITY, Modality::Mr);
        described(path, image, &found, options, info)
    }

    /// The only frame as labels, with names for all of them.
    ///
    /// # Errors
    /// Several frames, and values that are no labels.
    pub(super) fn into_labels(self, path: &Path, table: LabelTable) -> Result<Labels, IoError> {
        if self.frames > 1 {
            return Err(IoError::several_frames(path, self.frames));
        }
        let labels = label_map(path, self.grid, self.voxels, Rescale::IDENTITY)?;
        let table = named(table, &labels);
        Ok(Labels::plain(labels.into(), table, self.warnings))
    }
}

/// Labels in the smallest type that holds them.
pub(super) fn narrow(labels: &LabelMap) -> VoxelData {
    match in_bytes(labels) {
        Some(narrow) => VoxelData::U8(narrow),
        None => VoxelData::U16(labels.voxels.clone()),
    }
}

/// The label maps of all layers, one after another, in the smallest type that holds them.
pub(super) fn narrow_layers(layers: &LabelLayers) -> VoxelData {
    let maps = layers.maps().iter();
    let narrow: Option<Vec<Vec<u8>>> = maps.clone().map(|map| in_bytes(map)).collect();
    match narrow {
        Some(narrow) => VoxelData::U8(narrow.concat()),
        None => VoxelData::U16(maps.flat_map(|map| map.voxels.iter().copied()).collect()),
    }
}

/// A scan's values for formats without a rescale: as stored where there is none, else the physical ones, as whole numbers
/// where they are.
///
/// # Errors
/// Scans in colour.
pub(super) fn physical(path: &Path, image: &ImageVolume) -> Result<VoxelData, IoError> {
    if image.colours().is_some() {
        let reason = "scans in colour are saved as NIfTI: give a name that ends in .nii.gz";
        return Err(IoError::output(path, reason));
    }
    let Rescale { slope, intercept } = image.rescale();
    if image.rescale() == Rescale::IDENTITY {
        return Ok(image.voxels().clone());
    }
    let is_float = matches!(image.voxels(), VoxelData::F32(_) | VoxelData::F64(_));
    let (low, high) = image.finite_range().0.unwrap_or((0.0, 0.0));
    let is_whole = !is_float && slope.fract() == 0.0 && intercept.fract() == 0.0;
    let values = (0..image.grid().len()).into_par_iter();
    let fits = |min: f64, max: f64| is_whole && low >= min && high <= max;
    Ok(if fits(f64::from(i16::MIN), f64::from(i16::MAX)) {
        VoxelData::I16(values.map(|n| image.value(n) as i16).collect())
    } else if fits(f64::from(i32::MIN), f64::from(i32::MAX)) {
        VoxelData::I32(values.map(|n| image.value(n) as i32).collect())
    } else if matches!(image.voxels(), VoxelData::F64(_)) {
        VoxelData::F64(values.map(|n| image.value(n)).collect())
    } else {
        VoxelData::F32(values.map(|n| image.value(n) as f32).collect())
    })
}

/// Writes voxels in this machine's byte order; packings that are only read are written as they are.
pub(super) fn write(
    mut out: impl Write,
    voxels: &VoxelData,
    packing: Packing,
) -> std::io::Result<()> {
    let bytes = bytes_of(voxels);
    // Level 1, as nibabel: higher ones take far longer for little.
    match packing {
        Packing::Plain | Packing::Bzip2 | Packing::Text => out.write_all(bytes)?,
        Packing::Gzip => {
            let mut packed = GzEncoder::new(&mut out, Compression::fast());
            packed.write_all(bytes)?;
            packed.finish()?;
        }
        Packing::Zlib => {
            let mut packed = ZlibEncoder::new(&mut out, Compression::fast());
            packed.write_all(bytes)?;
            packed.finish()?;
        }
    }
    out.flush()
}

/// Re-read positions may differ by this part of a voxel.
const POSITION_VOXELS: f64 = 1e-6;

/// Whether what was read back is what was written.
///
/// # Errors
/// What differs.
pub(super) fn compare(read: &Block, grid: &Grid, voxels: &VoxelData) -> Result<(), String> {
    if !read.grid.is_same(grid, POSITION_VOXELS) {
        return Err("the position differs".into());
    }
    // Bytes and not values, as NaN is not equal to itself.
    if StoredType::of(&read.voxels) != StoredType::of(voxels)
        || bytes_of(&read.voxels) != bytes_of(voxels)
    {
        return Err("a voxel differs".into());
    }
    Ok(())
}

fn bytes_of(voxels: &VoxelData) -> &[u8] {
    with_voxels!(voxels, v => bytemuck::cast_slice(v))
}
