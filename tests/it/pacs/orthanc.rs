//! An Orthanc of the test's own: on free ports, with a folder that goes with it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub const USER: &str = "ann";
pub const PASSWORD: &str = "only-for-tests";

/// Where Debian has the DICOMweb plugin.
const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

/// A running Orthanc.
pub struct Orthanc {
    folder: TempDir,
    process: Arc<Mutex<Child>>,
    pub dicom_port: u16,
    pub http_port: u16,
    is_encrypted: bool,
}

impl Orthanc {
    /// Starts one; `None`, with a line on stderr, where there is no Orthanc; with `CI=true` that fails the test.
    pub fn start() -> Option<Self> {
        Self::start_as(false)
    }

    /// One whose DIMSE is encrypted. (Debian's crashes when it is asked over HTTPS.)
    pub fn start_encrypted() -> Option<Self> {
        Self::start_as(true)
    }

    fn start_as(is_encrypted: bool) -> Option<Self> {
        let is_there = Command::new("Orthanc")
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if is_there.is_err() || !Path::new(PLUGIN).exists() {
            let is_ci = std::env::var_os("CI").is_some_and(|v| v == "true");
            assert!(
                !is_ci,
                "there is no Orthanc with DICOMweb: apt-get install orthanc orthanc-dicomweb"
            );
            eprintln!("skipped: there is no Orthanc with DICOMweb");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let (dicom_port, http_port) = (free_port(), free_port());
        if is_encrypted {
            make_certificate(folder.path());
        }
        let orthanc = Self {
            process: Arc::new(Mutex::new(spawn(
                folder.path(),
                dicom_port,
                http_port,
                is_encrypted,
            ))),
            folder,
            dicom_port,
            http_port,
            is_encrypted,
        };
        orthanc.wait_until_ready();
        Some(orthanc)
    }

    pub fn start_again(&mut self) {
        let process = spawn(
            self.folder.path(),
            self.dicom_port,
            self.http_port,
            self.is_encrypted,
        );
        *self.process.lock().unwrap() = process;
        self.wait_until_ready();
    }

    /// A certificate that vouches for it.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    /// The key to it.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn wait_until_ready(&self) {
        let answers = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        within(Duration::from_secs(60), "Orthanc answers", || {
            answers(self.dicom_port) && answers(self.http_port)
        });
    }

    pub fn wait_until_dead(&self) {
        within(Duration::from_secs(20), "Orthanc is dead", || {
            self.process.lock().unwrap().try_wait().unwrap().is_some()
        });
    }

    /// Forgets all patients.
    pub fn clear(&self) {
        let patients: Vec<String> = serde_json::from_str(&self.http("GET", "/patients")).unwrap();
        for patient in patients {
            self.http("DELETE", &format!("/patients/{patient}"));
        }
    }

    /// A request to its own interface; gives the body.
    fn http(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http_port)).unwrap();
        // "ann:only-for-tests"
        let authorization = "YW5uOm9ubHktZm9yLXRlc3Rz";
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Basic {authorization}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{method} {path}: {head}");
        body.to_owned()
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let mut process = self.process.lock().unwrap();
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Runs it beside the test, to the test's end at the longest.
pub fn in_a_thread(job: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().name("server".to_owned());
    thread.spawn(job).unwrap();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn spawn(folder: &Path, dicom_port: u16, http_port: u16, is_encrypted: bool) -> Child {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let mut settings = serde_json::json!({
        "Name": "test",
        "StorageDirectory": file("store"),
        "IndexDirectory": file("store"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": true,
        "DicomAlwaysAllowEcho": true,
        "DicomAlwaysAllowStore": true,
        "DicomAlwaysAllowFind": true,
        "DicomAlwaysAllowGet": true,
        "RemoteAccessAllowed": false,
        "AuthenticationEnabled": true,
        "RegisteredUsers": { USER: PASSWORD },
        "Plugins": [PLUGIN],
        "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
    });
    if is_encrypted {
        settings["DicomTlsEnabled"] = true.into();
        settings["DicomTlsCertificate"] = file("certificate.pem").into();
        settings["DicomTlsPrivateKey"] = file("key.pem").into();
        settings["DicomTlsTrustedCertificates"] = file("certificate.pem").into();
        settings["DicomTlsRemoteCertificateRequired"] = false.into();
    }
    fs::create_dir_all(folder.join("store")).unwrap();
    fs::write(folder.join("orthanc.json"), settings.to_string()).unwrap();
    let log = File::create(folder.join("log")).unwrap();
    Command::new("Orthanc")
        .arg(folder.join("orthanc.json"))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A certificate of `localhost` that it signed itself, and the key.
fn make_certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(' '))
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn within(most: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < most, "{what} within {most:?}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A way to an Orthanc on which that is killed when so many bytes of its answers have passed.
pub struct CutOff {
    pub port: u16,
}

impl CutOff {
    pub fn after(bytes: u64, to: u16, orthanc: &Orthanc) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (passed, process) = (Arc::new(AtomicU64::new(0)), Arc::clone(&orthanc.process));
        in_a_thread(move || {
            for there in listener.incoming() {
                let Ok(there) = there else { return };
                let Ok(here) = TcpStream::connect(("127.0.0.1", to)) else {
                    // Nothing listens behind; as if nothing listened here.
                    return;
                };
                let (up, down) = (there.try_clone().unwrap(), here.try_clone().unwrap());
                in_a_thread(move || pass(up, down, |_| true));
                let (passed, process) = (Arc::clone(&passed), Arc::clone(&process));
                in_a_thread(move || {
                    pass(here, there, |n| {
                        let is_over = passed.fetch_add(n, Ordering::SeqCst) + n > bytes;
                        if is_over {
                            let _ = process.lock().unwrap().kill();
                        }
                        !is_over
                    });
                });
            }
        });
        Self { port }
    }
}

/// Passes bytes on while `goes_on` says so of their number, then closes both ends.
fn pass(mut from: TcpStream, mut to: TcpStream, mut goes_on: impl FnMut(u64) -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if !goes_on(n as u64) || to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
