//! A client: what it asks, on a thread of its own, and what it is told, on another.

use std::io::BufReader;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use crate::engine::{Asker, Event, Request};

use super::super::coding::answer::{FoundForm, PromptedForm, mask_part};
use super::super::coding::lesson::LessonForm;
use super::super::failure::{Broken, MISSING_PART, PATIENCE};
use super::super::frame::Frame;
use super::super::greeting::{Unfit, answer};
use super::super::message::{Ask, Tell, Welcome};
use super::super::token::Token;
use super::desk::{Desk, News, Report, Wanted};
use super::lessons::{LessonCases, Lessons};
use super::scans::Scans;

/// A client hears something as often, so that it knows a dead connection from a long job.
const BEAT: Duration = Duration::from_secs(2);
/// Most jobs of a client at a time.
const MOST_JOBS: usize = 32;

/// Attends to a client until it leaves; then its jobs are stopped and its scans forgotten.
///
/// # Errors
/// Another version or token; why it left.
pub(super) fn attend(
    mut stream: TcpStream,
    (desk, lessons): (&Desk, &Lessons),
    token: &Token,
) -> Result<(), Unfit> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    answer(&mut stream, token)?;
    welcome(&mut stream, desk)?;
    let (news, to_tell) = unbounded();
    let telling = stream.try_clone()?;
    std::thread::Builder::new()
        .name("telling".to_owned())
        .spawn(move || tell(telling, &to_tell))?;
    let mut client = Client {
        desk,
        asker: desk.asker(),
        news,
        scans: Scans::default(),
        lessons,
        lesson: LessonCases::default(),
    };
    let left = client.listen(&stream);
    client.leave();
    let _ = stream.shutdown(Shutdown::Both);
    Err(left.into())
}

fn welcome(stream: &mut TcpStream, desk: &Desk) -> Result<(), Unfit> {
    let (card, device) = (desk.card(), desk.device());
    let card = toml::to_string(card).ok();
    let card = card.ok_or(Broken::Nonsense("a card that is no text"))?;
    let welcome = Welcome {
        card,
        device: format!("{} ({})", device.kind, device.name),
    };
    Ok(Frame::new(&welcome, Vec::new()).write(stream)?)
}

/// Who asks.
struct Client<'a> {
    desk: &'a Desk,
    asker: Asker,
    news: Sender<News>,
    scans: Scans,
    lessons: &'a Lessons,
    /// The cases of the next one.
    lesson: LessonCases,
}

