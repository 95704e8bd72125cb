//! Laws of one quantity.

use super::number::{between, factor, flops, interval_header, loss, number, or_dash};
use super::style::proof;
use super::table::Table;
use super::text::Text;
use crate::data::OneQuantity;
use crate::fit::{OneQuantityFit, OneQuantityNeeded, OneQuantityPrediction};
use crate::units::{Params, Tokens};

/// The law with what it cannot say, its coefficients and its proof.
#[must_use]
pub fn one_quantity_text(law: &OneQuantityFit) -> Text {
    let (of, fit) = (law.of, &law.fit);
    let value = |name: &str| law.coefficients.get(name).copied().unwrap_or(f64::NAN);
    let rest = match of {
        OneQuantity::C => "nothing of how a budget is split between N and D",
        OneQuantity::N => "nothing of D, so of no budget",
        OneQuantity::D => "nothing of N, so of no budget",
    };
    let mut text = Text::from(format!(
        "L = {:.4} + {:.4} / {of}^{:.4}, fitted to {} runs from {} to {}\n\
         the table holds {} and no other quantity: the law says {rest}\n",
        value("E"),
        value("A"),
        value("gamma"),
        fit.n_points,
        shown(of, law.range.lo),
        shown(of, law.range.hi),
        of.noun(),
    ));
    let mut table = Table::new("", &["coefficient", "estimate", &interval_header(fit.level)]);
    for name in ["E", "A", "gamma"] {
        table.push([name, &number(value(name)), &between(law.intervals.get(name), number)]);
    }
    if law.per_byte {
        text.push_str("losses are in nats per byte\n");
    }
    text.apart(table);
    let proof = proof(fit.certificate.certified);
    text.push_str(&format!(
        "{proof}: {} of {} starts agree\n",
        fit.certificate.starts_agreeing, fit.certificate.starts
    ));
    text
}

/// A value of the quantity with its unit prefix.
fn shown(of: OneQuantity, x: f64) -> String {
    match of {
        OneQuantity::C => flops(x),
        OneQuantity::N => Params::new(x).to_string(),
        OneQuantity::D => Tokens::new(x).to_string(),
    }
}

/// Losses at values of the quantity.
#[must_use]
pub fn one_quantity_predictions(law: &OneQuantityFit, rows: &[OneQuantityPrediction]) -> Table {
    let level = interval_header(law.fit.level);
    let of = law.of.to_string();
    let mut table = Table::new("", &[&of, "loss", &level, "outside the runs"]);
    for row in rows {
        table.push([
            &*shown(law.of, row.at),
            &loss(row.loss_nats),
            &between(row.interval.as_ref(), loss),
            &or_dash(row.outside.map(|x| format!("x{}", factor(x)))),
        ]);
    }
    table
}

/// What a loss takes, in a line.
#[must_use]
pub fn one_quantity_needed_text(law: &OneQuantityFit, answer: &OneQuantityNeeded) -> String {
    let of = law.of.noun();
    let Some(needed) = answer.needed else {
        let floor = law.coefficients.get("E").copied().unwrap_or(f64::NAN);
        return format!(
            "no {of} reach a loss of {:.4}: the law's floor is {floor:.4}\n",
            answer.loss_nats
        );
    };
    let interval = answer.interval.map_or_else(String::new, |[lo, hi]| {
        let end = |x: Option<f64>| x.map_or("beyond any".to_owned(), |x| shown(law.of, x));
        format!(" ({:.0} %: {} to {})", 100.0 * law.fit.level, end(lo), end(hi))
    });
    let outside = answer
        .outside
        .map_or_else(String::new, |x| format!(", a factor {} outside the runs", factor(x)));
    format!(
        "a loss of {:.4} takes {} {of}{interval}{outside}\n",
        answer.loss_nats,
        shown(law.of, needed)
    )
}
