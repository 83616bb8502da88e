//! `prosector teach` and what comes of it: the gate, resuming, adapters that fit one base alone, and the way back.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Output;

use prosector::io::{save_image, save_labels};
use prosector::models::{ModelCard, Taught, TaughtStructure, Verdict, installed_models};
use prosector::volume::phantom::phantom;
use prosector::volume::{LabelMap, LabelTable, Modality};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use super::support::{assert_refused, program, said, started};

/// A folder with the phantom as cases, whose label is the lesion moved by so many voxels.
pub fn cases(moved: &[i64]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let phantom = phantom();
    let image = &phantom.image;
    save_image(&folder.path().join("scan.nii.gz"), image).unwrap();
    let lesion = phantom.lesion_box();
    let mut text = String::new();
    for (n, by) in moved.iter().enumerate() {
        let mut labels = LabelMap::empty(*image.grid());
        for (v, label) in labels.voxels.iter_mut().enumerate() {
            let mut at = image.grid().voxel_at(v);
            at.0[0] -= by;
            *label = u16::from(lesion.contains(at));
        }
        let mut table = LabelTable::default();
        table.add(1, "nodule");
        save_labels(&folder.path().join(format!("{n}.nii.gz")), &labels, &table).unwrap();
        text.push_str(&format!(
            "[[case]]\nid = \"{n}\"\nimage = \"scan.nii.gz\"\ntruth = \"{n}.nii.gz\"\nmodality = \"ct\"\n\n"
        ));
    }
    std::fs::write(folder.path().join("cases.toml"), text).unwrap();
    folder
}

fn teach(folder: &Path, more: &[&str]) -> Output {
    let fixed = "teach --cases cases.toml --steps 1 --device cpu -o nodule.safetensors";
    let fixed: Vec<&str> = fixed.split(' ').collect();
    program(folder, &[&fixed[..], more].concat())
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Writes an adapter that finds a nodule and learnt nothing, upon weights of a checksum.
pub fn write_adapter(path: &Path, base_sha256: &str) {
    let base = installed_models().remove(0);
    let mut structures = base.structures.clone();
    structures[0].value = 10;
    structures[0].name = "nodule".to_owned();
    structures.truncate(1);
    let card = ModelCard {
        id: "nodule".to_owned(),
        structures: [base.structures.clone(), structures].concat(),
        taught: Some(Taught {
            base: base.id.clone(),
            base_sha256: base_sha256.to_owned(),
            method: "norm".to_owned(),
            cases: 5,
            date: "2026-11-29".to_owned(),
            verdict: Verdict::Better,
            structure: Some(TaughtStructure {
                name: "nodule".to_owned(),
                modality: Modality::Ct,
                spacing_mm: [3.0; 3],
                known_to_base: false,
                begins_as_target: false,
                prompts_itself: false,
            }),
            teacher: None,
            measured: Vec::new(),
        }),
        ..base
    };
    write_nothing(path, &card, ("decoder.norm.gamma:whole.0", 32));
}

/// Writes an adapter whose only factor is a row of so many zeros.
pub fn write_nothing(path: &Path, card: &ModelCard, (factor, length): (&str, usize)) {
    let nothing = vec![0u8; 2 * length];
    let tensor = TensorView::new(Dtype::F16, vec![1, length], &nothing).unwrap();
    let header = HashMap::from([(
        "prosector_adapter".to_owned(),
        toml::to_string(card).unwrap(),
    )]);
    let bytes = safetensors::serialize([(factor, tensor)], Some(header));
    std::fs::write(path, bytes.unwrap()).unwrap();
}

#[test]
fn versions_are_kept_and_there_is_a_way_back() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let sha256 = installed_models().remove(0).sha256;
    write_adapter(&folder.join("given.safetensors"), &sha256);
    let models = |arguments: &str| {
        let arguments = arguments.split(' ');
        program(
            folder,
            &["models"].into_iter().chain(arguments).collect::<Vec<_>>(),
        )
    };
    succeeded(&models("use given.safetensors"));
    succeeded(&models("use given.safetensors"));
    let listed = succeeded(&models("list"));
    let used = |l: &str| l.starts_with("nodule-2") && l.ends_with("[in use]");
    assert!(listed.lines().any(used), "{listed}");
    assert!(listed.contains(" 10  nodule (ct)"), "{listed}");
    succeeded(&models("verify"));

    succeeded(&models("export nodule-2 -o again.safetensors"));
    succeeded(&models("use again.safetensors"));
    assert!(succeeded(&models("rollback")).starts_with("nodule-2 is used"));
    assert!(succeeded(&models("rollback")).starts_with("nodule is used"));
    assert!(succeeded(&models("rollback")).starts_with("prosector1 is used"));
    assert_refused(&models("rollback"), "nothing to go back to");
    assert_refused(
        &models("export prosector1 -o box.safetensors"),
        "was not taught",
    );
}

#[test]
fn an_adapter_fits_no_other_base() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_adapter(&folder.join("given.safetensors"), &"0".repeat(64));
    let refused = program(folder, &["models", "use", "given.safetensors"]);
    assert_refused(&refused, "upon other weights of 'prosector1'");
    assert!(!succeeded(&program(folder, &["models", "list"])).contains("nodule"));

    std::fs::write(folder.join("notes.txt"), "no adapter").unwrap();
    assert_refused(
        &program(folder, &["models", "use", "notes.txt"]),
        "notes.txt",
    );
}

