//! Label maps of one scan beside each other: where they differ, and taking one or the other over into the own labels.
//!
//! With one reading it is the own labels that are compared with it, and what is drawn follows every edit. With two or more
//! they are compared with each other, and the own labels are the adjudicated reading. Labels are the same that have the
//! same name; where labels of one reading overlap, its upper layer counts.

mod sides;
mod take;

use std::sync::Arc;

use rayon::prelude::*;

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::util::short_debug;
use crate::volume::components::{Connectivity, Pieces};
use crate::volume::metrics::Agreement;
use crate::volume::morphology::rows;
use crate::volume::{Label, LabelLayers, LabelMap, LabelTable};

use super::Case;
use super::Tools;
use super::document::Document;
use super::effect::{Effect, Effects};

pub use sides::agreed;
use sides::{Names, Sides};

/// A label map of the scan, and whose it is.
#[derive(Clone)]
pub struct ComparedReading {
    /// A reader's name, or the file's.
    pub name: String,
    /// Its labels on the grid that is worked on.
    pub layers: LabelLayers,
    /// Their names.
    pub table: LabelTable,
}

/// How well two readings agree in a label.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedLabel {
    /// Whose, the first and the second.
    pub readers: [String; 2],
    /// The label's name.
    pub label: String,
    /// The first as prediction, the second as truth.
    pub agreement: Agreement,
}

/// What is asked about label maps beside each other.
#[derive(Clone)]
pub enum CompareCommand {
    /// Lays readings beside each other, instead of those before. Refused where one lies on another grid.
    Open {
        /// One, beside the own labels, or several.
        readings: Vec<ComparedReading>,
        /// What was measured of them.
        measured: Vec<ComparedLabel>,
    },
    /// Compares no more.
    Close,
    /// Whether differences are drawn instead of the labels.
    Show(bool),
    /// Goes to where they differ most, from there to where they differ next most; shows the differences.
    GoToNext,
    /// Takes a reading over, where the labels are not locked.
    Take {
        /// Which, by its place among the readings.
        reading: usize,
        /// What of it.
        part: TakenPart,
    },
}

/// What is taken of a reading.
#[derive(Clone, PartialEq, Eq)]
pub enum TakenPart {
    /// All of its labels in the disagreement that the cross-hair is in.
    Here,
    /// One label everywhere, by its name.
    Label(String),
}

short_debug! {
    ComparedReading: |reading| format_args!("a reading, {:?}", reading.layers);
    CompareCommand: |command| match command {
        CompareCommand::Open { .. } => "open",
        CompareCommand::Close => "close",
        CompareCommand::Show(_) => "show",
        CompareCommand::GoToNext => "next",
        CompareCommand::Take { .. } => "take",
    };
    TakenPart: |part| match part {
        TakenPart::Here => "here",
        TakenPart::Label(_) => "a label",
    };
}

/// What differences are drawn as.
const ONLY_FIRST: u16 = 1;
const ONLY_SECOND: u16 = 2;
const DIFFER: u16 = 3;
const AGREE: u16 = 4;

/// Colours that people who confuse red and green tell apart, and bright grey where all agree.
const COLOURS: [[u8; 3]; 4] = [
    [240, 150, 30],
    [60, 140, 255],
    [220, 60, 200],
    [190, 190, 190],
];

/// Label maps beside each other.
#[derive(Debug)]
pub struct Comparison {
    readings: Vec<ComparedReading>,
    measured: Vec<ComparedLabel>,
    names: Names,
    drawn: Arc<LabelMap>,
    table: LabelTable,
    is_shown: bool,
    /// The disagreements, the largest first; found when they are asked for.
    regions: Option<Regions>,
    /// The place of the one that was gone to last.
    at: Option<usize>,
}

#[derive(Debug)]
struct Regions {
    pieces: Pieces,
    /// Numbers of pieces, that of the largest first.
    order: Vec<u32>,
}

impl ComparedLabel {
    /// Surfaces no further apart than this agree, in mm.
    pub const TOLERANCE_MM: f64 = 2.0;
}

