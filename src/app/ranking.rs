//! What the cases of a project are ranked by, for the command line and the window alike: read on one thread, judged where
//! the model is.

use std::sync::Arc;

use crate::io::{IoError, LabelTarget, Labels, OpenOptions, Scan, open_labels_of, open_scan};
use crate::models::trust::{Doubt, Sought};
use crate::models::{AutoResult, ModelCard, ModelError, ScanKey, Segmenter, Structure};
use crate::project::{
    Between, LabelRule, Number, Project, ProjectError, Rank, WhyNot, disagreement,
};
use crate::util::{JobContext, short_debug};
use crate::volume::{ImageVolume, LabelLayers, LabelTable, Modality, Reordering, title_of};

/// Why a case could not be ranked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RankError {
    /// The project's files.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The scan or its labels.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// A case on its way to its numbers.
pub(super) struct CaseToRank {
    /// Which case.
    pub id: String,
    /// Its numbers, those that are known.
    pub rank: Rank,
    /// What the model is to be asked; `None` where all is known.
    pub asked: Option<Asked>,
}

/// What a model is asked of a case.
pub(super) struct Asked {
    image: Arc<ImageVolume>,
    key: ScanKey,
    /// The project's labels.
    rules: Vec<LabelRule>,
    /// The labels that its answer is compared with, and whose they are.
    drawn: Option<(Labels, Between)>,
    /// The model that the numbers are to be of, with its weights.
    model: String,
    /// What the numbers are made of.
    of: [String; 2],
    /// Whether only the disagreement is wanted, the uncertainty being known.
    knows_uncertainty: bool,
}

short_debug! {
    CaseToRank: |case| format_args!("a case to rank, asked: {}", case.asked.is_some());
}

/// Names a model with its weights: with another, cases are ranked anew.
fn named(card: &ModelCard) -> String {
    format!("{} {}", card.id, card.sha256)
}

/// Reads what is not known yet of a case; `None` where all numbers are those that this model would give. With `again` none
/// counts as known.
///
/// # Errors
/// Whatever cannot be read.
pub(super) fn read(
    project: &Project,
    id: &str,
    card: &ModelCard,
    (key, again): (ScanKey, bool),
    ctx: &JobContext,
) -> Result<Option<CaseToRank>, RankError> {
    let model = named(card);
    let sources = project.rank_sources(id, &model)?;
    let mut rank = project.rank(id);
    let knows_uncertainty = !again && rank.uncertainty.of == sources.uncertainty;
    let knows_disagreement = !again && rank.disagreement.of == sources.disagreement;
    if knows_uncertainty && knows_disagreement {
        return Ok(None);
    }
    let options = OpenOptions {
        series: sources.case.series.clone(),
        ..OpenOptions::default()
    };
    let scan = open_scan(&project.resolved(&sources.case.image), &options, ctx)?;
    let mut drawn = None;
    if !knows_disagreement {
        rank.disagreement = match sources.between {
            None => Number::none(WhyNot::NothingToCompare),
            Some(Between::Readers) => between_readers(project, &scan, &sources.readings, ctx)?,
            Some(between) => {
                let own = sources.readings.first().and_then(|r| r.labels.clone());
                let first = sources.case.labels.as_deref();
                let path = own.or_else(|| first.map(|labels| project.resolved(labels)));
                if let Some(path) = path {
                    drawn = Some((labels_on(&scan, &path, ctx)?, between));
                }
                Number::none(WhyNot::NotYet)
            }
        };
        rank.disagreement.between = sources.between;
        rank.disagreement.of.clone_from(&sources.disagreement);
    }
    let asks = !knows_uncertainty || drawn.is_some();
    let asked = asks.then(|| Asked {
        image: Arc::new(scan.image),
        key,
        rules: project.file.labels.clone(),
        drawn,
        model,
        of: [sources.uncertainty, sources.disagreement],
        knows_uncertainty,
    });
    Ok(Some(CaseToRank {
        id: id.to_owned(),
        rank,
        asked,
    }))
}

fn between_readers(
    project: &Project,
    scan: &Scan,
    readings: &[crate::project::Reading],
    ctx: &JobContext,
) -> Result<Number, RankError> {
    let mut maps = Vec::new();
    for path in readings.iter().filter_map(|r| r.labels.as_ref()) {
        maps.push(labels_on(scan, path, ctx)?);
    }
    let maps: Vec<_> = maps.iter().map(|m| (&m.layers, &m.table)).collect();
    let apart = disagreement(&maps, &project.label_names())?;
    Ok(Number::some(apart))
}

/// Labels on the grid of their scan.
fn labels_on(scan: &Scan, path: &std::path::Path, ctx: &JobContext) -> Result<Labels, IoError> {
    let target = LabelTarget {
        grid: *scan.image.grid(),
        source: scan.info.provenance.as_deref(),
    };
    let mut read = open_labels_of(path, Some(&target), ctx)?;
    let Some(reordering) = Reordering::between(read.layers.grid(), &target.grid) else {
        let reason = "it lies on another grid than the scan: give labels of this scan";
        return Err(IoError::not_labels(path, reason));
    };
    read.layers = read.layers.reordered(&reordering, target.grid);
    Ok(read)
}

