//! `prosector pacs ..`: archives on the network.

use std::fmt::Write as _;
use std::io::{IsTerminal, stdin};
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use crate::cli::{PacsAddArgs, PacsCommand, PacsFindArgs, PacsGetArgs, PacsSendArgs};
use crate::network::{
    Archive, Connection, Connections, Dimse, FoundSeries, Peer, Query, Secret, Wanted, Web,
    dicom_files, forget_password, known_password, password_variable, remember_password,
};

use super::Refusal;
use super::console::Console;

pub(super) fn run(command: &PacsCommand) -> Result<(), Refusal> {
    match command {
        PacsCommand::Add(args) => add(args),
        PacsCommand::List { json } => list(*json),
        PacsCommand::Remove { name, json } => remove(name, *json),
        PacsCommand::Echo { name, json } => echo(name, *json),
        PacsCommand::Find(args) => find(args),
        PacsCommand::Get(args) => get(args),
        PacsCommand::Send(args) => send(args),
    }
}

/// A connection for people and scripts.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    #[serde(flatten)]
    connection: &'a Connection,
    address: String,
}

impl<'a> Row<'a> {
    fn new(name: &'a str, connection: &'a Connection) -> Self {
        Self {
            name,
            connection,
            address: connection.address(),
        }
    }
}

fn add(args: &PacsAddArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let peer = match (&args.url, &args.host, args.port, &args.called) {
        (Some(url), ..) => Peer::Web(Web {
            url: url.trim_end_matches('/').to_owned(),
            token: args.token,
        }),
        (None, Some(host), Some(port), Some(called)) => Peer::Dimse(Dimse {
            host: host.clone(),
            port,
            called: called.clone(),
            calling: args.calling.clone(),
            tls: args.tls,
        }),
        _ => {
            let reason = "give --host, --port and --called, or --url";
            return Err(Refusal::Usage(reason.to_owned()));
        }
    };
    let connection = Connection {
        user: args.user.clone(),
        certificates: absolute(args.certificates.as_deref())?,
        timeout_s: args.timeout,
        ..Connection::new(peer)
    };
    let mut connections = Connections::of_user()?;
    let name = args.name.as_str();
    if connections.get(name).is_ok() && !args.replace {
        return Err(Refusal::Other(format!(
            "{name}: there is a connection of this name; give another, or --replace"
        )));
    }
    connection.check()?;
    if args.remember {
        remember_password(name, &connection, &password_to_keep(name, &connection)?)?;
    }
    connections.set(name, connection.clone())?;
    console.warnings(connection.doubts().as_slice());
    let row = Row::new(name, &connection);
    console.result(&row, || format!("{name} {}", row.address));
    Ok(())
}

/// The password that is to be kept.
fn password_to_keep(name: &str, connection: &Connection) -> Result<Secret, Refusal> {
    if !connection.needs_password() {
        let reason = "--remember keeps the password of --user, or a --token; give one of them";
        return Err(Refusal::Usage(reason.to_owned()));
    }
    let known = known_password(name, connection);
    known.or_else(|| typed_password(name)).ok_or_else(|| {
        let variable = password_variable(name);
        Refusal::Usage(format!(
            "there is no password to remember: type it at a terminal, or set {variable}"
        ))
    })
}

/// A password typed at the terminal, if there is one.
fn typed_password(name: &str) -> Option<Secret> {
    if !stdin().is_terminal() {
        return None;
    }
    let typed = rpassword::prompt_password(format!("password for {name}: ")).ok()?;
    (!typed.is_empty()).then(|| Secret::new(typed))
}

/// A path that holds wherever the program is started; the file must be there.
fn absolute(path: Option<&Path>) -> Result<Option<std::path::PathBuf>, Refusal> {
    let full = |path: &Path| {
        path.canonicalize()
            .map_err(|e| crate::io::IoError::unreadable(path, e))
    };
    Ok(path.map(full).transpose()?)
}

