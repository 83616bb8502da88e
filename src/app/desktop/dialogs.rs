//! Asking the user for a path, without ever waiting for the answer in a frame.

use crate::ui::texts::tr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use rfd::{AsyncFileDialog, FileHandle};

/// What a path is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathPurpose {
    /// A scan in one file.
    OpenScan,
    /// A folder of DICOM files.
    OpenFolder,
    /// A label map to edit.
    OpenLabels,
    /// A label map to compare the own one with.
    CompareLabels,
    /// Where to save the labels.
    SaveLabels,
    /// Where to save the labels on the scan's grid, while another is worked on.
    SaveOnScanGrid,
    /// A second image of the same patient.
    OpenSecond,
    /// Where the second image is to lie.
    OpenTransform,
    /// Where to save where the second image lies.
    SaveTransform,
    /// Names and colours of labels.
    ReadLabelTable,
    /// Where to write names and colours of labels.
    WriteLabelTable,
    /// An annotation project.
    OpenProject,
    /// Another image of the scan's grid, for a model that takes several.
    OpenChannel,
    /// The folder of a trained model.
    ImportModel,
    /// Where to save the report of a lesson.
    SaveReport,
}

/// The answer to a question for a path.
#[derive(Clone, PartialEq, Eq)]
pub enum PathAnswer {
    /// The user chose this one.
    Chosen(PathPurpose, PathBuf),
    /// The user changed their mind.
    Dismissed(PathPurpose),
    /// This desktop has no file dialog; ask for a typed path.
    NoDialog(PathPurpose),
}

/// Asks for paths; the answers come later through [`FileDialogs::answers`]. A trait, so that tests answer
/// for the user.
pub trait FileDialogs {
    /// Shows the dialog. `start` is the folder to begin in, `file_name` what to suggest for saving.
    fn ask(&mut self, purpose: PathPurpose, start: Option<&Path>, file_name: Option<&str>);

    /// The answers since the last call.
    fn answers(&mut self) -> Vec<PathAnswer>;
}

/// The desktop's own dialogs.
pub struct NativeDialogs {
    runtime: tokio::runtime::Runtime,
    sender: Sender<PathAnswer>,
    receiver: Receiver<PathAnswer>,
    waker: std::sync::Arc<dyn Fn() + Send + Sync>,
}

/// A dialog that comes back empty sooner than this was never shown: no hand is that quick.
const TOO_QUICK_FOR_A_HAND: Duration = Duration::from_millis(250);

impl NativeDialogs {
    /// Dialogs that call `waker` when an answer is there.
    ///
    /// # Errors
    /// If the thread that waits for the answers cannot be started.
    pub fn new(waker: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        let (sender, receiver) = unbounded();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("file-dialog")
            .build()?;
        Ok(Self {
            runtime,
            sender,
            receiver,
            waker: std::sync::Arc::new(waker),
        })
    }
}

impl FileDialogs for NativeDialogs {
    fn ask(&mut self, purpose: PathPurpose, start: Option<&Path>, file_name: Option<&str>) {
        if !may_have_dialogs() {
            // Taken as an answer like any other, so that the window has one way to hear it.
            let _ = self.sender.send(PathAnswer::NoDialog(purpose));
            return (self.waker)();
        }
        let mut dialog = AsyncFileDialog::new().set_title(title(purpose));
        if let Some(folder) = start {
            dialog = dialog.set_directory(folder);
        }
        if let Some(name) = file_name {
            dialog = dialog.set_file_name(name);
        }
        let dialog = with_filters(dialog, purpose);
        let (sender, waker) = (self.sender.clone(), self.waker.clone());
        let asked = Instant::now();
        let deliver = async move |answer: Option<FileHandle>| {
            let answer = match answer {
                Some(file) => PathAnswer::Chosen(purpose, file.path().to_path_buf()),
                None if asked.elapsed() < TOO_QUICK_FOR_A_HAND => PathAnswer::NoDialog(purpose),
                None => PathAnswer::Dismissed(purpose),
            };
            // The window is gone when nobody listens any more: then there is nothing to tell.
            if sender.send(answer).is_ok() {
                waker();
            }
        };
        match purpose {
            PathPurpose::OpenScan
            | PathPurpose::OpenLabels
            | PathPurpose::CompareLabels
            | PathPurpose::OpenSecond
            | PathPurpose::OpenTransform
            | PathPurpose::OpenProject
            | PathPurpose::OpenChannel
            | PathPurpose::ReadLabelTable => {
                let file = dialog.pick_file();
                self.runtime.spawn(async move { deliver(file.await).await });
            }
            PathPurpose::OpenFolder | PathPurpose::ImportModel => {
                let folder = dialog.pick_folder();
                self.runtime
                    .spawn(async move { deliver(folder.await).await });
            }
            PathPurpose::SaveLabels
            | PathPurpose::SaveOnScanGrid
            | PathPurpose::SaveTransform
            | PathPurpose::SaveReport
            | PathPurpose::WriteLabelTable => {
                let file = dialog.save_file();
                self.runtime.spawn(async move { deliver(file.await).await });
            }
        }
    }

