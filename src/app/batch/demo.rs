//! `prosector demo`: the main job on the built-in phantom, with nothing to bring along.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::{DemoArgs, OpenArgs};
use crate::io::{IoError, check_output, save_image, save_labels, save_mask};
use crate::models::ScanKey;
use crate::prompt::{Click, Polarity, PromptSet};
use crate::render;
use crate::volume::metrics::dice;
use crate::volume::phantom::{Phantom, phantom};
use crate::volume::window::default_window;
use crate::volume::{LabelMap, Mask};

use super::Refusal;
use super::console::Console;
use super::model_run::ModelRun;
use super::screenshot::{check_picture, save_picture};

/// The demo opens one scan.
const SCAN: ScanKey = ScanKey(1);

/// Width and height of the picture.
const PICTURE_SIZE: (u32, u32) = (1500, 900);

/// The files of the demo.
struct Files {
    scan: PathBuf,
    truth: PathBuf,
    automatic: PathBuf,
    click: PathBuf,
    target_box: PathBuf,
    picture: PathBuf,
}

/// Segments the phantom and says how well; returns what the window should open, if it should.
pub(super) fn run(args: &DemoArgs) -> Result<Option<OpenArgs>, Refusal> {
    let console = Console::new(false);
    let files = Files::in_folder(&args.output)?;
    let made = phantom();
    let model = ModelRun::open(None, &args.device.device, console)?;
    console.line(&format!(
        "The built-in phantom, a head and neck CT, with {} on {}. Not for clinical use.",
        model.card.title,
        model.device_text()
    ));
    save_image(&files.scan, &made.image)?;
    save_labels(&files.truth, &made.labels, &made.table)?;
    let image = Arc::new(made.image.clone());

    let automatic = model.auto(&image, Vec::new(), SCAN, None)?;
    save_labels(
        &files.automatic,
        &automatic.result.labels,
        &automatic.result.table,
    )?;
    report_automatic(console, &made, &automatic.result.labels, automatic.seconds);

    let lesion = made.labels.mask_of(made.lesion);
    let by_click = model.prompted(&image, SCAN, &one_click(&made), None)?;
    save_mask(&files.click, &by_click.result.mask)?;
    report_target(
        console,
        "one click on the lesion",
        &by_click.result.mask,
        &lesion,
        by_click.seconds,
    );

    let by_box = model.prompted(&image, SCAN, &one_box(&made), None)?;
    save_mask(&files.target_box, &by_box.result.mask)?;
    report_target(
        console,
        "a box around the lesion",
        &by_box.result.mask,
        &lesion,
        by_box.seconds,
    );

    let drawn_by = draw(
        &made,
        &automatic.result.labels,
        &by_box.result.mask,
        &files.picture,
    )?;
    console.line(&format!(
        "Label maps and screenshot.png (drawn by: {drawn_by}) are in {}.",
        args.output.display()
    ));
    let opens = !args.headless && has_display();
    Ok(opens.then(|| OpenArgs {
        paths: vec![files.scan],
        device: args.device.clone(),
    }))
}

impl Files {
    /// Names the files and checks that they can be written; makes the folder where it is missing.
    fn in_folder(folder: &Path) -> Result<Self, Refusal> {
        std::fs::create_dir_all(folder)
            .map_err(|e| IoError::output(folder, format!("the folder cannot be made: {e}")))?;
        let files = Self {
            scan: folder.join("phantom.nii.gz"),
            truth: folder.join("truth.nii.gz"),
            automatic: folder.join("automatic.nii.gz"),
            click: folder.join("click.nii.gz"),
            target_box: folder.join("box.nii.gz"),
            picture: folder.join("screenshot.png"),
        };
        for path in files.label_maps() {
            check_output(path)?;
        }
        check_output(&files.scan)?;
        check_picture(&files.picture)?;
        files.check_own()?;
        Ok(files)
    }

    fn label_maps(&self) -> [&PathBuf; 4] {
        [&self.truth, &self.automatic, &self.click, &self.target_box]
    }

    /// Refuses a folder where somebody else's file has the name of one of the demo's; its own lie beside its phantom.
    fn check_own(&self) -> Result<(), Refusal> {
        let others = self.label_maps().into_iter().chain([&self.picture]);
        match others.into_iter().find(|path| path.exists()) {
            Some(taken) if !self.scan.exists() => {
                let reason = "it is there already and not the demo's; choose another folder";
                Err(IoError::output(taken, reason).into())
            }
            _ => Ok(()),
        }
    }
}

fn one_click(made: &Phantom) -> PromptSet {
    PromptSet {
        clicks: vec![Click {
            voxel: made.lesion_click(),
            polarity: Polarity::Positive,
        }],
        ..PromptSet::default()
    }
}

fn one_box(made: &Phantom) -> PromptSet {
    PromptSet {
        target_box: Some(made.lesion_box()),
        ..PromptSet::default()
    }
}

fn report_automatic(console: Console, made: &Phantom, found: &LabelMap, seconds: f64) {
    console.line(&format!(
        "Automatic, {seconds:.2} s; Dice against the truth:"
    ));
    for label in made.table.labels() {
        if label.value == made.lesion {
            continue;
        }
        let pred = found.mask_of(label.value).voxels;
        let score = dice(&pred, &made.labels.mask_of(label.value).voxels);
        console.line(&format!("  {:<16} {score:.2}", label.name));
    }
}

fn report_target(console: Console, what: &str, found: &Mask, truth: &Mask, seconds: f64) {
    let score = dice(&found.voxels, &truth.voxels);
    console.line(&format!("By {what}, {seconds:.2} s: Dice {score:.2}"));
}

/// Draws the organs with the lesion on top; who drew it.
fn draw(made: &Phantom, organs: &LabelMap, lesion: &Mask, path: &Path) -> Result<String, Refusal> {
    let mut shown = organs.clone();
    for (value, &inside) in shown.voxels.iter_mut().zip(&lesion.voxels) {
        if inside != 0 {
            *value = made.lesion;
        }
    }
    let (picture, drawn_by) = render::screenshot(
        &made.image,
        Some((&[Arc::new(shown)], &made.table)),
        None,
        made.lesion_click(),
        default_window(&made.image),
        PICTURE_SIZE,
    );
    save_picture(path, &picture)?;
    Ok(drawn_by)
}

/// Whether a window could be shown.
fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    !cfg!(target_os = "linux") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}
