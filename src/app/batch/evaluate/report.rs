//! What `evaluate` prints: a row per case and label, their mean, and the means of groups.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::cli::Grouping;
use crate::volume::Modality;
use crate::volume::metrics::Agreement;

/// One label of one case.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Row {
    id: String,
    label: u16,
    name: Option<String>,
    pub(super) modality: Option<Modality>,
    pub(super) domain: Option<String>,
    dice: f64,
    /// The Dice that the model expected.
    pub(super) predicted_dice: Option<f32>,
    iou: f64,
    nsd: f64,
    hd95_mm: Option<f64>,
    hd_mm: Option<f64>,
    assd_mm: Option<f64>,
    volume_pred_ml: f64,
    volume_truth_ml: f64,
    #[serde(default)]
    pub(super) steps: Vec<Step>,
    pub(super) dsc_auc: Option<f64>,
    pub(super) nsd_auc: Option<f64>,
}

/// One prompt of an interactive protocol; step 0 is the box.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) step: u32,
    pub(super) dice: f64,
    pub(super) nsd: f64,
    /// The Dice that the model expected.
    pub(super) predicted_dice: Option<f32>,
    pub(super) seconds: f64,
}

/// Means over rows; a row without a value is left out of that mean.
#[derive(Debug, Clone, Copy, Serialize)]
struct Means {
    rows: usize,
    dice: Option<f64>,
    iou: Option<f64>,
    nsd: Option<f64>,
    hd95_mm: Option<f64>,
    hd_mm: Option<f64>,
    assd_mm: Option<f64>,
    volume_pred_ml: Option<f64>,
    volume_truth_ml: Option<f64>,
    dsc_auc: Option<f64>,
    nsd_auc: Option<f64>,
}

/// Everything that `evaluate` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    cases: Vec<Row>,
    mean: Means,
    groups: BTreeMap<String, Means>,
}

impl Row {
    /// A row without steps.
    pub(super) fn new(id: String, label: u16, name: Option<String>, agreement: &Agreement) -> Self {
        Self {
            id,
            label,
            name,
            modality: None,
            domain: None,
            dice: agreement.dice,
            predicted_dice: None,
            iou: agreement.iou,
            nsd: agreement.nsd,
            hd95_mm: agreement.hd95_mm,
            hd_mm: agreement.hd_mm,
            assd_mm: agreement.assd_mm,
            volume_pred_ml: agreement.volume_pred_ml,
            volume_truth_ml: agreement.volume_truth_ml,
            steps: Vec::new(),
            dsc_auc: None,
            nsd_auc: None,
        }
    }

    /// The group that the row belongs to.
    fn group(&self, by: Grouping) -> String {
        let group = match by {
            Grouping::Domain => self.domain.clone(),
            Grouping::Modality => self.modality.map(|m| m.name().to_owned()),
        };
        group.unwrap_or_else(|| "unknown".to_owned())
    }

    /// The label in words.
    fn label_text(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.label.to_string())
    }
}

/// The click at which the area under a score ends.
const LAST_CLICK: u32 = 5;

/// Area under a score over the clicks 1..=`clicks`, five at most, by trapezoids of unit width; a target reached early
/// keeps its last score. `None` with fewer than two clicks.
pub(super) fn area_under_curve(
    steps: &[Step],
    clicks: u32,
    score: impl Fn(&Step) -> f64,
) -> Option<f64> {
    if clicks < 2 {
        return None;
    }
    let at = |click: u32| {
        let reached = steps.iter().rev().find(|s| s.step <= click);
        reached.map_or(0.0, &score)
    };
    Some(
        (1..clicks.min(LAST_CLICK))
            .map(|c| (at(c) + at(c + 1)) / 2.0)
            .sum(),
    )
}