#[test]
fn one_case_proves_nothing_and_is_kept_only_where_it_is_wanted() {
    let cases = cases(&[0]);
    let folder = cases.path();
    let asked = ["--structure", "nodule", "--report", "page.html"];
    let refused = teach(folder, &asked);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("not proven"), "{}", said(&refused));
    assert!(!folder.join("nodule.safetensors").exists());
    let page = std::fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("nothing is proven"), "{page}");

    let kept = teach(folder, &["--structure", "nodule", "--unproven", "--json"]);
    let report: Value = serde_json::from_str(&succeeded(&kept)).unwrap();
    assert_eq!(report["verdict"], "not_proven");
    let bytes = std::fs::read(folder.join("nodule.safetensors")).unwrap();
    assert_eq!(report["bytes"], bytes.len());
    assert!(bytes.len() < 8_000_000, "{} bytes", bytes.len());
    let text = String::from_utf8_lossy(&bytes);
    for told in ["cases.toml", "scan.nii", folder.to_str().unwrap()] {
        assert!(!text.contains(told), "the adapter tells {told}");
    }
    assert!(!folder.join("nodule.safetensors.teaching").exists());
    succeeded(&program(folder, &["models", "use", "nodule.safetensors"]));
}

#[test]
fn contradicting_labels_are_refused_and_resuming_keeps_what_was_measured() {
    // The same scan twice, and something else is called a nodule in each.
    let cases = cases(&[0, 12]);
    let folder = cases.path();
    let refused = teach(folder, &[]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    let state = folder.join("nodule.safetensors.teaching");
    let measured = state.join("fold_1.toml");
    let text = std::fs::read_to_string(measured).unwrap();
    assert!(text.contains("given = \"click 3\""), "{text}");
    assert!(!folder.join("nodule.safetensors").exists());
    assert_refused(
        &teach(folder, &["--resume", "--method", "adapter"]),
        "another method",
    );

    let kept = teach(folder, &["--resume", "--unproven", "--json"]);
    let report: Value = serde_json::from_slice(&kept.stdout).unwrap();
    assert_eq!(
        report["measured"].as_array().unwrap().len(),
        3,
        "{}",
        said(&kept)
    );
}

#[test]
fn a_lesson_that_is_killed_goes_on_to_the_same_bytes() {
    let fixed = "teach --cases cases.toml --structure nodule --steps 1 --device cpu --unproven -o nodule.safetensors";
    let fixed: Vec<&str> = fixed.split(' ').collect();
    let [whole, killed] = [cases(&[0, 12]), cases(&[0, 12])];
    let (whole, killed) = (whole.path(), killed.path());
    succeeded(&program(whole, &fixed));

    let mut child = started(killed, &fixed);
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let is_fold = |line: &String| line.starts_with("fold 1 of 2: Dice");
    assert!(lines.map_while(Result::ok).any(|line| is_fold(&line)));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.join("nodule.safetensors").exists());
    assert!(
        killed
            .join("nodule.safetensors.teaching/fold_0.toml")
            .exists()
    );
    let resumed = program(killed, &[&fixed[..], &["--resume"]].concat());
    succeeded(&resumed);
    assert!(
        said(&resumed).contains("fold 2 of 2: Dice"),
        "{}",
        said(&resumed)
    );
    let bytes = |folder: &Path| std::fs::read(folder.join("nodule.safetensors")).unwrap();
    assert!(bytes(whole) == bytes(killed), "the adapters differ");
}

#[test]
fn a_worklist_teaches_and_the_report_says_what_it_holds() {
    let cases = cases(&[0, 2]);
    let folder = cases.path();
    let worklist = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        succeeded(&program(folder, &[&["worklist"], &words[..]].concat()))
    };
    let list = "id,image\na,scan.nii.gz\nb,scan.nii.gz\nc,scan.nii.gz\n";
    std::fs::write(folder.join("list.csv"), list).unwrap();
    worklist("new study.toml --label nodule");
    worklist("add study.toml list.csv");
    let fixed = "teach --worklist study.toml --steps 1 --device cpu -o nodule.safetensors";
    let fixed: Vec<&str> = fixed.split(' ').collect();
    let teach = |more: &str| {
        let more: Vec<&str> = more.split(' ').collect();
        program(folder, &[&fixed[..], &more].concat())
    };
    assert_refused(&teach("--structure nodule"), "no case has such labels yet");
    worklist("save study.toml a --reader ann --labels 0.nii.gz");
    worklist("save study.toml b --reader ann --labels 1.nii.gz");
    assert_refused(
        &teach("--structure nodule --from bob"),
        "no case has such labels yet",
    );
    assert_refused(
        &teach("--structure nodule --report scan.nii.gz/page.html"),
        "scan.nii.gz",
    );
    assert_eq!(teach("--report page.txt").status.code(), Some(2));

    let refused = teach("--structure nodule --reader ann --report page.html");
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("1 case(s) of the worklist have no such labels yet"));
    assert!(!folder.join("nodule.safetensors").exists());
    // Where nothing is kept it is read all the more.
    let page = std::fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("This file holds slices of the scans"));
    assert!(page.contains("It was not kept"));
    assert!(page.contains("<td>a</td>") && page.contains("<td>b</td>"));
    assert_eq!(page.matches("data:image/png;base64,").count(), 4);
}
