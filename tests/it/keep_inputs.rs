//! No result replaces a file that the command reads, by whatever name.

use std::fs;
use std::path::{Path, PathBuf};

use prosector::geometry::Affine;
use prosector::io::{atomic, check_keeps, save_image, save_mask};
use prosector::volume::{Grid, ImageVolume, Mask, Modality, Rescale, VoxelData};
use tempfile::TempDir;

use crate::support::{assert_refused, program, said, shared};

/// A folder with a scan, a mask on its grid, a pair, a folder of pictures and one of slices, and links to them.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let affine = Affine::from_spacing([1.5, 1.5, 3.0], [-14.0, 3.0, 100.0]);
        let grid = Grid::new([20, 18, 12], affine);
        let voxels = (0..grid.len()).map(|n| (n % 1700) as i16 - 1000).collect();
        let voxels = VoxelData::I16(voxels);
        let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
        save_image(&desk.path("scan.nii.gz"), &image).unwrap();
        save_image(&desk.path("plain.nii"), &image).unwrap();
        save_mask(&desk.path("mask.nii.gz"), &Mask::empty(grid)).unwrap();
        desk.split_into_pair("plain.nii");
        for folder in ["sub", "pictures", "slices/deeper"] {
            fs::create_dir_all(desk.path(folder)).unwrap();
        }
        for n in 0..3 {
            let path = desk.path(&format!("pictures/frame_{n}.png"));
            image::GrayImage::new(8, 6).save(path).unwrap();
        }
        fs::write(desk.path("slices/deeper/slice.nii"), "a slice").unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes `pair.hdr` and `pair.img` of a single NIfTI-1 file.
    fn split_into_pair(&self, name: &str) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        bytes[344..348].copy_from_slice(b"ni1\0");
        bytes[108..112].copy_from_slice(&0_f32.to_ne_bytes());
        fs::write(self.path("pair.hdr"), &bytes[..348]).unwrap();
        fs::write(self.path("pair.img"), &bytes[352..]).unwrap();
    }

    /// Every file of the folder with its content.
    fn contents(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = walkdir::WalkDir::new(self.folder.path()).sort_by_file_name();
        let files = entries.into_iter().map(|e| e.unwrap().into_path());
        files
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    /// The command is refused because of what would be lost, and everything is as it was.
    fn keeps(&self, line: &str, reason: &str) {
        let before = self.contents();
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = program(self.folder.path(), &words);
        assert_eq!(output.status.code(), Some(1), "{line}: {}", said(&output));
        assert_refused(&output, reason);
        assert!(self.contents() == before, "{line} changed a file");
    }
}

const LOST: &str = "would be lost";

#[test]
fn a_result_does_not_replace_the_scan_or_a_mask_by_any_spelling() {
    let desk = Desk::new();
    let full = desk.path("scan.nii.gz").display().to_string();
    for (command, input) in [
        ("convert scan.nii.gz -o OUT", "scan.nii.gz"),
        ("segment scan.nii.gz --auto -o OUT", "scan.nii.gz"),
        ("segment scan.nii.gz --click 1,2,3 -o OUT", "scan.nii.gz"),
        (
            "segment scan.nii.gz --click 1,2,3 --prior mask.nii.gz -o OUT",
            "mask.nii.gz",
        ),
        (
            "segment scan.nii.gz --click 1,2,3 -o new.nii.gz --uncertainty OUT",
            "scan.nii.gz",
        ),
        (
            "segment scan.nii.gz --click 1,2,3 --model mask.nii.gz -o OUT",
            "mask.nii.gz",
        ),
    ] {
        for spelling in [
            input.to_owned(),
            format!("./{input}"),
            format!("sub/../{input}"),
            full.replace("scan.nii.gz", input),
        ] {
            desk.keeps(&command.replace("OUT", &spelling), LOST);
        }
    }
    let twice = "segment scan.nii.gz --click 1,2,3 -o new.nii.gz --uncertainty sub/../new.nii.gz";
    desk.keeps(twice, "two results");
}

#[cfg(unix)]
#[test]
fn links_of_either_kind_are_seen_through() {
    use std::os::unix::fs::symlink;
    let desk = Desk::new();
    symlink("scan.nii.gz", desk.path("soft.nii.gz")).unwrap();
    fs::hard_link(desk.path("scan.nii.gz"), desk.path("hard.nii.gz")).unwrap();
    symlink("pair.img", desk.path("image.nii")).unwrap();
    fs::hard_link(desk.path("pair.hdr"), desk.path("header.nii")).unwrap();
    symlink("mask.nii.gz", desk.path("mask.png")).unwrap();
    symlink("pictures", desk.path("album")).unwrap();
    for line in [
        "convert scan.nii.gz -o soft.nii.gz",
        "convert scan.nii.gz -o hard.nii.gz",
        "convert soft.nii.gz -o scan.nii.gz",
        "convert hard.nii.gz -o soft.nii.gz",
        "segment hard.nii.gz --click 1,2,3 -o scan.nii.gz",
        "convert pair.hdr -o image.nii",
        "convert pair.img -o image.nii",
        "convert pair.img -o header.nii",
        "convert pair.hdr -o header.nii",
        "screenshot scan.nii.gz --labels mask.nii.gz -o mask.png",
        "screenshot pictures -o album/frame_0.png",
        "screenshot album -o pictures/frame_2.png",
    ] {
        desk.keeps(line, LOST);
    }
}

