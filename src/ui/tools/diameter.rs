//! The target's diameter as a prompt: a line from border to border, as lesions are measured.

use egui::{Key, Ui};
use glam::DVec3;

use crate::geometry::{Plane, VoxelPoint};
use crate::models::ModelCard;
use crate::prompt::{DrawingKind, Polarity};
use crate::session::{PromptCommand, Receiver, ToolId};
use crate::ui::model::{UiModel, UiRequest};
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::ui::view::ViewIntent;
use crate::volume::measurement::{DISTANCE, Measurement};

use super::measure::{self, Spanning};
use super::{Drag, Kind, Pointer, Tool, click, shift};

pub const TOOL: Tool = Tool {
    id: ToolId("diameter"),
    title: "Diameter",
    hint: "Drag from border to border where the target is longest: the model outlines it in 3D. Shift for \"not this\"",
    keys: &[shift(Key::R)],
    kind: &Diameter,
};

struct Diameter;

impl Kind for Diameter {
    fn press(&self, pointer: &mut Pointer<'_>) -> Box<dyn Drag> {
        Box::new(Crossing {
            plane: pointer.view.slice.plane(),
            polarity: click::polarity(pointer),
            spanning: Spanning::from_here(pointer, |view, from, to| {
                measure::through(DISTANCE, view, &[from, to])
            }),
        })
    }

    fn words(&self, receiver: &Receiver, polarity: Polarity, inverse: bool) -> Option<String> {
        Some(click::words(receiver, polarity, inverse))
    }

    fn landing(&self, aim: &super::Aim<'_>) -> Option<String> {
        click::landing(aim)
    }

    fn receives(&self) -> &'static str {
        tr!("Diameters go to")
    }

    fn invitation(&self) -> Option<&'static str> {
        Some(tr!("Drag across a lesion where it is longest"))
    }

    fn lacking(&self, card: &ModelCard) -> Option<&'static str> {
        (!card.scribbles).then_some(tr!("diameters"))
    }

    fn settings(
        &self,
        ui: &mut Ui,
        _model: &UiModel<'_>,
        state: &mut UiState,
        _out: &mut Vec<UiRequest>,
    ) {
        click::sign(ui, state);
    }
}

/// A line is being drawn across the target.
#[derive(Debug)]
struct Crossing {
    plane: Plane,
    polarity: Polarity,
    spanning: Spanning,
}

impl Drag for Crossing {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        self.spanning.moved(pointer);
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        let Some(drawn) = self.spanning.measurement() else {
            return;
        };
        let grid = pointer.case.grid();
        let ends = drawn.points().iter().map(|&end| grid.voxel_from_world(end));
        let ends: Vec<VoxelPoint> = ends.collect();
        // So that the other views go through it, and what is found can be seen in all of them.
        let sum: DVec3 = ends.iter().map(|end| end.0).sum();
        let middle = VoxelPoint(sum / ends.len() as f64);
        pointer.means(ViewIntent::Crosshair(middle.nearest()));
        pointer.changes(PromptCommand::Draw {
            kind: DrawingKind::Diameter,
            polarity: self.polarity,
            plane: self.plane,
            line: ends,
        });
    }

    fn measurement(&self) -> Option<&Measurement> {
        self.spanning.measurement()
    }
}
