//! Laws of learning rate and batch.

use super::number::{between, interval_header, number, or_dash};
use super::table::Table;
use super::text::Text;
use crate::data::BatchUnit;
use crate::fit::{TuningFit, TuningLaw};

/// The laws in a line each, their coefficients, the cells they rest on and those refused.
#[must_use]
pub fn tuning_text(fit: &TuningFit) -> Text {
    let unit = unit(fit.batch_unit);
    let mut text = Text::from(format!("learning rate = {}\n", law_text(&fit.lr)));
    match &fit.batch {
        Some(law) => text.push_str(&format!("batch ({unit}) = {}\n", law_text(law))),
        None => text.push_str("no law of the batch: too few cells vary it\n"),
    }
    let cells = fit.cells.len() + fit.refused.len();
    text.push_str(&format!(
        "from {} of {cells} cells, N counting {}; optima scatter by {} around the law\n",
        fit.cells.len(),
        fit.params,
        scatter(&fit.lr),
    ));
    text.apart(tuning_table(fit));
    text.apart(cells_table(fit));
    for cell in &fit.refused {
        text.push_str(&format!("refused {cell}\n"));
    }
    text
}

fn unit(unit: BatchUnit) -> &'static str {
    match unit {
        BatchUnit::Tokens => "tokens",
        BatchUnit::AsLogged => "as logged",
    }
}

fn scatter(law: &TuningLaw) -> String {
    format!("{:.0} %", 100.0 * law.residual_sd.exp_m1())
}

fn law_text(law: &TuningLaw) -> String {
    let power =
        |name: &str, x: Option<f64>| x.map_or(String::new(), |x| format!(" · {name}^{x:.3}"));
    let (n, d) = (power("N", law.n_exponent), power("D", law.d_exponent));
    format!("e^{:.3}{n}{d}", law.ln_factor)
}

/// Coefficients of the laws with their intervals.
#[must_use]
pub fn tuning_table(fit: &TuningFit) -> Table {
    let level = interval_header(fit.level);
    let mut table = Table::new("", &["law", "quantity", "estimate", &level]);
    let laws = [
        ("learning rate", Some(&fit.lr)),
        ("batch", fit.batch.as_ref()),
        ("batch, N too", fit.batch_with_n.as_ref()),
    ];
    for (name, law) in laws.iter().filter_map(|(name, law)| Some((name, (*law)?))) {
        let rows = [
            ("ln factor", "ln_factor", Some(law.ln_factor)),
            ("exponent of N", "n_exponent", law.n_exponent),
            ("exponent of D", "d_exponent", law.d_exponent),
        ];
        for (label, key, value) in rows {
            let Some(value) = value else { continue };
            let interval = between(law.intervals.get(key), |x| format!("{x:.3}"));
            table.push([*name, label, &format!("{value:.3}"), &interval]);
        }
    }
    table
}

/// The optimum of each cell with its standard error as a factor.
#[must_use]
pub fn cells_table(fit: &TuningFit) -> Table {
    let batch = format!("best batch ({})", unit(fit.batch_unit));
    let columns = ["N", "D", "runs", "near", "best lr", "known to", &batch, "known to"];
    let mut table = Table::new("optima", &columns);
    let factor = |se: f64| format!("x/÷ {:.2}", se.exp());
    for cell in &fit.cells {
        table.push([
            &*cell.n.to_string(),
            &cell.d.to_string(),
            &cell.runs.to_string(),
            &cell.near.to_string(),
            &format!("{:.2e}", cell.lr),
            &or_dash(cell.lr_se.map(factor)),
            &or_dash(cell.batch.map(number)),
            &or_dash(cell.batch_se.map(factor)),
        ]);
    }
    table
}
