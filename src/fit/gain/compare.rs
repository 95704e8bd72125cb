//! Two recipes compared in every way, and which way to believe.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::comparable::comparable;
use super::floor::{FloorSensitivity, floor_sensitivity};
use super::held_out::{HeldOutGain, Tested, held_out};
use super::joined::worth;
use super::measured::{Frontier, FrontierKind, FrontierLoss};
use super::pairs::{PairedNoise, noise};
use super::read_off::{Reading, read_off};
use super::way::{Asked, Attempt, Side, Taken, Way, take};
use crate::data::{RunRecord, RunTable};
use crate::error::{FitError, GainProblem, Result};
use crate::fit::config::FitConfig;
use crate::fit::design::FlopCount;
use crate::fit::fitted::Fit;
use crate::fit::progress::OnProgress;
use crate::law::{Law, law_by_id};
use crate::num::Interval;
use crate::units::Flops;

/// A recipe: what it is called, with its runs or a law that was fitted to them.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its runs, where they are at hand.
    pub runs: Option<&'a RunTable>,
    /// A law fitted to it before; it takes the place of a fit of the runs.
    pub fit: Option<&'a Fit>,
}

/// How recipes are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GainConfig {
    /// Families of laws for the ways that take one; those that suit the runs when empty.
    pub laws: Vec<String>,
    /// Training FLOPs of B at which the multiplier is asked for too.
    pub at: Vec<Flops>,
    /// How laws are fitted, with resamples, seed and level.
    #[serde(flatten)]
    pub fit: FitConfig,
}

impl Default for GainConfig {
    fn default() -> Self {
        Self { laws: Vec::new(), at: Vec::new(), fit: FitConfig::default() }
    }
}

/// A compute multiplier at a budget: the compute that A needs for B's loss over B's compute.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Multiplier {
    /// Training FLOPs of B.
    pub flops: Flops,
    /// Training FLOPs of A for the same loss.
    pub a_flops: Flops,
    /// Their ratio; above one B saves compute.
    pub multiplier: f64,
    /// Its interval; absent without draws.
    pub interval: Option<Interval>,
}

impl Multiplier {
    /// The same times a factor, as one of throughput or price.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let interval = self.interval.map(|i| Interval { lo: i.lo * factor, hi: i.hi * factor });
        Self { multiplier: self.multiplier * factor, interval, ..self }
    }
}

/// What one way says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// The way, with its law where several were tried.
    pub name: String,
    /// The way.
    pub way: Way,
    /// Family id, of a way with laws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// Mean of |ln(predicted / measured)| of multipliers at budgets that were held out, as a fraction;
    /// absent where nothing could be held out.
    pub held_out_error: Option<f64>,
    /// Each of those predictions.
    pub held_out: Vec<HeldOutGain>,
    /// The largest compute of B up to which it agrees with what was measured.
    pub holds_to_flops: Option<Flops>,
    /// Multipliers up to there, smallest compute first.
    pub budgets: Vec<Multiplier>,
    /// Where it parts from what was measured, with what it says there; an absent number is infinite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts_at: Option<Parting>,
    /// What parameters and tokens of B are worth in those of A, of shared exponents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worth: Option<Worth>,
    /// Value of the objective over both tables, of laws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective_value: Option<f64>,
    /// How much noise pairs share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired_noise: Option<PairedNoise>,
    /// Why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A way against a measurement that it misses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parting {
    /// Training FLOPs of B.
    pub flops: Flops,
    /// What was measured there.
    pub measured: f64,
    /// What the way says; absent where it says infinite.
    pub says: Option<f64>,
}

/// A gain split into parameters and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// rho_N: one parameter of B is worth so many of A. Of a law of compute, the worth of compute.
    pub params: f64,
    /// Its interval.
    pub params_interval: Option<Interval>,
    /// rho_D: one token of B is worth so many of A.
    pub tokens: Option<f64>,
    /// Its interval.
    pub tokens_interval: Option<Interval>,
}

