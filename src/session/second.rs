//! A second image of the same patient over the scan: how it is shown, and where it lies.
//!
//! It lies where its file says, until it is moved by hand or registered. Moving it changes a transform alone, never a voxel of
//! either scan, and has an undo of its own: what labels are is not touched by it, nor by how the second image is shown.

use std::sync::Arc;

use glam::DVec3;

use crate::geometry::{RigidTransform, VoxelIndex, WorldPoint};
use crate::io::ScanInfo;
use crate::models::ScanKey;
use crate::util::short_debug;
use crate::volume::{ColourMap, ImageVolume, Window};

use super::effect::{Effect, Effects};
use super::{Case, OpenedScan, ScanSource};

/// How much a second image hides at first.
const OPACITY: f32 = 0.5;

/// Changes the second image.
#[derive(Clone)]
pub enum SecondCommand {
    /// Lays a scan over the one that is open, in the place of the one before.
    Open(Box<OpenedScan>),
    /// Takes it away.
    Close,
    /// Window and level.
    Window(Window),
    /// Its colours.
    Colours(ColourMap),
    /// How much it hides of the scan, 0 to 1.
    Opacity(f32),
    /// Moves it by so many mm, and turns it by so many degrees about the cross-hair, both along RAS.
    Nudge {
        /// Right, anterior, superior, in mm.
        shift_mm: [f64; 3],
        /// About these axes, in degrees.
        turn_deg: [f64; 3],
    },
    /// Lays it where a transform says.
    Place {
        /// The image that this is about; another that was opened meanwhile stays where it is.
        key: ScanKey,
        /// Carries the second image's world to the scan's.
        first_from_second: RigidTransform,
        /// What was done, for the list of moves.
        name: &'static str,
    },
    /// Takes the last move back.
    Undo,
    /// Makes the move that was taken back again.
    Redo,
}

short_debug! {
    SecondCommand: |command| match command {
        SecondCommand::Open(_) => "open",
        SecondCommand::Close => "close",
        SecondCommand::Window(_) => "window",
        SecondCommand::Colours(_) => "colours",
        SecondCommand::Opacity(_) => "opacity",
        SecondCommand::Nudge { .. } => "nudge",
        SecondCommand::Place { .. } => "place",
        SecondCommand::Undo => "undo",
        SecondCommand::Redo => "redo",
    };
}

/// A move: what it is called, and where the image was before and is after it.
#[derive(Debug, Clone)]
struct Move {
    name: &'static str,
    before: RigidTransform,
    after: RigidTransform,
}

/// A second image, how it is shown and where it lies.
#[derive(Debug)]
pub struct SecondImage {
    scan: OpenedScan,
    window: Window,
    colours: ColourMap,
    opacity: f32,
    first_from_second: RigidTransform,
    done: Vec<Move>,
    undone: Vec<Move>,
}

impl SecondImage {
    fn new(scan: OpenedScan) -> Self {
        Self {
            window: scan.window,
            colours: ColourMap::over_another(scan.image.modality()),
            scan,
            opacity: OPACITY,
            first_from_second: RigidTransform::IDENTITY,
            done: Vec::new(),
            undone: Vec::new(),
        }
    }

    /// Its voxels, as they were read.
    pub fn image(&self) -> &Arc<ImageVolume> {
        &self.scan.image
    }

    /// What its file says.
    pub fn info(&self) -> &ScanInfo {
        &self.scan.info
    }

    /// Where it came from.
    pub fn source(&self) -> &ScanSource {
        &self.scan.source
    }

    /// What it is called.
    pub fn title(&self) -> String {
        self.scan.title()
    }

    /// Identifies it.
    pub fn key(&self) -> ScanKey {
        self.scan.key
    }

    /// Window and level.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Its colours.
    pub fn colours(&self) -> ColourMap {
        self.colours
    }

    /// How much it hides of the scan, 0 to 1.
    pub fn opacity(&self) -> f32 {
        self.opacity
    }

