//! Each record as bytes: a byte for its kind, then its content.

use std::collections::HashMap;
use std::sync::Arc;

use crate::geometry::Affine;
use crate::session::ScanSource;
use crate::session::document::proposal::{PackedKind, PackedProposal};
use crate::session::document::step::{Change, Delta, Step};
use crate::session::document::target::TargetRecord;
use crate::session::recovery::as_text;
use crate::volume::{Grid, LabelTable, LayerId, Runs};

use super::bytes::{Coded, Input, Nonsense, put_text};
use super::values::{put_runs, read_box, read_prompts, read_runs};
use super::{Begin, Content, Status, StepId, drawn, layers, measured};

/// What kind of record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Begin = 1,
    Step = 2,
    Amended = 3,
    Position = 4,
    Saved = 5,
    Status = 6,
    Proposal = 7,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Begin,
        Self::Step,
        Self::Amended,
        Self::Position,
        Self::Saved,
        Self::Status,
        Self::Proposal,
    ];

    fn put(self, out: &mut Vec<u8>) {
        out.push(self as u8);
    }

    pub fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let byte = u8::read(input)?;
        let kind = Self::ALL.into_iter().find(|&kind| kind as u8 == byte);
        kind.ok_or(Nonsense)
    }
}

/// The payload of a record.
pub fn record(content: &Content) -> Vec<u8> {
    let mut out = Vec::new();
    match content {
        Content::Begin(begin) => put_begin(begin, &mut out),
        Content::Step(step) => put_step(Kind::Step, step, &mut out),
        Content::Amended(step) => put_step(Kind::Amended, step, &mut out),
        Content::Position(steps) => {
            Kind::Position.put(&mut out);
            steps.put(&mut out);
        }
        Content::Saved { revision, path } => {
            Kind::Saved.put(&mut out);
            revision.put(&mut out);
            put_text(&path.to_string_lossy(), &mut out);
        }
        Content::Status(status) => {
            Kind::Status.put(&mut out);
            put_source(&status.source, &mut out);
            status.active.put(&mut out);
            status.hidden.put(&mut out);
            if status.layer != LayerId::default() {
                status.layer.put(&mut out);
            }
        }
    }
    out
}

/// The payload of the record of a proposal. What the model is unsure of is not kept: it is as large as the region that
/// the model looked at.
pub fn proposal_record(proposal: &PackedProposal) -> Vec<u8> {
    let mut out = Vec::new();
    Kind::Proposal.put(&mut out);
    proposal.id.put(&mut out);
    match &proposal.kind {
        PackedKind::Target(label) => {
            true.put(&mut out);
            label.put(&mut out);
        }
        PackedKind::Structures(table) => {
            false.put(&mut out);
            table.put(&mut out);
        }
    }
    proposal.estimate.put(&mut out);
    proposal.prompts.put(&mut out);
    put_runs(&proposal.runs, &mut out);
    if !proposal.prompts.drawings.is_empty() {
        drawn::put_drawings(&proposal.prompts, &mut out);
    }
    out
}

/// The proposal of a payload.
pub fn proposal_of(payload: &[u8], grid: &Grid) -> Result<PackedProposal, Nonsense> {
    let mut input = Input(payload);
    if Kind::read(&mut input)? != Kind::Proposal {
        return Err(Nonsense);
    }
    let mut proposal = PackedProposal {
        id: u64::read(&mut input)?,
        kind: match bool::read(&mut input)? {
            true => PackedKind::Target(u16::read(&mut input)?),
            false => PackedKind::Structures(Arc::new(LabelTable::read(&mut input)?)),
        },
        estimate: Option::read(&mut input)?,
        prompts: read_prompts(&mut input, grid)?,
        runs: read_runs(&mut input, grid)?,
        certainty: None,
        said: Vec::new(),
        structure: None,
    };
    if !input.0.is_empty() {
        drawn::read_drawings(&mut proposal.prompts, &mut input, grid)?;
    }
    input.end()?;
    Ok(proposal)
}

/// The id of a proposal's payload.
pub fn proposal_id(mut input: Input<'_>) -> Result<u64, Nonsense> {
    u64::read(&mut input)
}

