//! Laws by name: published ones, a family with constants of one's own, or a fit that was saved.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{FitError, LawError, Result, Warning};
use crate::fit::{Fit, OneQuantityFit, SCHEMA};
use crate::law::{Ensemble, Support, Surface, law_by_id, published_laws};
use crate::units::ParamRule;

/// Laws asked when none is named: two readings of the same runs that disagree.
pub const USUAL_LAWS: &str = "hoffmann-a3-devries,besiroglu";

/// One law to ask, with its warnings.
#[derive(Clone, Debug)]
pub struct AskedLaw {
    /// The law and its draws.
    pub ensemble: Ensemble,
    /// What is to be said with every answer it gives.
    pub warnings: Vec<Warning>,
    /// The fit it comes from; absent for a published law and for constants as given.
    pub fit: Option<Box<Fit>>,
}

/// The laws of a text: a published name, several with commas, `all` for every published law of dense
/// models that has an optimum, the path of a saved fit (`.json`), or a family with constants
/// (`chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`).
///
/// # Errors
/// [`LawError`] for an unknown name or family and for constants that are not numbers;
/// [`FitError::Artifact`] for a file that holds no fit.
pub fn ask_laws(text: &str) -> Result<Vec<AskedLaw>> {
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
    let mut names = names;
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let laws: Vec<AskedLaw> = names.iter().map(|name| one(name)).collect::<Result<_>>()?;
    Ok(apart(laws, &names))
}

