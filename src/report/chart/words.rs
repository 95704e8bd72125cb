//! What charts say in words: laws by their full names, points by their values.

use super::axis::{count_text, exponent_text};
use crate::law::published_laws;
use crate::units::{Flops, LossUnit, Params, Tokens};

/// A law as a subtitle names it: a published one with its year and what it is, a fit as it is labelled.
pub(super) fn law_title(label: &str) -> String {
    let published = published_laws().unwrap_or_default().iter().find(|law| law.name == label);
    match published {
        Some(law) => format!("{} ({}): {}", law.name, law.year, law.title),
        None => {
            let mut letters = label.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_uppercase().collect::<String>() + letters.as_str()
            })
        }
    }
}

/// Laws that a subtitle names; of more, the legend does.
const MOST_NAMED: usize = 4;

/// The subtitle of a picture under several laws; of one, its title.
pub(super) fn laws_title<'a>(labels: impl IntoIterator<Item = &'a str>) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for label in labels {
        if !distinct.contains(&label) {
            distinct.push(label);
        }
    }
    match distinct.as_slice() {
        [] => String::new(),
        [one] => law_title(one),
        many if many.len() > MOST_NAMED => format!("Under {} laws", many.len()),
        several => format!("Under {} laws: {}", several.len(), several.join(", ")),
    }
}

/// `7.00B parameters, 1.40T tokens, 2.0130 nats per token`.
pub(super) fn model_words(n: Params, d: Tokens, loss: f64, unit: LossUnit) -> String {
    format!("{n} parameters, {d} tokens, {loss:.4} {unit}")
}

/// `7.00B parameters, 1.40T tokens, 5.88e22 training FLOPs`.
pub(super) fn cost_words(n: Params, d: Tokens, c: Flops) -> String {
    format!("{n} parameters, {d} tokens, {c} training FLOPs")
}

/// `+26 %`, with a digit after the point below ten.
pub(super) fn percent_words(overhead: f64) -> String {
    let percent = 100.0 * overhead;
    format!("{percent:+.*} %", usize::from(percent.abs() < 9.95))
}

/// A count or an amount of FLOPs, as its axis writes it.
pub(super) fn amount(x: f64, counts: bool) -> String {
    if counts { count_text(x) } else { exponent_text(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn laws_are_named_in_full_and_several_by_their_short_names() {
        assert!(law_title("besiroglu").starts_with("besiroglu (2024): Chinchilla approach 3"));
        assert_eq!(law_title("chinchilla fit of 25 runs"), "Chinchilla fit of 25 runs");
        assert_eq!(laws_title(["a", "b", "a"]), "Under 2 laws: a, b");
        assert_eq!(laws_title([]), "");
    }

    #[test]
    fn overheads_have_the_digits_they_support() {
        assert_eq!([0.0337, 0.26, 1.5].map(percent_words), ["+3.4 %", "+26 %", "+150 %"]);
    }
}
