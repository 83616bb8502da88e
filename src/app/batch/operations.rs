//! `prosector operations`: the table of editing operations.

use serde::Serialize;

use crate::cli::OperationsArgs;
use crate::session::operations::{Kind, Need, OPERATIONS, Operation, Parameter};

use super::Refusal;
use super::console::Console;

#[derive(Serialize)]
struct Table {
    operations: Vec<OperationRow>,
}

#[derive(Serialize)]
struct OperationRow {
    id: &'static str,
    title: &'static str,
    hint: &'static str,
    keys: Vec<&'static str>,
    parameters: Vec<ParameterRow>,
}

/// Limits are null where there are none.
#[derive(Serialize)]
struct ParameterRow {
    name: &'static str,
    kind: &'static str,
    required: bool,
    default: Option<&'static str>,
    unit: Option<&'static str>,
    min: Option<f64>,
    max: Option<f64>,
    choices: Option<Vec<String>>,
    allowed: String,
    hint: &'static str,
}

pub(super) fn run(args: &OperationsArgs) -> Result<(), Refusal> {
    let operations = OPERATIONS.iter().map(|o| row(o)).collect();
    Console::new(args.json).result(&Table { operations }, || {
        let texts: Vec<String> = OPERATIONS.iter().map(|o| text(o)).collect();
        texts.join("\n")
    });
    Ok(())
}

fn row(operation: &'static Operation) -> OperationRow {
    OperationRow {
        id: operation.id,
        title: operation.title,
        hint: operation.hint,
        keys: operation.key.into_iter().collect(),
        parameters: operation.parameters().map(parameter_row).collect(),
    }
}

fn parameter_row(parameter: &'static Parameter) -> ParameterRow {
    let finite = |number: f64| Some(number).filter(|n| n.is_finite());
    let (unit, min, max) = match parameter.kind {
        Kind::Number { unit, min, max } => (Some(unit), finite(min), finite(max)),
        Kind::Count { unit, min, max } => (
            Some(unit),
            Some(f64::from(min)),
            (max < u32::MAX).then_some(f64::from(max)),
        ),
        _ => (None, None, None),
    };
    ParameterRow {
        name: parameter.name,
        kind: parameter.kind.name(),
        required: parameter.need == Need::Required,
        default: match parameter.need {
            Need::Default(text) => Some(text),
            Need::Required | Need::Optional => None,
        },
        unit: unit.filter(|u| !u.is_empty()),
        min,
        max,
        choices: parameter.kind.choices(),
        allowed: parameter.kind.allowed(),
        hint: parameter.hint,
    }
}

/// The operation as a script would name it, and what it does.
fn text(operation: &'static Operation) -> String {
    format!("{}\n    {}", operation.usage(), operation.hint)
}
