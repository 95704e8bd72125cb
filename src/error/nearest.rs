//! The name a person probably meant.

/// The known name that is nearest to `name`: begun or held by it, or a few slips away in the whole or in
/// one of its words.
///
/// Numbers are never slips, nor are the letters of a type: an H100 is no slip of V100, and a model of 8B
/// none of 7B.
pub(crate) fn nearest_name<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let wanted = joined(name);
    let farthest = 1 + wanted.len() / 3;
    known
        .filter_map(|k| Some((distance(&wanted, k)?, k)))
        .filter(|(distance, _)| *distance <= farthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k.to_owned())
}

/// Letters shared that make two names related.
const RELATED: usize = 3;

/// How far a known name is from the one asked for; `None` where nothing relates them.
fn distance(wanted: &str, known: &str) -> Option<usize> {
    let whole = joined(known);
    let words: Vec<String> = words(known).collect();
    // What is missing from a name that was begun weighs little, but the shorter name is nearer.
    let begun = wanted.len() >= RELATED && whole.starts_with(wanted);
    let begun = begun.then(|| (whole.len() - wanted.len()).div_ceil(8));
    let has_numbers = numbers(&whole).next().is_some();
    if has_numbers && !numbers(wanted).all(|n| numbers(&whole).any(|m| m == n)) {
        return begun;
    }
    let held = words.first().filter(|word| word.len() >= RELATED && wanted.contains(word.as_str()));
    let held = held.map(|word| 1 + wanted.len() - word.len());
    let slips = std::iter::once(&whole)
        .chain(&words)
        .filter(|text| is_alike(wanted, text))
        .map(|text| strsim::levenshtein(wanted, text) + usize::from(*text != whole))
        .min();
    begun.into_iter().chain(held).chain(slips).min()
}

/// Whether one may be a slip of the other: a type (`H100`) has the same letters before its number.
fn is_alike(wanted: &str, known: &str) -> bool {
    let letters =
        |text: &str| text.find(|c: char| c.is_ascii_digit()).map(|at| text[..at].to_owned());
    let is_type = letters(wanted).filter(|letters| letters.len() < RELATED);
    is_type.is_none_or(|wanted| letters(known).is_some_and(|known| known == wanted))
}

fn is_apart(c: char) -> bool {
    !c.is_alphanumeric()
}

fn words(name: &str) -> impl Iterator<Item = String> {
    name.split(is_apart).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Its letters and digits, in lower case.
fn joined(name: &str) -> String {
    words(name).collect()
}

fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_forgiven_and_nonsense_is_not() {
        let nearest = |name: &str, known: &[&str]| nearest_name(name, known.iter().copied());
        let laws = ["besiroglu", "kaplan-nd", "hoffmann-a3-devries"];
        let devices = ["A100 SXM 40GB", "H20", "H200 SXM", "GB200 (per GPU)", "MI300X"];
        let models = ["LLaMA 7B", "Llama 3 8B", "Chinchilla 70B", "Mixtral 8x7B"];
        for (name, known, meant) in [
            ("bersiroglu", &laws[..], "besiroglu"),
            ("kaplan", &laws, "kaplan-nd"),
            ("hoffman", &laws, "hoffmann-a3-devries"),
            ("Devries", &laws, "hoffmann-a3-devries"),
            ("gh200", &devices, "H200 SXM"),
            ("mi300", &devices, "MI300X"),
            ("chinchila", &models, "Chinchilla 70B"),
            ("mixtral", &models, "Mixtral 8x7B"),
            ("Lama 3 8B", &models, "Llama 3 8B"),
        ] {
            assert_eq!(nearest(name, known).as_deref(), Some(meant), "{name}");
        }
        for (name, known) in [
            ("xyz", &laws[..]),
            ("V100", &devices),
            ("RTX 4090", &devices),
            ("LLaMA 9B", &models),
            ("", &laws),
        ] {
            assert_eq!(nearest(name, known), None, "{name}");
        }
    }
}
