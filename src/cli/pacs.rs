//! `prosector pacs ..`

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

/// `prosector pacs ..`
#[derive(Debug, Subcommand)]
pub enum PacsCommand {
    /// Set up a connection; nothing is sent.
    Add(PacsAddArgs),
    /// List the connections.
    List {
        /// Print one JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Forget a connection.
    Remove {
        /// The connection.
        name: String,
        /// Print one JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Ask an archive for a sign of life (C-ECHO, or a search).
    Echo {
        /// The connection.
        name: String,
        /// Print one JSON object on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Find series (C-FIND, QIDO); * and ? are wildcards.
    Find(PacsFindArgs),
    /// Fetch a series, or a whole study, into a folder (C-GET, WADO); what is there already is not fetched again.
    Get(PacsGetArgs),
    /// Send DICOM files (C-STORE, STOW).
    Send(PacsSendArgs),
}

/// `prosector pacs add`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("where").args(["host", "url"]).required(true))]
pub struct PacsAddArgs {
    /// What to call it.
    pub name: String,
    /// DIMSE: name or address of the archive's computer.
    #[arg(long, value_name = "HOST", requires_all = ["port", "called"])]
    pub host: Option<String>,
    /// DIMSE: the TCP port, often 104, 4242 or 11112.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), requires = "host")]
    pub port: Option<u16>,
    /// DIMSE: the archive's application entity title.
    #[arg(long, value_name = "TITLE", requires = "host")]
    pub called: Option<String>,
    /// DIMSE: our application entity title, as the archive knows it.
    #[arg(
        long,
        value_name = "TITLE",
        default_value = "PROSECTOR",
        conflicts_with = "url"
    )]
    pub calling: String,
    /// DIMSE: encrypt the connection.
    #[arg(long, requires = "host")]
    pub tls: bool,
    /// DICOMweb: the address to which /studies is appended.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// DICOMweb: what is given instead of a password is a token (OAuth 2).
    #[arg(long, requires = "url", conflicts_with = "user")]
    pub token: bool,
    /// Who asks. The password is never kept in a file: it is asked for, or taken from an environment variable or the
    /// system's keyring.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Keep the password (asked for now, or from the environment variable) in the system's keyring.
    #[arg(long)]
    pub remember: bool,
    /// Certificates (PEM) that vouch for the archive, instead of those that the system trusts.
    #[arg(long, value_name = "PEM")]
    pub certificates: Option<PathBuf>,
    /// How long the archive may be silent, in seconds.
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Take the place of a connection of this name.
    #[arg(long)]
    pub replace: bool,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector pacs find`
#[derive(Debug, Args)]
pub struct PacsFindArgs {
    /// The connection.
    pub name: String,
    /// The patient's name from its beginning, as DICOM writes it: Doe or Doe^Jane.
    #[arg(long, value_name = "NAME")]
    pub patient_name: Option<String>,
    /// The patient's number.
    #[arg(long, value_name = "ID")]
    pub patient_id: Option<String>,
    /// When: 20240131, 20240101-20241231 or 20240101-.
    #[arg(long, value_name = "DATE", allow_hyphen_values = true)]
    pub date: Option<String>,
    /// The number of the order.
    #[arg(long, value_name = "NUMBER")]
    pub accession: Option<String>,
    /// CT, MR, PT, SEG ..
    #[arg(long, value_name = "MODALITY")]
    pub modality: Option<String>,
    /// The study's description.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Only this study (UID).
    #[arg(long, value_name = "UID")]
    pub study: Option<String>,
    /// Only this series (UID).
    #[arg(long, value_name = "UID")]
    pub series: Option<String>,
    /// The most studies to look at.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector pacs get`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["study", "series"]).required(true).multiple(true))]
pub struct PacsGetArgs {
    /// The connection.
    pub name: String,
    /// The study (UID, as `find` lists it).
    #[arg(long, value_name = "UID")]
    pub study: Option<String>,
    /// The series (UID); without it all of the study.
    #[arg(long, value_name = "UID")]
    pub series: Option<String>,
    /// The folder that the images go into, a file each; made if missing.
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// `prosector pacs send`
#[derive(Debug, Args)]
pub struct PacsSendArgs {
    /// The connection.
    pub name: String,
    /// DICOM files, or folders of them.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}
