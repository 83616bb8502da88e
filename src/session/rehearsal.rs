//! What an operation would give: done by the same code to a copy that nobody else has, and told to nobody.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::util::short_debug;
use crate::volume::{LabelMap, LabelTable, LayerId};

use super::ai::Jobs;
use super::effect::{Effect, Effects};
use super::measure::Readings;
use super::{Case, Command, EditCommand, Session, Tools};

/// An operation that is ready to be tried, on any thread. While it is there, labels that are painted on are copied first.
pub struct Rehearsal {
    case: Case,
    tools: Tools,
    command: EditCommand,
}

/// What an operation would give.
pub struct Rehearsed {
    /// The labels that would gain or lose voxels, as they would be, on the scan's grid; where they overlap, that of the
    /// upper layer. `None` where nothing would change.
    pub labels: Option<Arc<LabelMap>>,
    /// The label table, with the labels that would be new.
    pub table: LabelTable,
    /// What would be told the user, each in one line: also why it would be refused.
    pub notices: Vec<String>,
}

short_debug! {
    Rehearsal: |rehearsal| format_args!("{:?}, to be tried", rehearsal.command);
    Rehearsed: |rehearsed| format_args!("tried, changes: {}", rehearsed.labels.is_some());
}

impl Session {
    /// An operation, to be tried on the labels as they are now. `None` while nothing is open.
    pub fn rehearsal(&self, command: EditCommand) -> Option<Rehearsal> {
        Some(Rehearsal {
            case: self.case.as_ref()?.copy_to_try(),
            tools: self.tools,
            command,
        })
    }
}

impl Case {
    /// The scan and its labels, without anything that operations do not look at.
    fn copy_to_try(&self) -> Self {
        Self {
            scan: self.scan.clone(),
            original: None,
            second: None,
            comparison: None,
            window: self.window,
            inverted: self.inverted,
            cross_hair: self.cross_hair,
            document: self.document.detached(),
            jobs: Jobs::default(),
            stroke: None,
            gain: None,
            readings: Readings::default(),
        }
    }
}

impl Rehearsal {
    /// Does it.
    pub fn run(self) -> Rehearsed {
        let Self {
            mut case,
            tools,
            command,
        } = self;
        let mut table = case.table().clone();
        let mut out = Effects::default();
        case.apply(Command::Edit(command), tools, &mut out);
        for label in case.table().labels() {
            if table.get(label.value).is_none() {
                table.insert(label.clone());
            }
        }
        let notices = out.0.into_iter().filter_map(|effect| match effect {
            Effect::Notice { text, .. } => Some(text),
            _ => None,
        });
        Rehearsed {
            notices: notices.collect(),
            labels: changed_labels(case).map(Arc::new),
            table,
        }
    }
}

/// The labels of a case that its steps have changed, and no others; `None` where there are no such steps.
fn changed_labels(case: Case) -> Option<LabelMap> {
    let mut is_changed = vec![false; usize::from(u16::MAX) + 1];
    let mut layers = BTreeSet::<LayerId>::new();
    let steps = case.document.history.held();
    for delta in steps.flat_map(|step| &step.deltas) {
        layers.insert(delta.layer);
        for run in delta.runs.iter() {
            let (old, new) = run.value;
            is_changed[usize::from(old)] = true;
            is_changed[usize::from(new)] = true;
        }
    }
    is_changed[0] = false;
    let maps = case.document.layers.iter();
    let maps = maps.filter(|(id, _)| layers.contains(id));
    let maps: Vec<Arc<LabelMap>> = maps.map(|(_, map)| Arc::clone(map)).collect();
    // What was written is ours alone then, and needs no copy.
    drop(case);
    let mut maps = maps.into_iter();
    let mut changed = Arc::unwrap_or_clone(maps.next()?);
    for value in &mut changed.voxels {
        if !is_changed[usize::from(*value)] {
            *value = 0;
        }
    }
    for upper in maps {
        for (value, &above) in changed.voxels.iter_mut().zip(&upper.voxels) {
            if is_changed[usize::from(above)] {
                *value = above;
            }
        }
    }
    Some(changed)
}
