//! How much one recipe saves over another, in compute, time and money, and whether gains add up.

#[cfg(feature = "logs")]
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::kinds::unknown_column;
use crate::data::{OneQuantity, OneQuantityTable, RunTable};
#[cfg(feature = "logs")]
use crate::data::{ReadOptions, read_one_quantity, read_with_progress};
#[cfg(feature = "report")]
use crate::error::StudyError;
use crate::error::{FitError, GainProblem, Result, Warning};
use crate::fit::{Fit, Gain, GainConfig, Multiplier, OnProgress, Recipe, as_runs, gain};
use crate::num::Interval;
#[cfg(feature = "report")]
use crate::report::{Chart, gain_chart};
#[cfg(feature = "report")]
use crate::units::LossUnit;
use crate::units::{Flops, times};

/// A recipe as it is handed in.
#[derive(Clone, Debug)]
pub struct GainRecipe {
    /// Its name.
    pub name: String,
    /// Its runs.
    pub runs: Option<RunTable>,
    /// A law fitted to it before.
    pub fit: Option<Fit>,
}

impl GainRecipe {
    /// A recipe by its runs.
    #[must_use]
    pub fn of_runs(name: impl Into<String>, runs: RunTable) -> Self {
        Self { name: name.into(), runs: Some(runs), fit: None }
    }

    /// A recipe by a law alone.
    #[must_use]
    pub fn of_fit(name: impl Into<String>, fit: Fit) -> Self {
        Self { name: name.into(), runs: None, fit: Some(fit) }
    }

    /// A recipe by losses at values of C; `None` for a table of another quantity.
    #[must_use]
    pub fn of_compute(name: impl Into<String>, table: &OneQuantityTable) -> Option<Self> {
        (table.of == OneQuantity::C).then(|| Self::of_runs(name, as_runs(table)))
    }

    /// A recipe by a file: a fit, a law of compute alone, a table or a log of runs, or a table of compute
    /// and loss.
    ///
    /// # Errors
    /// As [`read_with_progress`] and [`load_fit`](super::load_fit);
    /// [`FitError::OneQuantityLaw`] for a law of N or of D alone.
    #[cfg(feature = "logs")]
    pub fn read(
        name: impl Into<String>,
        path: &Path,
        options: &ReadOptions,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Self> {
        if path.extension().is_some_and(|e| e == "json") {
            if let Some(law) = super::load_one_quantity(path)? {
                if law.of != OneQuantity::C {
                    return Err(law.refusal(&path.display().to_string()).into());
                }
                return Ok(Self::of_fit(name, law.fit));
            }
            return super::load_fit(path).map(|fit| Self::of_fit(name, fit));
        }
        let logs = [path.to_owned()];
        match read_with_progress(&logs, options, progress) {
            Ok(table) => Ok(Self::of_runs(name, table)),
            // Compute and loss are enough for a gain along compute.
            Err(error) => {
                let table = read_one_quantity(&logs, options).ok().flatten();
                table.and_then(|table| Self::of_compute(name, &table)).ok_or(error)
            }
        }
    }

    fn as_recipe(&self) -> Recipe<'_> {
        Recipe { name: &self.name, runs: self.runs.as_ref(), fit: self.fit.as_ref() }
    }
}

/// One recipe for each value of a column, the base first and the others in the order of the values.
///
/// - `base`: the value that the others are measured against; the first when absent.
///
/// # Errors
/// [`DataError::UnknownColumn`](crate::error::DataError) when no run has the column; [`GainProblem::OneRecipe`] when it holds one
/// value, [`GainProblem::UnknownRecipe`] for a base that it does not hold.
pub fn recipes_by(table: &RunTable, column: &str, base: Option<&str>) -> Result<Vec<GainRecipe>> {
    let groups = table.by_label(column);
    if groups.is_empty() {
        return Err(unknown_column(table, column).into());
    }
    if let [(value, _)] = &groups[..] {
        let (column, value) = (column.to_owned(), value.clone());
        return Err(FitError::from(Box::new(GainProblem::OneRecipe { column, value })).into());
    }
    let mut recipes: Vec<GainRecipe> =
        groups.into_iter().map(|(value, runs)| GainRecipe::of_runs(value, runs)).collect();
    if let Some(base) = base {
        let Some(at) = recipes.iter().position(|recipe| recipe.name == base) else {
            let known = recipes.into_iter().map(|recipe| recipe.name).collect();
            let name = base.to_owned();
            return Err(FitError::from(Box::new(GainProblem::UnknownRecipe { name, known })).into());
        };
        recipes[..=at].rotate_right(1);
    }
    Ok(recipes)
}

