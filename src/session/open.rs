//! Opening and closing: scans, label maps, recovery files.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::geometry::VoxelIndex;
use crate::volume::{Grid, LabelLayers, LabelTable, Modality, Reordering};

use super::ai::Jobs;
use super::document::Document;
use super::effect::{Effect, Effects};
use super::grid::scan_on;
use super::journal::Replay;
use super::measure::Readings;
use super::recovery::Snapshot;
use super::{Case, History, OpenedLabels, OpenedScan, ScanCommand, Session, Tools};

impl Session {
    pub(super) fn apply_scan(&mut self, command: ScanCommand, out: &mut Effects) {
        match command {
            ScanCommand::Open(scan) => {
                self.close(out);
                let history = History::new(self.history_budget_bytes(), self.archive.clone());
                let earlier = self.first_number..self.next_number;
                self.case = Some(Case::open(*scan, history, earlier));
                // Labels and values are those of one scan.
                self.tools.limits = self.tools.limits.without_labels();
                self.tools.fill.tolerance = None;
                out.push(Effect::ScanChanged);
            }
            ScanCommand::Close => {
                self.close(out);
                out.push(Effect::ScanChanged);
            }
            on_case => match &mut self.case {
                Some(case) => case.apply_scan(on_case, self.tools, out),
                None => out.refuse("no scan is open: open the scan first, then its labels"),
            },
        }
    }

    fn close(&mut self, out: &mut Effects) {
        if let Some(mut case) = self.case.take() {
            case.cancel_prompt_job(out);
            case.cancel_auto_job(out);
            self.next_number = case.document.next_number;
        }
    }
}

impl Case {
    /// The scan without labels. `earlier` are the revisions and tickets given out before.
    fn open(scan: OpenedScan, history: History, earlier: Range<u64>) -> Self {
        let grid = *scan.image.grid();
        let case = Self {
            window: scan.window,
            inverted: scan.image.modality() == Modality::Pet,
            cross_hair: VoxelIndex(grid.dims.map(|n| (n / 2) as i64)),
            document: Document::new(grid, history, earlier),
            jobs: Jobs::default(),
            stroke: None,
            gain: None,
            readings: Readings::default(),
            original: None,
            second: None,
            comparison: None,
            scan,
        };
        case.document.tell_begin(&case.scan.source);
        case
    }

    fn apply_scan(&mut self, command: ScanCommand, tools: Tools, out: &mut Effects) {
        match command {
            ScanCommand::ReplaceImage(scan) => self.replace_image(*scan, tools, out),
            ScanCommand::OpenLabels(opened) => self.open_labels(*opened, out),
            ScanCommand::WorkOn(regridded) => self.work_on(*regridded, out),
            ScanCommand::Restore(snapshot) => self.restore(*snapshot, out),
            ScanCommand::Resume(replay) => self.resume(*replay, tools, out),
            ScanCommand::MarkSaved { revision, path } => {
                self.document.mark_saved(revision, path);
            }
            ScanCommand::Open(_) | ScanCommand::Close => {}
        }
    }

    fn replace_image(&mut self, scan: OpenedScan, tools: Tools, out: &mut Effects) {
        let own = self.scan_image().grid();
        if Reordering::between(scan.image.grid(), own).is_none_or(|r| !r.is_identity()) {
            out.refuse("the other image lies on another grid: open it as a scan of its own");
            return;
        }
        let on_own_grid = (!self.is_on_scan_grid()).then(|| scan_on(&scan.image, self.grid()));
        let on_own_grid = match on_own_grid.transpose() {
            Ok(image) => image,
            Err(reason) => {
                out.refuse(reason);
                return;
            }
        };
        let asked = self.is_prompt_running();
        self.cancel_prompt_job(out);
        if self.is_auto_running() {
            out.info("the automatic segmentation was stopped, because the image changed");
        }
        self.cancel_auto_job(out);
        if scan.image.modality() != self.scan.image.modality() {
            self.window = scan.window;
            self.inverted = scan.image.modality() == Modality::Pet;
        }
        self.scan = scan;
        self.original = None;
        if let Some(image) = on_own_grid {
            let cross_hair = self.cross_hair;
            self.show_on_its_grid(image);
            self.cross_hair = cross_hair;
        }
        out.push(Effect::ScanChanged);
        if asked {
            self.run_prompts(self.document.accepted_prior(), tools, out);
        }
    }

    fn open_labels(&mut self, opened: OpenedLabels, out: &mut Effects) {
        if let Some(layers) = self.on_grid(opened.layers, out) {
            self.replace_labels(layers, opened.table, Some(opened.path), out);
            self.document.measurements = opened.measurements;
            self.document.tell_begin(&self.scan.source);
        }
    }

    fn restore(&mut self, snapshot: Snapshot, out: &mut Effects) {
        let active = snapshot.active;
        let Some(layers) = self.on_grid(Arc::unwrap_or_clone(snapshot.labels).into(), out) else {
            return;
        };
        self.replace_labels(layers, snapshot.table, None, out);
        self.document.measurements.clear();
        self.document.target.active = active;
        self.document.forget_missing_active();
        self.document.set_labels_path(snapshot.labels_path);
        self.document.tell_begin(&self.scan.source);
    }

    fn resume(&mut self, replay: Replay, tools: Tools, out: &mut Effects) {
        let is_same_grid = replay.fits(self.grid());
        let Replay {
            layers,
            table,
            labels_path,
            measurements,
            past,
            ..
        } = replay;
        let Some(layers) = self.on_grid(layers, out) else {
            return;
        };
        self.replace_labels(layers, table, None, out);
        self.document.measurements = measurements;
        if is_same_grid {
            self.document.resume(past, labels_path);
            self.answer_prompts(tools, out);
        } else {
            out.warn("the steps of the earlier session lie on other voxels: undo begins anew");
            self.document.set_labels_path(labels_path);
            self.document.tell_begin(&self.scan.source);
        }
    }

    /// Takes over other labels, in the file if one is given; history and prompts begin anew.
    pub(super) fn replace_labels(
        &mut self,
        layers: LabelLayers,
        table: LabelTable,
        file: Option<PathBuf>,
        out: &mut Effects,
    ) {
        self.stroke = None;
        self.cancel_prompt_job(out);
        self.document.replace(layers, table, file, out);
    }

    /// The labels on the scan's grid, with a word where they had to be brought there; refused where they lie elsewhere.
    fn on_grid(&self, layers: LabelLayers, out: &mut Effects) -> Option<LabelLayers> {
        let Some(reordering) = Reordering::between(layers.grid(), self.grid()) else {
            out.refuse(grid_mismatch(self.grid(), layers.grid()));
            return None;
        };
        for doubt in reordering.doubts() {
            out.warn(format!("the label map: {doubt}"));
        }
        Some(layers.reordered(&reordering, *self.grid()))
    }
}

/// Why labels do not fit the scan, in one line.
fn grid_mismatch(scan: &Grid, labels: &Grid) -> String {
    let text = |dims: [usize; 3]| format!("{}x{}x{}", dims[0], dims[1], dims[2]);
    if scan.dims == labels.dims {
        "the label map has the scan's size but lies elsewhere in space: open the scan that it was drawn on"
            .to_owned()
    } else {
        format!(
            "the label map has {} voxels and the scan {}: open the scan that it was drawn on",
            text(labels.dims),
            text(scan.dims)
        )
    }
}
