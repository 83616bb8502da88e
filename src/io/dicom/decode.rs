//! Decoding the slices of a stack, in parallel, each straight into its place in the volume.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::codec::{Decoded, decode};
use super::format::PixelFormat;
use super::header::Instance;
use super::refusal::Refusal;
use super::samples::{BitField, Voxel, colours, store, store_rescaled, to_little_endian};
use super::scan::HEADER_SHARE;
use super::series::Plane;
use super::source::{PixelSource, check_encapsulation, check_length};
use super::syntax::{Codec, Syntax};
use crate::io::IoError;
use crate::util::JobContext;
use crate::volume::{Rescale, Rgb, VoxelData, luminance};

/// Volumes up to this size are not suspected, in bytes.
const UNSUSPECTED_BYTES: u64 = 64 << 20;

/// An image that grows more than this in unpacking is no image of a patient.
fn most_expansion(syntax: &Syntax) -> u64 {
    match syntax.codec() {
        // Two bytes become 128.
        Codec::Rle => 64,
        // A block of 64 bytes takes at least a bit; lossless takes a bit for a sample.
        Codec::Jpeg => 600,
        // Deflated and gzipped files, where a bit can stand for 129 bytes.
        Codec::Native => 1100,
        Codec::JpegLs | Codec::Jpeg2000 | Codec::Unsupported => 2000,
    }
}

/// The voxels of a stack and what they mean.
pub(super) struct Voxels {
    pub data: VoxelData,
    pub rescale: Rescale,
    /// Slices had different rescales, so physical values are stored.
    pub was_rescaled: bool,
    /// Of images in colour, whose voxels are their luminance; not where that is rescaled.
    pub colours: Option<Vec<Rgb>>,
}

/// Decodes slices that share a format (bits stored may differ).
///
/// # Errors
/// A slice that cannot be read, named by its file; [`IoError::Cancelled`] on request.
pub(super) fn decode_stack(slices: &[Plane], ctx: &JobContext) -> Result<Voxels, IoError> {
    let job = Job::new(slices, ctx)?;
    let (rescale, is_shared) = job.shared_rescale()?;
    let format = job.widest;
    if format.is_colour() && is_shared && rescale == Rescale::IDENTITY {
        let colours = job.colours()?;
        return Ok(Voxels {
            data: VoxelData::U8(colours.par_iter().map(|&c| luminance(c)).collect()),
            rescale,
            was_rescaled: false,
            colours: Some(colours),
        });
    }
    let data = match (format.float, format.signed, format.bits_allocated) {
        (true, _, 32) if is_shared => VoxelData::F32(job.floats::<f32, 4>(f32::from_le_bytes)?),
        (true, _, 32) => return Err(job.refuse("its slices have different rescales")),
        (true, _, _) if is_shared => VoxelData::F64(job.floats::<f64, 8>(f64::from_le_bytes)?),
        (true, _, _) => return Err(job.refuse("its slices have different rescales")),
        // 16 bits times any slope keep their differences in 32-bit floats; 32 bits would not.
        _ if !is_shared && format.bits_allocated <= 16 => VoxelData::F32(job.rescaled()?),
        _ if !is_shared => VoxelData::F64(job.rescaled()?),
        (_, false, 8) => VoxelData::U8(job.stored()?),
        (_, true, 8) => VoxelData::I8(job.stored()?),
        (_, false, 16) => VoxelData::U16(job.stored()?),
        (_, true, 16) => VoxelData::I16(job.stored()?),
        (_, false, _) => VoxelData::U32(job.stored()?),
        (_, true, _) => VoxelData::I32(job.stored()?),
    };
    Ok(Voxels {
        data,
        rescale,
        was_rescaled: !is_shared,
        colours: None,
    })
}

struct Job<'a> {
    slices: &'a [Plane<'a>],
    /// The format with the most bits.
    widest: &'a PixelFormat,
    sources: Sources<'a>,
    done: AtomicUsize,
    ctx: &'a JobContext,
}