/// Two recipes compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The recipe that is measured against.
    pub a: String,
    /// The other.
    pub b: String,
    /// How the frontiers were measured; absent where they were not.
    pub frontier: Option<FrontierKind>,
    /// A's losses by budget.
    pub a_frontier: Vec<FrontierLoss>,
    /// B's.
    pub b_frontier: Vec<FrontierLoss>,
    /// Budgets that show no frontier, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Every way.
    pub methods: Vec<Method>,
    /// The name of the way to believe; absent where nothing tells.
    pub chosen: Option<String>,
    /// The largest compute of B for which a multiplier may be believed.
    pub holds_to_flops: Option<Flops>,
    /// How much it depends on the floor; absent without runs or draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_sensitivity: Option<FloorSensitivity>,
    /// FLOPs per parameter and token as A counts them over those of B, where they differ by more than a
    /// hundredth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_differ: Option<f64>,
    /// Level of the intervals.
    pub level: f64,
}

impl Gain {
    /// The way to believe.
    #[must_use]
    pub fn believed(&self) -> Option<&Method> {
        self.methods.iter().find(|m| Some(&m.name) == self.chosen.as_ref())
    }

    /// Its multiplier at the largest compute that it holds for.
    #[must_use]
    pub fn at_most(&self) -> Option<&Multiplier> {
        self.believed()?.budgets.last()
    }
}

/// A measured multiplier and its resamples.
pub(super) struct Row {
    pub(super) reading: Reading,
    draws: Vec<f64>,
}

impl Row {
    /// Whether another value of ln m is the same as far as the measurement tells: inside its interval, or
    /// off by a tenth.
    pub(super) fn agrees(&self, ln_multiplier: f64, level: f64) -> bool {
        const A_TENTH: f64 = 1.1;
        let interval = Interval::percentile(&self.draws, level);
        let near = (ln_multiplier - self.reading.ln_multiplier()).abs() <= A_TENTH.ln();
        near || interval.is_some_and(|i| i.contains(ln_multiplier))
    }
}