impl Comparison {
    fn new(readings: Vec<ComparedReading>, measured: Vec<ComparedLabel>, own: &Document) -> Self {
        let names = Names::of(&readings, own);
        let titles = match readings.as_slice() {
            [only] => ["yours alone".to_owned(), format!("{} alone", only.name)],
            [a, b, ..] => [a, b].map(|r| format!("{} alone", r.name)),
            [] => Default::default(),
        };
        let [first, second] = titles;
        let meanings = [
            first,
            second,
            "other labels".to_owned(),
            "agreed".to_owned(),
        ];
        let mut table = LabelTable::default();
        for ((n, meaning), color) in meanings.into_iter().enumerate().zip(COLOURS) {
            table.insert(Label::new(n as u16 + 1, meaning, color));
        }
        if let Some(agreed) = table.get_mut(AGREE) {
            agreed.opacity_percent = Label::LEAST_OPAQUE;
        }
        let mut comparison = Self {
            drawn: Arc::new(LabelMap::empty(*own.grid())),
            readings,
            measured,
            names,
            table,
            is_shown: true,
            regions: None,
            at: None,
        };
        comparison.draw(own, VoxelBox::whole(own.grid().dims));
        comparison
    }

    /// The readings, at least one.
    pub fn readings(&self) -> &[ComparedReading] {
        &self.readings
    }

    /// How well each pair agrees, label by label, as it was when they were opened.
    pub fn measured(&self) -> &[ComparedLabel] {
        &self.measured
    }

    /// Whether the own labels are one of the two sides.
    pub fn is_with_own(&self) -> bool {
        self.readings.len() == 1
    }

    /// Whether differences are drawn instead of the labels.
    pub fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// The differences as labels, to draw.
    pub fn drawn(&self) -> &Arc<LabelMap> {
        &self.drawn
    }

    /// What the values of [`Self::drawn`] mean, and their colours.
    pub fn table(&self) -> &LabelTable {
        &self.table
    }

    /// The names of all labels that a reading has.
    pub fn label_names(&self) -> &[String] {
        self.names.all()
    }

    /// The disagreement that was gone to last, counted from 1, and how many there are; `None` before the first.
    pub fn place(&self) -> Option<[usize; 2]> {
        Some([self.at? + 1, self.regions.as_ref()?.order.len()])
    }

    /// Finds anew where the sides differ in a box.
    fn draw(&mut self, own: &Document, changed: VoxelBox) {
        let grid = *own.grid();
        let Some(changed) = changed.clipped(grid.dims) else {
            return;
        };
        let sides = Sides::of(&self.readings, &self.names, own);
        let voxels = &mut Arc::make_mut(&mut self.drawn).voxels;
        if changed == VoxelBox::whole(grid.dims) {
            let all = voxels.par_iter_mut().enumerate();
            all.for_each(|(offset, voxel)| *voxel = meaning(&sides, offset));
        } else {
            for offset in rows(grid.dims, changed).flatten() {
                voxels[offset] = meaning(&sides, offset);
            }
        }
        self.regions = None;
    }

    /// The disagreements, found if they are not known.
    fn regions(&mut self) -> &Regions {
        let drawn = &self.drawn;
        self.regions.get_or_insert_with(|| {
            let differs = |&v: &u16| u8::from(v != 0 && v != AGREE);
            let mask: Vec<u8> = drawn.voxels.par_iter().map(differs).collect();
            let pieces = Pieces::of(&mask, drawn.grid.dims, Connectivity::TwentySix);
            let mut order: Vec<u32> = (1..=pieces.sizes().len() as u32).collect();
            order.sort_by_key(|&n| std::cmp::Reverse(pieces.sizes()[n as usize - 1]));
            Regions { pieces, order }
        })
    }

    /// The array offsets of the disagreement at a voxel, in runs; nothing where all agree.
    fn region_at(&mut self, voxel: VoxelIndex) -> Vec<std::ops::Range<usize>> {
        let Some(offset) = self.drawn.grid.offset_of(voxel) else {
            return Vec::new();
        };
        let pieces = &self.regions().pieces;
        let wanted = pieces.at(offset);
        let runs = pieces.runs().filter(|(_, n)| wanted != 0 && *n == wanted);
        runs.map(|(run, _)| run.clone()).collect()
    }

