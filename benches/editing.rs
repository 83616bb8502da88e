//! What the window's thread spends on commands that touch a large organ in a scan of 512 x 512 x 300 voxels.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use prosector::geometry::{Affine, Grid, VoxelIndex};
use prosector::io::ScanInfo;
use prosector::models::{AutoResult, PromptedResult, ScanKey};
use prosector::prompt::{Click, Polarity};
use prosector::session::{
    AiCommand, Effect, HistoryCommand, OpenedScan, PromptCommand, ScanCommand, ScanSource, Session,
};
use prosector::util::peak_memory_mb;
use prosector::volume::{
    ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData, Window,
};

const DIMS: [usize; 3] = [512, 512, 300];
const CENTRE: [i64; 3] = [256, 256, 150];

static IMAGE: LazyLock<Arc<ImageVolume>> = LazyLock::new(|| {
    let grid = Grid::new(DIMS, Affine::from_spacing([0.8, 0.8, 1.0], [0.0; 3]));
    let voxels = VoxelData::I16(vec![0; grid.len()]);
    Arc::new(ImageVolume::new(
        grid,
        voxels,
        Rescale::IDENTITY,
        Modality::Ct,
    ))
});

/// A liver and more: a ball of 10 million voxels.
static ORGAN: LazyLock<Mask> = LazyLock::new(|| {
    let mut mask = Mask::empty(*IMAGE.grid());
    for (offset, voxel) in mask.voxels.iter_mut().enumerate() {
        let place = IMAGE.grid().voxel_at(offset).0;
        let squares = (0..3).map(|d| (place[d] - CENTRE[d]).pow(2)).sum::<i64>();
        *voxel = u8::from(squares < 134 * 134);
    }
    mask
});

/// A session in which the model has answered one click with the organ.
fn clicked() -> Session {
    let mut session = Session::default();
    session.apply(ScanCommand::Open(Box::new(OpenedScan {
        image: Arc::clone(&IMAGE),
        info: ScanInfo::default(),
        key: ScanKey(1),
        source: ScanSource::File {
            path: PathBuf::from("scan.nii.gz"),
            series: None,
            frame: None,
            frames_of_slice: None,
            modality: None,
        },
        window: Window {
            level: 40.0,
            width: 400.0,
        },
    })));
    let answer = answer_to_click(&mut session);
    session.apply(answer);
    session
}

fn accepted() -> Session {
    let mut session = clicked();
    session.apply(AiCommand::Accept);
    session
}

/// Clicks into the organ.
fn click(session: &mut Session) -> Vec<Effect> {
    session.apply(PromptCommand::AddClick(Click {
        voxel: VoxelIndex(CENTRE),
        polarity: Polarity::Positive,
    }))
}

/// Clicks into the organ, and says what the model will answer.
fn answer_to_click(session: &mut Session) -> AiCommand {
    let effects = click(session);
    let ticket = effects.iter().find_map(|effect| match effect {
        Effect::RunPrompt { ticket, .. } => Some(*ticket),
        _ => None,
    });
    AiCommand::PromptResult {
        ticket: ticket.expect("a click asks the model"),
        result: PromptedResult {
            mask: ORGAN.clone(),
            estimate: None,
            insight: None,
            structure: None,
            warnings: Vec::new(),
        },
    }
}

/// The organ as an automatic result that waits to be accepted.
fn found() -> Session {
    let mut session = clicked();
    session.apply(AiCommand::Reject);
    let effects = session.apply(AiCommand::RunAuto { structures: None });
    let ticket = effects.iter().find_map(|effect| match effect {
        Effect::RunAuto { ticket, .. } => Some(*ticket),
        _ => None,
    });
    let mut labels = LabelMap::empty(*IMAGE.grid());
    for (label, &inside) in labels.voxels.iter_mut().zip(&ORGAN.voxels) {
        *label = u16::from(inside);
    }
    let mut table = LabelTable::default();
    table.add(1, "liver");
    session.apply(AiCommand::AutoResult {
        ticket: ticket.expect("the model was asked"),
        result: AutoResult {
            labels,
            table,
            estimate: None,
            insight: None,
            nothing: None,
            warnings: Vec::new(),
        },
    });
    session
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn accept_target(bencher: divan::Bencher<'_, '_>) {
    bencher.with_inputs(clicked).bench_local_refs(|session| {
        session.apply(AiCommand::Accept);
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn accept_structures(bencher: divan::Bencher<'_, '_>) {
    bencher.with_inputs(found).bench_local_refs(|session| {
        session.apply(AiCommand::Accept);
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn undo_accepting(bencher: divan::Bencher<'_, '_>) {
    bencher.with_inputs(accepted).bench_local_refs(|session| {
        session.apply(HistoryCommand::Undo);
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn click_again(bencher: divan::Bencher<'_, '_>) {
    bencher.with_inputs(accepted).bench_local_refs(|session| {
        click(session);
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn show_refined(bencher: divan::Bencher<'_, '_>) {
    let ready = || {
        let mut session = accepted();
        let answer = answer_to_click(&mut session);
        (session, Some(answer))
    };
    bencher
        .with_inputs(ready)
        .bench_local_refs(|(session, answer)| {
            session.apply(answer.take().expect("one answer a sample"));
        });
}

fn main() {
    divan::main();
    if let Some(mb) = peak_memory_mb() {
        println!("peak memory {mb} MB");
    }
}
