//! Which keys are facts about a run, and counts named with their unit.

use super::spelling::{collapsed, without_groups};
use super::vocabulary::{SIZES, Term, is_name, names_fact, unit_of};

/// The plain name and the factor of a count that is named with its unit, `params_m`,
/// `Tokens (B)`; `None` for any other name.
pub(super) fn count_with_unit(column: &str) -> Option<(String, f64)> {
    let name = collapsed(column);
    let (base, factor) = unit_of(&name)?;
    let is_count = is_name(Term::Tokens, base) || SIZES.iter().any(|size| is_name(*size, base));
    // A single letter with another is an abbreviation of anything.
    (is_count && base.len() > 1).then(|| (base.to_owned(), factor))
}

/// Whether a key is a fact that is worth keeping.
pub(super) fn is_fact(key: &str) -> bool {
    let name = collapsed(key);
    // A bare `n` or `width` in a group of something else is not that of the model.
    count_with_unit(key).is_some() || without_groups(&name).into_iter().any(names_fact)
}
