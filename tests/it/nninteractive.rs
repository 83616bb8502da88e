//! nnInteractive from a folder and a file to a file: clicks and boxes on a scan that is stored another way round.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prosector::geometry::{Affine, VoxelBox, VoxelIndex, VoxelPoint};
use prosector::io::{OpenOptions, open_labels, open_scan, save_image};
use prosector::models::checkpoint::TensorFile;
use prosector::models::{DeviceChoice, ScanKey, Segmenter, open_model};
use prosector::prompt::{Asked, Click, Drawing, DrawingKind, Polarity, PromptSet};
use prosector::util::JobContext;
use prosector::volume::morphology::Crop;
use prosector::volume::{Grid, ImageVolume, Mask, Modality, Rescale, VoxelData};
use tempfile::TempDir;

use crate::support::{assert_refused, copy, program, said, shared};

/// The recorded session, with a folder for its scan and the imported model.
struct Place {
    folder: TempDir,
    recording: TensorFile,
    golden: PathBuf,
    dims: [usize; 3],
}

impl Place {
    fn new() -> Option<Self> {
        let golden = shared("golden/nninteractive")?;
        let recording = golden.join("nninteractive_session_quiet.safetensors");
        let recording = TensorFile::open(&recording).unwrap();
        let image = recording.read("in/image").unwrap();
        let dims = <[usize; 3]>::try_from(&image.shape[..]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // Superior, anterior, right in the recording; the file runs to the left, to the back and to the head.
        let [superior, anterior, right] = dims;
        let rows = [
            [-1.0, 0.0, 0.0, 10.0],
            [0.0, -1.0, 0.0, 20.0],
            [0.0, 0.0, 2.0, 30.0],
        ];
        let grid = Grid::new(
            [right, anterior, superior],
            Affine::from_rows(&rows).unwrap(),
        );
        let stored = turned(&image.data, dims).map(|v| v as i16);
        let voxels = VoxelData::I16(stored.collect());
        let scan = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
        save_image(&folder.path().join("scan.nii.gz"), &scan).unwrap();
        Some(Self {
            folder,
            recording,
            golden,
            dims,
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn import(&self, folder: &Path, options: &[&str]) -> std::process::Output {
        let folder = folder.to_str().unwrap();
        let import = ["models", "import", folder, "--system", "nninteractive"];
        program(self.path(), &[&import[..], options].concat())
    }

    /// A voxel of the recording as the file counts them.
    fn voxel(&self, [superior, anterior, right]: [usize; 3]) -> String {
        let [_, rows, columns] = self.dims;
        format!("{},{},{superior}", columns - 1 - right, rows - 1 - anterior)
    }

    /// What the command writes, and what it warns of.
    fn segmented(&self, options: &[&str]) -> (Mask, String) {
        let out = self.path().join("out.nii.gz");
        let segment = [
            "segment",
            "scan.nii.gz",
            "-o",
            "out.nii.gz",
            "--device",
            "cpu",
        ];
        let model = ["--model", "nninteractive", "--modality", "ct"];
        let output = program(self.path(), &[&segment[..], &model, options].concat());
        assert!(output.status.success(), "{}", said(&output));
        let (found, _, _) = open_labels(&out, &JobContext::silent()).unwrap();
        (found.foreground(), said(&output))
    }

    /// In how many voxels what the command writes is not the recorded mask, and what it warns of.
    fn differing(&self, options: &[&str], recorded: &str) -> (usize, String) {
        let (found, warned) = self.segmented(options);
        (apart(&found, &self.mask(recorded, found.grid)), warned)
    }
}

/// The scan as the file has it, and a model that was imported, opened here.
fn opened(place: &Place) -> (ImageVolume, Box<dyn Segmenter>) {
    let options = OpenOptions {
        modality: Some(Modality::Ct),
        ..OpenOptions::default()
    };
    let scan = place.path().join("scan.nii.gz");
    let scan = open_scan(&scan, &options, &JobContext::silent()).unwrap();
    let cards = fs::read_dir(place.path().join("models")).unwrap();
    let cards = cards.map(|entry| entry.unwrap().path());
    let card = files(cards.collect())
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "toml"))
        .unwrap();
    let model = open_model(card.to_str(), DeviceChoice::Cpu).unwrap();
    (scan.image, model)
}

/// Files, and those in folders, at any depth.
fn files(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let inside = |path: PathBuf| match path.is_dir() {
        true => files(
            fs::read_dir(path)
                .unwrap()
                .map(|e| e.unwrap().path())
                .collect(),
        ),
        false => vec![path],
    };
    paths.into_iter().flat_map(inside).collect()
}

impl Place {
    fn index(&self, [superior, anterior, right]: [usize; 3]) -> VoxelIndex {
        let [_, rows, columns] = self.dims;
        let at = [columns - 1 - right, rows - 1 - anterior, superior];
        VoxelIndex(at.map(|v| v as i64))
    }

    fn mask(&self, recorded: &str, grid: Grid) -> Mask {
        let values = self.recording.read(recorded).unwrap();
        let voxels = turned(&values.data, self.dims).map(|v| v as u8);
        Mask {
            grid,
            voxels: voxels.collect(),
        }
    }

    /// A recorded mask of these lengths with this first voxel, as it was drawn.
    fn drawing(&self, kind: DrawingKind, recorded: &str, first: [usize; 3]) -> Drawing {
        let values = self.recording.read(recorded).unwrap();
        let dims = <[usize; 3]>::try_from(&values.shape[..]).unwrap();
        let last = std::array::from_fn(|d| first[d] + dims[d] - 1);
        let voxels = turned(&values.data, dims).map(|v| v as u8).collect();
        let bounds = VoxelBox::from_corners(self.index(first), self.index(last));
        Drawing {
            kind,
            polarity: Polarity::Positive,
            normal_axis: bounds.size().iter().position(|&n| n == 1).unwrap(),
            region: Arc::new(Crop { bounds, voxels }),
            clicks_before: 2,
        }
    }
}

/// What a model answers to drawings that are given one after another, each upon the mask before it.
fn answer(model: &dyn Segmenter, image: &ImageVolume, drawings: &[Drawing]) -> Mask {
    model.drop_caches();
    let mut mask = None;
    for count in 1..=drawings.len() {
        let asked = Asked {
            prompts: PromptSet {
                drawings: drawings[..count].to_vec(),
                ..PromptSet::default()
            },
            prior: mask.map(Arc::new),
            ..Asked::default()
        };
        let found = model.segment_asked(image, ScanKey(1), &asked, &JobContext::silent());
        mask = Some(found.unwrap().mask);
    }
    mask.unwrap()
}

#[test]
fn scribbles_and_lassos_of_the_command_line_are_asked_as_they_are_typed() {
    let Some(place) = Place::new() else {
        return;
    };
    let output = place.import(&place.golden.join("models/quiet"), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let (image, model) = opened(&place);
    let grid = *image.grid();
    let typed = |places: &[[usize; 3]]| {
        let voxels: Vec<String> = places.iter().map(|at| place.voxel(*at)).collect();
        voxels.join(",")
    };
    let centres = |places: &[[usize; 3]]| -> Vec<VoxelPoint> {
        places.iter().map(|at| place.index(*at).center()).collect()
    };
    let corners = [[20, 14, 13], [20, 14, 24], [20, 27, 24], [20, 27, 13]];
    let (line, beside) = ([[20, 18, 14], [20, 22, 22]], [[23, 8, 9], [23, 30, 9]]);
    let not = format!("--scribble={},neg", typed(&beside));
    let in_mm = centres(&line).into_iter().flat_map(|p| {
        let mm = grid.world_from_voxel(p).0.to_array();
        mm.map(|mm| mm.to_string())
    });
    let in_mm = format!("--scribble={}", in_mm.collect::<Vec<_>>().join(","));
    let scribbled = format!("--scribble={}", typed(&line));
    let lassoed = format!("--lasso={}", typed(&corners));

    let two_voxels_mm = Drawing::two_voxels_mm(&grid, 2);
    let scribble = |places: &[[usize; 3]], width_mm, polarity| {
        Drawing::scribble(&grid, 2, &centres(places), width_mm, polarity).unwrap()
    };
    let this = |width_mm| scribble(&line, width_mm, Polarity::Positive);
    let not_this = || scribble(&beside, two_voxels_mm, Polarity::Negative);
    let lasso = || Drawing::lasso(&grid, 2, &centres(&corners), Polarity::Positive).unwrap();
    let cases: [(&[&str], Vec<Drawing>); 6] = [
        (&[&scribbled], vec![this(two_voxels_mm)]),
        (&[&scribbled, "--scribble-width", "7"], vec![this(7.0)]),
        (&[&in_mm, "--world"], vec![this(two_voxels_mm)]),
        (&[&lassoed], vec![lasso()]),
        // Lassos come before scribbles, however they are typed.
        (&[&not, &lassoed], vec![lasso(), not_this()]),
        (&[&scribbled, &not], vec![this(two_voxels_mm), not_this()]),
    ];
    for (options, drawings) in cases {
        let (found, _) = place.segmented(options);
        let expected = answer(model.as_ref(), &image, &drawings);
        assert_eq!(apart(&found, &expected), 0, "{options:?}");
        assert!(found.count() > 0, "{options:?}");
    }
}

#[test]
fn scribbles_and_lassos_that_cannot_be_asked_are_refused() {
    let Some(place) = Place::new() else {
        return;
    };
    let segment = |options: &[&str]| {
        let line = ["segment", "scan.nii.gz", "-o", "out.nii.gz"];
        program(place.path(), &[&line[..], options].concat())
    };
    for (options, reason) in [
        (["--scribble", "3,3,3,5,6,7"], "lie in one slice"),
        (["--lasso", "3,3,3,9,3,3"], "covers no voxel of the scan"),
        (["--lasso", "3,3,3,9,3,3,9,9,4"], "lie in one slice"),
        (
            ["--scribble", "900,3,3,910,3,3"],
            "covers no voxel of the scan",
        ),
    ] {
        assert_refused(&segment(&options), reason);
    }
    for options in [
        ["--scribble", "3,3"],
        ["--lasso", "3,3,3.5,9,3,3.5,9,9,3.5"],
    ] {
        let refused = segment(&options);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    }
    assert!(!place.path().join("out.nii.gz").exists());
}

/// In how many voxels a mask is not the recorded one.
fn apart(found: &Mask, expected: &Mask) -> usize {
    let pairs = found.voxels.iter().zip(&expected.voxels);
    pairs.filter(|(found, expected)| found != expected).count()
}

#[test]
fn scribbles_and_lassos_after_clicks_are_answered_and_previewed() {
    let Some(place) = Place::new() else {
        return;
    };
    let output = place.import(&place.golden.join("models/quiet"), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let (image, model) = opened(&place);
    assert!(model.card().scribbles && model.card().lassos);
    let click = |at, polarity| Click {
        voxel: place.index(at),
        polarity,
    };
    let mut prompts = PromptSet {
        clicks: vec![
            click([20, 22, 18], Polarity::Positive),
            click([23, 18, 20], Polarity::Negative),
        ],
        ..PromptSet::default()
    };
    let scribble = place.drawing(DrawingKind::Scribble, "in/2.mask", [20, 18, 11]);
    let lasso = place.drawing(DrawingKind::Lasso, "in/3.mask", [15, 16, 18]);
    // A hundredth of a percent of the voxels, as the recordings' tolerance is. The recorded answers themselves are of a
    // session that does not zoom; `parity` compares them.
    let tolerance = (image.grid().len() / 10_000).max(3);
    let silent = JobContext::silent();
    for (drawing, before) in [(scribble, "out/1.result"), (lasso, "out/2.result")] {
        prompts.drawings.push(drawing);
        let asked = Asked {
            prompts: prompts.clone(),
            prior: Some(Arc::new(place.mask(before, *image.grid()))),
            ..Asked::default()
        };
        let would = model.preview(&image, ScanKey(1), &asked, &silent).unwrap();
        let found = model.segment_asked(&image, ScanKey(1), &asked, &silent);
        let found = found.unwrap().mask;
        assert_eq!(apart(&would, &found), 0, "the preview is what is found");
        let unlike = apart(&found, &place.mask(before, *image.grid()));
        assert!(unlike > 10 * tolerance, "it says something: {unlike}");
    }
}

/// Older cards do not say whether they take drawings, but their settings name the channels.
#[test]
fn a_card_from_before_drawings_takes_those_of_its_network() {
    let Some(place) = Place::new() else {
        return;
    };
    let output = place.import(&place.golden.join("models/quiet"), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let cards = files(vec![place.path().join("models")]);
    let path = cards
        .into_iter()
        .find(|path| path.extension().is_some_and(|e| e == "toml"))
        .unwrap();
    let card = fs::read_to_string(&path).unwrap();
    let says = |line: &&str| ["scribbles = true", "lassos = true"].contains(line);
    assert_eq!(card.lines().filter(says).count(), 2);
    let older: Vec<&str> = card.lines().filter(|line| !says(line)).collect();
    fs::write(&path, older.join("\n")).unwrap();
    let (_, model) = opened(&place);
    assert!(model.card().scribbles && model.card().lassos);
    let listed = program(place.path(), &["models", "list"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("scribbles, lassos"), "{listed}");
}

#[test]
fn a_preview_leaves_what_a_box_after_clicks_means() {
    let Some(place) = Place::new() else {
        return;
    };
    let output = place.import(&place.golden.join("models/quiet"), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let (image, model) = opened(&place);
    let silent = JobContext::silent();
    let clicked = Asked {
        prompts: PromptSet {
            clicks: vec![Click {
                voxel: place.index([20, 22, 18]),
                polarity: Polarity::Positive,
            }],
            ..PromptSet::default()
        },
        ..Asked::default()
    };
    let corners = [[20, 14, 13], [20, 27, 24]].map(|at| place.index(at));
    let mut boxed = clicked.clone();
    boxed.prompts.target_box = Some(VoxelBox::from_corners(corners[0], corners[1]));
    let mut elsewhere = clicked.clone();
    elsewhere.prompts.clicks[0].voxel = place.index([23, 18, 20]);
    // Which of box and click is the newer is known from what was asked before.
    let answers = |previews: bool| {
        model.drop_caches();
        let ask = |asked| model.segment_asked(&image, ScanKey(1), asked, &silent);
        let first = ask(&clicked).unwrap().mask;
        if previews {
            model
                .preview(&image, ScanKey(1), &elsewhere, &silent)
                .unwrap();
        }
        [first, ask(&boxed).unwrap().mask]
    };
    let (without, with) = (answers(false), answers(true));
    assert_eq!(apart(&without[0], &with[0]), 0);
    assert_eq!(apart(&without[1], &with[1]), 0);
}

/// Values of superior, anterior, right as the file stores them.
fn turned(values: &[f32], dims: [usize; 3]) -> impl Iterator<Item = f32> {
    let slice = dims[1] * dims[2];
    values
        .chunks(slice)
        .flat_map(|slice| slice.iter().rev().copied())
}

#[test]
fn a_click_and_a_box_give_the_recorded_masks_however_the_scan_is_stored() {
    let Some(place) = Place::new() else {
        return;
    };
    let output = place.import(&place.golden.join("models/quiet"), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let cards = program(place.path(), &["models", "list", "--json"]);
    let cards: serde_json::Value = serde_json::from_slice(&cards.stdout).unwrap();
    let cards = cards.as_array().unwrap();
    let card = cards
        .iter()
        .find(|card| card["id"] == "nninteractive")
        .unwrap();
    assert_eq!(card["licence"], "CC BY-NC-SA 4.0");
    assert_eq!(
        [&card["clicks"], &card["boxes"], &card["automatic"]],
        [true, true, false]
    );

    let click = place.voxel([20, 22, 18]);
    let (differing, _) = place.differing(&["--click", &click], "out/0.result");
    assert_eq!(differing, 0);
    // The last step: a box in a slice, after everything before was taken back.
    let corners = |first, last| format!("{},{}", place.voxel(first), place.voxel(last));
    let flat = corners([20, 14, 13], [20, 27, 24]);
    let (differing, warned) = place.differing(&["--box", &flat], "out/9.result");
    assert_eq!(differing, 0);
    assert!(!warned.contains("slice in the middle"), "{warned}");
    let thick = corners([17, 14, 13], [23, 27, 24]);
    let (differing, warned) = place.differing(&["--box", &thick], "out/9.result");
    assert_eq!(differing, 0, "the box's middle slice is shown");
    assert!(warned.contains("slice in the middle"), "{warned}");
}

#[test]
fn a_folder_that_is_not_whole_is_refused_in_one_line() {
    let Some(place) = Place::new() else {
        return;
    };
    let spoilt = |name: &str, spoil: &dyn Fn(&Path)| {
        let to = place.path().join(name);
        copy(&place.golden.join("models/quiet"), &to);
        spoil(&to);
        to
    };
    let said_class = "inference_session_class.json";
    let bare = spoilt("bare", &|at| fs::remove_file(at.join(said_class)).unwrap());
    assert_refused(&place.import(&bare, &[]), "no nnInteractive checkpoint");
    let radii = spoilt("radii", &|at| {
        fs::write(at.join(said_class), r#"{"point_radius": [3, 5]}"#).unwrap();
    });
    assert_refused(&place.import(&radii, &[]), "point_radius");
    let without = spoilt("without", &|at| {
        fs::remove_file(at.join("fold_0/checkpoint_final.pth")).unwrap();
    });
    assert_refused(&place.import(&without, &[]), "it has no checkpoint at all");
    let other = spoilt("other", &|at| {
        let info =
            r#"{"inference_class": "nnInteractiveInferenceSession", "interaction_channels": 8}"#;
        fs::write(at.join("inference_info.json"), info).unwrap();
    });
    assert_refused(&place.import(&other, &[]), "takes 8 channels");
    assert!(
        !place.path().join("models").exists(),
        "nothing is installed"
    );
}
