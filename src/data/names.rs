//! Names of runs as several tools write them: one in words, one as a folder, one without accents.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name without accents, case and the kind of its separators: `Größe_1` and `große-1` alike.
///
/// Separators stay, so that `run-1-1` is not `run-11`.
pub(super) fn folded(name: &str) -> String {
    let letters = name.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    let mut out = String::with_capacity(name.len());
    for c in letters {
        if c.is_whitespace() || "-_./:\\".contains(c) {
            // At most one between words, none at the ends.
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Which run a name of one file means among the names of others: the one of exactly that name, else
/// the only one that differs in accents, case and separators, where no other name means it.
pub(super) struct Names {
    exact: BTreeSet<String>,
    /// Of a folded name, the one run that is meant; `None` where there are several.
    folded: BTreeMap<String, Option<String>>,
}

impl Names {
    /// - `wanted`: names that will be looked up.
    /// - `there`: names of the runs.
    pub(super) fn new(
        wanted: impl IntoIterator<Item = String>,
        there: impl IntoIterator<Item = String>,
    ) -> Self {
        let exact: BTreeSet<String> = there.into_iter().collect();
        let wanted: BTreeSet<String> = wanted.into_iter().collect();
        let mut names = Self { exact, folded: BTreeMap::new() };
        for name in names.exact.difference(&wanted) {
            names
                .folded
                .entry(folded(name))
                .and_modify(|run| *run = None)
                .or_insert_with(|| Some(name.clone()));
        }
        let mut asked = BTreeSet::new();
        for name in wanted.difference(&names.exact) {
            let name = folded(name);
            if let Some(run) = names.folded.get_mut(&name).filter(|_| asked.contains(&name)) {
                *run = None;
            }
            asked.insert(name);
        }
        names
    }

    /// The run that a name means.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        match self.exact.get(name) {
            Some(run) => Some(run),
            None => self.folded.get(&folded(name))?.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_case_and_separators_fold_and_words_do_not() {
        for (one, other) in [
            ("Ré\u{301}seau", "re\u{301}SEAU"),
            ("caf\u{e9}-1", "cafe\u{301}_1"),
            ("run 1", "run__1/"),
            ("a.b:c", "A/B-c"),
            ("ｆｕｌｌ", "full"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        for (one, other) in [("run-1-1", "run-11"), ("run-1", "run-2"), ("a b", "ab")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }

    #[test]
    fn an_exact_name_wins_and_two_that_could_be_meant_are_none() {
        let names = |wanted: &[&str], there: &[&str]| {
            let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
            Names::new(own(wanted), own(there))
        };
        assert_eq!(names(&["run-1"], &["run_1", "run-1"]).find("run-1"), Some("run-1"));
        assert_eq!(names(&["run-1"], &["run_1"]).find("run-1"), Some("run_1"));
        assert_eq!(names(&["run-1"], &["run_1", "Run 1"]).find("run-1"), None);
        assert_eq!(names(&["run-1", "run 1"], &["run_1"]).find("run-1"), None);
        // The other row is that run's own.
        assert_eq!(names(&["run-1", "run_1"], &["run_1"]).find("run-1"), None);
        assert_eq!(names(&["run-1"], &["run-2"]).find("run-1"), None);
    }
}
