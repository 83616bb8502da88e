//! The parts of a run put together: the report that one process would have made of all cases.

use std::path::{Path, PathBuf};

use super::super::Refusal;
use super::super::cohort::read_record;
use super::Measured;
use super::shard::{DoneCase, ShardFile, in_order};

/// Rows and warnings of all cases, in their order; refused unless each part of one run is there once and finished.
pub(super) fn merged(paths: &[PathBuf]) -> Result<Measured, Refusal> {
    let mut parts: Vec<(&Path, ShardFile)> = Vec::new();
    for path in paths {
        let part: ShardFile = read_record(path)?;
        if let Some((first, of_first)) = parts.first() {
            check_is_same_run((path, &part), (first, of_first))?;
        }
        if let Some((other, _)) = parts.iter().find(|(_, p)| p.shard == part.shard) {
            return Err(Refusal::Other(format!(
                "{}: is part {}/{}, which {} is too: give each part once",
                path.display(),
                part.shard,
                part.of,
                other.display()
            )));
        }
        parts.push((path, part));
    }
    check_is_whole(&parts)?;
    let cases = parts.first().map_or(0, |(_, part)| part.cases);
    let mut done: Vec<DoneCase> = parts.into_iter().flat_map(|(_, part)| part.done).collect();
    done.sort_by_key(|case| case.number);
    if !done.iter().map(|case| case.number).eq(0..cases) {
        let reason = "the parts hold other cases than their own: one of the files was changed; run that part anew";
        return Err(Refusal::Other(reason.to_owned()));
    }
    Ok(in_order(done))
}

fn check_is_same_run(
    (path, part): (&Path, &ShardFile),
    (first, of_first): (&Path, &ShardFile),
) -> Result<(), Refusal> {
    let is_same = part.run == of_first.run && part.cases == of_first.cases;
    let reason = match (is_same, part.of == of_first.of) {
        (true, true) => return Ok(()),
        (true, false) => format!("is one of {} parts, not of {}", part.of, of_first.of),
        (false, _) => {
            "is a part of another run (other cases, protocol, options, model or program)".to_owned()
        }
    };
    Err(Refusal::Other(format!(
        "{}: {reason} as {}: give the parts of one run",
        path.display(),
        first.display()
    )))
}

fn check_is_whole(parts: &[(&Path, ShardFile)]) -> Result<(), Refusal> {
    let of = parts.first().map_or(0, |(_, part)| part.of);
    let is_there = |number: usize| parts.iter().any(|(_, part)| part.shard == number);
    let missing: Vec<String> = (1..=of)
        .filter(|&number| !is_there(number))
        .map(|number| format!("{number}/{of}"))
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::Other(format!(
            "parts are missing: {}; give their files too",
            missing.join(", ")
        )));
    }
    let unfinished = parts.iter().find(|(_, part)| !part.left().is_empty());
    match unfinished {
        None => Ok(()),
        Some((path, part)) => Err(Refusal::Other(format!(
            "{}: {} of its cases are not done yet; run part {}/{of} again, and it goes on",
            path.display(),
            part.left().len(),
            part.shard
        ))),
    }
}
