//! From runs to the best mixture, with resamples of the whole decision.

use std::collections::BTreeMap;

use rand::RngExt;

use super::answer::{BesideRun, DomainShare, FewerRuns, FormTest, MixtureAnswer, TargetLaw};
use super::best::{Aim, Limits, best, optimality_gap};
use super::design::{distance, spread};
use super::held_out::{
    cross_validated, laws_on, measured, on_table, rows_of, shuffled, spearman, weighted,
};
use super::law::{MixtureForm, MixtureLaw, MixtureRows, fit_law, r_squared, refit_law};
use super::request::MixtureConfig;
use crate::data::MixtureTable;
use crate::error::{FitError, MixtureProblem};
use crate::fit::progress::{OnProgress, Parts};
use crate::num::{Interval, map_all, mean, median, stream};

/// Runs beyond the coefficients from which a law is fitted.
const SPARE: usize = 2;
/// Mixtures to run next.
const NEXT: usize = 8;
/// Smallest number of runs whose choice is looked at.
const FEWEST: usize = 32;

/// The best mixture under weighted laws, where the solver finds one.
type Choose<'a> = dyn Fn(&[(MixtureLaw, f64)]) -> Option<Vec<f64>> + Sync + 'a;

/// Runs that test, with the places of the targets among their losses and the weights of these.
type Matched = (MixtureTable, Vec<(usize, f64)>);

/// A decision of one resample.
struct Drawn {
    laws: Vec<(MixtureLaw, f64)>,
    shares: Vec<f64>,
}

/// Fits a law of each target and finds the mixture of lowest weighted loss within the limits; then does
/// both again on resampled runs.
///
/// - `test`: runs that are not fitted, for the ranks; of larger models too. A fifth of the runs at a time
///   when absent.
///
/// # Errors
/// [`FitError::Mixture`] for names, limits and settings that cannot be met, too few runs, and targets
/// without a proven minimum; [`FitError::Stopped`] when `progress` says so.
pub fn best_mixture(
    table: &MixtureTable,
    test: Option<&MixtureTable>,
    config: &MixtureConfig,
    progress: &OnProgress<'_>,
) -> Result<MixtureAnswer, FitError> {
    let found = decide(table, test, config, progress);
    found.map_err(|stop| match stop {
        Stop::Problem(problem) => FitError::from(Box::new(problem)),
        Stop::Stopped => FitError::Stopped,
    })
}

/// Why there is no answer.
enum Stop {
    Problem(MixtureProblem),
    Stopped,
}

impl From<MixtureProblem> for Stop {
    fn from(problem: MixtureProblem) -> Self {
        Self::Problem(problem)
    }
}

