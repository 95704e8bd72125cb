//! The frontier through the minima of isoFLOP profiles (Hoffmann et al. 2022, approach 2).

use super::approach::{Approach, Frontier, FrontierPoint, Line, Refused, drawn};
use super::valley::{Valley, minimum_of_profile, valleys};
use crate::data::RunTable;
use crate::fit::config::FitConfig;
use crate::units::Flops;

/// Approach 2: the minimum of each isoFLOP profile.
pub(super) fn by_valleys(table: &RunTable, targets: &[Flops], config: &FitConfig) -> Approach {
    const NAME: &str = "2 isoFLOP profiles";
    let (mut used, mut refused): (Vec<Valley>, Vec<Refused>) = (Vec::new(), Vec::new());
    let all = valleys(table);
    for valley in &all {
        match valley.refusal() {
            None => used.push(valley.clone()),
            Some(reason) => {
                refused.push(Refused { what: format!("{} FLOPs", valley.c), reason });
            }
        }
    }
    let budgets = table.by_budget();
    for (c, _) in &budgets {
        if !all.iter().any(|v| v.c == *c) {
            let reason = "fewer than three sizes".to_owned();
            refused.push(Refused { what: format!("{c} FLOPs"), reason });
        }
    }
    let point = |v: &Valley| Some((v.c.ln(), v.n?.ln()));
    let measured: Vec<FrontierPoint> = used
        .iter()
        .filter_map(|v| Some(FrontierPoint { c: v.c, n: v.n?, interval: None }))
        .collect();
    if measured.len() < 2 {
        let reason = format!("{} usable profiles; a line takes two", measured.len());
        refused.push(Refused { what: "the frontier".to_owned(), reason });
        return Frontier::default().approach(NAME, targets, config.level, measured, refused);
    }
    // The runs of each usable budget, as points of its profile.
    let points: Vec<(f64, Vec<(f64, f64)>)> = budgets
        .iter()
        .filter(|(c, _)| used.iter().any(|v| v.c == *c))
        .map(|(c, runs)| (c.ln(), runs.iter().map(|r| (r.n.ln(), r.loss_nats)).collect()))
        .collect();
    let minima: Vec<(f64, f64)> = used.iter().filter_map(point).collect();
    let frontier = Frontier::of(&minima, config, |rng| {
        let minima: Vec<(f64, f64)> = points
            .iter()
            .filter_map(|(ln_c, runs)| Some((*ln_c, minimum_of_profile(&drawn(runs, rng))?)))
            .collect();
        if minima.len() < 2 { None } else { Line::through(&minima) }
    });
    frontier.approach(NAME, targets, config.level, measured, refused)
}