impl CaseToRank {
    /// Asks the model what there is to ask, and completes the numbers.
    ///
    /// # Errors
    /// The model fails, or is stopped.
    pub(super) fn judged(
        &self,
        model: &dyn Segmenter,
        ctx: &JobContext,
    ) -> Result<Rank, RankError> {
        let mut rank = self.rank.clone();
        let Some(asked) = &self.asked else {
            return Ok(rank);
        };
        let card = model.card();
        if asked.model != named(card) {
            let reason = format!(
                "{}: another model was chosen meanwhile; rank it again",
                self.id
            );
            return Err(ProjectError::refused(reason).into());
        }
        let (doubt, apart) = asked.judged(model, ctx)?;
        let [of_uncertainty, of_disagreement] = asked.of.clone();
        if !asked.knows_uncertainty {
            rank.uncertainty = Number {
                model: card.id.clone(),
                of: of_uncertainty,
                ..doubt
            };
        }
        if let Some((_, between)) = &asked.drawn {
            rank.disagreement = Number {
                between: Some(*between),
                model: card.id.clone(),
                of: of_disagreement,
                ..apart
            };
        }
        Ok(rank)
    }
}

impl Asked {
    /// Uncertainty and disagreement.
    fn judged(
        &self,
        model: &dyn Segmenter,
        ctx: &JobContext,
    ) -> Result<(Number, Number), RankError> {
        let card = model.card();
        let names: Vec<String> = self.rules.iter().map(|rule| rule.name.clone()).collect();
        let known = known_structures(card, self.image.modality(), &names);
        if known.is_empty() {
            let none = || Number::none(WhyNot::NothingKnown);
            return Ok((none(), none()));
        }
        let wanted: Vec<String> = known.iter().map(|s| s.name.clone()).collect();
        let result = model.segment_auto_of(&self.image, &[], self.key, Some(&wanted), ctx)?;
        let apart = match &self.drawn {
            Some((labels, _)) => apart_from(&result, labels, &wanted)?,
            None => Number::none(WhyNot::NothingToCompare),
        };
        Ok((doubted(&result, &self.sought(&wanted)), apart))
    }

    fn sought(&self, wanted: &[String]) -> Vec<Sought> {
        let may_be_missing = |name: &str| {
            let rule = self
                .rules
                .iter()
                .find(|rule| title_of(&rule.name) == title_of(name));
            rule.is_some_and(|rule| rule.may_be_empty)
        };
        let sought = wanted.iter().map(|name| Sought {
            name: name.clone(),
            may_be_missing: may_be_missing(name),
        });
        sought.collect()
    }
}

/// The structures that a model finds by itself in scans of a modality and that go by one of these names; none of a model
/// that takes several images, since a case has one.
pub(super) fn known_structures<'a>(
    card: &'a ModelCard,
    modality: Modality,
    names: &[String],
) -> Vec<&'a Structure> {
    if !card.automatic || card.channels.len() > 1 {
        return Vec::new();
    }
    let is_wanted = |s: &&Structure| {
        s.is_known_in(modality) && names.iter().any(|name| title_of(name) == title_of(&s.name))
    };
    card.structures.iter().filter(is_wanted).collect()
}

fn doubted(result: &AutoResult, sought: &[Sought]) -> Number {
    if let Some(doubt) = Doubt::of(result, sought) {
        return Number {
            expected_dice: Some(doubt.expected_dice),
            unsure_border: doubt.unsure_border,
            ..Number::some(doubt.value())
        };
    }
    let found = sought
        .iter()
        .any(|s| result.table.by_name(&s.name).is_some());
    Number::none(match found {
        true => WhyNot::SaysNothing,
        false => WhyNot::NothingFound,
    })
}

/// How far an answer lies from labels, in the structures that were looked for; nothing where the labels have none of them.
fn apart_from(
    result: &AutoResult,
    labels: &Labels,
    wanted: &[String],
) -> Result<Number, ProjectError> {
    let table = with_names_of(&labels.table, wanted);
    if !wanted.iter().any(|name| table.by_name(name).is_some()) {
        return Ok(Number::none(WhyNot::NothingToCompare));
    }
    let of_model: LabelLayers = result.labels.clone().into();
    let maps = [(&of_model, &result.table), (&labels.layers, &table)];
    Ok(Number::some(disagreement(&maps, wanted)?))
}

/// A table of labels in which those that a model knows under another spelling go by the model's.
fn with_names_of(table: &LabelTable, wanted: &[String]) -> LabelTable {
    let mut named = table.clone();
    for name in wanted {
        let same = table
            .labels()
            .iter()
            .find(|label| title_of(&label.name) == title_of(name));
        if let Some(label) = same {
            let mut label = label.clone();
            label.name.clone_from(name);
            named.insert(label);
        }
    }
    named
}
