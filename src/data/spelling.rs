//! Names of columns and keys in one spelling, so that they can be compared.

use super::vocabulary::groups;

/// `config.N_params` and `Model Size` as `n_params` and `model_size`.
pub(super) fn normalised(column: &str) -> String {
    let holders = &groups().holders;
    let mut bare = column.trim();
    while let Some((group, rest)) = bare.split_once(['.', '/'])
        && holders.iter().any(|holder| holder == group)
        && !rest.is_empty()
    {
        bare = rest;
    }
    bare.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

/// The normalised name with runs of `_` as one and none at its end.
pub(super) fn collapsed(column: &str) -> String {
    let name = normalised(column);
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    out.trim_end_matches('_').to_owned()
}

/// The words of a normalised name.
pub(super) fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split('_').filter(|w| !w.is_empty())
}

/// The key without the groups it is in, one at a time, the whole key first.
pub(super) fn without_groups(key: &str) -> Vec<&str> {
    let mut forms = vec![key];
    let mut rest = key;
    while let Some(shorter) = groups().silent.iter().find_map(|g| rest.strip_prefix(g.as_str())) {
        forms.push(shorter);
        rest = shorter;
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalised() {
        assert_eq!(normalised("summary.eval/loss"), "eval_loss");
        assert_eq!(normalised("Model Size"), "model_size");
    }
}
