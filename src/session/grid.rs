//! The grid that is worked on, where it is not the scan's: thick slices edited at 1 mm, labels that another program drew on
//! voxels of their own.
//!
//! One grid for everything keeps the rules of editing what they are: a view lies in a slice of the voxels that are edited, so
//! that between two thick slices there is one to draw on. So the scan comes to the labels, and not the other way round.

use std::path::PathBuf;
use std::sync::Arc;

use crate::models::ScanKey;
use crate::util::short_debug;
use crate::volume::measurement::Measurement;
use crate::volume::resample::{covered, image_on_grid};
use crate::volume::{Grid, ImageVolume, LabelLayers, LabelTable, Reordering};

use super::effect::{Effect, Effects};
use super::journal::unique_number;
use super::view::clamped;
use super::{Case, OpenedLabels};

/// More voxels are refused: the labels alone would take 2 GB a layer.
const MOST_VOXELS: usize = 1 << 30;

/// The scan's own voxels, while another grid is worked on.
#[derive(Debug)]
pub(super) struct Original {
    image: Arc<ImageVolume>,
    key: ScanKey,
}

/// What is needed to work on another grid.
#[derive(Clone)]
pub struct Regridded {
    /// The scan as it was read.
    pub scan: Arc<ImageVolume>,
    /// The scan on that grid.
    pub image: Arc<ImageVolume>,
    /// Labels on that grid.
    pub layers: LabelLayers,
    /// Their names.
    pub table: LabelTable,
    /// What is drawn and measured, in a file beside the labels; of a session it stays as it is.
    pub measurements: Vec<Measurement>,
    /// Where the labels are from.
    pub origin: LabelOrigin,
}

/// Where labels on another grid are from.
#[derive(Clone, PartialEq, Eq)]
pub enum LabelOrigin {
    /// A file; Save writes to it.
    File(PathBuf),
    /// The session, whose labels of this revision were resampled.
    Session(u64),
    /// There are none yet.
    Nowhere,
}

/// How labels on some grid go together with what is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelFit {
    /// They have the voxels that are worked on.
    Here,
    /// They have the scan's own voxels, while others are worked on.
    Scan,
    /// They have voxels of their own in the same place.
    Own,
    /// They lie beside the scan.
    Elsewhere,
}

short_debug! {
    Regridded: |regridded| format_args!("{:?}", regridded.layers);
    LabelOrigin: |origin| match origin {
        LabelOrigin::File(_) => "a file",
        LabelOrigin::Session(_) => "the session",
        LabelOrigin::Nowhere => "nowhere",
    };
}

impl Regridded {
    /// Labels as they were read, with the scan on their grid; on the scan's where that has the same voxels.
    ///
    /// # Errors
    /// One line: they lie beside the scan, are too many voxels, or the scan cannot be resampled.
    pub fn opened(scan: &Arc<ImageVolume>, labels: OpenedLabels) -> Result<Self, String> {
        let own = *scan.grid();
        let layers = match Reordering::between(labels.layers.grid(), &own) {
            Some(reordering) => labels.layers.reordered(&reordering, own),
            None => labels.layers,
        };
        Ok(Self {
            scan: Arc::clone(scan),
            image: scan_on(scan, layers.grid())?,
            layers,
            table: labels.table,
            measurements: labels.measurements,
            origin: LabelOrigin::File(labels.path),
        })
    }

    /// A grid without labels yet, for work that is about to be put there.
    ///
    /// # Errors
    /// As [`Self::opened`].
    pub fn without_labels(scan: &Arc<ImageVolume>, grid: &Grid) -> Result<Self, String> {
        Ok(Self {
            scan: Arc::clone(scan),
            image: scan_on(scan, grid)?,
            layers: LabelLayers::empty(*grid),
            table: LabelTable::default(),
            measurements: Vec::new(),
            origin: LabelOrigin::Nowhere,
        })
    }

    /// Labels of a session, of this revision, taken along to a grid.
    ///
    /// # Errors
    /// As [`Self::opened`].
    pub fn taken_along(
        scan: &Arc<ImageVolume>,
        grid: &Grid,
        layers: &LabelLayers,
        table: LabelTable,
        revision: u64,
    ) -> Result<Self, String> {
        Ok(Self {
            scan: Arc::clone(scan),
            image: scan_on(scan, grid)?,
            layers: layers.resampled(grid),
            table,
            measurements: Vec::new(),
            origin: LabelOrigin::Session(revision),
        })
    }
}

