//! What the worklist says of how much a case is worth reading.

use crate::project::{Between, Measure, Number, Rank};

use super::texts::{self, tr};

/// The number of a case as it stands in the list.
pub(super) fn figure(rank: &Rank, measure: Measure) -> String {
    let value = rank.number(measure).value;
    value.map_or("-".to_owned(), |value| format!("{value:.2}"))
}

/// The number of a case in words, or why there is none.
pub(super) fn words(rank: &Rank, measure: Measure) -> String {
    let number = rank.number(measure);
    match (number.value, measure) {
        (None, measure) => why_not(number, measure),
        (Some(value), Measure::Uncertainty) => uncertainty(number, value),
        (Some(value), Measure::Disagreement) => disagreement(number, value),
    }
}

fn why_not(number: &Number, measure: Measure) -> String {
    let why = number
        .why_not
        .map_or("", |why_not| texts::of(why_not.words()));
    match measure {
        Measure::Uncertainty => tr!("no uncertainty: {why}", why),
        Measure::Disagreement => tr!("no disagreement: {why}", why),
    }
}

fn uncertainty(number: &Number, value: f64) -> String {
    let value = format!("{value:.2}");
    let dice = format!("{:.2}", number.expected_dice.unwrap_or_default());
    match number.unsure_border {
        Some(unsure) => tr!(
            "uncertainty {value}: the model expects Dice {dice}, and is unsure of {percent} % of the border",
            value,
            dice,
            percent = format_args!("{:.0}", unsure * 100.0)
        ),
        None => tr!(
            "uncertainty {value}: the model expects Dice {dice}",
            value,
            dice
        ),
    }
}

fn disagreement(number: &Number, value: f64) -> String {
    let value = format!("{value:.2}");
    match number.between {
        Some(Between::ModelAndReader) => {
            tr!("disagreement {value} of the model and the reader", value)
        }
        Some(Between::ModelAndLabels) => {
            tr!(
                "disagreement {value} of the model and the labels there are",
                value
            )
        }
        Some(Between::Readers) | None => tr!("disagreement {value} of the readers", value),
    }
}
