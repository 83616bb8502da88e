//! An operation with its values, as a command.

use crate::geometry::VoxelIndex;
use crate::session::document::Edit;
use crate::session::effect::Effects;
use crate::session::{Case, Tools};
use crate::util::short_debug;
use crate::volume::{Grid, LabelTable};

use super::{Kind, OPERATIONS, Operation, OperationError, Values};

/// Does an operation.
#[derive(Clone, PartialEq)]
pub struct EditCommand {
    /// Which one.
    pub operation: &'static Operation,
    /// What it is told.
    pub values: Values,
}

short_debug! {
    EditCommand: |command| command.operation.id;
}

impl EditCommand {
    /// Reads `ID key=value ..`.
    ///
    /// # Errors
    /// No such operation, and whatever [`Values::parse`] refuses.
    pub fn parse(text: &str) -> Result<Self, OperationError> {
        let mut words = text.split_whitespace();
        let id = words.next().unwrap_or_default();
        let Some(operation) = Operation::find(id) else {
            let known: Vec<&str> = OPERATIONS.iter().map(|o| o.id).collect();
            return Err(OperationError::new(format!(
                "there is no operation {id}; there are {}",
                known.join(", ")
            )));
        };
        let values = Values::parse(operation, words)?;
        Ok(Self { operation, values })
    }

    /// An operation on one label, everything else left to its defaults.
    ///
    /// # Errors
    /// It needs more than a label.
    pub fn on_label(operation: &'static Operation, label: u16) -> Result<Self, OperationError> {
        let word = format!("label={label}");
        let values = Values::parse(operation, std::iter::once(word.as_str()))?;
        Ok(Self { operation, values })
    }

    /// Whether labels, voxels and boxes are there.
    ///
    /// # Errors
    /// Which of them is not, with what there is.
    pub fn check(&self, case: &Case) -> Result<(), OperationError> {
        self.check_on(case.table(), case.grid())
    }

    fn check_on(&self, table: &LabelTable, grid: &Grid) -> Result<(), OperationError> {
        let refuse = |text: String| {
            let id = self.operation.id;
            Err(OperationError::new(format!("{id}: {text}")))
        };
        for parameter in self.operation.parameters() {
            let named = self.values.labels(parameter.name);
            let unknown = named.iter().find(|n| find_label(table, n).is_none());
            if let Some(name) = unknown {
                match parameter.kind {
                    Kind::NewLabel => {}
                    Kind::LabelsOrAll if named == ["all"] => {}
                    _ => return refuse(format!("there is no label {name}; {}", known(table))),
                }
            }
            let voxel = self.values.voxel(parameter.name);
            if let Some(VoxelIndex([i, j, k])) = voxel.filter(|&v| !grid.contains(v)) {
                return refuse(format!(
                    "voxel {i},{j},{k} is outside the scan of {}",
                    size(grid)
                ));
            }
            let voxels = self.values.voxel_box(parameter.name);
            if voxels.is_some_and(|b| b.clipped(grid.dims).is_none()) {
                return refuse(format!("the box lies outside the scan of {}", size(grid)));
            }
            let slice = self.values.slice(parameter.name);
            if let (Some(slice), Some(plane)) = (slice, self.values.plane("plane")) {
                let axis = grid.normal_axis(plane);
                let slices = grid.dims[axis];
                if slice >= slices as i64 {
                    let plane = plane.name().to_lowercase();
                    return refuse(format!(
                        "there is no {plane} slice {slice}; there are {slices}, from 0"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The label that is to change and is locked in the table, if there is one.
    fn locked_label(&self, table: &LabelTable) -> Option<u16> {
        let mut parameters = self.operation.parameters();
        parameters.find_map(|p| {
            let changes = matches!(p.kind, Kind::Label | Kind::NewLabel);
            let named = self.values.labels(p.name).first().filter(|_| changes)?;
            let value = find_label(table, named)?;
            table.get(value).filter(|l| l.locked).map(|l| l.value)
        })
    }
}

impl Case {
    pub(in crate::session) fn apply_edit(
        &mut self,
        command: &EditCommand,
        tools: Tools,
        out: &mut Effects,
    ) {
        if let Err(error) = command.check(self) {
            out.refuse(error.to_string());
            return;
        }
        if let Some(locked) = command.locked_label(self.table()) {
            self.document.is_locked(locked, out);
            return;
        }
        let Some(mut edit) = Edit::begin(self, tools, out) else {
            return;
        };
        let operation = command.operation;
        let done = edit
            .set_rules(&command.values)
            .and_then(|()| (operation.apply)(&mut edit, &command.values));
        match done {
            Ok(()) => edit.finish(operation.step),
            Err(error) => edit.refuse(error.to_string()),
        }
    }
}

/// The value of a label that is named by its value or its name.
pub(in crate::session) fn find_label(table: &LabelTable, text: &str) -> Option<u16> {
    let by_value = text.parse().ok().and_then(|v| table.get(v));
    by_value.or_else(|| table.by_title(text)).map(|l| l.value)
}

/// The labels that there are, in words.
fn known(table: &LabelTable) -> String {
    /// More would not be read.
    const MOST: usize = 12;
    let labels = table.labels();
    if labels.is_empty() {
        return "there are none yet".to_owned();
    }
    let shown = labels.iter().take(MOST);
    let shown: Vec<String> = shown.map(|l| format!("{} ({})", l.value, l.name)).collect();
    let more = if labels.len() > MOST { ", .." } else { "" };
    format!("there are {}{more}", shown.join(", "))
}

fn size(grid: &Grid) -> String {
    let [ni, nj, nk] = grid.dims;
    format!("{ni}x{nj}x{nk} voxels")
}
