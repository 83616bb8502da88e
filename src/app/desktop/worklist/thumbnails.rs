//! Small pictures of cases for the list: made one after another while nothing else goes on, and kept in memory alone.

use std::sync::Arc;

use crate::app::desktop::window::Window;
use crate::app::desktop::worker::{WorkEvent, Worker};
use crate::geometry::{Convention, Plane, SliceView, VoxelIndex};
use crate::io::{OpenOptions, open_scan};
use crate::project::Project;
use crate::ui::model::Thumbnail;
use crate::util::JobContext;
use crate::volume::ImageVolume;
use crate::volume::window::default_window;

use super::{CaseRead, Open};

/// What makes them.
pub(super) struct Thumbnails {
    worker: Worker<(String, Option<Thumbnail>)>,
    is_running: bool,
}

impl Thumbnails {
    pub fn new(waker: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        Ok(Self {
            worker: Worker::start("thumbnails", waker)?,
            is_running: false,
        })
    }

    pub fn is_running(&self) -> bool {
        self.is_running
    }
}

impl Open {
    /// Keeps the picture of a case that was read anyway.
    pub(super) fn keep_thumbnail_of(&mut self, read: &CaseRead) {
        let known = &mut self.shown.thumbnails;
        if !known.contains_key(&read.id) {
            known.insert(read.id.clone(), Some(thumbnail(&read.scan.image)));
        }
    }
}

impl Window {
    /// Makes the picture of a case in sight that has none, unless there is something else to do.
    pub(in crate::app::desktop) fn make_thumbnail(&mut self) {
        let is_idle = !self.is_busy();
        let Some(id) = self.state.worklist.without_picture.take() else {
            return;
        };
        let (thumbnails, open) = (&mut self.worklist.thumbnails, &self.worklist.open);
        let Some(open) = open.as_ref().filter(|_| is_idle) else {
            return;
        };
        thumbnails.is_running = true;
        let project = Arc::clone(&open.project);
        thumbnails.worker.submit(move |ctx| {
            let made = of_case(&project, &id, ctx);
            (id, made)
        });
    }

    /// Takes over a picture that was made.
    pub(in crate::app::desktop) fn drain_thumbnails(&mut self) {
        let thumbnails = &mut self.worklist.thumbnails;
        for event in thumbnails.worker.drain() {
            let WorkEvent::Finished { outcome, .. } = event else {
                continue;
            };
            thumbnails.is_running = false;
            let Some((id, made)) = outcome else {
                continue;
            };
            if let Some(open) = &mut self.worklist.open {
                open.shown.thumbnails.insert(id, made);
            }
        }
    }
}

fn of_case(project: &Project, id: &str, ctx: &JobContext) -> Option<Thumbnail> {
    let case = project.case(id).ok()?;
    let options = OpenOptions {
        series: case.series.clone(),
        ..OpenOptions::default()
    };
    let scan = open_scan(&project.resolved(&case.image), &options, ctx).ok()?;
    Some(thumbnail(&scan.image))
}

/// The middle axial slice, each pixel the nearest voxel, in the window that the scan opens with.
fn thumbnail(image: &ImageVolume) -> Thumbnail {
    const SIDE: u32 = Thumbnail::SIDE as u32;
    let (grid, window) = (image.grid(), default_window(image));
    let middle = VoxelIndex(grid.dims.map(|n| (n / 2) as i64));
    let convention = Convention::Radiological;
    let view = SliceView::fit(grid, Plane::Axial, convention, middle, SIDE, SIDE);
    let low = window.level - window.width / 2.0;
    let grey = |x: u32, y: u32| {
        let voxel = view.voxel_at_pixel(f64::from(x), f64::from(y));
        let offset = voxel.and_then(|voxel| grid.offset_of(voxel));
        let value = offset
            .map(|offset| image.value(offset))
            .filter(|v| !v.is_nan());
        let part = value.map_or(0.0, |value| (value - low) / window.width.max(1e-9));
        (part.clamp(0.0, 1.0) * 255.0) as u8
    };
    let pixels = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| grey(x, y)));
    Thumbnail {
        grey: pixels.collect(),
    }
}
