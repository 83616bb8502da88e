//! Writing label maps, masks and images: NIfTI-1, or NIfTI-2 where dims need it.

use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use nifti::Extension;

use crate::io::{IoError, atomic};
use crate::volume::{Grid, ImageVolume, LabelMap, LabelTable, Mask, Rescale};
use crate::with_voxels;

use super::caret;
use super::file::NiftiFile;
use super::header::{Header, Version};
use super::placement;
use super::volume::rescale;
use crate::io::stored_type::StoredType;
use crate::io::whole::in_bytes;

/// NIFTI_INTENT_LABEL: the values are names.
const INTENT_LABEL: i32 = 1002;

/// Re-read positions may differ by this part of a voxel: NIfTI-1 rounds them to 32-bit floats.
const POSITION_VOXELS: f64 = 1e-2;

/// Saves a label map with its names.
pub(in crate::io) fn save_labels(
    path: &Path,
    labels: &LabelMap,
    table: &LabelTable,
) -> Result<(), IoError> {
    let narrow = in_bytes(labels);
    let (stored_type, bytes) = match &narrow {
        Some(narrow) => (StoredType::U8, narrow.as_slice()),
        None => (StoredType::U16, bytemuck::cast_slice(&labels.voxels)),
    };
    Contents {
        grid: labels.grid,
        stored_type,
        bytes,
        rescale: Rescale::IDENTITY,
        intent: INTENT_LABEL,
        names: (!table.labels().is_empty()).then_some(table),
    }
    .save(path)
}

/// Saves a mask as 0 and 1.
pub(in crate::io) fn save_mask(path: &Path, mask: &Mask) -> Result<(), IoError> {
    let bytes: Vec<u8> = mask.voxels.iter().map(|&v| u8::from(v != 0)).collect();
    Contents {
        grid: mask.grid,
        stored_type: StoredType::U8,
        bytes: &bytes,
        rescale: Rescale::IDENTITY,
        intent: 0,
        names: None,
    }
    .save(path)
}

/// Saves a scan in its stored type with its rescale; in colour where it has colours.
pub(in crate::io) fn save_image(path: &Path, image: &ImageVolume) -> Result<(), IoError> {
    if let Some(colours) = image.colours() {
        return Contents {
            grid: *image.grid(),
            stored_type: StoredType::Rgb24,
            bytes: colours.as_flattened(),
            rescale: Rescale::IDENTITY,
            intent: 0,
            names: None,
        }
        .save(path);
    }
    Contents {
        grid: *image.grid(),
        stored_type: StoredType::of(image.voxels()),
        bytes: with_voxels!(image.voxels(), v => bytemuck::cast_slice(v)),
        rescale: image.rescale(),
        intent: 0,
        names: None,
    }
    .save(path)
}

/// What a file will hold.
struct Contents<'a> {
    grid: Grid,
    stored_type: StoredType,
    /// The voxels in this machine's byte order.
    bytes: &'a [u8],
    rescale: Rescale,
    intent: i32,
    names: Option<&'a LabelTable>,
}

impl Contents<'_> {
    fn save(&self, path: &Path) -> Result<(), IoError> {
        let name = path.as_os_str().to_string_lossy();
        let gzipped = name.to_ascii_lowercase().ends_with(".gz");
        atomic::replace_file(
            path,
            |file| {
                // Level 1, as nibabel: higher ones take far longer for little.
                if gzipped {
                    let mut packed = GzEncoder::new(BufWriter::new(file), Compression::fast());
                    self.write(&mut packed)?;
                    packed.finish()?.flush()
                } else {
                    let mut plain = BufWriter::new(file);
                    self.write(&mut plain)?;
                    plain.flush()
                }
            },
            |written| self.verify(written),
        )
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let extension = self
            .names
            .map(|table| Extension::from_str(caret::CARET_CODE, &caret::encode(table)));
        let extension_bytes = extension.as_ref().map_or(0, |e| e.data().len() + 8);
        out.write_all(&self.header(extension_bytes).encode())?;
        out.write_all(&[u8::from(extension.is_some()), 0, 0, 0])?;
        if let Some(extension) = extension {
            out.write_all(&extension.size().to_ne_bytes())?;
            out.write_all(&extension.code().to_ne_bytes())?;
            out.write_all(extension.data())?;
        }
        out.write_all(self.bytes)
    }

    /// A NIfTI-1 header where that can hold the dims, and positions without moving them.
    fn header(&self, extension_bytes: usize) -> Header {
        let short = self.header_of(Version::One, extension_bytes);
        let fits = short.dim.iter().all(|&n| n <= i64::from(i16::MAX));
        let is_exact = placement::read(&short, self.grid.dims)
            .is_ok_and(|(read, _)| read.is_same(&self.grid, POSITION_VOXELS / 2.0));
        if fits && is_exact {
            short
        } else {
            self.header_of(Version::Two, extension_bytes)
        }
    }

    fn header_of(&self, version: Version, extension_bytes: usize) -> Header {
        let dims = self.grid.dims.map(|n| n as i64);
        let mut header = Header {
            version,
            swapped: false,
            single_file: true,
            dim: [3, dims[0], dims[1], dims[2], 1, 1, 1, 1],
            datatype: self.stored_type.code(),
            bitpix: 8 * self.stored_type.bytes() as i16,
            pixdim: [1.0; 8],
            vox_offset: (version.header_bytes() + 4 + extension_bytes) as f64,
            scl_slope: self.rescale.slope,
            scl_inter: self.rescale.intercept,
            xyzt_units: 0,
            qform_code: 0,
            sform_code: 0,
            quaternion: [0.0; 3],
            qoffset: [0.0; 3],
            srow: [[0.0; 4]; 3],
            intent_code: self.intent,
        };
        placement::write(&mut header, &self.grid);
        header
    }

    /// Reads the written file back and compares type, position, rescale, names and every voxel.
    fn verify(&self, written: &Path) -> Result<(), String> {
        let mut file = NiftiFile::open(written).map_err(|e| e.to_string())?;
        let (grid, _) = placement::read(&file.header, file.dims)?;
        if file.stored_type != self.stored_type || file.frames != 1 {
            return Err("the voxel type differs".into());
        }
        if !grid.is_same(&self.grid, POSITION_VOXELS) {
            return Err("the position differs".into());
        }
        let Rescale { slope, intercept } = rescale(&file.header, file.stored_type)?;
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs();
        if !near(slope, self.rescale.slope) || !near(intercept, self.rescale.intercept) {
            return Err("the rescale differs".into());
        }
        let names = caret::find(&file.extensions)?;
        if names.map_or(0, |t| t.labels().len()) != self.names.map_or(0, |t| t.labels().len()) {
            return Err("the label names differ".into());
        }
        match file.first_frame_equals(self.bytes) {
            Ok(true) => Ok(()),
            Ok(false) => Err("a voxel differs".into()),
            Err(e) => Err(e.to_string()),
        }
    }
}