    fn answers(&mut self) -> Vec<PathAnswer> {
        self.receiver.try_iter().collect()
    }
}

/// Whether this desktop may have file dialogs: on Linux they come from a portal on the session bus, or from
/// zenity.
fn may_have_dialogs() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let has_bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
        || std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|d| Path::new(&d).join("bus").exists());
    let has_zenity = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|d| d.join("zenity").is_file()));
    has_bus || has_zenity
}

/// The title of the dialog, and of the field where a path is typed instead.
pub fn title(purpose: PathPurpose) -> &'static str {
    match purpose {
        PathPurpose::OpenScan => tr!("Open a scan"),
        PathPurpose::OpenFolder => tr!("Open a folder of DICOM files"),
        PathPurpose::OpenLabels => tr!("Open a label map"),
        PathPurpose::CompareLabels => tr!("Compare with a label map"),
        PathPurpose::SaveLabels => tr!("Save the labels"),
        PathPurpose::SaveOnScanGrid => tr!("Save the labels on the scan's grid"),
        PathPurpose::OpenSecond => tr!("Open a second image of the patient"),
        PathPurpose::OpenTransform => tr!("Open a transform of the second image"),
        PathPurpose::SaveTransform => tr!("Save the transform of the second image"),
        PathPurpose::ReadLabelTable => tr!("Read names and colours of labels"),
        PathPurpose::WriteLabelTable => tr!("Write names and colours of labels"),
        PathPurpose::OpenProject => tr!("Open a worklist"),
        PathPurpose::OpenChannel => tr!("Open another image of the scan's grid"),
        PathPurpose::ImportModel => tr!("Open the folder of a trained model"),
        PathPurpose::SaveReport => tr!("Save the report of the lesson"),
    }
}

fn with_filters(dialog: AsyncFileDialog, purpose: PathPurpose) -> AsyncFileDialog {
    match purpose {
        PathPurpose::OpenTransform | PathPurpose::SaveTransform => {
            dialog.add_filter(tr!("ITK transform"), &["tfm", "txt"])
        }
        PathPurpose::OpenScan | PathPurpose::OpenSecond | PathPurpose::OpenChannel => dialog
            .add_filter(tr!("All files"), &["*"])
            .add_filter(tr!("NIfTI"), &["nii", "gz", "hdr", "img"])
            .add_filter(tr!("NRRD and MetaImage"), &["nrrd", "nhdr", "mha", "mhd"])
            .add_filter(tr!("DICOM"), &["dcm", "ima"]),
        PathPurpose::OpenLabels | PathPurpose::CompareLabels => dialog
            .add_filter(
                tr!("Label maps"),
                &[
                    "nii", "gz", "hdr", "img", "nrrd", "nhdr", "mha", "mhd", "dcm",
                ],
            )
            .add_filter(tr!("All files"), &["*"]),
        PathPurpose::SaveLabels | PathPurpose::SaveOnScanGrid => dialog
            .add_filter(tr!("NIfTI labels"), &["nii.gz", "nii"])
            .add_filter(tr!("NRRD (3D Slicer)"), &["seg.nrrd", "nrrd"])
            .add_filter(tr!("MetaImage (without names)"), &["mha"])
            .add_filter(tr!("DICOM SEG"), &["dcm"]),
        PathPurpose::ReadLabelTable => dialog
            .add_filter(
                tr!("Names and colours"),
                &["txt", "label", "lbl", "csv", "tsv", "ctbl"],
            )
            .add_filter(tr!("All files"), &["*"]),
        PathPurpose::WriteLabelTable => dialog
            .add_filter(tr!("3D Slicer colour table"), &["csv", "ctbl"])
            .add_filter(tr!("ITK-SNAP label description"), &["label", "txt"]),
        PathPurpose::OpenProject => dialog.add_filter(tr!("Annotation project"), &["toml"]),
        PathPurpose::SaveReport => dialog.add_filter(tr!("Web page"), &["html"]),
        PathPurpose::OpenFolder | PathPurpose::ImportModel => dialog,
    }
}
