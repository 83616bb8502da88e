//! A trained model's folder becomes a model that can be chosen.

use std::path::{Path, PathBuf};

use crate::models::{
    ImportOptions, ModelCard, folder_system, import_model, installed_models, is_limited,
};
use crate::ui::Severity;
use crate::ui::model::Question;
use crate::ui::texts::tr;

use super::file_flow::Purpose;
use super::files::{FileOutcome, without_options};
use super::window::Window;

impl Window {
    /// Imports a folder; a licence that limits what weights may be used for is shown first, unless it `is_accepted`.
    pub(super) fn import_folder(&mut self, folder: PathBuf, is_accepted: bool) {
        self.run(tr!("Importing a model"), Purpose::Other, false, move |_| {
            imported(folder, is_accepted)
        });
    }

    /// Shows the licence of what is to be imported.
    pub(super) fn ask_licence(&mut self, folder: PathBuf, licence: String) {
        self.state.question = Some(Question::Licence { folder, licence });
    }

    /// A model was imported, and is the one to compute with.
    pub(super) fn take_model(&mut self, card: &ModelCard) {
        self.models = installed_models();
        let licence = card.licence.as_deref().unwrap_or_default();
        let text = tr!(
            "Imported: {title}. Licence: {licence}",
            title = card.title,
            licence
        );
        self.state.messages.push(Severity::Info, text);
        self.choose_model(card.id.clone());
    }
}

fn imported(folder: PathBuf, is_accepted: bool) -> FileOutcome {
    let options = options_of(&folder);
    let mut to_accept = None;
    let result = import_model(&options, |licence| {
        let is_asked = is_limited(licence) && !is_accepted;
        if is_asked {
            to_accept = Some(licence.to_owned());
        }
        !is_asked
    });
    match (result, to_accept) {
        (Ok(card), _) => FileOutcome::ModelImported(Box::new(card)),
        (Err(_), Some(licence)) => FileOutcome::LicenceToAccept { folder, licence },
        (Err(error), None) => FileOutcome::Refused(without_options(&error.to_string())),
    }
}

fn options_of(folder: &Path) -> ImportOptions {
    ImportOptions {
        files: vec![folder.to_owned()],
        system: folder_system(folder).to_owned(),
        ..ImportOptions::default()
    }
}