fn put_source(source: &ScanSource, out: &mut Vec<u8>) {
    let text = serde_json::to_string(&source.clone().into_text());
    put_text(&text.expect("valid text can be written as JSON"), out);
}

fn read_source(input: &mut Input<'_>) -> Result<ScanSource, Nonsense> {
    serde_json::from_str(&String::read(input)?).map_err(|_not_json| Nonsense)
}

fn put_begin(begin: &Begin, out: &mut Vec<u8>) {
    Kind::Begin.put(out);
    put_text(env!("CARGO_PKG_VERSION"), out);
    put_source(&begin.source, out);
    begin.grid.dims.put(out);
    begin.grid.affine.to_rows().put(out);
    begin.grid.sides_assumed.put(out);
    begin.table.put(out);
    begin.active.put(out);
    let path = begin.labels_path.as_deref().map(as_text);
    path.map(|p| p.to_string_lossy().into_owned()).put(out);
    begin.revision.put(out);
    begin.is_saved.put(out);
    let mut runs = begin.layers.iter();
    put_runs(runs.next().unwrap_or(&Runs::default()), out);
    let more = measured::is_in_begin(begin);
    if !begin.table.is_plain() || more {
        layers::put_table(&begin.table, out);
        begin.layer.put(out);
        runs.for_each(|runs| put_runs(runs, out));
    }
    if more {
        measured::put_begin(begin, out);
    }
}

/// What follows the kind of a begin.
pub fn read_begin(input: &mut Input<'_>) -> Result<Begin, Nonsense> {
    let _written_by = String::read(input)?;
    let source = read_source(input)?;
    let dims = <[usize; 3]>::read(input)?;
    let voxels = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let rows = <[[f64; 4]; 4]>::read(input)?;
    let affine = Affine::from_rows(&rows).map_err(|_singular| Nonsense)?;
    if voxels.is_none_or(|n| n == 0) {
        return Err(Nonsense);
    }
    let grid = Grid::new(dims, affine).with_sides_assumed(bool::read(input)?);
    let mut begin = Begin {
        source,
        grid,
        table: LabelTable::read(input)?,
        measurements: Vec::new(),
        layer: LayerId::default(),
        active: Option::read(input)?,
        labels_path: Option::<String>::read(input)?.map(Into::into),
        revision: u64::read(input)?,
        is_saved: bool::read(input)?,
        layers: vec![read_runs(input, &grid)?],
    };
    if !input.0.is_empty() {
        begin.table = layers::read_table(&begin.table, input)?;
        begin.layer = LayerId::read(input)?;
        for _ in 1..begin.table.layers().len() {
            begin.layers.push(read_runs(input, &grid)?);
        }
    }
    if !input.0.is_empty() {
        measured::read_begin(&mut begin, input)?;
    }
    Ok(begin)
}

/// What follows the kind of a save.
pub fn read_saved(input: &mut Input<'_>) -> Result<(u64, String), Nonsense> {
    Ok((u64::read(input)?, String::read(input)?))
}

/// What follows the kind of a status.
pub fn read_status(input: &mut Input<'_>) -> Result<Status, Nonsense> {
    let mut status = Status {
        source: read_source(input)?,
        layer: LayerId::default(),
        active: Option::read(input)?,
        hidden: Vec::read(input)?,
    };
    if !input.0.is_empty() {
        status.layer = LayerId::read(input)?;
    }
    Ok(status)
}

/// The beginning of a step: what tells it from others without reading all that it changed.
pub struct StepHead {
    pub id: StepId,
    pub name: String,
    pub revision: Change<u64>,
    /// The proposals that it names.
    proposals: Vec<u64>,
    /// Whether a proposal stands after it; `None` when it changes neither prompts nor proposal. Before it, likewise.
    pub stands: Option<Change<bool>>,
}

impl StepHead {
    fn put(step: &Step, out: &mut Vec<u8>) -> Vec<u64> {
        let targets = step.target.iter().flat_map(|t| [&t.before, &t.after]);
        let mut proposals: Vec<u64> = targets
            .filter_map(|t| Some(t.proposal.as_ref()?.id))
            .collect();
        proposals.dedup();
        step.id.0.put(out);
        put_text(&step.name, out);
        step.revision.before.put(out);
        step.revision.after.put(out);
        proposals.put(out);
        let stands = step.target.as_ref().map(|t| {
            let stands = |t: &TargetRecord| t.proposal.is_some();
            [stands(&t.before), stands(&t.after)]
        });
        stands.put(out);
        proposals
    }

