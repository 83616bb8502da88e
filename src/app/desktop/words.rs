//! Warnings in words of the window: with where to click.

use std::collections::BTreeMap;

use crate::io::{Choice, OtherObject, ScanInfo, Warning};

/// What to tell of a scan that was opened.
pub fn of_scan(info: &ScanInfo) -> Vec<String> {
    let mut told: Vec<String> = info.warnings.iter().filter_map(of_warning).collect();
    told.extend(left_out(&info.other));
    if let Some(frames) = info.frames.filter(|&n| n > 1) {
        told.push(format!(
            "The scan has {frames} frames: one label map stands for all of them"
        ));
    }
    told
}

/// A warning in the window; `None` for what the user has just chosen, and sees beside the slider.
pub fn of_warning(warning: &Warning) -> Option<String> {
    const FRAME: &str = "the first is shown: choose another under Display, Frame";
    Some(match warning {
        Warning::FirstFrame { frames } => format!("the scan has {frames} frames; {FRAME}"),
        Warning::FrameOfSeries {
            is_chosen: true, ..
        } => return None,
        // Frames count from 1 in the window.
        Warning::FrameOfSeries { frames, by, .. } => format!(
            "the series has {frames} images at every slice position, told apart by {by}; {FRAME}"
        ),
        other => match other.choice() {
            Some(Choice::Modality) => {
                format!("{other}, if that is wrong, choose under Display, Read as")
            }
            Some(Choice::Folder) => {
                format!("{other}; File, Open folder... opens the whole series")
            }
            Some(Choice::Frame) | None => other.to_string(),
        },
    })
}

/// What a folder holds besides image series, in one line; `None` where that is nothing.
fn left_out(other: &[OtherObject]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for object in other {
        *counts.entry(object.kind.as_str()).or_default() += object.count;
    }
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(kind, count)| match (kind, count) {
            ("localizer", 1) => "1 localiser image".to_owned(),
            ("localizer", n) => format!("{n} localiser images"),
            (kind, n) => format!("{n} {kind}"),
        })
        .collect();
    (!parts.is_empty()).then(|| format!("left out, being no image series: {}", parts.join(", ")))
}
