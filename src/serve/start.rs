//! What the page is built from before anything is asked: fields, laws, and where to begin.

use serde::Serialize;

use super::fields::{FIELDS, Kind, MODES};
use super::shelf::{LoadedFit, Shelf};
use crate::error::Result;
use crate::law::{law_by_id, published_laws};

#[derive(Clone, Debug, Serialize)]
struct FieldForm {
    id: &'static str,
    label: &'static str,
    unit: &'static str,
    empty: Option<&'static str>,
    needs: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stops: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<(String, String)>,
}

#[derive(Clone, Debug, Serialize)]
struct ModeForm {
    id: &'static str,
    label: &'static str,
    fields: &'static [&'static str],
}

#[derive(Clone, Debug, Serialize)]
struct LawForm {
    id: String,
    title: String,
    loaded: bool,
}

/// What the page is built from.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Start {
    version: &'static str,
    fields: Vec<FieldForm>,
    modes: Vec<ModeForm>,
    laws: Vec<LawForm>,
    /// The address to begin with.
    address: String,
}

/// Fields, laws and the first question.
///
/// # Errors
/// When a shipped table does not parse.
pub(super) fn start(shelf: &Shelf, law: Option<&str>) -> Result<Start> {
    let fields = FIELDS.iter().filter(|field| !matches!(field.kind, Kind::Hidden));
    let form = |field: &super::fields::Field| FieldForm {
        id: field.id,
        label: field.label,
        unit: field.unit,
        empty: field.empty,
        needs: field.needs,
        stops: field.stops(),
        choices: match field.kind {
            Kind::Choice(choices) => choices(),
            _ => Vec::new(),
        },
    };
    let fits = shelf.all();
    let loaded = |fit: &LoadedFit| LawForm {
        id: fit.id.clone(),
        title: format!("{}: {} on {} runs", fit.file, fit.fit.law, fit.fit.n_points),
        loaded: true,
    };
    let published = published_laws()?
        .iter()
        .filter(|law| law.setting.is_plain())
        .filter(|law| law_by_id(&law.form).is_ok_and(|form| form.has_optimum()))
        .map(|law| LawForm { id: law.name.clone(), title: law.title.clone(), loaded: false });
    Ok(Start {
        version: env!("CARGO_PKG_VERSION"),
        fields: fields.map(form).collect(),
        modes: MODES
            .iter()
            .map(|m| ModeForm { id: m.id, label: m.label, fields: m.fields })
            .collect(),
        laws: fits.iter().map(loaded).chain(published).collect(),
        address: first(&fits, law),
    })
}

/// The first question: the fits that were given at ten times their largest budget, or the laws asked for.
fn first(fits: &[LoadedFit], law: Option<&str>) -> String {
    let ids: Vec<&str> = fits.iter().map(|fit| fit.id.as_str()).collect();
    let given = law.map(str::to_owned);
    let laws = given.into_iter().chain(ids.iter().map(|id| (*id).to_owned()));
    let laws: Vec<String> = laws.collect();
    let largest = fits.iter().filter_map(|fit| fit.fit.allocation.map(|a| a.reference_flops.get()));
    let budget = largest.fold(0.0_f64, f64::max) * 10.0;
    let budget = match budget > 0.0 && law.is_none() {
        true => in_two_digits(budget),
        false => "1e24".to_owned(),
    };
    let laws = if laws.is_empty() { "besiroglu".to_owned() } else { laws.join(",") };
    format!("law={laws}&flops={budget}")
}

/// A budget as people say it: `1.4e22`, `1e14`.
pub(super) fn in_two_digits(flops: f64) -> String {
    format!("{flops:.1e}").replace(".0e", "e")
}