fn decide(
    table: &MixtureTable,
    test: Option<&MixtureTable>,
    config: &MixtureConfig,
    progress: &OnProgress<'_>,
) -> Result<MixtureAnswer, Stop> {
    config.validate()?;
    let form = config.form;
    let (found, domains) = (table.runs.len(), table.domains.len());
    let coefs = form.coefs(domains);
    let wanted = coefs + SPARE;
    if found < wanted {
        return Err(MixtureProblem::TooFewRuns { found, coefs, domains, wanted }.into());
    }
    let weights = config.weights(table)?;
    let prior = config.prior(table)?;
    let (lo, hi) = config.limits(table)?;
    let limits = Limits { lo, hi };
    let tested = test.map(|test| matched(table, test, &weights)).transpose()?;
    let all: Vec<usize> = (0..found).collect();
    let rows: Vec<MixtureRows> = weights.iter().map(|(t, _)| rows_of(table, *t, &all)).collect();
    let targets = weights
        .iter()
        .zip(&rows)
        .map(|((target, weight), rows)| {
            let name = &table.targets[*target];
            let none = || MixtureProblem::NoMinimum { target: name.clone() };
            let fitted = fit_law(form, rows).ok_or_else(none)?;
            Ok(TargetLaw {
                target: name.clone(),
                weight: *weight,
                r_squared: r_squared(fitted.squares, rows),
                squares: fitted.squares,
                certificate: fitted.certificate,
                law: fitted.law,
            })
        })
        .collect::<Result<Vec<TargetLaw>, MixtureProblem>>()?;
    let laws: Vec<(MixtureLaw, f64)> = targets.iter().map(|t| (t.law.clone(), t.weight)).collect();
    let kl = (config.kl > 0.0).then_some((config.kl, &prior[..]));
    let chosen = |laws: &[(MixtureLaw, f64)]| {
        let aim = Aim { laws: laws.iter().map(|(law, weight)| (law, *weight)).collect(), kl };
        best(&aim, &limits)
    };
    let shares = chosen(&laws).ok_or_else(|| MixtureProblem::NoMixture {
        reason: "the solver ended without a solution".to_owned(),
    })?;
    let drawn = resampled(&laws, &rows, config, progress, &chosen)?;
    let aim = Aim { laws: laws.iter().map(|(law, weight)| (law, *weight)).collect(), kl };
    let gap = optimality_gap(&aim, &limits, &shares);
    let losses: Vec<f64> = all.iter().map(|i| measured(table, &weights, *i)).collect();
    let beside = |i: usize| BesideRun {
        run: table.runs[i].run.clone(),
        loss_nats: losses[i],
        distance: distance(&table.runs[i].shares, &shares),
    };
    let least = |f: &dyn Fn(usize) -> f64| {
        all.iter().copied().min_by(|a, b| f(*a).total_cmp(&f(*b))).unwrap_or(0)
    };
    let lowest = least(&|i| losses[i]);
    let nearest = least(&|i| distance(&table.runs[i].shares, &shares));
    let level = config.level;
    let interval = |f: &dyn Fn(&Drawn) -> f64| {
        Interval::percentile(&drawn.answers.iter().map(f).collect::<Vec<_>>(), level)
    };
    let over = |other: &[f64]| weighted(&laws, other) - weighted(&laws, &shares);
    let over_interval =
        |other: &[f64]| interval(&|d| weighted(&d.laws, other) - weighted(&d.laws, &shares));
    let best_run = &table.runs[lowest].shares;
    let unique = config.unique(&table.domains)?;
    let mut of_domains: Vec<DomainShare> = (0..domains)
        .map(|k| {
            let seen = |f: fn(f64, f64) -> f64, from: f64| {
                table.runs.iter().map(|run| run.shares[k]).fold(from, f)
            };
            DomainShare {
                domain: table.domains[k].clone(),
                share: shares[k],
                interval: interval(&|d| d.shares[k]),
                prior: prior[k],
                seen: Interval { lo: seen(f64::min, 1.0), hi: seen(f64::max, 0.0) },
                allowed: Interval { lo: limits.lo[k], hi: limits.hi[k] },
                unique_tokens: unique[k],
                epochs: config.budget.zip(unique[k]).map(|(d, u)| shares[k] * d.get() / u.get()),
            }
        })
        .collect();
    let named = |of: &dyn Fn(&DomainShare) -> Option<f64>| -> BTreeMap<String, f64> {
        of_domains.iter().filter_map(|d| Some((d.domain.clone(), of(d)?))).collect()
    };
    let best_shares = named(&|d| Some(d.share));
    let intervals =
        of_domains.iter().filter_map(|d| Some((d.domain.clone(), d.interval?))).collect();
    of_domains.sort_by(|a, b| b.share.total_cmp(&a.share));
    let forms: Vec<FormTest> = MixtureForm::ALL
        .into_iter()
        .map(|form| FormTest {
            form,
            test: match &tested {
                Some((test, places)) => {
                    laws_on(form, table, &weights, &all).map(|laws| on_table(&laws, test, places))
                }
                None => cross_validated(form, table, &weights, config.seed),
            },
        })
        .collect();
    let held_out = forms.iter().find(|f| f.form == form).and_then(|f| f.test.clone());
    let weakest = targets.iter().map(|t| t.certificate).min_by(|a, b| {
        let key = |c: &crate::fit::solve::Certificate| (c.certified, c.starts_agreeing);
        key(a).cmp(&key(b))
    });
    let Some(certificate) = weakest else {
        return Err(MixtureProblem::NoMinimum { target: "any".to_owned() }.into());
    };
    Ok(MixtureAnswer {
        domains: table.domains.clone(),
        form,
        n_points: found,
        best: best_shares,
        intervals,
        predicted: weighted(&laws, &shares),
        predicted_interval: interval(&|d| weighted(&d.laws, &shares)),
        gain_over_prior: over(&prior),
        gain_over_prior_interval: over_interval(&prior),
        best_run: beside(lowest),
        gain_over_best_run: over(best_run),
        gain_over_best_run_interval: over_interval(best_run),
        nearest_run: beside(nearest),
        between_runs: between_runs(table),
        optimality_gap: gap,
        alike: alike(table, &shares, &drawn.answers, level),
        held_out,
        forms,
        fewer_runs: fewer_runs(form, table, &weights, &laws, tested.as_ref(), config.seed, &chosen),
        certificate,
        next: next(&shares, &drawn.answers, table),
        budget: config.budget,
        draws_failed: drawn.failed,
        level,
        shares: of_domains,
        targets,
    })
}

