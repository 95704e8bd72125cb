//! What the tuning of a sweep found: one learning rate for all, and how far it can be trusted.

use serde::{Deserialize, Serialize};

use super::drafts::Draft;
use super::explore::{Explored, Trials, check_cell, small_cells};
use super::parabola::{Parabola, quantile};
use super::run::{Part, RunSpec};
use super::sections::three_digits;
use super::tune::TuneConfig;
use crate::num::{Interval, mean};
use crate::units::{Flops, Params, Tokens};

/// Level of the intervals of a tuned rate.
pub const TUNING_LEVEL: f64 = 0.95;

/// Loss above the tuned one, as a share, from which a cell counts as under-tuned.
pub const UNDER_TUNED: f64 = 0.01;

/// Rates within this factor of the best one enter its parabola: beyond, losses are no parabola in ln lr.
const WINDOW: f64 = 4.5;

/// What came of the section `[tune]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// Tuning runs that have ended.
    pub ended: usize,
    /// Tuning runs that are wanted so far; widening an axis adds some.
    pub wanted: usize,
    /// Peak learning rate at a width of 64 that the sweep uses; absent while runs are left.
    pub peak_lr: Option<f64>,
    /// Its interval, from what the losses scatter around their parabolas; absent without one.
    pub interval: Option<Interval>,
    /// Level of the intervals.
    pub level: f64,
    /// Batch over the recipe's.
    pub batch_ratio: f64,
    /// Standard deviation of ln loss around the parabolas; absent where each has three points.
    pub residual_sd: Option<f64>,
    /// Each cell, at the batch that is used.
    pub cells: Vec<TunedRate>,
    /// Batches tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<TriedBatch>,
    /// The check at a large cell; absent where none is asked for or none is larger.
    pub check: Option<TransferCheck>,
    /// Cells of the design that the tuned rate is predicted to cost more than [`UNDER_TUNED`]: the best
    /// rate taken along a line in ln C from the tuned cells through the checked one. Empty before the check
    /// has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under_tuned: Vec<UnderTuned>,
}

/// A cell that is predicted to be under-tuned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnderTuned {
    /// Its name.
    pub cell: String,
    /// Its best rate over the one that is used, predicted.
    pub best_ratio: f64,
    /// Its loss over that at its best rate, minus one, predicted.
    pub excess: f64,
}

/// A batch that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedBatch {
    /// Tokens of a step over the recipe's.
    pub ratio: f64,
    /// Loss at the best rate over that of the best batch, minus one, mean over cells.
    pub excess: f64,
}

/// A rate and the loss it ended with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedRate {
    /// Peak learning rate at a width of 64.
    pub peak_lr: f64,
    /// Final loss, nats per token; absent where it diverged.
    #[serde(rename = "loss")]
    pub loss_nats: Option<f64>,
}

/// The best learning rate of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedRate {
    /// Name of the cell.
    pub cell: String,
    /// Parameters that a token visits.
    pub n_params: Params,
    /// Training tokens.
    pub tokens: Tokens,
    /// C.
    pub flops: Flops,
    /// Rates tried.
    pub tried: Vec<TriedRate>,
    /// The minimum of the parabola, at a width of 64; the lowest rate tried where it has none inside.
    pub peak_lr: f64,
    /// Its interval; absent where the curvature is within the noise.
    pub interval: Option<Interval>,
    /// Whether a lower and a higher rate ended worse, or diverged.
    pub bracketed: bool,
    /// Times the axis was widened.
    pub widened: u32,
    /// Loss at the rate that is used over that at the cell's own, minus one; absent while tuning goes on.
    pub excess: Option<f64>,
}

impl TunedRate {
    /// Whether the rate that is used costs this cell more than [`UNDER_TUNED`].
    #[must_use]
    pub fn is_under_tuned(&self) -> bool {
        self.excess.is_some_and(|excess| excess > UNDER_TUNED)
    }

    /// Whether the rate that is used lies outside the cell's interval.
    #[must_use]
    pub fn is_outside(&self, used: f64) -> bool {
        self.interval.is_some_and(|interval| !interval.contains(used))
    }
}

