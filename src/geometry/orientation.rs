//! Anatomical directions of voxel axes.

use glam::DVec3;

use super::Affine;

/// An anatomical direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Towards the patient's right.
    Right,
    /// Towards the patient's left.
    Left,
    /// Towards the front.
    Anterior,
    /// Towards the back.
    Posterior,
    /// Towards the head.
    Superior,
    /// Towards the feet.
    Inferior,
}

impl Axis {
    /// The letter shown at the border of a view.
    pub fn letter(self) -> char {
        match self {
            Self::Right => 'R',
            Self::Left => 'L',
            Self::Anterior => 'A',
            Self::Posterior => 'P',
            Self::Superior => 'S',
            Self::Inferior => 'I',
        }
    }

    /// The opposite direction.
    pub fn opposite(self) -> Self {
        match self {
            Self::Right => Self::Left,
            Self::Left => Self::Right,
            Self::Anterior => Self::Posterior,
            Self::Posterior => Self::Anterior,
            Self::Superior => Self::Inferior,
            Self::Inferior => Self::Superior,
        }
    }

    /// The RAS axis (0, 1 or 2) and whether the direction is along it (+) or against it (−).
    pub fn ras(self) -> (usize, bool) {
        match self {
            Self::Right => (0, true),
            Self::Left => (0, false),
            Self::Anterior => (1, true),
            Self::Posterior => (1, false),
            Self::Superior => (2, true),
            Self::Inferior => (2, false),
        }
    }

    /// The unit vector in RAS.
    pub fn unit(self) -> DVec3 {
        let (axis, positive) = self.ras();
        DVec3::AXES[axis] * if positive { 1.0 } else { -1.0 }
    }

    fn from_ras(axis: usize, positive: bool) -> Self {
        match (axis, positive) {
            (0, true) => Self::Right,
            (0, false) => Self::Left,
            (1, true) => Self::Anterior,
            (1, false) => Self::Posterior,
            (_, true) => Self::Superior,
            (_, false) => Self::Inferior,
        }
    }

    /// The direction closest to a vector in RAS.
    pub fn closest(direction: DVec3) -> Self {
        let axis = (0..3)
            .max_by(|&a, &b| direction[a].abs().total_cmp(&direction[b].abs()))
            .unwrap_or(0);
        Self::from_ras(axis, direction[axis] >= 0.0)
    }
}

/// For each voxel axis the anatomical direction it points to, each RAS axis used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(pub [Axis; 3]);

impl Orientation {
    /// The closest anatomical directions of a grid's axes: of the six assignments of voxel axes to RAS
    /// axes, the one with the largest sum of |cosines|.
    pub fn of(affine: &Affine) -> Self {
        const ASSIGNMENTS: [[usize; 3]; 6] = [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ];
        let unit: [DVec3; 3] = std::array::from_fn(|d| affine.column(d).normalize_or_zero());
        let score = |a: &[usize; 3]| (0..3).map(|d| unit[d][a[d]].abs()).sum::<f64>();
        let best = ASSIGNMENTS
            .iter()
            .max_by(|a, b| score(a).total_cmp(&score(b)))
            .unwrap_or(&ASSIGNMENTS[0]);
        Self(std::array::from_fn(|d| {
            Axis::from_ras(best[d], unit[d][best[d]] >= 0.0)
        }))
    }

    /// The voxel axis that runs along RAS axis `ras` (0 right-left, 1 anterior-posterior, 2 superior-inferior).
    pub fn voxel_axis_of(&self, ras: usize) -> usize {
        self.0.iter().position(|a| a.ras().0 == ras).unwrap_or(ras)
    }

    /// Three letters, such as `RAS`.
    pub fn code(&self) -> String {
        self.0.iter().map(|a| a.letter()).collect()
    }
}