/// Compares two recipes in every way that their runs allow.
///
/// Each way is tested where the answer is known: it is given the smaller budgets and asked for the
/// multipliers at the larger ones, which the measured losses of both recipes show. The way with the
/// smallest error is believed, and no way says anything beyond the compute up to which it agrees with
/// what was measured.
///
/// # Errors
/// [`FitError::Gain`] for recipes that cannot be compared; [`LawError`](crate::error::LawError) for an
/// unknown family; [`FitError::Config`] for settings out of range; [`FitError::Stopped`] when `progress`
/// says so.
pub fn gain(
    a: &Recipe<'_>,
    b: &Recipe<'_>,
    config: &GainConfig,
    progress: &OnProgress<'_>,
) -> Result<Gain> {
    config.fit.validate()?;
    comparable(a, b).map_err(|problem| FitError::from(Box::new(problem)))?;
    let (sides, rows) = measure(a, b, config)?;
    let [side_a, side_b] = &sides;
    let laws = families(config, side_a.frontier.as_ref().or(side_b.frontier.as_ref()))?;
    let attempts = take([side_a, side_b], &laws, &config.fit, progress)?;
    let asked = asked(a, b, &rows, config);
    // Without a frontier of B its runs are held against A's law, which is tested on A's own.
    let alone = rows.is_empty() && side_b.frontier.is_none();
    let own_rows = if alone { own_rows(side_a) } else { Vec::new() };
    let tested = match alone {
        true => held_out([side_a, side_a], &own_rows, &laws, &config.fit)?,
        false => held_out([side_a, side_b], &rows, &laws, &config.fit)?,
    };
    let several = laws.len() > 1;
    let limit = Limit { rows: &rows, ranges: [range(a), range(b)] };
    let mut methods: Vec<Method> = Vec::new();
    for attempt in &attempts {
        let of = |t: &&Tested| t.way == attempt.way && t.law == attempt.law;
        let of_a_alone = alone && !matches!(attempt.way, Way::SingleRuns | Way::PairedRuns);
        let tested = tested.iter().find(of).filter(|_| !of_a_alone);
        methods.push(method(attempt, tested, &asked, &limit, several, &config.fit));
    }
    if methods.iter().all(|m| m.refused.is_some()) {
        let mut reasons: Vec<String> = Vec::new();
        for reason in methods.iter().filter_map(|m| m.refused.clone()) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let (a, b) = (a.name.to_owned(), b.name.to_owned());
        return Err(FitError::from(Box::new(GainProblem::NoWay { a, b, reasons })).into());
    }
    let chosen = choose(&methods).map(|m| m.name.clone());
    let holds_to_flops = methods
        .iter()
        .find(|m| Some(&m.name) == chosen.as_ref())
        .and_then(|m| m.budgets.last().map(|m| m.flops));
    let floor_sensitivity = match (a.runs, b.runs, rows.last()) {
        (Some(a), Some(b), Some(row)) => {
            let at = Asked::from(&row.reading);
            let shared = attempts.iter().filter(|t| t.way == Way::SharedExponents);
            let pair = shared.filter_map(|t| match &t.taken {
                Ok(Taken::Laws(pair)) => Some((t.law?, pair)),
                _ => None,
            });
            let mut found = None;
            for (law, pair) in pair {
                found = floor_sensitivity(law_by_id(law)?, pair, [a, b], &at, &config.fit)
                    .unwrap_or(None);
                if found.is_some() {
                    break;
                }
            }
            found
        }
        _ => None,
    };
    let points = |side: &Side<'_>| side.frontier.as_ref().map_or(Vec::new(), |f| f.points.clone());
    let left_out = |recipe: &Recipe<'_>, side: &Side<'_>| -> Vec<String> {
        let refused = side.frontier.as_ref().map_or(Vec::new(), |f| f.refused.clone());
        refused.into_iter().map(|reason| format!("{}: {reason}", recipe.name)).collect()
    };
    Ok(Gain {
        a: a.name.to_owned(),
        b: b.name.to_owned(),
        frontier: side_b.frontier.as_ref().or(side_a.frontier.as_ref()).map(|f| f.kind),
        a_frontier: points(side_a),
        b_frontier: points(side_b),
        left_out: [left_out(a, side_a), left_out(b, side_b)].concat(),
        chosen,
        holds_to_flops,
        methods,
        floor_sensitivity,
        counts_differ: counts_differ(a, b),
        level: config.fit.level,
    })
}

/// Both sides with their frontiers, and what is read off them.
fn measure<'a>(
    a: &Recipe<'a>,
    b: &Recipe<'a>,
    config: &GainConfig,
) -> Result<([Side<'a>; 2], Vec<Row>)> {
    let (draws, seed, level) =
        (config.fit.bootstrap.min(MOST_RESAMPLES), config.fit.seed, config.fit.level);
    let side = |recipe: &Recipe<'a>, seed: u64| Side {
        runs: recipe.runs.map(Cow::Borrowed),
        frontier: recipe.runs.and_then(|runs| Frontier::of(runs, draws, seed, level)),
        fitted: recipe.fit,
    };
    // Draw k of one recipe must not resample the rows that draw k of the other does.
    let mut sides = [side(a, seed), side(b, seed ^ (1 << 40))];
    let kinds = [0, 1].map(|i| sides[i].frontier.as_ref().map(|f| f.kind));
    if let [Some(x), Some(y)] = kinds {
        if x != y {
            // The lowest loss of a budget and the loss at one ratio are not the same thing.
            sides.iter_mut().for_each(|side| side.frontier = None);
        }
    }
    let mut rows = Vec::new();
    if let (Some(fa), Some(fb)) = (&sides[0].frontier, &sides[1].frontier) {
        let readings = read_off(&fa.curve(), &fb.curve());
        let drawn: Vec<Vec<Option<Reading>>> =
            fa.curves().zip(fb.curves()).map(|(a, b)| read_off(&a, &b)).collect();
        for (i, reading) in readings.into_iter().enumerate() {
            let draws = drawn.iter().filter_map(|d| Some(d[i]?.ln_multiplier())).collect();
            rows.extend(reading.map(|reading| Row { reading, draws }));
        }
        rows.sort_by(|x, y| x.reading.ln_c_b.total_cmp(&y.reading.ln_c_b));
        if rows.is_empty() {
            return Err(FitError::from(Box::new(nothing_in_common(a, b, fa, fb))).into());
        }
    }
    Ok((sides, rows))
}

