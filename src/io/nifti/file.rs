//! One NIfTI file, plain or gzipped, single or a pair: its header, its extensions, its voxel bytes.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::io::anonymise::Failure;
use crate::io::{IoError, Warning};
use crate::util::JobContext;

use super::header::{Header, Version};
use super::source::Source;
use crate::io::stored_type::StoredType;

/// Voxels are read in pieces of this size, with a look at cancellation between them.
const PIECE_BYTES: usize = 4 << 20;

/// Whether these first bytes are a NIfTI header's (or an Analyze one's), by the header size they state.
pub(in crate::io) fn looks_like_header(head: &[u8]) -> bool {
    Version::of(head).is_some()
}

/// The header file of an `.img` file that has none of its own inside.
pub(super) fn header_beside_image(path: &Path) -> Option<PathBuf> {
    sibling(path, ".img", ".hdr")
}

/// The other file of an `.hdr`/`.img` pair.
pub(in crate::io) fn other_of_pair(path: &Path) -> Option<PathBuf> {
    header_beside_image(path).or_else(|| sibling(path, ".hdr", ".img"))
}

/// Which voxels of a file are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// One frame.
    Frame(usize),
    /// This slice of every frame, one after the other.
    FramesOfSlice(usize),
}

/// An opened file, read up to its voxels.
pub(super) struct NiftiFile {
    /// The path that was given, for messages.
    path: PathBuf,
    pub(super) header: Header,
    /// Codes and contents of the header extensions.
    pub(super) extensions: Vec<(i32, Vec<u8>)>,
    pub(super) stored_type: StoredType,
    /// Voxels along i, j, k.
    pub(super) dims: [usize; 3],
    /// Volumes in the file.
    pub(super) frames: usize,
    /// Doubts about the file itself.
    pub(super) warnings: Vec<Warning>,
    voxels: Source,
}

impl NiftiFile {
    /// Reads header and extensions, and checks that the voxels can be there.
    ///
    /// # Errors
    /// Everything that keeps the voxels from being read, as far as it shows before reading them.
    pub(super) fn open(path: &Path) -> Result<Self, IoError> {
        let mut source = Source::open(path)?;
        let mut head = source.read_head()?;
        let is_image = Version::of(&head).is_none();
        if let Some(header_path) = is_image.then(|| header_beside_image(path)).flatten() {
            source = Source::open(&header_path)?;
            head = source.read_head()?;
        }
        let header = Header::parse(&head, path)?;
        let stored_type = StoredType::from_code(header.datatype)
            .map_err(|reason| IoError::unsupported(path, reason))?;
        let mut warnings = Vec::new();
        let (dims, frames) = extents(&header, path, &mut warnings)?;
        let offset = voxel_offset(&header, path)?;
        if usize::try_from(header.bitpix).ok() != Some(8 * stored_type.bytes()) {
            warnings.push(Warning::BitsPerVoxel {
                stated: i64::from(header.bitpix),
                voxel_type: stored_type.name(),
                bits: 8 * stored_type.bytes(),
            });
        }
        let extensions = source.read_extensions(&header, offset)?;
        let mut voxels = if header.single_file {
            source
        } else {
            Source::open(&image_beside_header(&source.path)?)?
        };
        voxels.check_room(offset, dims, frames, stored_type)?;
        voxels.skip_to(offset, &JobContext::silent())?;
        Ok(Self {
            path: path.to_owned(),
            header,
            extensions,
            stored_type,
            dims,
            frames,
            warnings,
            voxels,
        })
    }

    /// Voxels in one frame.
    pub(super) fn frame_voxels(&self) -> usize {
        self.dims.iter().product()
    }

    /// Voxels in a part.
    pub(super) fn voxels_of(&self, part: Part) -> usize {
        match part {
            Part::Frame(_) => self.frame_voxels(),
            Part::FramesOfSlice(_) => self.dims[0] * self.dims[1] * self.frames,
        }
    }

