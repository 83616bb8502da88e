//! The unpacked bytes of one file, in order, with refusals that name the damage.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::io::IoError;
use crate::io::block::PACKED_RATIO;
use crate::io::sniff::GZIP_MAGIC;
use crate::util::JobContext;

use super::gzip::GzipReader;
use super::header::{Header, Version};
use crate::io::stored_type::StoredType;

/// Extensions beyond this are not kept: label tables are far smaller.
const EXTENSION_BYTES: u64 = 16 << 20;

/// The unpacked bytes of a file, in order.
pub(super) struct Source {
    pub(super) path: PathBuf,
    reader: Reader,
    pub(super) gzipped: bool,
    file_bytes: u64,
    /// Unpacked bytes read so far.
    pub(super) position: u64,
}

enum Reader {
    Plain(BufReader<File>),
    Gzip(Box<GzipReader<BufReader<File>>>),
}

impl Source {
    /// Opens a file; gzip is recognised by its content.
    pub(super) fn open(path: &Path) -> Result<Self, IoError> {
        let opened = || -> std::io::Result<_> {
            let mut file = File::open(path)?;
            let file_bytes = file.metadata()?.len();
            let mut first = Vec::new();
            file.by_ref().take(2).read_to_end(&mut first)?;
            file.seek(SeekFrom::Start(0))?;
            Ok((
                BufReader::with_capacity(256 << 10, file),
                file_bytes,
                first == GZIP_MAGIC,
            ))
        };
        let (file, file_bytes, gzipped) = opened().map_err(|e| IoError::unreadable(path, e))?;
        Ok(Self {
            path: path.to_owned(),
            reader: if gzipped {
                Reader::Gzip(Box::new(GzipReader::new(file)))
            } else {
                Reader::Plain(file)
            },
            gzipped,
            file_bytes,
            position: 0,
        })
    }

    /// Reads some bytes, 0 at the end.
    pub(super) fn read_some(&mut self, bytes: &mut [u8]) -> Result<usize, IoError> {
        let read = loop {
            let read = match &mut self.reader {
                Reader::Plain(r) => r.read(bytes),
                Reader::Gzip(r) => r.read(bytes),
            };
            match read {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let n = read.map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => self.too_short(),
            ErrorKind::InvalidInput | ErrorKind::InvalidData => IoError::damaged(
                &self.path,
                format!("its gzip data is wrong ({e}); copy or download the file again"),
            ),
            _ => IoError::unreadable(&self.path, e),
        })?;
        self.position += n as u64;
        Ok(n)
    }

    /// Fills `bytes` or refuses the file as too short.
    pub(super) fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), IoError> {
        let wanted = bytes.len();
        if self.read_up_to(bytes)? < wanted {
            return Err(self.too_short());
        }
        Ok(())
    }

    /// Fills as much of `bytes` as there is.
    fn read_up_to(&mut self, bytes: &mut [u8]) -> Result<usize, IoError> {
        let mut done = 0;
        while done < bytes.len() {
            match self.read_some(&mut bytes[done..])? {
                0 => break,
                n => done += n,
            }
        }
        Ok(done)
    }

    /// As much of a header as there is: 348 bytes, or 540 if the first ones ask for it.
    pub(super) fn read_head(&mut self) -> Result<Vec<u8>, IoError> {
        let mut head = vec![0; Version::Two.header_bytes()];
        let first = Version::One.header_bytes();
        let mut n = self.read_up_to(&mut head[..first])?;
        if n == first && matches!(Version::of(&head), Some((Version::Two, _))) {
            n += self.read_up_to(&mut head[first..])?;
        }
        head.truncate(n);
        Ok(head)
    }

    /// The extensions between header and voxels; of a pair, to the header file's end.
    pub(super) fn read_extensions(
        &mut self,
        header: &Header,
        offset: u64,
    ) -> Result<Vec<(i32, Vec<u8>)>, IoError> {
        let room = if header.single_file {
            offset.saturating_sub(self.position)
        } else {
            EXTENSION_BYTES
        };
        let mut bytes = Vec::new();
        let mut piece = [0; 4096];
        while (bytes.len() as u64) < room.min(EXTENSION_BYTES) {
            let wanted = piece.len().min((room - bytes.len() as u64) as usize);
            match self.read_some(&mut piece[..wanted])? {
                0 => break,
                n => bytes.extend_from_slice(&piece[..n]),
            }
        }
        Ok(split_extensions(&bytes, header.swapped))
    }

    /// Moves forward to an unpacked offset.
    pub(super) fn skip_to(&mut self, offset: u64, ctx: &JobContext) -> Result<(), IoError> {
        if let Reader::Plain(r) = &mut self.reader {
            r.seek(SeekFrom::Start(offset))
                .map_err(|e| IoError::unreadable(&self.path, e))?;
            self.position = offset;
        }
        let mut piece = vec![0; 1 << 20];
        while self.position < offset {
            ctx.check()?;
            let wanted = piece.len().min((offset - self.position) as usize);
            self.read_exact(&mut piece[..wanted])?;
        }
        Ok(())
    }

    /// Refuses a file that is too small for its voxels, before memory is asked for.
    pub(super) fn check_room(
        &self,
        offset: u64,
        dims: [usize; 3],
        frames: usize,
        stored_type: StoredType,
    ) -> Result<(), IoError> {
        let [ni, nj, nk] = dims;
        let voxels = dims.iter().product::<usize>() as u64 * frames as u64;
        let needed = offset.saturating_add(voxels * stored_type.bytes() as u64);
        let possible = if self.gzipped {
            self.file_bytes.saturating_mul(PACKED_RATIO)
        } else {
            self.file_bytes
        };
        if needed > possible {
            return Err(IoError::damaged(
                &self.path,
                format!(
                    "its header promises {ni}x{nj}x{nk} voxels of {} in {frames} frame(s) from byte \
                     {offset}, {needed} bytes in all, but the file has {}; copy or download it again",
                    stored_type.name(),
                    self.file_bytes
                ),
            ));
        }
        let mut room = Vec::<u8>::new();
        let frame_bytes = dims.iter().product::<usize>() * stored_type.bytes();
        room.try_reserve_exact(frame_bytes).map_err(|e| {
            IoError::unsupported(
                &self.path,
                format!("its {ni}x{nj}x{nk} voxels do not fit into this computer's memory ({e})"),
            )
        })
    }

    /// The refusal of a file that ends too early.
    pub(super) fn too_short(&self) -> IoError {
        IoError::damaged(
            &self.path,
            "the file ends before its voxels do; copy or download it again",
        )
    }
}

/// Codes and contents of the extensions in the bytes after a header, as far as they are sound.
fn split_extensions(bytes: &[u8], swapped: bool) -> Vec<(i32, Vec<u8>)> {
    let mut found = Vec::new();
    let Some(([1..=u8::MAX, ..], mut rest)) = bytes.split_at_checked(4) else {
        return found;
    };
    while let Some((sizes, after)) = rest.split_at_checked(8) {
        let field = |at: usize| {
            let v = i32::from_ne_bytes([sizes[at], sizes[at + 1], sizes[at + 2], sizes[at + 3]]);
            if swapped { v.swap_bytes() } else { v }
        };
        let content = usize::try_from(field(0))
            .ok()
            .and_then(|size| size.checked_sub(8))
            .and_then(|size| after.split_at_checked(size));
        let Some((content, after)) = content else {
            break;
        };
        found.push((field(4), content.to_vec()));
        rest = after;
    }
    found
}
