//! The report of a lesson: one HTML file that needs nothing beside it.
//!
//! It holds pixels of the scans and the names of the cases, and says so first. It is written where it is asked for, and
//! nowhere else.

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbaImage};

use crate::io::{IoError, atomic};
use crate::models::{Course, Verdict};
use crate::train::teach::{CaseScores, Score, TeachReport};
use crate::util::about::NOTICE;
use crate::util::sentence;

use super::pictures::{FOUND_COLOUR, TRUTH_COLOUR};
use super::{Lesson, drawn, examples};

/// Pixels along a side of a picture.
const SIDE: u32 = 360;
/// Width and height of the curves, in pixels.
const CURVES: [f64; 2] = [720.0, 180.0];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;color:#1c2024;background:#fff;max-width:62rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}\
.notice{border-left:4px solid #b8860b;background:#fdf6e3;padding:.6rem 1rem}\
.verdict{font-size:1.1rem;font-weight:600}\
table{border-collapse:collapse;margin:.8rem 0}th,td{padding:.25rem .7rem;border-bottom:1px solid #d8dce0;text-align:right}\
th:first-child,td:first-child,td.text,th.text{text-align:left}tr.mean td{font-weight:600;border-top:2px solid #8a9099}\
figure{display:inline-block;margin:.3rem .6rem .3rem 0}figcaption{font-size:.85rem;color:#4a5158}\
img,svg{background:#000;max-width:100%}svg{background:#f7f8f9}";

/// Writes the report, complete or not at all.
///
/// # Errors
/// A file that cannot be written, a picture that cannot be made.
pub fn write_report(path: &Path, lesson: &Lesson<'_>) -> Result<(), IoError> {
    let page = page(lesson).map_err(|e| IoError::output(path, e.to_string()))?;
    atomic::replace_text(path, &page)
}

fn page(lesson: &Lesson<'_>) -> Result<String, image::ImageError> {
    let report = lesson.report;
    let title = escaped(&report.card.title);
    let parts = [
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body>\n\
             <h1>{title}</h1>\n\
             <p class=\"notice\"><b>This file holds slices of the scans that were taught from, and the names of their cases.</b> \
             Treat it as you treat the scans. The adapter holds neither.</p>\n\
             <p class=\"notice\">{}</p>\n",
            escaped(NOTICE)
        ),
        decision(report),
        card(report),
        table(lesson),
        curves(lesson.course),
        pictures(lesson)?,
        method(report),
        "</body></html>\n".to_owned(),
    ];
    Ok(parts.concat())
}

/// What the gate decided, in words.
fn decision(report: &TeachReport) -> String {
    let count = report.held_out.len();
    let told = match report.gain {
        None => report.unmeasured().unwrap_or_default().to_owned(),
        Some(gain) => {
            let interval = gain.noise.map_or_else(String::new, |noise| {
                format!(
                    " (90&nbsp;% interval {:+.3} to {:+.3})",
                    gain.dice - noise,
                    gain.dice + noise
                )
            });
            format!(
                "On {count} cases, each left out of learning in its turn, the mean Dice changed by {:+.3}{interval}.",
                gain.dice
            )
        }
    };
    let done = match (report.bytes.is_some(), report.verdict) {
        (true, Verdict::Better) => "It was kept.",
        (true, _) => "It was kept all the same, because that was asked for.",
        (false, Verdict::Worse) => {
            "It was not kept, and what is worse never is: look for cases that are labelled wrongly, the worst first."
        }
        (false, _) => {
            "It was not kept: add cases, look for wrong labels, or keep it although it is not proven."
        }
    };
    format!(
        "<h2>Decision</h2>\n<p class=\"verdict\">{}</p>\n<p>{told} {done}</p>\n",
        sentence(report.verdict.words())
    )
}

fn card(report: &TeachReport) -> String {
    let card = &report.card;
    let mut rows = vec![
        ("Model", card.id.clone()),
        ("Description", card.description.clone()),
    ];
    if let Some(taught) = &card.taught {
        let learnt = match &taught.structure {
            Some(s) => format!(
                "{}, found in {} without a prompt, at {} mm",
                s.name,
                s.modality.name(),
                s.spacing_mm.map(|mm| mm.to_string()).join(" x ")
            ),
            None => "answers to boxes and clicks".to_owned(),
        };
        rows.extend([
            ("Taught", learnt),
            ("Cases", taught.cases.to_string()),
            (
                "Method",
                format!("{} ({} values learn)", taught.method, report.parameters),
            ),
            (
                "Base",
                format!("{}, SHA-256 {}", taught.base, taught.base_sha256),
            ),
            ("Date", taught.date.clone()),
        ]);
        if let Some(teacher) = &taught.teacher {
            rows.push((
                "Teacher",
                format!(
                    "{} (its {}), lambda {}; {} of the cases have labels",
                    teacher.id, teacher.structure, teacher.lambda, teacher.labelled
                ),
            ));
        }
    }
    let adapter = report.bytes.map_or_else(
        || "not written".to_owned(),
        |bytes| format!("{:.1} MB, no pixels inside", bytes as f64 / 1e6),
    );
    rows.extend([
        ("Adapter", adapter),
        ("Time", format!("{:.1} min", report.seconds / 60.0)),
    ]);
    let mut text = "<h2>Card</h2>\n<table>\n".to_owned();
    for (name, value) in rows {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "<tr><td class=\"text\">{name}</td><td class=\"text\">{}</td></tr>",
            escaped(&value)
        );
    }
    text.push_str("</table>\n");
    text
}

/// Every case that was left out, before and after, and the means.
fn table(lesson: &Lesson<'_>) -> String {
    let report = lesson.report;
    if report.held_out.is_empty() {
        return String::new();
    }
    let mut text = "<h2>Cases that were left out</h2>\n<table>\n<tr><th>Case</th><th class=\"text\">Given</th>\
        <th>Dice before</th><th>after</th><th>difference</th><th>NSD before</th><th>after</th>\
        <th>Surface distance before</th><th>after</th></tr>\n"
        .to_owned();
    for case in &report.held_out {
        for (before, after) in case.before.iter().zip(&case.after) {
            let title = lesson.titles.get(case.case);
            let title = title.map_or_else(|| (case.case + 1).to_string(), |t| escaped(t));
            row(&mut text, (&title, ""), before, after, "");
        }
    }
    for (n, compared) in report.measured.iter().enumerate() {
        let mean_mm = |side: fn(&CaseScores) -> &[Score]| {
            let all = report.held_out.iter();
            let all = all.map(|case| side(case).get(n).and_then(|s| s.assd_mm));
            let all: Option<Vec<f64>> = all.collect();
            all.map(|mm| mm.iter().sum::<f64>() / mm.len() as f64)
        };
        let score = |dice, nsd, assd_mm| Score {
            given: compared.given.clone(),
            dice,
            nsd,
            assd_mm,
        };
        let before = score(
            compared.dice_before,
            compared.nsd_before,
            mean_mm(|c| &c.before),
        );
        let after = score(
            compared.dice_after,
            compared.nsd_after,
            mean_mm(|c| &c.after),
        );
        let noise = compared.dice_noise.map(|noise| format!(" ± {noise:.3}"));
        let noise = noise.unwrap_or_default();
        row(
            &mut text,
            ("mean", " class=\"mean\""),
            &before,
            &after,
            &noise,
        );
    }
    text.push_str("</table>\n");
    if let Some(dice) = report.measured.first().and_then(|row| row.dice_teacher) {
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "<p>The teacher itself: mean Dice {dice:.3} on these cases.</p>"
        );
    }
    text
}

fn row(
    text: &mut String,
    (title, class): (&str, &str),
    before: &Score,
    after: &Score,
    noise: &str,
) {
    let mm = |score: &Score| {
        let mm = score.assd_mm;
        mm.map_or_else(|| "one is empty".to_owned(), |mm| format!("{mm:.2} mm"))
    };
    // Writing into a string cannot fail.
    let _ = writeln!(
        text,
        "<tr{class}><td>{title}</td><td class=\"text\">{}</td><td>{:.3}</td><td>{:.3}</td><td>{:+.3}{noise}</td>\
         <td>{:.3}</td><td>{:.3}</td><td>{}</td><td>{}</td></tr>",
        escaped(&after.given),
        before.dice,
        after.dice,
        after.dice - before.dice,
        before.nsd,
        after.nsd,
        mm(before),
        mm(after),
    );
}

/// The losses of all runs, smoothed.
fn curves(course: &Course) -> String {
    let runs: Vec<_> = (0..course.losses.len())
        .map(|run| course.smoothed(run))
        .filter(|points| points.len() > 1)
        .collect();
    let highest = runs.iter().flatten().map(|p| p[1]).fold(0.0, f64::max);
    if highest <= 0.0 {
        return String::new();
    }
    let [width, height] = CURVES;
    let mut lines = String::new();
    for points in &runs {
        let place = |[step, loss]: &[f64; 2]| {
            let x = step / course.steps.max(1) as f64 * width;
            format!("{x:.1},{:.1}", height - loss / highest * height)
        };
        let places: Vec<String> = points.iter().map(place).collect();
        // Writing into a string cannot fail.
        let _ = write!(
            lines,
            "<polyline fill=\"none\" stroke=\"#2e789e\" stroke-width=\"1.5\" points=\"{}\"/>",
            places.join(" ")
        );
    }
    format!(
        "<h2>Loss</h2>\n<figure><svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">{lines}</svg>\
         <figcaption>A line for each run, over {} steps, from 0 to {highest:.3}; each point is the mean of ten steps.</figcaption></figure>\n",
        course.steps
    )
}

fn pictures(lesson: &Lesson<'_>) -> Result<String, image::ImageError> {
    let mut text = String::new();
    for example in examples(&lesson.report.held_out) {
        let scores = example.scores;
        let Some(case) = lesson.cases.get(scores.case) else {
            continue;
        };
        let Some(pictures) = drawn(case, &scores.pictured, SIDE) else {
            continue;
        };
        let title = lesson.titles.get(scores.case).map_or("", String::as_str);
        let place = format!(
            "{}, slice {} of {}, {} at the left",
            pictures.plane.name().to_lowercase(),
            pictures.slice,
            pictures.slices,
            pictures.left
        );
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "<h3>{}: {} ({place})</h3>",
            sentence(example.which),
            escaped(title)
        );
        let sides = [
            ("before", &pictures.before, &scores.before),
            ("after", &pictures.after, &scores.after),
        ];
        for (when, picture, scores) in sides {
            let given = scores.first().map_or_else(String::new, |s| {
                format!(", {}: Dice {:.3}", escaped(&s.given), s.dice)
            });
            let _ = writeln!(
                text,
                "<figure><img width=\"{SIDE}\" height=\"{SIDE}\" alt=\"{when}\" src=\"data:image/png;base64,{}\">\
                 <figcaption>{when}{given}</figcaption></figure>",
                png(picture)?
            );
        }
    }
    if text.is_empty() {
        return Ok(text);
    }
    let colour = |[r, g, b]: [u8; 3]| format!("rgb({r},{g},{b})");
    let legend = format!(
        "<h2>Examples</h2>\n<p><span style=\"background:#000;padding:.1rem .4rem;color:{}\">outline: drawn by the user</span> \
         <span style=\"background:#000;padding:.1rem .4rem;color:{}\">filled: found</span> \
         The slice of each case with most of what was drawn.</p>\n",
        colour(TRUTH_COLOUR),
        colour(FOUND_COLOUR)
    );
    Ok(legend + &text)
}

fn png(picture: &RgbaImage) -> Result<String, image::ImageError> {
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    Ok(STANDARD.encode(png.get_ref()))
}

/// How it was measured.
fn method(report: &TeachReport) -> String {
    let is_new = report
        .card
        .taught
        .as_ref()
        .and_then(|t| t.structure.as_ref());
    let before = match is_new {
        Some(structure) if !structure.known_to_base => {
            "The base does not know the structure: before is the mean shape of the other cases, which looks at nothing."
        }
        _ => "Before is the base.",
    };
    format!(
        "<h2>How this was measured</h2>\n<p>The cases are divided into parts, and each part is left out once: what the others \
         teach is measured on it. {before} Better or worse is what the 90&nbsp;% interval of the mean difference in Dice (Student's t over \
         the cases) does not reach zero from. NSD is the normalised surface Dice at 2 mm, the surface distance the mean of both \
         directions. What this cannot see is an error made alike in every case.</p>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
