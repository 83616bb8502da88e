//! `prosector segment CASES.toml`: all scans of a file of cases, or a part of them, into a folder. What is there is not done
//! again, so that processes on several machines, one a part, and one that was killed and is started again, fill it together.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cli::SegmentArgs;
use crate::io::{IoError, check_keeps};
use crate::models::ScanKey;

use super::Refusal;
use super::cases::{ScanCase, read_scans};
use super::cohort::{dealt, fingerprint, read_record, write_record};
use super::console::Console;
use super::inputs::{self, whole};
use super::model_run::ModelRun;
use super::segment::{self, Report};

/// The file by which a folder is known to be of a run.
const RUN: &str = "run.toml";

/// Of which run a folder holds the results.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    /// Of the cases, the structures and the model.
    run: String,
    /// The model that found them.
    model: String,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Cohort {
    cases: Vec<Found>,
    /// How many were segmented now; the others were there.
    segmented: usize,
}

#[derive(Serialize)]
struct Found {
    id: String,
    output: PathBuf,
    #[serde(flatten)]
    report: Report,
}

/// A case with its two files.
struct Place<'a> {
    case: &'a ScanCase,
    /// The label map.
    output: PathBuf,
    /// What is said of it, written after it.
    record: PathBuf,
}

impl Place<'_> {
    fn is_done(&self) -> bool {
        self.record.exists() && self.output.exists()
    }
}

/// Whether a file of cases is given instead of a scan.
pub(super) fn is_meant(args: &SegmentArgs) -> bool {
    let ending = args.scan.path.extension();
    args.shard.is_some() || ending.is_some_and(|e| e.eq_ignore_ascii_case("toml"))
}

pub(super) fn run(args: &SegmentArgs, console: Console) -> Result<(), Refusal> {
    check_usage(args)?;
    let list = &args.scan.path;
    let cases = read_scans(list)?;
    let read = cases.iter().flat_map(|case| {
        let truth = case.truth.as_deref();
        [Some(case.image.as_path()), truth].into_iter().flatten()
    });
    let read: Vec<&Path> = read.chain([list.as_path()]).collect();
    let places: Vec<Place<'_>> = cases.iter().map(|case| place(case, &args.output)).collect();
    for place in &places {
        check_keeps(&place.output, &read)?;
        check_keeps(&place.record, &read)?;
    }
    let model = ModelRun::open(args.model.as_deref(), &args.device.device, console)?;
    claim(args, &model)?;
    let (mut failed, mut cohort) = (Vec::new(), Vec::new());
    let (mut segmented, mut warnings) = (0, Vec::new());
    for number in dealt(args.shard, places.len()) {
        let place = &places[number];
        let stage = format!(
            "case {} ({} of {})",
            place.case.id,
            number + 1,
            places.len()
        );
        console.progress(number as f32 / places.len() as f32, &stage);
        if !place.is_done() {
            // One that cannot be read is in nobody's way.
            if let Err(reason) = segment_one(args, (place, number), &model, console) {
                failed.push((&place.case.id, reason));
                continue;
            }
            segmented += 1;
        }
        let report: Report = read_record(&place.record)?;
        let of_case = |w: &String| format!("case {}: {w}", place.case.id);
        warnings.extend(report.warnings.iter().map(of_case));
        cohort.push(Found {
            id: place.case.id.clone(),
            output: place.output.clone(),
            report,
        });
    }
    if let Some((first, reason)) = failed.first() {
        return Err(Refusal::Other(format!(
            "{} of {} cases could not be segmented, the first one, {first}: {reason}; the others are there, and the same command does those that are left",
            failed.len(),
            failed.len() + cohort.len()
        )));
    }
    let cohort = Cohort {
        cases: cohort,
        segmented,
    };
    console.warnings(&warnings);
    console.result(&cohort, || in_words(&cohort));
    Ok(())
}

fn check_usage(args: &SegmentArgs) -> Result<(), Refusal> {
    let scan = &args.scan;
    let is_list = scan
        .path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    let of_one_scan = scan.series.is_some()
        || scan.frame.is_some()
        || scan.frames_of_slice.is_some()
        || args.uncertainty.is_some()
        || !args.channels.is_empty();
    let reason = match (is_list, args.auto, of_one_scan) {
        (false, ..) => "--shard is for a file of cases (.toml)",
        (true, false, _) => "a file of cases is segmented with --auto",
        (true, true, true) => {
            "--series, --frame, --frames-of-slice, --channel and --uncertainty are for one scan"
        }
        (true, true, false) => return Ok(()),
    };
    Err(Refusal::Usage(reason.to_owned()))
}

fn place<'a>(case: &'a ScanCase, folder: &Path) -> Place<'a> {
    Place {
        case,
        output: folder.join(format!("{}.nii.gz", case.id)),
        record: folder.join(format!("{}.segmented.toml", case.id)),
    }
}

/// Makes the folder that of this run; one that holds something else is refused.
fn claim(args: &SegmentArgs, model: &ModelRun) -> Result<(), Refusal> {
    let folder = &args.output;
    let list = &args.scan.path;
    let text = fs::read_to_string(list).map_err(|e| IoError::unreadable(list, e))?;
    let structures = args.structures.as_deref().unwrap_or_default().join(",");
    let card = &model.card;
    let own = Run {
        run: fingerprint(&[&text, &structures, &card.id, &card.sha256]),
        model: card.id.clone(),
    };
    fs::create_dir_all(folder).map_err(|e| IoError::output(folder, e.to_string()))?;
    let mark = folder.join(RUN);
    if !mark.exists() {
        // Files that begin with a point are another part's, which is writing the same mark.
        let entries = fs::read_dir(folder).map_err(|e| IoError::unreadable(folder, e))?;
        let mut names = entries.flatten().map(|entry| entry.file_name());
        let is_foreign = names.any(|name| {
            let name = name.to_string_lossy();
            !name.starts_with('.') && name != RUN
        });
        if is_foreign && !mark.exists() {
            let reason = "it holds files that are not of this run; give a new folder";
            return Err(IoError::output(folder, reason).into());
        }
        write_record(&mark, &own)?;
    }
    let found: Run = read_record(&mark)?;
    if found.run == own.run {
        return Ok(());
    }
    let reason = format!(
        "it holds results of another run (other cases, structures, model or program; its model is '{}'); give a new folder",
        found.model
    );
    Err(IoError::output(folder, reason).into())
}

fn segment_one(
    args: &SegmentArgs,
    (place, number): (&Place<'_>, usize),
    model: &ModelRun,
    console: Console,
) -> Result<(), Refusal> {
    let modality = place.case.modality.or(args.modality.modality);
    let ctx = console.context().unreported();
    let scan = inputs::open(&whole(&place.case.image), modality, &ctx)?;
    let of_scan = (&scan, ScanKey(number as u64 + 1));
    let found = segment::segment_auto(args, of_scan, &place.output, model, console);
    model.drop_caches();
    let mut report = found?;
    report.warnings.extend(segment::doubts_of(&scan));
    write_record(&place.record, &report)
}

fn in_words(cohort: &Cohort) -> String {
    let mut text = String::new();
    for Found { id, report, .. } in &cohort.cases {
        let names: Vec<&str> = report.labels.iter().map(|l| l.name.as_str()).collect();
        let found = match names.is_empty() {
            true => "nothing found".to_owned(),
            false => names.join(", "),
        };
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{id}: {found} ({:.2} s)", report.seconds);
    }
    let _ = writeln!(
        text,
        "{} cases, {} of them segmented now",
        cohort.cases.len(),
        cohort.segmented
    );
    text
}
