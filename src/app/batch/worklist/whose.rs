//! Whose labels of a case are taken where several have some: a reader's, a consensus, what was adjudicated.

use std::path::PathBuf;

use crate::app::batch::Refusal;
use crate::io::{Approval, Labels};
use crate::project::{Method, Project, Reading, State};
use crate::volume::LabelMap;

/// Asks for what an adjudicator decided.
const ADJUDICATED: &str = "adjudicated";

/// As `--from` says it; without it the one finished reading.
#[derive(Debug, Clone, Copy)]
pub(in crate::app::batch) struct Whose<'a>(pub Option<&'a str>);

/// Where the labels of a case are, and whose they are.
pub(in crate::app::batch) struct Made {
    pub path: PathBuf,
    /// Who read the case; nobody for a consensus.
    pub author: Option<String>,
    pub approval: Option<Approval>,
}

impl Made {
    /// What a reader made of a case; `None` without labels.
    fn by(reading: Reading) -> Option<Self> {
        Some(Self {
            path: reading.labels?,
            author: Some(reading.reader),
            approval: None,
        })
    }

    /// What somebody decided between the readings of others, who approves it with that.
    fn decided(reading: Reading) -> Option<Self> {
        let last = reading.file.events.last();
        let approval = last.and_then(|event| Approval::of(&reading.reader, &event.when));
        Some(Self {
            approval,
            ..Self::by(reading)?
        })
    }
}

impl Whose<'_> {
    /// The consensus that is asked for, if one is.
    pub fn method(self) -> Option<Method> {
        [Method::Majority, Method::Staple]
            .into_iter()
            .find(|m| self.0 == Some(m.word()))
    }

    /// The label map of a case that is asked for; `None` where there is none yet.
    pub fn made(self, project: &Project, id: &str) -> Result<Option<Made>, Refusal> {
        if let Some(method) = self.method() {
            let path = project.consensus_path(id, method);
            return Ok(path.is_file().then_some(Made {
                path,
                author: None,
                approval: None,
            }));
        }
        if self.0 == Some(ADJUDICATED) {
            let adjudication = project.adjudication(id)?;
            let done = adjudication.filter(|a| a.file.state == State::Done);
            return Ok(done.and_then(Made::decided));
        }
        let mut readings = project.finished(id)?;
        if let Some(reader) = self.0 {
            readings.retain(|r| r.reader == *reader);
        }
        match readings.len() {
            0 | 1 => Ok(readings.pop().and_then(Made::by)),
            _ => Err(Refusal::Other(format!(
                "{id}: has several finished readings; choose with --from majority, staple, adjudicated or a reader's name"
            ))),
        }
    }
}

/// The labels as values from 1 on in the project's order, and nothing else.
pub(in crate::app::batch) fn numbered(project: &Project, labels: &Labels) -> LabelMap {
    let mut map = LabelMap::empty(*labels.layers.grid());
    for (n, name) in project.label_names().iter().enumerate() {
        let Some(label) = labels.table.by_name(name) else {
            continue;
        };
        let Some(layer) = labels.layers.get(label.layer) else {
            continue;
        };
        for (to, &from) in map.voxels.iter_mut().zip(&layer.voxels) {
            if from == label.value {
                *to = n as u16 + 1;
            }
        }
    }
    map
}
