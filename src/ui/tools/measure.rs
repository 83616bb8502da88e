//! What the measuring tools share: new ones are drawn, those that are there are pulled by their places, and Shift takes one
//! away.

use egui::{CursorIcon, Pos2};

use crate::session::{Case, MeasureCommand};
use crate::ui::theme;
use crate::ui::view::{PlacedView, measurements};
use crate::volume::measurement::{Measurement, Shape};

use super::{Done, Drag, Pointer};

/// Points of the screen that a drag must be long to be meant.
const LEAST_DRAG: f32 = 4.0;

/// A place of a measurement on this slice that can be taken hold of here: the nearest one, with the number of the place.
fn grabbed<'c>(case: &'c Case, view: &PlacedView, pos: Pos2) -> Option<(&'c Measurement, usize)> {
    let shown = case.measured().iter().map(|(drawn, _)| drawn);
    let places = shown
        .filter(|drawn| measurements::is_on(view, drawn))
        .flat_map(|drawn| {
            let places = drawn.points().iter().enumerate();
            places.map(move |(n, p)| (drawn, n, measurements::pos(view, *p).distance(pos)))
        });
    let near = places.filter(|(.., away)| *away <= theme::GRAB_RADIUS);
    let nearest = near.min_by(|a, b| a.2.total_cmp(&b.2));
    nearest.map(|(drawn, n, _)| (drawn, n))
}

/// What a press near a place of a measurement begins: pulling it, with Shift taking the measurement away.
pub fn press_on_drawn(pointer: &mut Pointer<'_>) -> Option<Box<dyn Drag>> {
    if pointer.outline.is_some() {
        return None;
    }
    let (drawn, point) = grabbed(pointer.case, pointer.view, pointer.pos)?;
    if pointer.modifiers.shift {
        pointer.changes(MeasureCommand::Remove(drawn.number));
        return Some(Box::new(Done));
    }
    Some(Box::new(Pulling {
        before: drawn.clone(),
        now: drawn.clone(),
        point,
    }))
}

/// Draws what has been drawn.
pub fn draw(pointer: &mut Pointer<'_>, drawn: &Measurement) {
    pointer.changes(MeasureCommand::Draw {
        shape: drawn.shape,
        points: drawn.points().to_vec(),
    });
}

/// A place of a measurement is being pulled.
#[derive(Debug)]
struct Pulling {
    before: Measurement,
    now: Measurement,
    point: usize,
}

impl Drag for Pulling {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let to = pointer.view.world(pointer.pos);
        self.now = self.before.pulled(self.point, to);
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        if self.now != self.before {
            pointer.changes(MeasureCommand::Change {
                number: self.now.number,
                points: self.now.points().to_vec(),
            });
        }
    }

    fn cursor(&self) -> Option<CursorIcon> {
        Some(CursorIcon::Grabbing)
    }

    fn measurement(&self) -> Option<&Measurement> {
        Some(&self.now)
    }
}

/// The measurement that a drag from one point of the screen to another means, where it is one.
type Spanned = fn(&PlacedView, Pos2, Pos2) -> Option<Measurement>;

/// Something is being drawn from where the button went down to the pointer.
#[derive(Debug)]
pub struct Spanning {
    from: Pos2,
    spanned: Spanned,
    now: Option<Measurement>,
}

impl Spanning {
    pub fn begin(pointer: &Pointer<'_>, spanned: Spanned) -> Box<dyn Drag> {
        Box::new(Self::from_here(pointer, spanned))
    }

    /// From where the pointer is.
    pub fn from_here(pointer: &Pointer<'_>, spanned: Spanned) -> Self {
        Self {
            from: pointer.pos,
            spanned,
            now: None,
        }
    }
}

impl Drag for Spanning {
    fn moved(&mut self, pointer: &mut Pointer<'_>) {
        let is_meant = self.from.distance(pointer.pos) >= LEAST_DRAG;
        let spanned = || (self.spanned)(pointer.view, self.from, pointer.pos);
        self.now = is_meant.then(spanned).flatten();
    }

    fn released(self: Box<Self>, pointer: &mut Pointer<'_>) {
        if let Some(drawn) = &self.now {
            draw(pointer, drawn);
        }
    }

    fn measurement(&self) -> Option<&Measurement> {
        self.now.as_ref()
    }
}

/// A measurement through points of the screen that has no number yet.
pub fn through(shape: Shape, view: &PlacedView, points: &[Pos2]) -> Option<Measurement> {
    let points = points.iter().map(|&pos| view.world(pos)).collect();
    Measurement::new(0, shape, points)
}
