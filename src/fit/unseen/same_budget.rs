//! Whether the lowest loss among runs of one budget is where a law says.

use std::fmt;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::outcome::{BY_CHANCE, Outcome};
use crate::data::{RunRecord, RunTable};
use crate::fit::solve::point;
use crate::law::{Point, Surface};
use crate::units::{Flops, Params, Tokens};

/// Runs whose budget differs by less than this, as a factor, are runs of one budget.
pub const SAME_BUDGET: f64 = 1.1;
/// Sizes closer than this are one size.
const SAME_SIZE: f64 = 1.05;
/// A size within this factor of the optimum stands for it.
const NEAR_OPTIMUM: f64 = 1.42;
/// Degrees of freedom from which repeats say how runs scatter better than residuals do.
const ENOUGH_REPEATS: usize = 4;

/// The runs of one size at the budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredSize {
    /// The size.
    #[serde(rename = "params")]
    pub n: Params,
    /// Runs of it.
    pub runs: usize,
    /// Mean loss at exactly the budget, nats: what a run spent more or less is taken out by the law.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// The loss that the law predicts there, nats.
    #[serde(rename = "predicted")]
    pub predicted_nats: f64,
}

/// Sizes trained at one budget, beside the size that a law chooses there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationTest {
    /// The budget.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// The law's size for it.
    #[serde(rename = "params")]
    pub n: Params,
    /// Sizes trained, smallest first.
    pub sizes: Vec<MeasuredSize>,
    /// The place in `sizes` of the one that stands for the law's; absent where none is near enough.
    pub chosen: Option<usize>,
    /// Standard deviation of a single run, as a fraction of its loss; absent where nothing says it.
    pub noise: Option<f64>,
    /// The place of the size whose lead over the chosen one is least explained by noise.
    pub rival: Option<usize>,
    /// That lead in nats; negative where the chosen size has the lowest loss.
    #[serde(rename = "lead")]
    pub lead_nats: Option<f64>,
    /// What it comes to.
    pub outcome: Outcome,
}

impl AllocationTest {
    /// Tests the size that `surface` chooses for `c` on the runs of `table` at that budget; `None` where
    /// the law has no optimum there or no run spends it.
    ///
    /// The law fails where another size is better by more than noise explains, over all sizes tried, one
    /// chance in twenty; and by more than the law itself grants that size. It holds where that is not so
    /// and there are sizes on both sides of the chosen one.
    ///
    /// - `noise`: standard deviation of a single run around the law, as a fraction of its loss; repeats
    ///   among the runs replace it where there are enough.
    #[must_use]
    pub fn of(surface: &Surface, c: Flops, table: &RunTable, noise: Option<f64>) -> Option<Self> {
        let n = Params::new(surface.ln_n_optimal(c)?.exp());
        let spends = |run: &&RunRecord| {
            let spent = surface.flops_per_nd * run.n.get() * run.d.get();
            (spent / c.get()).ln().abs() <= SAME_BUDGET.ln()
        };
        let runs: Vec<&RunRecord> = table.runs.iter().filter(spends).collect();
        if runs.is_empty() {
            return None;
        }
        let groups = by_size(surface, c, &runs);
        let noise = repeated(&groups).or(noise).filter(|s| *s > 0.0);
        let sizes: Vec<MeasuredSize> = groups.iter().map(|g| g.measured(surface, c)).collect();
        let off = |size: &MeasuredSize| (size.n.get() / n.get()).ln().abs();
        let chosen = (0..sizes.len())
            .min_by(|a, b| off(&sizes[*a]).total_cmp(&off(&sizes[*b])))
            .filter(|k| off(&sizes[*k]) <= NEAR_OPTIMUM.ln());
        let mut test = Self {
            c,
            n,
            sizes,
            chosen,
            noise,
            rival: None,
            lead_nats: None,
            outcome: Outcome::CannotTell,
        };
        test.judge();
        Some(test)
    }

