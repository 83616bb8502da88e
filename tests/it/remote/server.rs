//! Servers and clients of the tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use prosector::models::{DeviceChoice, ModelError, Segmenter};
use prosector::remote::{Address, Lessons, RemoteSegmenter, Server, TOKEN_VARIABLE, Token};
use prosector::train::TrainError;
use prosector::train::teach::{TeachRequest, TeachesBy};
use prosector::util::JobContext;

use super::echo::Echo;

/// Longer than anything here takes, a lesson's step beside other tests included: lessons have the lowest priority.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a job that nobody waits for.
pub fn in_a_thread(job: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name("server".to_owned());
    thread.spawn(job).unwrap();
}

pub fn loopback(port: u16) -> Address {
    Address {
        host: "127.0.0.1".to_owned(),
        port,
    }
}

/// The port at which a model is served from a thread of the test, and nothing taught.
pub fn serve(
    token: Token,
    open: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
) -> u16 {
    let nothing = Arc::new(|_: &TeachRequest, _: &JobContext| {
        Err(TrainError::Teach(
            "nothing is taught in this test".to_owned(),
        ))
    });
    serve_teaching(token, nothing, open)
}

/// As [`serve`], with what teaches.
pub fn serve_teaching(
    token: Token,
    teach: TeachesBy,
    open: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
) -> u16 {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let lessons = Lessons {
        teach,
        device: DeviceChoice::Cpu,
    };
    let no_gpu = || unreachable!("it needs no GPU");
    let server = Server::start(free, token, lessons, open, no_gpu);
    let server = server.unwrap();
    let port = server.address().port();
    in_a_thread(move || server.run());
    port
}

/// An echo that is served from a thread of the test.
pub struct Served {
    pub port: u16,
    pub gate: Sender<()>,
    pub stopped: Arc<AtomicUsize>,
    pub dropped: Arc<AtomicUsize>,
}

impl Served {
    pub fn start(token: &str) -> Self {
        let (gate, wait) = crossbeam_channel::bounded(10);
        let echo = Echo::new(wait);
        let (stopped, dropped) = (Arc::clone(&echo.stopped), Arc::clone(&echo.dropped));
        let open = move || Ok(Box::new(echo) as Box<dyn Segmenter>);
        Self {
            port: serve(Token::new(token), open),
            gate,
            stopped,
            dropped,
        }
    }

    pub fn client(&self) -> RemoteSegmenter {
        RemoteSegmenter::connect(&loopback(self.port), None, Token::default()).unwrap()
    }
}

/// An echo here.
pub fn local() -> Echo {
    Echo::new(crossbeam_channel::never())
}

/// Waits until a count is reached.
pub fn reaches(count: &AtomicUsize, wanted: usize) {
    let start = Instant::now();
    while count.load(Ordering::SeqCst) < wanted {
        assert!(start.elapsed() < PATIENCE, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `prosector serve` with the model in the box, as a process.
pub struct Process {
    child: Child,
    pub port: u16,
    /// What it said first.
    pub line: String,
}

impl Process {
    pub fn start(folder: &Path, port: u16, token: &str) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let temporary = Self::temporary(folder);
        std::fs::create_dir_all(&temporary).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_prosector"))
            .args(["serve", "--listen", &listen, "--device", "cpu"])
            .env("PROSECTOR_MODELS", folder.join("models"))
            .env("XDG_RUNTIME_DIR", folder)
            .env("TMPDIR", temporary)
            .env(TOKEN_VARIABLE, token)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let port = line.split("127.0.0.1:").nth(1);
        let port = port.and_then(|rest| rest.split(':').next()?.parse().ok());
        Self {
            port: port.unwrap_or_else(|| panic!("no address: {line}")),
            child,
            line,
        }
    }

    /// Where its temporary files are.
    pub fn temporary(folder: &Path) -> PathBuf {
        folder.join("temporary")
    }

    /// Ends it as Ctrl+C does; its exit code.
    pub fn interrupt(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A way to a server that can be cut.
pub struct Way {
    pub port: u16,
    open: Arc<Mutex<Vec<TcpStream>>>,
    is_closed: Arc<AtomicBool>,
}

impl Way {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let open = Arc::<Mutex<Vec<TcpStream>>>::default();
        let is_closed = Arc::<AtomicBool>::default();
        let (kept, closed) = (Arc::clone(&open), Arc::clone(&is_closed));
        in_a_thread(move || {
            for here in listener.incoming().flatten() {
                if closed.load(Ordering::SeqCst) {
                    continue;
                }
                let there = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let both = [&here, &there].map(|s| s.try_clone().unwrap());
                kept.lock().unwrap().extend(both);
                let pairs = [
                    (here.try_clone().unwrap(), there.try_clone().unwrap()),
                    (there, here),
                ];
                for (mut from, mut to) in pairs {
                    in_a_thread(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Self {
            port: own,
            open,
            is_closed,
        }
    }

    /// Cuts all connections, and passes no new ones on.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Passes new ones on again.
    pub fn open(&self) {
        self.is_closed.store(false, Ordering::SeqCst);
    }

    /// Cuts all connections; new ones are passed on.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The port of something that says this to everybody who comes and reads what they say.
pub fn saying(text: Vec<u8>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    in_a_thread(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(&text);
            let _ = stream.read(&mut [0; 64]);
        }
    });
    port
}
