//! Saving, and everything that asks the user for a path.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use egui::Context;

use crate::io::{is_dicom_name, is_saved_alone};
use crate::session::ScanSource;
use crate::ui::Severity;
use crate::ui::model::Question;
use crate::ui::texts::tr;

use super::dialogs::{PathAnswer, PathPurpose, title};
use super::file_flow::{Goal, Purpose};
use super::files::{self, ToSave};
use super::window::Window;

/// The grid that labels are saved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SaveGrid {
    /// The one that is worked on.
    Edited,
    /// The scan's own.
    Scan,
}

/// Where labels go, if this is what a path is asked for.
fn saved_on(purpose: PathPurpose) -> Option<SaveGrid> {
    match purpose {
        PathPurpose::SaveLabels => Some(SaveGrid::Edited),
        PathPurpose::SaveOnScanGrid => Some(SaveGrid::Scan),
        PathPurpose::OpenScan
        | PathPurpose::OpenFolder
        | PathPurpose::OpenLabels
        | PathPurpose::CompareLabels
        | PathPurpose::OpenSecond
        | PathPurpose::OpenTransform
        | PathPurpose::OpenProject
        | PathPurpose::OpenChannel
        | PathPurpose::ImportModel
        | PathPurpose::SaveTransform
        | PathPurpose::SaveReport
        | PathPurpose::ReadLabelTable
        | PathPurpose::WriteLabelTable => None,
    }
}

/// The path with the ending of a web page, by which browsers open it.
fn as_page(path: PathBuf) -> PathBuf {
    let is_page = |ending: &OsStr| ending.eq_ignore_ascii_case("html");
    if path.extension().is_some_and(is_page) {
        return path;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".html");
    path.with_file_name(name)
}

impl Window {
    /// Saves to the file that the labels have, or asks for one.
    pub(super) fn save(&mut self) {
        let Some(case) = self.session.case() else {
            return;
        };
        if case.proposal().is_some() {
            let text = tr!("The proposal is not accepted yet, so it is not saved");
            self.state.messages.push(Severity::Warning, text);
        }
        let labels_path = case.labels_path().map(Path::to_path_buf);
        if self.saves_case() {
            return;
        }
        match labels_path {
            Some(path) if is_saved_alone(&path) && self.flow.spared.as_ref() == Some(&path) => {
                self.state.question = Some(Question::Overwrite { path });
            }
            // A DICOM object is never changed: its UID names what it was.
            Some(path) if is_saved_alone(&path) => self.save_to(path, SaveGrid::Edited),
            _ => self.ask_path(PathPurpose::SaveLabels),
        }
    }

    /// Saves the labels as they are now. DICOM objects refer to the scan's slices, so they always lie on its grid.
    pub(super) fn save_to(&mut self, path: PathBuf, grid: SaveGrid) {
        let Some(case) = self.session.case() else {
            return;
        };
        let wants_scan_grid = grid == SaveGrid::Scan || is_dicom_name(&path);
        let on = (wants_scan_grid && !case.is_on_scan_grid()).then(|| *case.scan_image().grid());
        let save = ToSave {
            layers: case.document().layers().clone(),
            table: case.table().clone(),
            measurements: case.document().measurements().to_vec(),
            revision: case.revision(),
            scan: match case.source() {
                ScanSource::File { path, .. } => Some(path.clone()),
                ScanSource::Sample => None,
            },
            on,
            source: case.info().provenance.clone(),
            details: self.origins.details(case.table()),
            older: self.settings.older_copies,
        };
        let id = self.run(tr!("Saving"), Purpose::Other, false, move |_| {
            files::save_labels(path, &save)
        });
        self.flow.saving = Some(id);
    }

    /// Asks for a path with the desktop's dialog.
    pub(super) fn ask_path(&mut self, purpose: PathPurpose) {
        let name = self.suggested_name(purpose);
        let start = self.settings.last_folder.clone();
        self.dialogs.ask(purpose, start.as_deref(), name.as_deref());
    }

    /// What a file that is to be written may be called.
    fn suggested_name(&self, purpose: PathPurpose) -> Option<String> {
        if purpose == PathPurpose::SaveReport {
            return Some("lesson.html".to_owned());
        }
        let case = self.session.case()?;
        match purpose {
            PathPurpose::SaveLabels | PathPurpose::SaveOnScanGrid => {
                Some(files::suggested_name(case))
            }
            PathPurpose::WriteLabelTable => Some("labels.csv".to_owned()),
            _ => None,
        }
    }

    /// Asks for a typed path.
    pub(super) fn ask_typed_path(&mut self, purpose: PathPurpose) {
        let folder = self.settings.last_folder.clone().unwrap_or_default();
        let typed = self.flow.typed.take().filter(|(p, _)| *p == purpose);
        let text = match (typed, self.suggested_name(purpose)) {
            (Some((_, path)), _) => path.display().to_string(),
            (None, Some(name)) => folder.join(name).display().to_string(),
            (None, None) => String::new(),
        };
        self.flow.typed_for = Some(purpose);
        self.state.question = Some(Question::TypedPath {
            title: title(purpose),
            text,
        });
    }

