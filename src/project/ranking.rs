//! Which case is worth reading next: two numbers a case, in a small file each, `ranks/ID.toml`.
//!
//! The uncertainty is the model's about what it finds by itself. The disagreement is 1 - Dice, between readers or else
//! between the model and the labels that there are. Both go from 0 to 1, and the case with the largest is first. A number
//! says what it was made of ([`Number::of`]): when that is another, it is made anew.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::agreement::mask_of;
use super::files::LabelRule;
use super::store::{Project, Reading, read_toml, write_toml};
use super::{CaseFile, ProjectError};
use crate::volume::metrics::Overlap;
use crate::volume::{LabelLayers, LabelTable};

/// By what cases can be ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// How much the model doubts what it finds by itself.
    Uncertainty,
    /// How far readers, or the model and the labels that there are, lie apart.
    Disagreement,
}

/// Between whom a disagreement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Between {
    /// All who have finished the case.
    Readers,
    /// The model and the one who has finished it.
    ModelAndReader,
    /// The model and the labels that the case begins with.
    ModelAndLabels,
}

/// Why a case has no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyNot {
    /// Nobody has ranked it yet.
    NotYet,
    /// The model finds none of the project's labels by itself in scans of this kind.
    NothingKnown,
    /// The model does not say how good its answers are.
    SaysNothing,
    /// The model found nothing, and nothing must be there.
    NothingFound,
    /// Fewer than two have finished it, and it has no labels either.
    NothingToCompare,
    /// The readings are blinded, and this reader has not finished.
    Blinded,
    /// The scan, the labels or the model failed.
    Failed,
}

impl WhyNot {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotYet => "not ranked yet",
            Self::NothingKnown => "the model finds none of the project's labels by itself in it",
            Self::SaysNothing => "the model does not say how good its answers are",
            Self::NothingFound => "the model found nothing, and nothing must be there",
            Self::NothingToCompare => "there are neither two finished readings nor labels",
            Self::Blinded => "the readings are blinded until yours is finished",
            Self::Failed => "it could not be ranked",
        }
    }
}

/// A number of a case, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// From 0 to 1; the largest is to be read first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<WhyNot>,
    /// Of a disagreement: between whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Between>,
    /// Of an uncertainty: the Dice that the model expects, the mean of the labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_dice: Option<f64>,
    /// Of an uncertainty: the part of the border that the model is unsure of, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsure_border: Option<f64>,
    /// The model that it comes from; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What it was made of.
    pub of: String,
}

impl Number {
    /// No number, and why.
    pub fn none(why: WhyNot) -> Self {
        Self {
            value: None,
            why_not: Some(why),
            between: None,
            expected_dice: None,
            unsure_border: None,
            model: String::new(),
            of: String::new(),
        }
    }

    /// A number.
    pub fn some(value: f64) -> Self {
        Self {
            value: Some(value),
            why_not: None,
            ..Self::none(WhyNot::NotYet)
        }
    }
}

/// The numbers of a case: `ranks/ID.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rank {
    /// How much the model doubts its own answer.
    pub uncertainty: Number,
    /// How far those who drew lie apart.
    pub disagreement: Number,
}

impl Default for Rank {
    fn default() -> Self {
        Self::none(WhyNot::NotYet)
    }
}

impl Rank {
    /// No numbers, and why.
    pub fn none(why: WhyNot) -> Self {
        Self {
            uncertainty: Number::none(why),
            disagreement: Number::none(why),
        }
    }

    /// The number of a measure.
    pub fn number(&self, measure: Measure) -> &Number {
        match measure {
            Measure::Uncertainty => &self.uncertainty,
            Measure::Disagreement => &self.disagreement,
        }
    }
}

impl Measure {
    /// The largest first; what has no number comes last, and what is equal stays in its order.
    pub fn sort<T>(self, cases: &mut [T], rank: impl Fn(&T) -> &Rank) {
        let value = |case: &T| rank(case).number(self).value.unwrap_or(-1.0);
        cases.sort_by(|a, b| value(b).total_cmp(&value(a)));
    }
}

/// What the numbers of a case are to be made of now.
pub struct RankSources {
    /// Stands in [`Number::of`] of the uncertainty.
    pub uncertainty: String,
    /// Stands in [`Number::of`] of the disagreement.
    pub disagreement: String,
    /// Between whom the disagreement is; `None` where there is nobody.
    pub between: Option<Between>,
    /// The readings that are compared.
    pub readings: Vec<Reading>,
    /// What the project says of the case.
    pub case: CaseFile,
}

