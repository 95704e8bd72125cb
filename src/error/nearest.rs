//! The name a person probably meant.

/// The known name that shares most with `name`: a prefix either way, or few edits.
pub(crate) fn nearest_name<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let wanted = name.to_lowercase();
    known
        .map(|k| {
            let lower = k.to_lowercase();
            let related = lower.starts_with(&wanted) || wanted.starts_with(&lower);
            (if related { 0 } else { edits(&wanted, &lower) }, k)
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 1 + wanted.len() / 3)
        .map(|(_, k)| k.to_owned())
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
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
