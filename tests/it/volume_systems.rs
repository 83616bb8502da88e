//! 3DSAM-adapter and AutoProSAM as a user meets them: imported from the authors' files, run on a scan, refused by name.

use serde_json::Value;

use super::slice_systems::Workplace;
use super::support::shared;

/// Heads of the prompt encoder do not show in a checkpoint's shapes; the recordings' network has fewer.
const HEADS: &str = "[network.prompt]\nnum_heads = 4\n";

fn scan() -> Option<String> {
    let scan = shared("data/train/hippocampus/images/hippocampus_001.nii.gz")?;
    Some(scan.to_str()?.to_owned())
}

#[test]
fn threedsam_is_imported_and_takes_clicks() {
    let (Some(file), Some(scan)) = (shared("golden/autoprosam/3dsam_click_last.pth.tar"), scan())
    else {
        return;
    };
    let place = Workplace::new();
    let heads = place.path("heads.toml");
    std::fs::write(&heads, HEADS).unwrap();
    let (file, heads) = (file.to_str().unwrap(), heads.to_str().unwrap());
    let import = ["models", "import", file, "--system", "3DSAM-adapter"];
    let named = ["--as", "tumour", "--config", heads, "--preset", "pancreas"];
    place.succeed(&[&import[..], &named].concat());
    let out = place.path("click.nii.gz");
    let segment = [
        "segment",
        &scan,
        "-o",
        out.to_str().unwrap(),
        "--model",
        "tumour",
    ];
    let segment = [&segment[..], &["--modality", "ct"]].concat();
    place.succeed(
        &[
            &segment[..],
            &["--click", "10,20,15", "--click", "12,22,15"],
        ]
        .concat(),
    );
    assert!(out.exists());
    let refused = place.refusal(&[&segment[..], &["--click", "10,20,15,neg"]].concat());
    assert!(refused.contains("on the target only"), "{refused}");
    let refused = place.refusal(&[&segment[..], &["--box", "5,5,10,25,30,12"]].concat());
    assert!(refused.contains("takes no box"), "{refused}");
    let refused = place.refusal(&[&segment[..], &["--auto"]].concat());
    assert!(refused.contains("without a prompt"), "{refused}");
}

#[test]
fn the_prompt_free_variant_and_autoprosam_find_structures() {
    let Some(scan) = scan() else {
        return;
    };
    for (name, system) in [
        ("3dsam_auto_last.pth.tar", "3dsam"),
        ("autoprosam_best.pth.tar", "autoprosam"),
    ] {
        let Some(file) = shared(&format!("golden/autoprosam/{name}")) else {
            return;
        };
        let place = Workplace::new();
        let import = [
            "models",
            "import",
            file.to_str().unwrap(),
            "--system",
            system,
        ];
        place.succeed(&[&import[..], &["--as", "auto"]].concat());
        let out = place.path("auto.nii.gz");
        let out = out.to_str().unwrap();
        let segment = [
            "segment",
            &scan,
            "-o",
            out,
            "--model",
            "auto",
            "--modality",
            "ct",
        ];
        let found = place.succeed(&[&segment[..], &["--auto", "--json"]].concat());
        let report: Value = serde_json::from_slice(&found.stdout).unwrap();
        assert!(report["labels"].is_array());
        let refused = place.refusal(&[&segment[..], &["--click", "1,2,3"]].concat());
        assert!(refused.contains("takes no clicks"), "{refused}");
    }
}

#[test]
fn a_file_of_another_system_is_refused() {
    let Some(file) = shared("golden/autoprosam/autoprosam_best.pth.tar") else {
        return;
    };
    let place = Workplace::new();
    let file = file.to_str().unwrap();
    for system in ["3dsam", "swinunetr"] {
        let import = [
            "models", "import", file, "--system", system, "--as", "wrong",
        ];
        let refused = place.refusal(&import);
        assert_eq!(refused.trim().lines().count(), 1, "{refused}");
        assert!(!place.path("models").join("wrong").exists());
    }
}