    /// Fills `bytes` with a part as stored, and reads the rest of a gzipped file so that what else it should
    /// hold is known to be there and the checksum is checked. Can be called once.
    ///
    /// # Errors
    /// A frame or slice that is not there, damage, cancellation.
    pub(super) fn read_into(
        &mut self,
        part: Part,
        bytes: &mut [u8],
        ctx: &JobContext,
    ) -> Result<(), IoError> {
        match part {
            Part::Frame(frame) => self.read_frame_into(frame, bytes, ctx),
            Part::FramesOfSlice(slice) => self.read_slice_into(slice, bytes, ctx),
        }
    }

    fn read_frame_into(
        &mut self,
        frame: usize,
        bytes: &mut [u8],
        ctx: &JobContext,
    ) -> Result<(), IoError> {
        self.start_frame(frame, ctx)?;
        let total = bytes.len().max(1);
        let mut done = 0;
        for piece in bytes.chunks_mut(PIECE_BYTES) {
            ctx.step(done as f32 / total as f32, "reading voxels")?;
            self.voxels.read_exact(piece)?;
            done += piece.len();
        }
        self.finish(self.frame_bytes() * (self.frames - 1 - frame) as u64, ctx)
    }

    fn read_slice_into(
        &mut self,
        slice: usize,
        bytes: &mut [u8],
        ctx: &JobContext,
    ) -> Result<(), IoError> {
        let [.., slices] = self.dims;
        if slice >= slices || self.frames < 2 {
            return Err(IoError::NoSuchSequence {
                path: self.path.clone(),
                slice,
                slices,
                frames: self.frames,
            });
        }
        let slice_bytes = self.frame_bytes() / slices as u64;
        let first = self.voxels.position + slice_bytes * slice as u64;
        for (frame, bytes) in bytes.chunks_exact_mut(slice_bytes as usize).enumerate() {
            ctx.step(frame as f32 / self.frames as f32, "reading frames")?;
            self.voxels
                .skip_to(first + self.frame_bytes() * frame as u64, ctx)?;
            self.voxels.read_exact(bytes)?;
        }
        self.finish(slice_bytes * (slices - 1 - slice) as u64, ctx)
    }

    /// Whether the first frame holds exactly these bytes.
    ///
    /// # Errors
    /// As [`Self::read_frame_into`].
    pub(super) fn first_frame_equals(&mut self, expected: &[u8]) -> Result<bool, IoError> {
        let mut found = vec![0; PIECE_BYTES.min(expected.len())];
        for piece in expected.chunks(PIECE_BYTES) {
            let found = &mut found[..piece.len()];
            self.voxels.read_exact(found)?;
            if found != piece {
                return Ok(false);
            }
        }
        let others = self.frame_bytes() * (self.frames - 1) as u64;
        self.finish(others, &JobContext::silent())?;
        Ok(true)
    }

    /// Copies all voxels of all frames as stored; gives their digest. Can be called once.
    ///
    /// # Errors
    /// Damage, and an output that cannot be written.
    pub(super) fn copy_voxels(
        &mut self,
        out: &mut impl Write,
        ctx: &JobContext,
    ) -> Result<Vec<u8>, Failure> {
        let mut left = self.frame_bytes() * self.frames as u64;
        let mut piece = vec![0; PIECE_BYTES.min(left as usize)];
        let mut digest = Sha256::new();
        while left > 0 {
            let wanted = piece.len().min(left as usize);
            let piece = &mut piece[..wanted];
            self.voxels.read_exact(piece).map_err(Failure::Source)?;
            digest.update(&*piece);
            out.write_all(piece)?;
            left -= wanted as u64;
        }
        self.finish(0, ctx).map_err(Failure::Source)?;
        Ok(digest.finalize().to_vec())
    }

    fn start_frame(&mut self, frame: usize, ctx: &JobContext) -> Result<(), IoError> {
        if frame >= self.frames {
            return Err(IoError::NoSuchFrame {
                path: self.path.clone(),
                frame,
                frames: self.frames,
            });
        }
        self.voxels.skip_to(
            self.voxels.position + self.frame_bytes() * frame as u64,
            ctx,
        )
    }

    fn frame_bytes(&self) -> u64 {
        self.frame_voxels() as u64 * self.stored_type.bytes() as u64
    }

