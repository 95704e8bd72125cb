//! The ways in which a log tells how many tokens its run has seen.

use super::reason::Reason;
use super::size::Sizes;
use crate::data::axis::Axis;
use crate::data::log::RunLog;
use crate::data::roles::Metric;
use crate::data::spelling::words;
use crate::data::vocabulary::{Term, words as known_words};
use crate::error::Lack;

/// A way to count tokens, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    /// A total that is logged as training goes on.
    Logged,
    /// Steps times the tokens of a step.
    Steps,
    /// Sequences seen times their length.
    Sequences,
    /// Steps times batch times length.
    Batches,
    /// One number for the whole run.
    Stated,
    /// A rate times the time training took.
    Throughput,
    /// Training FLOPs over 6 N.
    Flops,
    /// Epochs times the tokens of one.
    Epochs,
    /// What the run was to see at its end.
    Planned,
}

/// Tokens by one of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Account {
    pub(super) way: Way,
    pub(super) tokens: f64,
    /// The product in words: `step x batch_size x seq_len`.
    pub(super) how: String,
    /// Whether the user gave what it rests on.
    pub(super) given: bool,
    /// Numbers that would be as right.
    also: Vec<f64>,
    /// How far another count may lie below it and above, as ratios.
    band: (f64, f64),
}

/// Two exact counts further apart than this are of different things.
pub(super) const APART: f64 = 1.05;

/// Most tokens of one step that were ever used are some 60 million; a constant above is of something
/// else.
const MOST_PER_STEP: f64 = 1.3e8;

impl Account {
    fn new(way: Way, tokens: f64, how: impl Into<String>) -> Self {
        let slack = match way {
            Way::Throughput | Way::Epochs => 1.1,
            _ => APART,
        };
        Self {
            way,
            tokens,
            how: how.into(),
            given: false,
            also: Vec::new(),
            band: (1.0 / slack, slack),
        }
    }

    fn given(self, given: bool) -> Self {
        Self { given, ..self }
    }

    /// Whether the count that is taken agrees with it.
    pub(super) fn agrees(&self, taken: &Self) -> bool {
        let low = self.band.0.min(1.0 / taken.band.1);
        let high = self.band.1.max(1.0 / taken.band.0);
        let near = |tokens: &f64| (low..=high).contains(&(taken.tokens / tokens));
        near(&self.tokens) || self.also.iter().any(near)
    }
}

/// A fact that counts something, with its name.
pub(in crate::data) type Fact<'a> = &'a dyn Fn(Term) -> Option<(String, f64)>;

/// The facts of a log.
pub(super) fn fact(log: &RunLog, term: Term) -> Option<(String, f64)> {
    log.fact(term).and_then(|(key, value)| Some((key.to_owned(), value.count()?)))
}

fn is_whole(key: &str) -> bool {
    words(key).any(|word| known_words().whole.iter().any(|w| w == word))
}

/// Copies of the model that see different text.
fn replicas(of: Fact<'_>) -> Vec<(String, f64)> {
    if let Some(copies) = of(Term::DataParallel) {
        return vec![copies];
    }
    let all: Vec<(String, f64)> = match of(Term::World) {
        Some(world) => vec![world],
        None => of(Term::Devices).into_iter().chain(of(Term::Nodes)).collect(),
    };
    let shared: f64 =
        [Term::ModelParallel, Term::TensorParallel, Term::PipelineParallel, Term::ContextParallel]
            .into_iter()
            .filter_map(|term| Some(of(term)?.1))
            .product();
    match all.as_slice() {
        [] => all,
        [first, rest @ ..] => {
            let mut first = first.clone();
            if shared > 1.0 {
                first.0.push_str(" / model-parallel devices");
                first.1 /= shared;
            }
            std::iter::once(first).chain(rest.iter().cloned()).collect()
        }
    }
}

/// What the sequences of a step are the product of.
///
/// - `given`: whether the user gave the fact of this name.
pub(super) fn batch_factors(
    of: Fact<'_>,
    given: &dyn Fn(&str) -> bool,
) -> Option<Vec<(String, f64)>> {
    let passes = || of(Term::Accumulation).into_iter().chain(replicas(of));
    match (of(Term::Batch), of(Term::MicroBatch)) {
        (Some(batch), _) if is_whole(&batch.0) => Some(vec![batch]),
        // A batch that the user gives is whole, but for what the user gives beside it.
        (Some(batch), _) if given(&batch.0) => {
            let is_given = |key: &str| given(key.split(" / ").next().unwrap_or(key));
            let beside = passes().filter(|(key, _)| is_given(key)).collect::<Vec<_>>();
            Some(std::iter::once(batch).chain(beside).collect())
        }
        // A batch size beside accumulation or devices is that of one pass on one device.
        (_, Some(batch)) | (Some(batch), None) => {
            Some(std::iter::once(batch).chain(passes()).collect())
        }
        (None, None) => None,
    }
}

