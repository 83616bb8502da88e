//! `prosector edit`: the window's operations on a scan's labels, without a window.

use std::path::Path;

use crate::cli::EditArgs;
use crate::io::{LabelTarget, save_label_layers};
use crate::models::ScanKey;
use crate::session::operations::OperationError;
use crate::session::{
    Case, Command, EditCommand, Effect, OpenedLabels, OpenedScan, ScanCommand, ScanSource, Session,
    Severity,
};
use crate::volume::window::default_window;

use super::Refusal;
use super::console::Console;
use super::inputs;
use super::outputs::{asked_layers, check_results, export_doubts};

pub(super) fn run(args: &EditArgs) -> Result<(), Refusal> {
    let console = Console::new(false);
    let commands = args
        .operations
        .iter()
        .map(|text| EditCommand::parse(text))
        .collect::<Result<Vec<_>, OperationError>>()?;
    let inputs: Vec<&Path> = [args.scan.path.as_path()]
        .into_iter()
        .chain(args.labels.as_deref())
        .collect();
    check_results(&[&args.output], &inputs)?;
    let mut desk = Desk::default();
    desk.open(args, console)?;
    for command in commands {
        command.check(desk.case()?)?;
        desk.apply(command)?;
    }
    let case = desk.case()?;
    let layers = case.document().layers();
    let (layers, table) = asked_layers(layers, case.table(), args.layers)?;
    let flattened = save_label_layers(&args.output, &layers, &table)?;
    let result = format!("{}: {}", args.output.display(), contents(case));
    desk.warnings.extend(export_doubts(case.grid()));
    desk.warnings.extend(flattened.map(|f| f.to_string()));
    console.warnings(&desk.warnings);
    console.notes(&desk.notes);
    console.line(&result);
    Ok(())
}

/// A session, and what it has to say.
#[derive(Default)]
struct Desk {
    session: Session,
    warnings: Vec<String>,
    notes: Vec<String>,
}

impl Desk {
    /// Opens the scan and its labels.
    fn open(&mut self, args: &EditArgs, console: Console) -> Result<(), Refusal> {
        let ctx = console.context();
        let scan = inputs::open(&args.scan, None, &ctx)?;
        self.warnings.clone_from(&scan.warnings);
        self.warnings.extend(inputs::one_map_for_frames(&scan.info));
        let (grid, source) = (*scan.image.grid(), scan.info.provenance.clone());
        let opened = OpenedScan {
            window: default_window(&scan.image),
            image: scan.image,
            info: scan.info,
            key: ScanKey(1),
            source: ScanSource::File {
                path: args.scan.path.clone(),
                series: args.scan.series.clone(),
                frame: args.scan.frame,
                frames_of_slice: args.scan.frames_of_slice,
                modality: None,
            },
        };
        self.apply(ScanCommand::Open(Box::new(opened)))?;
        let Some(path) = &args.labels else {
            return Ok(());
        };
        let target = LabelTarget {
            grid,
            source: source.as_deref(),
        };
        let (layers, table, warnings) = inputs::layers_on_grid(path, &target, &ctx)?;
        self.warnings.extend(warnings);
        self.apply(ScanCommand::OpenLabels(Box::new(OpenedLabels {
            layers,
            table,
            path: path.clone(),
        })))
    }

    /// Applies a command; what the session refuses is refused, and what it says is kept.
    fn apply(&mut self, command: impl Into<Command>) -> Result<(), Refusal> {
        for effect in self.session.apply(command) {
            let Effect::Notice { severity, text } = effect else {
                continue;
            };
            match severity {
                Severity::Info => self.notes.push(text),
                Severity::Warning => self.warnings.push(text),
                Severity::Error => return Err(Refusal::Other(text)),
            }
        }
        Ok(())
    }

    fn case(&self) -> Result<&Case, Refusal> {
        let case = self.session.case();
        case.ok_or_else(|| Refusal::Other("the scan is not open".to_owned()))
    }
}

/// The labels that have voxels, and how many.
fn contents(case: &Case) -> String {
    let labels = case.table().labels().iter();
    let sizes: Vec<String> = labels
        .map(|label| (label, case.voxel_count(label.value)))
        .filter(|&(_, voxels)| voxels > 0)
        .map(|(label, voxels)| format!("{} {} {voxels} voxels", label.value, label.name))
        .collect();
    if sizes.is_empty() {
        return "no voxel is labelled".to_owned();
    }
    sizes.join(", ")
}
