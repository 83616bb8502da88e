//! A scan with labels to edit: made from whole numbers, here and in tests/make_operation_expectations.py alike.

use std::sync::Arc;

use glam::{DMat3, DVec3};
use prosector::geometry::{Affine, VoxelIndex};
use prosector::io::ScanInfo;
use prosector::models::ScanKey;
use prosector::session::{
    Case, EditCommand, Effect, OpenedLabels, OpenedScan, ScanCommand, ScanSource, Session, Severity,
};
use prosector::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData, Window,
};

pub const DIMS: [usize; 3] = [24, 20, 14];
/// Squares of the spacing, in sixteenths of mm².
const SQUARES: [i64; 3] = [9, 25, 100];

/// An oblique grid of 0.75 x 1.25 x 2.5 mm that runs from right to left, from back to front and from head to feet.
pub fn grid() -> Grid {
    let turned = DMat3::from_rotation_x(0.2) * DMat3::from_rotation_z(0.3);
    let column = |axis: DVec3| turned * axis;
    let affine = Affine::from_columns(
        column(DVec3::X * -0.75),
        column(DVec3::Y * 1.25),
        column(DVec3::Z * -2.5),
        DVec3::new(11.0, -7.0, 150.0),
    );
    Grid::new(DIMS, affine.expect("not singular"))
}

fn hash([i, j, k]: [i64; 3]) -> i64 {
    (i * 7919 + j * 104_729 + k * 1_299_709 + i * j * 31 + j * k * 17) % 1009
}

fn in_ball(at: [i64; 3], centre: [i64; 3], mm: i64) -> bool {
    let squared: i64 = (0..3)
        .map(|d| SQUARES[d] * (at[d] - centre[d]).pow(2))
        .sum();
    squared <= 16 * mm * mm
}

fn label_at(at: [i64; 3]) -> u16 {
    let [i, j, k] = at;
    let one = in_ball(at, [9, 9, 6], 6) && hash(at) % 11 != 0 && !in_ball(at, [9, 9, 6], 2);
    let strewn = in_ball(at, [9, 9, 6], 9) && hash(at) % 41 == 0;
    let in_rows = |j: std::ops::Range<i64>| (2..5).contains(&i) && j.contains(&at[1]);
    if (in_rows(2..4) && (k == 1 || k == 3)) || (in_rows(1..5) && k == 7) {
        4
    } else if one || strewn {
        1
    } else if in_ball(at, [17, 12, 8], 5) {
        2
    } else if k == 13 && i > 3 && j > 5 && hash(at) % 5 != 0 {
        3
    } else {
        0
    }
}

/// The labels 1 to 4: a perforated ball with a cavity and strewn voxels, a ball, a torn sheet in the last slice, and
/// three rectangles in slices 1, 3 and 7.
pub fn labels() -> LabelMap {
    let grid = grid();
    let voxels = (0..grid.len()).map(|n| label_at(grid.voxel_at(n).0));
    LabelMap {
        grid,
        voxels: voxels.collect(),
    }
}

pub fn image() -> ImageVolume {
    let grid = grid();
    let stored = (0..grid.len()).map(|n| (hash(grid.voxel_at(n).0) * 3 - 1000) as i16);
    let rescale = Rescale {
        slope: 0.5,
        intercept: 10.0,
    };
    ImageVolume::new(
        grid,
        VoxelData::I16(stored.collect()),
        rescale,
        Modality::Ct,
    )
}

/// A session with that scan and labels.
pub struct Bench {
    pub session: Session,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(image(), labels())
    }

    pub fn with(image: ImageVolume, labels: LabelMap) -> Self {
        let mut bench = Self {
            session: Session::default(),
        };
        bench.session.apply(ScanCommand::Open(Box::new(OpenedScan {
            image: Arc::new(image),
            info: ScanInfo::default(),
            key: ScanKey(1),
            source: ScanSource::Sample,
            window: Window {
                level: 0.0,
                width: 100.0,
            },
        })));
        bench
            .session
            .apply(ScanCommand::OpenLabels(Box::new(OpenedLabels {
                layers: labels.into(),
                table: LabelTable::default(),
                measurements: Vec::new(),
                path: "labels.nii.gz".into(),
            })));
        bench
    }

    /// A volume of one label, 1, in these voxels of a grid of this spacing; the scan's values are 0.
    pub fn of_voxels(dims: [usize; 3], spacing_mm: [f64; 3], voxels: &[[i64; 3]]) -> Self {
        let grid = Grid::new(dims, Affine::from_spacing(spacing_mm, [0.0; 3]));
        let mut labels = LabelMap::empty(grid);
        for &voxel in voxels {
            labels.voxels[grid.offset_of(VoxelIndex(voxel)).expect("inside")] = 1;
        }
        let scan = VoxelData::I16(vec![0; grid.len()]);
        Self::with(
            ImageVolume::new(grid, scan, Rescale::IDENTITY, Modality::Mr),
            labels,
        )
    }

    pub fn case(&self) -> &Case {
        self.session.case().expect("a scan is open")
    }

    /// Does an operation as it is typed; what it says.
    pub fn edit(&mut self, text: &str) -> Vec<(Severity, String)> {
        let command = EditCommand::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let effects = self.session.apply(command);
        let notices = effects.into_iter().filter_map(|effect| match effect {
            Effect::Notice { severity, text } => Some((severity, text)),
            _ => None,
        });
        notices.collect()
    }

    /// The voxels of a label, `i` slowest.
    pub fn voxels_of(&self, label: u16) -> Vec<[i64; 3]> {
        let labels = self.case().labels();
        let offsets = (0..labels.voxels.len()).filter(|&n| labels.voxels[n] == label);
        let mut voxels: Vec<_> = offsets.map(|n| labels.grid.voxel_at(n).0).collect();
        voxels.sort_unstable();
        voxels
    }
}

/// How many voxels each label has, and a number that depends on where they are.
pub fn digest(labels: &LabelMap) -> (String, u64) {
    let counts = labels.counts();
    let counts: Vec<String> = counts.iter().map(|(v, n)| format!("{v}:{n}")).collect();
    let sum: u64 = (1u64..)
        .zip(&labels.voxels)
        .map(|(n, &v)| n * u64::from(v))
        .sum();
    (counts.join(" "), sum % 1_000_003)
}