/// What a recipe costs beside its FLOPs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// Training tokens per second, of both recipes on models of one size.
    pub tokens_per_s: f64,
    /// Price of the machine that reaches it.
    #[serde(default)]
    pub usd_per_hour: Option<f64>,
}

/// What is asked of two recipes or more.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `config` | [`GainConfig::default`] | how they are compared; its fields stand beside in a file |
/// | `running` | none | throughput and price of each recipe, in their order |
/// | `joint` | false | the last recipe holds the changes of all others but the first |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GainRequest {
    /// How recipes are compared.
    #[serde(flatten)]
    pub config: GainConfig,
    /// Throughput and price of each recipe.
    pub running: Vec<Running>,
    /// Whether the last recipe holds the changes of all others but the first.
    pub joint: bool,
}

/// A gain with what it comes to in time and money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GainReport {
    /// The comparison.
    #[serde(flatten)]
    pub gain: Gain,
    /// B's tokens per second over A's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_ratio: Option<f64>,
    /// The multiplier in time at the largest compute it holds for: times the throughput ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_time: Option<Multiplier>,
    /// The multiplier in money there: times what A's machine costs over B's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_money: Option<Multiplier>,
    /// The verdict in words.
    pub verdict: String,
}

/// Changes made one at a time against all of them together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stack {
    /// Training FLOPs at which all of them hold.
    pub flops: Flops,
    /// The single gains there.
    pub singles: Vec<(String, f64)>,
    /// Their product.
    pub product: f64,
    /// Its interval, as if the gains were measured apart.
    pub product_interval: Option<Interval>,
    /// The gain of the joint recipe.
    pub joint: f64,
    /// Its interval.
    pub joint_interval: Option<Interval>,
    /// The joint gain over the product: below one, the changes take from each other.
    pub kept: f64,
    /// Its interval.
    pub kept_interval: Option<Interval>,
}

/// Every recipe against the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GainsReport {
    /// The base.
    pub a: String,
    /// Each other recipe against it.
    pub gains: Vec<GainReport>,
    /// What is odd about the tables.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
    /// Single gains against the joint one, where that was asked for and all of them hold somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
}

#[cfg(feature = "report")]
impl GainReport {
    /// Both frontiers with the distances between them.
    ///
    /// # Errors
    /// [`StudyError::NothingToDraw`] where no frontier was measured.
    pub fn chart(&self, unit: LossUnit) -> Result<Chart> {
        let (what, needs) = ("the frontiers", "runs of both recipes at two budgets or more");
        gain_chart(&self.gain, unit).ok_or(StudyError::NothingToDraw { what, needs }.into())
    }
}

