//! Archives on the network in the window: a thread of their own asks, fetches and sends, so that neither the window nor
//! the file thread waits for an archive.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::io::{self, DicomObject, Export, Provenance, SegmentDetails, Space, Warning};
use crate::network::{
    Archive, Connection, Connections, Dimse, Found, FoundSeries, NetworkError, Peer, Query, Secret,
    Wanted, Web, known_password, remember_password,
};
use crate::ui::Severity;
use crate::ui::archive::{
    ArchiveEntry, ArchiveForm, ArchiveRequest, ArchiveView, FoundRow, NewConnection,
};
use crate::ui::texts::tr;
use crate::util::{JobContext, short_debug};
use crate::volume::{LabelLayers, LabelTable};

use super::file_flow::Goal;
use super::files::without_options;
use super::jobs::Owner;
use super::window::Window;
use super::worker::{WorkEvent, WorkId, Worker};

/// How long fetched series stay after they were fetched last. Work on them is not lost with them: it is kept apart, and the
/// series can be fetched again.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What came of something that was asked of an archive.
pub enum ArchiveOutcome {
    /// Series were found.
    Found(Found),
    /// A series is in this folder.
    Fetched(PathBuf),
    /// Labels were sent to the archive of this name.
    Sent(String, Vec<Warning>),
    /// One line for the user.
    Refused(String),
    /// The user cancelled.
    Cancelled,
}

short_debug! {
    ArchiveOutcome: |outcome| match outcome {
        ArchiveOutcome::Found(_) => "found",
        ArchiveOutcome::Fetched(_) => "fetched",
        ArchiveOutcome::Sent(..) => "sent",
        ArchiveOutcome::Refused(_) => "refused",
        ArchiveOutcome::Cancelled => "cancelled",
    };
}

impl From<NetworkError> for ArchiveOutcome {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Cancelled(_) | NetworkError::Io(io::IoError::Cancelled(_)) => {
                Self::Cancelled
            }
            other => Self::Refused(without_options(&other.to_string())),
        }
    }
}

/// The archives that the user set up, and what was found in one.
pub struct Archives {
    worker: Worker<ArchiveOutcome>,
    /// Where connections are kept; `None` where nothing is.
    file: Option<PathBuf>,
    /// Where fetched series go; `None` where nothing is kept.
    folder: Option<PathBuf>,
    view: ArchiveView,
    /// What was found last.
    found: Vec<FoundSeries>,
    /// Of which archive.
    found_in: ArchiveForm,
    /// Typed in this session.
    passwords: BTreeMap<String, Secret>,
    /// The connection whose password is to be kept once the archive took it.
    to_remember: Option<String>,
    /// An archive refused what was asked: perhaps the password that is known.
    is_in_doubt: bool,
}

impl Archives {
    /// Nothing is read or asked yet.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(
        file: Option<PathBuf>,
        data_folder: Option<&Path>,
        waker: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Ok(Self {
            worker: Worker::start("network", waker)?,
            file,
            folder: data_folder.map(|folder| folder.join("fetched")),
            view: ArchiveView::default(),
            found: Vec::new(),
            found_in: ArchiveForm::default(),
            passwords: BTreeMap::new(),
            to_remember: None,
            is_in_doubt: false,
        })
    }

    /// What the window shows.
    pub fn view(&self) -> &ArchiveView {
        &self.view
    }

    /// Asks a job to stop.
    pub fn cancel(&self, id: WorkId) {
        self.worker.cancel(id);
    }

    fn connections(&self) -> Result<Connections, NetworkError> {
        match &self.file {
            Some(file) => Connections::read(file),
            None => Connections::of_user(),
        }
    }

    fn look(&mut self) -> Result<(), NetworkError> {
        let connections = self.connections()?;
        let entry = |(name, connection): (&str, &Connection)| ArchiveEntry {
            name: name.to_owned(),
            address: connection.address(),
            wants_password: connection.needs_password()
                && !self.passwords.contains_key(name)
                && (self.is_in_doubt || known_password(name, connection).is_none()),
        };
        self.view.connections = connections.all().map(entry).collect();
        Ok(())
    }

    /// The archive of a form, with the password that was typed now or before.
    fn archive(&mut self, form: &ArchiveForm) -> Result<Archive, NetworkError> {
        let name = form.connection.as_str();
        let connections = self.connections()?;
        let connection = connections.get(name)?;
        if !form.password.is_empty() {
            let password = Secret::new(form.password.as_str());
            self.passwords.insert(name.to_owned(), password);
            self.to_remember = form.remember.then(|| name.to_owned());
        }
        let typed = self.passwords.get(name).cloned();
        let password = typed.or_else(|| known_password(name, connection));
        Archive::new(
            name,
            connection,
            password.filter(|_| connection.needs_password()),
        )
    }

    /// The archive took the password: it is kept, where that was wished.
    fn remember(&mut self) -> Result<(), NetworkError> {
        self.is_in_doubt = false;
        let Some(name) = self.to_remember.take() else {
            return Ok(());
        };
        let connections = self.connections()?;
        match self.passwords.get(&name) {
            Some(password) => remember_password(&name, connections.get(&name)?, password),
            None => Ok(()),
        }
    }

    fn take_found(&mut self, found: Found) {
        let row = |s: &FoundSeries| FoundRow {
            patient: format!("{}  {}", s.patient_name, s.patient_id),
            date: s.study_date.clone(),
            modality: s.modality.clone(),
            description: format!("{}  ({})", s.description, s.study_description),
            images: s.images.map_or(String::new(), |n| tr!("{n} images", n)),
        };
        self.view.said = match (found.series.len(), found.has_more) {
            (0, _) => tr!("Nothing was found").to_owned(),
            (n, false) => tr!("{n} series", n),
            (n, true) => tr!(
                "{n} series of the first studies; more match: ask for less",
                n
            ),
        };
        self.view.found = found.series.iter().map(row).collect();
        self.found = found.series;
    }
}

