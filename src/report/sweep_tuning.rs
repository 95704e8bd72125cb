//! What tuning a sweep found.

use super::number::percent;
use super::table::Table;
use super::text::Text;
use crate::num::Interval;
use crate::sweep::{TransferCheck, TunedRate, Tuning, UNDER_TUNED};
use crate::units::short_count;

/// The rate that is used and how far to trust it, then the cells it comes from.
#[must_use]
pub fn sweep_tuning_text(tuning: &Tuning) -> Text {
    let mut text = Text::default();
    text.paragraph(&verdict(tuning), 2);
    if let Some(check) = &tuning.check {
        text.paragraph(&transfer(check), 2);
    }
    if tuning.peak_lr.is_some() {
        for doubt in tuning.cells.iter().filter_map(doubt) {
            text.paragraph(&format!("warning: {doubt}"), 2);
        }
    }
    if let Some(worst) = tuning.under_tuned.iter().max_by(|a, b| a.excess.total_cmp(&b.excess)) {
        text.paragraph(
            &format!(
                "warning: {} cells are predicted to be under-tuned by more than {:.0} % of their loss, most of all {}, by {:.1} %: its best rate is about {:.2} times the one that is used",
                tuning.under_tuned.len(),
                100.0 * UNDER_TUNED,
                worst.cell,
                100.0 * worst.excess,
                worst.best_ratio
            ),
            2,
        );
    }
    if !tuning.cells.is_empty() {
        text.apart(sweep_tuning_table(tuning));
    }
    if !tuning.batches.is_empty() {
        let mut table =
            Table::new("Batches tried", &["batch over the recipe's", "loss over the best"]);
        for batch in &tuning.batches {
            table.push([&format!("{}", batch.ratio), &percent(batch.excess)]);
        }
        text.apart(table);
    }
    text
}

fn verdict(tuning: &Tuning) -> String {
    let Some(used) = tuning.peak_lr else {
        return format!("tuning: {} of {} runs ended", tuning.ended, tuning.wanted);
    };
    let batch = match tuning.batch_ratio {
        1.0 => String::new(),
        ratio => format!(" and {ratio} times the batch"),
    };
    let interval = tuning.interval.map_or_else(
        || ", without an interval".to_owned(),
        |interval| format!(" ({})", ends(interval)),
    );
    format!(
        "tuned: peak_lr {} at a width of 64{interval}{batch}, from {} runs at {} cells",
        rate(used),
        tuning.ended,
        tuning.cells.len()
    )
}

fn transfer(check: &TransferCheck) -> String {
    let cell = format!("{} ({} parameters)", check.cell, short_count(check.n_params.get()));
    match (check.holds, check.excess, check.best_ratio) {
        (Some(true), Some(excess), Some(best)) => format!(
            "transfer holds: at {cell} the tuned rate is within {:.1} % of the best, which is {best:.2} times it",
            (100.0 * excess).max(0.1)
        ),
        (Some(false), Some(excess), Some(best)) => format!(
            "warning: transfer fails: at {cell} {best:.2} times the tuned rate ends {:.1} % lower; tune at larger cells, or give another width_transfer or lr_width_exponent",
            100.0 * excess
        ),
        (Some(false), ..) => format!(
            "warning: transfer fails: {cell} diverged at the tuned rate; tune at larger cells, or give another width_transfer"
        ),
        _ => format!("transfer: {} of 3 rates ended at {cell}", check.tried.len()),
    }
}

fn doubt(cell: &TunedRate) -> Option<String> {
    if !cell.bracketed {
        return Some(format!(
            "{}: the best rate, {}, is the outermost that was tried, though the axis was widened {} times; give other rates",
            cell.cell,
            rate(cell.peak_lr),
            cell.widened
        ));
    }
    cell.is_under_tuned().then(|| {
        format!(
            "{} is under-tuned: its own best rate is {}, and the one that is used costs it {:.1} % of its loss",
            cell.cell,
            rate(cell.peak_lr),
            100.0 * cell.excess.unwrap_or(0.0)
        )
    })
}

/// A row for each cell.
#[must_use]
pub fn sweep_tuning_table(tuning: &Tuning) -> Table {
    let columns = ["cell", "N", "rates", "best peak_lr", "95 %", "used costs"];
    let mut table = Table::new("Learning rates by cell, at a width of 64", &columns);
    for cell in &tuning.cells {
        table.push([
            &cell.cell,
            &short_count(cell.n_params.get()),
            &cell.tried.len().to_string(),
            &rate(cell.peak_lr),
            &cell.interval.map_or_else(|| "-".to_owned(), ends),
            &cost(cell, tuning.peak_lr),
        ]);
    }
    table
}

/// What the rate that is used costs a cell, and whether it lies outside the interval of its own best.
fn cost(cell: &TunedRate, used: Option<f64>) -> String {
    let outside = used.is_some_and(|used| cell.is_outside(used));
    let mark = if outside { ", outside" } else { "" };
    cell.excess.map_or_else(|| "-".to_owned(), |excess| format!("{}{mark}", percent(excess)))
}

fn rate(x: f64) -> String {
    format!("{x:.2e}")
}

fn ends(interval: Interval) -> String {
    format!("{} to {}", rate(interval.lo), rate(interval.hi))
}
