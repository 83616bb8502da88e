//! What was found to be better removed from a trained model's results, as nnU-Net notes it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::models::checkpoint::{CheckpointError, pickled_values};

use super::subfolders;

/// The file for people, and the one that nnU-Net's own program reads.
const JSON: &str = "postprocessing.json";
const PICKLE: &str = "postprocessing.pkl";
/// What folders of a cross-validation begin with; the folds follow.
const VALIDATION: &str = "crossval_results_folds_";
/// The only function that nnU-Net has for it, and where Python finds it.
const FUNCTION: &str = "remove_all_but_largest_component_from_segmentation";
const MODULE: &str = "nnunetv2.postprocessing.remove_connected_components";

/// Groups of labels of which, taken together, only the largest piece stays, in the order in which they are gone through;
/// none where nothing was noted. `folds` are those that are used: the cross-validation of just these counts, or the only
/// one that there is.
///
/// # Errors
/// A file that is not understood, or a pickle that names anything but nnU-Net's function.
pub(super) fn kept_largest(
    folder: &Path,
    folds: &[String],
) -> Result<Vec<Vec<u16>>, CheckpointError> {
    let Some(path) = noted_in(folder, folds) else {
        return Ok(Vec::new());
    };
    let refuse = |problem: String| CheckpointError::file(&path, problem);
    if path.ends_with(JSON) {
        let text = std::fs::read(&path).map_err(|e| refuse(e.to_string()))?;
        let noted: Value = serde_json::from_slice(&text).map_err(|e| refuse(e.to_string()))?;
        let names = noted["postprocessing_fns"].as_array();
        let named = names.into_iter().flatten();
        if let Some(other) = named.into_iter().find(|name| *name != FUNCTION) {
            return Err(refuse(format!(
                "its step {other} is not one of nnU-Net's: take the file away to go without it"
            )));
        }
        return steps(names.map(Vec::len), &noted["postprocessing_kwargs"]).map_err(refuse);
    }
    // A pair of lists: functions, of which the reader lets only that one pass, and their arguments.
    let function = format!("{MODULE}.{FUNCTION}");
    let noted = pickled_values(&path, &[function.as_str()])?;
    steps(noted[0].as_array().map(Vec::len), &noted[1]).map_err(refuse)
}

/// The file that counts.
fn noted_in(folder: &Path, folds: &[String]) -> Option<PathBuf> {
    let file_in = |folder: &Path| {
        let files = [JSON, PICKLE].map(|name| folder.join(name));
        files.into_iter().find(|path| path.is_file())
    };
    let mut validated: Vec<(String, PathBuf)> = subfolders(folder)
        .into_iter()
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?;
            let folds = name.strip_prefix(VALIDATION)?.to_owned();
            Some((folds, file_in(&path)?))
        })
        .collect();
    let mut used = folds.to_vec();
    used.sort();
    let used = used.join("_");
    let of_these = validated.iter().position(|(folds, _)| *folds == used);
    let at = of_these.or((validated.len() == 1).then_some(0));
    at.map(|at| validated.swap_remove(at).1)
        .or_else(|| file_in(folder))
}

/// The labels of each step.
///
/// # Errors
/// Arguments that nnU-Net does not write, in words.
fn steps(functions: Option<usize>, arguments: &Value) -> Result<Vec<Vec<u16>>, String> {
    let unknown = || "what it says of postprocessing is not understood".to_owned();
    let arguments = arguments.as_array().ok_or_else(unknown)?;
    if functions != Some(arguments.len()) {
        return Err(unknown());
    }
    let step = |arguments: &Value| {
        let background = arguments.get("background_label").and_then(Value::as_u64);
        let mut labels = Vec::new();
        let is_known = background.unwrap_or(0) == 0;
        let is_known = is_known && collect(arguments.get("labels_or_regions")?, &mut labels);
        (is_known && !labels.is_empty()).then_some(labels)
    };
    let steps: Option<Vec<Vec<u16>>> = arguments.iter().map(step).collect();
    steps.ok_or_else(unknown)
}

/// A label, or labels and regions within each other, which count together.
fn collect(labels: &Value, all: &mut Vec<u16>) -> bool {
    match labels {
        Value::Array(labels) => labels.iter().all(|labels| collect(labels, all)),
        one => {
            let label = one.as_u64().and_then(|label| u16::try_from(label).ok());
            label.map(|label| all.push(label)).is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_label_a_region_and_several_of_them_are_groups() {
        let of = |labels: Value| steps(Some(1), &json!([{ "labels_or_regions": labels }]));
        assert_eq!(of(json!(2)), Ok(vec![vec![2]]));
        assert_eq!(of(json!([1, [2, 3]])), Ok(vec![vec![1, 2, 3]]));
        assert!(of(json!("all")).is_err());
        assert!(of(json!([])).is_err());
        assert!(steps(Some(2), &json!([{ "labels_or_regions": 1 }])).is_err());
        let other = json!([{ "labels_or_regions": 1, "background_label": 4 }]);
        assert!(steps(Some(1), &other).is_err());
    }
}