impl Window {
    /// Opens the window of archives.
    pub(super) fn show_archives(&mut self) {
        if let Err(error) = self.archives.look() {
            self.refuse_network(error);
        }
        self.state.archive = Some(self.archives.found_in.clone());
    }

    pub(super) fn ask_archive(&mut self, request: ArchiveRequest) {
        // The request has it; it is of that archive alone.
        if let Some(form) = &mut self.state.archive {
            form.password.clear();
        }
        let asked = match request {
            ArchiveRequest::Find(form) => self.find_series(form),
            ArchiveRequest::Open(row) => self.fetch_series(row),
            ArchiveRequest::Send { to, as_contours } => self.send_labels(to, as_contours),
            ArchiveRequest::Add(new) => self.add_archive(&new),
        };
        let told = asked.and_then(|()| self.archives.look());
        if let Err(error) = told {
            self.refuse_network(error);
        }
    }

    fn refuse_network(&mut self, error: NetworkError) {
        if let ArchiveOutcome::Refused(text) = error.into() {
            self.state.messages.push(Severity::Error, text);
        }
    }

    fn add_archive(&mut self, new: &NewConnection) -> Result<(), NetworkError> {
        let text = |text: &str| text.trim().to_owned();
        let peer = match new.is_web {
            true => Peer::Web(Web {
                url: text(&new.url).trim_end_matches('/').to_owned(),
                token: false,
            }),
            false => Peer::Dimse(Dimse {
                host: text(&new.host),
                // 0 is refused as what it is.
                port: new.port.trim().parse().unwrap_or_default(),
                called: text(&new.called),
                calling: text(&new.calling),
                tls: new.tls,
            }),
        };
        let user = text(&new.user);
        let connection = Connection {
            user: (!user.is_empty()).then_some(user),
            ..Connection::new(peer)
        };
        let name = text(&new.name);
        let mut connections = self.archives.connections()?;
        if connections.all().any(|(known, _)| known == name) {
            let text = tr!(
                "{name}: there is an archive of this name; give another",
                name
            );
            return Err(NetworkError::Setup(text));
        }
        let doubts = connection.doubts();
        connections.set(&name, connection)?;
        if let Some(form) = &mut self.state.archive {
            (form.new, form.connection) = (None, name);
        }
        if let Some(doubts) = doubts {
            let text = without_options(&doubts);
            self.state.messages.push(Severity::Warning, text);
        }
        Ok(())
    }

    fn run_network(
        &mut self,
        title: &str,
        work: impl FnOnce(&JobContext) -> Result<ArchiveOutcome, NetworkError> + Send + 'static,
    ) {
        let job = |ctx: &JobContext| work(ctx).unwrap_or_else(ArchiveOutcome::from);
        let id = self.archives.worker.submit(job);
        self.archives.view.is_busy = true;
        self.jobs.add(Owner::Network(id), title, true);
    }

    fn find_series(&mut self, form: ArchiveForm) -> Result<(), NetworkError> {
        let archive = self.archives.archive(&form)?;
        let text = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        let query = Query {
            patient_name: text(&form.patient_name),
            patient_id: text(&form.patient_id),
            date: text(&form.date),
            modality: text(&form.modality).map(|m| m.to_uppercase()),
            ..Query::default()
        };
        query.check()?;
        self.archives.take_found(Found::default());
        self.archives.view.said.clear();
        self.archives.found_in = ArchiveForm {
            password: String::new(),
            ..form
        };
        self.run_network(tr!("Finding series"), move |ctx| {
            archive.find(&query, ctx).map(ArchiveOutcome::Found)
        });
        Ok(())
    }

