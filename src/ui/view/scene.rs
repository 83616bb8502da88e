//! From the session to what the renderer draws.

use std::sync::Arc;

use crate::render::{self, Scene, SliceStyle};
use crate::session::{Case, Display, Interpolation, Proposed};
use crate::volume::{LabelMap, LabelTable};

/// Width of outlines, in points.
const OUTLINE_POINTS: f32 = 1.4;

/// How the views are drawn.
pub fn style(case: &Case, display: &Display, pixels_per_point: f32) -> SliceStyle {
    SliceStyle {
        window: case.window(),
        interpolation: match display.interpolation {
            Interpolation::Linear => render::Interpolation::Linear,
            Interpolation::Nearest => render::Interpolation::Nearest,
        },
        fill_opacity: display.overlay_opacity,
        outline_px: if display.overlay_outline {
            OUTLINE_POINTS * pixels_per_point
        } else {
            0.0
        },
        active_label: case.active().map_or(0, |label| label.value),
    }
}

/// The labels as they would be called after accepting the proposal. A proposal of structures has values of
/// its own, which may already mean something else in the session.
#[derive(Debug, Default)]
pub struct DrawnLabels {
    /// The session's table, with the proposed structures added.
    table: LabelTable,
    /// The session's table that this was made from.
    base: LabelTable,
    proposed: Option<Arc<LabelMap>>,
    /// The proposed structures in values of `table`.
    drawn: Option<Arc<LabelMap>>,
}

impl DrawnLabels {
    /// Takes over what the session has; cheap when nothing changed.
    pub fn update(&mut self, case: &Case) {
        let structures = match case.proposal().map(|p| &p.content) {
            Some(Proposed::Structures { labels, table }) => Some((labels, table)),
            _ => None,
        };
        let proposed = structures.map(|(labels, _)| labels);
        let same_proposal = match (&self.proposed, proposed) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        if same_proposal && self.base == *case.table() {
            return;
        }
        self.base = case.table().clone();
        self.table = self.base.clone();
        self.proposed = proposed.cloned();
        self.drawn = structures.map(|(labels, table)| drawn_values(labels, table, &mut self.table));
    }

    /// What there is to see of a case. `update` must have been called for it.
    pub fn scene<'a>(&'a self, case: &'a Case, display: &Display) -> Scene<'a> {
        let shown = display.overlay_shown;
        let proposal = case
            .proposal()
            .and_then(|p| match (&p.content, &self.drawn) {
                (Proposed::Target { label, mask }, _) => Some(render::Proposal::Mask {
                    mask,
                    label: *label,
                }),
                (Proposed::Structures { .. }, Some(drawn)) => Some(render::Proposal::Labels(drawn)),
                (Proposed::Structures { .. }, None) => None,
            });
        Scene {
            image: case.image(),
            labels: Some(case.labels().as_ref()).filter(|_| shown),
            table: &self.table,
            proposal: proposal.filter(|_| shown),
        }
    }
}

/// The structures in values of `table`, to which those that it lacks are added.
fn drawn_values(
    labels: &Arc<LabelMap>,
    names: &LabelTable,
    table: &mut LabelTable,
) -> Arc<LabelMap> {
    let mut new_value: Vec<u16> = (0..=u16::MAX).collect();
    let mut moved = false;
    for label in names.labels() {
        let known = table.by_name(&label.name).map(|l| l.value);
        let free = match table.get(label.value) {
            None => Some(label.value),
            Some(_) => table.next_free_value(),
        };
        let Some(value) = known.or(free) else {
            continue;
        };
        if known.is_none() {
            table.add(value, &label.name);
        }
        moved |= value != label.value;
        new_value[usize::from(label.value)] = value;
    }
    if !moved {
        return Arc::clone(labels);
    }
    Arc::new(LabelMap {
        grid: labels.grid,
        voxels: labels
            .voxels
            .iter()
            .map(|&v| new_value[usize::from(v)])
            .collect(),
    })
}
