//! Who may see which readings of a case, and the decision of a third between them.

use super::files::State;
use super::store::{Project, Reading, Role};
use super::{ProjectError, is_plain_name};

impl Project {
    /// The readings of a case that are done and have labels, by reader.
    ///
    /// # Errors
    /// A file that cannot be read or is broken.
    pub fn finished(&self, id: &str) -> Result<Vec<Reading>, ProjectError> {
        let mut readings = self.readings(id)?;
        readings.retain(|r| r.file.state == State::Done && r.labels.is_some());
        Ok(readings)
    }

    /// The finished readings of others that somebody may see: in a blinded project a reader's own one must be done
    /// first.
    ///
    /// # Errors
    /// It is not, or there are none, or files are broken.
    pub fn finished_by_others(&self, id: &str, reader: &str) -> Result<Vec<Reading>, ProjectError> {
        let all = self.finished(id)?;
        if self.is_blind(id, reader)? {
            return Err(ProjectError::refused(format!(
                "{id}: the readings are blinded: finish your own before you see those of others"
            )));
        }
        let others: Vec<Reading> = all.into_iter().filter(|r| r.reader != reader).collect();
        match others.is_empty() {
            true => Err(ProjectError::refused(format!(
                "{id}: nobody else has finished it yet; there is nothing to compare with"
            ))),
            false => Ok(others),
        }
    }

    /// Whether somebody may not see yet what others made of a case: the project is blinded, and this is one of its readers,
    /// or may become one, whose own reading is not finished.
    pub(super) fn is_blind(&self, id: &str, reader: &str) -> Result<bool, ProjectError> {
        let own = self.reading(id, reader, Role::Reader)?;
        let is_over = own.as_ref().is_some_and(|own| own.state.is_over());
        let is_reader = own.is_some() || self.readings(id)?.len() < self.file.readers_per_case;
        Ok(self.file.blinded && is_reader && !is_over)
    }

    /// The adjudication of a case, where somebody began one.
    ///
    /// # Errors
    /// A file that cannot be read or is broken.
    pub fn adjudication(&self, id: &str) -> Result<Option<Reading>, ProjectError> {
        Ok(self.readings_as(id, Role::Adjudicator)?.into_iter().next())
    }

    /// Refuses who has read the case, and cases that fewer than two have finished.
    pub(super) fn check_adjudicator(&self, id: &str, name: &str) -> Result<(), ProjectError> {
        let has_read = is_plain_name(name) && self.reading(id, name, Role::Reader)?.is_some();
        let reason = match (has_read, self.finished(id)?.len()) {
            (true, _) => format!("{name} has read it; somebody else decides between the readings"),
            (false, 0 | 1) => {
                "fewer than two readings are finished; there is nothing to decide".to_owned()
            }
            (false, _) => return Ok(()),
        };
        Err(ProjectError::refused(format!("{id}: {reason}")))
    }
}
