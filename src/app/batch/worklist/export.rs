//! `worklist export`: the cohort for other programs. The folder appears when all of it is written.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::{ExportForm, WorklistExportArgs};
use crate::io::{
    DicomObject, Export, IoError, Labels, Space, atomic, export_labels, save_image, save_labels,
};
use crate::project::Project;
use crate::util::JobContext;
use crate::volume::{LabelTable, Modality};

use super::super::Refusal;
use super::super::console::Console;
use super::super::inputs::OpenedScan;
use super::whose::{Made, Whose, numbered};
use super::{consensus, open_labels, open_scan, tables};

#[derive(Serialize)]
struct Report<'a> {
    output: &'a Path,
    cases: Vec<String>,
    warnings: Vec<String>,
}

/// A cohort on its way out.
struct Cohort<'a> {
    project: &'a Project,
    args: &'a WorklistExportArgs,
    folder: &'a Path,
    ctx: &'a JobContext,
    cases: Vec<String>,
    warnings: Vec<String>,
}

/// A case with its scan and the labels asked for.
struct Case {
    id: String,
    scan: OpenedScan,
    labels: Labels,
    made: Made,
}

pub(super) fn run(args: &WorklistExportArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    if args.ignore_unsure
        && (args.form != ExportForm::Nnunet || Whose(args.from.as_deref()).method().is_none())
    {
        return Err(Refusal::Usage(
            "--ignore-unsure is for --as nnunet of a consensus (--from majority or staple)"
                .to_owned(),
        ));
    }
    let project = Project::open(&args.project)?;
    let ctx = console.context().unreported();
    let (cases, warnings) = atomic::make_folder(&args.output, |folder| {
        let mut cohort = Cohort {
            project: &project,
            args,
            folder,
            ctx: &ctx,
            cases: Vec::new(),
            warnings: Vec::new(),
        };
        match args.form {
            ExportForm::Nnunet => cohort.nnunet(console)?,
            ExportForm::Bids => cohort.bids(console)?,
            ExportForm::Seg => cohort.dicom(console, DicomObject::Seg)?,
            ExportForm::Rtstruct => cohort.dicom(console, DicomObject::RtStruct)?,
            ExportForm::Csv => {
                cohort.cases = tables::write(&project, folder, console, &ctx)?;
            }
        }
        match (cohort.cases.is_empty(), cohort.warnings.first()) {
            (false, _) => Ok((cohort.cases, cohort.warnings)),
            (true, Some(first)) => Err(Refusal::Other(format!("no case can be exported: {first}"))),
            (true, None) => Err(Refusal::Other(
                "no case has a reading yet; see `prosector worklist status`".to_owned(),
            )),
        }
    })?;
    let report = Report {
        output: &args.output,
        cases,
        warnings,
    };
    console.warnings(&report.warnings);
    console.result(&report, || {
        format!("{}: {} case(s)", args.output.display(), report.cases.len())
    });
    Ok(())
}

