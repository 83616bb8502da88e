//! Colour tables of 3D Slicer as it writes them today: CSV, or separated by tabs, with a header that has `LabelValue`.

use crate::volume::LabelTable;

use super::{Format, LabelEntry, channel, name_or_value, value};

pub(super) const FORMAT: Format = Format {
    name: "3D Slicer colour table (CSV)",
    endings: &["csv"],
    is: |text| {
        let header = text.lines().next().unwrap_or_default();
        header
            .split([',', '\t'])
            .any(|field| field.trim().trim_matches('"') == KEY)
    },
    read,
    write,
};

const KEY: &str = "LabelValue";
const COLOR: [&str; 3] = ["Color_R", "Color_G", "Color_B"];

fn read(text: &str) -> Result<Vec<LabelEntry>, String> {
    let header = text.lines().next().unwrap_or_default();
    let separator = if header.contains('\t') { '\t' } else { ',' };
    let mut records = records(text, separator).into_iter();
    let (_, header) = records.next().unwrap_or_default();
    let column = |name: &str| header.iter().position(|field| field.trim() == name);
    let key = column(KEY).ok_or_else(|| format!("there is no column {KEY}"))?;
    let name = column("Name");
    let color = COLOR.map(column);
    let mut entries = Vec::new();
    for (n, record) in records {
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).map(|f| f.trim());
        let Some(value) = value(field(Some(key)).unwrap_or_default(), n)? else {
            continue;
        };
        let channels = color.map(field).map(|f| f.filter(|f| !f.is_empty()));
        let color = match channels {
            [Some(r), Some(g), Some(b)] => Some([channel(r, n)?, channel(g, n)?, channel(b, n)?]),
            _ => None,
        };
        entries.push(LabelEntry {
            value: Some(value),
            name: name_or_value(field(name).unwrap_or_default(), value),
            color,
            visible: true,
        });
    }
    Ok(entries)
}

/// The records with the numbers of the lines that they begin in, from 1. Fields in double quotes may hold separators, line
/// breaks and, doubled, quotes; empty lines are none.
fn records(text: &str, separator: char) -> Vec<(usize, Vec<String>)> {
    let mut records = Vec::new();
    let (mut line, mut begins) = (1, 1);
    let mut record = vec![String::new()];
    let mut is_quoted = false;
    let mut letters = text.chars().chain(['\n']).peekable();
    while let Some(letter) = letters.next() {
        line += usize::from(letter == '\n');
        let last = record.len() - 1;
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                record[last].push('"');
            }
            '"' => is_quoted = !is_quoted,
            '\n' if !is_quoted => {
                let ended = std::mem::replace(&mut record, vec![String::new()]);
                if ended.iter().any(|field| !field.is_empty()) {
                    records.push((begins, ended));
                }
                begins = line;
            }
            '\r' if !is_quoted => {}
            _ if letter == separator && !is_quoted => record.push(String::new()),
            _ => record[last].push(letter),
        }
    }
    records
}

fn write(table: &LabelTable) -> String {
    let mut text = String::from("LabelValue,Name,Color_R,Color_G,Color_B,Color_A\n");
    for label in table.labels() {
        let [r, g, b] = label.color;
        let name = match label.name.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", label.name.replace('"', "\"\"")),
            false => label.name.clone(),
        };
        text.push_str(&format!("{},{name},{r},{g},{b},255\n", label.value));
    }
    text
}
