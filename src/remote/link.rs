//! A connection as who asks has it: frames go out as they come, a thread sorts what comes back by job.

use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::models::{ComputeDevice, ModelCard, ModelError};
use crate::util::JobContext;

use super::failure::{Broken, PATIENCE};
use super::frame::Frame;
use super::greeting::{Unfit, greet};
use super::message::{Ask, Tell, Welcome};
use super::processor::Address;
use super::token::Token;

/// How long a machine may take to answer at all.
const CONNECTING: Duration = Duration::from_secs(5);
/// How often a job that waits asks whether it is still wanted.
const POLL: Duration = Duration::from_millis(10);

/// How a job ended there, or how far it is, with the parts.
pub(super) type Told = (Tell, Vec<Vec<u8>>);

/// A connection to who serves a model.
pub(super) struct Link {
    address: Address,
    /// What is served.
    pub(super) card: ModelCard,
    /// Where it computes, for display.
    pub(super) device: ComputeDevice,
    writer: Mutex<TcpStream>,
    incoming: Arc<Incoming>,
    next_job: AtomicU64,
    sent_bytes: AtomicU64,
}

/// What comes back, and whether anything does.
struct Incoming {
    state: Mutex<State>,
    /// When the last byte came, in milliseconds after `start`.
    heard_ms: AtomicU64,
    start: Instant,
    bytes: AtomicU64,
}

struct State {
    jobs: HashMap<u64, Sender<Told>>,
    /// Why nothing comes any more.
    lost: Option<String>,
}

impl Link {
    /// Connects and greets.
    ///
    /// # Errors
    /// Nobody serves there, or not what can be understood.
    pub(super) fn connect(address: &Address, token: &Token) -> Result<Self, ModelError> {
        let failed = |reason: &dyn std::fmt::Display| {
            ModelError::Remote(format!("no model can be had at {address}: {reason}"))
        };
        let unreachable = |broken: Broken| {
            failed(&format_args!(
                "{broken}; is `prosector serve` running there, and the tunnel open?"
            ))
        };
        let mut stream = connected(address).map_err(|e| unreachable(e.into()))?;
        greet(&mut stream, token).map_err(|unfit| match unfit {
            Unfit::Broken(broken) => unreachable(broken),
            other => failed(&other),
        })?;
        let welcome = welcomed(&mut stream).map_err(unreachable)?;
        let card: Option<ModelCard> = toml::from_str(&welcome.card).ok();
        let card = card.ok_or_else(|| failed(&"what it says of its model cannot be understood"))?;
        let open = if address.is_loopback() {
            ""
        } else {
            ", not encrypted"
        };
        let device = ComputeDevice {
            kind: ComputeDevice::REMOTE,
            name: format!("{address}{open}: {}", welcome.device),
        };
        let incoming = Arc::new(Incoming::new());
        let reader = stream.try_clone().map_err(|e| failed(&Broken::from(e)))?;
        let heard = Arc::clone(&incoming);
        std::thread::Builder::new()
            .name("remote".to_owned())
            .spawn(move || heard.listen(reader))
            .map_err(|e| failed(&e))?;
        Ok(Self {
            address: address.clone(),
            card,
            device,
            writer: Mutex::new(stream),
            incoming,
            next_job: AtomicU64::new(1),
            sent_bytes: AtomicU64::new(0),
        })
    }

    /// Whether nothing can be asked any more.
    pub(super) fn is_lost(&self) -> bool {
        self.incoming.lock().lost.is_some()
    }

    /// Bytes that went there and came back since it was made.
    pub(super) fn bytes(&self) -> [u64; 2] {
        let received = self.incoming.bytes.load(Ordering::Relaxed);
        [self.sent_bytes.load(Ordering::Relaxed), received]
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The connection is lost; the message is larger than any that is taken.
    pub(super) fn send(&self, message: &Ask, parts: Vec<Vec<u8>>) -> Result<(), ModelError> {
        let frame = Frame::new(message, parts);
        if !frame.fits() {
            return Err(ModelError::Remote(
                "what is asked is too much to be sent: ask with fewer labels".to_owned(),
            ));
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = frame.write(&mut *writer) {
            // Half a frame may be on its way.
            let _ = writer.shutdown(Shutdown::Both);
            drop(writer);
            self.incoming.lose(&Broken::from(error));
            return Err(self.lost());
        }
        self.sent_bytes.fetch_add(frame.bytes(), Ordering::Relaxed);
        Ok(())
    }

    /// A job that will be asked for, by its number.
    pub(super) fn job(&self) -> Job<'_> {
        let number = self.next_job.fetch_add(1, Ordering::Relaxed);
        let (sender, told) = unbounded();
        let mut state = self.incoming.lock();
        // Of a connection that is lost nothing will come.
        if state.lost.is_none() {
            state.jobs.insert(number, sender);
        }
        drop(state);
        Job {
            link: self,
            number,
            told,
            has_ended: false,
        }
    }

    /// What to say where the connection is lost.
    pub(super) fn lost(&self) -> ModelError {
        let lost = self.incoming.lock().lost.clone();
        ModelError::Remote(format!(
            "the connection to {} was lost ({}): nothing was changed here; ask again, which connects anew",
            self.address,
            lost.as_deref().unwrap_or("the other end closed it")
        ))
    }

    /// What to say where what came makes no sense, after which nothing more is heard.
    pub(super) fn misunderstood(&self, broken: &Broken) -> ModelError {
        self.incoming.lose(broken);
        self.close();
        self.lost()
    }

    fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writer.shutdown(Shutdown::Both);
    }
}

