//! The best mixture, and how far to believe it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::law::{MixtureForm, MixtureLaw};
use crate::fit::solve::Certificate;
use crate::num::Interval;
use crate::units::Tokens;

/// A domain of the best mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainShare {
    /// The domain.
    pub domain: String,
    /// Its share in the best mixture.
    pub share: f64,
    /// Where resamples of the whole decision put it; absent without any.
    pub interval: Option<Interval>,
    /// Its share in the prior.
    pub prior: f64,
    /// Least and most share among the runs.
    pub seen: Interval,
    /// Least and most share that the limits allow.
    pub allowed: Interval,
    /// Its unique tokens, where they are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_tokens: Option<Tokens>,
    /// Times its unique tokens are seen, where they and the budget are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
}

impl DomainShare {
    /// Whether it ends at the most that it may have.
    #[must_use]
    pub fn is_at_most(&self) -> bool {
        self.share > 0.0 && self.share >= self.allowed.hi - 1e-6 && self.allowed.hi < 1.0
    }
}

/// The law of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetLaw {
    /// The target.
    pub target: String,
    /// Its weight; weights add to one.
    pub weight: f64,
    /// The law.
    #[serde(flatten)]
    pub law: MixtureLaw,
    /// Sum of squared errors, nats².
    pub squares: f64,
    /// Share of the variance that it explains.
    pub r_squared: f64,
    /// The proof of its minimum.
    pub certificate: Certificate,
}

/// How well predictions rank mixtures that were not fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixtureTest {
    /// Whether they are a table of their own, rather than each fifth of the runs in turn.
    pub of_another_table: bool,
    /// Mixtures predicted.
    pub runs: usize,
    /// Spearman's rank correlation of predicted and actual weighted loss.
    pub spearman: f64,
    /// Root of the mean squared error, nats; of a table of larger models it says little.
    pub error_nats: f64,
    /// The place, by actual loss, of the mixture that was predicted best; 1 is the best.
    pub predicted_best_is: usize,
}

/// A form on held-out mixtures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormTest {
    /// The form.
    pub form: MixtureForm,
    /// How it did; absent where it has no proven minimum.
    pub test: Option<MixtureTest>,
}

/// What fewer runs would have chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FewerRuns {
    /// Runs.
    pub runs: usize,
    /// Rank correlation on the mixtures they were not fitted to.
    pub spearman: f64,
    /// Loss of the mixture that they choose over that of the best, by the law of all runs, nats.
    pub regret_nats: f64,
    /// Whether they choose the same of the mixtures that were tested.
    pub same_choice: bool,
}

/// A run, or a mixture, beside the best one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BesideRun {
    /// The run.
    pub run: String,
    /// Its weighted loss, nats.
    pub loss_nats: f64,
    /// The share of its tokens that is of another domain than in the best mixture.
    pub distance: f64,
}

/// The best mixture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixtureAnswer {
    /// Domains in the order of the table.
    pub domains: Vec<String>,
    /// Targets with their weights and laws.
    pub targets: Vec<TargetLaw>,
    /// How a loss depends on shares.
    pub form: MixtureForm,
    /// Runs fitted.
    pub n_points: usize,
    /// Share of each domain in the best mixture.
    pub best: BTreeMap<String, f64>,
    /// Their intervals.
    pub intervals: BTreeMap<String, Interval>,
    /// The same with all that is known of each domain, largest share first.
    pub shares: Vec<DomainShare>,
    /// Weighted loss of the best mixture, nats.
    pub predicted: f64,
    /// Its interval: how well the laws are known, not how a run scatters.
    pub predicted_interval: Option<Interval>,
    /// Weighted loss of the prior less that of the best mixture, both predicted, nats.
    pub gain_over_prior: f64,
    /// Its interval.
    pub gain_over_prior_interval: Option<Interval>,
    /// The run of lowest weighted loss.
    pub best_run: BesideRun,
    /// Predicted loss of its mixture less that of the best, nats.
    pub gain_over_best_run: f64,
    /// Its interval.
    pub gain_over_best_run_interval: Option<Interval>,
    /// The run whose mixture is nearest.
    pub nearest_run: BesideRun,
    /// Distance of a run to its nearest neighbour, the median over runs.
    pub between_runs: f64,
    /// By how many nats the loss could still fall to first order by moving a share within the limits.
    pub optimality_gap: f64,
    /// Pairs of domains that take each other's place from resample to resample.
    pub alike: Vec<[String; 2]>,
    /// How well its form ranks held-out mixtures.
    pub held_out: Option<MixtureTest>,
    /// Every form on held-out mixtures.
    pub forms: Vec<FormTest>,
    /// What fewer runs would have chosen.
    pub fewer_runs: Vec<FewerRuns>,
    /// The weakest of the proofs of the targets.
    pub certificate: Certificate,
    /// Mixtures to run next: what resamples would choose, far apart, each in the order of `domains`.
    pub next: Vec<Vec<f64>>,
    /// Training tokens that epochs count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Tokens>,
    /// Resamples without an answer.
    pub draws_failed: usize,
    /// Level of the intervals.
    pub level: f64,
}

/// A share below which a run takes nothing of a domain: what a solver leaves of zero.
const LEAST: f64 = 1e-4;

/// A domain of a mixture in a run of so many tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainTokens {
    /// The domain.
    pub domain: String,
    /// Its share.
    pub share: f64,
    /// Its training tokens, repeats counted.
    pub tokens: Tokens,
    /// Unique tokens there are, where that is known.
    pub unique_tokens: Option<Tokens>,
    /// How often each is seen.
    pub epochs: Option<f64>,
}

impl MixtureAnswer {
    /// What a run of `tokens` takes of each domain, the largest first.
    #[must_use]
    pub fn in_run(&self, tokens: Tokens) -> Vec<DomainTokens> {
        let of = |d: &DomainShare| {
            let taken = Tokens::new(d.share * tokens.get());
            DomainTokens {
                domain: d.domain.clone(),
                share: d.share,
                tokens: taken,
                unique_tokens: d.unique_tokens,
                epochs: d.unique_tokens.map(|unique| taken.get() / unique.get()),
            }
        };
        self.shares.iter().filter(|d| d.share >= LEAST).map(of).collect()
    }
}
