//! D of a run: logged, or counted from steps.

use super::reason::Reason;
use crate::data::axis::Axis;
use crate::data::vocabulary::Term;
use crate::data::log::RunLog;
use crate::data::roles::Metric;
use crate::error::Lack;

/// Tokens seen by a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TokensSeen {
    pub(super) tokens: f64,
    /// Where from: a key, or a product such as `step x batch_size x seq_len`.
    pub(super) how: String,
    /// Logged tokens over steps x batch x length, where both are known and differ.
    pub(super) logged_over_counted: Option<f64>,
}

/// Logged and counted tokens further apart than this count different things.
const APART: f64 = 0.05;

/// Tokens seen after `step` updates.
///
/// # Errors
/// What is missing, and how to give it.
pub(super) fn tokens_at(log: &RunLog, step: f64) -> Result<TokensSeen, Reason> {
    let counted = counted(log, step);
    let tokens = log.series(Metric::Tokens);
    if let Some(last) = tokens.last() {
        let key = log.key(Metric::Tokens).to_owned();
        let constant = tokens.len() > 2 && tokens.first().is_some_and(|f| f.last == last.last);
        // The same number at every step is a batch's, not a total.
        let (seen, how) = if constant {
            (last.last * step, format!("step x {key}"))
        } else {
            let beyond = last.last / last.step.max(1.0) * step;
            (tokens.at(step).unwrap_or(if step >= last.step { beyond } else { last.last }), key)
        };
        // Tokens that are the positions themselves have nothing to be compared with.
        let ratio = counted.as_ref().ok().map(|c| seen / c.tokens);
        let logged_over_counted =
            ratio.filter(|r| (r - 1.0).abs() > APART && log.axis != Axis::Tokens);
        return Ok(TokensSeen { tokens: seen, how, logged_over_counted });
    }
    counted.or_else(|missing| {
        let key = ["tokens", "train_tokens", "tokens_seen", "num_input_tokens_seen"]
            .into_iter()
            .find_map(|key| Some((key, log.facts.get(key)?.count()?)));
        match key {
            Some((key, tokens)) => {
                Ok(TokensSeen { tokens, how: key.to_owned(), logged_over_counted: None })
            }
            None => Err(missing),
        }
    })
}

/// A fact that counts something, with its name.
fn fact(log: &RunLog, kind: Term) -> Option<(String, f64)> {
    log.fact(kind).and_then(|(key, value)| Some((key.to_owned(), value.count()?)))
}

/// What the sequences of a step are the product of.
fn batch_factors(log: &RunLog) -> Option<Vec<(String, f64)>> {
    let accumulation = fact(log, Term::Accumulation);
    let devices = fact(log, Term::Devices);
    let whole = |key: &str| ["global", "total", "effective"].iter().any(|w| key.contains(w));
    match (fact(log, Term::Batch), fact(log, Term::MicroBatch)) {
        (Some(batch), _) if whole(&batch.0) => Some(vec![batch]),
        // A batch size beside accumulation or devices is that of one pass on one device.
        (_, Some(batch)) | (Some(batch), None) => {
            Some(std::iter::once(batch).chain(accumulation).chain(devices).collect())
        }
        (None, None) => None,
    }
}

/// Sequences of a step, all devices together.
pub(super) fn sequences_per_step(log: &RunLog) -> Option<f64> {
    Some(batch_factors(log)?.iter().map(|(_, x)| x).product())
}

/// Tokens of a step: stated, or sequences times their length.
pub(super) fn tokens_per_step(log: &RunLog) -> Option<f64> {
    let counted = || Some(sequences_per_step(log)? * log.count(Term::Length)?);
    log.count(Term::TokensPerStep).or_else(counted)
}

/// Steps times the tokens of a step.
fn counted(log: &RunLog, step: f64) -> Result<TokensSeen, Reason> {
    let done = |tokens: f64, how: String| Ok(TokensSeen { tokens, how, logged_over_counted: None });
    let on_steps = log.axis == Axis::Step;
    if let Some((key, each)) = fact(log, Term::TokensPerStep).filter(|_| on_steps) {
        return done(step * each, format!("step x {key}"));
    }
    let length = fact(log, Term::Length);
    let no_length = || {
        let text = "the sequence length is not in the log; give seq_len";
        Reason::lacks(Lack::SequenceLength, text)
    };
    let samples = log.series(Metric::Samples);
    if let Some(last) = samples.last() {
        let (key, length) = length.ok_or_else(no_length)?;
        let seen = samples.at(step).unwrap_or(last.last / last.step.max(1.0) * step);
        return done(seen * length, format!("{} x {key}", log.key(Metric::Samples)));
    }
    let Some(mut factors) = batch_factors(log).filter(|_| on_steps) else {
        let text = "neither tokens nor the batch size are in the log; give batch_size in sequences, or tokens_per_step";
        return Err(Reason::lacks(Lack::Batch, text));
    };
    factors.push(length.ok_or_else(no_length)?);
    // A factor of one explains nothing.
    factors.retain(|(_, x)| *x != 1.0);
    let names: Vec<&str> = factors.iter().map(|(key, _)| key.as_str()).collect();
    let each: f64 = factors.iter().map(|(_, x)| x).product();
    done(step * each, format!("step x {}", names.join(" x ")))
}