/// Sequences of a step, all devices together.
pub(super) fn sequences_per_step(log: &RunLog) -> Option<f64> {
    let of = |term| fact(log, term);
    Some(batch_factors(&of, &|key| log.given.contains(key))?.iter().map(|(_, x)| x).product())
}

/// Tokens of a step: stated, or sequences times their length.
pub(super) fn tokens_per_step(log: &RunLog) -> Option<f64> {
    let counted = || Some(sequences_per_step(log)? * log.count(Term::Length)?);
    log.count(Term::TokensPerStep).or_else(counted)
}

/// Steps times batch times length, in number and words.
///
/// - `step`: the steps with their name.
///
/// # Errors
/// What is missing.
pub(super) fn by_batches(
    of: Fact<'_>,
    given: &dyn Fn(&str) -> bool,
    step: (&str, f64),
) -> Result<Account, Reason> {
    let batch = batch_factors(of, given);
    let length = of(Term::Length);
    let (Some(mut factors), Some(length)) = (batch.clone(), length.clone()) else {
        let text = match (batch.is_some(), length.is_some()) {
            (true, _) => "the sequence length is not in the log; give seq_len",
            (false, true) => {
                "neither tokens nor the batch size are in the log; give batch_size in sequences, or tokens_per_step"
            }
            (false, false) => {
                "neither tokens nor the batch size are in the log; give batch_size in sequences with seq_len, or tokens_per_step"
            }
        };
        let mut reason = Reason::lacks(Lack::SequenceLength, text);
        if batch.is_none() {
            reason.lacks = match length {
                Some(_) => vec![Lack::Batch],
                None => vec![Lack::Batch, Lack::SequenceLength],
            };
        }
        return Err(reason);
    };
    // The length of a sequence says nothing about the batch.
    let given = factors.iter().any(|(key, _)| given(key));
    factors.push(length);
    // A factor of one explains nothing.
    factors.retain(|(_, x)| *x != 1.0);
    let names: Vec<&str> =
        std::iter::once(step.0).chain(factors.iter().map(|f| f.0.as_str())).collect();
    let each: f64 = factors.iter().map(|(_, x)| x).product();
    Ok(Account::new(Way::Batches, step.1 * each, names.join(" x ")).given(given))
}

/// Steps times the tokens of a step, by facts alone: tokens, and their factors in words.
pub(in crate::data) fn tokens_of_steps(
    of: Fact<'_>,
    given: &dyn Fn(&str) -> bool,
    step: (&str, f64),
) -> Option<(f64, String)> {
    if let Some((key, each)) = of(Term::TokensPerStep) {
        return Some((step.1 * each, format!("{} x {key}", step.0)));
    }
    let account = by_batches(of, given, step).ok()?;
    Some((account.tokens, account.how))
}

/// Every way a log counts the tokens seen after `step` of its `last` updates, the surest first, and
/// what should be known about those that were passed over.
///
/// # Errors
/// What is missing where there is none.
pub(super) fn accounts(
    log: &RunLog,
    step: f64,
    last: f64,
    sizes: &Sizes,
) -> Result<(Vec<Account>, Vec<String>), Reason> {
    let of = |term| fact(log, term);
    let given = |key: &str| log.given.contains(key);
    let on_steps = log.axis == Axis::Step;
    // What is said once is said of the end.
    let part = if last > 0.0 { step / last } else { 1.0 };
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    if let Some((key, tokens)) = of(Term::Tokens).filter(|(key, _)| given(key)) {
        found.push(Account::new(Way::Stated, tokens * part, key).given(true));
    }
    match logged(log, step, last) {
        Some(Ok(account)) => found.push(account),
        Some(Err(note)) => notes.push(note),
        None => {}
    }
    if let Some((key, each)) = of(Term::TokensPerStep).filter(|_| on_steps) {
        let is_given = given(&key);
        found.push(Account::new(Way::Steps, step * each, format!("step x {key}")).given(is_given));
    }
    let length = of(Term::Length);
    let samples = log.series(Metric::Samples);
    if let (Some(last), Some((key, length))) = (samples.last(), &length) {
        let seen = samples.at(step).unwrap_or(last.last / last.step.max(1.0) * step);
        let how = format!("{} x {key}", log.key(Metric::Samples));
        found.push(Account::new(Way::Sequences, seen * length, how));
    }
    let by_batches = match on_steps {
        true => by_batches(&of, &given, ("step", step)),
        false => Err(no_batch()),
    };
    let missing = match by_batches {
        Ok(account) => {
            found.push(account);
            None
        }
        Err(_) if !samples.is_empty() && length.is_none() => {
            let text = "the sequence length is not in the log; give seq_len";
            Some(Reason::lacks(Lack::SequenceLength, text))
        }
        Err(reason) => Some(reason),
    };
    if let Some((key, tokens)) = of(Term::Tokens).filter(|(key, _)| !given(key)) {
        found.push(Account::new(Way::Stated, tokens * part, key));
    }
    found.extend(by_time(&of, part));
    found.extend(by_flops(log, step, part, sizes));
    if let (Some((key, unique)), Some(epoch)) =
        (of(Term::UniqueTokens), log.series(Metric::Epoch).last())
    {
        let how = format!("{} x {key}", log.key(Metric::Epoch));
        let seen = match log.axis {
            Axis::Epoch => step,
            _ => log.series(Metric::Epoch).at(step).unwrap_or(epoch.last),
        };
        found.push(Account::new(Way::Epochs, seen * unique, how).given(given(&key)));
    }
    found.retain(|account| account.tokens.is_finite() && account.tokens > 0.0);
    if found.is_empty() {
        return Err(missing.unwrap_or_else(no_batch));
    }
    if let Some((key, tokens)) = of(Term::PlannedTokens) {
        found.push(Account::new(Way::Planned, tokens * part, key));
    }
    // What the user says comes first; of the rest the surest.
    found.sort_by_key(|account| (!account.given, account.way));
    Ok((found, notes))
}

