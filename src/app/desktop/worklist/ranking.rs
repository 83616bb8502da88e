//! How much each case is worth reading: found out while nothing else goes on, once the user orders the list by it.
//!
//! Files are read on a thread of its own; the model judges as background work, so that whatever the user asks for goes first.

use std::collections::BTreeSet;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::app::desktop::files::next_key;
use crate::app::desktop::window::Window;
use crate::app::desktop::worker::{WorkEvent, Worker};
use crate::app::ranking::{self, CaseToRank, RankError};
use crate::engine::{JobId, Request, Task};
use crate::project::{Measure, Project, Rank, WhyNot};

use super::ahead::Ahead;

/// What finds it out.
pub(super) struct Ranking {
    worker: Worker<Step>,
    sender: Sender<(String, Rank)>,
    judged: Receiver<(String, Rank)>,
    under_way: Option<UnderWay>,
    /// Cases that need not be looked at again with this model.
    over: BTreeSet<String>,
}

/// The case that is being ranked.
struct UnderWay {
    id: String,
    /// The project that is open, while it is.
    project: Arc<Project>,
    /// The model's part.
    job: Option<JobId>,
}

/// What the thread for files has done.
enum Step {
    /// What is to be judged; nothing where all is known.
    Read(Result<Option<Box<CaseToRank>>, RankError>),
    /// What this reader may know of the case now.
    Kept(String, Option<Box<Rank>>),
}

impl Ranking {
    pub fn new(waker: impl Fn() + Send + Sync + 'static) -> std::io::Result<Self> {
        let (sender, judged) = unbounded();
        Ok(Self {
            worker: Worker::start("ranking", waker)?,
            sender,
            judged,
            under_way: None,
            over: BTreeSet::new(),
        })
    }

    pub fn is_running(&self) -> bool {
        self.under_way.is_some()
    }

    /// A case is to be looked at again; all with another model or another worklist.
    pub fn forget(&mut self, id: Option<&str>) {
        match id {
            Some(id) => {
                self.over.remove(id);
            }
            None => self.over.clear(),
        }
    }
}

impl Window {
    /// Ranks the next case that has no number, unless there is something else to do.
    pub(in crate::app::desktop) fn rank_cases(&mut self) {
        let Some(measure) = self.state.worklist.ranked_by() else {
            return;
        };
        let is_idle = !self.is_busy();
        let card = self.engine_status.card().cloned();
        let (ranking, open) = (&mut self.worklist.ranking, &self.worklist.open);
        let (Some(card), Some(open)) = (card, open.as_ref().filter(|_| is_idle)) else {
            return;
        };
        // What is left to read is wanted first.
        let entries = &open.shown.entries;
        let left = entries.iter().filter(|e| e.is_left());
        let mut all = left.chain(entries.iter().filter(|e| !e.is_left()));
        let Some(entry) = all.find(|e| !ranking.over.contains(&e.id)) else {
            return self.go_ahead_by(measure);
        };
        let (id, project) = (entry.id.clone(), Arc::clone(&open.project));
        ranking.over.insert(id.clone());
        ranking.under_way = Some(UnderWay {
            id: id.clone(),
            project: Arc::clone(&project),
            job: None,
        });
        let key = next_key();
        ranking.worker.submit(move |ctx| {
            let asked = (key, false);
            let read = ranking::read(&project, &id, &card, asked, ctx);
            Step::Read(read.map(|case| case.map(Box::new)))
        });
    }

    /// Takes over what was read, judged and kept.
    pub(in crate::app::desktop) fn drain_ranking(&mut self) {
        for event in self.worklist.ranking.worker.drain() {
            let WorkEvent::Finished { outcome, .. } = event else {
                continue;
            };
            match outcome {
                Some(Step::Read(Ok(Some(case)))) if case.asked.is_some() => self.judge(case),
                Some(Step::Read(Ok(Some(case)))) => self.keep_rank(case.rank),
                Some(Step::Read(Ok(None))) => self.worklist.ranking.under_way = None,
                Some(Step::Kept(reader, Some(rank))) => self.show_rank(Some(&reader), *rank),
                // What is wrong with it is told when the user comes to it.
                Some(Step::Read(Err(_)) | Step::Kept(_, None)) | None => {
                    self.show_rank(None, Rank::none(WhyNot::Failed));
                }
            }
        }
    }

    fn judge(&mut self, case: Box<CaseToRank>) {
        let judged = self.worklist.ranking.sender.clone();
        let task = Task::new(move |model, ctx| {
            // Nobody waits any more where the window is gone.
            let _ = judged.send((case.id.clone(), case.judged(model, ctx)?));
            Ok::<(), RankError>(())
        });
        let job = self.engine.submit(Request::Background { task });
        if let Some(under_way) = &mut self.worklist.ranking.under_way {
            under_way.job = Some(job);
        }
    }

    /// A job of the engine has ended: if it was this one, its number is kept.
    pub(in crate::app::desktop) fn judged(&mut self, job: JobId) {
        let ranking = &self.worklist.ranking;
        let under_way = ranking.under_way.as_ref();
        let Some(ours) = under_way.filter(|u| u.job == Some(job)) else {
            return;
        };
        // A model that was left may have answered for another case meanwhile.
        let answers = ranking.judged.try_iter();
        match answers.filter(|(id, _)| *id == ours.id).last() {
            Some((_, rank)) => self.keep_rank(rank),
            None => self.show_rank(None, Rank::none(WhyNot::Failed)),
        }
    }

    /// Another model judges from now on: what the old one was asked comes to nothing.
    pub(in crate::app::desktop) fn rank_anew(&mut self) {
        let ranking = &mut self.worklist.ranking;
        ranking.forget(None);
        if ranking.under_way.as_ref().is_some_and(|u| u.job.is_some()) {
            ranking.under_way = None;
        }
    }

    fn keep_rank(&mut self, rank: Rank) {
        let (ranking, open) = (&mut self.worklist.ranking, &self.worklist.open);
        let (Some(under_way), Some(open)) = (&ranking.under_way, open) else {
            ranking.under_way = None;
            return;
        };
        let (id, project) = (under_way.id.clone(), Arc::clone(&under_way.project));
        let reader = open.shown.reader.clone();
        ranking.worker.submit(move |_| {
            let kept = project.save_rank(&id, &rank);
            let shown = kept.and_then(|()| project.rank_for(&id, &reader));
            Step::Kept(reader, shown.ok().map(Box::new))
        });
    }

    /// Shows the numbers of the case that was ranked, those that `reader` may see, if it is still in the list and the reader
    /// still the same.
    fn show_rank(&mut self, reader: Option<&str>, rank: Rank) {
        let Some(done) = self.worklist.ranking.under_way.take() else {
            return;
        };
        let Some(open) = &mut self.worklist.open else {
            return;
        };
        let is_same = reader.is_none_or(|reader| reader == open.shown.reader);
        if is_same && Arc::ptr_eq(&open.project, &done.project) {
            let entry = open.shown.entries.iter_mut().find(|e| e.id == done.id);
            if let Some(entry) = entry {
                entry.rank = rank;
            }
        }
    }

    /// The case that was read ahead is the one that comes next in this order.
    fn go_ahead_by(&mut self, measure: Measure) {
        let Some(open) = &self.worklist.open else {
            return;
        };
        if let Ahead::Read(read, _) = &open.ahead
            && open
                .next_case(Some(measure))
                .is_some_and(|next| next != read.id)
        {
            self.read_ahead();
        }
    }
}
