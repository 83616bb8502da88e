//! `prosector teach`

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::{DeviceArgs, values};

/// `prosector teach`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("given").args(["cases", "worklist"]).required(true))]
pub struct TeachArgs {
    /// The corrected cases, 1 to 50: a file as `evaluate --cases` reads it.
    #[arg(long, value_name = "CASES.toml")]
    pub cases: Option<PathBuf>,
    /// An annotation project instead: its finished cases, 1 to 50.
    #[arg(long, value_name = "PROJECT.toml")]
    pub worklist: Option<PathBuf>,
    /// Of a worklist, whose labels: `majority` or `staple` (see `worklist consensus`), `adjudicated`, or a reader's name; without it the one finished reading.
    #[arg(
        long,
        visible_alias = "reader",
        value_name = "WHOSE",
        requires = "worklist"
    )]
    pub from: Option<String>,
    /// The model to teach, such as an imported nnU-Net or published system; without it the one in the box.
    #[arg(long, value_name = "ID")]
    pub model: Option<String>,
    /// The label of the cases that is to be found without a prompt; without it answers to boxes and clicks are taught.
    #[arg(long, value_name = "NAME")]
    pub structure: Option<String>,
    /// An installed model whose answers are learnt too, on cases without a truth alone: it finds the structure by itself.
    #[arg(long, value_name = "ID", requires = "structure")]
    pub teacher: Option<String>,
    /// What the teacher calls the structure, where that is something else.
    #[arg(long, value_name = "NAME", requires = "teacher")]
    pub teacher_structure: Option<String>,
    /// The teacher's share in the loss of cases that have labels, 0 (labels alone teach) to 1 (its answers alone).
    #[arg(
        long,
        value_name = "SHARE",
        default_value = "0.5",
        requires = "teacher",
        value_parser = values::part::<f64>
    )]
    pub lambda: f64,
    /// The adapter file to write; its name is that of the taught model.
    #[arg(short, long, value_name = "ADAPTER")]
    pub output: PathBuf,
    /// Write a report too: a page with every case before and after, and slices of some of the scans.
    #[arg(long, value_name = "REPORT.html")]
    pub report: Option<PathBuf>,
    /// Which weights learn: norm, lora, fact, adapter, head or full; without it chosen by the model, what is taught and the number of cases.
    #[arg(long, value_name = "NAME")]
    pub method: Option<String>,
    /// Optimiser steps of each run.
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Parts that the cases are divided into for cross-validation; 0: none, which proves nothing.
    #[arg(long, value_name = "N")]
    pub folds: Option<usize>,
    /// Keep it also where it is not proven to be better than before (of one case nothing can be). What is worse is never
    /// kept.
    #[arg(long)]
    pub unproven: bool,
    /// Go on from the last checkpoint.
    #[arg(long)]
    pub resume: bool,
    /// Which processor computes.
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}