    fn judge(&mut self) {
        let (Some(chosen), Some(noise)) = (self.chosen, self.noise) else { return };
        let others: Vec<usize> = (0..self.sizes.len()).filter(|k| *k != chosen).collect();
        let here = self.sizes[chosen];
        // By how many standard deviations a size leads beyond what the law grants it.
        let sds = |k: usize| {
            let there = self.sizes[k];
            let lead = (here.loss_nats / there.loss_nats).ln();
            let granted = (here.predicted_nats / there.predicted_nats).ln().max(0.0);
            let spread = noise * (1.0 / here.runs as f64 + 1.0 / there.runs as f64).sqrt();
            (lead - granted) / spread
        };
        let Some(rival) = others.iter().copied().max_by(|a, b| sds(*a).total_cmp(&sds(*b))) else {
            return;
        };
        let limit = Normal::standard().inverse_cdf(1.0 - BY_CHANCE / others.len() as f64);
        self.rival = Some(rival);
        self.lead_nats = Some(here.loss_nats - self.sizes[rival].loss_nats);
        let bracketed = chosen > 0 && chosen + 1 < self.sizes.len();
        self.outcome = match () {
            () if sds(rival) > limit => Outcome::Fails,
            () if bracketed => Outcome::Holds,
            () => Outcome::CannotTell,
        };
    }
}

impl fmt::Display for AllocationTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(chosen) = self.chosen else {
            return write!(
                f,
                "no run at {} FLOPs has about the law's {} parameters",
                self.c, self.n
            );
        };
        let Some(noise) = self.noise else {
            return write!(f, "nothing says by how much runs at {} FLOPs scatter", self.c);
        };
        let here = self.sizes[chosen];
        let (Some(rival), Some(lead)) = (self.rival, self.lead_nats) else {
            return write!(f, "only one size was trained at {} FLOPs", self.c);
        };
        let other = self.sizes[rival].n;
        let noise = format!("single runs scatter by {:.2} %", 100.0 * noise);
        match self.outcome {
            Outcome::Fails => write!(
                f,
                "at {} FLOPs {other} parameters are {lead:.4} nats better than the law's {}, beyond noise ({noise})",
                self.c, here.n
            ),
            Outcome::Holds if lead <= 0.0 => {
                write!(f, "at {} FLOPs the law's size has the lowest loss ({noise})", self.c)
            }
            Outcome::Holds => write!(
                f,
                "at {} FLOPs {other} parameters are {lead:.4} nats better than the law's size, within noise ({noise})",
                self.c
            ),
            Outcome::CannotTell => {
                write!(f, "the sizes at {} FLOPs lie on one side of the law's", self.c)
            }
        }
    }
}

/// Runs of one size.
struct Group<'a> {
    runs: Vec<&'a RunRecord>,
    /// ln loss of each at exactly the budget.
    ln_losses: Vec<f64>,
}

impl Group<'_> {
    fn ln_n(&self) -> f64 {
        self.runs.iter().map(|run| run.n.ln()).sum::<f64>() / self.runs.len() as f64
    }

    fn mean(&self) -> f64 {
        self.ln_losses.iter().sum::<f64>() / self.ln_losses.len() as f64
    }

    fn measured(&self, surface: &Surface, c: Flops) -> MeasuredSize {
        let n = Params::new(self.ln_n().exp());
        let predicted_nats = surface.loss(&at_budget(surface, c, n));
        MeasuredSize { n, runs: self.runs.len(), loss_nats: self.mean().exp(), predicted_nats }
    }
}

fn at_budget(surface: &Surface, c: Flops, n: Params) -> Point {
    let d = Tokens::new(c.get() / (surface.flops_per_nd * n.get()));
    Point::new(n, d).within(surface.setting)
}