impl Client<'_> {
    /// Does what is asked until the client leaves or makes no sense.
    fn listen(&mut self, stream: &TcpStream) -> Broken {
        let mut reader = BufReader::new(stream);
        loop {
            let asked = Frame::read(&mut reader).and_then(Frame::opened::<Ask>);
            if let Err(broken) = asked.and_then(|(ask, parts)| self.heed(ask, parts)) {
                return broken;
            }
        }
    }

    fn heed(&mut self, ask: Ask, parts: Vec<Vec<u8>>) -> Result<(), Broken> {
        match ask {
            Ask::Scan { scan, form } => self.scans.expect(scan, self.desk.scan_key(), form)?,
            Ask::Piece { scan } => {
                let piece = parts.first();
                let piece = piece.ok_or(MISSING_PART)?;
                self.scans.append(scan, piece)?;
            }
            Ask::Auto {
                job,
                scans,
                structures,
            } => self.auto(job, &scans, structures),
            Ask::Prompt {
                job,
                scan,
                asked,
                is_preview,
            } => match self.scans.whole(scan) {
                None => self.say(Tell::Missing { job }),
                Some((scan, image)) => {
                    let dims = image.grid().dims;
                    let asked = asked.asked(parts, image.grid())?;
                    let request = match is_preview {
                        true => Request::Preview { scan, image, asked },
                        false => Request::Prompt { scan, image, asked },
                    };
                    self.submit(job, dims, request);
                }
            },
            Ask::Case { scan, case } => {
                let whole = self.scans.whole(scan);
                self.scans.forget(&[scan]);
                if let Some((_, image)) = whole {
                    self.lesson.add(case.case(image, parts.first())?);
                }
            }
            Ask::Teach { job, lesson } => self.teach(job, lesson),
            Ask::Cancel { job } => self.desk.cancel(self.asker, Some(job)),
            Ask::Forget { scans } => self.scans.forget(&scans),
            Ask::ForgetAll => self.forget_all(),
        }
        Ok(())
    }

    fn auto(&mut self, job: u64, scans: &[u64], structures: Option<Vec<String>>) {
        let whole = scans.iter().map(|&scan| self.scans.whole(scan));
        let mut whole = whole.collect::<Option<Vec<_>>>().unwrap_or_default();
        if whole.is_empty() {
            return self.say(Tell::Missing { job });
        }
        let (scan, image) = whole.remove(0);
        let others: Vec<_> = whole.into_iter().map(|(_, image)| image).collect();
        let dims = image.grid().dims;
        if others.iter().any(|other| other.grid().dims != dims) {
            let reason = "the images are not of one grid".to_owned();
            return self.say(Tell::Failed { job, reason });
        }
        let request = Request::Auto {
            scan,
            image,
            others,
            structures,
        };
        self.submit(job, dims, request);
    }

    /// Begins a lesson, which tells by itself what came of it: of such a task the engine knows only that it has ended.
    fn teach(&mut self, job: u64, form: LessonForm) {
        let cases = std::mem::take(&mut self.lesson);
        let told = self.news.clone();
        match cases.task((job, form), self.lessons, told) {
            Ok(task) => self.submit(job, [0; 3], Request::Training { task }),
            Err(reason) => self.say(Tell::Failed { job, reason }),
        }
    }

    fn submit(&self, number: u64, dims: [usize; 3], request: Request) {
        if self.desk.count(self.asker) >= MOST_JOBS {
            let reason = "too many jobs wait there: try again in a moment".to_owned();
            return self.say(Tell::Failed {
                job: number,
                reason,
            });
        }
        let wanted = Wanted {
            asker: self.asker,
            number,
            dims,
            to: &self.news,
        };
        self.desk.submit(&wanted, request);
    }

    fn say(&self, tell: Tell) {
        // Whoever writes is gone only where the client is.
        let _ = self.news.send(News::Said(tell, Vec::new()));
    }

    /// Nothing of its scans stays on this machine.
    fn forget_all(&mut self) {
        self.lesson = LessonCases::default();
        if self.scans.clear() {
            self.desk.drop_caches(self.asker);
        }
    }

    fn leave(&mut self) {
        self.desk.cancel(self.asker, None);
        self.forget_all();
    }
}

/// Writes what a client is told until it is gone, or has left.
fn tell(mut stream: TcpStream, news: &Receiver<News>) {
    loop {
        let said = match news.recv_timeout(BEAT) {
            Ok(News::Said(tell, parts)) => Some((tell, parts)),
            Ok(News::Happened(report)) => told(report),
            Err(RecvTimeoutError::Timeout) => Some((Tell::Beat, Vec::new())),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let written = said.map_or(Ok(()), |said| fitting(said).write(&mut stream));
        if written.is_err() {
            // Whoever listens to the client hears of it so.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// What a client is told of what happened to its job, with the parts.
fn told(report: Report) -> Option<(Tell, Vec<Vec<u8>>)> {
    let job = report.number;
    Some(match report.event {
        Event::Progress {
            fraction, stage, ..
        } => {
            let progress = Tell::Progress {
                job,
                fraction,
                stage,
            };
            (progress, Vec::new())
        }
        Event::FinishedAuto { result, .. } => {
            let (result, parts) = FoundForm::of(&result);
            (Tell::Found { job, result }, parts)
        }
        Event::FinishedPrompt { result, .. } => {
            let (result, parts) = PromptedForm::of(&result);
            (Tell::Prompted { job, result }, parts)
        }
        Event::FinishedPreview { region, .. } => {
            let part = mask_part(region.as_ref(), report.dims);
            (Tell::Previewed { job }, vec![part])
        }
        Event::Failed { message, .. } => {
            let reason = message;
            (Tell::Failed { job, reason }, Vec::new())
        }
        Event::Cancelled { .. } => (Tell::Cancelled { job }, Vec::new()),
        Event::ModelReady { .. }
        | Event::ModelFailed { .. }
        | Event::Started { .. }
        | Event::FinishedTask { .. } => return None,
    })
}

/// A frame that the other end takes; of more than any message has the job is told to have failed.
fn fitting((tell, parts): (Tell, Vec<Vec<u8>>)) -> Frame {
    let job = tell.job();
    let reason = match &tell {
        Tell::Taught { .. } => "what was taught is too much to be sent: teach on that machine",
        _ => "the answer is too much to be sent: ask for fewer structures",
    };
    let frame = Frame::new(&tell, parts);
    match job.filter(|_| !frame.fits()) {
        None => frame,
        Some(job) => {
            let reason = reason.to_owned();
            Frame::new(&Tell::Failed { job, reason }, Vec::new())
        }
    }
}
