//! The header: the fields that matter, the same for NIfTI-1 and NIfTI-2.

use std::path::Path;

use nifti::{Endianness, NiftiHeader};

use crate::io::IoError;

/// Which header a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// 348 bytes, 16-bit dims, 32-bit floats.
    One,
    /// 540 bytes, 64-bit dims and floats.
    Two,
}

impl Version {
    /// Size of the header in bytes.
    pub(super) fn header_bytes(self) -> usize {
        match self {
            Self::One => 348,
            Self::Two => 540,
        }
    }

    /// The version and whether bytes are swapped, by the header's first field.
    pub(super) fn of(head: &[u8]) -> Option<(Self, bool)> {
        let size = i32::from_ne_bytes(*head.first_chunk::<4>()?);
        match (size, size.swap_bytes()) {
            (348, _) => Some((Self::One, false)),
            (540, _) => Some((Self::Two, false)),
            (_, 348) => Some((Self::One, true)),
            (_, 540) => Some((Self::Two, true)),
            _ => None,
        }
    }
}

/// The header fields that are used, as stored and unchecked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) version: Version,
    /// Whether the file's byte order is not this machine's.
    pub(super) swapped: bool,
    /// Header and voxels in one file (`.nii`), not in a pair.
    pub(super) single_file: bool,
    /// Number of dimensions, then the dims.
    pub(super) dim: [i64; 8],
    pub(super) datatype: i16,
    pub(super) bitpix: i16,
    /// Handedness of the qform, then the spacings.
    pub(super) pixdim: [f64; 8],
    /// Offset of the voxels in bytes.
    pub(super) vox_offset: f64,
    pub(super) scl_slope: f64,
    pub(super) scl_inter: f64,
    pub(super) xyzt_units: i32,
    pub(super) qform_code: i32,
    pub(super) sform_code: i32,
    /// b, c, d of the unit quaternion.
    pub(super) quaternion: [f64; 3],
    /// Position of voxel (0, 0, 0) by the qform.
    pub(super) qoffset: [f64; 3],
    /// Rows of the sform.
    pub(super) srow: [[f64; 4]; 3],
    pub(super) intent_code: i32,
}

/// The bits of `xyzt_units` for time: seconds, milliseconds, microseconds.
const TIME_UNITS: i32 = 0x38;

impl Header {
    /// Decodes a header from its first bytes.
    ///
    /// # Errors
    /// Too few bytes, and magic bytes that are not NIfTI's.
    pub(super) fn parse(head: &[u8], path: &Path) -> Result<Self, IoError> {
        let Some((version, swapped)) = Version::of(head) else {
            return Err(IoError::not_a_scan(path, "it has no NIfTI header"));
        };
        let Some(head) = head.get(..version.header_bytes()) else {
            return Err(IoError::damaged(
                path,
                "the file ends inside its header; copy or download it again",
            ));
        };
        match version {
            Version::One => Self::parse_1(head, swapped, path),
            Version::Two => Self::parse_2(head, swapped, path),
        }
    }

    fn parse_1(head: &[u8], swapped: bool, path: &Path) -> Result<Self, IoError> {
        let single_file = match &head[344..348] {
            b"n+1\0" => true,
            b"ni1\0" => false,
            [0, 0, 0, 0] => {
                return Err(IoError::unsupported(
                    path,
                    "it is an Analyze 7.5 file, which does not say left from right; convert it to NIfTI",
                ));
            }
            other => {
                let shown = String::from_utf8_lossy(other);
                return Err(IoError::damaged(
                    path,
                    format!(
                        "its magic bytes are {shown:?}, not those of NIfTI (n+1 or ni1); copy or download it again"
                    ),
                ));
            }
        };
        let h = NiftiHeader::from_reader(head)
            .map_err(|e| IoError::damaged(path, format!("its header: {e}")))?;
        // The crate tells byte orders apart by dim[0] alone.
        if h.sizeof_hdr != 348 || (h.endianness != Endianness::native()) != swapped {
            return Err(IoError::damaged(
                path,
                "its header does not give 1 to 7 dimensions; copy or download it again",
            ));
        }
        Ok(Self {
            version: Version::One,
            swapped,
            single_file,
            dim: h.dim.map(|n| i64::from(n as i16)),
            datatype: h.datatype,
            bitpix: h.bitpix,
            pixdim: h.pixdim.map(f64::from),
            vox_offset: f64::from(h.vox_offset),
            scl_slope: f64::from(h.scl_slope),
            scl_inter: f64::from(h.scl_inter),
            xyzt_units: i32::from(h.xyzt_units),
            qform_code: i32::from(h.qform_code),
            sform_code: i32::from(h.sform_code),
            quaternion: [h.quatern_b, h.quatern_c, h.quatern_d].map(f64::from),
            qoffset: [h.quatern_x, h.quatern_y, h.quatern_z].map(f64::from),
            srow: [h.srow_x, h.srow_y, h.srow_z].map(|row| row.map(f64::from)),
            intent_code: i32::from(h.intent_code),
        })
    }