/// Resamples of measured frontiers at most: each costs two curves per budget.
const MOST_RESAMPLES: usize = 1000;

fn nothing_in_common(a: &Recipe<'_>, b: &Recipe<'_>, fa: &Frontier, fb: &Frontier) -> GainProblem {
    let ends = |f: &Frontier| (f.points[0], f.points[f.points.len() - 1]);
    let ((first_a, last_a), (first_b, last_b)) = (ends(fa), ends(fb));
    let b_is_lower = first_b.loss_nats < last_a.loss_nats;
    let (lower, from, higher, to) = match b_is_lower {
        true => (b.name, first_b, a.name, last_a),
        false => (a.name, first_a, b.name, last_b),
    };
    GainProblem::NoLossInCommon {
        lower: lower.to_owned(),
        from: from.loss_nats,
        from_flops: from.c,
        higher: higher.to_owned(),
        to: to.loss_nats,
        to_flops: to.c,
    }
}

/// A's frontier read off itself: a law of A alone must say one there.
fn own_rows(a: &Side<'_>) -> Vec<Row> {
    let Some(frontier) = &a.frontier else { return Vec::new() };
    let curve = frontier.curve();
    let mut rows: Vec<Row> = read_off(&curve, &curve)
        .into_iter()
        .take(frontier.points.len())
        .flatten()
        .map(|reading| Row { reading, draws: Vec::new() })
        .collect();
    rows.sort_by(|x, y| x.reading.ln_c_b.total_cmp(&y.reading.ln_c_b));
    rows
}

/// The families asked for; else a law of compute for ladders, and laws of N and D for everything else.
fn families(config: &GainConfig, frontier: Option<&Frontier>) -> Result<Vec<&'static dyn Law>> {
    let ids: Vec<&str> = match (&config.laws[..], frontier.map(|f| f.kind)) {
        ([], Some(FrontierKind::Ladder)) => vec!["envelope"],
        ([], _) => vec!["chinchilla"],
        (asked, _) => asked.iter().map(String::as_str).collect(),
    };
    ids.into_iter().map(|id| Ok(law_by_id(id)?)).collect()
}

/// Smallest and largest compute of a recipe.
fn range(recipe: &Recipe<'_>) -> Option<(f64, f64)> {
    if let Some(runs) = recipe.runs {
        let all = runs.runs.iter().map(|run| run.budget.unwrap_or(run.c).get());
        let ends = all.fold((f64::INFINITY, 0.0_f64), |(lo, hi), c| (lo.min(c), hi.max(c)));
        return Some(ends);
    }
    // The ranges of a law are by the rule of six.
    let fit = recipe.fit?;
    let counted = fit.surface.flops_per_nd / 6.0;
    fit.surface.support.c.map(|c| (c.lo * counted, c.hi * counted))
}

