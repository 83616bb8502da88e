//! Names and colours of labels in files of their own, without voxels: a table with one file a format. As everywhere, content
//! decides what is read, and the end of the name what is written.

mod itk_snap;
mod slicer_csv;
mod slicer_ctbl;

use std::io::{Read, Write};
use std::path::Path;

use crate::util::short_debug;
use crate::volume::LabelTable;

use super::{IoError, Warning, atomic};

/// A label as such a file describes it.
#[derive(Clone, PartialEq, Eq)]
pub struct LabelEntry {
    /// Its value; `None` where any will do.
    pub value: Option<u16>,
    /// Its name.
    pub name: String,
    /// sRGB; `None` where the file says none.
    pub color: Option<[u8; 3]>,
    /// Shown in the views.
    pub visible: bool,
}

short_debug! {
    LabelEntry: |entry| format_args!("label {:?}", entry.value);
}

/// One format.
struct Format {
    name: &'static str,
    /// How names of its files end, without the dot; the first is the usual one.
    endings: &'static [&'static str],
    /// Whether a text is one of it.
    is: fn(&str) -> bool,
    /// Reads it; what cannot be read is said with its line.
    read: fn(&str) -> Result<Vec<LabelEntry>, String>,
    write: fn(&LabelTable) -> String,
}

/// In the order in which content is tried: the last takes whatever looks like numbers in lines.
const FORMATS: [&Format; 3] = [&slicer_csv::FORMAT, &itk_snap::FORMAT, &slicer_ctbl::FORMAT];

/// Files with names and colours are far smaller.
const MOST_BYTES: u64 = 32 << 20;

/// Reads names and colours: an ITK-SNAP label description, or a colour table of 3D Slicer (.ctbl, .txt, .csv, .tsv). The
/// background, value 0, is left out.
///
/// # Errors
/// The file cannot be read, is of none of these formats, or has a line that is damaged.
pub fn read_label_table(path: &Path) -> Result<Vec<LabelEntry>, IoError> {
    let not_one = || {
        let known = FORMATS.map(|f| f.name).join(", ");
        IoError::not_labels(
            path,
            format!("it has no names and colours of labels; read are: {known}"),
        )
    };
    let unreadable = |e| IoError::unreadable(path, e);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let mut start = file.take(MOST_BYTES);
    start.read_to_end(&mut bytes).map_err(unreadable)?;
    let text = String::from_utf8(bytes).ok().ok_or_else(not_one)?;
    let text = text.trim_start_matches('\u{feff}');
    let format = FORMATS
        .into_iter()
        .find(|f| (f.is)(text))
        .ok_or_else(not_one)?;
    (format.read)(text).map_err(|reason| IoError::damaged(path, reason))
}

/// Writes names and colours in the format that the end of the name says, atomically. Gives what none of these formats can
/// keep.
///
/// # Errors
/// [`IoError::Output`]: no format ends like that, or the target cannot be written.
pub fn write_label_table(path: &Path, table: &LabelTable) -> Result<Option<Warning>, IoError> {
    let ending = path.extension().and_then(|e| e.to_str());
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    let is_its = |f: &&Format| f.endings.contains(&ending.as_str());
    let format = FORMATS.into_iter().find(is_its).ok_or_else(|| {
        let known = FORMATS.map(|f| format!(".{} ({})", f.endings[0], f.name));
        IoError::output(
            path,
            format!("names and colours are written as {}", known.join(", ")),
        )
    })?;
    let text = (format.write)(table);
    let reads_back = |written: &Path| {
        let found = read_label_table(written).map_err(|e| e.to_string())?;
        let same = found.len() == table.labels().len();
        let problem = "it does not read back as it was written".to_owned();
        same.then_some(()).ok_or(problem)
    };
    atomic::replace_file(path, |file| file.write_all(text.as_bytes()), reads_back)?;
    Ok(Warning::looks_left_out(table))
}

/// Lines with something to read, numbered from 1; comments left out.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text
        .lines()
        .enumerate()
        .map(|(n, line)| (n + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// A label's value; `Ok(None)` for the background.
fn value(text: &str, line: usize) -> Result<Option<u16>, String> {
    match text.parse::<u16>() {
        Ok(0) => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(format!(
            "line {line}: {text} is no label value from 0 to 65535"
        )),
    }
}

/// A part of a colour; what is beyond 0 to 255 is cut.
fn channel(text: &str, line: usize) -> Result<u8, String> {
    let number: Option<f64> = text.parse().ok();
    let number = number.ok_or_else(|| format!("line {line}: {text} is no part of a colour"))?;
    Ok(number.round().clamp(0.0, 255.0) as u8)
}

/// A name as it is kept; labels without one are called after their value.
fn name_or_value(name: &str, value: u16) -> String {
    match name.trim() {
        "" | "_" => format!("label_{value}"),
        name => name.to_owned(),
    }
}
