//! What part of its plane a view shows, and how large.

use egui::{Pos2, Rect, Vec2};

use crate::geometry::{Convention, Grid, Plane, SliceView, VoxelIndex, WorldPoint};

use super::{PlacedView, Turned};

/// What of its plane a view shows; by default all of the scan. The slice comes from the cross-hair.
#[derive(Debug, Clone, Copy, Default)]
pub struct Camera(Option<Framing>);

/// Middle and scale of a view.
#[derive(Debug, Clone, Copy)]
struct Framing {
    center: WorldPoint,
    mm_per_point: f64,
}

/// Closest and farthest view, in mm per point.
const SCALE_RANGE: (f64, f64) = (0.005, 50.0);

impl Camera {
    /// The view of `plane` through the cross-hair, turned about it, in `rect`.
    #[expect(
        clippy::too_many_arguments,
        reason = "what a view is made of, each of another kind"
    )]
    pub fn placed(
        &self,
        grid: &Grid,
        plane: Plane,
        convention: Convention,
        cross_hair: VoxelIndex,
        turned: Turned,
        rect: Rect,
        pixels_per_point: f32,
    ) -> PlacedView {
        let pixels = |points: f32| (points * pixels_per_point).round().max(1.0) as u32;
        let (width, height) = (pixels(rect.width()), pixels(rect.height()));
        let fitted = SliceView::fit(grid, plane, convention, cross_hair, width, height);
        let slice = match self.0 {
            None => fitted,
            Some(framing) => SliceView::new(
                grid,
                plane,
                convention,
                framing.center,
                framing.mm_per_point / f64::from(pixels_per_point),
                [width, height],
            )
            .on_slice(cross_hair.0[fitted.normal_axis()]),
        };
        let meeting = turned.meeting(cross_hair);
        let mut slice = slice.tilted(turned.tilt, meeting);
        if slice.is_tilted() {
            // Not from the cross-hair's slice: the picture stays where it is when the cross-hair moves in its plane.
            slice = slice.centered_on(
                self.0
                    .map_or_else(|| grid.middle(), |framing| framing.center),
            );
        }
        PlacedView {
            slice,
            cross_hair: meeting,
            rect,
            pixels_per_point,
        }
    }

    /// Moves the picture by this many points.
    pub fn pan(&mut self, view: &PlacedView, by: Vec2) {
        let by = by * view.pixels_per_point;
        self.keep(view, view.slice.panned(f64::from(by.x), f64::from(by.y)));
    }

    /// Magnifies by `factor`, what is at `at` staying there.
    pub fn zoom(&mut self, view: &PlacedView, factor: f64, at: Pos2) {
        let (low, high) = SCALE_RANGE;
        let wanted = (view.mm_per_point() / factor).clamp(low, high);
        let (x, y) = view.pixel(at);
        self.keep(view, view.slice.zoomed(view.mm_per_point() / wanted, x, y));
    }

    fn keep(&mut self, view: &PlacedView, slice: SliceView) {
        self.0 = Some(Framing {
            center: slice.center(),
            mm_per_point: slice.mm_per_pixel() * f64::from(view.pixels_per_point),
        });
    }
}