fn list(json: bool) -> Result<(), Refusal> {
    let console = Console::new(json);
    let connections = Connections::of_user()?;
    let rows: Vec<Row> = connections.all().map(|(n, c)| Row::new(n, c)).collect();
    console.result(&json!({ "connections": rows }), || match rows.is_empty() {
        true => "no connection is set up; `prosector pacs add` does".to_owned(),
        false => {
            let lines = rows.iter().map(|r| format!("{:<16} {}", r.name, r.address));
            lines.collect::<Vec<_>>().join("\n")
        }
    });
    Ok(())
}

fn remove(name: &str, json: bool) -> Result<(), Refusal> {
    let mut connections = Connections::of_user()?;
    forget_password(name, connections.get(name)?)?;
    connections.remove(name)?;
    Console::new(json).result(&json!({ "removed": name }), || format!("{name} removed"));
    Ok(())
}

/// The archive of a connection, with its password from the environment, the system's keyring or the terminal.
fn archive(name: &str) -> Result<Archive, Refusal> {
    let connections = Connections::of_user()?;
    let connection = connections.get(name)?;
    let password = match connection.needs_password() {
        true => known_password(name, connection).or_else(|| typed_password(name)),
        false => None,
    };
    Ok(Archive::new(name, connection, password)?)
}

fn echo(name: &str, json: bool) -> Result<(), Refusal> {
    let archive = archive(name)?;
    let start = Instant::now();
    archive.echo()?;
    let milliseconds = start.elapsed().as_millis();
    let report = json!({ "name": name, "milliseconds": milliseconds });
    Console::new(json).result(&report, || format!("{name} answers ({milliseconds} ms)"));
    Ok(())
}

fn find(args: &PacsFindArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let query = Query {
        patient_name: args.patient_name.clone(),
        patient_id: args.patient_id.clone(),
        date: args.date.clone(),
        accession: args.accession.clone(),
        modality: args.modality.clone(),
        description: args.description.clone(),
        study: args.study.clone(),
        series: args.series.clone(),
        limit: Some(args.limit as usize),
    };
    let found = archive(&args.name)?.find(&query, &console.context())?;
    let warnings: Vec<String> = match found.has_more {
        true => vec![format!(
            "more studies match than the {} that were looked at; ask for less, or give --limit",
            args.limit
        )],
        false => Vec::new(),
    };
    console.warnings(&warnings);
    let report = json!({ "series": found.series, "warnings": warnings });
    console.result(&report, || in_words(&found.series));
    Ok(())
}

fn in_words(series: &[FoundSeries]) -> String {
    let mut text = String::new();
    let mut study = None;
    for one in series {
        // Writing into a string cannot fail.
        if study != Some(&one.study) {
            study = Some(&one.study);
            let _ = writeln!(
                text,
                "{} {} {} {:?} study {}",
                one.patient_name, one.patient_id, one.study_date, one.study_description, one.study
            );
        }
        let images = one.images.map_or("?".to_owned(), |n| n.to_string());
        let _ = writeln!(
            text,
            "    {:<4} {images:>5} images {:?} series {}",
            one.modality, one.description, one.series
        );
    }
    match text.is_empty() {
        true => "nothing was found".to_owned(),
        false => text,
    }
}

fn get(args: &PacsGetArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let wanted = Wanted {
        study: args.study.clone(),
        series: args.series.clone(),
    };
    let fetched = archive(&args.name)?.fetch(&wanted, &args.output, &console.context())?;
    let report = json!({
        "output": args.output,
        "images": fetched.images,
        "already_there": fetched.already_there,
    });
    console.result(&report, || {
        let (output, images) = (args.output.display(), fetched.images);
        match fetched.already_there {
            0 => format!("{output}: {images} images"),
            n => format!("{output}: {images} images, {n} of them were there"),
        }
    });
    Ok(())
}

fn send(args: &PacsSendArgs) -> Result<(), Refusal> {
    let console = Console::new(args.json);
    let files = dicom_files(&args.files)?;
    let sent = archive(&args.name)?.send(&files, &console.context())?;
    let report = json!({ "name": args.name, "sent": sent, "files": files });
    console.result(&report, || format!("{}: {sent} objects sent", args.name));
    Ok(())
}
