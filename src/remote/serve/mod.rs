//! Serving a model to others.

mod client;
mod desk;
mod lesson_folder;
mod lessons;
mod scans;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::models::{ComputeDevice, ModelCard, ModelError, Segmenter};

use super::token::Token;
use desk::Desk;
pub use lessons::Lessons;

/// Most connections at a time.
const MOST_CLIENTS: usize = 16;
/// How long a job may take to stop at the end.
const STOPPING: Duration = Duration::from_secs(5);
/// How long to wait where the system has no connection to give.
const BREATH: Duration = Duration::from_millis(200);

/// Why a model cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened at.
    #[error("{0} cannot be listened at ({1}): choose another port with --listen")]
    Listen(SocketAddr, String),
    /// The model cannot be opened.
    #[error("{0}")]
    Model(String),
}

/// A model that is served at an address, and what teaches there. Listens from its start on, answers in [`Self::run`].
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    desk: Arc<Desk>,
    lessons: Arc<Lessons>,
    token: Token,
    clients: Arc<AtomicUsize>,
}

impl Server {
    /// Listens, and opens the model; should its GPU fail, `on_cpu` opens the one that computes from then on. Port 0 is any
    /// that is free.
    ///
    /// # Errors
    /// The address is taken or not of this machine; the model cannot be opened.
    pub fn start(
        listen: SocketAddr,
        token: Token,
        lessons: Lessons,
        opener: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
        on_cpu: impl FnOnce() -> Result<Box<dyn Segmenter>, ModelError> + Send + 'static,
    ) -> Result<Self, ServeError> {
        let failed = |e: std::io::Error| ServeError::Listen(listen, e.to_string());
        let listener = TcpListener::bind(listen).map_err(failed)?;
        lesson_folder::remove_abandoned();
        let address = listener.local_addr().map_err(failed)?;
        let desk = Desk::open(opener, on_cpu).map_err(ServeError::Model)?;
        Ok(Self {
            listener,
            address,
            desk: Arc::new(desk),
            lessons: Arc::new(lessons),
            token,
            clients: Arc::default(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is served.
    pub fn card(&self) -> &ModelCard {
        self.desk.card()
    }

    /// Where it computes.
    pub fn device(&self) -> &ComputeDevice {
        self.desk.device()
    }

    /// Answers whoever asks, for good. No client ends it, whatever it sends or however it goes.
    pub fn run(&self) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.attend(stream),
                Err(_) => std::thread::sleep(BREATH),
            }
        }
    }

    /// Stops all jobs for good, and waits for a moment until they have: lessons leave nothing then.
    pub fn stop(&self) {
        self.desk.stop(STOPPING);
    }

    /// Gives a client a thread; one too many is turned away.
    fn attend(&self, stream: TcpStream) {
        let place = Place::taken(&self.clients);
        if self.clients.load(Ordering::Relaxed) > MOST_CLIENTS {
            return;
        }
        let (desk, lessons) = (Arc::clone(&self.desk), Arc::clone(&self.lessons));
        let token = self.token.clone();
        let attending = std::thread::Builder::new().name("client".to_owned());
        let attending = attending.spawn(move || {
            let _place = place;
            if let Err(unfit) = client::attend(stream, (&desk, &lessons), &token) {
                tracing::info!("a client was turned away or left: {unfit}");
            }
        });
        if let Err(error) = attending {
            tracing::warn!(kind = ?error.kind(), "no thread for a client");
        }
    }
}

/// One of the clients that are counted.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn taken(clients: &Arc<AtomicUsize>) -> Self {
        clients.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(clients))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