    /// Goes on to the next disagreement; its voxel nearest to its middle, or `None` where there is none.
    fn go_to_next(&mut self) -> Option<VoxelIndex> {
        // What was changed meanwhile has another order: begin with the largest again.
        let next = self
            .at
            .filter(|_| self.regions.is_some())
            .map_or(0, |at| at + 1);
        let grid = self.drawn.grid;
        let regions = self.regions();
        let at = if next < regions.order.len() { next } else { 0 };
        let number = *regions.order.get(at)?;
        let runs = regions.pieces.runs().filter(|(_, n)| *n == number);
        let voxels: Vec<VoxelIndex> = runs
            .flat_map(|(run, _)| run.clone())
            .map(|offset| grid.voxel_at(offset))
            .collect();
        self.at = Some(at);
        let sum: glam::DVec3 = voxels.iter().map(|v| v.center().0).sum();
        let middle = sum / voxels.len() as f64;
        let away = |v: &VoxelIndex| v.center().0.distance_squared(middle);
        voxels
            .into_iter()
            .min_by(|a, b| away(a).total_cmp(&away(b)))
    }
}

/// What a voxel is drawn as.
fn meaning(sides: &Sides<'_>, offset: usize) -> u16 {
    let codes = sides.codes(offset);
    match codes {
        [0, 0] => 0,
        [a, b] if a == b => AGREE,
        [_, 0] => ONLY_FIRST,
        [0, _] => ONLY_SECOND,
        _ => DIFFER,
    }
}

impl Case {
    /// Label maps that are compared, if any are.
    pub fn comparison(&self) -> Option<&Comparison> {
        self.comparison.as_ref()
    }

    pub(super) fn apply_compare(
        &mut self,
        command: CompareCommand,
        tools: Tools,
        out: &mut Effects,
    ) {
        match command {
            CompareCommand::Open { readings, measured } => {
                let is_here = |r: &ComparedReading| r.layers.grid().dims == self.grid().dims;
                if readings.is_empty() || !readings.iter().all(is_here) {
                    out.refuse("the labels to compare with lie on another grid than those that are worked on: go to the scan's grid first");
                    return;
                }
                self.comparison = Some(Comparison::new(readings, measured, &self.document));
                self.redraw(out);
            }
            CompareCommand::Close => {
                self.comparison = None;
                self.redraw(out);
            }
            CompareCommand::Show(shown) => {
                if let Some(comparison) = &mut self.comparison {
                    comparison.is_shown = shown;
                    self.redraw(out);
                }
            }
            CompareCommand::GoToNext => self.go_to_disagreement(out),
            CompareCommand::Take { reading, part } => self.take(reading, &part, tools, out),
        }
    }

    fn go_to_disagreement(&mut self, out: &mut Effects) {
        let Some(comparison) = &mut self.comparison else {
            out.info("nothing is compared: File > Compare with labels...");
            return;
        };
        let was_shown = comparison.is_shown;
        match comparison.go_to_next() {
            Some(voxel) => {
                comparison.is_shown = true;
                self.cross_hair = voxel;
                out.push(Effect::ViewChanged);
            }
            None => out.info("the readings agree everywhere"),
        }
        if !was_shown {
            self.redraw(out);
        }
    }

    /// Other voxels are drawn from now on.
    fn redraw(&self, out: &mut Effects) {
        out.push(Effect::LabelsChanged(VoxelBox::whole(self.grid().dims)));
        out.push(Effect::TableChanged);
    }

    /// Brings the differences up to date after a command that had these effects.
    pub(super) fn update_comparison(&mut self, effects: &[Effect]) {
        let Some(comparison) = &mut self.comparison else {
            return;
        };
        if comparison.drawn.grid != *self.document.grid() {
            // The labels went to another grid.
            self.comparison = None;
            return;
        }
        if !comparison.is_with_own() {
            return;
        }
        let names = Names::of(&comparison.readings, &self.document);
        if names != comparison.names {
            comparison.names = names;
            comparison.draw(&self.document, VoxelBox::whole(self.document.grid().dims));
            return;
        }
        for effect in effects {
            if let Effect::LabelsChanged(changed) = effect {
                comparison.draw(&self.document, *changed);
            }
        }
    }
}
