//! Opening and closing: scans, label maps, recovery files.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::geometry::VoxelIndex;
use crate::volume::{Grid, LabelMap, LabelTable, Reordering};

use super::ai::Jobs;
use super::change::Target;
use super::effect::{Effect, Effects};
use super::journal::{Record, Replay};
use super::recovery::Snapshot;
use super::{Case, History, OpenedLabels, OpenedScan, ScanCommand, Session};

impl Session {
    pub(super) fn apply_scan(&mut self, command: ScanCommand, out: &mut Effects) {
        match command {
            ScanCommand::Open(scan) => {
                self.close(out);
                let history = History::new(self.history_budget_bytes(), self.archive.clone());
                let earlier = self.first_number..self.next_number;
                self.case = Some(Case::open(*scan, history, earlier));
                out.push(Effect::ScanChanged);
            }
            ScanCommand::Close => {
                self.close(out);
                out.push(Effect::ScanChanged);
            }
            on_case => match &mut self.case {
                Some(case) => case.apply_scan(on_case, out),
                None => out.refuse("no scan is open: open the scan first, then its labels"),
            },
        }
    }

    fn close(&mut self, out: &mut Effects) {
        if let Some(mut case) = self.case.take() {
            case.cancel_prompt_job(out);
            case.cancel_auto_job(out);
            self.next_number = case.next_number;
        }
    }
}

impl Case {
    /// The scan without labels. `earlier` are the revisions and tickets given out before.
    fn open(scan: OpenedScan, history: History, earlier: Range<u64>) -> Self {
        let grid = *scan.image.grid();
        let case = Self {
            window: scan.window,
            cross_hair: VoxelIndex(grid.dims.map(|n| (n / 2) as i64)),
            labels: Arc::new(LabelMap::empty(grid)),
            table: LabelTable::default(),
            counts: BTreeMap::new(),
            target: Target::default(),
            jobs: Jobs::default(),
            stroke: None,
            history,
            labels_path: None,
            revision: earlier.end,
            saved_revision: earlier.end,
            next_number: earlier.end + 1,
            earlier_revisions: earlier,
            gain: None,
            scan,
        };
        case.tell_begin();
        case
    }

    fn apply_scan(&mut self, command: ScanCommand, out: &mut Effects) {
        match command {
            ScanCommand::ReplaceImage(scan) => self.replace_image(*scan, out),
            ScanCommand::OpenLabels(opened) => self.open_labels(*opened, out),
            ScanCommand::Restore(snapshot) => self.restore(*snapshot, out),
            ScanCommand::Resume(replay) => self.resume(*replay, out),
            ScanCommand::MarkSaved { revision, path }
                if !self.earlier_revisions.contains(&revision) =>
            {
                self.saved_revision = revision;
                self.labels_path = Some(path.clone());
                self.history.tell_record(|| Record::saved(revision, path));
            }
            ScanCommand::MarkSaved { .. } | ScanCommand::Open(_) | ScanCommand::Close => {}
        }
    }

    fn replace_image(&mut self, scan: OpenedScan, out: &mut Effects) {
        if Reordering::between(scan.image.grid(), self.grid()).is_none_or(|r| !r.is_identity()) {
            out.refuse("the other image lies on another grid: open it as a scan of its own");
            return;
        }
        let asked = self.is_prompt_running();
        self.cancel_prompt_job(out);
        if self.is_auto_running() {
            out.info("the automatic segmentation was stopped, because the image changed");
        }
        self.cancel_auto_job(out);
        if scan.image.modality() != self.scan.image.modality() {
            self.window = scan.window;
        }
        self.scan = scan;
        out.push(Effect::ScanChanged);
        if asked {
            self.run_prompts(self.accepted_prior(), out);
        }
    }

    fn open_labels(&mut self, opened: OpenedLabels, out: &mut Effects) {
        let Some(labels) = self.on_grid(opened.labels, out) else {
            return;
        };
        self.replace_labels(labels, opened.table, out);
        self.saved_revision = self.revision;
        self.labels_path = Some(opened.path);
        self.tell_begin();
    }

    fn restore(&mut self, snapshot: Snapshot, out: &mut Effects) {
        let active = snapshot.active;
        let Some(labels) = self.on_grid(Arc::unwrap_or_clone(snapshot.labels), out) else {
            return;
        };
        self.replace_labels(labels, snapshot.table, out);
        self.target.active = active;
        self.forget_missing_active();
        self.labels_path = snapshot.labels_path;
        self.tell_begin();
    }

    fn resume(&mut self, replay: Replay, out: &mut Effects) {
        let is_same_grid = replay.fits(self.grid());
        let Some(labels) = self.on_grid(replay.labels, out) else {
            return;
        };
        if !is_same_grid {
            out.warn("the steps of the earlier session lie on other voxels: undo begins anew");
            self.replace_labels(labels, replay.table, out);
            self.labels_path = replay.labels_path;
            self.tell_begin();
            return;
        }
        let (archive, budget) = (self.history.archive().cloned(), self.history.budget_bytes());
        self.replace_labels(labels, replay.table, out);
        self.history = replay.history;
        self.history.continue_in(archive, budget);
        self.revision = replay.revision;
        self.saved_revision = replay.saved_revision;
        self.labels_path = replay.labels_path;
        self.next_number = self.next_number.max(replay.highest_revision + 1);
        self.restore_target(replay.target);
        self.forget_missing_active();
        if !self.proposal_answers_prompts() {
            self.run_prompts(self.accepted_prior(), out);
        }
    }

    /// Takes over other labels; history and prompts begin anew.
    fn replace_labels(&mut self, labels: LabelMap, mut table: LabelTable, out: &mut Effects) {
        self.counts = labels.counts().into_iter().collect();
        for &value in self.counts.keys() {
            if table.get(value).is_none() {
                table.add(value, &format!("label_{value}"));
            }
        }
        self.labels = Arc::new(labels);
        self.table = table;
        self.target = Target::default();
        self.stroke = None;
        self.cancel_prompt_job(out);
        self.history = History::new(self.history.budget_bytes(), self.history.archive().cloned());
        self.revision = self.number();
        self.earlier_revisions.end = self.revision;
        out.push(Effect::LabelsChanged(self.grid().bounds()));
        out.push(Effect::TableChanged);
        out.push(Effect::PromptsChanged);
        out.push(Effect::ProposalChanged);
    }

    /// The labels on the scan's grid, with a word where they had to be brought there; refused where they lie elsewhere.
    fn on_grid(&self, labels: LabelMap, out: &mut Effects) -> Option<LabelMap> {
        let Some(reordering) = Reordering::between(&labels.grid, self.grid()) else {
            out.refuse(grid_mismatch(self.grid(), &labels.grid));
            return None;
        };
        for doubt in reordering.doubts() {
            out.warn(format!("the label map: {doubt}"));
        }
        Some(LabelMap {
            grid: *self.grid(),
            voxels: reordering.apply(labels.voxels),
        })
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