/// A law to ask.
#[derive(Clone, Copy, Debug)]
pub enum WhichLaw<'a> {
    /// By a text, as [`ask_laws`] takes it.
    Text(&'a str),
    /// A fit at hand.
    Fit(&'a Fit),
}

/// Laws by name and fits at hand, together.
///
/// ```
/// use isoloss::study::{WhichLaw, ask_each};
///
/// let laws = ask_each(&[WhichLaw::Text("besiroglu"), WhichLaw::Text("hoffmann-a3-devries")])?;
/// assert_eq!(laws[1].ensemble.best.label, "hoffmann-a3-devries");
/// # Ok::<(), isoloss::Error>(())
/// ```
///
/// # Errors
/// As [`ask_laws`].
pub fn ask_each(which: &[WhichLaw<'_>]) -> Result<Vec<AskedLaw>> {
    match which {
        [] => return ask_laws(""),
        [WhichLaw::Text(text)] => return ask_laws(text),
        _ => {}
    }
    let (mut laws, mut names) = (Vec::new(), Vec::new());
    for one in which {
        match one {
            WhichLaw::Text(text) => {
                let found = ask_laws(text)?;
                names.extend(found.iter().map(|_| (*text).to_owned()));
                laws.extend(found);
            }
            WhichLaw::Fit(fit) => {
                laws.push(AskedLaw::of_fit(fit));
                names.push(format!("fit {}", laws.len()));
            }
        }
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(apart(laws, &names))
}

/// Laws with distinct labels: where two are alike, each has beside it the text it was asked by: its
/// constants, or its file, without the folder where the names of the files differ.
fn apart(mut laws: Vec<AskedLaw>, names: &[&str]) -> Vec<AskedLaw> {
    let labels: Vec<String> = laws.iter().map(|law| law.ensemble.best.label.clone()).collect();
    for (i, law) in laws.iter_mut().enumerate() {
        if labels.iter().filter(|label| **label == labels[i]).count() > 1 {
            let asked = names.get(i).copied().unwrap_or_default();
            let asked = match asked.split_once(':') {
                Some((_, constants)) if !is_file(asked) => constants,
                _ => file_name(asked)
                    .filter(|name| {
                        names.iter().filter(|n| file_name(n) == Some(*name)).count() == 1
                    })
                    .unwrap_or(asked),
            };
            let label = format!("{} ({asked})", labels[i]);
            for surface in law.ensemble.draws.iter_mut().chain([&mut law.ensemble.best]) {
                surface.label.clone_from(&label);
            }
        }
    }
    laws
}

fn one(name: &str) -> Result<AskedLaw> {
    if is_file(name) {
        return fitted(Path::new(name));
    }
    match name.split_once(':') {
        Some((family, constants)) => given(family, constants),
        None => published(name),
    }
}

/// A saved fit: a .json, standard input, or a pipe.
fn is_file(name: &str) -> bool {
    name == "-"
        || name.starts_with("/dev/")
        || Path::new(name).extension().is_some_and(|e| e == "json")
}

/// The text of a file, also where it is a pipe or standard input.
#[cfg(feature = "logs")]
pub(super) fn whole(path: &Path) -> std::result::Result<String, String> {
    crate::data::read_text(path).map_err(|error| match error {
        crate::error::Error::Io { reason, .. } => reason,
        crate::error::Error::Data(crate::error::DataError::Unreadable { reason, .. }) => reason,
        other => other.to_string(),
    })
}

/// The text of a file.
#[cfg(not(feature = "logs"))]
pub(super) fn whole(path: &Path) -> std::result::Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

fn file_name(path: &str) -> Option<&str> {
    Path::new(path).file_name()?.to_str()
}

/// A family with constants of the user's own: `chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`.
fn given(family: &str, constants: &str) -> Result<AskedLaw> {
    let law = law_by_id(family)?;
    let bad = |found: &str| LawError::NotACoefficient {
        family: family.to_owned(),
        found: found.to_owned(),
        names: law.coefs().iter().map(|c| c.name).collect(),
    };
    let mut values = BTreeMap::new();
    for part in constants.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (coef, value) = part.split_once('=').ok_or_else(|| bad(part))?;
        let known = law.coefs().iter().any(|c| c.name == coef.trim());
        let number = value.trim().parse::<f64>().ok().filter(|x| known && x.is_finite());
        values.insert(coef.trim().to_owned(), number.ok_or_else(|| bad(part))?);
    }
    let theta = law.coefs().iter().map_while(|c| values.get(c.name).copied()).collect();
    let label = format!("{family} as given");
    let surface = Surface::new(law, theta, label, ParamRule::All, Support::default())?;
    Ok(AskedLaw { ensemble: Ensemble::single(surface), warnings: Vec::new(), fit: None })
}

fn published(name: &str) -> Result<AskedLaw> {
    let surface = Surface::published(name)?;
    let caution = published_laws()?.iter().find(|l| l.name == name).and_then(|l| l.caution.clone());
    let warnings = caution
        .map(|reason| Warning::DoubtfulConstants { law: name.to_owned(), reason })
        .into_iter()
        .collect();
    Ok(AskedLaw { ensemble: Ensemble::single(surface), warnings, fit: None })
}

fn fitted(path: &Path) -> Result<AskedLaw> {
    Ok(AskedLaw::of_fit(&load_fit(path)?))
}

impl AskedLaw {
    /// The law of a fit, with its draws and its warnings.
    #[must_use]
    pub fn of_fit(fit: &Fit) -> Self {
        // The warnings of a fit belong to every plan made from it.
        let mut warnings = fit.warnings.clone();
        for doubt in fit.certificate.warnings() {
            if !warnings.iter().any(|w| w.code() == doubt.code()) {
                warnings.push(doubt);
            }
        }
        Self { warnings, ensemble: fit.ensemble(), fit: Some(Box::new(fit.clone())) }
    }
}

/// Reads a fit that was saved as JSON.
///
/// # Errors
/// [`FitError::Artifact`] for a file that cannot be read, [`FitError::ArtifactSchema`] for one of
/// another schema, [`FitError::ArtifactField`] for one that contradicts itself.
pub fn load_fit(path: &Path) -> Result<Fit> {
    let bad = |reason: String| FitError::Artifact { path: path.display().to_string(), reason };
    let text = whole(path).map_err(bad)?;
    if let Some(one) = OneQuantityFit::of_json(&path.display().to_string(), &text)? {
        return Err(one.refusal(&path.display().to_string()).into());
    }
    let fit: Fit = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    if fit.schema != SCHEMA {
        let path = path.display().to_string();
        return Err(FitError::ArtifactSchema { path, found: fit.schema, reads: SCHEMA }.into());
    }
    if let Some((field, problem)) = contradiction(&fit) {
        let path = path.display().to_string();
        return Err(FitError::ArtifactField { path, field, problem }.into());
    }
    Ok(fit)
}

/// The first field of a fit that contradicts another, with how: plans are made from the surface and the
/// draws, and people read the rest.
fn contradiction(fit: &Fit) -> Option<(&'static str, String)> {
    let coefs = fit.surface.law().coefs();
    let theta = fit.surface.theta();
    if fit.law != fit.surface.law().id() {
        return Some((
            "law",
            format!("is `{}`, its surface `{}`", fit.law, fit.surface.law().id()),
        ));
    }
    if !(0.5..=0.999).contains(&fit.level) || fit.level != fit.config.level {
        return Some(("level", format!("is {}, its settings say {}", fit.level, fit.config.level)));
    }
    if fit.residuals.len() != fit.n_points {
        let (found, wanted) = (fit.residuals.len(), fit.n_points);
        return Some(("residuals", format!("are {found} for {wanted} runs")));
    }
    for (coef, value) in coefs.iter().zip(theta) {
        match fit.coefficients.get(coef.name) {
            Some(stated) if stated == value => {}
            Some(stated) => {
                let problem = format!("say {} = {stated}, its surface {value}", coef.name);
                return Some(("coefficients", problem));
            }
            None => return Some(("coefficients", format!("lack {}", coef.name))),
        }
    }
    let stacked = fit.stack.iter().flat_map(|stack| &stack.members);
    let members = stacked.map(|m| (&m.surface, &m.draws)).chain([(&fit.surface, &fit.draws)]);
    for (surface, draws) in members {
        let coefs = surface.law().coefs();
        let fits = |draw: &Vec<f64>| {
            draw.len() == coefs.len() && coefs.iter().zip(draw).all(|(coef, x)| coef.holds(*x))
        };
        if let Some(bad) = draws.iter().position(|draw| !fits(draw)) {
            let problem = format!("hold no {} coefficients of the law in place {bad}", coefs.len());
            return Some(("draws", problem));
        }
    }
    if fit.draws.len() + fit.draws_failed > fit.config.bootstrap {
        let found = fit.draws.len() + fit.draws_failed;
        return Some(("draws", format!("are {found}, its settings say {}", fit.config.bootstrap)));
    }
    if let Some((name, _)) = fit.intervals.iter().find(|(_, i)| i.lo.is_nan() || i.lo > i.hi) {
        return Some(("intervals", format!("have the ends of {name} the wrong way round")));
    }
    (fit.certificate.certified && !fit.certificate.is_proof())
        .then(|| ("certificate", "says certified with figures that prove nothing".to_owned()))
}
