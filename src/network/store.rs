//! The user's connections: `connections.toml` in the user's folder of settings, readable by nobody else.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Connection, NetworkError};
use crate::io::{IoError, atomic};

/// The connections by name.
#[derive(Debug, Default)]
pub struct Connections {
    path: PathBuf,
    by_name: BTreeMap<String, Connection>,
}

/// What the file says.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConnectionsFile {
    #[serde(default, rename = "connection")]
    by_name: BTreeMap<String, Connection>,
}

impl Connections {
    /// Reads the user's connections; none where there is no file.
    ///
    /// # Errors
    /// There is no folder for settings, or the file cannot be read or understood.
    pub fn of_user() -> Result<Self, NetworkError> {
        let folder = dirs::config_dir().ok_or_else(|| {
            NetworkError::Setup("there is no folder for settings: set XDG_CONFIG_HOME".to_owned())
        })?;
        Self::read(&folder.join("prosector").join("connections.toml"))
    }

    /// As [`Self::of_user`], of a file.
    ///
    /// # Errors
    /// As there.
    pub fn read(path: &Path) -> Result<Self, NetworkError> {
        let file: ConnectionsFile = match fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|e| broken(path, &e.to_string()))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => ConnectionsFile::default(),
            Err(e) => return Err(IoError::unreadable(path, e).into()),
        };
        for (name, connection) in &file.by_name {
            check_name(name)?;
            let mended = connection.check();
            mended.map_err(|e| broken(path, &format!("{name}: {e}")))?;
        }
        Ok(Self {
            path: path.to_owned(),
            by_name: file.by_name,
        })
    }

    /// All of them with their names, sorted.
    pub fn all(&self) -> impl ExactSizeIterator<Item = (&str, &Connection)> {
        self.by_name.iter().map(|(name, one)| (name.as_str(), one))
    }

    /// The connection of a name.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, name: &str) -> Result<&Connection, NetworkError> {
        self.by_name.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.by_name.keys().map(String::as_str).collect();
            let known = match known.is_empty() {
                true => "none is set up yet: `prosector pacs add` does".to_owned(),
                false => format!("there are: {}", known.join(", ")),
            };
            NetworkError::Setup(format!("{name}: there is no such connection; {known}"))
        })
    }

    /// Keeps a connection under a name, in the place of one that has it.
    ///
    /// # Errors
    /// A name or a connection that makes no sense; the file cannot be written.
    pub fn set(&mut self, name: &str, connection: Connection) -> Result<(), NetworkError> {
        check_name(name)?;
        connection.check()?;
        self.by_name.insert(name.to_owned(), connection);
        self.write()
    }

    /// Forgets a connection.
    ///
    /// # Errors
    /// There is none of this name; the file cannot be written.
    pub fn remove(&mut self, name: &str) -> Result<(), NetworkError> {
        self.get(name)?;
        self.by_name.remove(name);
        self.write()
    }

    fn write(&self) -> Result<(), NetworkError> {
        let file = ConnectionsFile {
            by_name: self.by_name.clone(),
        };
        let text = toml::to_string_pretty(&file).map_err(|e| broken(&self.path, &e.to_string()))?;
        let folder = atomic::folder_of(&self.path);
        fs::create_dir_all(folder).map_err(|e| IoError::output(folder, e.to_string()))?;
        atomic::replace_file(
            &self.path,
            |written| {
                #[cfg(unix)]
                {
                    use std::os::unix::fs::PermissionsExt;
                    written.set_permissions(fs::Permissions::from_mode(0o600))?;
                }
                written.write_all(text.as_bytes())
            },
            |written| match fs::read_to_string(written) {
                Ok(read) if read == text => Ok(()),
                Ok(_) => Err("a character differs".to_owned()),
                Err(e) => Err(e.to_string()),
            },
        )?;
        Ok(())
    }
}

fn broken(path: &Path, reason: &str) -> NetworkError {
    let lines: Vec<&str> = reason.lines().map(str::trim).collect();
    let (path, reason) = (path.display(), lines.join(" "));
    NetworkError::Setup(format!(
        "{path}: is not as it should be: {reason}; mend or remove it"
    ))
}

/// A name stands in the file, in messages and in an environment variable.
fn check_name(name: &str) -> Result<(), NetworkError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    match !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain) {
        true => Ok(()),
        false => Err(NetworkError::Setup(format!(
            "{name:?} cannot be a connection's name; take letters, digits, _, - and ."
        ))),
    }
}
