//! The text before the voxels.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use glam::DVec3;

use crate::geometry::Affine;
use crate::io::Warning;
use crate::io::block::Packing;
use crate::io::stored_type::StoredType;
use crate::volume::Grid;

/// More is no header.
const MOST_BYTES: u64 = 16 << 20;

/// A header, with the places of its axes settled.
pub(super) struct Header {
    pub stored_type: StoredType,
    pub is_big_endian: bool,
    pub packing: Packing,
    pub grid: Grid,
    /// Which axis counts frames or layers, and how many: the first or the last of four.
    pub frames: Option<(FrameAxis, usize)>,
    /// The file that the voxels are in, where they do not follow.
    pub data_file: Option<String>,
    pub line_skip: usize,
    /// Bytes left out before the voxels; `None`: they are at the end of the file.
    pub byte_skip: Option<u64>,
    /// The `key:=value` lines.
    pub keys: BTreeMap<String, String>,
    pub warnings: Vec<Warning>,
}

/// Where the axis is that is no direction in space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameAxis {
    First,
    Last,
}

/// Reads the lines up to the blank one, or to the end of a detached header.
///
/// # Errors
/// A reason: what is missing, contradicts itself or is not read.
pub(super) fn read(reader: &mut impl BufRead) -> Result<Header, String> {
    let mut fields = BTreeMap::new();
    let mut keys = BTreeMap::new();
    let mut lines = reader.take(MOST_BYTES);
    let mut line = Vec::new();
    let mut is_first = true;
    loop {
        line.clear();
        let n = lines
            .read_until(b'\n', &mut line)
            .map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        if is_first {
            if !text.starts_with("NRRD") {
                return Err("it does not begin as NRRD does".to_owned());
            }
            is_first = false;
            continue;
        }
        if n == 0 || text.is_empty() {
            break;
        }
        if text.starts_with('#') {
            continue;
        }
        if let Some((key, value)) = text.split_once(":=") {
            keys.insert(unescaped(key), unescaped(value));
        } else if let Some((field, value)) = text.split_once(':') {
            fields.insert(field.trim().to_ascii_lowercase(), value.trim().to_owned());
        } else {
            return Err(format!(
                "its header has the line {text:?}, which is no field"
            ));
        }
    }
    Fields(fields).header(keys)
}

/// Line breaks in keys and values are written as `\n`.
fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\\\", "\\")
}

struct Fields(BTreeMap<String, String>);

