//! `prosector serve` as a process, with the model in the box, and the command line that uses it.

use std::sync::{Arc, Mutex};

use prosector::geometry::VoxelBox;
use prosector::io::save_image;
use prosector::models::{DeviceChoice, Segmenter, open_model};
use prosector::prompt::{Asked, PromptSet};
use prosector::remote::{RemoteSegmenter, Token};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::morphology::Crop;
use prosector::volume::phantom::phantom;

use super::server::{Process, loopback};
use super::{KEY, assert_same, ctx, failure};
use crate::support::{assert_refused, program, said};

const TOKEN: &str = "only for us";

#[test]
fn a_server_that_is_killed_is_an_error_and_started_again_it_answers_as_the_own_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let made = phantom();
    let lesion = Crop::of_mask(&made.labels.mask_of(made.lesion)).unwrap();
    let server = Process::start(folder.path(), 0, TOKEN);
    assert!(
        server.line.contains("not for clinical use"),
        "{}",
        server.line
    );
    let port = server.port;
    let there = RemoteSegmenter::connect(&loopback(port), None, Token::new(TOKEN)).unwrap();

    // Killed in the middle of an automatic run.
    let server_process = Arc::new(Mutex::new(server));
    let victim = Arc::clone(&server_process);
    let killing = JobContext::new(CancelToken::default(), move |_, stage| {
        if stage != "sending the scan" {
            victim.lock().unwrap().kill();
        }
    });
    let lost = failure(there.segment_auto(&made.image, KEY, None, &killing));
    assert!(lost.contains("was lost"), "{lost}");
    let gone = failure(there.segment_auto(&made.image, KEY, None, &ctx()));
    assert!(gone.contains("nothing listens there"), "{gone}");

    // The same model here goes on with it.
    let _again = Process::start(folder.path(), port, TOKEN);
    let here = open_model(None, DeviceChoice::Cpu).unwrap();
    assert_eq!(there.card(), here.card());
    let asked = Asked {
        prompts: PromptSet {
            target_box: Some(lesion.bounds),
            ..PromptSet::default()
        },
        ..Asked::default()
    };
    let both = [&*here, &there as &dyn Segmenter];
    let boxed = both.map(|model| {
        model
            .segment_asked(&made.image, KEY, &asked, &ctx())
            .unwrap()
    });
    assert!(boxed[0].mask.count() > 100);
    assert_same(&boxed[0], &boxed[1]);

    let VoxelBox { min, max } = lesion.bounds;
    let at = [0, 1, 2].map(|d| (min[d] + max[d]) / 2);
    let clicked = Asked {
        prompts: PromptSet {
            clicks: vec![super::echo::click(at)],
            target_box: Some(lesion.bounds),
            ..PromptSet::default()
        },
        prior: Some(Arc::new(boxed[0].mask.clone())),
        ..Asked::default()
    };
    let refined = both.map(|model| {
        model
            .segment_asked(&made.image, KEY, &clicked, &ctx())
            .unwrap()
    });
    assert_same(&refined[0], &refined[1]);
}

#[test]
fn what_is_found_by_itself_there_is_what_the_own_cpu_finds() {
    let folder = tempfile::tempdir().unwrap();
    let made = phantom();
    let server = Process::start(folder.path(), 0, TOKEN);
    let address = loopback(server.port);
    let there = RemoteSegmenter::connect(&address, None, Token::new(TOKEN)).unwrap();
    let here = open_model(None, DeviceChoice::Cpu).unwrap();
    let both = [&*here, &there as &dyn Segmenter];
    let found = both.map(|model| model.segment_auto(&made.image, KEY, None, &ctx()).unwrap());
    assert!(!found[0].table.labels().is_empty());
    assert!(found[0].labels == found[1].labels, "voxel for voxel");
    assert_eq!(found[0].table, found[1].table);
    assert_eq!(found[0].warnings, found[1].warnings);
}

#[test]
fn the_command_line_says_what_is_not_possible() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let run = |line: &str| program(at, &line.split(' ').collect::<Vec<_>>());
    let open = run("serve --listen 0.0.0.0:0");
    assert_refused(&open, "--open-to-network");
    assert_refused(&open, "ssh -L");
    assert_refused(
        &run("serve --device remote:127.0.0.1:1"),
        "serving is not done on another machine",
    );
    for (command, work) in [
        ("train recipe.toml", "training"),
        ("parity folder", "comparing networks"),
        (
            "models calibrate c.toml --cases a.toml --known b.toml",
            "calibrating",
        ),
    ] {
        let output = run(&format!("{command} --device remote:gpu-box:4717"));
        assert_refused(&output, &format!("{work} is not done on another machine"));
        assert_refused(&output, "gpu-box:4717");
    }
    save_image(&at.join("scan.nii.gz"), &super::image(1)).unwrap();
    let segment = "segment scan.nii.gz -o out.nii.gz --click 5,5,5 --device";
    let nobody = run(&format!("{segment} remote:127.0.0.1:1"));
    assert_refused(
        &nobody,
        "no model can be had at 127.0.0.1:1: nothing listens there",
    );
    assert!(!at.join("out.nii.gz").exists());
    for wrong in ["tpu", "remote:", "remote:host", "remote:host:0"] {
        let output = run(&format!("{segment} {wrong}"));
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", said(&output));
    }
}

#[test]
fn the_command_line_segments_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let served = super::Served::start("");
    save_image(&at.join("scan.nii.gz"), &super::image(2)).unwrap();
    let device = format!("remote:127.0.0.1:{}", served.port);
    let click = [
        "segment",
        "scan.nii.gz",
        "-o",
        "out.nii.gz",
        "--click",
        "8,3,2",
    ];
    let more = ["--modality", "ct", "--json", "--device", &device];
    let output = program(at, &[&click[..], &more].concat());
    assert!(output.status.success(), "{}", said(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let computed = format!("remote (127.0.0.1:{}: cpu (an echo))", served.port);
    assert_eq!(report["device"], computed.as_str());
    assert!(report["labels"][0]["voxels"].as_u64().unwrap() > 0);
    assert!(at.join("out.nii.gz").exists());
}