impl Drop for Link {
    /// Ends the thread that listens.
    fn drop(&mut self) {
        self.close();
    }
}

/// A job elsewhere. One that is dropped before its end is cancelled there.
pub(super) struct Job<'a> {
    link: &'a Link,
    pub(super) number: u64,
    told: Receiver<Told>,
    has_ended: bool,
}

impl Job<'_> {
    /// Waits for its end, reports its progress, and lets what is more urgent here go first.
    ///
    /// # Errors
    /// Cancelled here or there, failed there, the connection lost.
    pub(super) fn wait(self, ctx: &JobContext) -> Result<Told, ModelError> {
        self.wait_seeing(ctx, |_| Ok(()))
    }

    /// As [`Self::wait`]; `seen` is given how a lesson goes on.
    ///
    /// # Errors
    /// As there; what `seen` makes no sense of.
    pub(super) fn wait_seeing(
        mut self,
        ctx: &JobContext,
        seen: impl Fn(&[Vec<u8>]) -> Result<(), Broken>,
    ) -> Result<Told, ModelError> {
        loop {
            match self.told.recv_timeout(POLL) {
                Ok((Tell::Seen { .. }, parts)) => {
                    seen(&parts).map_err(|broken| self.link.misunderstood(&broken))?;
                }
                Ok((
                    Tell::Progress {
                        fraction, stage, ..
                    },
                    _,
                )) => ctx.step(fraction, &stage)?,
                Ok((end, parts)) => {
                    self.has_ended = true;
                    return match end {
                        Tell::Failed { reason, .. } => Err(ModelError::Remote(reason)),
                        Tell::Cancelled { .. } => {
                            ctx.check()?;
                            Err(ModelError::Remote(
                                "the job was cancelled where it computed: ask again".to_owned(),
                            ))
                        }
                        end => Ok((end, parts)),
                    };
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.link.incoming.silence() > PATIENCE {
                        let silent = io::Error::from(io::ErrorKind::TimedOut);
                        return Err(self.link.misunderstood(&Broken::from(silent)));
                    }
                    ctx.check()?;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.link.lost()),
            }
        }
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        self.link.incoming.lock().jobs.remove(&self.number);
        if !self.has_ended && !self.link.is_lost() {
            // Whoever is gone computes nothing.
            let _ = self
                .link
                .send(&Ask::Cancel { job: self.number }, Vec::new());
        }
    }
}

impl Incoming {
    fn new() -> Self {
        Self {
            state: Mutex::new(State {
                jobs: HashMap::new(),
                lost: None,
            }),
            heard_ms: AtomicU64::new(0),
            start: Instant::now(),
            bytes: AtomicU64::new(0),
        }
    }

    /// No job runs under this lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long nothing has come.
    fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
        self.start.elapsed().saturating_sub(heard)
    }

    /// Sorts what comes until nothing does.
    fn listen(&self, stream: TcpStream) {
        let mut reader = BufReader::new(Heard {
            stream,
            incoming: self,
        });
        let broken = loop {
            match Frame::read(&mut reader).and_then(Frame::opened::<Tell>) {
                Ok((tell, parts)) => self.sort(tell, parts),
                Err(broken) => break broken,
            }
        };
        let _ = reader.into_inner().stream.shutdown(Shutdown::Both);
        self.lose(&broken);
    }

    fn sort(&self, tell: Tell, parts: Vec<Vec<u8>>) {
        let state = self.lock();
        if let Some(to) = tell.job().and_then(|job| state.jobs.get(&job)) {
            // Nobody waits for a job that was cancelled.
            let _ = to.send((tell, parts));
        }
    }

    /// Ends all jobs; the first reason stays.
    fn lose(&self, why: &Broken) {
        let mut state = self.lock();
        state.lost.get_or_insert_with(|| why.to_string());
        state.jobs.clear();
    }
}

/// A stream that notes when something comes.
struct Heard<'a> {
    stream: TcpStream,
    incoming: &'a Incoming,
}

impl Read for Heard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let now = self.incoming.start.elapsed().as_millis() as u64;
        self.incoming.heard_ms.store(now, Ordering::Relaxed);
        self.incoming
            .bytes
            .fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A stream to the first of the host's addresses that answers.
fn connected(address: &Address) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for place in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, CONNECTING) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What is served, said right after the greeting.
fn welcomed(stream: &mut TcpStream) -> Result<Welcome, Broken> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (welcome, _) = Frame::read(stream)?.opened()?;
    stream.set_read_timeout(None)?;
    Ok(welcome)
}
