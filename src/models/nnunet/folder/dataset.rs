//! `dataset.json`: what a network is shown, and what it names.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::models::nnunet::arrays::labels::Heads;

/// The entries of a JSON object in their order, which means something here.
#[derive(Debug, Clone)]
struct Ordered<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Vec<(String, T)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, T>()? {
                    if entries.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom(format!("'{name}' occurs twice")));
                    }
                    entries.push((name, value));
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Values {
    One(u16),
    Several(Vec<u16>),
}

impl Values {
    fn distinct(&self) -> BTreeSet<u16> {
        match self {
            Self::One(value) => BTreeSet::from([*value]),
            Self::Several(values) => values.iter().copied().collect(),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Json {
    #[serde(alias = "modality")]
    channel_names: Ordered<String>,
    labels: Ordered<Values>,
    regions_class_order: Option<Vec<u16>>,
    #[serde(alias = "license")]
    licence: Option<String>,
}

/// What a network is shown, and what its outputs stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Names of the images, in the network's order.
    pub channels: Vec<String>,
    /// What the network's outputs stand for.
    pub heads: Heads,
    /// Labels that the results have, with their names: of a region what it alone has, in the order of the file.
    pub structures: Vec<(u16, String)>,
    /// All labels but the background, ascending: what a cascade's second stage is shown one by one.
    pub foreground: Vec<u16>,
    /// What the file says of its licence.
    pub licence: Option<String>,
}

/// Name of what nothing is learned of.
const IGNORE: &str = "ignore";

impl Dataset {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// What is missing or does not fit together, in words.
    pub fn of_text(text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let licence = json.licence.filter(|text| !text.trim().is_empty());
        let channels = channels(json.channel_names)?;
        let Ordered(mut labels) = json.labels;
        let ignored = labels.iter().position(|(name, _)| name == IGNORE);
        let ignored = ignored.map(|at| labels.remove(at).1.distinct());
        let all: BTreeSet<u16> = labels.iter().flat_map(|(_, v)| v.distinct()).collect();
        if !labels.iter().any(|(_, v)| is_background(v)) {
            return Err("no label has the value 0, which is the background".to_owned());
        }
        let highest = all.last().copied().unwrap_or(0);
        if ignored.is_some_and(|values| values.first().is_some_and(|&v| v <= highest)) {
            return Err("its label 'ignore' does not have the highest value".to_owned());
        }
        let foreground = all.into_iter().filter(|&v| v != 0).collect();
        let is_region = |(_, values): &(String, Values)| values.distinct().len() > 1;
        let (heads, structures) = if labels.iter().any(is_region) {
            of_regions(labels, json.regions_class_order)?
        } else {
            of_classes(labels)?
        };
        Ok(Self {
            channels,
            heads,
            structures,
            foreground,
            licence,
        })
    }
}

fn is_background(values: &Values) -> bool {
    values.distinct() == BTreeSet::from([0])
}

/// The keys are numbers as text, which say the order.
fn channels(Ordered(entries): Ordered<String>) -> Result<Vec<String>, String> {
    let mut numbered = entries
        .into_iter()
        .map(|(key, name)| key.parse().map(|number: usize| (number, name)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_no_number| "its channels are not numbered".to_owned())?;
    numbered.sort_by_key(|(number, _)| *number);
    if numbered.is_empty() || numbered.iter().enumerate().any(|(at, (n, _))| at != *n) {
        return Err("its channels are not numbered 0, 1, 2 and so on".to_owned());
    }
    let names: Vec<String> = numbered.into_iter().map(|(_, name)| name).collect();
    let distinct: BTreeSet<String> = names.iter().map(|n| n.to_lowercase()).collect();
    if distinct.len() == names.len() {
        return Ok(names);
    }
    // Several images of one kind: their numbers tell them apart.
    let numbered = names.into_iter().enumerate();
    Ok(numbered.map(|(at, name)| format!("{name}_{at}")).collect())
}

type Outputs = (Heads, Vec<(u16, String)>);

fn of_classes(labels: Vec<(String, Values)>) -> Result<Outputs, String> {
    let mut structures: Vec<(u16, String)> = labels
        .into_iter()
        .filter_map(|(name, values)| Some((*values.distinct().first()?, name)))
        .collect();
    structures.sort_by_key(|(value, _)| *value);
    let consecutive = structures.iter().map(|(value, _)| usize::from(*value));
    if !consecutive.eq(0..structures.len()) {
        return Err(
            "its labels are not 0, 1, 2 and so on: each output of the network has one".to_owned(),
        );
    }
    let heads = Heads::Classes(structures.len());
    structures.remove(0);
    Ok((heads, structures))
}

fn of_regions(labels: Vec<(String, Values)>, order: Option<Vec<u16>>) -> Result<Outputs, String> {
    let regions = labels.into_iter().filter(|(_, v)| !is_background(v));
    let names: Vec<String> = regions.map(|(name, _)| name).collect();
    let order = order.ok_or("it has regions, but no regions_class_order")?;
    if order.len() != names.len() {
        return Err(format!(
            "it has {} regions, and {} values in regions_class_order",
            names.len(),
            order.len()
        ));
    }
    let mut structures: Vec<(u16, String)> = Vec::new();
    for (&value, name) in order.iter().zip(names) {
        if value == 0 {
            return Err("a value of its regions_class_order is that of the background".to_owned());
        }
        if structures.iter().all(|(other, _)| *other != value) {
            structures.push((value, name));
        }
    }
    Ok((Heads::Regions(order), structures))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(labels: &str, rest: &str) -> Result<Dataset, String> {
        Dataset::of_text(&format!(
            r#"{{"channel_names": {{"0": "CT"}}, "labels": {labels}{rest}}}"#
        ))
    }

    #[test]
    fn outputs_are_counted_as_nnunet_counts_them() {
        let classes = dataset(r#"{"background": 0, "b": 2, "a": 1, "ignore": 3}"#, "").unwrap();
        assert_eq!(classes.heads, Heads::Classes(3));
        let named = |v: u16, name: &str| (v, name.to_owned());
        assert_eq!(classes.structures, [named(1, "a"), named(2, "b")]);
        assert_eq!(classes.foreground, [1, 2]);
        // Regions keep the order of the file, not that of their names.
        let regions = dataset(
            r#"{"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3}"#,
            r#", "regions_class_order": [1, 2, 3]"#,
        );
        let regions = regions.unwrap();
        assert_eq!(regions.heads, Heads::Regions(vec![1, 2, 3]));
        let expected = [named(1, "whole"), named(2, "core"), named(3, "enhancing")];
        assert_eq!(regions.structures, expected);
        assert_eq!(regions.foreground, [1, 2, 3]);
    }

    #[test]
    fn what_does_not_fit_together_is_said() {
        let problem = |labels: &str, rest: &str| dataset(labels, rest).unwrap_err();
        assert!(problem(r#"{"a": 1}"#, "").contains("background"));
        assert!(problem(r#"{"background": 0, "a": 2}"#, "").contains("0, 1, 2"));
        let ignore = r#"{"background": 0, "ignore": 1, "a": 2}"#;
        assert!(problem(ignore, "").contains("highest"));
        let regions = r#"{"background": 0, "a": [1, 2]}"#;
        assert!(problem(regions, "").contains("regions_class_order"));
        assert!(problem(regions, r#", "regions_class_order": [1, 2]"#).contains("1 regions"));
        assert!(problem(r#"{"background": 0, "a": 1, "a": 1}"#, "").contains("twice"));
    }

    #[test]
    fn channels_come_in_the_order_of_their_numbers() {
        let text = r#"{"modality": {"1": "T2", "0": "T1", "10": "e", "2": "c", "3": "d", "4": "f",
            "5": "g", "6": "h", "7": "i", "8": "j", "9": "k"}, "labels": {"background": 0, "a": 1}}"#;
        let channels = Dataset::of_text(text).unwrap().channels;
        assert_eq!(channels[..3], ["T1", "T2", "c"]);
        assert_eq!(channels[10], "e");
        let twice =
            r#"{"channel_names": {"0": "MR", "1": "mr"}, "labels": {"background": 0, "a": 1}}"#;
        assert_eq!(Dataset::of_text(twice).unwrap().channels, ["MR_0", "mr_1"]);
        let gap = r#"{"channel_names": {"0": "MR", "2": "CT"}, "labels": {"background": 0}}"#;
        assert!(Dataset::of_text(gap).is_err());
    }
}