impl<'a> Job<'a> {
    fn new(slices: &'a [Plane<'a>], ctx: &'a JobContext) -> Result<Self, IoError> {
        let first = slices[0].instance;
        let mut widest = format_of(first)?;
        for plane in slices {
            let format = format_of(plane.instance)?;
            check_codec(plane.instance)?;
            if format.bits_allocated > widest.bits_allocated {
                widest = format;
            }
        }
        let job = Self {
            slices,
            widest,
            sources: Sources::of(slices),
            done: AtomicUsize::new(0),
            ctx,
        };
        job.check_size()?;
        Ok(job)
    }

    fn refuse(&self, reason: &str) -> IoError {
        IoError::unsupported(&self.slices[0].instance.path, reason)
    }

    /// The rescale of all slices, and whether they do share it; identity if not.
    fn shared_rescale(&self) -> Result<(Rescale, bool), IoError> {
        let of = |p: &Plane| {
            let rescale = p.frame.rescale.clone();
            rescale.map_err(|reason| IoError::damaged(&p.instance.path, reason))
        };
        let first = of(&self.slices[0])?;
        let mut is_shared = true;
        for plane in self.slices {
            is_shared &= of(plane)? == first;
        }
        let rescale = if is_shared { first } else { Rescale::IDENTITY };
        Ok((rescale, is_shared))
    }

    /// Refuses volumes that cannot be what the files hold, before reserving memory for them.
    fn check_size(&self) -> Result<(), IoError> {
        // The frames of a file follow each other: once is enough for all of them.
        let is_same = |a: &Plane, b: &Plane| std::ptr::eq(a.instance, b.instance);
        for planes in self.slices.chunk_by(is_same) {
            let instance = planes[0].instance;
            check_length(instance).map_err(|r| r.at(&instance.path))?;
        }
        let frame = self.widest.frame_bytes() as u64;
        let needed = frame.saturating_mul(self.slices.len() as u64);
        let files: HashMap<_, _> = self
            .slices
            .iter()
            .map(|p| (p.instance.path.as_path(), p.instance.file_bytes))
            .collect();
        let there: u64 = files.values().sum();
        let syntax = &self.slices[0].instance.syntax;
        if needed > UNSUSPECTED_BYTES && needed / most_expansion(syntax) > there {
            let mb = needed >> 20;
            return Err(IoError::damaged(
                &self.slices[0].instance.path,
                format!(
                    "it claims {mb} MiB of pixels in {there} bytes; copy the files again from their source"
                ),
            ));
        }
        Ok(())
    }

    /// All slices one after the other, each made by `decode_slice`.
    fn volume<T: bytemuck::Pod + Send + Sync>(
        &self,
        decode_slice: impl Fn(&Plane, &mut [T]) -> Result<(), Refusal> + Sync,
    ) -> Result<Vec<T>, IoError> {
        let pixels = self.widest.pixels();
        let voxels = pixels.saturating_mul(self.slices.len());
        let mut probe: Vec<T> = Vec::new();
        if probe.try_reserve_exact(voxels).is_err() {
            return Err(self.refuse("it does not fit into this computer's memory"));
        }
        drop(probe);
        let mut volume = vec![T::zeroed(); voxels];
        let slabs = volume.par_chunks_mut(pixels).zip(self.slices);
        slabs.try_for_each(|(slab, plane)| {
            let done = self.done.fetch_add(1, Ordering::Relaxed) as f32;
            let fraction = done / self.slices.len() as f32;
            self.ctx.step(
                HEADER_SHARE + (1.0 - HEADER_SHARE) * fraction,
                "decoding slices",
            )?;
            decode_slice(plane, slab).map_err(|r| r.at(&plane.instance.path))
        })?;
        Ok(volume)
    }

    fn stored<T: Voxel>(&self) -> Result<Vec<T>, IoError> {
        self.volume(|plane, slab| {
            if is_plain(plane.instance, size_of::<T>()) {
                let bytes = bytemuck::cast_slice_mut(slab);
                return self
                    .sources
                    .of_plane(plane)?
                    .read_into(plane.frame_index, bytes);
            }
            let (bytes, field) = self.samples(plane)?;
            store(&bytes, field, slab);
            Ok(())
        })
    }

    fn colours(&self) -> Result<Vec<Rgb>, IoError> {
        self.volume(|plane, slab| {
            let format = plane.instance.format.as_ref();
            let format = format.map_err(|r| Refusal::damaged(r.as_str()))?;
            let decoded = self.sources.decoded(plane)?;
            slab.iter_mut()
                .zip(colours(&decoded, format))
                .for_each(|(voxel, colour)| *voxel = colour);
            Ok(())
        })
    }

    fn rescaled<T: Voxel>(&self) -> Result<Vec<T>, IoError> {
        self.volume(|plane, slab| {
            let (bytes, field) = self.samples(plane)?;
            let rescale = plane.frame.rescale.clone().map_err(Refusal::Damaged)?;
            store_rescaled(&bytes, field, rescale, slab);
            Ok(())
        })
    }

    fn floats<T: Voxel, const N: usize>(
        &self,
        from_bytes: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, IoError> {
        self.volume(|plane, slab| {
            let bytes = self.sources.decoded(plane)?.bytes;
            let values = bytes.as_chunks::<N>().0.iter().map(|&c| from_bytes(c));
            slab.iter_mut()
                .zip(values)
                .for_each(|(v, value)| *v = value);
            Ok(())
        })
    }

    /// The samples of a slice, one per pixel, and where their value is.
    fn samples(&self, plane: &Plane) -> Result<(Vec<u8>, BitField), Refusal> {
        let format = plane.instance.format.as_ref();
        let format = format.map_err(|r| Refusal::damaged(r.as_str()))?;
        let decoded = self.sources.decoded(plane)?;
        let field = BitField::of(format, decoded.precision);
        match format.is_colour() {
            true => Ok((colours(&decoded, format).map(luminance).collect(), field)),
            false => Ok((decoded.bytes, field)),
        }
    }
}

