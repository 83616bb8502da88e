//! One label map against one truth.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cli::{EvaluateArgs, ValuePair};
use crate::io::{LabelTarget, open_labels};
use crate::volume::metrics::Agreement;
use crate::volume::{LabelMap, LabelTable};

use super::super::Refusal;
use super::super::console::Console;
use super::super::inputs::labels_on_grid;
use super::super::words::plain;
use super::Measured;
use super::report::Row;

/// A row for each value of the truth: those typed, or else every value that occurs in either map. Several values of the
/// prediction that stand for one of the truth count as one.
pub(super) fn compare(
    pred: &Path,
    truth: &Path,
    args: &EvaluateArgs,
    console: Console,
) -> Result<Measured, Refusal> {
    let ctx = console.context();
    let (truth_labels, truth_table, doubts) = open_labels(truth, &ctx)?;
    let mut warnings = plain(&doubts);
    let target = LabelTarget {
        grid: truth_labels.grid,
        source: None,
    };
    let (pred_labels, pred_table, more) = labels_on_grid(pred, &target, &ctx)?;
    warnings.extend(more);
    let pairs = match &args.map {
        Some(pairs) => pairs.clone(),
        None => shared_values(&pred_labels, &truth_labels),
    };
    let id = file_id(pred);
    let rows = by_truth(&pairs)
        .into_iter()
        .map(|(truth, preds)| {
            let agreement = Agreement::between(
                &pred_labels.mask_where(|v| preds.contains(&v)),
                &truth_labels.mask_of(truth),
                args.tolerance_mm,
            );
            let name = name_of(truth, &truth_table).or_else(|| name_of(preds[0], &pred_table));
            Row::new(id.clone(), truth, name, &agreement)
        })
        .collect();
    Ok((rows, warnings))
}

/// The values of the truth in the order of their first mention, each with those that stand for it.
fn by_truth(pairs: &[ValuePair]) -> Vec<(u16, Vec<u16>)> {
    let mut rows: Vec<(u16, Vec<u16>)> = Vec::new();
    for &ValuePair { pred, truth } in pairs {
        match rows.iter_mut().find(|row| row.0 == truth) {
            Some((_, preds)) => preds.push(pred),
            None => rows.push((truth, vec![pred])),
        }
    }
    rows
}

fn shared_values(pred: &LabelMap, truth: &LabelMap) -> Vec<ValuePair> {
    let both = [pred.counts(), truth.counts()].concat();
    let values: BTreeSet<u16> = both.into_iter().map(|(value, _)| value).collect();
    let same = |value| ValuePair {
        pred: value,
        truth: value,
    };
    values.into_iter().map(same).collect()
}

fn name_of(value: u16, table: &LabelTable) -> Option<String> {
    table.get(value).map(|l| l.name.clone())
}

/// The file's name without its extensions.
fn file_id(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.trim_end_matches(".gz").trim_end_matches(".nii");
    stem.to_owned()
}
