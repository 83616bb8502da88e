//! Cases where people have them: files, folder trees, CSV lists, nnU-Net and BIDS folders.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::{ProjectError, is_plain_name};
use crate::io::{IoError, is_label_map_name, label_maps_beside};

/// Endings of files that are a scan each.
const SCANS: &[&str] = &[".nii.gz", ".nii", ".nrrd", ".mha", ".mhd"];

/// Folders of BIDS that hold images of a body; others hold diffusion, functional and field maps.
const BIDS_FOLDERS: &[&str] = &["anat", "pet", "ct"];

/// A case that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCase {
    /// Its name.
    pub id: String,
    /// The scan.
    pub image: PathBuf,
    /// The DICOM series, where it is said.
    pub series: Option<String>,
    /// Labels to begin with.
    pub labels: Option<PathBuf>,
}

impl FoundCase {
    fn new(id: &str, image: PathBuf) -> Self {
        Self {
            id: id.to_owned(),
            labels: labels_of(&image),
            image,
            series: None,
        }
    }
}

/// The cases that a path means: of a `.csv` its lines (`id,image`, and if wanted `series,labels`), of an nnU-Net folder
/// its `imagesTr`, of a BIDS folder its images of the body, of another folder each scan file and each lowest folder of
/// other files (DICOM); of a scan file itself.
///
/// # Errors
/// Nothing there, or a list that makes no sense.
pub fn cases_in(path: &Path) -> Result<Vec<FoundCase>, ProjectError> {
    let metadata = fs::metadata(path).map_err(|e| IoError::unreadable(path, e))?;
    let found = match () {
        () if !metadata.is_dir() && ends_as(path, ".csv") => of_list(path)?,
        () if !metadata.is_dir() => vec![FoundCase::new(&stem(path), path.to_owned())],
        () if path.join("imagesTr").is_dir() => of_nnunet(path)?,
        () if path.join("dataset_description.json").is_file() => of_bids(path),
        () => of_tree(path),
    };
    if found.is_empty() {
        return Err(ProjectError::refused(format!(
            "{}: no scan was found there; give a folder of scans, an nnU-Net or BIDS folder, or a CSV with id and image",
            path.display()
        )));
    }
    Ok(found)
}

fn ends_as(path: &Path, ending: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.to_ascii_lowercase().ends_with(ending)
}

fn is_scan(path: &Path) -> bool {
    SCANS.iter().any(|ending| ends_as(path, ending))
}

/// The name without the ending of a scan file, in characters that a case's name can have.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_ascii_lowercase();
    let ending = SCANS.iter().find(|ending| lower.ends_with(**ending));
    let plain = &name[..name.len() - ending.map_or(0, |e| e.len())];
    plain_name(plain)
}

fn plain_name(name: &str) -> String {
    let plain = |c: char| {
        if is_plain_name(&format!("a{c}")) {
            c
        } else {
            '_'
        }
    };
    let name: String = name
        .trim_start_matches('.')
        .chars()
        .map(plain)
        .take(64)
        .collect();
    match name.is_empty() {
        true => "case".to_owned(),
        false => name,
    }
}

/// The first label map of a scan by the rule of names.
fn labels_of(image: &Path) -> Option<PathBuf> {
    let is_file = is_scan(image) && image.is_file();
    is_file.then(|| label_maps_beside(image).into_iter().next())?
}

fn of_nnunet(folder: &Path) -> Result<Vec<FoundCase>, ProjectError> {
    let images = folder.join("imagesTr");
    let entries = fs::read_dir(&images).map_err(|e| IoError::unreadable(&images, e))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let cases = paths.into_iter().filter(|path| is_scan(path));
    let cases = cases.filter_map(|path| {
        let stem = stem(&path);
        // The first channel is the scan to draw on; older folders do not number theirs.
        let is_other_channel = stem.rsplit_once('_').is_some_and(|(_, n)| {
            n.len() == 4 && n != "0000" && n.bytes().all(|b| b.is_ascii_digit())
        });
        let id = stem.strip_suffix("_0000").unwrap_or(&stem).to_owned();
        (!is_other_channel).then(|| FoundCase::new(&id, path))
    });
    Ok(cases.collect())
}

