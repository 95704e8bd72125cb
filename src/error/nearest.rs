//! The name a person probably meant.

/// The known name that shares most with `name`: a prefix either way, or few edits.
pub(crate) fn nearest_name<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let wanted = name.to_lowercase();
    known
        .map(|k| {
            let lower = k.to_lowercase();
            let related = lower.starts_with(&wanted) || wanted.starts_with(&lower);
            // What is missing from a name that was begun weighs half as much as a slip.
            let missing = lower.len().abs_diff(wanted.len()).div_ceil(2);
            let edits = strsim::levenshtein(&wanted, &lower);
            (if related { missing.min(edits) } else { edits }, k)
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 1 + wanted.len() / 3)
        .map(|(_, k)| k.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_forgiven_and_nonsense_is_not() {
        let known = ["besiroglu", "kaplan-nd"];
        assert_eq!(nearest_name("bersiroglu", known.into_iter()).as_deref(), Some("besiroglu"));
        assert_eq!(nearest_name("kaplan", known.into_iter()).as_deref(), Some("kaplan-nd"));
        assert_eq!(nearest_name("xyz", known.into_iter()), None);
    }
}
