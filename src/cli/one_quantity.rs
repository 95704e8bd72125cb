//! What `fit`, `predict` and `plan` say of a law of C, of N or of D alone.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::output::{Output, Outs, to_value};
use super::progress::Counter;
use crate::data::{OneQuantity, ReadOptions, read_one_quantity, read_values};
use crate::error::{DataError, Error, Result};
use crate::fit::{FitConfig, OneQuantityFit, fit_one_quantity};
use crate::report::{Text, one_quantity_needed_text, one_quantity_predictions, one_quantity_text};
use crate::study::load_one_quantity;
use crate::units::Flops;

/// Laws of N and D that a table of one quantity may be meant for: the default, and the one of C.
const STAND_INS: [&str; 2] = ["chinchilla", "envelope"];

/// What a picture needs, and these laws do not have.
const A_TRADE_OFF: &str = "a law of N and D";

/// The law of a table that holds a loss and one quantity, where `error` says that another is missing.
pub(super) fn fitted(
    error: &Error,
    law: &str,
    logs: &[PathBuf],
    options: &ReadOptions,
    config: &FitConfig,
    at: &[Flops],
    outs: &Outs,
) -> Result<Option<Output>> {
    let lacks = matches!(error, Error::Data(DataError::MissingColumn { key: "n" | "d" | "c", .. }));
    if !lacks || !STAND_INS.contains(&law) {
        return Ok(None);
    }
    let Some(table) = read_one_quantity(logs, options)? else { return Ok(None) };
    outs.refuse_pictures(A_TRADE_OFF)?;
    let draws = Counter::new("bootstrap", config.bootstrap);
    let law = fit_one_quantity(&table, config, &|progress| draws.at(progress));
    draws.clear();
    let law = law?;
    let mut text = one_quantity_text(&law);
    let at: Vec<f64> = at.iter().map(|x| x.get()).collect();
    let rows = law.predict(&at);
    if !rows.is_empty() {
        text.apart(one_quantity_predictions(&law, &rows));
    }
    outs.save_json(&mut text, &law)?;
    let mut shown = to_value(&law)?;
    if let Some(object) = shown.as_object_mut() {
        object.remove("fit");
        object.insert("certificate".to_owned(), to_value(&law.fit.certificate)?);
        object.insert("n_points".to_owned(), json!(law.fit.n_points));
        object.insert("predictions".to_owned(), to_value(&rows)?);
    }
    Ok(Some(Output {
        text,
        json: shown.into(),
        warnings: law.warnings,
        most: None,
        failed: None,
        exit: None,
        verdict: None,
    }))
}

/// Losses at the rows of tables, where the fit is a law of one quantity.
pub(super) fn predicted(
    fit: &Path,
    points: &[PathBuf],
    options: &ReadOptions,
) -> Result<Option<Output>> {
    let Some(law) = load_one_quantity(fit)? else { return Ok(None) };
    let rows = law.predict(&read_values(points, options, law.of)?);
    let text = one_quantity_predictions(&law, &rows).into();
    let json = json!({ "of": law.of, "level": law.fit.level, "rows": to_value(&rows)? });
    Ok(Some(Output {
        text,
        json: json.into(),
        warnings: law.warnings,
        most: None,
        failed: None,
        exit: None,
        verdict: None,
    }))
}

/// What a loss takes, or which loss a budget reaches, where the law is one of one quantity.
pub(super) fn planned(
    law: &str,
    loss: Option<f64>,
    flops: Option<Flops>,
    outs: &Outs,
) -> Result<Option<Output>> {
    let path = Path::new(law);
    // Several laws, and a file that is not there, are the planner's to answer.
    if path.extension().is_none_or(|e| e != "json") || !path.is_file() {
        return Ok(None);
    }
    let Some(fit) = load_one_quantity(path)? else { return Ok(None) };
    answer(&fit, law, loss, flops, outs).map(Some)
}

fn answer(
    fit: &OneQuantityFit,
    path: &str,
    loss: Option<f64>,
    flops: Option<Flops>,
    outs: &Outs,
) -> Result<Output> {
    outs.refuse_pictures(A_TRADE_OFF)?;
    let (mut text, json): (Text, Value) = match (loss, flops) {
        (Some(loss), None) => {
            let needed = fit.needed(loss);
            (
                one_quantity_needed_text(fit, &needed).into(),
                json!({ "of": fit.of, "needed": needed }),
            )
        }
        (None, Some(c)) if fit.of == OneQuantity::C => {
            let rows = fit.predict(&[c.get()]);
            let text = one_quantity_predictions(fit, &rows).into();
            (text, json!({ "of": fit.of, "rows": rows }))
        }
        _ => return Err(fit.refusal(path).into()),
    };
    outs.save_json(&mut text, &json)?;
    Ok(Output {
        text,
        json: json.into(),
        warnings: fit.warnings.clone(),
        most: None,
        failed: None,
        exit: None,
        verdict: None,
    })
}
