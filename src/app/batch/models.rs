//! `prosector models`: which models are installed, and whether their weights are sound.

use std::fmt::Write;

use crate::cli::{ImportArgs, ModelsCommand};
use crate::models::{
    ImportOptions, ModelCard, import_model, installed_models, is_limited, verify_model,
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
    }
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
    for card in cards {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}  {} ({})", card.id, card.title, card.takes());
        let _ = writeln!(text, "    {}", card.description);
        for s in &card.structures {
            let _ = writeln!(text, "    {:>3}  {}", s.value, s.described());
        }
    }
    text
}