impl Fields {
    fn get(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|n| self.0.get(*n))
            .map(String::as_str)
    }

    fn required(&self, name: &str) -> Result<&str, String> {
        self.get(&[name])
            .ok_or_else(|| format!("its header has no {name}"))
    }

    fn header(self, keys: BTreeMap<String, String>) -> Result<Header, String> {
        let stored_type = stored_type(self.required("type")?)?;
        let packing = packing(self.required("encoding")?)?;
        let is_big_endian = match self.get(&["endian"]) {
            Some("little") => false,
            Some("big") => true,
            None if stored_type.bytes() == 1 || packing == Packing::Text => false,
            _ => return Err("its header does not say the order of bytes (endian)".to_owned()),
        };
        let sizes: Vec<usize> =
            numbers(self.required("sizes")?).ok_or("its sizes are unreadable")?;
        let dimension: usize = numbers(self.required("dimension")?)
            .and_then(|n| n.first().copied())
            .ok_or("its dimension is unreadable")?;
        if sizes.len() != dimension || sizes.contains(&0) {
            return Err(format!(
                "its sizes {sizes:?} are none of {dimension} dimensions"
            ));
        }
        let frames = self.frame_axis(&sizes)?;
        let mut warnings = Vec::new();
        let grid = self.grid(&sizes, frames, &mut warnings)?;
        let byte_skip = match self.get(&["byte skip", "byteskip"]) {
            None => Some(0),
            Some("-1") => None,
            Some(text) => Some(text.parse().ok().ok_or("its byte skip is unreadable")?),
        };
        let line_skip = self.get(&["line skip", "lineskip"]).unwrap_or("0");
        Ok(Header {
            stored_type,
            is_big_endian,
            packing,
            grid,
            frames: frames.map(|axis| (axis, frame_count(&sizes, axis))),
            data_file: self.get(&["data file", "datafile"]).map(str::to_owned),
            line_skip: line_skip
                .parse()
                .ok()
                .ok_or("its line skip is unreadable")?,
            byte_skip,
            keys,
            warnings,
        })
    }

    /// Which of four axes is not in space: the one without a direction, or of a kind that says so.
    fn frame_axis(&self, sizes: &[usize]) -> Result<Option<FrameAxis>, String> {
        match sizes.len() {
            2 | 3 => {}
            4 => {
                let kinds: Vec<&str> = self
                    .get(&["kinds"])
                    .unwrap_or("")
                    .split_whitespace()
                    .collect();
                let is_space = |kind: Option<&&str>| {
                    kind.is_none_or(|k| matches!(*k, "domain" | "space" | "???" | "none"))
                };
                let directions = self.get(&["space directions"]).unwrap_or("");
                return match (directions.starts_with("none"), directions.ends_with("none")) {
                    (true, _) => Ok(Some(FrameAxis::First)),
                    (_, true) => Ok(Some(FrameAxis::Last)),
                    _ if !is_space(kinds.first()) => Ok(Some(FrameAxis::First)),
                    _ => Ok(Some(FrameAxis::Last)),
                };
            }
            n => {
                return Err(format!(
                    "it has {n} dimensions; save one volume of it as a file of its own"
                ));
            }
        }
        let directions = self.get(&["space directions"]).unwrap_or("");
        if directions.contains("none") {
            return Err("one of its axes is no direction in space: its voxels are vectors or colours; save them as numbers first".to_owned());
        }
        Ok(None)
    }

    fn grid(
        &self,
        sizes: &[usize],
        frames: Option<FrameAxis>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Grid, String> {
        let in_space = match frames {
            Some(FrameAxis::First) => &sizes[1..],
            Some(FrameAxis::Last) => &sizes[..3],
            None => sizes,
        };
        let mut dims = [1; 3];
        dims[..in_space.len()].copy_from_slice(in_space);
        let sign = match self.get(&["space"]) {
            None => None,
            Some(space) => Some(sign_of(space)?),
        };
        let flip = sign.unwrap_or(DVec3::new(-1.0, -1.0, 1.0));
        let columns = match self.get(&["space directions"]) {
            Some(text) => {
                let mut columns = vectors(text).ok_or("its space directions are unreadable")?;
                if columns.len() == 2 && columns.len() == in_space.len() {
                    columns.push(columns[0].cross(columns[1]).normalize_or_zero());
                    warnings.push(Warning::SingleSlice {
                        thickness_mm: 1.0,
                        is_stated: false,
                    });
                }
                columns
            }
            None => self.along_axes(frames, warnings)?,
        };
        let &[i, j, k] = columns.as_slice() else {
            return Err("it has not one space direction for each axis".to_owned());
        };
        let origin = match self.get(&["space origin"]) {
            Some(text) => *vectors(text)
                .ok_or("its space origin is unreadable")?
                .first()
                .ok_or("its space origin is unreadable")?,
            None => DVec3::ZERO,
        };
        let affine = Affine::from_columns(i * flip, j * flip, k * flip, origin * flip)
            .map_err(|e| e.to_string())?;
        let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        count.ok_or_else(|| format!("its sizes {sizes:?} are impossible"))?;
        Ok(Grid::new(dims, affine).with_sides_assumed(sign.is_none()))
    }

    /// Directions along the axes, by the older fields.
    fn along_axes(
        &self,
        frames: Option<FrameAxis>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<DVec3>, String> {
        let mut spacings: Vec<f64> = match self.get(&["spacings"]) {
            Some(text) => {
                let read = text
                    .split_whitespace()
                    .map(|t| t.parse().unwrap_or(f64::NAN));
                let mut read: Vec<f64> = read.collect();
                match frames {
                    Some(FrameAxis::First) => drop(read.remove(0)),
                    Some(FrameAxis::Last) => drop(read.pop()),
                    None => {}
                }
                read
            }
            None => Vec::new(),
        };
        let known = spacings.len();
        spacings.resize(3, 1.0);
        let is_known = |mm: &f64| mm.is_finite() && *mm > 0.0;
        if known < 3 || !spacings.iter().all(is_known) {
            warnings.push(Warning::VoxelSize { on_some_axis: true });
        }
        let axes = [DVec3::X, DVec3::Y, DVec3::Z];
        let along = |(axis, mm): (DVec3, f64)| axis * if is_known(&mm) { mm } else { 1.0 };
        Ok(axes.into_iter().zip(spacings).map(along).collect())
    }
}

fn frame_count(sizes: &[usize], axis: FrameAxis) -> usize {
    match axis {
        FrameAxis::First => sizes[0],
        FrameAxis::Last => sizes[3],
    }
}

/// What turns the file's world into RAS.
fn sign_of(space: &str) -> Result<DVec3, String> {
    let space = space.to_ascii_lowercase();
    Ok(match space.as_str() {
        "left-posterior-superior" | "lps" => DVec3::new(-1.0, -1.0, 1.0),
        "right-anterior-superior" | "ras" => DVec3::ONE,
        "left-anterior-superior" | "las" => DVec3::new(-1.0, 1.0, 1.0),
        _ => {
            return Err(format!(
                "its space is {space}, which does not say where the patient's sides are; save it as left-posterior-superior"
            ));
        }
    })
}

fn stored_type(name: &str) -> Result<StoredType, String> {
    Ok(match name {
        "signed char" | "int8" | "int8_t" => StoredType::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => StoredType::U8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => {
            StoredType::I16
        }
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => {
            StoredType::U16
        }
        "int" | "signed int" | "int32" | "int32_t" => StoredType::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => StoredType::U32,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => StoredType::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => {
            StoredType::U64
        }
        "float" => StoredType::F32,
        "double" => StoredType::F64,
        _ => return Err(format!("voxels of the type {name} are not read")),
    })
}

fn packing(encoding: &str) -> Result<Packing, String> {
    match encoding {
        "raw" => Ok(Packing::Plain),
        "gzip" | "gz" => Ok(Packing::Gzip),
        "bzip2" | "bz2" => Ok(Packing::Bzip2),
        "ascii" | "text" | "txt" => Ok(Packing::Text),
        _ => Err(format!(
            "voxels in the encoding {encoding} are not read; save them raw or gzip"
        )),
    }
}

fn numbers(text: &str) -> Option<Vec<usize>> {
    text.split_whitespace().map(|t| t.parse().ok()).collect()
}

/// The vectors of `(1,0,0) (0,1,0) none`, without those that are none.
fn vectors(text: &str) -> Option<Vec<DVec3>> {
    let mut vectors = Vec::new();
    for part in text.split('(').skip(1) {
        let (inside, _) = part.split_once(')')?;
        let numbers: Option<Vec<f64>> = inside.split(',').map(|t| t.trim().parse().ok()).collect();
        match numbers?.as_slice() {
            &[x, y, z] => vectors.push(DVec3::new(x, y, z)),
            _ => return None,
        }
    }
    Some(vectors)
}
