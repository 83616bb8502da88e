//! Warnings in words of the window: with where to click.

use std::collections::BTreeMap;

use crate::io::{Choice, ScanInfo, Warning};
use crate::ui::texts::tr;

/// What to tell of a scan that was opened.
pub fn of_scan(info: &ScanInfo) -> Vec<String> {
    let mut told: Vec<String> = info.warnings.iter().filter_map(of_warning).collect();
    told.extend(left_out(info));
    if let Some(frames) = info.frames.filter(|&n| n > 1) {
        told.push(tr!(
            "The scan has {frames} frames: one label map stands for all of them",
            frames
        ));
    }
    told
}

/// A warning in the window; `None` for what the user has just chosen, and sees beside the slider.
pub fn of_warning(warning: &Warning) -> Option<String> {
    const FRAME: &str = "the first is shown: choose another under Display, Frame";
    Some(match warning {
        Warning::FirstFrame { frames } => tr!(
            "the scan has {frames} frames; {frame}",
            frames,
            frame = FRAME
        ),
        Warning::FrameOfSeries {
            is_chosen: true, ..
        } => return None,
        // Frames count from 1 in the window.
        Warning::FrameOfSeries { frames, by, .. } => tr!(
            "the series has {frames} images at every slice position, told apart by {by}; {frame}",
            frames,
            by,
            frame = FRAME
        ),
        other => match other.choice() {
            Some(Choice::Modality) => {
                tr!(
                    "{other}, if that is wrong, choose under Display, Read as",
                    other
                )
            }
            Some(Choice::Folder) => {
                tr!(
                    "{other}; File, Open folder... opens the whole series",
                    other
                )
            }
            Some(Choice::Frame) | None => other.to_string(),
        },
    })
}

/// What a folder holds besides image series and labels that are offered, in one line; `None` where that is nothing.
fn left_out(info: &ScanInfo) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for object in &info.other {
        *counts.entry(object.kind.as_str()).or_default() += object.count;
    }
    for offered in &info.labels {
        if let Some(count) = counts.get_mut(offered.kind) {
            *count = count.saturating_sub(1);
        }
    }
    counts.retain(|_, count| *count > 0);
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(kind, count)| match (kind, count) {
            ("localizer", 1) => tr!("1 localiser image").to_owned(),
            ("localizer", n) => tr!("{n} localiser images", n),
            (kind, n) => format!("{n} {kind}"),
        })
        .collect();
    (!parts.is_empty()).then(|| {
        tr!(
            "left out, being no image series: {parts}",
            parts = parts.join(", ")
        )
    })
}