    fn fetch_series(&mut self, row: usize) -> Result<(), NetworkError> {
        let Some(found) = self.archives.found.get(row).cloned() else {
            return Ok(());
        };
        let Some(kept) = self.archives.folder.clone() else {
            let reason = "there is no folder for fetched series; `prosector pacs get` fetches into any folder";
            return Err(NetworkError::Setup(reason.to_owned()));
        };
        let form = self.archives.found_in.clone();
        let archive = self.archives.archive(&form)?;
        self.run_network(tr!("Fetching a series"), move |ctx| {
            make_private(&kept)?;
            forget_old(&kept);
            let folder = kept.join(&found.series);
            forget_parts(&folder);
            let wanted = Wanted {
                study: Some(found.study),
                series: Some(found.series),
            };
            archive.fetch(&wanted, &folder, ctx)?;
            Ok(ArchiveOutcome::Fetched(folder))
        });
        Ok(())
    }

    fn send_labels(&mut self, to: ArchiveForm, as_contours: bool) -> Result<(), NetworkError> {
        let archive = self.archives.archive(&to)?;
        let Some(case) = self.session.case() else {
            return Ok(());
        };
        let Some(source) = case.info().provenance.clone() else {
            return Ok(());
        };
        let layers = case.document().layers().clone();
        let (table, grid) = (case.table().clone(), *case.scan_image().grid());
        let is_on_scan_grid = case.is_on_scan_grid();
        let details = self.origins.details(&table);
        self.run_network(tr!("Sending the labels"), move |ctx| {
            // The object refers to the scan's slices, so it lies on them.
            let layers = match is_on_scan_grid {
                true => layers,
                false => layers.resampled(&grid),
            };
            let folder = tempfile::tempdir().map_err(|e| {
                io::IoError::output(Path::new("the folder for temporary files"), e.to_string())
            })?;
            let path = folder.path().join("labels.dcm");
            let warnings = export(&path, (&layers, &table, &details), &source, as_contours)?;
            archive.send(&[path], ctx)?;
            Ok(ArchiveOutcome::Sent(to.connection, warnings))
        });
        Ok(())
    }

    /// Takes over what the network thread has done.
    pub(super) fn drain_archives(&mut self) {
        for event in self.archives.worker.drain() {
            match event {
                WorkEvent::Progress {
                    id,
                    fraction,
                    stage,
                } => self.jobs.progress(|o| o.is_network(id), fraction, stage),
                WorkEvent::Finished { id, outcome } => {
                    self.jobs.remove(|o| o.is_network(id));
                    self.archives.view.is_busy = false;
                    self.take_archived(outcome);
                }
            }
        }
    }

    fn take_archived(&mut self, outcome: Option<ArchiveOutcome>) {
        let was_taken = matches!(
            outcome,
            Some(ArchiveOutcome::Found(_) | ArchiveOutcome::Fetched(_) | ArchiveOutcome::Sent(..))
        );
        if was_taken && let Err(error) = self.archives.remember() {
            self.refuse_network(error);
        }
        match outcome {
            Some(ArchiveOutcome::Found(found)) => self.archives.take_found(found),
            Some(ArchiveOutcome::Fetched(folder)) => {
                self.state.archive = None;
                self.reach(Goal::open(folder));
            }
            Some(ArchiveOutcome::Sent(name, warnings)) => {
                let text = tr!("Sent to {name} and taken there", name);
                self.state.messages.push_on_scan(Severity::Info, text);
                self.warn_of(&warnings);
            }
            Some(ArchiveOutcome::Refused(text)) => {
                // It may be the password that is refused: it is asked for again.
                self.archives.passwords.clear();
                self.archives.to_remember = None;
                self.archives.is_in_doubt = true;
                self.state.messages.push(Severity::Error, text);
                if let Err(error) = self.archives.look() {
                    self.refuse_network(error);
                }
            }
            Some(ArchiveOutcome::Cancelled) => {}
            None => {
                let text = tr!("A defect in Prosector stopped this; what was open is unchanged");
                self.state.messages.push(Severity::Error, text);
            }
        }
    }
}

/// Writes the labels as an object of the series, reads it back and compares.
fn export(
    path: &Path,
    (layers, table, details): (&LabelLayers, &LabelTable, &BTreeMap<u16, SegmentDetails>),
    source: &Provenance,
    as_contours: bool,
) -> Result<Vec<Warning>, NetworkError> {
    let export = Export {
        source: Some(source),
        details,
        author: None,
        approval: None,
        object: match as_contours {
            true => DicomObject::RtStruct,
            false => DicomObject::Seg,
        },
        space: Space::default(),
    };
    Ok(io::export_labels(path, layers, table, &export)?)
}

/// Makes a folder that only its owner can look into.
fn make_private(folder: &Path) -> Result<(), NetworkError> {
    let failed = |e: std::io::Error| io::IoError::output(folder, e.to_string());
    fs::create_dir_all(folder).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// Removes what a window that was killed while it fetched this series left half-written.
fn forget_parts(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|e| e == "part") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes series that were fetched long ago. One that cannot be removed is left for the next time.
fn forget_old(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let changed = entry.metadata().and_then(|m| m.modified());
        let age = changed.ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > KEPT) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