/// Where multipliers are asked for: at what was measured; else at the best run of each budget of B, or
/// over the compute that both recipes cover; and at what the caller names.
fn asked(a: &Recipe<'_>, b: &Recipe<'_>, rows: &[Row], config: &GainConfig) -> Vec<Asked> {
    const STEPS: usize = 5;
    let mut all: Vec<Asked> = rows.iter().map(|row| Asked::from(&row.reading)).collect();
    if let (true, Some(runs)) = (rows.is_empty(), b.runs) {
        let best = |(c, runs): (Flops, Vec<&RunRecord>)| {
            let losses = runs.iter().map(|run| run.loss_nats);
            Asked { ln_c_b: c.ln(), ln_loss: Some(losses.fold(f64::INFINITY, f64::min).ln()) }
        };
        all.extend(runs.by_budget().into_iter().map(best));
    }
    if let (true, Some(a), Some(b)) = (all.is_empty(), range(a), range(b)) {
        let (lo, hi) = (a.0.max(b.0), a.1.min(b.1));
        let at = |k: usize| lo.ln() + (hi / lo).ln() * k as f64 / (STEPS - 1) as f64;
        let grid = (0..STEPS).map(|k| Asked { ln_c_b: at(k), ln_loss: None });
        all.extend(grid.filter(|_| lo < hi));
    }
    all.extend(config.at.iter().map(|c| Asked { ln_c_b: c.ln(), ln_loss: None }));
    all.sort_by(|x, y| x.ln_c_b.total_cmp(&y.ln_c_b));
    all
}

/// How far multipliers may be said.
struct Limit<'a> {
    rows: &'a [Row],
    /// Smallest and largest compute of A and of B.
    ranges: [Option<(f64, f64)>; 2],
}

impl Limit<'_> {
    /// The largest compute of B up to which a way agrees with what was measured, and where it parts.
    fn of(
        &self,
        taken: &Taken,
        tests: &[HeldOutGain],
        level: f64,
    ) -> (Option<f64>, Option<Parting>) {
        let mut holds = None;
        for row in self.rows {
            let c = row.reading.ln_c_b;
            let here = |test: &&HeldOutGain| (test.flops.ln() - c).abs() < 1e-9;
            // From the most budgets that were not yet those of the row.
            let nearest = tests
                .iter()
                .filter(here)
                .max_by(|x, y| x.fitted_to_flops.get().total_cmp(&y.fitted_to_flops.get()));
            let measured = matches!(taken, Taken::Measured { .. });
            let says = taken.ln_multiplier(&Asked::from(&row.reading));
            let agrees = measured
                || says.is_some_and(|says| row.agrees(says, level))
                    && nearest.is_none_or(|test| test.agrees);
            if !agrees {
                // What it says without the budget is what it was wrong about.
                let says = match nearest.filter(|test| !test.agrees) {
                    Some(test) => test.predicted,
                    None => says.map(f64::exp).filter(|m| m.is_finite()),
                };
                let measured = row.reading.ln_multiplier().exp();
                return (holds, Some(Parting { flops: Flops::new(c.exp()), measured, says }));
            }
            holds = Some(c);
        }
        (holds, None)
    }

    /// Whether both recipes' runs reach so far.
    fn within_ranges(&self, ln_c_b: f64, ln_multiplier: f64) -> bool {
        let inside = |range: Option<(f64, f64)>, ln_c: f64| {
            range.is_some_and(|(lo, hi)| ln_c >= lo.ln() - 0.05 && ln_c <= hi.ln() + 0.05)
        };
        inside(self.ranges[1], ln_c_b) && inside(self.ranges[0], ln_c_b + ln_multiplier)
    }
}

