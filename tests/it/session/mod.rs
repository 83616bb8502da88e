//! The application's state, driven by commands only.

mod compare;
mod drawings;
mod editing;
mod files;
mod invariants;
mod journal;
mod layers;
mod outlines;
mod proposals;
mod structure_names;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;

use prosector::geometry::{Affine, Plane, VoxelBox, VoxelIndex, VoxelPoint};
use prosector::io::ScanInfo;
use prosector::models::{AutoResult, Estimate, PromptedResult, ScanKey};
use prosector::prompt::{Asked, Click, Polarity, PromptSet};
use prosector::session::operations::Operation;
use prosector::session::{
    AiCommand, Case, Command, EditCommand, Effect, OpenedScan, ScanCommand, ScanSource, Session,
    Severity, StrokeCommand, StrokeMode, Ticket,
};
use prosector::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData, Window,
};

/// A session with a small scan, and a model that answers when told to.
pub struct Desk {
    pub session: Session,
    /// The prompt job whose result is expected.
    pub prompt: Option<(Ticket, PromptSet, Option<Arc<Mask>>)>,
    /// The automatic job whose result is expected.
    pub auto: Option<Ticket>,
}

impl Desk {
    pub fn new(dims: [usize; 3]) -> Self {
        Self::with(Session::default(), dims)
    }

    pub fn with(session: Session, dims: [usize; 3]) -> Self {
        let mut desk = Self {
            session,
            prompt: None,
            auto: None,
        };
        desk.apply(ScanCommand::Open(Box::new(scan(dims, 1))));
        desk
    }

    pub fn apply(&mut self, command: impl Into<Command>) -> Vec<Effect> {
        let effects = self.session.apply(command);
        for effect in &effects {
            match effect {
                Effect::RunPrompt { ticket, asked } => {
                    let Asked { prompts, prior, .. } = asked.clone();
                    self.prompt = Some((*ticket, prompts, prior));
                }
                Effect::RunAuto { ticket, .. } => self.auto = Some(*ticket),
                Effect::CancelJob(ticket) => {
                    self.prompt.take_if(|(t, ..)| t == ticket);
                    self.auto.take_if(|t| t == ticket);
                }
                _ => {}
            }
        }
        effects
    }

    pub fn case(&self) -> &Case {
        self.session.case().expect("a scan is open")
    }

    /// The model answers the last prompts with these voxels.
    pub fn answer(&mut self, boxes: &[VoxelBox]) -> Vec<Effect> {
        let Some((ticket, ..)) = self.prompt.take() else {
            return Vec::new();
        };
        let result = PromptedResult {
            mask: mask(*self.case().grid(), boxes),
            estimate: Some(Estimate::Dice(0.8)),
            insight: None,
            structure: None,
            warnings: Vec::new(),
        };
        self.apply(AiCommand::PromptResult { ticket, result })
    }

    /// The model answers the automatic request: box n is structure n + 1, named `organ_{n + 1}`.
    pub fn answer_auto(&mut self, boxes: &[VoxelBox]) -> Vec<Effect> {
        let Some(ticket) = self.auto.take() else {
            return Vec::new();
        };
        let (labels, table) = organs(*self.case().grid(), boxes);
        let result = AutoResult {
            labels,
            table,
            estimate: None,
            insight: None,
            nothing: None,
            warnings: Vec::new(),
        };
        self.apply(AiCommand::AutoResult { ticket, result })
    }

    /// The value at a voxel of the label map.
    pub fn label_at(&self, voxel: [i64; 3]) -> u16 {
        let case = self.case();
        let offset = case.grid().offset_of(VoxelIndex(voxel)).expect("inside");
        case.labels().voxels[offset]
    }

    pub fn proposed_at(&self, voxel: [i64; 3]) -> bool {
        let case = self.case();
        let offset = case.grid().offset_of(VoxelIndex(voxel)).expect("inside");
        case.proposal()
            .and_then(|p| p.mask())
            .is_some_and(|m| m.voxels[offset] != 0)
    }
}

/// A stroke of one touch in the axial view.
pub fn paint(desk: &mut Desk, voxel: [f64; 3]) {
    desk.apply(StrokeCommand::Begin {
        mode: StrokeMode::Paint,
        plane: Plane::Axial,
        at: at(voxel),
    });
    desk.apply(StrokeCommand::End);
}

/// A CT of this size with values that differ, on a sheared, anisotropic, left-handed grid.
pub fn scan(dims: [usize; 3], key: u64) -> OpenedScan {
    let rows = [
        [-1.0, 0.1, 0.0, 10.0],
        [0.0, 1.5, 0.3, -20.0],
        [0.0, 0.0, 3.0, 5.0],
    ];
    let affine = Affine::from_rows(&rows).expect("not singular");
    let grid = Grid::new(dims, affine);
    let voxels = (0..grid.len()).map(|n| (n % 1000) as i16).collect();
    let rescale = Rescale {
        slope: 2.0,
        intercept: -1000.0,
    };
    let image = ImageVolume::new(grid, VoxelData::I16(voxels), rescale, Modality::Ct);
    OpenedScan {
        image: Arc::new(image),
        info: ScanInfo::default(),
        key: ScanKey(key),
        source: ScanSource::File {
            path: PathBuf::from("scan.nii.gz"),
            series: None,
            frame: None,
            frames_of_slice: None,
            modality: None,
        },
        window: Window {
            level: 40.0,
            width: 400.0,
        },
    }
}

pub fn voxel_box(min: [i64; 3], max: [i64; 3]) -> VoxelBox {
    VoxelBox { min, max }
}

fn fill(grid: &Grid, b: VoxelBox, mut set: impl FnMut(usize)) {
    for offset in 0..grid.len() {
        if b.contains(grid.voxel_at(offset)) {
            set(offset);
        }
    }
}

pub fn mask(grid: Grid, boxes: &[VoxelBox]) -> Mask {
    let mut mask = Mask::empty(grid);
    for &b in boxes {
        fill(&grid, b, |offset| mask.voxels[offset] = 1);
    }
    mask
}

pub fn organs(grid: Grid, boxes: &[VoxelBox]) -> (LabelMap, LabelTable) {
    let mut labels = LabelMap::empty(grid);
    let mut table = LabelTable::default();
    for (value, &b) in (1u16..).zip(boxes) {
        table.add(value, &format!("organ_{value}"));
        fill(&grid, b, |offset| labels.voxels[offset] = value);
    }
    (labels, table)
}

/// An operation on a label, everything else left to its defaults.
pub fn on_label(operation: &'static Operation, label: u16) -> EditCommand {
    EditCommand::on_label(operation, label).expect("it needs only a label")
}

pub fn click(voxel: [i64; 3], polarity: Polarity) -> Click {
    Click {
        voxel: VoxelIndex(voxel),
        polarity,
    }
}

pub fn at(voxel: [f64; 3]) -> VoxelPoint {
    VoxelPoint(glam::DVec3::from_array(voxel))
}

/// The text of the first notice of this severity.
pub fn notice(effects: &[Effect], wanted: Severity) -> Option<&str> {
    effects.iter().find_map(|e| match e {
        Effect::Notice { severity, text } if *severity == wanted => Some(text.as_str()),
        _ => None,
    })
}

pub fn has(effects: &[Effect], wanted: impl Fn(&Effect) -> bool) -> bool {
    effects.iter().any(wanted)
}
