//! `prosector models`: which models are installed, and whether their weights are sound.

use std::fmt::Write;
use std::path::Path;

use crate::cli::{ImportArgs, ModelsCommand};
use crate::models::{
    ImportOptions, ModelCard, choose_model, chosen_model, export_adapter, import_model,
    install_adapter, installed_models, is_limited, roll_back, verify_model,
};

use super::Refusal;
use super::console::Console;

pub(super) fn run(command: &ModelsCommand) -> Result<(), Refusal> {
    match command {
        ModelsCommand::List { json } => {
            let cards = installed_models();
            Console::new(*json).result(&cards, || describe(&cards));
            Ok(())
        }
        ModelsCommand::Verify { id } => verify(id.as_deref()),
        ModelsCommand::Import(args) => import(args),
        ModelsCommand::Calibrate(args) => super::calibrate::run(args),
        ModelsCommand::Use { model } => use_from_now_on(model),
        ModelsCommand::Rollback => {
            let now = roll_back()?.unwrap_or_else(|| installed_models()[0].id.clone());
            Console::new(false).line(&format!("{now} is used again where no model is named"));
            Ok(())
        }
        ModelsCommand::Export { id, output } => {
            let bytes = export_adapter(id, output)? as f64;
            let text = format!("{}: {:.1} MB, with its card", output.display(), bytes / 1e6);
            Console::new(false).line(&text);
            Ok(())
        }
    }
}

/// Chooses a model by its id, or installs the adapter of a path and chooses it.
fn use_from_now_on(model: &str) -> Result<(), Refusal> {
    let console = Console::new(false);
    let id = if Path::new(model).is_file() {
        let card = install_adapter(Path::new(model))?;
        console.line(&format!("{}: installed\n    {}", card.id, card.description));
        card.id
    } else {
        model.to_owned()
    };
    choose_model(&id)?;
    console.line(&format!(
        "{id} is used from now on where no model is named; `prosector models rollback` goes back"
    ));
    Ok(())
}

fn import(args: &ImportArgs) -> Result<(), Refusal> {
    let options = ImportOptions {
        files: args.files.clone(),
        system: args.system.clone(),
        base: args.base.clone(),
        id: args.id.clone(),
        classes: args.classes.clone(),
        preset: args.preset.clone(),
        config: args.config.clone(),
        folds: args.folds.clone(),
        state: args.checkpoint,
        modality: args.modality.modality,
        licence: args.licence.clone(),
        half: args.half,
    };
    let card = import_model(&options, accepted)?;
    let id = &card.id;
    let text = format!(
        "{id}: imported; use it with --model {id}, or choose it in the window\n    {}\n    licence: {}",
        card.description,
        card.licence.as_deref().unwrap_or_default()
    );
    Console::new(false).line(&text);
    Ok(())
}

/// Whether who imports accepts a licence: asked where weights may not be used for everything and there is somebody to
/// ask. Without a terminal the licence is said with what was imported.
fn accepted(licence: &str) -> bool {
    let question =
        format!("The licence of these weights: {licence}\nImport them and keep to it? [y/N] ");
    !is_limited(licence) || Console::confirmed(&question).unwrap_or(true)
}

/// Checks one model, or all; the first that fails is the refusal.
fn verify(id: Option<&str>) -> Result<(), Refusal> {
    let console = Console::new(false);
    let ids = match id {
        Some(id) => vec![id.to_owned()],
        None => installed_models().into_iter().map(|c| c.id).collect(),
    };
    for id in ids {
        verify_model(&id)?;
        console.line(&format!("{id}: the weights are those of the model card"));
    }
    Ok(())
}

fn describe(cards: &[ModelCard]) -> String {
    let mut text = String::new();
    let boxed = cards.first().map(|card| card.id.clone());
    let used = chosen_model().or(boxed).unwrap_or_default();
    for card in cards {
        // Writing into a string cannot fail.
        let used = if *card.id == used { "  [in use]" } else { "" };
        let _ = writeln!(text, "{}  {} ({}){used}", card.id, card.title, card.takes());
        let _ = writeln!(text, "    {}", card.description);
        for s in &card.structures {
            let _ = writeln!(text, "    {:>3}  {}", s.value, s.described());
        }
    }
    text
}
