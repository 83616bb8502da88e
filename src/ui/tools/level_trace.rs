//! Paints what the line of equal value through the pointer encloses; the line shows before the click.

use std::sync::{Arc, Weak};

use egui::{Color32, Context, Id, Key, Painter, Pos2};

use crate::prompt::Polarity;
use crate::session::{Case, Receiver, Region, StrokeCommand, StrokeMode, ToolId};
use crate::ui::model::UiModel;
use crate::ui::texts::tr;
use crate::ui::view::PlacedView;
use crate::ui::view::region_overlay::{self, Look};
use crate::volume::ImageVolume;
use crate::volume::morphology::Crop;

use super::{Done, Drag, Kind, Pointer, Tool, brush, key};

pub const TOOL: Tool = Tool {
    id: ToolId("level_trace"),
    title: "Level trace",
    hint: "Point at an edge: the line of equal value shows, and a click paints what it encloses. Shift erases",
    keys: &[key(Key::V)],
    kind: &LevelTrace,
};

struct LevelTrace;

fn region(view: &PlacedView, pos: Pos2) -> Option<Region> {
    Some(Region::Level {
        at: view.voxel(pos)?,
        plane: view.slice.plane(),
    })
}

/// What was sought last in a scan, and found.
#[derive(Debug, Clone)]
struct Sought {
    in_scan: Weak<ImageVolume>,
    region: Region,
    found: Option<Arc<Crop>>,
}

/// The region's voxels, sought once where the pointer rests: the window is drawn anew for many other reasons, and a region
/// of a large slice takes up to 20 ms.
fn found(ctx: &Context, case: &Case, region: Region) -> Option<Arc<Crop>> {
    let id = Id::unique("level trace");
    let is_it = |sought: &Sought| {
        let is_here = std::ptr::eq(sought.in_scan.as_ptr(), Arc::as_ptr(case.image()));
        is_here && sought.region == region
    };
    let known = ctx.data(|data| data.get_temp::<Sought>(id)).filter(is_it);
    let sought = known.unwrap_or_else(|| Sought {
        in_scan: Arc::downgrade(case.image()),
        region,
        found: region.found_in(case.image()).map(Arc::new),
    });
    ctx.data_mut(|data| data.insert_temp(id, sought.clone()));
    sought.found
}

impl Kind for LevelTrace {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        if let Some(region) = region(pointer.view, pointer.pos) {
            let mode = StrokeMode::erasing(pointer.modifiers.shift);
            pointer.changes(StrokeCommand::Region { mode, region });
        }
        Box::new(Done)
    }

    fn words(&self, receiver: &Receiver, _polarity: Polarity, inverse: bool) -> Option<String> {
        Some(brush::words(receiver, inverse))
    }

    fn receives(&self) -> &'static str {
        tr!("Level tracing paints")
    }

    fn heeds_limits(&self) -> bool {
        true
    }

    fn usage(&self) -> &'static str {
        tr!("Point at an edge, click to paint")
    }

    fn at_pointer(&self, painter: &Painter, view: &PlacedView, pos: Pos2, model: &UiModel<'_>) {
        let Some(case) = model.session.case() else {
            return;
        };
        let found = region(view, pos).and_then(|region| found(painter.ctx(), case, region));
        if let Some(found) = found {
            let [r, g, b] = case.receiver().color;
            let color = Color32::from_rgb(r, g, b);
            region_overlay::paint(painter, view, &found, color, Look::Filled);
        }
    }
}