impl Means {
    fn of(rows: &[&Row]) -> Self {
        let mean = |value: &dyn Fn(&Row) -> Option<f64>| {
            let known: Vec<f64> = rows.iter().filter_map(|r| value(r)).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Self {
            rows: rows.len(),
            dice: mean(&|r| Some(r.dice)),
            iou: mean(&|r| Some(r.iou)),
            nsd: mean(&|r| Some(r.nsd)),
            hd95_mm: mean(&|r| r.hd95_mm),
            hd_mm: mean(&|r| r.hd_mm),
            assd_mm: mean(&|r| r.assd_mm),
            volume_pred_ml: mean(&|r| Some(r.volume_pred_ml)),
            volume_truth_ml: mean(&|r| Some(r.volume_truth_ml)),
            dsc_auc: mean(&|r| r.dsc_auc),
            nsd_auc: mean(&|r| r.nsd_auc),
        }
    }

    fn describe(&self, name: &str) -> String {
        let number = |v: Option<f64>, digits: usize| match v {
            Some(v) => format!("{v:.digits$}"),
            None => "-".to_owned(),
        };
        format!(
            "{name:<44} {:>6} {:>6} {:>6} {:>8} {:>8} {:>7} {:>7}",
            number(self.dice, 3),
            number(self.iou, 3),
            number(self.nsd, 3),
            number(self.hd95_mm, 2),
            number(self.assd_mm, 2),
            number(self.dsc_auc, 3),
            number(self.nsd_auc, 3),
        )
    }
}

impl Report {
    /// Adds the means to the rows.
    pub(super) fn new(cases: Vec<Row>, by: Option<Grouping>) -> Self {
        let group = |name: &dyn Fn(&Row) -> String| group_means(&cases, name);
        let groups = by.map(|by| group(&|r| r.group(by))).unwrap_or_default();
        let mean = Means::of(&cases.iter().collect::<Vec<_>>());
        Self {
            cases,
            mean,
            groups,
        }
    }

    /// A table.
    pub(super) fn describe(&self) -> String {
        let mut text = format!(
            "{:<44} {:>6} {:>6} {:>6} {:>8} {:>8} {:>7} {:>7}\n",
            "", "dice", "iou", "nsd", "hd95 mm", "assd mm", "dsc auc", "nsd auc"
        );
        // Writing into a string cannot fail.
        let mut line = |name: &str, means: &Means| {
            let _ = writeln!(text, "{}", means.describe(name));
        };
        for row in &self.cases {
            line(
                &format!("{} {}", row.id, row.label_text()),
                &Means::of(&[row]),
            );
        }
        let by_label = group_means(&self.cases, &Row::label_text);
        if by_label.len() > 1 {
            for (name, means) in &by_label {
                line(&format!("mean of {} {name}", means.rows), means);
            }
        }
        for (name, means) in &self.groups {
            line(&format!("mean of {} in {name}", means.rows), means);
        }
        line(&format!("mean of {}", self.mean.rows), &self.mean);
        for (step, dice, nsd, seconds) in self.step_means() {
            let _ = writeln!(
                text,
                "after step {step}: dice {dice:.3}, nsd {nsd:.3}, {seconds:.3} s"
            );
        }
        text
    }

    /// Means over the rows that reached each step: step, Dice, NSD, seconds.
    fn step_means(&self) -> Vec<(u32, f64, f64, f64)> {
        let mut by_step: BTreeMap<u32, Vec<&Step>> = BTreeMap::new();
        for step in self.cases.iter().flat_map(|r| &r.steps) {
            by_step.entry(step.step).or_default().push(step);
        }
        let mean = |steps: &[&Step], value: fn(&Step) -> f64| {
            steps.iter().map(|s| value(s)).sum::<f64>() / steps.len() as f64
        };
        by_step
            .iter()
            .map(|(&step, steps)| {
                (
                    step,
                    mean(steps, |s| s.dice),
                    mean(steps, |s| s.nsd),
                    mean(steps, |s| s.seconds),
                )
            })
            .collect()
    }
}

fn group_means(rows: &[Row], name: &dyn Fn(&Row) -> String) -> BTreeMap<String, Means> {
    let mut groups: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(name(row)).or_default().push(row);
    }
    groups
        .into_iter()
        .map(|(name, rows)| (name, Means::of(&rows)))
        .collect()
}
