//! The voxel types that files hold, with NIfTI's codes for them.

use crate::volume::VoxelData;

/// A voxel type that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredType {
    /// Unsigned 8 bit.
    U8,
    /// Signed 8 bit.
    I8,
    /// Unsigned 16 bit.
    U16,
    /// Signed 16 bit.
    I16,
    /// Unsigned 32 bit.
    U32,
    /// Signed 32 bit.
    I32,
    /// Unsigned 64 bit.
    U64,
    /// Signed 64 bit.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// Red, green, blue, 8 bit each.
    Rgb24,
    /// Red, green, blue, opacity, 8 bit each.
    Rgba32,
}

impl StoredType {
    /// The type of a header's `datatype` code.
    ///
    /// # Errors
    /// A reason that names the type, for types that are not read.
    pub(super) fn from_code(code: i16) -> Result<Self, String> {
        let refused = match code {
            2 => return Ok(Self::U8),
            4 => return Ok(Self::I16),
            8 => return Ok(Self::I32),
            16 => return Ok(Self::F32),
            64 => return Ok(Self::F64),
            128 => return Ok(Self::Rgb24),
            256 => return Ok(Self::I8),
            512 => return Ok(Self::U16),
            768 => return Ok(Self::U32),
            1024 => return Ok(Self::I64),
            1280 => return Ok(Self::U64),
            2304 => return Ok(Self::Rgba32),
            1 => "1-bit voxels",
            32 => "complex voxels (complex64)",
            1536 => "128-bit float voxels (float128)",
            1792 => "complex voxels (complex128)",
            2048 => "complex voxels (complex256)",
            0 => "voxels of unknown type (datatype 0)",
            _ => return Err(format!("datatype {code} is none that NIfTI defines")),
        };
        Err(format!(
            "{refused} are not read; convert the file to a real-valued type (magnitude) first"
        ))
    }

    /// The type of voxels that were read.
    pub(super) fn of(voxels: &VoxelData) -> Self {
        match voxels {
            VoxelData::U8(_) => Self::U8,
            VoxelData::I8(_) => Self::I8,
            VoxelData::U16(_) => Self::U16,
            VoxelData::I16(_) => Self::I16,
            VoxelData::U32(_) => Self::U32,
            VoxelData::I32(_) => Self::I32,
            VoxelData::U64(_) => Self::U64,
            VoxelData::I64(_) => Self::I64,
            VoxelData::F32(_) => Self::F32,
            VoxelData::F64(_) => Self::F64,
        }
    }

    /// The header's `datatype` code.
    pub(super) fn code(self) -> i16 {
        match self {
            Self::U8 => 2,
            Self::I16 => 4,
            Self::I32 => 8,
            Self::F32 => 16,
            Self::F64 => 64,
            Self::Rgb24 => 128,
            Self::I8 => 256,
            Self::U16 => 512,
            Self::U32 => 768,
            Self::I64 => 1024,
            Self::U64 => 1280,
            Self::Rgba32 => 2304,
        }
    }

    /// The name shown: numpy's for numbers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::Rgb24 => "rgb24",
            Self::Rgba32 => "rgba32",
        }
    }

    /// Bytes per voxel.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::Rgb24 => 3,
            Self::U32 | Self::I32 | Self::F32 | Self::Rgba32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether voxels are colours.
    pub(super) fn is_color(self) -> bool {
        matches!(self, Self::Rgb24 | Self::Rgba32)
    }
}
