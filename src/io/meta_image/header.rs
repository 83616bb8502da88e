//! The lines before the voxels.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use glam::DVec3;

use crate::geometry::Affine;
use crate::io::Warning;
use crate::io::block::Packing;
use crate::io::stored_type::StoredType;
use crate::volume::Grid;

/// More is no header.
const MOST_BYTES: u64 = 1 << 20;

/// Where the voxels are.
pub(super) enum Place {
    /// After the header.
    Here,
    /// In a file of this name.
    Beside(String),
}

/// A header.
pub(super) struct Header {
    pub stored_type: StoredType,
    pub is_big_endian: bool,
    pub packing: Packing,
    pub grid: Grid,
    pub frames: usize,
    pub place: Place,
    /// Bytes before the voxels; `None`: they are at the end of the file.
    pub header_bytes: Option<u64>,
    pub warnings: Vec<Warning>,
}

/// Whether a file that begins so is a MetaImage: lines of `Key = value`, `NDims` among the first.
pub(super) fn looks_like_one(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let keys = text.lines().take(24).map_while(|line| line.split_once('='));
    let mut keys = keys.map(|(key, _)| key.trim());
    keys.any(|key| key == "NDims")
}

/// Reads the lines up to `ElementDataFile`, which is the last.
///
/// # Errors
/// A reason: what is missing, contradicts itself or is not read.
pub(super) fn read(reader: &mut impl BufRead) -> Result<Header, String> {
    let mut lines = reader.take(MOST_BYTES);
    let mut keys = BTreeMap::new();
    loop {
        let mut line = Vec::new();
        let n = lines
            .read_until(b'\n', &mut line)
            .map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&line);
        let Some((key, value)) = text.split_once('=').filter(|_| n > 0) else {
            return Err("its header ends before ElementDataFile".to_owned());
        };
        let key = key.trim().to_owned();
        let is_last = key == "ElementDataFile";
        keys.insert(key, value.trim().to_owned());
        if is_last {
            return Keys(keys).header();
        }
    }
}

struct Keys(BTreeMap<String, String>);

impl Keys {
    fn get(&self, names: &[&str]) -> Option<&str> {
        names
            .iter()
            .find_map(|n| self.0.get(*n))
            .map(String::as_str)
    }

    fn is_true(&self, names: &[&str]) -> bool {
        self.get(names)
            .is_some_and(|v| v.eq_ignore_ascii_case("true") || v == "1")
    }

    fn numbers(&self, names: &[&str]) -> Result<Option<Vec<f64>>, String> {
        let Some(text) = self.get(names) else {
            return Ok(None);
        };
        let numbers: Option<Vec<f64>> = text.split_whitespace().map(|t| t.parse().ok()).collect();
        let is_sound = |v: &Vec<f64>| v.iter().all(|n| n.is_finite());
        match numbers.filter(is_sound) {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(format!("its {} is unreadable", names[0])),
        }
    }

    fn header(self) -> Result<Header, String> {
        let dimensions = self.numbers(&["NDims"])?.and_then(|n| n.first().copied());
        let dimensions = dimensions.ok_or("its header has no NDims")? as usize;
        if !(2..=4).contains(&dimensions) {
            return Err(format!(
                "it has {dimensions} dimensions; save one volume of it as a file of its own"
            ));
        }
        let sizes: Option<Vec<usize>> = self.get(&["DimSize"]).and_then(|text| {
            text.split_whitespace()
                .map(|t| t.parse().ok().filter(|n| *n > 0))
                .collect()
        });
        let sizes = sizes.filter(|s| s.len() == dimensions);
        let sizes = sizes.ok_or("its DimSize is unreadable")?;
        let channels = self.numbers(&["ElementNumberOfChannels"])?;
        if channels.is_some_and(|n| n.first() != Some(&1.0)) {
            return Err("its voxels are vectors or colours; save them as numbers first".to_owned());
        }
        if self
            .get(&["BinaryData"])
            .is_some_and(|v| v.eq_ignore_ascii_case("false"))
        {
            return Err("its voxels are written as text; save them as binary data".to_owned());
        }
        let mut warnings = Vec::new();
        let grid = self.grid(&sizes, &mut warnings)?;
        let header_bytes = match self.get(&["HeaderSize"]) {
            None => Some(0),
            Some("-1") => None,
            Some(text) => Some(text.parse().ok().ok_or("its HeaderSize is unreadable")?),
        };
        let is_packed = self.is_true(&["CompressedData"]);
        Ok(Header {
            stored_type: stored_type(
                self.get(&["ElementType"])
                    .ok_or("its header has no ElementType")?,
            )?,
            is_big_endian: self.is_true(&["BinaryDataByteOrderMSB", "ElementByteOrderMSB"]),
            packing: if is_packed {
                Packing::Zlib
            } else {
                Packing::Plain
            },
            grid,
            frames: sizes.get(3).copied().unwrap_or(1),
            place: place(self.get(&["ElementDataFile"]).unwrap_or_default())?,
            header_bytes,
            warnings,
        })
    }

