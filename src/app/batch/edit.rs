//! `prosector edit`: the window's operations on a scan's labels, without a window.

use std::path::Path;
use std::sync::Arc;

use crate::cli::{EditArgs, SaveGrid};
use crate::io::save_label_layers;
use crate::models::ScanKey;
use crate::session::operations::OperationError;
use crate::session::{
    Case, Command, EditCommand, Effect, LabelOrigin, OpenedScan, Regridded, ScanCommand,
    ScanSource, Session, Severity,
};
use crate::volume::window::default_window;
use crate::volume::{LabelLayers, LabelTable};

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
    let (mut layers, table) = asked_layers(layers, case.table(), args.layers)?;
    if args.save_grid == SaveGrid::Scan && !case.is_on_scan_grid() {
        layers = layers.resampled(case.scan_image().grid());
    }
    let flattened = save_label_layers(&args.output, &layers, &table)?;
    let result = format!("{}: {}", args.output.display(), contents(&layers, &table));
    desk.warnings.extend(export_doubts(layers.grid()));
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
        let labels = args.labels.as_deref();
        let read = labels.map(|path| inputs::on_one_grid(&scan, path, args.grid, &ctx));
        let read = read.transpose()?;
        let own = Arc::clone(&scan.image);
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
        let regridded = match (read, labels) {
            (Some(on_grid), Some(path)) => {
                self.warnings.extend(on_grid.warnings);
                Regridded {
                    scan: own,
                    image: on_grid.image,
                    layers: on_grid.layers,
                    table: on_grid.table,
                    // Operations are about labels; what is measured stays in its file.
                    measurements: Vec::new(),
                    origin: LabelOrigin::File(path.to_path_buf()),
                }
            }
            _ => {
                let Some(asked) = args.grid else {
                    return Ok(());
                };
                let grid = inputs::grid_asked(asked, own.grid(), None)?;
                Regridded::without_labels(&own, &grid).map_err(Refusal::Other)?
            }
        };
        self.apply(ScanCommand::WorkOn(Box::new(regridded)))
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
fn contents(layers: &LabelLayers, table: &LabelTable) -> String {
    let counts = layers.counts();
    let sizes: Vec<String> = (table.labels().iter())
        .filter_map(|label| {
            let voxels = counts.get(&label.value)?;
            Some(format!("{} {} {voxels} voxels", label.value, label.name))
        })
        .collect();
    if sizes.is_empty() {
        return "no voxel is labelled".to_owned();
    }
    sizes.join(", ")
}
