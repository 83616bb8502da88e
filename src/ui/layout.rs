//! How the three views share the space.

use egui::{Rect, pos2};
use serde::{Deserialize, Serialize};

use crate::geometry::Plane;

use super::theme::VIEW_GAP;

/// The arrangement of the views; remembered between sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// Axial large on the left, coronal over sagittal on the right.
    #[default]
    AxialLarge,
    /// Coronal large on the left.
    CoronalLarge,
    /// Sagittal large on the left.
    SagittalLarge,
    /// Three columns of the same width.
    Columns,
}

impl Layout {
    /// In the order of the menu.
    pub const ALL: [Self; 4] = [
        Self::AxialLarge,
        Self::CoronalLarge,
        Self::SagittalLarge,
        Self::Columns,
    ];

    /// The name in the menu.
    pub fn name(self) -> &'static str {
        match self {
            Self::AxialLarge => "Axial large",
            Self::CoronalLarge => "Coronal large",
            Self::SagittalLarge => "Sagittal large",
            Self::Columns => "Three columns",
        }
    }

    /// The rectangle of each view inside `area`. `split` is the share of the width that the large view gets.
    pub fn rects(self, area: Rect, split: f32) -> Vec<(Plane, Rect)> {
        let (large, upper, lower) = match self {
            Self::Columns => return columns(area),
            Self::AxialLarge => (Plane::Axial, Plane::Coronal, Plane::Sagittal),
            Self::CoronalLarge => (Plane::Coronal, Plane::Axial, Plane::Sagittal),
            Self::SagittalLarge => (Plane::Sagittal, Plane::Axial, Plane::Coronal),
        };
        let x = (area.left() + area.width() * split).round();
        let y = area.center().y.round();
        let half = VIEW_GAP / 2.0;
        vec![
            (
                large,
                Rect::from_min_max(area.min, pos2(x - half, area.bottom())),
            ),
            (
                upper,
                Rect::from_min_max(pos2(x + half, area.top()), pos2(area.right(), y - half)),
            ),
            (
                lower,
                Rect::from_min_max(pos2(x + half, y + half), area.max),
            ),
        ]
    }
}

fn columns(area: Rect) -> Vec<(Plane, Rect)> {
    let width = (area.width() - 2.0 * VIEW_GAP) / 3.0;
    Plane::ALL
        .into_iter()
        .enumerate()
        .map(|(n, plane)| {
            let left = (area.left() + n as f32 * (width + VIEW_GAP)).round();
            let rect = Rect::from_min_max(
                pos2(left, area.top()),
                pos2((left + width).round(), area.bottom()),
            );
            (plane, rect)
        })
        .collect()
}