    /// Carries its world to the scan's.
    pub fn first_from_second(&self) -> RigidTransform {
        self.first_from_second
    }

    /// What undo takes back.
    pub fn undo_name(&self) -> Option<&'static str> {
        self.done.last().map(|m| m.name)
    }

    /// What redo makes again.
    pub fn redo_name(&self) -> Option<&'static str> {
        self.undone.last().map(|m| m.name)
    }

    /// Its value at a place of the scan's world, of the nearest voxel; `None` where it does not reach.
    pub fn value_at(&self, place: WorldPoint) -> Option<f64> {
        let own = self.first_from_second.inverse().apply(place);
        let grid = self.scan.image.grid();
        let offset = grid.offset_of(grid.voxel_from_world(own).nearest())?;
        Some(self.scan.image.value(offset))
    }

    fn place(&mut self, after: RigidTransform, name: &'static str) {
        let before = self.first_from_second;
        self.done.push(Move {
            name,
            before,
            after,
        });
        self.undone.clear();
        self.first_from_second = after;
    }

    fn undo(&mut self) {
        if let Some(last) = self.done.pop() {
            self.first_from_second = last.before;
            self.undone.push(last);
        }
    }

    fn redo(&mut self) {
        if let Some(next) = self.undone.pop() {
            self.first_from_second = next.after;
            self.done.push(next);
        }
    }
}

impl Case {
    /// The second image, where there is one.
    pub fn second(&self) -> Option<&SecondImage> {
        self.second.as_ref()
    }

    pub(super) fn apply_second(&mut self, command: SecondCommand, out: &mut Effects) {
        match command {
            SecondCommand::Open(scan) => self.open_second(*scan, out),
            SecondCommand::Close => {
                if self.second.take().is_some() {
                    out.push(Effect::SecondChanged);
                }
            }
            shown => {
                let cross_hair = self.cross_hair;
                let centre = self.grid().world_from_voxel(VoxelIndex::center(cross_hair));
                if let Some(second) = &mut self.second {
                    second.change(shown, centre);
                    out.push(Effect::ViewChanged);
                }
            }
        }
    }

    fn open_second(&mut self, scan: OpenedScan, out: &mut Effects) {
        let images = [&self.scan.image, &scan.image];
        if images.iter().any(|image| image.third_axis().is_time()) {
            out.refuse(
                "films have no second image: their third axis is time, and no place in the patient",
            );
            return;
        }
        let grids = images.map(|image| *image.grid());
        if crate::volume::resample::covered(&grids[1], &grids[0]).is_none() {
            out.warn(
                "the second image lies beside the scan, as the files say: move it, or register it after moving it there",
            );
        }
        self.second = Some(SecondImage::new(scan));
        out.push(Effect::SecondChanged);
    }
}

impl SecondImage {
    fn change(&mut self, command: SecondCommand, centre: WorldPoint) {
        match command {
            SecondCommand::Window(w) if w.level.is_finite() && w.width.is_finite() => {
                self.window = w;
                self.window.width = w.width.max(f64::from(f32::EPSILON));
            }
            SecondCommand::Colours(colours) => self.colours = colours,
            SecondCommand::Opacity(opacity) => self.opacity = opacity.clamp(0.0, 1.0),
            SecondCommand::Nudge { shift_mm, turn_deg } => {
                let turn = DVec3::from_array(turn_deg.map(f64::to_radians));
                let nudge = RigidTransform::about(centre, turn, DVec3::from_array(shift_mm));
                let is_turn = turn != DVec3::ZERO;
                let name = if is_turn { "turn" } else { "move" };
                self.place(nudge.after(&self.first_from_second), name);
            }
            SecondCommand::Place {
                key,
                first_from_second,
                name,
            } if key == self.scan.key => self.place(first_from_second, name),
            SecondCommand::Undo => self.undo(),
            SecondCommand::Redo => self.redo(),
            SecondCommand::Open(_)
            | SecondCommand::Close
            | SecondCommand::Window(_)
            | SecondCommand::Place { .. } => {}
        }
    }
}