    /// Reads what follows: `missing` bytes must be there, and gzip's checksum must be right.
    fn finish(&mut self, mut missing: u64, ctx: &JobContext) -> Result<(), IoError> {
        if !self.voxels.gzipped {
            return Ok(());
        }
        let mut extra = 0_u64;
        let mut piece = vec![0; 1 << 20];
        loop {
            ctx.check()?;
            let n = self.voxels.read_some(&mut piece)? as u64;
            if n == 0 {
                break;
            }
            extra += n.saturating_sub(missing);
            missing = missing.saturating_sub(n);
        }
        if missing > 0 {
            return Err(self.voxels.too_short());
        }
        if extra > 0 {
            self.warnings.push(Warning::BytesLeft { bytes: extra });
        }
        Ok(())
    }
}

/// The dims and the number of frames, if they can be true. Sizes below 1 after the last real one, and beyond space,
/// count as 1, as the NIfTI library takes them.
fn extents(
    header: &Header,
    path: &Path,
    warnings: &mut Vec<Warning>,
) -> Result<([usize; 3], usize), IoError> {
    let damaged = |reason: String| IoError::damaged(path, reason);
    let n = match header.dim[0] {
        n @ 1..=7 => n as usize,
        n => {
            return Err(damaged(format!(
                "its header gives {n} dimensions, not 1 to 7"
            )));
        }
    };
    let stored = &header.dim[1..=n];
    let shown = || {
        let sizes: Vec<String> = stored.iter().map(i64::to_string).collect();
        sizes.join("x")
    };
    let last_real = stored.iter().rposition(|&d| d > 1).unwrap_or(0);
    let is_idle = |axis: usize| axis > last_real || axis >= 3;
    let mut dim = stored.to_vec();
    for (axis, size) in dim.iter_mut().enumerate() {
        if *size < 1 && is_idle(axis) {
            *size = 1;
        }
    }
    if dim.iter().any(|&d| d < 1) {
        return Err(damaged(format!(
            "its header gives impossible dimensions {}",
            shown()
        )));
    }
    if dim != stored {
        warnings.push(Warning::Dimensions { stored: shown() });
    }
    let product = dim
        .iter()
        .try_fold(8_u64, |p, &d| p.checked_mul(d as u64))
        .filter(|&p| isize::try_from(p).is_ok());
    if product.is_none() {
        return Err(damaged(format!(
            "its header gives impossibly large dimensions {}",
            shown()
        )));
    }
    let along = |d: usize| dim.get(d).map_or(1, |&n| n as usize);
    let frames = dim.iter().skip(3).map(|&d| d as usize).product();
    Ok(([along(0), along(1), along(2)], frames))
}

/// Where the voxels start in their file.
fn voxel_offset(header: &Header, path: &Path) -> Result<u64, IoError> {
    let first = if header.single_file {
        header.version.header_bytes() as u64 + 4
    } else {
        0
    };
    match header.vox_offset {
        0.0 => Ok(first),
        offset if offset.is_finite() && offset >= first as f64 => Ok(offset as u64),
        offset => Err(IoError::damaged(
            path,
            format!("its header places the voxels at byte {offset}, before byte {first}"),
        )),
    }
}

/// The `.img` file of a header file, plain or gzipped.
fn image_beside_header(header: &Path) -> Result<PathBuf, IoError> {
    sibling(header, ".hdr", ".img").ok_or_else(|| {
        IoError::damaged(
            header,
            "it is a header without voxels: the .img file of the same name must lie beside it",
        )
    })
}

/// The file beside `path` that has `to` in place of `from` in its name, gzipped or not.
fn sibling(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let stem_length = lower
        .strip_suffix(".gz")
        .unwrap_or(&lower)
        .strip_suffix(from)?
        .len();
    let stem = name.get(..stem_length)?;
    let upper = to.to_ascii_uppercase();
    [to, upper.as_str()]
        .iter()
        .flat_map(|to| [format!("{stem}{to}"), format!("{stem}{to}.gz")])
        .map(|name| path.with_file_name(name))
        .find(|candidate| candidate.is_file())
}