fn method(
    attempt: &Attempt,
    tested: Option<&Tested>,
    asked: &[Asked],
    limit: &Limit<'_>,
    several: bool,
    config: &FitConfig,
) -> Method {
    let name = match attempt.law.filter(|_| several) {
        Some(law) => format!("{} ({law})", attempt.way),
        None => attempt.way.to_string(),
    };
    let mut method = Method {
        name,
        way: attempt.way,
        law: attempt.law.map(str::to_owned),
        held_out_error: None,
        held_out: Vec::new(),
        holds_to_flops: None,
        budgets: Vec::new(),
        parts_at: None,
        worth: None,
        objective_value: None,
        paired_noise: None,
        refused: None,
    };
    let taken = match &attempt.taken {
        Ok(taken) if taken.certified() => taken,
        Ok(_) => {
            method.refused = Some("no certified minimum was found".to_owned());
            return method;
        }
        Err(reason) => {
            method.refused = Some(reason.clone());
            return method;
        }
    };
    if let Some(tested) = tested {
        method.held_out_error = tested.error();
        method.held_out.clone_from(&tested.tests);
    }
    let level = config.level;
    let (holds, parts_at) = limit.of(taken, &method.held_out, level);
    method.parts_at = parts_at;
    for at in asked {
        let Some(ln_m) = taken.ln_multiplier(at).filter(|m| m.is_finite()) else { continue };
        let believed = match limit.rows.is_empty() {
            true => limit.within_ranges(at.ln_c_b, ln_m),
            false => holds.is_some_and(|holds| at.ln_c_b <= holds + 1e-9),
        };
        if believed {
            let drawn: Vec<f64> = taken.drawn(at, config.seed).into_iter().map(f64::exp).collect();
            method.budgets.push(Multiplier {
                flops: Flops::new(at.ln_c_b.exp()),
                a_flops: Flops::new((at.ln_c_b + ln_m).exp()),
                multiplier: ln_m.exp(),
                interval: Interval::percentile(&drawn, level),
            });
        }
    }
    method.holds_to_flops = method.budgets.last().map(|m| m.flops);
    match taken {
        Taken::Laws(pair) => {
            method.objective_value = Some(pair.objective);
            if attempt.way == Way::SharedExponents {
                method.worth = worth_of(pair, level);
            }
        }
        Taken::Pairs { pairs, .. } => method.paired_noise = noise(pairs),
        Taken::Measured { .. } | Taken::Singles { .. } => {}
    }
    method
}

fn worth_of(pair: &super::pair::LawPair, level: f64) -> Option<Worth> {
    let (params, tokens) = worth(&pair.best);
    let drawn: Vec<(Option<f64>, Option<f64>)> = pair.draws.iter().map(worth).collect();
    let params_drawn: Vec<f64> = drawn.iter().filter_map(|w| w.0).collect();
    let tokens_drawn: Vec<f64> = drawn.iter().filter_map(|w| w.1).collect();
    Some(Worth {
        params: params?,
        params_interval: Interval::percentile(&params_drawn, level),
        tokens,
        tokens_interval: Interval::percentile(&tokens_drawn, level),
    })
}

/// The way with the smallest error on held-out budgets among those that were tested on most of them and
/// hold anywhere; the only one there is where nothing was tested.
fn choose(methods: &[Method]) -> Option<&Method> {
    let usable: Vec<&Method> = methods.iter().filter(|m| !m.budgets.is_empty()).collect();
    let most = usable.iter().map(|m| m.held_out.len()).max()?;
    if most == 0 {
        let measured = usable.iter().find(|m| m.way == Way::Measured);
        return measured.or(usable.first().filter(|_| usable.len() == 1)).copied();
    }
    usable.into_iter().filter(|m| m.held_out.len() == most).min_by(|x, y| {
        x.held_out_error
            .unwrap_or(f64::INFINITY)
            .total_cmp(&y.held_out_error.unwrap_or(f64::INFINITY))
    })
}

/// FLOPs per parameter and token of A over those of B, where a hundredth or more apart.
fn counts_differ(a: &Recipe<'_>, b: &Recipe<'_>) -> Option<f64> {
    let per_nd = |recipe: &Recipe<'_>| {
        let of_runs = recipe.runs.map(|runs| FlopCount::of(runs).map_or(6.0, |count| count.per_nd));
        of_runs.or(recipe.fit.map(|fit| fit.surface.flops_per_nd))
    };
    let ratio = per_nd(a)? / per_nd(b)?;
    ((ratio - 1.0).abs() > 0.01).then_some(ratio)
}
