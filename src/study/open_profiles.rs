//! Which sizes a sweep lacks: where no optimum can be read off the isoFLOP profile of a budget, by the same
//! rule as a fit.

use crate::data::{ReadOptions, RunTable, read};
use crate::error::Result;
use crate::fit::{Valley, valleys};
use crate::sweep::{Lack, NextRuns, NextSize, SweepConfig, SweepFolder, SweepState};
use crate::units::{Flops, Params};

/// The next size lies beyond the smallest or largest trained one by this factor.
const STEP: f64 = 1.5;

/// What to train next: the runs that are left, and sizes where a profile is open.
///
/// # Errors
/// When the table of runs that have ended cannot be read.
pub fn runs_left(config: &SweepConfig) -> Result<NextRuns> {
    let state = SweepState::read(config)?;
    let todo: Vec<String> = state.left().map(|run| run.spec.id.clone()).collect();
    let ended = state.all_ended();
    let is_main =
        |id: &str| state.wanted.iter().any(|run| run.spec.id == id && run.spec.part.is_main());
    let finished = ended.iter().any(|(id, row)| row.loss_nats.is_some() && is_main(id));
    let records = SweepFolder::new(config.out_dir()).records();
    let sizes = match finished && records.exists() {
        true => open_profiles(config, &read(&[records], &ReadOptions::default())?),
        false => Vec::new(),
    };
    Ok(NextRuns::new(todo, sizes))
}

/// Budgets of the sweep whose profile, as a fit reads it, has no minimum inside.
fn open_profiles(config: &SweepConfig, table: &RunTable) -> Vec<NextSize> {
    let planned: Vec<f64> =
        config.runs().iter().filter_map(|run| Some(run.budget?.get())).collect();
    let profiles = valleys(table);
    table
        .by_budget()
        .into_iter()
        // Runs of ladders and grids have no budget, and lie where they happen to.
        .filter(|(c, _)| planned.iter().any(|p| (p / c.get()).ln().abs() < 0.04))
        .filter_map(|(c, runs)| {
            let sizes: Vec<f64> = runs.iter().map(|run| run.n.ln()).collect();
            lack(c, &sizes, profiles.iter().find(|profile| profile.c == c))
        })
        .collect()
}

/// What a profile lacks; `None` where an optimum can be read off it.
fn lack(c: Flops, ln_n: &[f64], profile: Option<&Valley>) -> Option<NextSize> {
    let (lo, hi) = ln_n
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(*x), hi.max(*x)));
    let size = |lacks: Lack, ln_n: Option<f64>| {
        let n_params = ln_n.map(|x| Params::new(x.exp()));
        Some(NextSize { flops: c, lacks, n_params })
    };
    let Some(profile) = profile else { return size(Lack::Sizes, None) };
    profile.refusal()?;
    let smaller = size(Lack::Smaller, Some(lo - STEP.ln()));
    let larger = size(Lack::Larger, Some(hi + STEP.ln()));
    // The loss falls towards the side that is lower on the parabola.
    let falls_down = profile.loss_at(lo) < profile.loss_at(hi);
    if profile.parabola[2] <= 0.0 {
        // Without a minimum anywhere the runs scatter more than the profile is deep.
        return size(Lack::Minimum, None);
    }
    if falls_down { smaller } else { larger }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RunRecord;
    use crate::units::{ParamRule, Tokens};

    fn lacks(losses: &[(f64, f64)]) -> Option<(Lack, Option<f64>)> {
        let c = Flops::new(6e12);
        let runs = losses.iter().map(|(n, loss)| {
            let (n, d) = (Params::new(*n), Tokens::new(1e12 / n));
            RunRecord { budget: Some(c), ..RunRecord::new(format!("{n}{loss}"), n, d, *loss) }
        });
        let table = RunTable::from_runs(runs.collect(), ParamRule::All);
        let ln_n: Vec<f64> = table.runs.iter().map(|run| run.n.ln()).collect();
        let found = lack(c, &ln_n, valleys(&table).first())?;
        Some((found.lacks, found.n_params.map(Params::get)))
    }

    #[test]
    fn a_profile_is_open_exactly_where_a_fit_refuses_it() {
        let inside = [(1e5, 2.2), (2e5, 2.0), (4e5, 2.1)];
        assert_eq!(lacks(&inside), None);
        // Seeds of the middle size scatter below and above: still inside.
        assert_eq!(lacks(&[(1e5, 2.2), (2e5, 2.02), (2e5, 1.98), (4e5, 2.1)]), None);
        let (lack, n) = lacks(&[(1e5, 2.2), (2e5, 2.1), (4e5, 2.05)]).expect("falls");
        assert_eq!(lack, Lack::Larger);
        assert!((n.expect("a size") / 6e5 - 1.0).abs() < 1e-9);
        let (lack, n) = lacks(&[(1e5, 2.0), (2e5, 2.05), (4e5, 2.2)]).expect("rises");
        assert_eq!(lack, Lack::Smaller);
        assert!((n.expect("a size") * 1.5 / 1e5 - 1.0).abs() < 1e-9);
        // The lowest run is inside, but the losses of the rest make a hill: a fit drops it.
        let scattered = [(1e5, 2.0), (2e5, 2.3), (3e5, 1.99), (4e5, 2.4), (8e5, 2.1)];
        assert_eq!(lacks(&scattered), Some((Lack::Minimum, None)));
        assert_eq!(lacks(&inside[..2]), Some((Lack::Sizes, None)));
    }
}
