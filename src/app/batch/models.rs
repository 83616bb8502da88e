//! `prosector models`: which models are installed, and whether their weights are sound.

use std::fmt::Write;

use crate::cli::ModelsCommand;
use crate::models::{ModelCard, installed_models, verify_model};

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
    }
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
        let takes: Vec<&str> = [
            (card.automatic, "automatic"),
            (card.clicks, "clicks"),
            (card.boxes, "box"),
        ]
        .into_iter()
        .filter_map(|(does, name)| does.then_some(name))
        .collect();
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}  {} ({})", card.id, card.title, takes.join(", "));
        let _ = writeln!(text, "    {}", card.description);
        for s in &card.structures {
            let _ = writeln!(
                text,
                "    {:>3}  {} ({})",
                s.value,
                s.name,
                s.modality.name()
            );
        }
    }
    text
}