    /// Takes over the answers of dialogs.
    pub(super) fn drain_dialogs(&mut self) {
        for answer in self.dialogs.answers() {
            match answer {
                PathAnswer::Chosen(purpose, path) => self.path_chosen(purpose, path),
                PathAnswer::NoDialog(purpose) => self.ask_typed_path(purpose),
                PathAnswer::Dismissed(_) => self.stay(),
            }
        }
    }

    /// Asks again for the path that was typed to save to, as it was typed; whether there is one. What waits for the save
    /// goes on waiting.
    pub(super) fn correct_typed_path(&mut self) -> bool {
        let typed = self.flow.typed.as_ref().map(|(purpose, _)| *purpose);
        let typed = typed.filter(|&purpose| saved_on(purpose).is_some());
        if let Some(purpose) = typed {
            self.ask_typed_path(purpose);
        }
        typed.is_some()
    }

    /// The user typed a path.
    pub(super) fn path_typed(&mut self, path: PathBuf) {
        let Some(purpose) = self.flow.typed_for.take() else {
            return;
        };
        let path = match purpose {
            PathPurpose::SaveReport => as_page(path),
            _ => path,
        };
        self.flow.typed = Some((purpose, path.clone()));
        let is_replaced = matches!(
            purpose,
            PathPurpose::WriteLabelTable | PathPurpose::SaveReport
        );
        if is_replaced && path.exists() {
            // The desktop's dialog asks whether to replace it; what is typed is not replaced.
            let text = tr!(
                "{path}: is there already: type another name",
                path = path.display()
            );
            self.state.messages.push(Severity::Error, text);
            return self.ask_typed_path(purpose);
        }
        let Some(grid) = saved_on(purpose) else {
            self.path_chosen(purpose, path);
            return;
        };
        let path = files::with_extension(path);
        let known = self.session.case().and_then(|c| c.labels_path());
        if path.exists() && known != Some(&path) {
            // The desktop's dialog asks this itself.
            self.state.question = Some(Question::Overwrite { path });
        } else {
            self.save_to(path, grid);
        }
    }

    /// The user agrees that a file is replaced, whose path was typed or which was found beside the scan.
    pub(super) fn overwrite(&mut self, path: PathBuf) {
        self.flow.spared = None;
        let typed = self.flow.typed.as_ref().map(|(purpose, _)| *purpose);
        let grid = typed.and_then(saved_on).unwrap_or(SaveGrid::Edited);
        self.save_to(path, grid);
    }

    fn path_chosen(&mut self, purpose: PathPurpose, path: PathBuf) {
        match purpose {
            PathPurpose::OpenScan | PathPurpose::OpenFolder => self.reach(Goal::open(path)),
            PathPurpose::OpenLabels => self.reach(Goal::OpenLabels(path.into())),
            PathPurpose::CompareLabels => self.compare_with(path),
            PathPurpose::OpenProject => self.open_project(path),
            PathPurpose::OpenChannel => self.open_channel(path),
            PathPurpose::ImportModel => self.import_folder(path, false),
            PathPurpose::OpenSecond => self.open_second(path),
            PathPurpose::OpenTransform => self.open_second_transform(path),
            PathPurpose::SaveTransform => self.save_second_transform(path),
            PathPurpose::SaveReport => self.save_lesson_report(as_page(path)),
            PathPurpose::SaveLabels => {
                self.save_to(files::with_extension(path), SaveGrid::Edited);
            }
            PathPurpose::SaveOnScanGrid => {
                self.save_to(files::with_extension(path), SaveGrid::Scan);
            }
            PathPurpose::ReadLabelTable => {
                self.run(
                    tr!("Reading names and colours"),
                    Purpose::Other,
                    false,
                    |_| files::read_label_table(path),
                );
            }
            PathPurpose::WriteLabelTable => self.write_label_table(path),
        }
    }

    fn write_label_table(&mut self, path: PathBuf) {
        let Some(case) = self.session.case() else {
            return;
        };
        let table = case.table().clone();
        self.run(
            tr!("Writing names and colours"),
            Purpose::Other,
            false,
            move |_| files::write_label_table(path, &table),
        );
    }

    /// Opens a file that was dropped on the window.
    pub(super) fn open_dropped(&mut self, ctx: &Context) {
        let dropped: Vec<PathBuf> = ctx.input(|i| {
            let files = i.raw.dropped_files.iter();
            files.map(|f| f.path().to_path_buf()).collect()
        });
        if let Some(path) = dropped.into_iter().next()
            && self.state.question.is_none()
        {
            match self.session.case() {
                _ if is_project(&path) => self.open_project(path),
                Some(_) => self.state.question = Some(Question::Dropped { path }),
                None => self.reach(Goal::open(path)),
            }
        }
    }
}

/// Whether a path that is opened leads to an annotation project, and not to a scan.
pub(super) fn is_project(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("toml"))
}
