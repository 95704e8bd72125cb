//! Two recipes compared in every way, and which way to believe.

use std::borrow::Cow;

use super::answer::{Gain, Method, Worth};
use super::comparable::comparable;
use super::floor::floor_sensitivity;
use super::held_out::{Tested, held_out};
use super::joined::worth;
use super::limit::Limit;
use super::measured::{Frontier, FrontierLoss};
use super::multiplier::Multiplier;
use super::next::settling;
use super::pair::LawPair;
use super::pairs::noise;
use super::read_off::{Reading, read_off};
use super::request::{GainConfig, Recipe};
use super::row::Row;
use super::way::{Asked, Attempt, Side, Taken, Way, take};
use crate::data::{RunRecord, RunTable};
use crate::error::{FitError, GainProblem, Result};
use crate::fit::config::FitConfig;
use crate::fit::design::{FlopCount, check};
use crate::fit::progress::OnProgress;
use crate::law::{Chinchilla, Law, law_by_id};
use crate::num::Interval;
use crate::units::Flops;

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
    if let Some(floor) = config.floor.filter(|e| !(e.is_finite() && *e >= 0.0)) {
        let (field, found, wanted) = ("floor", floor.to_string(), "nats per token, zero or more");
        return Err(FitError::Config { field, found, wanted }.into());
    }
    comparable(a, b).map_err(|problem| FitError::from(Box::new(problem)))?;
    let (sides, rows) = measure(a, b, config)?;
    let [side_a, side_b] = &sides;
    let laws = families(config, a)?;
    let attempts = take([side_a, side_b], &laws, config, progress)?;
    let asked = asked(a, b, &rows, config);
    // Without a frontier of B its runs are held against A's law, which is tested on A's own.
    let alone = rows.is_empty() && side_b.frontier.is_none();
    let own_rows = if alone { own_rows(side_a) } else { Vec::new() };
    let tested = match alone {
        true => held_out([side_a, side_a], &own_rows, &laws, config)?,
        false => held_out([side_a, side_b], &rows, &laws, config)?,
    };
    let several = laws.len() > 1;
    let limit = Limit { rows: &rows, ranges: [range(a), range(b)] };
    let mut methods: Vec<Method> = Vec::new();
    for attempt in &attempts {
        let of = |t: &&Tested| t.way == attempt.way && t.law == attempt.law;
        let of_a_alone = alone && attempt.way != Way::SingleRuns;
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
    if methods.iter().all(|m| m.budgets.is_empty() && m.parts_at.is_none()) {
        let problem = nothing_reached(a, b, &methods);
        return Err(FitError::from(Box::new(problem)).into());
    }
    let chosen = choose(&methods).map(|m| m.name.clone());
    let holds_to_flops = methods
        .iter()
        .find(|m| Some(&m.name) == chosen.as_ref())
        .and_then(|m| m.budgets.last().map(|m| m.flops));
    let floor_sensitivity = match (a.runs, b.runs, rows.last()) {
        (Some(a), Some(b), Some(row)) if config.floor.is_none() => {
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
    let most =
        methods.iter().find(|m| Some(&m.name) == chosen.as_ref()).and_then(|m| m.budgets.last());
    let next = most.zip(side_a.frontier.as_ref()).and_then(|(most, frontier)| {
        let pair = best_laws(&methods, &attempts)?;
        let largest = [range(a)?.1, range(b)?.1];
        settling([a.name, b.name], pair, frontier.kind, most, largest)
    });
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
        next,
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
    if let [Some(x), Some(y)] = kinds
        && x != y
    {
        // The lowest loss of a budget and the loss at one ratio are not the same thing.
        sides.iter_mut().for_each(|side| side.frontier = None);
    }
    if let ([None, _] | [_, None], Some(a), Some(b)) = (kinds, a.runs, b.runs) {
        let seeds = [seed, seed ^ (1 << 40)];
        if let Some([fa, fb]) = Frontier::along_one_ratio([a, b], draws, seeds, level) {
            sides[0].frontier = Some(fa);
            sides[1].frontier = Some(fb);
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
    let of = |point: FrontierLoss| (point.c, point.loss_nats);
    match first_b.loss_nats < last_a.loss_nats {
        true => apart((b, of(first_b)), (a, of(last_a))),
        false => apart((a, of(first_a)), (b, of(last_b))),
    }
}

/// Why no way gives a multiplier anywhere: losses that do not meet, where both have runs.
fn nothing_reached(a: &Recipe<'_>, b: &Recipe<'_>, methods: &[Method]) -> GainProblem {
    let ends = |recipe: &Recipe<'_>| -> Option<[(Flops, f64); 2]> {
        let lowest = |(c, runs): (Flops, Vec<&RunRecord>)| {
            (c, runs.iter().map(|run| run.loss_nats).fold(f64::INFINITY, f64::min))
        };
        let all: Vec<(Flops, f64)> = recipe.runs?.by_budget().into_iter().map(lowest).collect();
        let by_loss = |x: &&(Flops, f64), y: &&(Flops, f64)| x.1.total_cmp(&y.1);
        Some([*all.iter().max_by(by_loss)?, *all.iter().min_by(by_loss)?])
    };
    if let (Some([high_a, low_a]), Some([high_b, low_b])) = (ends(a), ends(b)) {
        if high_b.1 < low_a.1 {
            return apart((b, high_b), (a, low_a));
        }
        if high_a.1 < low_b.1 {
            return apart((a, high_a), (b, low_b));
        }
    }
    let mut reasons: Vec<String> = methods
        .iter()
        .filter_map(|m| Some(format!("{}: {}", m.name, m.refused.as_ref()?)))
        .collect();
    reasons.push(
        "no other way gives a multiplier at a compute that the runs of both cover".to_owned(),
    );
    GainProblem::NoWay { a: a.name.to_owned(), b: b.name.to_owned(), reasons }
}

/// The first loss of the lower recipe lies below the last of the higher.
fn apart(
    (lower, from): (&Recipe<'_>, (Flops, f64)),
    (higher, to): (&Recipe<'_>, (Flops, f64)),
) -> GainProblem {
    GainProblem::NoLossInCommon {
        lower: lower.name.to_owned(),
        from: from.1,
        from_flops: from.0,
        higher: higher.name.to_owned(),
        to: to.1,
        to_flops: to.0,
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

/// The families asked for; else a law of N and D where the runs of A fix one, and a law of compute where
/// they climb one ladder.
fn families(config: &GainConfig, a: &Recipe<'_>) -> Result<Vec<&'static dyn Law>> {
    let fixes = |runs: &RunTable| check(&Chinchilla, runs, &config.fit).is_ok();
    let ids: Vec<&str> = match (&config.laws[..], a.fit, a.runs) {
        ([], Some(fit), _) => vec![fit.surface.law().id()],
        ([], None, Some(runs)) if !fixes(runs) => vec!["envelope"],
        ([], _, _) => vec!["chinchilla"],
        (asked, _, _) => asked.iter().map(String::as_str).collect(),
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
                loss_nats: at.ln_loss.map(f64::exp),
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

/// The laws that erred least on held-out budgets.
fn best_laws<'a>(methods: &[Method], attempts: &'a [Attempt]) -> Option<&'a LawPair> {
    let error = |m: &Method| m.held_out_error.unwrap_or(f64::INFINITY);
    let laws = methods.iter().zip(attempts).filter_map(|(method, attempt)| match &attempt.taken {
        Ok(Taken::Laws(pair)) if method.refused.is_none() => Some((method, &**pair)),
        _ => None,
    });
    laws.min_by(|x, y| error(x.0).total_cmp(&error(y.0))).map(|(_, pair)| pair)
}

fn worth_of(pair: &LawPair, level: f64) -> Option<Worth> {
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

/// FLOPs per parameter and token of A over those of B, where a hundredth or more apart; of dense models,
/// since N of others holds parameters that no token meets. So does N where the ratio is far from one.
fn counts_differ(a: &Recipe<'_>, b: &Recipe<'_>) -> Option<f64> {
    let per_nd = |recipe: &Recipe<'_>| {
        let sparse = |runs: &RunTable| {
            runs.runs.iter().any(|r| r.setting.experts != 1.0 || r.setting.sparsity != 0.0)
        };
        if recipe.runs.is_some_and(sparse) {
            return None;
        }
        let of_runs = recipe.runs.map(|runs| FlopCount::of(runs).map_or(6.0, |count| count.per_nd));
        of_runs.or(recipe.fit.map(|fit| fit.surface.flops_per_nd))
    };
    let ratio = per_nd(a)? / per_nd(b)?;
    (0.01..0.4).contains(&ratio.ln().abs()).then_some(ratio)
}