    /// What follows the kind of a step.
    pub fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok(Self {
            id: StepId(u64::read(input)?),
            name: String::read(input)?,
            revision: Change {
                before: u64::read(input)?,
                after: u64::read(input)?,
            },
            proposals: Vec::read(input)?,
            stands: Option::<[bool; 2]>::read(input)?
                .map(|[before, after]| Change { before, after }),
        })
    }
}

fn put_step(kind: Kind, step: &Step, out: &mut Vec<u8>) {
    kind.put(out);
    let proposals = StepHead::put(step, out);
    step.merge.put(out);
    (!step.deltas.is_empty()).put(out);
    if let Some(delta) = step.deltas.first() {
        delta.bounds.put(out);
        put_runs(&delta.runs, out);
    }
    step.table.is_some().put(out);
    if let Some(table) = &step.table {
        table.before.put(out);
        table.after.put(out);
    }
    if let Some(target) = &step.target {
        put_target(&target.before, &proposals, out);
        put_target(&target.after, &proposals, out);
    }
    let has_drawings = drawn::is_in(step);
    let more = measured::is_in(step) || has_drawings;
    if !layers::is_plain(step) || more {
        layers::put(step, out);
    }
    if more {
        measured::put(step, out);
    }
    if has_drawings {
        drawn::put(step, out);
    }
}

fn put_target(target: &TargetRecord, proposals: &[u64], out: &mut Vec<u8>) {
    target.active.put(out);
    target.prompts.put(out);
    target.given_before_box.put(out);
    let named = target.proposal.as_ref().map(|p| p.id);
    named
        .and_then(|id| proposals.iter().position(|&p| p == id))
        .put(out);
}

/// The ids of the proposals that a step's payload names.
pub fn proposals_of(payload: &[u8]) -> Result<Vec<u64>, Nonsense> {
    let mut input = Input(payload);
    Kind::read(&mut input)?;
    Ok(StepHead::read(&mut input)?.proposals)
}

/// The step of a payload; `named` are the proposals that it names.
pub fn step_of(
    payload: &[u8],
    grid: &Grid,
    named: &HashMap<u64, Arc<PackedProposal>>,
) -> Result<Step, Nonsense> {
    let mut input = Input(payload);
    if !matches!(Kind::read(&mut input)?, Kind::Step | Kind::Amended) {
        return Err(Nonsense);
    }
    let head = StepHead::read(&mut input)?;
    let input = &mut input;
    let read_target = |input: &mut Input<'_>| -> Result<TargetRecord, Nonsense> {
        Ok(TargetRecord {
            layer: LayerId::default(),
            active: Option::read(input)?,
            prompts: read_prompts(input, grid)?,
            given_before_box: usize::read(input)?,
            proposal: Option::<usize>::read(input)?
                .map(|at| {
                    let id = head.proposals.get(at).ok_or(Nonsense)?;
                    named.get(id).cloned().ok_or(Nonsense)
                })
                .transpose()?,
        })
    };
    let merge = Option::read(input)?;
    let deltas = match bool::read(input)? {
        true => vec![Delta {
            layer: LayerId::default(),
            bounds: read_box(input, grid)?,
            runs: read_runs(input, grid)?,
        }],
        false => Vec::new(),
    };
    let table = match bool::read(input)? {
        true => Some(Change {
            before: LabelTable::read(input)?,
            after: LabelTable::read(input)?,
        }),
        false => None,
    };
    let target = match head.stands {
        Some(_) => Some(Change {
            before: read_target(input)?,
            after: read_target(input)?,
        }),
        None => None,
    };
    let mut step = Step {
        id: head.id,
        name: head.name.into(),
        deltas,
        table,
        target,
        measurements: None,
        revision: head.revision,
        merge,
    };
    if !input.0.is_empty() {
        layers::read(&mut step, input, grid)?;
    }
    if !input.0.is_empty() {
        measured::read(&mut step, input)?;
    }
    if !input.0.is_empty() {
        drawn::read(&mut step, input, grid)?;
    }
    input.end()?;
    Ok(step)
}