fn no_batch() -> Reason {
    let text = "neither tokens nor the batch size are in the log; give batch_size in sequences, or tokens_per_step";
    Reason::lacks(Lack::Batch, text)
}

/// The running total of tokens; a note where what is logged under that name is none.
fn logged(log: &RunLog, step: f64, end: f64) -> Option<Result<Account, String>> {
    let tokens = log.series(Metric::Tokens);
    let (first, last) = (tokens.first()?, tokens.last()?);
    let key = log.key(Metric::Tokens).to_owned();
    let constant = first.last == last.last;
    if constant && tokens.len() > 2 && last.last <= MOST_PER_STEP {
        // The same number at every step is a batch's, not a total.
        return Some(Ok(Account::new(Way::Steps, last.last * step, format!("step x {key}"))));
    }
    // A single number is of the whole run only where the run ends.
    if constant && (tokens.len() > 1 || last.step < 0.98 * end) && log.axis == Axis::Step {
        return Some(Err(format!(
            "`{key}` says {} from step {} on and does not grow: it is not taken for the tokens seen",
            last.last, first.first
        )));
    }
    let falls = tokens.bins().windows(2).filter(|pair| pair[1].last < pair[0].last).count();
    if falls > 0 {
        let mean = tokens.mean_from(0.0).map_or(last.last, |window| window.mean);
        return Some(if 10 * falls >= tokens.bins().len() && mean <= MOST_PER_STEP {
            let how = format!("step x the mean of {key}");
            Ok(Account::new(Way::Steps, mean * step, how))
        } else {
            Err(format!("`{key}` falls in mid-run: it is not taken for the tokens seen"))
        });
    }
    if step > 1.05 * last.step && log.axis == Axis::Step {
        return Some(Err(format!(
            "`{key}` ends at step {}: it is not carried on to step {step}",
            last.step
        )));
    }
    let beyond = last.last / last.step.max(1.0) * step;
    let seen = tokens.at(step).unwrap_or(if step >= last.step { beyond } else { last.last });
    Some(Ok(Account::new(Way::Logged, seen, key)))
}

/// A rate of the whole run times the time it took.
fn by_time(of: Fact<'_>, part: f64) -> Option<Account> {
    let (time, seconds) = of(Term::Seconds)?;
    if let Some((rate, each)) = of(Term::TokensPerSecond) {
        let how = format!("{rate} x {time}");
        return Some(Account::new(Way::Throughput, each * seconds * part, how));
    }
    let ((rate, each), (key, length)) = (of(Term::SamplesPerSecond)?, of(Term::Length)?);
    let how = format!("{rate} x {time} x {key}");
    Some(Account::new(Way::Throughput, each * seconds * length * part, how))
}

/// Training FLOPs over 6 N.
///
/// Hugging Face's `total_flos` is 6 x tokens x parameters that are no embedding, to the digit. Other
/// counts may leave out the backward pass, count activations twice, or add attention.
fn by_flops(log: &RunLog, step: f64, part: f64, sizes: &Sizes) -> Option<Account> {
    let series = log.series(Metric::Flops);
    let (key, c) = match series.last() {
        Some(last) => {
            let at_end = last.last / last.step.max(1.0) * step;
            (log.key(Metric::Flops).to_owned(), series.at(step).unwrap_or(at_end))
        }
        None => fact(log, Term::Flops).map(|(key, c)| (key, c * part))?,
    };
    let of = |n: f64| c / (6.0 * n);
    let how = format!("{key} / (6 N)");
    if let (true, Some(body), Some(all)) = (key.ends_with("flos"), sizes.non_embedding, sizes.all) {
        // The output matrix is no embedding to PyTorch, but where it is tied to one.
        let also = vec![of(0.5 * (body + all)), of(all)];
        return Some(Account { also, ..Account::new(Way::Flops, of(body), how) });
    }
    let n = sizes.active.or(sizes.all).or(sizes.non_embedding)?;
    let spread = sizes.all.zip(sizes.non_embedding).map_or(1.0, |(all, body)| all / body);
    Some(Account { band: (0.5 / spread, 3.3 * spread), ..Account::new(Way::Flops, of(n), how) })
}
