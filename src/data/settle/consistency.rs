//! Whether what a log says of its tokens and its loss agrees with itself.

use super::accounts::{Account, Way, accounts};
use super::reason::Reason;
use super::size::Sizes;
use crate::data::axis::Axis;
use crate::data::format::Format;
use crate::data::log::{Beside, RunLog};
use crate::data::roles::Metric;
use crate::data::vocabulary::Term;
use crate::error::Lack;
use crate::units::Tokens;

/// Tokens seen by a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TokensSeen {
    pub(super) tokens: f64,
    /// Where from: a key, or a product such as `step x batch_size x seq_len`.
    pub(super) how: String,
    /// What should be known about it.
    pub(super) notes: Vec<String>,
}

/// Counts up to this ratio apart may be of padded text, or of steps that were skipped; beyond it one
/// of them counts something else.
const PADDED: f64 = 1.5;

/// A ratio this near to a whole number is that of devices or passes that were left out.
const WHOLE: f64 = 0.02;

/// Tokens seen after `step` of the `last` updates: by the surest way, held against every other.
///
/// # Errors
/// What is missing, or the two ways that disagree.
pub(super) fn tokens_at(
    log: &RunLog,
    step: f64,
    last: f64,
    sizes: &Sizes,
) -> Result<TokensSeen, Reason> {
    let (found, mut notes) = accounts(log, step, last, sizes)?;
    let Some((taken, others)) = found.split_first() else {
        return Err("its tokens are not known".into());
    };
    let (agree, apart): (Vec<&Account>, Vec<&Account>) =
        others.iter().partition(|other| other.agrees(taken));
    for other in &apart {
        let says = disagreement(taken, other);
        let short = other.way == Way::Planned && taken.tokens < other.tokens;
        if short && log.count(Term::PlannedSteps).is_none() && !log.is_told_finished() {
            let text = format!("stops before its planned tokens: {says}");
            return Err(Reason::lacks(Lack::Status, text));
        }
        if taken.given || !contradicts(taken, other) {
            notes.push(says);
            continue;
        }
        return Err(Reason::lacks(Lack::Consistency, format!("{says}: {}", likely(taken, other))));
    }
    // What a step sees, even as the user gives it, does not tell how many steps there were.
    let by_steps = taken.way == Way::Steps || taken.way == Way::Batches;
    let told = taken.given && !(by_steps && log.counts_calls());
    let confirmed = told || taken.way == Way::Logged || !agree.is_empty();
    if let Some(doubt) = doubt(log, taken, last).filter(|_| !confirmed) {
        match doubt {
            Doubt::Note(note) => notes.push(note),
            Doubt::Refusal(reason) => return Err(reason),
        }
    }
    Ok(TokensSeen { tokens: taken.tokens, how: taken.how.clone(), notes })
}

fn disagreement(taken: &Account, other: &Account) -> String {
    let tokens = |account: &Account| Tokens::new(account.tokens);
    let ratio = other.tokens / taken.tokens;
    let times = match ratio >= 1.0 {
        true => format!("{ratio:.3} times as many"),
        false => format!("{:.3} times fewer", 1.0 / ratio),
    };
    format!(
        "{} gives {} tokens, {} gives {}, {times}",
        taken.how,
        tokens(taken),
        other.how,
        tokens(other)
    )
}

/// Whether one of two counts must be of something else.
fn contradicts(taken: &Account, other: &Account) -> bool {
    let ratio = (other.tokens / taken.tokens).max(taken.tokens / other.tokens);
    let exact = [taken.way, other.way].iter().all(|way| *way <= Way::Stated);
    match exact {
        // Non-padding tokens are any share of all; devices are a whole number.
        true => ratio > PADDED && (ratio / ratio.round() - 1.0).abs() <= WHOLE,
        false => ratio > PADDED,
    }
}

/// What is probably wrong, and what settles it.
fn likely(taken: &Account, other: &Account) -> String {
    let counts_batch = taken.way == Way::Batches || other.way == Way::Batches;
    let cause = if counts_batch {
        "the batch size may be that of one device, or of one pass without accumulation"
    } else {
        "one of them may count one device"
    };
    format!("{cause}; give global_batch_size, all devices together, or tokens")
}

/// Why a count that nothing confirms may be wrong.
enum Doubt {
    Note(String),
    Refusal(Reason),
}

fn doubt(log: &RunLog, taken: &Account, last: f64) -> Option<Doubt> {
    let by_steps = matches!(taken.way, Way::Steps | Way::Batches) && log.axis == Axis::Step;
    if by_steps && log.counts_calls() {
        let text = format!(
            "its steps, 0 to {last} without a gap, are W&B's count of calls of log, which may be less than the updates: give max_steps, or name the column of the trainer's own step"
        );
        return Some(Doubt::Refusal(Reason::lacks(Lack::PlannedSteps, text)));
    }
    let per_device = taken.way == Way::Batches && taken.how.contains("train_batch_size");
    let hugging_face = log.format == Format::HuggingFace;
    (per_device && hugging_face).then(|| {
        Doubt::Note(
            "train_batch_size is that of one device without accumulation, and nothing in the log says whether there were more: global_batch_size says so".to_owned(),
        )
    })
}

/// Refuses a loss whose perplexity beside it says that it is in bits.
///
/// # Errors
/// The two keys.
pub(super) fn loss_scale(log: &RunLog, metric: Metric) -> Result<(), Reason> {
    let Some(Beside { loss, perplexity, .. }) = log.beside(metric) else { return Ok(()) };
    let ratio = loss.1 / perplexity.1;
    if (ratio * std::f64::consts::LN_2 - 1.0).abs() > 0.005 {
        return Ok(());
    }
    let key = &loss.0;
    let text = format!(
        "`{key}` is {:.4} where `{}` is {:.2}, 2 to its power: it is in bits; {key}*0.693147 in the column map turns it into nats",
        loss.1,
        perplexity.0,
        perplexity.1.exp()
    );
    Err(Reason::lacks(Lack::LossColumn, text))
}