impl Cohort<'_> {
    /// Opens each case that has the labels asked for, one after the other.
    fn each(
        &mut self,
        console: Console,
        mut write: impl FnMut(&mut Self, Case) -> Result<bool, Refusal>,
    ) -> Result<(), Refusal> {
        let ids = self.project.cases()?;
        for (n, id) in ids.iter().enumerate() {
            console.progress(n as f32 / ids.len() as f32, "exporting");
            let Some(made) = self.whose().made(self.project, id)? else {
                self.warnings
                    .push(format!("{id}: has no such labels yet, left out"));
                continue;
            };
            let scan = open_scan(self.project, &self.project.case(id)?, self.ctx)?;
            let labels = open_labels(&made.path, &scan, self.ctx)?;
            let case = Case {
                id: id.clone(),
                scan,
                labels,
                made,
            };
            if write(self, case)? {
                self.cases.push(id.clone());
            }
        }
        Ok(())
    }

    fn whose(&self) -> Whose<'_> {
        Whose(self.args.from.as_deref())
    }

    fn table(&self) -> LabelTable {
        let mut table = LabelTable::default();
        for (n, name) in self.project.label_names().iter().enumerate() {
            table.add(n as u16 + 1, name);
        }
        table
    }

    fn make(&self, folder: &Path) -> Result<(), Refusal> {
        fs::create_dir_all(folder).map_err(|e| IoError::output(folder, e.to_string()).into())
    }

    fn text(&self, path: &Path, text: &str) -> Result<(), Refusal> {
        Ok(atomic::replace_text(path, text)?)
    }

    fn nnunet(&mut self, console: Console) -> Result<(), Refusal> {
        let folders = ["imagesTr", "labelsTr"].map(|name| self.folder.join(name));
        for folder in &folders {
            self.make(folder)?;
        }
        let ignored = self.project.file.labels.len() as u16 + 1;
        let table = self.table();
        let mut channel = None;
        self.each(console, |cohort, case| {
            let mut map = numbered(cohort.project, &case.labels);
            if let (true, Some(method)) = (cohort.args.ignore_unsure, cohort.whose().method()) {
                let ctx = cohort.ctx;
                let (_, found) = consensus::of_case(cohort.project, &case.id, method, &case.scan, ctx)?;
                for (value, unsure) in map.voxels.iter_mut().zip(&found.undecided) {
                    if *unsure != 0 {
                        *value = ignored;
                    }
                }
            }
            let image = &case.scan.image;
            let name = channel_name(image.modality());
            if *channel.get_or_insert(name) != name {
                return Err(Refusal::Other(format!(
                    "{}: is {name}, and cases before it are not: nnU-Net takes one kind of scan; make a project for each",
                    case.id
                )));
            }
            save_image(&folders[0].join(format!("{}_0000.nii.gz", case.id)), image)?;
            save_labels(&folders[1].join(format!("{}.nii.gz", case.id)), &map, &table)?;
            Ok(true)
        })?;
        let mut labels = Map::from_iter([("background".to_owned(), json!(0))]);
        for label in table.labels() {
            labels.insert(label.name.clone(), json!(label.value));
        }
        if self.args.ignore_unsure {
            labels.insert("ignore".to_owned(), json!(ignored));
        }
        let dataset = json!({
            "channel_names": {"0": channel.unwrap_or("MR")},
            "labels": labels,
            "numTraining": self.cases.len(),
            "file_ending": ".nii.gz",
        });
        self.text(&self.folder.join("dataset.json"), &pretty(&dataset))
    }

    fn bids(&mut self, console: Console) -> Result<(), Refusal> {
        let description = json!({
            "Name": "Segmentations",
            "BIDSVersion": "1.9.0",
            "DatasetType": "derivative",
            "GeneratedBy": [{"Name": "Prosector", "Version": env!("CARGO_PKG_VERSION")}],
        });
        let path = self.folder.join("dataset_description.json");
        self.text(&path, &pretty(&description))?;
        let table = self.table();
        let rows = table.labels().iter();
        let rows: Vec<String> = rows.map(|l| format!("{}\t{}", l.value, l.name)).collect();
        let text = format!("index\tname\n0\tbackground\n{}\n", rows.join("\n"));
        let mut subjects: Vec<String> = Vec::new();
        self.each(console, |cohort, case| {
            // BIDS has letters and digits alone there.
            let letters = case.id.trim_start_matches("sub-").chars();
            let subject: String = letters.filter(char::is_ascii_alphanumeric).collect();
            if subject.is_empty() || subjects.contains(&subject) {
                return Err(Refusal::Other(format!(
                    "{}: its letters and digits are no name of its own in BIDS; rename the case",
                    case.id
                )));
            }
            let kind = match case.scan.image.modality() {
                Modality::Pet => "pet",
                Modality::Ct | Modality::Mr => "anat",
            };
            let folder = cohort.folder.join(format!("sub-{subject}/{kind}"));
            cohort.make(&folder)?;
            let stem = format!("sub-{subject}_desc-prosector_dseg");
            let map = numbered(cohort.project, &case.labels);
            save_labels(&folder.join(format!("{stem}.nii.gz")), &map, &table)?;
            cohort.text(&folder.join(format!("{stem}.tsv")), &text)?;
            subjects.push(subject);
            Ok(true)
        })
    }

    fn dicom(&mut self, console: Console, object: DicomObject) -> Result<(), Refusal> {
        self.each(console, |cohort, case| {
            let Some(source) = case.scan.info.provenance.as_deref() else {
                cohort
                    .warnings
                    .push(format!("{}: is no DICOM series, left out", case.id));
                return Ok(false);
            };
            if object == DicomObject::RtStruct && !source.is_on_slices {
                cohort.warnings.push(format!(
                    "{}: contours lie on images, and its labels between them: left out, --as seg takes them",
                    case.id
                ));
                return Ok(false);
            }
            let export = Export {
                source: Some(source),
                details: &case.labels.details,
                author: case.made.author.as_deref(),
                approval: case.made.approval.as_ref(),
                object,
                space: Space::default(),
            };
            let path = cohort.folder.join(format!("{}.dcm", case.id));
            export_labels(&path, &case.labels.layers, &case.labels.table, &export)?;
            Ok(true)
        })
    }
}

/// nnU-Net normalises by this name: CT by the data set, everything else by itself.
fn channel_name(modality: Modality) -> &'static str {
    match modality {
        Modality::Ct => "CT",
        Modality::Mr => "MR",
        Modality::Pet => "PET",
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
