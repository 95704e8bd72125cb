//! Warnings by weight, those of one cause together.

use serde::Serialize;

use super::block::Sheet;
use super::sentence::sentence;
use crate::error::{Severity, Warning};
use crate::report::number::factor;
use crate::report::table::Table;

/// Warnings of one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WarningGroup {
    /// What they put in doubt.
    pub weight: &'static str,
    /// The code they share.
    pub code: &'static str,
    /// A sentence each, or one for all of them.
    pub says: Vec<String>,
    /// What one sentence leaves to a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Sheet>,
}

fn weight(severity: Severity) -> &'static str {
    match severity {
        Severity::Wrong => "Settle before using the answer",
        Severity::Doubtful => "How far the answer holds",
        Severity::Imprecise => "How well it is known",
        Severity::Note => "To know",
    }
}

/// Warnings grouped by cause, the heaviest first; equal ones once.
///
/// Plans beyond their runs become one sentence with a table.
#[must_use]
pub fn warning_groups(warnings: &[Warning]) -> Vec<WarningGroup> {
    let mut ordered: Vec<&Warning> = warnings.iter().collect();
    ordered.sort_by_key(|w| w.severity());
    let mut groups: Vec<(WarningGroup, Vec<&Warning>)> = Vec::new();
    for warning in ordered {
        let code = warning.code();
        match groups.iter_mut().find(|(group, _)| group.code == code) {
            Some((_, of_it)) if of_it.contains(&warning) => {}
            Some((_, of_it)) => of_it.push(warning),
            None => {
                let weight = weight(warning.severity());
                let group = WarningGroup { weight, code, says: Vec::new(), table: None };
                groups.push((group, vec![warning]));
            }
        }
    }
    let filled = |(mut group, of_it): (WarningGroup, Vec<&Warning>)| {
        match extrapolations(&of_it) {
            Some((says, table)) => (group.says, group.table) = (vec![says], Some(table)),
            None => group.says = of_it.iter().map(|w| sentence(&w.to_string())).collect(),
        }
        group
    };
    groups.into_iter().map(filled).collect()
}

/// Several plans beyond their runs: one sentence, and a row each.
fn extrapolations(warnings: &[&Warning]) -> Option<(String, Sheet)> {
    let beyond: Vec<(&str, f64)> = warnings
        .iter()
        .map(|warning| match warning {
            Warning::Extrapolation { quantity, factor } => Some((quantity.as_str(), *factor)),
            _ => None,
        })
        .collect::<Option<_>>()?;
    if beyond.len() < 2 {
        return None;
    }
    let farthest = beyond.iter().map(|(_, factor)| *factor).fold(1.0, f64::max);
    let says = format!(
        "{} quantities of the plans lie beyond the runs of their laws, by up to a factor {}: there the laws are extrapolated.",
        beyond.len(),
        factor(farthest)
    );
    let mut table = Table::new("", &["quantity", "beyond the runs by a factor"]);
    for (quantity, by) in beyond {
        table.push([quantity, &factor(by)]);
    }
    Some((says, table.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beyond(quantity: &str, factor: f64) -> Warning {
        Warning::Extrapolation { quantity: quantity.to_owned(), factor }
    }

    #[test]
    fn heavy_warnings_come_first_and_extrapolations_are_one() {
        let few = Warning::FewRuns { runs: 25, coefs: 5 };
        let wall = Warning::NearWall { ratio: 1.1 };
        let all = [few.clone(), beyond("C", 10.0), wall, beyond("D", 3.0), beyond("C", 10.0), few];
        let groups = warning_groups(&all);
        let codes: Vec<&str> = groups.iter().map(|g| g.code).collect();
        assert_eq!(codes, ["near-wall", "extrapolation", "few-runs"]);
        assert!(groups[1].says[0].starts_with("2 quantities"), "{:?}", groups[1].says);
        assert_eq!(groups[1].table.as_ref().map(|t| t.rows.len()), Some(2));
        assert_eq!(groups[2].says.len(), 1);
    }

    #[test]
    fn one_extrapolation_is_a_sentence() {
        let groups = warning_groups(&[beyond("C of the plan", 10.0)]);
        assert!(groups[0].table.is_none() && groups[0].says[0].contains("factor 10.0"));
    }
}
