//! What is asked of runs on mixtures.

use serde::{Deserialize, Serialize};

use super::law::MixtureForm;
use crate::data::MixtureTable;
use crate::error::{MixtureProblem, nearest_name};
use crate::units::Tokens;

/// What a mixture is chosen for, and within which limits. Names are those of the table.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `form` | exponential | how a loss depends on shares |
/// | `targets` | all, equally | losses to lower, with weights |
/// | `prior` | the mean of the runs | the mixture that the best is held against |
/// | `kl` | 0 | nats of weighted loss that a nat of divergence from the prior costs |
/// | `floors` | none | least share of a domain |
/// | `beyond_runs` | false | whether a share may leave the range of the runs |
/// | `tokens` | none | unique tokens of a domain |
/// | `budget` | none | training tokens, for epochs and the cap |
/// | `cap` | 4 | most epochs over a domain |
/// | `bootstrap`, `seed`, `level` | 1000, 0, 0.95 | resamples of the whole decision |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixtureConfig {
    /// How a loss depends on shares.
    pub form: MixtureForm,
    /// Losses to lower, with weights; all of the table, equally, when empty.
    pub targets: Vec<(String, f64)>,
    /// Share of domains in the prior; those that are not named share what is left as in the runs.
    pub prior: Vec<(String, f64)>,
    /// Nats of weighted loss that a nat of divergence from the prior costs.
    pub kl: f64,
    /// Least share of a domain.
    pub floors: Vec<(String, f64)>,
    /// Whether a share may leave the range of the runs.
    pub beyond_runs: bool,
    /// Unique tokens of a domain.
    pub tokens: Vec<(String, Tokens)>,
    /// Training tokens.
    pub budget: Option<Tokens>,
    /// Most epochs over a domain, where its tokens and the budget are given. Four epochs are worth nearly
    /// as much as fresh text (Muennighoff et al. 2023, arXiv:2305.16264).
    pub cap: f64,
    /// Resamples of the whole decision; 0 for none.
    pub bootstrap: usize,
    /// Seed of the resamples and folds.
    pub seed: u64,
    /// Level of the intervals.
    pub level: f64,
}

impl Default for MixtureConfig {
    fn default() -> Self {
        Self {
            form: MixtureForm::default(),
            targets: Vec::new(),
            prior: Vec::new(),
            kl: 0.0,
            floors: Vec::new(),
            beyond_runs: false,
            tokens: Vec::new(),
            budget: None,
            cap: 4.0,
            bootstrap: 1000,
            seed: 0,
            level: 0.95,
        }
    }
}

type Found<T> = Result<T, MixtureProblem>;

/// The place of a name.
fn place(name: &str, among: &[String], what: &'static str) -> Found<usize> {
    among.iter().position(|known| known == name).ok_or_else(|| {
        let near = nearest_name(name, among.iter().map(String::as_str));
        MixtureProblem::Unknown { what, name: name.to_owned(), near, known: among.to_vec() }
    })
}

fn setting(field: &str, found: f64, wanted: &'static str) -> MixtureProblem {
    MixtureProblem::Setting { field: field.to_owned(), found: found.to_string(), wanted }
}

impl MixtureConfig {
    /// Weights of the targets by their places, adding to one.
    pub(super) fn weights(&self, table: &MixtureTable) -> Found<Vec<(usize, f64)>> {
        if self.targets.is_empty() {
            let each = 1.0 / table.targets.len() as f64;
            return Ok((0..table.targets.len()).map(|k| (k, each)).collect());
        }
        let mut weights = Vec::new();
        for (name, weight) in &self.targets {
            if !(weight.is_finite() && *weight > 0.0) {
                return Err(setting(&format!("weight of {name}"), *weight, "a number above zero"));
            }
            weights.push((place(name, &table.targets, "target")?, *weight));
        }
        let sum: f64 = weights.iter().map(|w| w.1).sum();
        weights.iter_mut().for_each(|w| w.1 /= sum);
        Ok(weights)
    }

