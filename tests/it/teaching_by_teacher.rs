//! `prosector teach --teacher`: an installed model answers on the user's scans, and its answers are learnt beside labels, or
//! where there are none. The teacher here is the model in the box, which finds the mandible of the phantom.

use std::io::Write as _;
use std::path::Path;
use std::process::Output;

use flate2::Compression;
use flate2::write::GzEncoder;
use prosector::io::{save_image, save_labels};
use prosector::volume::phantom::phantom;
use prosector::volume::{LabelMap, LabelTable};
use serde_json::Value;

use super::support::{assert_refused, program, said};

/// A folder with the phantom, and label maps of its lesion moved by so many voxels: `0.nii.gz`, `1.nii.gz` and so on.
fn scans(moved: &[i64]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let phantom = phantom();
    save_image(&folder.path().join("scan.nii.gz"), &phantom.image).unwrap();
    let lesion = phantom.lesion_box();
    for (n, by) in moved.iter().enumerate() {
        let mut labels = LabelMap::empty(*phantom.image.grid());
        for (v, label) in labels.voxels.iter_mut().enumerate() {
            let mut at = phantom.image.grid().voxel_at(v);
            at.0[0] -= by;
            *label = u16::from(lesion.contains(at));
        }
        let mut table = LabelTable::default();
        table.add(1, "nodule");
        save_labels(&folder.path().join(format!("{n}.nii.gz")), &labels, &table).unwrap();
    }
    folder
}

/// Writes a file of cases of the phantom, each with this truth, if any.
fn list(folder: &Path, truths: &[Option<&str>]) {
    let mut text = String::new();
    for (n, truth) in truths.iter().enumerate() {
        text.push_str(&format!(
            "[[case]]\nid = \"{n}\"\nimage = \"scan.nii.gz\"\nmodality = \"ct\"\n"
        ));
        if let Some(truth) = truth {
            text.push_str(&format!(
                "truth = \"{truth}\"\nlabels = {{ 1 = \"nodule\" }}\n"
            ));
        }
    }
    std::fs::write(folder.join("cases.toml"), text).unwrap();
}

fn teach(folder: &Path, more: &str) -> Output {
    let fixed =
        "teach --cases cases.toml --structure nodule --steps 1 --device cpu -o nodule.safetensors";
    let words = fixed.split(' ').chain(more.split(' '));
    program(folder, &words.collect::<Vec<_>>())
}

const TEACHER: &str = "--teacher prosector1 --teacher-structure mandible";

/// The adapter that such cases teach.
fn taught(folder: &Path, more: &str) -> Vec<u8> {
    let output = teach(folder, &format!("{more} --unproven"));
    assert!(output.status.success(), "{}", said(&output));
    std::fs::read(folder.join("nodule.safetensors")).unwrap()
}

/// The tensors of an adapter, without the header that holds its card.
fn tensors(adapter: &[u8]) -> &[u8] {
    let header = u64::from_le_bytes(adapter[..8].try_into().unwrap());
    &adapter[8 + header as usize..]
}

#[test]
fn with_lambda_0_labels_teach_as_if_there_were_no_teacher() {
    let folder = scans(&[0]);
    let folder = folder.path();
    list(folder, &[Some("0.nii.gz")]);
    let labels_alone = taught(folder, "--method norm");
    // The scan without labels teaches nothing then.
    list(folder, &[Some("0.nii.gz"), None]);
    let with_teacher = taught(folder, &format!("--method norm {TEACHER} --lambda 0"));
    assert!(labels_alone == with_teacher, "the adapters differ");
    assert!(!String::from_utf8_lossy(&with_teacher).contains("lambda"));
}

#[test]
fn with_lambda_1_nothing_of_the_labels_is_learnt_and_between_both_are() {
    let folder = scans(&[0, 12]);
    let folder = folder.path();
    let of = |truth: &str, lambda: &str| {
        list(folder, &[Some(truth)]);
        taught(
            folder,
            &format!("--method norm {TEACHER} --lambda {lambda}"),
        )
    };
    let one = of("0.nii.gz", "1");
    assert!(one == of("1.nii.gz", "1"), "other labels teach otherwise");
    let half = of("0.nii.gz", "0.5");
    assert!(tensors(&half) != tensors(&of("1.nii.gz", "0.5")));
    assert!(tensors(&half) != tensors(&one));
    let card = String::from_utf8_lossy(&half);
    for told in ["prosector1", "mandible", "lambda = 0.5", "labelled = 1"] {
        assert!(card.contains(told), "the card does not tell {told}");
    }
}