    fn parse_2(head: &[u8], swapped: bool, path: &Path) -> Result<Self, IoError> {
        let single_file = match &head[4..12] {
            b"n+2\0\r\n\x1a\n" => true,
            b"ni2\0\r\n\x1a\n" => false,
            [b'n', b'+' | b'i', b'2', 0, ..] => {
                return Err(IoError::damaged(
                    path,
                    "a text-mode transfer changed its line ends; copy it again in binary mode",
                ));
            }
            _ => {
                return Err(IoError::damaged(
                    path,
                    "its magic bytes are not those of NIfTI-2 (n+2 or ni2); copy or download it again",
                ));
            }
        };
        let f = Fields { head, swapped };
        Ok(Self {
            version: Version::Two,
            swapped,
            single_file,
            dim: std::array::from_fn(|d| f.i64(16 + 8 * d)),
            datatype: f.i16(12),
            bitpix: f.i16(14),
            pixdim: std::array::from_fn(|d| f.f64(104 + 8 * d)),
            vox_offset: f.i64(168) as f64,
            scl_slope: f.f64(176),
            scl_inter: f.f64(184),
            xyzt_units: f.i32(500),
            qform_code: f.i32(344),
            sform_code: f.i32(348),
            quaternion: std::array::from_fn(|d| f.f64(352 + 8 * d)),
            qoffset: std::array::from_fn(|d| f.f64(376 + 8 * d)),
            srow: std::array::from_fn(|r| std::array::from_fn(|c| f.f64(400 + 32 * r + 8 * c))),
            intent_code: f.i32(504),
        })
    }

    /// Time from frame to frame in ms, where the header gives a unit of time.
    pub(super) fn frame_ms(&self) -> Option<f64> {
        let unit_ms = match self.xyzt_units & TIME_UNITS {
            8 => 1e3,
            16 => 1.0,
            24 => 1e-3,
            _ => return None,
        };
        let step_ms = self.pixdim[4] * unit_ms;
        (step_ms.is_finite() && step_ms > 0.0).then_some(step_ms)
    }

    /// The header's bytes in this machine's byte order, as a single file. Fields that are not kept
    /// are zero, but for a description that names the program.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.version.header_bytes()];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        let description = concat!("Prosector ", env!("CARGO_PKG_VERSION")).as_bytes();
        match self.version {
            Version::One => {
                let floats = |v: &[f64]| -> Vec<u8> {
                    v.iter().flat_map(|&x| (x as f32).to_ne_bytes()).collect()
                };
                put(0, &348_i32.to_ne_bytes());
                put(38, b"r");
                put(
                    40,
                    &concat_bytes(self.dim.map(|n| (n as i16).to_ne_bytes())),
                );
                put(68, &(self.intent_code as i16).to_ne_bytes());
                put(70, &self.datatype.to_ne_bytes());
                put(72, &self.bitpix.to_ne_bytes());
                put(76, &floats(&self.pixdim));
                put(
                    108,
                    &floats(&[self.vox_offset, self.scl_slope, self.scl_inter]),
                );
                put(123, &[self.xyzt_units as u8]);
                put(148, description);
                put(252, &(self.qform_code as i16).to_ne_bytes());
                put(254, &(self.sform_code as i16).to_ne_bytes());
                put(256, &floats(&self.quaternion));
                put(268, &floats(&self.qoffset));
                put(280, &floats(self.srow.as_flattened()));
                put(344, b"n+1\0");
            }
            Version::Two => {
                let floats =
                    |v: &[f64]| -> Vec<u8> { v.iter().flat_map(|x| x.to_ne_bytes()).collect() };
                put(0, &540_i32.to_ne_bytes());
                put(4, b"n+2\0\r\n\x1a\n");
                put(12, &self.datatype.to_ne_bytes());
                put(14, &self.bitpix.to_ne_bytes());
                put(16, &concat_bytes(self.dim.map(i64::to_ne_bytes)));
                put(104, &floats(&self.pixdim));
                put(168, &(self.vox_offset as i64).to_ne_bytes());
                put(176, &floats(&[self.scl_slope, self.scl_inter]));
                put(240, description);
                put(344, &self.qform_code.to_ne_bytes());
                put(348, &self.sform_code.to_ne_bytes());
                put(352, &floats(&self.quaternion));
                put(376, &floats(&self.qoffset));
                put(400, &floats(self.srow.as_flattened()));
                put(500, &self.xyzt_units.to_ne_bytes());
                put(504, &self.intent_code.to_ne_bytes());
            }
        }
        bytes
    }
}

fn concat_bytes<const N: usize>(fields: [[u8; N]; 8]) -> Vec<u8> {
    fields.as_flattened().to_vec()
}

/// Fixed-place fields of a NIfTI-2 header, whose 540 bytes are all there.
struct Fields<'a> {
    head: &'a [u8],
    swapped: bool,
}

impl Fields<'_> {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.head[at..at + N]);
        if self.swapped {
            bytes.reverse();
        }
        bytes
    }

    fn i16(&self, at: usize) -> i16 {
        i16::from_ne_bytes(self.bytes(at))
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_ne_bytes(self.bytes(at))
    }

    fn i64(&self, at: usize) -> i64 {
        i64::from_ne_bytes(self.bytes(at))
    }

    fn f64(&self, at: usize) -> f64 {
        f64::from_ne_bytes(self.bytes(at))
    }
}