impl GainRequest {
    /// Compares every recipe with the first.
    ///
    /// ```
    /// # use isoloss::data::{RunRecord, RunTable};
    /// # use isoloss::law::{Point, Surface};
    /// # use isoloss::units::{Flops, ParamRule, Params, Tokens};
    /// use isoloss::study::{GainRecipe, GainRequest};
    ///
    /// // The same law, but each token of `clean` is worth 1.5 of `raw`.
    /// # let truth = Surface::published("besiroglu")?;
    /// # let runs = |worth: f64| {
    /// #     let mut runs = Vec::new();
    /// #     for c in [1e18, 3e18, 1e19, 3e19, 1e20].map(Flops::new) {
    /// #         let best = truth.ln_n_optimal(c).expect("an optimum");
    /// #         for step in -3..=3 {
    /// #             let n = Params::new((best + 0.3 * f64::from(step)).exp());
    /// #             let d = c.get() / (6.0 * n.get());
    /// #             let loss = truth.loss(&Point::new(n, Tokens::new(worth * d)));
    /// #             let run = RunRecord::new(format!("{n}"), n, Tokens::new(d), loss);
    /// #             runs.push(RunRecord { budget: Some(c), ..run });
    /// #         }
    /// #     }
    /// #     RunTable::from_runs(runs, ParamRule::All)
    /// # };
    /// let recipes = [("raw", 1.0), ("clean", 1.5)].map(|(name, worth)| GainRecipe::of_runs(name, runs(worth)));
    /// let mut request = GainRequest::default();
    /// request.config.fit.bootstrap = 100;
    /// let report = request.answer(&recipes)?;
    /// let most = report.gains[0].gain.at_most().expect("it holds");
    /// assert!((most.multiplier / 1.5 - 1.0).abs() < 0.02);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`gain`]; [`FitError::Config`] for throughputs or prices that are not above zero or not one
    /// per recipe.
    pub fn answer(&self, recipes: &[GainRecipe]) -> Result<GainsReport> {
        self.answer_with_progress(recipes, &|_| std::ops::ControlFlow::Continue(()))
    }

    /// As [`answer`](Self::answer); `progress` hears of every fit.
    ///
    /// # Errors
    /// As [`answer`](Self::answer), and [`FitError::Stopped`].
    pub fn answer_with_progress(
        &self,
        recipes: &[GainRecipe],
        progress: &OnProgress<'_>,
    ) -> Result<GainsReport> {
        self.validate(recipes.len())?;
        let Some((base, others)) = recipes.split_first().filter(|(_, others)| !others.is_empty())
        else {
            let problem = GainProblem::TooFewRecipes { found: recipes.len() };
            return Err(FitError::from(Box::new(problem)).into());
        };
        let mut gains = Vec::new();
        for (k, other) in others.iter().enumerate() {
            let gain = gain(&base.as_recipe(), &other.as_recipe(), &self.config, progress)?;
            gains.push(self.report(gain, k + 1));
        }
        let stack = self.joint.then(|| stack(&gains)).flatten();
        let tables = recipes.iter().filter_map(|recipe| recipe.runs.as_ref());
        let warnings = tables.flat_map(|runs| runs.warnings.iter().cloned()).collect();
        Ok(GainsReport { a: base.name.clone(), gains, warnings, stack })
    }

    fn validate(&self, recipes: usize) -> Result<()> {
        let bad = |field, found: String, wanted| FitError::Config { field, found, wanted };
        if !self.running.is_empty() && self.running.len() != recipes {
            let found = self.running.len().to_string();
            return Err(bad("running", found, "one throughput per recipe").into());
        }
        for running in &self.running {
            let fine = |x: f64| x.is_finite() && x > 0.0;
            if !fine(running.tokens_per_s) {
                let found = running.tokens_per_s.to_string();
                return Err(bad("tokens_per_s", found, "tokens per second above zero").into());
            }
            if let Some(usd) = running.usd_per_hour.filter(|usd| !fine(*usd)) {
                return Err(bad("usd_per_hour", usd.to_string(), "a price above zero").into());
            }
        }
        if let Some(c) = self.config.at.iter().find(|c| !c.is_usable()) {
            return Err(bad("at", c.get().to_string(), "training FLOPs above zero").into());
        }
        Ok(())
    }

    /// - `k`: the place of the recipe.
    fn report(&self, gain: Gain, k: usize) -> GainReport {
        let running = self.running.first().zip(self.running.get(k));
        let throughput_ratio = running.map(|(a, b)| b.tokens_per_s / a.tokens_per_s);
        let price_ratio = running.and_then(|(a, b)| Some(a.usd_per_hour? / b.usd_per_hour?));
        let most = gain.at_most().copied();
        let times = |factor: Option<f64>| most.zip(factor).map(|(m, f)| m.times(f));
        let in_time = times(throughput_ratio);
        let in_money = times(throughput_ratio.zip(price_ratio).map(|(x, y)| x * y));
        let verdict = verdict(&gain);
        GainReport { gain, throughput_ratio, in_time, in_money, verdict }
    }
}