#[test]
fn scans_without_labels_are_taught_alone_and_prove_nothing() {
    let folder = scans(&[]);
    let folder = folder.path();
    list(folder, &[None, None]);
    let refused = teach(folder, &format!("{TEACHER} --report page.html"));
    assert_eq!(refused.status.code(), Some(1));
    let told = said(&refused);
    assert!(
        told.contains("no case has labels to measure it with"),
        "{told}"
    );
    assert!(
        told.contains("the teacher answered on 2 of 2 scans, and found it in 2"),
        "{told}"
    );
    let page = std::fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("a teacher's answers are no proof"));
    assert!(!folder.join("nodule.safetensors").exists());

    let kept = teach(folder, &format!("{TEACHER} --unproven --resume --json"));
    assert!(kept.status.success(), "{}", said(&kept));
    let report: Value = serde_json::from_slice(&kept.stdout).unwrap();
    assert_eq!(report["verdict"], "not_proven");
    assert!(report["measured"].as_array().unwrap().is_empty());
    let adapter = std::fs::read(folder.join("nodule.safetensors")).unwrap();
    assert!(String::from_utf8_lossy(&adapter).contains("labelled = 0"));
    assert!(!folder.join("nodule.safetensors.teaching").exists());
}

#[test]
fn a_resumed_lesson_does_not_ask_again() {
    let folder = scans(&[]);
    let folder = folder.path();
    list(folder, &[None]);
    assert_eq!(teach(folder, TEACHER).status.code(), Some(1));
    // Other answers than the teacher's: where it was asked again, there would be something to learn.
    let voxels = phantom().image.grid().len();
    let answer = folder.join("nodule.safetensors.teaching/answer_0.gz");
    assert!(answer.exists());
    let mut packed = GzEncoder::new(std::fs::File::create(&answer).unwrap(), Compression::fast());
    packed.write_all(&vec![0; voxels]).unwrap();
    packed.finish().unwrap();
    let resumed = teach(folder, &format!("{TEACHER} --resume --unproven"));
    let told = said(&resumed);
    assert_eq!(resumed.status.code(), Some(1), "{told}");
    assert!(told.contains("and found it in 0"), "{told}");
    assert!(told.contains("no case shows 'nodule'"), "{told}");
}

#[test]
fn the_student_is_seen_beside_its_teacher() {
    let folder = scans(&[]);
    let folder = folder.path();
    let answer = "segment scan.nii.gz -o mandible.nii.gz --auto --structures mandible --device cpu";
    let answer: Vec<&str> = answer.split(' ').collect();
    let answered = program(folder, &answer);
    assert!(answered.status.success(), "{}", said(&answered));
    let mandible = prosector::models::installed_models().remove(0);
    let mandible = mandible.structures.iter().find(|s| s.name == "mandible");
    let value = mandible.unwrap().value;
    let case = |id: &str, truth: &str| {
        format!("[[case]]\nid = \"{id}\"\nimage = \"scan.nii.gz\"\nmodality = \"ct\"\n{truth}\n")
    };
    let truth = format!("truth = \"mandible.nii.gz\"\nlabels = {{ {value} = \"nodule\" }}");
    let text = [case("a", &truth), case("b", &truth), case("c", "")].concat();
    std::fs::write(folder.join("cases.toml"), text).unwrap();
    let output = teach(
        folder,
        &format!("{TEACHER} --unproven --json --report page.html"),
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    // What the labels say is what the teacher answers.
    assert_eq!(report["measured"][0]["dice_teacher"], 1.0, "{report}");
    assert_eq!(report["cases"], 3);
    let page = std::fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("The teacher itself: mean Dice 1.000"));
    assert!(page.contains("<td>a</td>") && page.contains("<td>b</td>"));
    assert!(!page.contains("<td>c</td>"), "it cannot be measured");
}

#[test]
fn what_does_not_go_together_is_refused_in_a_line() {
    let folder = scans(&[0]);
    let folder = folder.path();
    list(folder, &[Some("0.nii.gz"), None]);
    let refused = |more: &str, reason: &str| assert_refused(&teach(folder, more), reason);
    refused("--unproven", "case 1: it has no truth");
    refused("--teacher prosector1", "has no 'nodule'");
    refused("--teacher nobody", "no model 'nobody' is installed");
    refused(
        "--teacher prosector1 --teacher-structure anterior_hippocampus",
        "does not find 'anterior_hippocampus' in ct",
    );
    list(folder, &[None]);
    refused(
        &format!("{TEACHER} --lambda 0"),
        "with lambda 0 labels alone teach",
    );
    let other = "[[case]]\nid = \"a\"\nimage = \"scan.nii.gz\"\nmodality = \"ct\"\n\
        truth = \"0.nii.gz\"\nlabels = { 1 = \"cyst\" }\n";
    std::fs::write(folder.join("cases.toml"), other).unwrap();
    refused(TEACHER, "no labelled case shows the structure");
    for usage in ["--lambda 0.5", "--teacher prosector1 --lambda 1.5"] {
        assert_eq!(teach(folder, usage).status.code(), Some(2), "{usage}");
    }
    let prompts = "teach --cases cases.toml --teacher prosector1 -o nodule.safetensors";
    let prompts: Vec<&str> = prompts.split(' ').collect();
    assert_eq!(program(folder, &prompts).status.code(), Some(2));
}
