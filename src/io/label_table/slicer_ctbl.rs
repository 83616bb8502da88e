//! Colour tables of 3D Slicer before they were CSV: `id name r g b a` in each line, spaces of names written as `_`.

use crate::volume::LabelTable;

use super::{Format, LabelEntry, channel, lines, name_or_value, value};

pub(super) const FORMAT: Format = Format {
    name: "3D Slicer colour table",
    endings: &["ctbl"],
    is: |text| {
        lines(text).next().is_some_and(|(_, line)| {
            let words: Vec<&str> = line.split_whitespace().collect();
            matches!(words[..], [id, _, r, ..] if id.parse::<u32>().is_ok() && r.parse::<f64>().is_ok())
        })
    },
    read,
    write,
};

fn read(text: &str) -> Result<Vec<LabelEntry>, String> {
    let mut entries = Vec::new();
    for (n, line) in lines(text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [id, name, r, g, b, ..] = words[..] else {
            return Err(format!("line {n} has no id, name and colour"));
        };
        let Some(value) = value(id, n)? else {
            continue;
        };
        entries.push(LabelEntry {
            value: Some(value),
            name: name_or_value(unquoted(name), value),
            color: Some([channel(r, n)?, channel(g, n)?, channel(b, n)?]),
            visible: true,
        });
    }
    Ok(entries)
}

/// A name without the marks that some versions put around it.
fn unquoted(name: &str) -> &str {
    let inside = name.strip_prefix('\'').and_then(|n| n.strip_suffix('\''));
    inside.unwrap_or(name)
}

fn write(table: &LabelTable) -> String {
    let mut text = format!(
        "# Color table file\n# {} values\n0 Background 0 0 0 0\n",
        table.labels().len() + 1
    );
    for label in table.labels() {
        let [r, g, b] = label.color;
        // Double quotes are the mark of another format.
        let name = label.name.replace('"', "'");
        let name = name.split_whitespace().collect::<Vec<_>>().join("_");
        text.push_str(&format!("{} {name} {r} {g} {b} 255\n", label.value));
    }
    text
}