/// Single gains against the last, at the largest compute at which all of them hold.
fn stack(gains: &[GainReport]) -> Option<Stack> {
    let (joint, singles) = gains.split_last().filter(|(_, singles)| singles.len() >= 2)?;
    let holds = gains.iter().map(|g| g.gain.holds_to_flops);
    let flops = holds
        .collect::<Option<Vec<Flops>>>()?
        .into_iter()
        .min_by(|x, y| x.get().total_cmp(&y.get()))?;
    let at = |report: &GainReport| at_compute(&report.gain, flops);
    let all: Vec<(f64, f64)> = singles.iter().map(at).collect::<Option<_>>()?;
    let (ln_joint, sd_joint) = at(joint)?;
    let ln_product: f64 = all.iter().map(|x| x.0).sum();
    let sd_product = all.iter().map(|x| x.1 * x.1).sum::<f64>().sqrt();
    // The half-widths are those of intervals at one level, so they add as standard deviations do.
    let around = |ln: f64, half: f64| {
        (half > 0.0).then(|| Interval { lo: (ln - half).exp(), hi: (ln + half).exp() })
    };
    let names = singles.iter().map(|g| g.gain.b.clone());
    Some(Stack {
        flops,
        singles: names.zip(&all).map(|(name, x)| (name, x.0.exp())).collect(),
        product: ln_product.exp(),
        product_interval: around(ln_product, sd_product),
        joint: ln_joint.exp(),
        joint_interval: around(ln_joint, sd_joint),
        kept: (ln_joint - ln_product).exp(),
        kept_interval: around(ln_joint - ln_product, sd_joint.hypot(sd_product)),
    })
}

/// ln multiplier of the believed way at a compute, linear between those it gives, and half the width of
/// its interval there in ln.
fn at_compute(gain: &Gain, c: Flops) -> Option<(f64, f64)> {
    let rows = &gain.believed()?.budgets;
    let value = |m: &Multiplier| {
        let half = m.interval.map_or(0.0, |i| 0.5 * (i.hi / i.lo).ln());
        (m.flops.ln(), m.multiplier.ln(), half)
    };
    let after = rows.partition_point(|m| m.flops.get() < c.get());
    let (x0, y0, h0) = value(rows.get(after.saturating_sub(1))?);
    let (x1, y1, h1) = value(rows.get(after).or(rows.last())?);
    let share = if x1 > x0 { ((c.ln() - x0) / (x1 - x0)).clamp(0.0, 1.0) } else { 1.0 };
    Some((y0 + share * (y1 - y0), h0 + share * (h1 - h0)))
}

/// What a gain comes to, in words.
fn verdict(gain: &Gain) -> String {
    let (a, b) = (&gain.a, &gain.b);
    let Some(most) = gain.at_most() else {
        let all = gain.methods.iter().filter_map(|m| m.budgets.last().map(|m| m.multiplier));
        let (lo, hi) = all.fold((f64::INFINITY, 0.0_f64), |(lo, hi), m| (lo.min(m), hi.max(m)));
        return match lo <= hi {
            true => format!(
                "nothing tells which way to believe: they say {}x to {}x for {b} over {a}",
                times(lo),
                times(hi)
            ),
            false => format!("no way holds anywhere: nothing is known of {b} against {a}"),
        };
    };
    let up_to = format!("up to {} FLOPs", most.flops);
    let Some(interval) = most.interval else {
        return format!(
            "{b} saves {}x over {a} {up_to}; without resamples nothing says how sure",
            times(most.multiplier)
        );
    };
    let (m, lo, hi) = (most.multiplier, interval.lo, interval.hi);
    if lo > 1.0 {
        format!("{b} saves {}x over {a} ({} to {}) {up_to}", times(m), times(lo), times(hi))
    } else if hi < 1.0 {
        let (m, lo, hi) = (times(1.0 / m), times(1.0 / hi), times(1.0 / lo));
        format!("{b} takes {m}x the compute of {a} ({lo} to {hi}) {up_to}")
    } else {
        format!(
            "no difference is shown: {b} saves {}x over {a} ({} to {}) {up_to}",
            times(m),
            times(lo),
            times(hi)
        )
    }
}