/// A large cell at half, once and twice the tuned rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransferCheck {
    /// Name of the cell.
    pub cell: String,
    /// Parameters that a token visits.
    pub n_params: Params,
    /// C.
    pub flops: Flops,
    /// Rates tried, as far as they have ended.
    pub tried: Vec<TriedRate>,
    /// Best rate over the one that is used; half or twice where it is at an end. Absent while runs are left.
    pub best_ratio: Option<f64>,
    /// Loss at the rate that is used over the best, minus one; at least that where the best is at an end.
    pub excess: Option<f64>,
    /// Whether that is at most [`UNDER_TUNED`]; absent while runs are left.
    pub holds: Option<bool>,
}

/// The factors of a check, besides one.
pub(super) const CHECKED: [f64; 2] = [0.5, 2.0];

/// Tuning under way: what it found so far and the runs it wants.
pub(super) struct TuningState {
    pub(super) tuning: Tuning,
    pub(super) specs: Vec<RunSpec>,
}

/// One cell at one batch.
struct Valley {
    explored: Explored,
    parabola: Option<Parabola>,
    /// ln of the best rate, and ln of its loss; `None` where no rate finished.
    best: Option<(f64, f64)>,
}

impl Valley {
    fn of(explored: Explored) -> Self {
        let finished: Vec<(f64, f64)> = explored
            .points
            .iter()
            .filter_map(|(rate, loss)| Some((rate.ln(), loss.filter(|l| *l > 0.0)?.ln())))
            .collect();
        let lowest = finished.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
        let near = |p: &&(f64, f64)| lowest.is_some_and(|l| (p.0 - l.0).abs() <= WINDOW.ln());
        let points: Vec<(f64, f64)> = finished.iter().filter(near).copied().collect();
        let parabola = Parabola::through(&points);
        let minimum = parabola.as_ref().and_then(|p| Some((p.minimum()?, p)));
        let best = minimum.map(|(x, p)| (x, p.at(x))).or(lowest);
        Self { explored, parabola, best }
    }

    /// Whether the lowest rate has a neighbour on either side, finished or diverged.
    fn bracketed(&self) -> bool {
        let points = &self.explored.points;
        let loss = |i: &usize| points[*i].1.unwrap_or(f64::INFINITY);
        let lowest = (0..points.len()).min_by(|a, b| loss(a).total_cmp(&loss(b)));
        lowest.is_some_and(|i| i > 0 && i + 1 < points.len() && loss(&i).is_finite())
    }

    /// The loss that the parabola predicts at a rate over that at the best, minus one.
    fn excess(&self, ln_rate: f64) -> Option<f64> {
        let (_, least) = self.best?;
        Some((self.parabola.as_ref()?.at(ln_rate) - least).exp() - 1.0)
    }
}

