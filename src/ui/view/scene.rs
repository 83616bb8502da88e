//! From the session to what the renderer draws.

use std::sync::Arc;

use crate::models::Certainty;
use crate::render::{self, Scene, Slab, SliceStyle};
use crate::session::{Case, Display, Proposed, Rehearsed, UNSURE_PERCENT};
use crate::ui::texts::tr;
use crate::volume::{LabelMap, LabelTable, Mask};

/// Which images a view shows, where there is a second one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shows {
    /// The second one over the scan.
    #[default]
    Both,
    /// The scan.
    Scan,
    /// The second one.
    Second,
}

impl Shows {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 3] = [Self::Both, Self::Scan, Self::Second];

    /// What it is called in menus.
    pub fn text(self) -> &'static str {
        match self {
            Self::Both => tr!("Both images"),
            Self::Scan => tr!("The scan alone"),
            Self::Second => tr!("The second image alone"),
        }
    }

    fn second(self, case: &Case) -> Option<render::Second<'_>> {
        let second = case.second().filter(|_| self != Self::Scan)?;
        Some(render::Second {
            image: second.image(),
            second_from_first: second.first_from_second().inverse(),
            window: second.window(),
            map: second.colours(),
            opacity: second.opacity(),
            is_alone: self == Self::Second,
        })
    }
}

/// Width of outlines, in points.
const OUTLINE_POINTS: f32 = 1.4;

/// How a view is drawn; `highlighted` is the label that the user asks after.
pub fn style(
    case: &Case,
    display: &Display,
    highlighted: Option<u16>,
    slab: Option<Slab>,
    pixels_per_point: f32,
) -> SliceStyle {
    SliceStyle {
        window: case.window(),
        inverted: case.is_inverted(),
        slab,
        interpolation: display.interpolation,
        fill_opacity: display.overlay_opacity,
        outline_px: if display.overlay_outline {
            OUTLINE_POINTS * pixels_per_point
        } else {
            0.0
        },
        active_label: match case.comparison() {
            // Values mean something else there.
            Some(comparison) if comparison.is_shown() => 0,
            _ => highlighted
                .or(case.active().map(|label| label.value))
                .unwrap_or(0),
        },
    }
}

/// Colour of the marks, as bright as no label of the palette.
const UNSURE_COLOUR: [u8; 3] = [255, 235, 0];

/// The labels as they would be called after accepting the proposal. A proposal of structures has values of
/// its own, which may already mean something else in the session.
#[derive(Debug, Default)]
pub struct DrawnLabels {
    /// What is drawn now: `full`, with only the highlighted of the proposed structures.
    table: LabelTable,
    /// The session's table, with the proposed structures added.
    full: LabelTable,
    highlighted: Option<u16>,
    /// The session's table that this was made from.
    base: LabelTable,
    proposed: Option<Proposed>,
    marks_doubt: bool,
    /// What an operation would give, shown as a proposal is.
    rehearsed: Option<Arc<LabelMap>>,
    /// The proposed voxels in values of `table`, where a target's mask does not say it all.
    drawn: Option<Arc<LabelMap>>,
}

impl DrawnLabels {
    /// Takes over what the session has; cheap when nothing changed. Of proposed structures only the highlighted one
    /// is shown, as long as the user asks after it.
    pub fn update(
        &mut self,
        case: &Case,
        display: &Display,
        highlighted: Option<u16>,
        rehearsed: Option<&Rehearsed>,
    ) {
        let proposed = case.gain().map_or(&[][..], |gain| &gain.structures);
        let highlighted = highlighted.filter(|v| proposed.iter().any(|s| s.becomes == *v));
        let is_new = self.update_voxels(case, display, rehearsed);
        if !is_new && self.highlighted == highlighted {
            return;
        }
        self.highlighted = highlighted;
        self.table = self.full.clone();
        for structure in proposed.iter().filter(|_| highlighted.is_some()) {
            if let Some(label) = self.table.get_mut(structure.becomes) {
                label.visible = highlighted == Some(structure.becomes);
            }
        }
    }

