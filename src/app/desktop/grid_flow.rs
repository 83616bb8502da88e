//! Working on another grid than the scan's: labels that have one of their own, and voxels made finer.

use std::sync::Arc;

use crate::session::{Case, LabelFit, LabelOrigin, OpenedLabels, Regridded, ScanCommand};
use crate::ui::Severity;
use crate::ui::model::{Answer, Question};
use crate::ui::texts::tr;
use crate::volume::Grid;

use super::file_flow::{Goal, Purpose};
use super::files;
use super::window::Window;

/// The length that is offered for a finer voxel, in mm.
const OFFERED_MM: f64 = 1.0;

impl Window {
    /// Labels were read: they are taken over, or the user is asked what to do with a grid of their own.
    pub(super) fn labels_read(&mut self, labels: Box<OpenedLabels>) {
        let Some(case) = self.session.case() else {
            return;
        };
        let grid = labels.layers.grid();
        match case.fit_of(grid) {
            // The session refuses, in its own words, what lies elsewhere.
            LabelFit::Here | LabelFit::Elsewhere => self.reach(Goal::TakeLabels(labels)),
            LabelFit::Scan => self.regrid_opened(*labels),
            LabelFit::Own => {
                let description = tr!(
                    "The labels have {labels}, the scan {scan}.",
                    labels = in_words(grid),
                    scan = in_words(case.scan_image().grid())
                );
                self.flow.on_own_grid = Some(labels);
                self.state.question = Some(Question::OwnGrid { description });
            }
        }
    }

    /// The user has said where labels on a grid of their own are to be edited.
    pub(super) fn place_labels(&mut self, answer: &Answer) {
        let (Some(labels), Some(case)) = (self.flow.on_own_grid.take(), self.session.case()) else {
            return;
        };
        match answer {
            Answer::OwnGrid => self.regrid_opened(*labels),
            Answer::ScanGrid => {
                let scan = Arc::clone(case.scan_image());
                self.run(
                    tr!("Resampling the labels"),
                    Purpose::Other,
                    false,
                    move |_| {
                        let layers = labels.layers.resampled(scan.grid());
                        let mut regridded =
                            Regridded::opened(&scan, OpenedLabels { layers, ..*labels });
                        if let Ok(regridded) = &mut regridded {
                            // What is resampled is not what the file has.
                            regridded.origin = LabelOrigin::Nowhere;
                        }
                        files::regrid(regridded)
                    },
                );
            }
            // Nothing that was to be replaced is given up.
            _ => self.flow.keep_all(),
        }
    }

    fn regrid_opened(&mut self, labels: OpenedLabels) {
        let Some(scan) = self.session.case().map(|c| Arc::clone(c.scan_image())) else {
            return;
        };
        let title = tr!("Bringing the scan onto the labels' grid");
        self.run(title, Purpose::Other, false, move |_| {
            files::regrid(Regridded::opened(&scan, labels))
        });
    }

    /// Asks how fine the voxels are to be.
    pub(super) fn ask_finer_grid(&mut self) {
        if let Some(case) = self.case_to_regrid() {
            let now = tr!("Worked on now: {grid}.", grid = in_words(case.grid()));
            let mm = format!("{OFFERED_MM}");
            self.state.question = Some(Question::FinerGrid { now, mm });
        }
    }

    /// Takes the labels to the scan's voxels, divided until none is longer than this.
    pub(super) fn work_on_finer_grid(&mut self, longest_mm: f64) {
        if let Some(case) = self.case_to_regrid() {
            let grid = case.scan_image().grid().divided_to(longest_mm);
            self.take_labels_along(grid);
        }
    }

    /// Takes the labels to the scan's own voxels.
    pub(super) fn work_on_scan_grid(&mut self) {
        if let Some(case) = self.case_to_regrid() {
            let grid = *case.scan_image().grid();
            self.take_labels_along(grid);
        }
    }

    /// What is open, unless it cannot go to another grid now, and that is said.
    fn case_to_regrid(&mut self) -> Option<&Case> {
        let reason = self.session.case()?.keeps_from_regridding();
        if let Some(reason) = reason {
            self.state.messages.push(Severity::Error, reason);
            return None;
        }
        self.session.case()
    }

    fn take_labels_along(&mut self, grid: Grid) {
        let Some(case) = self.session.case() else {
            return;
        };
        if grid == *case.grid() {
            let text = tr!("These are the voxels that are worked on already");
            self.state.messages.push(Severity::Info, text);
            return;
        }
        let scan = Arc::clone(case.scan_image());
        let (layers, table) = (case.document().layers().clone(), case.table().clone());
        let revision = case.revision();
        self.run(
            tr!("Going to another grid"),
            Purpose::Other,
            false,
            move |_| {
                let taken = Regridded::taken_along(&scan, &grid, &layers, table, revision);
                files::regrid(taken)
            },
        );
    }

    /// Scan and labels are on one grid: goes on there. Labels that were opened may have to wait for unsaved ones.
    pub(super) fn take_regridded(&mut self, regridded: Box<Regridded>) {
        match regridded.origin {
            LabelOrigin::Session(_) => self.apply(ScanCommand::WorkOn(regridded)),
            LabelOrigin::File(_) | LabelOrigin::Nowhere => self.reach(Goal::WorkOn(regridded)),
        }
    }
}

/// Dims and spacing, in words.
fn in_words(grid: &Grid) -> String {
    let [ni, nj, nk] = grid.dims;
    let [si, sj, sk] = grid.spacing_mm();
    tr!(
        "{ni} x {nj} x {nk} voxels of {si} x {sj} x {sk} mm",
        ni,
        nj,
        nk,
        si = format_args!("{si:.2}"),
        sj = format_args!("{sj:.2}"),
        sk = format_args!("{sk:.2}")
    )
}
