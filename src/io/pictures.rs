//! A folder of pictures: the frames of a 2D+time scan, in the order of their names.
//!
//! Pictures say neither how large their pixels are nor how far apart they were taken.

use std::cmp::Ordering;
use std::fs;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage, ImageFormat};
use jpeg_decoder::PixelFormat;

use crate::geometry::Affine;
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, Modality, Rescale, Rgb, VoxelData, luminance};

use super::format::Format;
use super::sniff::{head_of, is_picture};
use super::{IoError, OpenOptions, Quoted, ScanInfo, TimeAxis, Warning};

/// A folder of pictures without a DICOM file beside them.
pub(super) static FORMAT: Format = Format {
    name: "pictures",
    inspect,
    ..Format::NONE
};

/// Why a picture was not opened.
const DAMAGED: &str =
    "it cannot be unpacked as a picture; copy it again, or take it out of the folder";

/// The pixels of a picture, row by row.
enum Pixels {
    Grey8(Vec<u8>),
    Grey16(Vec<u16>),
    Colour(Vec<Rgb>),
}

struct Picture {
    /// Columns and rows.
    size: [usize; 2],
    pixels: Pixels,
}

/// Reads all pictures of a folder, or the one of `options.frame`.
///
/// # Errors
/// Pictures of several sizes or a damaged one, by name; a frame that is not there.
pub(super) fn inspect(
    folder: &Path,
    options: &OpenOptions,
    ctx: &JobContext,
) -> Result<(ScanInfo, Option<ImageVolume>), IoError> {
    let (paths, mut warnings) = pictures_in(folder)?;
    let frames = paths.len();
    let time = TimeAxis {
        frame_ms: None,
        has_scale: false,
        has_position: false,
    };
    let paths = chosen(folder, paths, options)?;
    if options.frame.is_none() {
        warnings.push(Warning::TimeAsThirdAxis { frames, time });
    }
    let image = read(&paths, ctx)?;
    if image.colours().is_some() {
        warnings.push(Warning::Colours);
    }
    let modality = options.modality.unwrap_or(Modality::Mr);
    let mut info = ScanInfo {
        warnings,
        ..ScanInfo::default()
    };
    if options.modality.is_none() {
        info.warnings.push(Warning::ModalityOfPictures);
    }
    let over_time = options.frame.is_none();
    let mut image = image.with_modality(modality).with_sides_assumed();
    if over_time {
        image = image.over_time(time.frame_ms);
    }
    let grid = image.grid();
    let info = ScanInfo {
        dims: Some(grid.dims),
        frames: Some(if over_time { 1 } else { frames }),
        frame: options.frame.unwrap_or(0),
        spacing_mm: Some(grid.spacing_mm()),
        affine: Some(grid.affine.to_rows()),
        dtype: Some(image.dtype().to_owned()),
        modality: Some(modality),
        modality_guessed: options.modality.is_none(),
        time: over_time.then_some(time),
        value_range: image.value_range(),
        ..info
    };
    Ok((info, Some(image)))
}

/// All pictures, or the one that is asked for.
fn chosen(
    folder: &Path,
    mut pictures: Vec<PathBuf>,
    options: &OpenOptions,
) -> Result<Vec<PathBuf>, IoError> {
    let (path, frames) = (folder.to_owned(), pictures.len());
    match (options.frame, options.frames_of_slice) {
        // The frames are the third axis already: there is one slice of them.
        (_, Some(slice)) if slice > 0 => Err(IoError::NoSuchSequence {
            path,
            slice,
            slices: 1,
            frames,
        }),
        (Some(frame), _) if frame >= frames => Err(IoError::NoSuchFrame {
            path,
            frame,
            frames,
        }),
        (Some(frame), _) => Ok(vec![pictures.swap_remove(frame)]),
        (None, _) => Ok(pictures),
    }
}

/// The pictures of a folder in the order of their names, and what is said of other files.
fn pictures_in(folder: &Path) -> Result<(Vec<PathBuf>, Vec<Warning>), IoError> {
    let entries = fs::read_dir(folder).map_err(|e| IoError::unreadable(folder, e))?;
    let files = entries.flatten().map(|entry| entry.path());
    let (mut pictures, mut others) = (Vec::new(), Vec::new());
    for path in files.filter(|path| path.is_file()) {
        if is_picture(&head_of(&path)?) {
            pictures.push(path);
        } else if !name_of(&path).starts_with('.') {
            others.push(name_of(&path));
        }
    }
    pictures.sort_by(|a, b| by_number(&name_of(a), &name_of(b)));
    others.sort();
    let warning = others.first().map(|first| Warning::NoPictures {
        files: others.len(),
        first: Quoted(first.clone()),
    });
    Ok((pictures, warning.into_iter().collect()))
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The order in which people count: `frame_9` before `frame_10`.
fn by_number(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (Some(x), Some(y)) = (a.chars().next(), b.chars().next()) else {
            return a.len().cmp(&b.len());
        };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let (number_a, rest_a) = leading_number(a);
            let (number_b, rest_b) = leading_number(b);
            // Without leading zeros, the longer number is the larger.
            let order = number_a.len().cmp(&number_b.len());
            let order = order.then(number_a.cmp(number_b));
            if order.is_ne() {
                return order;
            }
            (a, b) = (rest_a, rest_b);
        } else if x == y {
            (a, b) = (&a[x.len_utf8()..], &b[y.len_utf8()..]);
        } else {
            return x.cmp(&y);
        }
    }
}