/// Where the pixels of each file are; found by whoever needs them first.
pub(super) struct Sources<'a>(HashMap<&'a Path, OnceLock<Result<PixelSource, Refusal>>>);

impl<'a> Sources<'a> {
    /// Of the files that hold these planes.
    pub fn of<'p>(planes: impl IntoIterator<Item = &'p Plane<'a>>) -> Self
    where
        'a: 'p,
    {
        let paths = planes.into_iter().map(|p| p.instance.path.as_path());
        Self(paths.map(|path| (path, OnceLock::new())).collect())
    }

    /// The samples of a plane, little endian.
    ///
    /// # Errors
    /// It cannot be read or decoded.
    pub fn decoded(&self, plane: &Plane) -> Result<Decoded, Refusal> {
        decode_plane(self.of_plane(plane)?, plane)
    }

    fn of_plane(&self, plane: &Plane) -> Result<&PixelSource, Refusal> {
        let slot = self.0.get(plane.instance.path.as_path());
        let slot = slot.ok_or_else(|| Refusal::damaged("its pixels were not found"))?;
        let source = slot.get_or_init(|| PixelSource::open(plane.instance));
        source.as_ref().map_err(Clone::clone)
    }
}

/// Reads and decodes one plane: a frame, or a tile of one.
fn decode_plane(source: &PixelSource, plane: &Plane) -> Result<Decoded, Refusal> {
    let instance = plane.instance;
    let format = instance.stored_format().map_err(Refusal::Damaged)?;
    let frame = match instance.mosaic {
        Some(_) => 0,
        None => plane.frame_index,
    };
    let mut bytes = source.read(frame)?;
    if instance.encoding.big_endian {
        let words = instance.pixels.is_some_and(|p| &p.vr == b"OW");
        bytes = to_little_endian(bytes, &format, words && format.bits_allocated == 8);
    }
    let mut decoded = decode(&instance.syntax, bytes, &format)?;
    if let (Some(mosaic), Ok(tile)) = (instance.mosaic, &instance.format) {
        decoded.bytes = mosaic.cut(&decoded.bytes, tile, plane.frame_index);
    }
    Ok(decoded)
}

fn format_of(instance: &Instance) -> Result<&PixelFormat, IoError> {
    let format = instance.format.as_ref();
    format.map_err(|reason| IoError::unsupported(&instance.path, reason.as_str()))
}

/// Refuses what no codec here decodes, by the name of its transfer syntax.
fn check_codec(instance: &Instance) -> Result<(), IoError> {
    if instance.syntax.codec() == Codec::Unsupported {
        let name = instance.syntax.name();
        return Err(IoError::unsupported(
            &instance.path,
            format!(
                "its transfer syntax is {name}; convert the series to an uncompressed or lossless one"
            ),
        ));
    }
    check_encapsulation(instance).map_err(|r| r.at(&instance.path))
}

/// Whether a frame's bytes are its voxels as they are.
fn is_plain(instance: &Instance, voxel_bytes: usize) -> bool {
    let whole = instance.format.as_ref().is_ok_and(|f| {
        !f.is_colour()
            && f.sample_bytes() == voxel_bytes
            && f.bits_stored == f.bits_allocated
            && f.high_bit + 1 == f.bits_allocated
    });
    whole
        && instance.mosaic.is_none()
        && instance.syntax.codec() == Codec::Native
        && !instance.encoding.big_endian
        && cfg!(target_endian = "little")
}
