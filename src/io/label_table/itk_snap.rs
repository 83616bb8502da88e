//! Label descriptions of ITK-SNAP: `IDX R G B A VIS MSH "NAME"` in each line.

use crate::volume::LabelTable;

use super::{Format, LabelEntry, channel, lines, name_or_value, value};

pub(super) const FORMAT: Format = Format {
    name: "ITK-SNAP label description",
    endings: &["label", "txt", "lbl"],
    is: |text| lines(text).any(|(_, line)| line.contains('"')),
    read,
    write,
};

fn read(text: &str) -> Result<Vec<LabelEntry>, String> {
    let mut entries = Vec::new();
    for (n, line) in lines(text) {
        let (numbers, name) = line.split_once('"').unwrap_or((line, ""));
        let name = name.split('"').next().unwrap_or_default();
        let [idx, r, g, b, _opacity, visible, _mesh] =
            numbers.split_whitespace().collect::<Vec<_>>()[..]
        else {
            return Err(format!(
                "line {n} has no index, colour, opacity, two flags and name"
            ));
        };
        let Some(value) = value(idx, n)? else {
            continue;
        };
        entries.push(LabelEntry {
            value: Some(value),
            name: name_or_value(name, value),
            color: Some([channel(r, n)?, channel(g, n)?, channel(b, n)?]),
            visible: visible != "0",
        });
    }
    Ok(entries)
}

fn write(table: &LabelTable) -> String {
    let mut text = String::from(
        "################################################\n\
         # ITK-SnAP Label Description File\n\
         # IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL\n\
         ################################################\n\
         \x20   0     0    0    0        0  0  0    \"Clear Label\"\n",
    );
    for label in table.labels() {
        let ([r, g, b], visible) = (label.color, u8::from(label.visible));
        // No escape exists for the mark that ends a name.
        let name = label.name.replace('"', "'");
        let line = format!(
            "{:5} {r:5} {g:4} {b:4} {:>8} {visible:2} {visible:2}    \"{name}\"\n",
            label.value, 1
        );
        text.push_str(&line);
    }
    text
}
