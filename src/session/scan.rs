//! What is handed to the session when something was opened.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::io::ScanInfo;
use crate::models::ScanKey;
use crate::util::short_debug;
use crate::volume::{ImageVolume, LabelMap, LabelTable, Modality, Window};

/// Where a scan came from: enough to open it again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanSource {
    /// The built-in phantom.
    Sample,
    /// A file or folder, and what was chosen in it.
    File {
        /// The file or folder.
        path: PathBuf,
        /// The DICOM series chosen.
        series: Option<String>,
        /// The frame chosen.
        frame: Option<usize>,
        /// The slice whose frames were chosen, for 2D+time.
        #[serde(default)]
        frames_of_slice: Option<usize>,
        /// The modality, where the user overrode it.
        modality: Option<Modality>,
    },
}

short_debug! {
    ScanSource: |source| match source {
        ScanSource::Sample => "the sample",
        ScanSource::File { .. } => "a file",
    };
    OpenedLabels: |opened| format_args!("{:?}", opened.labels);
}

impl ScanSource {
    /// The name shown in the window's title.
    pub fn title(&self) -> String {
        match self {
            Self::Sample => "Sample".to_owned(),
            Self::File { path, .. } => path
                .file_name()
                .unwrap_or(path.as_os_str())
                .to_string_lossy()
                .into_owned(),
        }
    }
}

/// A scan that was read.
#[derive(Debug, Clone)]
pub struct OpenedScan {
    /// The voxels.
    pub image: Arc<ImageVolume>,
    /// What the file says about them.
    pub info: ScanInfo,
    /// Identifies voxels, grid and modality for caches.
    pub key: ScanKey,
    /// Where it came from.
    pub source: ScanSource,
    /// The window to start with.
    pub window: Window,
}

/// A label map that was read.
#[derive(Clone)]
pub struct OpenedLabels {
    /// The voxels.
    pub labels: LabelMap,
    /// Their names.
    pub table: LabelTable,
    /// The file; Save writes to it.
    pub path: PathBuf,
}