/// The digits that a text begins with, without leading zeros, and the rest.
fn leading_number(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (number, rest) = text.split_at(end.unwrap_or(text.len()));
    (number.trim_start_matches('0'), rest)
}

/// The pictures one after the other; grey if all of them are.
fn read(paths: &[PathBuf], ctx: &JobContext) -> Result<ImageVolume, IoError> {
    let mut pictures: Vec<Picture> = Vec::with_capacity(paths.len());
    for (done, path) in paths.iter().enumerate() {
        ctx.step(done as f32 / paths.len() as f32, "reading pictures")?;
        let picture = open(path)?;
        if let Some(first) = pictures.first()
            && first.size != picture.size
        {
            let [[w, h], [w0, h0]] = [picture.size, first.size];
            return Err(IoError::unsupported(
                path,
                format!(
                    "it has {w}x{h} pixels and {} has {w0}x{h0}; the frames of a sequence have one size",
                    name_of(&paths[0])
                ),
            ));
        }
        pictures.push(picture);
    }
    let [columns, rows] = pictures.first().map_or([0, 0], |first| first.size);
    let grid = Grid::new([columns, rows, pictures.len()], facing_the_reader());
    if pictures
        .iter()
        .any(|p| matches!(p.pixels, Pixels::Colour(_)))
    {
        let colours = pictures.into_iter().flat_map(|p| p.pixels.colours());
        return Ok(ImageVolume::in_colour(
            grid,
            colours.collect(),
            Modality::Mr,
        ));
    }
    let narrow = pictures
        .iter()
        .all(|p| matches!(p.pixels, Pixels::Grey8(_)));
    let voxels = if narrow {
        VoxelData::U8(
            pictures
                .into_iter()
                .flat_map(|p| p.pixels.bytes())
                .collect(),
        )
    } else {
        VoxelData::U16(
            pictures
                .into_iter()
                .flat_map(|p| p.pixels.words())
                .collect(),
        )
    };
    Ok(ImageVolume::new(
        grid,
        voxels,
        Rescale::IDENTITY,
        Modality::Mr,
    ))
}

/// A grid that the axial view shows as the picture lies: columns to the right, which is the patient's left by convention,
/// rows down.
fn facing_the_reader() -> Affine {
    use glam::DVec3;
    Affine::from_columns(-DVec3::X, -DVec3::Y, DVec3::Z, DVec3::ZERO)
        .expect("three axes at right angles")
}

impl Pixels {
    fn colours(self) -> Vec<Rgb> {
        match self {
            Self::Colour(colours) => colours,
            grey => grey.bytes().into_iter().map(|v| [v; 3]).collect(),
        }
    }

    fn bytes(self) -> Vec<u8> {
        match self {
            Self::Grey8(bytes) => bytes,
            Self::Grey16(words) => words.into_iter().map(|v| (v >> 8) as u8).collect(),
            Self::Colour(colours) => colours.into_iter().map(luminance).collect(),
        }
    }

    /// 8-bit values spread over 16 bits, as where both kinds are mixed.
    fn words(self) -> Vec<u16> {
        match self {
            Self::Grey16(words) => words,
            other => other
                .bytes()
                .into_iter()
                .map(|v| u16::from(v) * 257)
                .collect(),
        }
    }
}

fn open(path: &Path) -> Result<Picture, IoError> {
    let bytes = fs::read(path).map_err(|e| IoError::unreadable(path, e))?;
    let is_jpeg = bytes.starts_with(&[0xff, 0xd8]);
    let opened = catch_unwind(AssertUnwindSafe(|| {
        if is_jpeg { jpeg(&bytes) } else { png(&bytes) }
    }));
    let picture = opened.unwrap_or(None);
    picture.ok_or_else(|| IoError::damaged(path, DAMAGED))
}

fn png(bytes: &[u8]) -> Option<Picture> {
    let reader = image::ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let picture = reader.decode().ok()?;
    let size = [picture.width() as usize, picture.height() as usize];
    let pixels = match picture.color() {
        ColorType::L8 | ColorType::La8 => Pixels::Grey8(picture.into_luma8().into_raw()),
        ColorType::L16 | ColorType::La16 => Pixels::Grey16(picture.into_luma16().into_raw()),
        _ => Pixels::Colour(colours_of(&picture)),
    };
    Some(Picture { size, pixels })
}

fn colours_of(picture: &DynamicImage) -> Vec<Rgb> {
    picture.to_rgb8().into_raw().as_chunks().0.to_vec()
}

fn jpeg(bytes: &[u8]) -> Option<Picture> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let pixels = decoder.decode().ok()?;
    let info = decoder.info()?;
    let size = [usize::from(info.width), usize::from(info.height)];
    let pixels = match info.pixel_format {
        PixelFormat::L8 => Pixels::Grey8(pixels),
        PixelFormat::RGB24 => Pixels::Colour(pixels.as_chunks().0.to_vec()),
        // Colours for printing and 16-bit JPEG are no frames of a camera.
        _ => return None,
    };
    Some(Picture { size, pixels })
}
