//! `--law`: a published name, several, `all`, or a fit.json.

use std::path::Path;

use crate::error::{FitError, Result, Warning};
use crate::fit::{Fit, SCHEMA};
use crate::law::{Ensemble, law_by_id, published_laws};

/// Laws asked when none is named: two readings of the same runs that disagree.
pub(super) const USUAL: &str = "hoffmann-a3-devries,besiroglu";

/// One law to ask, with the doubts that come with it.
#[derive(Clone, Debug)]
pub(super) struct AskedLaw {
    pub(super) ensemble: Ensemble,
    pub(super) warnings: Vec<Warning>,
}

/// Resolves the text of `--law`.
pub(super) fn resolve(text: &str) -> Result<Vec<AskedLaw>> {
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    if names == ["all"] {
        // Of those that say how to spend compute on a dense model; the others answer by name.
        return published_laws()?
            .iter()
            .filter(|law| law.setting.is_plain())
            .filter(|law| law_by_id(&law.form).is_ok_and(|form| form.has_optimum()))
            .map(|law| published(&law.name))
            .collect();
    }
    // An empty list falls to the same message as an unknown name.
    let names = if names.is_empty() { vec![""] } else { names };
    names.into_iter().map(one).collect()
}

fn one(name: &str) -> Result<AskedLaw> {
    let is_file = Path::new(name).extension().is_some_and(|e| e == "json");
    if is_file { fitted(Path::new(name)) } else { published(name) }
}

fn published(name: &str) -> Result<AskedLaw> {
    let surface = crate::law::Surface::published(name)?;
    let caution = published_laws()?.iter().find(|l| l.name == name).and_then(|l| l.caution.clone());
    let warnings = caution
        .map(|reason| Warning::DoubtfulConstants { law: name.to_owned(), reason })
        .into_iter()
        .collect();
    Ok(AskedLaw { ensemble: Ensemble::single(surface), warnings })
}

fn fitted(path: &Path) -> Result<AskedLaw> {
    let fit = load_fit(path)?;
    // A fit's own doubts travel with every plan made from it.
    Ok(AskedLaw { warnings: fit.warnings.clone(), ensemble: fit.ensemble() })
}

/// Reads a fit written by `isoloss fit -o`.
pub(super) fn load_fit(path: &Path) -> Result<Fit> {
    let bad = |reason: String| FitError::Artifact { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    let fit: Fit = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    if fit.schema != SCHEMA {
        let reason = format!("schema {} was found, this version reads {SCHEMA}", fit.schema);
        return Err(bad(reason).into());
    }
    let p = fit.surface.theta().len();
    if fit.draws.iter().any(|draw| draw.len() != p || draw.iter().any(|x| !x.is_finite())) {
        let reason = format!("every draw needs {p} finite coefficients");
        return Err(bad(reason).into());
    }
    Ok(fit)
}
