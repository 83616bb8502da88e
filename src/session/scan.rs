//! What is handed to the session when something was opened.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::io::ScanInfo;
use crate::models::ScanKey;
use crate::util::short_debug;
use crate::volume::measurement::Measurement;
use crate::volume::{ImageVolume, LabelLayers, LabelTable, Modality, Window};

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
    OpenedLabels: |opened| format_args!("{:?}", opened.layers);
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

impl OpenedScan {
    /// What the scan is called: the description of its DICOM series, else the name of its file or folder.
    pub(super) fn title(&self) -> String {
        let uid = match &self.source {
            ScanSource::File { series, .. } => series.as_deref(),
            ScanSource::Sample => None,
        };
        let series = &self.info.series;
        let shown = match uid {
            Some(uid) => series.iter().find(|s| s.uid == uid),
            None => series.first().filter(|_| series.len() == 1),
        };
        shown
            .map(|s| s.description.trim().to_owned())
            .filter(|description| !description.is_empty())
            .unwrap_or_else(|| self.source.title())
    }

    /// The volume of so many voxels in ml.
    pub(super) fn ml_of(&self, voxels: usize) -> f64 {
        voxels as f64 * self.image.grid().affine.voxel_volume_mm3() / 1000.0
    }

    /// How large something of this many voxels is, in words: its volume, or its voxels where time is an axis.
    pub(super) fn size_text(&self, voxels: usize) -> String {
        if self.image.third_axis().is_time() {
            return format!("{voxels} voxels");
        }
        let ml = self.ml_of(voxels);
        // A few voxels are not nothing.
        let decimals = if ml < 0.1 { 3 } else { 1 };
        format!("{ml:.decimals$} ml")
    }
}

/// A label map that was read.
#[derive(Clone)]
pub struct OpenedLabels {
    /// The voxels.
    pub layers: LabelLayers,
    /// Their names.
    pub table: LabelTable,
    /// What is drawn and measured, as the file beside them has it.
    pub measurements: Vec<Measurement>,
    /// The file; Save writes to it.
    pub path: PathBuf,
}