impl Project {
    /// The numbers of a case; none where nobody has ranked it. A file that says something else is as good as none, since
    /// all that is in it can be had again.
    pub fn rank(&self, id: &str) -> Rank {
        read_toml(&self.rank_path(id)).unwrap_or_default()
    }

    /// The numbers of a case that somebody may see: in a blinded project, of others' work nothing before the own is finished.
    ///
    /// # Errors
    /// Broken files.
    pub fn rank_for(&self, id: &str, reader: &str) -> Result<Rank, ProjectError> {
        let mut rank = self.rank(id);
        let tells_of_readings = matches!(
            rank.disagreement.between,
            Some(Between::Readers | Between::ModelAndReader)
        );
        if tells_of_readings && self.is_blind(id, reader)? {
            rank.disagreement = Number::none(WhyNot::Blinded);
        }
        Ok(rank)
    }

    /// Keeps the numbers of a case.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn save_rank(&self, id: &str, rank: &Rank) -> Result<(), ProjectError> {
        let path = self.rank_path(id);
        self.make_folder(crate::io::atomic::folder_of(&path))?;
        write_toml(&path, rank)
    }

    /// What the numbers of a case are to be made of, with a model that `model` names together with its weights.
    ///
    /// # Errors
    /// No such case, broken files.
    pub fn rank_sources(&self, id: &str, model: &str) -> Result<RankSources, ProjectError> {
        let case = self.case(id)?;
        let bytes = |relative: &str| {
            let found = std::fs::metadata(self.resolved(relative)).ok();
            found.filter(|m| m.is_file()).map_or(0, |m| m.len())
        };
        let rule = |rule: &LabelRule| format!("{}{}", rule.name, u8::from(rule.may_be_empty));
        let rules: Vec<String> = self.file.labels.iter().map(rule).collect();
        let series = case.series.as_deref().unwrap_or_default();
        let scan = format!(
            "{}|{}|{series}|{}",
            rules.join(","),
            case.image,
            bytes(&case.image)
        );
        let readings = self.finished(id)?;
        let read = |r: &Reading| {
            let last = r.file.events.last().map_or("", |e| e.when.as_str());
            format!("{} {} {last}", r.reader, r.file.events.len())
        };
        let read: Vec<String> = readings.iter().map(read).collect();
        let (between, drawn) = match (readings.len(), &case.labels) {
            (0, None) => (None, String::new()),
            (0, Some(labels)) => {
                let drawn = format!("{labels}|{}", bytes(labels));
                (Some(Between::ModelAndLabels), drawn)
            }
            (1, _) => (Some(Between::ModelAndReader), read.join(",")),
            _ => (Some(Between::Readers), read.join(",")),
        };
        let of_model = match between {
            Some(Between::Readers) | None => "",
            Some(_) => model,
        };
        Ok(RankSources {
            uncertainty: digest(&[&scan, model]),
            disagreement: digest(&[&scan, of_model, &drawn]),
            between,
            readings,
            case,
        })
    }
}

/// A few letters that are others when any of the texts is another.
fn digest(texts: &[&str]) -> String {
    let whole = Sha256::digest(texts.join("\n"));
    whole[..8].iter().map(|b| format!("{b:02x}")).collect()
}

/// 1 - the mean Dice of all pairs of label maps in the labels of these names, each pair of labels counting where one of the
/// two has a voxel; 0 where nobody has any.
///
/// # Errors
/// Label maps on different grids.
pub fn disagreement(
    maps: &[(&LabelLayers, &LabelTable)],
    names: &[String],
) -> Result<f64, ProjectError> {
    let dims = |n: usize| maps[n].0.grid().dims;
    if (1..maps.len()).any(|n| dims(n) != dims(0)) {
        return Err(ProjectError::refused(
            "the label maps are on different grids; were they made on the same scan?",
        ));
    }
    let mut lacking = Vec::new();
    for name in names {
        let masks: Vec<_> = maps.iter().map(|m| mask_of(m.0, m.1, name)).collect();
        for (n, a) in masks.iter().enumerate() {
            let others = masks[n + 1..].iter();
            let overlaps = others.map(|b| Overlap::between(&a.voxels, &b.voxels));
            let drawn = overlaps.filter(|o| o.pred + o.truth > 0);
            lacking.extend(drawn.map(|o| 1.0 - o.dice()));
        }
    }
    let count = lacking.len().max(1) as f64;
    Ok(lacking.iter().sum::<f64>() / count)
}
