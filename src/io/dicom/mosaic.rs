//! Mosaics: all slices of a volume side by side on one sheet, as Siemens stores them.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::axis::SIEMENS_MR;
use super::csa;
use super::format::PixelFormat;
use super::frame::Placement;
use crate::io::Warning;

const SIEMENS_CSA: &str = "SIEMENS CSA HEADER";

/// United Imaging's number of slices on a sheet, and the sequence that describes them.
const UNITED_IMAGING: [Tag; 2] = [Tag(0x0065, 0x1050), Tag(0x0065, 0x1051)];

/// Tiles lie row by row on a square sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mosaic {
    /// Tiles in a row of the sheet, and in a column.
    across: usize,
}

impl Mosaic {
    /// The format of a sheet from that of a tile.
    pub fn sheet(self, tile: &PixelFormat) -> PixelFormat {
        PixelFormat {
            rows: tile.rows * self.across,
            columns: tile.columns * self.across,
            ..tile.clone()
        }
    }

    /// The samples of a tile from those of a sheet.
    pub fn cut(self, sheet: &[u8], tile: &PixelFormat, index: usize) -> Vec<u8> {
        let row_bytes = tile.columns * tile.sample_bytes();
        let (down, along) = (index / self.across, index % self.across);
        let rows = (0..tile.rows).map(|row| {
            let start = ((down * tile.rows + row) * self.across + along) * row_bytes;
            sheet.get(start..start + row_bytes).unwrap_or_default()
        });
        rows.collect::<Vec<_>>().concat()
    }
}

/// What a sheet holds.
pub(super) struct Tiles {
    pub mosaic: Mosaic,
    /// The format of a tile.
    pub format: PixelFormat,
    /// Where each tile lies.
    pub placements: Vec<Placement>,
    /// What to tell.
    pub notes: Vec<Warning>,
}

/// The tiles of a mosaic; `None` for other images. `sheet` tells where the whole sheet claims to lie.
///
/// # Errors
/// A mosaic that is not read, named, or one that does not say what is needed.
pub(super) fn read(
    root: Attributes,
    stored: &PixelFormat,
    frames: usize,
    sheet: impl FnOnce() -> Result<Placement, String>,
) -> Result<Option<Tiles>, String> {
    let is_united =
        root.number(UNITED_IMAGING[0]).is_some_and(|n| n > 1.0) || root.has(UNITED_IMAGING[1]);
    let maker = root.text(tags::MANUFACTURER).unwrap_or_default();
    let maker = maker.to_ascii_uppercase();
    if is_united && (maker.contains("UIH") || maker.contains("UNITED IMAGING")) {
        return Err(refusal("of United Imaging, which is not read"));
    }
    let image_type = root.texts(tags::IMAGE_TYPE);
    if !image_type.iter().any(|v| v.eq_ignore_ascii_case("MOSAIC")) {
        return Ok(None);
    }
    let csa = root.private(0x0029, SIEMENS_CSA, 0x10);
    let csa = csa.and_then(|tag| root.bytes(tag)).unwrap_or_default();
    let Some(tiles) = count(root, csa) else {
        return Err(match maker.contains("SIEMENS") || !csa.is_empty() {
            true => refusal(
                "of Siemens whose private attributes do not tell its number of slices any more",
            ),
            false => refusal("of another maker than Siemens, which is not read"),
        });
    };
    if frames != 1 {
        return Err(refusal("in several frames, which is not read"));
    }
    let across = (tiles as f64).sqrt().ceil() as usize;
    if !stored.columns.is_multiple_of(across)
        || !stored.rows.is_multiple_of(across)
        || stored.is_colour()
    {
        return Err(refusal(&format!(
            "of {tiles} slices, which do not fit on its {} x {} pixels",
            stored.columns, stored.rows
        )));
    }
    let format = PixelFormat {
        rows: stored.rows / across,
        columns: stored.columns / across,
        ..stored.clone()
    };
    let (placements, notes) = place(root, csa, &sheet()?, [stored, &format], tiles)?;
    Ok(Some(Tiles {
        mosaic: Mosaic { across },
        format,
        placements,
        notes,
    }))
}

fn refusal(which: &str) -> String {
    format!(
        "it is a mosaic (several slices on one sheet) {which}; export the series as single slices, or convert it with dcm2niix"
    )
}

/// Number of slices on the sheet.
fn count(root: Attributes, csa: &[u8]) -> Option<usize> {
    let in_csa = || {
        csa::numbers(csa, "NumberOfImagesInMosaic")?
            .first()
            .copied()
    };
    let in_header = || root.number(root.private(0x0019, SIEMENS_MR, 0x0A)?);
    let by_times = || {
        let times = root.private(0x0019, SIEMENS_MR, 0x29)?;
        Some(root.numbers(times)?.len() as f64)
    };
    let count = in_csa().or_else(in_header).or_else(by_times)?;
    (1.0..=4096.0).contains(&count).then_some(count as usize)
}

/// Where each tile lies: the sheet's position is that of a sheet-sized image around the first tile's centre.
fn place(
    root: Attributes,
    csa: &[u8],
    sheet: &Placement,
    [stored, tile]: [&PixelFormat; 2],
    tiles: usize,
) -> Result<(Vec<Placement>, Vec<Warning>), String> {
    let mut notes = Vec::new();
    let [row_distance, column_distance] = sheet.spacing_mm;
    let half = |whole: usize, part: usize| (whole - part) as f64 / 2.0;
    let origin = sheet.position
        + sheet.along_row * column_distance * half(stored.columns, tile.columns)
        + sheet.along_column * row_distance * half(stored.rows, tile.rows);
    let normal = sheet.normal();
    let direction = match csa::numbers(csa, "SliceNormalVector").as_deref() {
        Some(&[x, y, z]) => normal.dot(glam::DVec3::new(x, y, z)),
        _ => {
            notes.push(Warning::MosaicDirection);
            1.0
        }
    };
    if direction.abs() < 0.9 {
        return Err(refusal(
            "whose slices do not follow each other along their normal",
        ));
    }
    let above_zero = |mm: &f64| *mm > 0.0;
    let stated = root.number(tags::SPACING_BETWEEN_SLICES).map(f64::abs);
    let step_mm = stated.filter(above_zero).or_else(|| {
        let thickness_mm = root.number(tags::SLICE_THICKNESS).filter(above_zero)?;
        notes.push(Warning::MosaicStep { thickness_mm });
        Some(thickness_mm)
    });
    let Some(step_mm) = step_mm else {
        return Err(refusal("that does not say how far its slices are apart"));
    };
    let step = normal * step_mm * direction.signum();
    let at = |k: usize| Placement {
        position: origin + step * k as f64,
        nominal_step_mm: Some(step_mm),
        ..*sheet
    };
    Ok(((0..tiles).map(at).collect(), notes))
}