struct Resampled {
    answers: Vec<Drawn>,
    failed: usize,
}

/// Both steps on resampled runs. Draw k takes stream k of the seed, whatever the number of threads.
fn resampled(
    laws: &[(MixtureLaw, f64)],
    rows: &[MixtureRows],
    config: &MixtureConfig,
    progress: &OnProgress<'_>,
    chosen: &Choose<'_>,
) -> Result<Resampled, Stop> {
    let count = rows.first().map_or(0, MixtureRows::len);
    let parts = Parts::new(config.bootstrap, progress);
    let draw = |k: &u64| {
        parts.stopped().ok()?;
        let mut rng = stream(config.seed, *k);
        let mut weights = vec![0.0; count];
        (0..count).for_each(|_| weights[rng.random_range(0..count)] += 1.0);
        let refitted = laws
            .iter()
            .zip(rows)
            .map(|((law, weight), rows)| Some((refit_law(law, rows, &weights)?, *weight)));
        let laws: Option<Vec<(MixtureLaw, f64)>> = refitted.collect();
        let drawn = laws.and_then(|laws| chosen(&laws).map(|shares| Drawn { laws, shares }));
        parts.one_done();
        drawn
    };
    let draws: Vec<u64> = (0..config.bootstrap as u64).collect();
    let answers: Vec<Drawn> = map_all(&draws, &draw).into_iter().flatten().collect();
    parts.stopped().map_err(|_| Stop::Stopped)?;
    let failed = config.bootstrap - answers.len();
    // Which resamples fail is not left to chance: beyond a quarter the rest says nothing.
    let kept = 4 * failed <= config.bootstrap;
    Ok(Resampled { answers: if kept { answers } else { Vec::new() }, failed })
}

/// Whether two names are of one thing: alike, or one with words before it that the other lost because all
/// of its table share them.
fn is_one_name(a: &str, b: &str) -> bool {
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.ends_with(|c: char| !c.is_alphanumeric()))
    };
    a == b || ends(a, b) || ends(b, a)
}

/// Another table with its domains in the order of the first, and the places of the targets in it.
fn matched(
    table: &MixtureTable,
    test: &MixtureTable,
    weights: &[(usize, f64)],
) -> Result<Matched, MixtureProblem> {
    let place = |name: &String, among: &[String], what: &'static str| {
        among.iter().position(|known| is_one_name(known, name)).ok_or_else(|| {
            MixtureProblem::Unknown {
                what,
                name: format!("{name} in the runs held out"),
                near: None,
                known: among.to_vec(),
            }
        })
    };
    let order: Vec<usize> = table
        .domains
        .iter()
        .map(|domain| place(domain, &test.domains, "domain"))
        .collect::<Result<_, _>>()?;
    let places = weights
        .iter()
        .map(|(t, weight)| Ok((place(&table.targets[*t], &test.targets, "target")?, *weight)))
        .collect::<Result<_, MixtureProblem>>()?;
    let mut test = test.clone();
    for run in &mut test.runs {
        run.shares = order.iter().map(|k| run.shares[*k]).collect();
    }
    Ok((test, places))
}

/// Median distance of a run to its nearest neighbour.
fn between_runs(table: &MixtureTable) -> f64 {
    const MOST: usize = 400;
    let stride = table.runs.len().div_ceil(MOST).max(1);
    let nearest = |i: usize| {
        let others = table.runs.iter().enumerate().filter(|(j, _)| *j != i);
        let far = others.map(|(_, run)| distance(&run.shares, &table.runs[i].shares));
        far.fold(f64::INFINITY, f64::min)
    };
    median(&(0..table.runs.len()).step_by(stride).map(nearest).collect::<Vec<_>>())
}