fn of_bids(folder: &Path) -> Vec<FoundCase> {
    let is_body = |path: &Path| {
        let parent = path.parent().and_then(Path::file_name).unwrap_or_default();
        BIDS_FOLDERS.iter().any(|name| parent == *name)
    };
    let is_derived = |path: &Path| {
        let below = path.strip_prefix(folder).unwrap_or(path);
        below.starts_with("derivatives") || below.starts_with("sourcedata")
    };
    let scans = files_below(folder).into_iter();
    let scans =
        scans.filter(|p| is_scan(p) && is_body(p) && !is_derived(p) && !is_label_map_name(p));
    scans
        .map(|path| FoundCase::new(&stem(&path), path))
        .collect()
}

/// Each scan file, and each folder of files that may be DICOM, named by where it lies.
fn of_tree(root: &Path) -> Vec<FoundCase> {
    let mut found: Vec<FoundCase> = Vec::new();
    for path in files_below(root) {
        if is_scan(&path) {
            if !is_label_map_name(&path) {
                found.push(FoundCase::new(&stem(&path), path));
            }
            continue;
        }
        let folder = path.parent().unwrap_or(root).to_owned();
        let may_be_dicom =
            path.extension().is_none() || ends_as(&path, ".dcm") || ends_as(&path, ".ima");
        if may_be_dicom && !found.iter().any(|case| case.image == folder) {
            let below = folder.strip_prefix(root).unwrap_or(&folder);
            let name = match below.as_os_str().is_empty() {
                true => folder
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                false => below.to_string_lossy().replace(['/', '\\'], "_"),
            };
            found.push(FoundCase::new(&plain_name(&name), folder));
        }
    }
    found
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let is_hidden = |entry: &walkdir::DirEntry| {
        entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.')
    };
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter();
    let entries = entries.filter_entry(|entry| !is_hidden(entry)).flatten();
    let files = entries.filter(|e| e.file_type().is_file());
    files.map(walkdir::DirEntry::into_path).collect()
}

/// The lines of a CSV; paths are relative to it.
fn of_list(path: &Path) -> Result<Vec<FoundCase>, ProjectError> {
    let text = fs::read_to_string(path).map_err(|e| IoError::unreadable(path, e))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    let header = lines.next().map_or(Vec::new(), |(_, line)| cells(line));
    let column = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    let (Some(id), Some(image)) = (column("id"), column("image")) else {
        return Err(ProjectError::broken(
            path,
            "its first line must name the columns: id and image, and if wanted series and labels",
        ));
    };
    let mut found = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells = cells(line);
        let cell = |n: usize| cells.get(n).map(String::as_str).filter(|c| !c.is_empty());
        let optional = |name: &str| column(name).and_then(cell);
        let (Some(id), Some(image)) = (cell(id), cell(image)) else {
            let reason = format!("line {} has no id or no image", number + 1);
            return Err(ProjectError::broken(path, reason));
        };
        let image = folder.join(image);
        fs::metadata(&image).map_err(|e| IoError::unreadable(&image, e))?;
        let mut case = FoundCase::new(id, image);
        case.series = optional("series").map(str::to_owned);
        if column("labels").is_some() {
            // The list says of each case whether it has labels.
            case.labels = optional("labels").map(|labels| folder.join(labels));
        }
        found.push(case);
    }
    Ok(found)
}

/// The cells of a line (RFC 4180, without line breaks inside cells).
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(std::mem::take(&mut cell)),
            _ => cell.push(letter),
        }
    }
    cells.push(cell);
    cells.into_iter().map(|c| c.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{cells, plain_name};

    #[test]
    fn cells_may_be_quoted() {
        assert_eq!(
            cells(r#"a, "b,c" ,"d ""e""",,"#),
            ["a", "b,c", "d \"e\"", "", ""]
        );
    }

    #[test]
    fn any_name_becomes_a_plain_one() {
        assert_eq!(plain_name("Müller/CT 1"), "M_ller_CT_1");
        assert_eq!(plain_name("..."), "case");
    }
}