impl Trials<'_> {
    /// The tuning as far as it is known.
    pub(super) fn tuning(&self, tune: &TuneConfig, drafts: &[Draft]) -> TuningState {
        let cells = small_cells(drafts, tune.cells);
        let batches = tune.batches();
        // By batch, then by cell.
        let valleys: Vec<Vec<Valley>> = batches
            .iter()
            .map(|batch| {
                let explore = |cell: &&Draft| Valley::of(self.explore(tune, cell, *batch));
                cells.iter().map(explore).collect()
            })
            .collect();
        let all = || valleys.iter().flatten();
        let mut specs: Vec<RunSpec> = all().flat_map(|v| v.explored.specs.clone()).collect();
        let mut seen = std::collections::BTreeSet::new();
        specs.retain(|spec| seen.insert(spec.id.clone()));
        let ended = specs.iter().filter(|spec| (self.known)(spec).is_some()).count();
        let done = all().all(|v| v.explored.ended);
        let tried = tried_batches(&batches, &valleys);
        let best = if done { least_excess(&tried) } else { usual(&batches) };
        let mut tuning = Tuning {
            ended,
            wanted: specs.len(),
            peak_lr: None,
            interval: None,
            level: TUNING_LEVEL,
            batch_ratio: batches.get(best).copied().unwrap_or(1.0),
            residual_sd: None,
            cells: Vec::new(),
            batches: if batches.len() > 1 && done { tried } else { Vec::new() },
            check: None,
            under_tuned: Vec::new(),
        };
        let chosen: &[Valley] = valleys.get(best).map_or(&[], Vec::as_slice);
        self.combine(&mut tuning, &cells, chosen, done);
        if let Some(peak) = tuning.peak_lr {
            tuning.check = self.transfer(tune, drafts, &cells, (peak, tuning.batch_ratio));
            tuning.under_tuned = predicted(&tuning, drafts, peak, chosen).unwrap_or_default();
        }
        TuningState { tuning, specs }
    }

    /// One rate of all cells: their minima weighted by what is known of each.
    fn combine(&self, tuning: &mut Tuning, cells: &[&Draft], valleys: &[Valley], done: bool) {
        let parabolas = || valleys.iter().filter_map(|v| v.parabola.as_ref());
        let freedom: usize = parabolas().map(|p| p.freedom).sum();
        let squares: f64 = parabolas().map(|p| p.squares).sum();
        let variance = (freedom > 0).then(|| squares / freedom as f64);
        tuning.residual_sd = variance.map(f64::sqrt);
        let of = |v: &Valley| {
            let interval = v.parabola.as_ref()?.interval(variance?, freedom, TUNING_LEVEL)?;
            Some(Interval { lo: interval.lo.exp(), hi: interval.hi.exp() })
        };
        for (cell, valley) in cells.iter().zip(valleys) {
            let points = &valley.explored.points;
            tuning.cells.push(TunedRate {
                cell: cell.name.clone(),
                n_params: Params::new(cell.n()),
                tokens: cell.tokens,
                flops: Flops::new(cell.flops()),
                tried: points
                    .iter()
                    .map(|(peak_lr, loss_nats)| TriedRate {
                        peak_lr: *peak_lr,
                        loss_nats: *loss_nats,
                    })
                    .collect(),
                peak_lr: valley.best.map_or(self.recipe.peak_lr, |(x, _)| x.exp()),
                interval: of(valley),
                bracketed: valley.bracketed(),
                widened: valley.explored.widened,
                excess: None,
            });
        }
        if !done {
            return;
        }
        let found = together(valleys, variance, freedom);
        let used = found.map_or(self.recipe.peak_lr, |(x, _)| three_digits(x.exp()));
        tuning.interval = found.and_then(|(_, interval)| interval);
        for (cell, valley) in tuning.cells.iter_mut().zip(valleys) {
            cell.excess = valley.excess(used.ln());
        }
        tuning.peak_lr = Some(used);
    }

    fn transfer(
        &self,
        tune: &TuneConfig,
        drafts: &[Draft],
        cells: &[&Draft],
        (peak, batch): (f64, f64),
    ) -> Option<TransferCheck> {
        let cell = tune.check.then(|| check_cell(drafts, cells)).flatten()?;
        let specs = self.check_specs(cell, peak, batch);
        let tried: Vec<TriedRate> = specs
            .iter()
            .filter_map(|(peak_lr, spec)| {
                Some(TriedRate { peak_lr: *peak_lr, loss_nats: (self.known)(spec)? })
            })
            .collect();
        let mut check = TransferCheck {
            cell: cell.name.clone(),
            n_params: Params::new(cell.n()),
            flops: Flops::new(cell.flops()),
            tried,
            best_ratio: None,
            excess: None,
            holds: None,
        };
        if check.tried.len() == specs.len() {
            judge(&mut check, peak);
        }
        Some(check)
    }

    /// The runs of a check with their rates, smallest first; the middle one is a run of the design.
    pub(super) fn check_specs(&self, cell: &Draft, peak: f64, batch: f64) -> [(f64, RunSpec); 3] {
        let [half, twice] = CHECKED.map(|factor| three_digits(peak * factor));
        let trial = |rate: f64| (rate, self.trial(Part::Check, cell, rate, batch));
        let main = cell.spec(&self.tuned(cell, peak, batch), self.seed, Part::Main);
        [trial(half), (peak, main), trial(twice)]
    }
}

/// What a check says once its three runs have ended.
fn judge(check: &mut TransferCheck, used: f64) {
    let finished: Vec<(f64, f64)> = check
        .tried
        .iter()
        .filter_map(|t| Some((t.peak_lr.ln(), t.loss_nats.filter(|l| *l > 0.0)?.ln())))
        .collect();
    let here = finished.iter().find(|p| p.0 == used.ln()).map(|p| p.1);
    let minimum = Parabola::through(&finished).and_then(|p| p.minimum().map(|x| (x, p.at(x))));
    let lowest = finished.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
    let (Some(here), Some((x, least))) = (here, minimum.or(lowest)) else {
        // The rate that is used diverged.
        check.holds = Some(false);
        return;
    };
    let excess = (here - least).exp() - 1.0;
    check.best_ratio = Some((x - used.ln()).exp());
    check.excess = Some(excess);
    check.holds = Some(excess <= UNDER_TUNED);
}