    /// The grid, by the rules of the file's version: version 1 places the image by `ElementOrigin` and `ElementDirection`.
    fn grid(&self, sizes: &[usize], warnings: &mut Vec<Warning>) -> Result<Grid, String> {
        let dimensions = sizes.len();
        let is_newer = self.get(&["FileFormatVersion"]) == Some("1");
        let (places, turns): (&[&str], &[&str]) = if is_newer {
            (&["ElementOrigin"], &["ElementDirection"])
        } else {
            (
                &["ImagePosition", "Offset", "Position", "Origin"],
                &["Orientation", "Rotation", "TransformMatrix"],
            )
        };
        let spacing = self.numbers(&["ElementSpacing", "ElementSize"])?;
        if spacing.is_none() {
            warnings.push(Warning::VoxelSize {
                on_some_axis: false,
            });
        }
        let mut spacing = spacing.unwrap_or_default();
        if spacing.len() < dimensions || dimensions == 2 {
            spacing.resize(dimensions.max(3), 1.0);
        }
        let place = self.numbers(places)?;
        let turn = self.numbers(turns)?;
        if is_newer && (place.is_none() || turn.is_none()) {
            return Err(
                "it is of version 1 and lacks ElementOrigin or ElementDirection".to_owned(),
            );
        }
        let sides_assumed = turn.is_none();
        let mut dims = [1; 3];
        for (dim, &size) in dims.iter_mut().zip(sizes) {
            *dim = size;
        }
        let at =
            |numbers: &Option<Vec<f64>>, n: usize| numbers.as_ref().and_then(|v| v.get(n)).copied();
        let vector = |f: &dyn Fn(usize) -> f64| DVec3::new(-f(0), -f(1), f(2));
        // Row d of the matrix is the direction of axis d.
        let column = |d: usize| {
            vector(&|c| {
                let along = f64::from(u8::from(c == d));
                let is_there = c < dimensions && d < dimensions;
                let cosine = at(&turn, d * dimensions + c)
                    .filter(|_| is_there)
                    .unwrap_or(along);
                cosine * spacing[d]
            })
        };
        let origin = vector(&|c| at(&place, c).unwrap_or(0.0));
        let affine = Affine::from_columns(column(0), column(1), column(2), origin);
        let affine = affine.map_err(|e| e.to_string())?;
        let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        count.ok_or_else(|| format!("its sizes {sizes:?} are impossible"))?;
        Ok(Grid::new(dims, affine).with_sides_assumed(sides_assumed))
    }
}

fn place(name: &str) -> Result<Place, String> {
    if name.eq_ignore_ascii_case("local") {
        return Ok(Place::Here);
    }
    if name.is_empty() || name.starts_with("LIST") || name.contains('%') {
        return Err("its voxels lie in several files; save it as one file".to_owned());
    }
    Ok(Place::Beside(name.to_owned()))
}

fn stored_type(name: &str) -> Result<StoredType, String> {
    Ok(match name {
        "MET_CHAR" => StoredType::I8,
        "MET_UCHAR" => StoredType::U8,
        "MET_SHORT" => StoredType::I16,
        "MET_USHORT" => StoredType::U16,
        // Four bytes on every machine.
        "MET_INT" | "MET_LONG" => StoredType::I32,
        "MET_UINT" | "MET_ULONG" => StoredType::U32,
        "MET_LONG_LONG" => StoredType::I64,
        "MET_ULONG_LONG" => StoredType::U64,
        "MET_FLOAT" => StoredType::F32,
        "MET_DOUBLE" => StoredType::F64,
        _ => return Err(format!("voxels of the type {name} are not read")),
    })
}