    /// The prior by domain, adding to one.
    pub(super) fn prior(&self, table: &MixtureTable) -> Found<Vec<f64>> {
        let n = table.runs.len() as f64;
        let mean = |k: usize| table.runs.iter().map(|run| run.shares[k]).sum::<f64>() / n;
        let means: Vec<f64> = (0..table.domains.len()).map(mean).collect();
        let mut given: Vec<Option<f64>> = vec![None; means.len()];
        for (name, share) in &self.prior {
            if !(0.0..=1.0).contains(share) {
                return Err(setting(&format!("prior of {name}"), *share, "a share from 0 to 1"));
            }
            given[place(name, &table.domains, "domain")?] = Some(*share);
        }
        let sum: f64 = given.iter().flatten().sum();
        let rest: f64 = means.iter().zip(&given).filter(|(_, g)| g.is_none()).map(|(m, _)| m).sum();
        // Shares may be written to three digits.
        if sum > 1.02 || (rest == 0.0 && (sum - 1.0).abs() > 0.02) {
            return Err(setting("prior", sum, "shares that add to 1"));
        }
        let left = if rest > 0.0 { (1.0 - sum).max(0.0) / rest } else { 0.0 };
        let mut prior: Vec<f64> =
            given.iter().zip(&means).map(|(g, mean)| g.unwrap_or(mean * left)).collect();
        let sum: f64 = prior.iter().sum();
        prior.iter_mut().for_each(|p| *p /= sum);
        Ok(prior)
    }

    /// Unique tokens by domain.
    pub(super) fn unique(&self, domains: &[String]) -> Found<Vec<Option<Tokens>>> {
        let mut unique = vec![None; domains.len()];
        for (name, tokens) in &self.tokens {
            if !tokens.is_usable() {
                return Err(setting(&format!("tokens of {name}"), tokens.get(), "above zero"));
            }
            unique[place(name, domains, "domain")?] = Some(*tokens);
        }
        Ok(unique)
    }

    /// Least and most share of each domain.
    pub(super) fn limits(&self, table: &MixtureTable) -> Found<(Vec<f64>, Vec<f64>)> {
        let domains = &table.domains;
        let most = |k: usize| table.runs.iter().map(|run| run.shares[k]).fold(0.0_f64, f64::max);
        let mut hi: Vec<f64> =
            (0..domains.len()).map(|k| if self.beyond_runs { 1.0 } else { most(k) }).collect();
        let mut lo = vec![0.0; domains.len()];
        if !self.beyond_runs {
            let least =
                |k: usize| table.runs.iter().map(|run| run.shares[k]).fold(1.0_f64, f64::min);
            (0..domains.len()).for_each(|k| lo[k] = least(k));
        }
        for (name, floor) in &self.floors {
            if !(0.0..=1.0).contains(floor) {
                return Err(setting(&format!("floor of {name}"), *floor, "a share from 0 to 1"));
            }
            let k = place(name, domains, "domain")?;
            lo[k] = *floor;
            hi[k] = hi[k].max(*floor);
        }
        if !(self.cap.is_finite() && self.cap > 0.0) {
            return Err(setting("cap", self.cap, "epochs above zero"));
        }
        if let Some(budget) = self.budget {
            if !budget.is_usable() {
                return Err(setting("budget", budget.get(), "training tokens above zero"));
            }
            for (k, unique) in self.unique(domains)?.into_iter().enumerate() {
                let Some(unique) = unique else { continue };
                hi[k] = hi[k].min(self.cap * unique.get() / budget.get());
                if hi[k] < lo[k] {
                    let reason = format!(
                        "{:.3} of {budget} tokens is more than {} epochs over the {unique} of `{}`; raise the cap or lower the budget or the floor",
                        lo[k], self.cap, domains[k]
                    );
                    return Err(MixtureProblem::NoMixture { reason });
                }
            }
        }
        let (least, most): (f64, f64) = (lo.iter().sum(), hi.iter().sum());
        if least > 1.0 + 1e-9 {
            let reason = format!("the least shares add to {least:.3}; lower them");
            return Err(MixtureProblem::NoMixture { reason });
        }
        if most < 1.0 - 1e-9 {
            let reason = format!(
                "the most that each domain may have adds to {most:.3} of the budget; raise the cap, lower the budget, or find more text"
            );
            return Err(MixtureProblem::NoMixture { reason });
        }
        Ok((lo, hi))
    }

    /// Checks what does not depend on the table.
    pub(super) fn validate(&self) -> Found<()> {
        if !(self.kl.is_finite() && self.kl >= 0.0) {
            return Err(setting("kl", self.kl, "a number, zero or more"));
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(setting("level", self.level, "between 0 and 1"));
        }
        Ok(())
    }
}