/// Pairs of domains that matter and take each other's place: their shares fall and rise against each other
/// from resample to resample, and their slopes are not told apart.
fn alike(table: &MixtureTable, shares: &[f64], drawn: &[Drawn], level: f64) -> Vec<[String; 2]> {
    const MATTERS: f64 = 0.05;
    const AGAINST: f64 = -0.5;
    if drawn.len() < 20 {
        return Vec::new();
    }
    let of = |k: usize| drawn.iter().map(|d| d.shares[k]).collect::<Vec<f64>>();
    let matters = |k: &usize| {
        let most = Interval::percentile(&of(*k), level).map_or(0.0, |i| i.hi);
        shares[*k].max(most) > MATTERS
    };
    let places: Vec<usize> = (0..shares.len()).filter(matters).collect();
    let slope = |laws: &[(MixtureLaw, f64)], k: usize| {
        laws.iter().map(|(law, weight)| weight * law.gradient(shares)[k]).sum::<f64>()
    };
    let mut pairs = Vec::new();
    for (i, &a) in places.iter().enumerate() {
        for &b in &places[i + 1..] {
            let apart: Vec<f64> =
                drawn.iter().map(|d| slope(&d.laws, a) - slope(&d.laws, b)).collect();
            let told = Interval::percentile(&apart, level).is_none_or(|i| !i.contains(0.0));
            if !told && correlation(&of(a), &of(b)) < AGAINST {
                pairs.push([table.domains[a].clone(), table.domains[b].clone()]);
            }
        }
    }
    pairs
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (mean(x), mean(y));
    let sum =
        |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(x, y)| f(x - mx, y - my)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

/// What nested random subsets of the runs would have chosen, from 32 runs up by doubling.
fn fewer_runs(
    form: MixtureForm,
    table: &MixtureTable,
    weights: &[(usize, f64)],
    laws: &[(MixtureLaw, f64)],
    test: Option<&Matched>,
    seed: u64,
    chosen: &Choose<'_>,
) -> Vec<FewerRuns> {
    let order = shuffled(table.runs.len(), seed);
    let full = chosen(laws).map(|shares| weighted(laws, &shares));
    // The mixtures that are ranked, with their weighted losses.
    let ranked: Vec<(&[f64], f64)> = match test {
        Some((test, places)) => (0..test.runs.len())
            .map(|i| (&test.runs[i].shares[..], measured(test, places, i)))
            .collect(),
        None => (0..table.runs.len())
            .map(|i| (&table.runs[i].shares[..], measured(table, weights, i)))
            .collect(),
    };
    let pick = |laws: &[(MixtureLaw, f64)]| {
        let predicted = |i: usize| weighted(laws, ranked[i].0);
        (0..ranked.len()).min_by(|a, b| predicted(*a).total_cmp(&predicted(*b)))
    };
    let choice = pick(laws);
    let least = form.coefs(table.domains.len()) + SPARE;
    let mut rows = Vec::new();
    let mut runs = FEWEST;
    while runs < table.runs.len() {
        let subset = &order[..runs];
        let fitted = if runs >= least { laws_on(form, table, weights, subset) } else { None };
        if let Some(some) = fitted {
            let unseen = |i: &usize| test.is_some() || !subset.contains(i);
            let pairs: Vec<(f64, f64)> = (0..ranked.len())
                .filter(unseen)
                .map(|i| (weighted(&some, ranked[i].0), ranked[i].1))
                .collect();
            if let (Some(shares), Some(full)) = (chosen(&some), full) {
                rows.push(FewerRuns {
                    runs,
                    spearman: spearman(&pairs),
                    regret_nats: weighted(laws, &shares) - full,
                    same_choice: pick(&some) == choice,
                });
            }
        }
        runs *= 2;
    }
    rows
}

/// What resamples would choose, far from each other and from the runs.
fn next(shares: &[f64], drawn: &[Drawn], table: &MixtureTable) -> Vec<Vec<f64>> {
    let runs = || table.runs.iter().map(|run| &run.shares);
    let is_new = |shares: &[f64]| runs().all(|run| distance(run, shares) > 0.01);
    let candidates = drawn.iter().map(|d| d.shares.clone()).filter(|s| is_new(s)).collect();
    spread(vec![shares.to_vec()], candidates, NEXT)
}