/// The runs by size, smallest first.
fn by_size<'a>(surface: &Surface, c: Flops, runs: &[&'a RunRecord]) -> Vec<Group<'a>> {
    let mut sorted = runs.to_vec();
    sorted.sort_by(|a, b| a.n.get().total_cmp(&b.n.get()));
    let mut groups: Vec<Group<'a>> = Vec::new();
    for run in sorted {
        let spent = surface.loss(&point(run)).ln();
        let asked = surface.loss(&at_budget(surface, c, run.n).within(run.setting)).ln();
        let ln_loss = run.loss_nats.ln() + asked - spent;
        match groups.last_mut().filter(|g| run.n.get() / g.runs[0].n.get() <= SAME_SIZE) {
            Some(group) => {
                group.runs.push(run);
                group.ln_losses.push(ln_loss);
            }
            None => groups.push(Group { runs: vec![run], ln_losses: vec![ln_loss] }),
        }
    }
    groups
}

/// Standard deviation of repeats within their sizes, where there are enough of them.
fn repeated(groups: &[Group<'_>]) -> Option<f64> {
    let freedom: usize = groups.iter().map(|g| g.runs.len() - 1).sum();
    let squares: f64 = groups
        .iter()
        .flat_map(|g| {
            let mean = g.mean();
            g.ln_losses.iter().map(move |l| (l - mean).powi(2))
        })
        .sum();
    (freedom >= ENOUGH_REPEATS).then(|| (squares / freedom as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ParamRule;

    const C: f64 = 1e20;

    /// Runs at one budget around the optimum, each off its law by a share of the loss.
    fn tested(sizes: &[(f64, f64)], noise: Option<f64>) -> AllocationTest {
        let law = Surface::published("besiroglu").expect("shipped");
        let best = law.ln_n_optimal(Flops::new(C)).expect("an optimum");
        let runs = sizes
            .iter()
            .map(|(times, off)| {
                let n = Params::new(best.exp() * times);
                let point = at_budget(&law, Flops::new(C), n);
                RunRecord::new(format!("{times}"), n, point.d, law.loss(&point) * (1.0 + off))
            })
            .collect();
        let table = RunTable::from_runs(runs, ParamRule::All);
        AllocationTest::of(&law, Flops::new(C), &table, noise).expect("runs at the budget")
    }

    #[test]
    fn runs_of_the_law_hold_and_a_size_that_is_better_beyond_noise_fails() {
        let law = tested(&[(0.5, 0.0), (1.0, 0.0), (2.0, 0.0)], Some(0.003));
        assert_eq!((law.outcome, law.chosen), (Outcome::Holds, Some(1)), "{law}");
        assert!(law.lead_nats.is_some_and(|lead| lead < 0.0));
        let other = tested(&[(0.5, -0.05), (1.0, 0.0), (2.0, 0.0)], Some(0.003));
        assert_eq!((other.outcome, other.rival), (Outcome::Fails, Some(0)), "{other}");
        let within = tested(&[(0.5, -0.05), (1.0, 0.0), (2.0, 0.0)], Some(0.04));
        assert_eq!(within.outcome, Outcome::Holds, "{within}");
    }

    #[test]
    fn without_the_size_a_side_or_a_noise_nothing_can_be_told() {
        for (sizes, noise) in [
            (&[(0.4, 0.0), (2.5, 0.0)][..], Some(0.003)),
            (&[(1.0, 0.0), (2.0, 0.0)], Some(0.003)),
            (&[(1.0, 0.0)], Some(0.003)),
            (&[(0.5, 0.0), (1.0, 0.0), (2.0, 0.0)], None),
        ] {
            let test = tested(sizes, noise);
            assert_eq!(test.outcome, Outcome::CannotTell, "{sizes:?}: {test}");
        }
    }

    #[test]
    fn repeats_say_how_runs_scatter() {
        let off = [0.01, -0.01, 0.012];
        let sizes: Vec<(f64, f64)> =
            [0.5, 1.0, 2.0].iter().flat_map(|n| off.map(|o| (*n, o))).collect();
        let noise = tested(&sizes, Some(1e-6)).noise.expect("repeats");
        assert!((0.005..0.02).contains(&noise), "{noise}");
    }
}