    /// Brings voxels and the full table up to date; whether anything was new.
    fn update_voxels(
        &mut self,
        case: &Case,
        display: &Display,
        rehearsed: Option<&Rehearsed>,
    ) -> bool {
        let proposal = case.proposal();
        let proposed = proposal.map(|p| &p.content);
        let certainty = proposal
            .and_then(|p| p.certainty.as_ref())
            .filter(|_| display.uncertainty_shown);
        let rehearsed = rehearsed.and_then(|r| Some((r.labels.as_ref()?, &r.table)));
        let tried = rehearsed.map(|(labels, _)| labels);
        if is_same(self.proposed.as_ref(), proposed)
            && tried.map(Arc::as_ptr) == self.rehearsed.as_ref().map(Arc::as_ptr)
            && self.marks_doubt == certainty.is_some()
            && self.base == *case.table()
        {
            return false;
        }
        self.base = case.table().clone();
        self.rehearsed = tried.cloned();
        let gained = case.gain().map_or(&self.base, |gain| &gain.table);
        let table = rehearsed.map_or(gained, |(_, table)| table);
        self.full = table.with_layers_hidden();
        self.proposed = proposed.cloned();
        self.marks_doubt = certainty.is_some();
        self.drawn = match proposed {
            Some(Proposed::Structures { labels, .. }) => {
                case.gain().map(|gain| gain.as_labels(labels))
            }
            Some(Proposed::Target { label, mask }) if certainty.is_some() => {
                Some(Arc::new(labelled(mask, *label)))
            }
            _ => None,
        };
        if let (Some(drawn), Some(certainty)) = (&mut self.drawn, certainty) {
            mark_doubt(Arc::make_mut(drawn), certainty, &mut self.full);
        }
        if let Some(tried) = tried {
            self.drawn = Some(Arc::clone(tried));
        }
        true
    }

    /// What there is to see of a case. `update` must have been called for it.
    pub fn scene<'a>(&'a self, case: &'a Case, display: &Display, shows: Shows) -> Scene<'a> {
        let shown = display.overlay_shown;
        if let Some(comparison) = case.comparison().filter(|c| c.is_shown()) {
            return Scene {
                image: case.image(),
                labels: if shown {
                    std::slice::from_ref(comparison.drawn())
                } else {
                    &[]
                },
                table: comparison.table(),
                proposal: None,
                second: shows.second(case),
            };
        }
        let proposal = match (&self.drawn, case.proposal().map(|p| &p.content)) {
            (Some(drawn), _) => Some(render::Proposal::Labels(drawn)),
            (None, Some(Proposed::Target { label, mask })) => Some(render::Proposal::Mask {
                mask,
                label: *label,
            }),
            (None, Some(Proposed::Structures { .. }) | None) => None,
        };
        Scene {
            image: case.image(),
            labels: if shown {
                case.document().layers().maps()
            } else {
                &[]
            },
            table: &self.table,
            proposal: proposal.filter(|_| shown),
            second: shows.second(case),
        }
    }
}

fn is_same(a: Option<&Proposed>, b: Option<&Proposed>) -> bool {
    match (a, b) {
        (
            Some(Proposed::Target {
                mask: a,
                label: label_a,
            }),
            Some(Proposed::Target {
                mask: b,
                label: label_b,
            }),
        ) => Arc::ptr_eq(a, b) && label_a == label_b,
        (
            Some(Proposed::Structures { labels: a, .. }),
            Some(Proposed::Structures { labels: b, .. }),
        ) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn labelled(mask: &Mask, label: u16) -> LabelMap {
    let value = |&v: &u8| if v == 0 { 0 } else { label };
    LabelMap {
        grid: mask.grid,
        voxels: mask.voxels.iter().map(value).collect(),
    }
}

/// Gives the voxels that the model is unsure of a value of their own, if one is left.
fn mark_doubt(drawn: &mut LabelMap, certainty: &Certainty, table: &mut LabelTable) {
    let grid = drawn.grid;
    let (Some(value), Some(part)) = (table.next_free_value(), certainty.on(&grid)) else {
        return;
    };
    table.add(value, "unsure");
    if let Some(label) = table.get_mut(value) {
        label.color = UNSURE_COLOUR;
    }
    for offset in part.offsets_above(UNSURE_PERCENT, &grid) {
        drawn.voxels[offset] = value;
    }
}