/// Cells that are predicted to be under-tuned; `None` while there is nothing to predict from.
fn predicted(
    tuning: &Tuning,
    drafts: &[Draft],
    used: f64,
    valleys: &[Valley],
) -> Option<Vec<UnderTuned>> {
    let check = tuning.check.as_ref()?;
    let away = check.best_ratio?.ln();
    let curved = |v: &Valley| v.parabola.as_ref().map(Parabola::curvature).filter(|c| *c > 0.0);
    let curvature = mean(&valleys.iter().filter_map(curved).collect::<Vec<_>>());
    let of = |value: &dyn Fn(&TunedRate) -> f64| {
        mean(&tuning.cells.iter().map(value).collect::<Vec<_>>())
    };
    let (ln_c, here) = (of(&|cell| cell.flops.ln()), of(&|cell| (cell.peak_lr / used).ln()));
    let slope = (away - here) / (check.flops.ln() - ln_c);
    let excess = |offset: f64| (curvature * offset * offset).exp() - 1.0;
    let cells = drafts.iter().map(|draft| {
        let offset = here + slope * (draft.flops().ln() - ln_c);
        let (cell, best_ratio) = (draft.name.clone(), offset.exp());
        UnderTuned { cell, best_ratio, excess: excess(offset) }
    });
    Some(cells.filter(|cell| cell.excess > UNDER_TUNED).collect())
}

/// ln of the rate of all cells with its interval: the mean of their minima weighted by inverse variances,
/// whose own variance grows where the minima lie farther apart than these say. Without variances the plain
/// mean. `None` where no rate finished.
fn together(
    valleys: &[Valley],
    variance: Option<f64>,
    freedom: usize,
) -> Option<(f64, Option<Interval>)> {
    let known = |v: &Valley| {
        let of_minimum = v.parabola.as_ref()?.variance_of_minimum(variance?)?;
        Some((v.best?.0, of_minimum.max(1e-12)))
    };
    let minima: Vec<(f64, f64)> = valleys.iter().filter_map(known).collect();
    if minima.is_empty() {
        let best: Vec<f64> = valleys.iter().filter_map(|v| Some(v.best?.0)).collect();
        return (!best.is_empty()).then(|| (mean(&best), None));
    }
    let weight: f64 = minima.iter().map(|(_, v)| 1.0 / v).sum();
    let centre = minima.iter().map(|(x, v)| x / v).sum::<f64>() / weight;
    let scatter: f64 = minima.iter().map(|(x, v)| (x - centre).powi(2) / v).sum();
    let spread = (scatter / (minima.len() as f64 - 1.0).max(1.0)).max(1.0);
    let half = quantile(TUNING_LEVEL, freedom)? * (spread / weight).sqrt();
    let interval = Interval { lo: (centre - half).exp(), hi: (centre + half).exp() };
    Some((centre, Some(interval)))
}

/// Each batch with its loss over the least, mean over the cells in which every batch finished.
fn tried_batches(batches: &[f64], valleys: &[Vec<Valley>]) -> Vec<TriedBatch> {
    let mean_of = |cells: &Vec<Valley>| {
        let best: Vec<f64> = cells.iter().map(|v| v.best.map_or(f64::INFINITY, |b| b.1)).collect();
        mean(&best)
    };
    let scores: Vec<f64> = valleys.iter().map(mean_of).collect();
    let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let excess = |score: f64| if score == least { 0.0 } else { (score - least).exp() - 1.0 };
    batches
        .iter()
        .zip(scores)
        .map(|(ratio, s)| TriedBatch { ratio: *ratio, excess: excess(s) })
        .collect()
}

fn least_excess(tried: &[TriedBatch]) -> usize {
    let least = (0..tried.len()).min_by(|a, b| tried[*a].excess.total_cmp(&tried[*b].excess));
    least.unwrap_or(0)
}

/// The batch nearest to the recipe's.
fn usual(batches: &[f64]) -> usize {
    let off = |i: &usize| batches[*i].ln().abs();
    (0..batches.len()).min_by(|a, b| off(a).total_cmp(&off(b))).unwrap_or(0)
}