#[test]
fn a_file_of_an_input_folder_stays_and_a_new_one_beside_it_may_come() {
    let desk = Desk::new();
    desk.keeps("convert slices -o slices/deeper/slice.nii", LOST);
    desk.keeps(
        "segment slices --auto -o ./slices/deeper/../deeper/slice.nii",
        LOST,
    );
    desk.keeps("screenshot pictures -o pictures/frame_1.png", LOST);
    let folder = desk.folder.path();
    for line in [
        "convert pictures -o pictures/new.nii.gz",
        "convert scan.nii.gz -o mask.nii.gz",
        "screenshot scan.nii.gz -o pictures/frame_1.png",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = program(folder, &words);
        assert!(output.status.success(), "{line}: {}", said(&output));
    }
    check_keeps(&desk.path("slices/new.nii"), &[desk.path("slices")]).unwrap();
}

#[test]
fn the_scan_of_f47_is_not_replaced_by_its_mask() {
    let Some(scan) = shared("data/public_cases/F47_base.nii.gz") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("s.nii.gz");
    // Not a copy: the shared data are write-protected, and refused for that alone.
    fs::write(&copy, fs::read(&scan).unwrap()).unwrap();
    let line = [
        "segment", "s.nii.gz", "-o", "s.nii.gz", "--click", "24,24,16",
    ];
    assert_refused(&program(folder.path(), &line), LOST);
    assert_eq!(fs::read(copy).unwrap(), fs::read(scan).unwrap());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn training_keeps_its_recipe_and_the_weights_that_it_starts_from() {
    let desk = Desk::new();
    let recipe = fs::read_to_string(root().join("assets/train/prosector1.toml")).unwrap();
    let elsewhere = "checkpoints = \"../../../training/prosector1\"";
    assert!(recipe.contains(elsewhere));
    let into = |folder: &str| recipe.replace(elsewhere, &format!("checkpoints = \"{folder}\""));
    fs::write(desk.path("model.toml"), into(".")).unwrap();
    desk.keeps("train model.toml --device cpu", LOST);
    desk.keeps("train model.toml --pack ./model.toml", LOST);

    fs::create_dir(desk.path("run")).unwrap();
    fs::create_dir(desk.path("run/step_7")).unwrap();
    for (name, reason) in [
        ("run/model.bpk", LOST),
        ("run/step_7/average.bpk", "will remove"),
    ] {
        fs::write(desk.path(name), "weights").unwrap();
        let first = "../../weights/prosector1.bpk";
        assert!(recipe.contains(first));
        fs::write(desk.path("further.toml"), into("run").replace(first, name)).unwrap();
        desk.keeps("train further.toml --device cpu", reason);
        desk.keeps(&format!("train further.toml --pack {name}"), LOST);
    }
}

#[test]
fn training_a_published_system_keeps_its_recipe() {
    let desk = Desk::new();
    for name in ["autosam_vit_hippocampus", "autoprosam_hippocampus"] {
        let path = root().join(format!("assets/train/{name}.toml"));
        let recipe = fs::read_to_string(path).unwrap();
        let lines = recipe.lines().map(|line| match line {
            _ if line.starts_with("folder = \"../../../training/") => "folder = \".\"",
            _ => line,
        });
        let recipe: Vec<&str> = lines.collect();
        assert!(recipe.contains(&"folder = \".\""), "{name}");
        fs::write(desk.path("progress.toml"), recipe.join("\n")).unwrap();
        desk.keeps("train progress.toml --device cpu", LOST);
    }
}

#[test]
fn calibrating_keeps_the_card_and_the_cases() {
    let desk = Desk::new();
    let card = fs::read_to_string(root().join("weights/prosector1.toml")).unwrap();
    let weights = root().join("weights/prosector1.bpk");
    let own = "weights = \"prosector1.bpk\"";
    assert!(card.contains(own));
    fs::copy(&weights, desk.path("m.bpk")).unwrap();
    let cases = "[[case]]\nid = 'a'\nimage = 'scan.nii.gz'\ntruth = 'mask.nii.gz'\n";
    let card = card.replace(own, "weights = \"m.bpk\"");
    for (card_name, cases_name) in [
        ("m.trust.toml", "cases.toml"),
        ("card.toml", "m.trust.toml"),
    ] {
        fs::write(desk.path(card_name), &card).unwrap();
        fs::write(desk.path(cases_name), cases).unwrap();
        desk.keeps(
            &format!(
                "models calibrate {card_name} --cases {cases_name} --known {cases_name} --device cpu"
            ),
            LOST,
        );
    }
}

#[test]
fn the_demo_takes_no_folder_where_its_names_are_taken() {
    let desk = Desk::new();
    fs::write(desk.path("sub/truth.nii.gz"), "drawn by an expert").unwrap();
    desk.keeps("demo --headless --device cpu -o sub", "not the demo's");
}

/// A program that was killed while it wrote leaves its half of a file; the next one that writes there takes it away, and
/// nothing else.
#[test]
fn halves_of_programs_that_are_no_more_are_removed() {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut short = std::process::Command::new("true").spawn().unwrap();
    let gone = short.id();
    short.wait().unwrap();
    let abandoned = folder.path().join(format!(".prosector-{gone}-a1B2c3.part"));
    let own = format!(".prosector-{}-a1B2c3.part", std::process::id());
    let others = [
        own.as_str(),
        ".prosector-old.part",
        "image.part",
        "scan.dcm",
    ];
    let others = others.map(|name| folder.path().join(name));
    for path in others.iter().chain([&abandoned]) {
        fs::write(path, "half").unwrap();
    }
    atomic::remove_abandoned(folder.path());
    assert!(!abandoned.exists());
    for path in &others {
        assert!(path.exists(), "{}", path.display());
    }
}