/// The scan on a grid; the scan itself where that is its own.
///
/// # Errors
/// One line: the grid lies beside the scan or has too many voxels, or the scan cannot be resampled.
pub(super) fn scan_on(scan: &Arc<ImageVolume>, grid: &Grid) -> Result<Arc<ImageVolume>, String> {
    if grid == scan.grid() {
        return Ok(Arc::clone(scan));
    }
    let voxels = grid.dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    if voxels.is_none_or(|n| n > MOST_VOXELS) {
        let [ni, nj, nk] = grid.dims;
        return Err(format!(
            "the grid would have {ni}x{nj}x{nk} voxels, which is too many: choose larger ones"
        ));
    }
    if covered(grid, scan.grid()).is_none() {
        return Err("the labels lie beside the scan: open the scan that they were drawn on".into());
    }
    let image = image_on_grid(scan, grid).ok_or(
        "films and pictures in colour are edited on their own voxels only: open labels that lie on these",
    )?;
    Ok(Arc::new(image))
}

impl Case {
    /// The scan as it was read, on its own grid.
    pub fn scan_image(&self) -> &Arc<ImageVolume> {
        let original = self.original.as_ref();
        original.map_or(&self.scan.image, |o| &o.image)
    }

    /// Whether the scan's own voxels are worked on.
    pub fn is_on_scan_grid(&self) -> bool {
        self.original.is_none()
    }

    /// How labels on a grid go together with what is open.
    pub fn fit_of(&self, labels: &Grid) -> LabelFit {
        let scan = self.scan_image().grid();
        if Reordering::between(labels, self.grid()).is_some() {
            LabelFit::Here
        } else if Reordering::between(labels, scan).is_some() {
            LabelFit::Scan
        } else if covered(labels, scan).is_some() {
            LabelFit::Own
        } else {
            LabelFit::Elsewhere
        }
    }

    /// Why the labels cannot be taken along to another grid now, in one line.
    pub fn keeps_from_regridding(&self) -> Option<&'static str> {
        self.is_dirty().then_some(
            "save the labels first: on another grid undo begins anew, so that nothing unsaved may be taken there",
        )
    }

    pub(super) fn work_on(&mut self, regridded: Regridded, out: &mut Effects) {
        let Regridded {
            scan,
            image,
            layers,
            table,
            measurements,
            origin,
        } = regridded;
        if !Arc::ptr_eq(&scan, self.scan_image()) || image.grid() != layers.grid() {
            out.refuse("another scan is shown meanwhile: try again");
            return;
        }
        let mut measurements = Some(measurements);
        let (file, active) = match origin {
            LabelOrigin::File(path) => (Some(path), None),
            LabelOrigin::Nowhere => (None, None),
            LabelOrigin::Session(revision) => {
                if let Some(reason) = self.keeps_from_regridding() {
                    out.refuse(reason);
                    return;
                }
                if revision != self.revision() {
                    out.refuse("the labels have changed meanwhile: try again");
                    return;
                }
                measurements = None;
                (None, self.active().map(|label| label.value))
            }
        };
        self.cancel_auto_job(out);
        self.show_on_its_grid(image);
        out.push(Effect::ScanChanged);
        let is_file = file.is_some();
        self.replace_labels(layers, table, file, out);
        if let Some(measurements) = measurements {
            self.document.measurements = measurements;
        }
        if !is_file {
            // A file with other voxels is not to be saved over unasked.
            self.document.set_labels_path(None);
            if self.table().labels().is_empty() {
                self.document.begin_unchanged();
            }
        }
        if let Some(active) = active {
            self.document.activate(active);
            self.document.forget_missing_active();
        }
        self.document.tell_begin(&self.scan.source);
    }

    /// Shows the scan on another grid; the cross-hair stays in its place in the patient. What lies on the grid so far is to
    /// be replaced.
    pub(super) fn show_on_its_grid(&mut self, image: Arc<ImageVolume>) {
        let cross_hair_mm = self.grid().world_from_voxel(self.cross_hair.center());
        let original = self.original.take().unwrap_or_else(|| Original {
            image: Arc::clone(&self.scan.image),
            key: self.scan.key,
        });
        if Arc::ptr_eq(&image, &original.image) {
            self.scan.key = original.key;
        } else {
            // Caches must not take it for the scan itself.
            self.scan.key = ScanKey(unique_number());
            self.original = Some(original);
        }
        self.scan.image = image;
        let grid = self.scan.image.grid();
        self.cross_hair = clamped(grid, grid.voxel_from_world(cross_hair_mm).nearest());
    }
}
