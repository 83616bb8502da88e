//! Measures the labels beside the window's work, while a pane shows what comes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::Context;

use crate::app::uptake::suv_asked;
use crate::geometry::{Plane, VoxelBox};
use crate::models::ScanKey;
use crate::session::Case;
use crate::ui::model::Statistics;
use crate::util::JobContext;
use crate::volume::morphology::Crop;
use crate::volume::statistics::{
    Asked, LabelStatistics, bounds_by_label, bounds_by_label_in, measure_voxels,
};
use crate::volume::{ImageVolume, LabelMap};

use super::window::Window;
use super::worker::{WorkEvent, Worker};

/// Labels must have been left alone for so long: voxels that are being read cannot be painted on without a copy of all.
const QUIET: Duration = Duration::from_millis(250);

/// What is known of the labels, and what has changed since.
pub struct Measuring {
    worker: Worker<(ScanKey, Vec<Known>)>,
    /// What was measured last.
    known: Vec<Known>,
    /// Of which scan.
    of: Option<ScanKey>,
    /// Where labels changed since the last measurement began; `None` where nothing did.
    changed: Option<VoxelBox>,
    last_change: Instant,
    is_running: bool,
    statistics: Statistics,
}

/// A label that was measured.
#[derive(Debug, Clone)]
struct Known {
    value: u16,
    /// Around all of its voxels.
    bounds: VoxelBox,
    measured: LabelStatistics,
}

impl Measuring {
    /// Nothing is measured yet; `waker` is called when something was.
    pub fn new(waker: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        Ok(Self {
            worker: Worker::start("statistics", waker)?,
            known: Vec::new(),
            of: None,
            changed: None,
            last_change: Instant::now(),
            is_running: false,
            statistics: Statistics::default(),
        })
    }

    /// What is shown.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Whether labels are being measured.
    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// Labels changed in this box.
    pub fn changed(&mut self, changed: VoxelBox) {
        self.last_change = Instant::now();
        self.changed = Some(self.changed.map_or(changed, |all| all.union(changed)));
        self.statistics.is_current = false;
    }

    /// Another scan: nothing is known of it.
    pub fn forget(&mut self) {
        self.of = None;
        self.statistics = Statistics::default();
    }
}

impl Window {
    /// Takes over what was measured, and measures what has changed if that is shown.
    pub(super) fn measure(&mut self, ctx: &Context) {
        let measuring = &mut self.measuring;
        for event in measuring.worker.drain() {
            let WorkEvent::Finished { outcome, .. } = event else {
                continue;
            };
            measuring.is_running = false;
            // After a defect of ours nothing is known, and nothing is tried again by itself.
            measuring.known = match outcome {
                Some((of, known)) if measuring.of == Some(of) => known,
                // Of a scan that is shown no more.
                Some(_) => continue,
                None => Vec::new(),
            };
            let rows = measuring.known.iter().map(|k| (k.value, k.measured));
            measuring.statistics.of_labels = rows.collect();
            measuring.statistics.is_current = measuring.changed.is_none();
        }
        let Some(case) = self.session.case().filter(|_| self.state.shows_statistics) else {
            return;
        };
        if measuring.of != Some(case.key()) {
            measuring.of = Some(case.key());
            measuring.known.clear();
            measuring.statistics = Statistics::default();
            measuring.changed = Some(VoxelBox::whole(case.grid().dims));
        }
        if measuring.changed.is_none() || measuring.is_running {
            return;
        }
        let quiet = measuring.last_change.elapsed();
        if case.is_stroke_active() || quiet < QUIET {
            ctx.request_repaint_after(QUIET.saturating_sub(quiet).max(Duration::from_millis(50)));
            return;
        }
        measuring.begin(case);
    }
}

impl Measuring {
    fn begin(&mut self, case: &Case) {
        let dims = case.grid().dims;
        let Some(changed) = self.changed.take().and_then(|b| b.clipped(dims)) else {
            return;
        };
        let layers = case.document().layers().maps().to_vec();
        let image = Arc::clone(case.image());
        let suv = suv_asked(&image, case.info(), None).unwrap_or_else(|reason| {
            self.statistics.without_suv = Some(reason);
            None
        });
        let asked = Asked {
            plane: Plane::Axial,
            suv,
        };
        let (of, known) = (case.key(), self.known.clone());
        self.is_running = true;
        self.worker.submit(move |ctx| {
            let known = measured(&image, layers, known, changed, &asked, ctx);
            (of, known)
        });
    }
}

/// Measures the labels that the change may have touched; of the others what is known still holds.
fn measured(
    image: &ImageVolume,
    layers: Vec<Arc<LabelMap>>,
    known: Vec<Known>,
    changed: VoxelBox,
    asked: &Asked,
    ctx: &JobContext,
) -> Vec<Known> {
    let is_whole = changed == VoxelBox::whole(image.grid().dims);
    let found: Vec<Vec<(u16, VoxelBox)>> = layers
        .iter()
        .map(|map| match is_whole {
            true => bounds_by_label(map),
            false => bounds_by_label_in(map, changed),
        })
        .collect();
    let is_found = |value| found.iter().flatten().any(|(other, _)| *other == value);
    // A label may have lost voxels in the box, or have won its first there.
    let (old, mut rows): (Vec<Known>, Vec<Known>) = known
        .into_iter()
        .partition(|k| is_found(k.value) || k.bounds.intersection(changed).is_some());
    let mut touched: Vec<(u16, Crop)> = Vec::new();
    for (map, mut found) in layers.iter().zip(found) {
        for k in &old {
            match found.iter_mut().find(|(value, _)| *value == k.value) {
                Some((_, bounds)) => *bounds = bounds.union(k.bounds),
                None => found.push((k.value, k.bounds)),
            }
        }
        // No value occurs in two layers: of another layer's label there is nothing here.
        touched.extend(
            found
                .into_iter()
                .map(|(value, bounds)| (value, Crop::of_label_in(map, value, bounds))),
        );
    }
    // From here on the voxels can be painted on again.
    drop(layers);
    for (value, voxels) in touched {
        if ctx.check().is_err() {
            break;
        }
        rows.extend(measure_voxels(image, &voxels, asked).map(|measured| Known {
            value,
            bounds: voxels.bounds,
            measured,
        }));
    }
    rows
}
