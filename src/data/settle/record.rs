//! From a settled run to a record of the table.

use super::consistency::{TokensSeen, loss_scale};
use super::judge::{Settled, no_size};
use super::reason::Reason;
use super::schedule::ScheduleState;
use crate::data::columns::ColumnMap;
use crate::data::condition::label;
use crate::data::labels::Labels;
use crate::data::log::{RunLog, Value};
use crate::data::options::{LossChoice, ReadOptions};
use crate::data::quantity::Quantity;
use crate::data::roles::Metric;
use crate::data::setting_columns::set_field;
use crate::data::spelling::collapsed;
use crate::data::table::{Assumption, LossSource, RunNote, RunRecord, RunTable, Skipped};
use crate::data::vocabulary::Term;
use crate::error::{Lack, Warning};
use crate::flops::FlopRule;
use crate::units::{Flops, ParamRule, Params, Setting, Tokens};

/// The settings a log may state.
const SETTINGS: [Quantity; 7] = [
    Quantity::Experts,
    Quantity::Granularity,
    Quantity::Sparsity,
    Quantity::WeightBits,
    Quantity::ActivationBits,
    Quantity::KvBits,
    Quantity::ServedBits,
];

/// A fact by what it is: mapped, else under one of its names.
fn fact(log: &RunLog, quantity: Quantity, map: &ColumnMap) -> Option<f64> {
    let found = match map.column(quantity) {
        Some(column) => log.facts.get(&collapsed(column)).and_then(Value::count),
        None => quantity
            .names(ParamRule::All)
            .find_map(|name| log.facts.get(name))
            .and_then(Value::count),
    };
    found.map(|x| x * map.factor(quantity))
}

/// The loss that represents a run: step, nats, whether per byte, where from.
fn loss(run: &Settled, choice: LossChoice) -> Result<(f64, f64, bool, LossSource), Reason> {
    let bytes = run.log.count(Term::BytesPerToken);
    let units = |metric, nats: f64| match (run.log.is_per_byte(metric), bytes) {
        (true, Some(bytes)) => (nats * bytes, false),
        (per_byte, _) => (nats, per_byte),
    };
    if choice == LossChoice::Tail {
        let window = run.tail.ok_or("no training loss was logged")?;
        let (nats, per_byte) = units(Metric::TrainLoss, window.mean);
        let (from_step, to_step) = (window.from, run.last_step);
        let source = LossSource::Tail { from_step, to_step, points: window.points };
        return Ok((run.last_step, nats, per_byte, source));
    }
    let (step, nats) = run.evaluation.ok_or("no evaluation loss was logged")?;
    let (nats, per_byte) = units(Metric::EvalLoss, nats);
    Ok((step, nats, per_byte, LossSource::Evaluation { step }))
}

/// N by the rule, and which rule it is when the run does not know that one.
fn size(run: &Settled, rule: ParamRule, map: &ColumnMap) -> Option<(ParamRule, f64)> {
    if map.column(Quantity::Params).is_some() {
        return fact(&run.log, Quantity::Params, map).map(|n| (rule, n));
    }
    let of = |rule| match rule {
        ParamRule::All => run.sizes.all,
        ParamRule::NonEmbedding => run.sizes.non_embedding,
        ParamRule::Active => run.sizes.active,
    };
    [rule, ParamRule::All, ParamRule::NonEmbedding, ParamRule::Active]
        .into_iter()
        .find_map(|rule| Some((rule, of(rule)?)))
}

/// The rule every run that knows a size can follow; the one asked for when there is none.
fn common_rule(settled: &[Settled], asked: ParamRule) -> ParamRule {
    let has = |s: &Settled, rule| match rule {
        ParamRule::All => s.sizes.all.is_some(),
        ParamRule::NonEmbedding => s.sizes.non_embedding.is_some(),
        ParamRule::Active => s.sizes.active.is_some(),
    };
    let sized = || {
        settled.iter().filter(|s| {
            has(s, ParamRule::All) || has(s, ParamRule::NonEmbedding) || has(s, ParamRule::Active)
        })
    };
    [asked, ParamRule::All, ParamRule::NonEmbedding]
        .into_iter()
        .find(|rule| sized().all(|s| has(s, *rule)))
        .unwrap_or(asked)
}

/// A record with what it was made from.
struct Entry {
    record: RunRecord,
    rule: ParamRule,
    per_byte: bool,
    seen: TokensSeen,
    flops: FlopsFrom,
}

/// Where the training FLOPs of a run come from.
#[derive(Clone, Copy)]
enum FlopsFrom {
    Log,
    /// 6 N D with the parameters a token visits.
    Visited,
    SixNd,
}

fn entry(
    run: &Settled,
    row: usize,
    rule: ParamRule,
    choice: LossChoice,
    options: &ReadOptions,
) -> Result<Entry, Reason> {
    if let Some((metric, keys)) = run.log.ambiguous.iter().find(|(metric, _)| {
        let wanted = if choice == LossChoice::Tail { Metric::TrainLoss } else { Metric::EvalLoss };
        *metric == wanted
    }) {
        let what = if *metric == Metric::EvalLoss { "evaluation" } else { "training" };
        let text =
            format!("{keys} could both be the {what} loss; choose the column or key for loss");
        return Err(Reason::lacks(Lack::LossColumn, text));
    }
    let metric = if choice == LossChoice::Tail { Metric::TrainLoss } else { Metric::EvalLoss };
    let told = options.map.column(Quantity::Loss).is_some();
    // All that is missing is said at once.
    let loss = loss(run, choice)
        .and_then(|found| if told { Ok(()) } else { loss_scale(&run.log, metric) }.map(|()| found));
    let sized = size(run, rule, &options.map).ok_or_else(|| {
        no_size(&run.sizes).unwrap_or_else(|| Reason::lacks(Lack::Params, "N is not in the log"))
    });
    let step = loss.as_ref().map_or(run.last_step, |(step, ..)| *step);
    let seen = run.tokens(step);
    let (loss, (rule, n), seen) = match (loss, sized, seen) {
        (Ok(loss), Ok(sized), Ok(seen)) => (loss, sized, seen),
        (loss, sized, seen) => {
            let reasons = [loss.err(), sized.err(), seen.err()].into_iter().flatten().collect();
            return Err(Reason::all(reasons).unwrap_or_else(|| "it cannot be used".into()));
        }
    };
    let (step, loss_nats, per_byte, loss_source) = loss;
    if !(loss_nats.is_finite() && loss_nats > 0.0) {
        return Err(format!("the final loss is {loss_nats}").into());
    }
    if !(seen.tokens.is_finite() && seen.tokens > 0.0) {
        return Err(format!("{} tokens at its last step", seen.tokens).into());
    }
    let (n, d) = (Params::new(n), Tokens::new(seen.tokens));
    let mut setting = Setting::PLAIN;
    for quantity in SETTINGS {
        if let Some(x) = fact(&run.log, quantity, &options.map) {
            set_field(&mut setting, quantity, x).map_err(|fault| fault.to_string())?;
        }
    }
    if let Some(unique) = run.unique_tokens(seen.tokens) {
        set_field(&mut setting, Quantity::UniqueTokens, unique)
            .map_err(|fault| fault.to_string())?;
    }
    let logged = run.log.series(Metric::Flops);
    let c = logged
        .at(step)
        .or_else(|| logged.last().map(|b| b.last))
        .or_else(|| fact(&run.log, Quantity::Flops, &options.map))
        .filter(|c| c.is_finite() && *c > 0.0);
    // Of a mixture of experts a token trains those it visits.
    let visited = run.sizes.active.map(Params::new);
    let flops = match (c, visited) {
        (Some(_), _) => FlopsFrom::Log,
        (None, Some(_)) => FlopsFrom::Visited,
        (None, None) => FlopsFrom::SixNd,
    };
    let record = RunRecord {
        c: c.map_or_else(|| FlopRule::six_nd(visited.unwrap_or(n), d), Flops::new),
        budget: fact(&run.log, Quantity::Budget, &options.map).map(Flops::new),
        weight: options
            .map
            .column(Quantity::Weight)
            .and_then(|_| fact(&run.log, Quantity::Weight, &options.map)),
        benchmark_error: options
            .map
            .column(Quantity::BenchmarkError)
            .and_then(|_| fact(&run.log, Quantity::BenchmarkError, &options.map)),
        floor_nats: fact(&run.log, Quantity::Floor, &options.map),
        setting,
        labels: labels(&run.log),
        row,
        loss_source,
        ..RunRecord::new(run.log.run.clone(), n, d, loss_nats)
    };
    Ok(Entry { record, rule, per_byte, seen, flops })
}

/// What the log says of its run in words.
fn labels(log: &RunLog) -> Labels {
    let words = log.facts.iter().filter(|(_, value)| matches!(value, Value::Text(_)));
    words.filter_map(|(key, value)| Some((key.clone(), label(value)?))).collect()
}

/// Enters the settled runs into the table; returns which parameters each counts, with its file.
pub(in crate::data) fn enter(
    settled: &[Settled],
    choice: LossChoice,
    options: &ReadOptions,
    table: &mut RunTable,
) -> Vec<(ParamRule, String)> {
    let rule = common_rule(settled, options.params);
    let mut rules = Vec::new();
    let (mut constant, mut decayed) = (0, 0);
    for (row, run) in settled.iter().enumerate().filter(|(row, _)| !options.exclude.contains(row)) {
        let path = run.log.path.display().to_string();
        let left_out = |Reason { text, lacks }| {
            let skipped = Skipped::run(&path, &run.log.run, text);
            Skipped { lacks, ..skipped }
        };
        let entry = match entry(run, row, rule, choice, options) {
            Ok(entry) => entry,
            Err(reason) => {
                table.skipped.push(left_out(reason));
                continue;
            }
        };
        table.curves.extend(run.curve(entry.record.n));
        if let Some((stated, table_path)) = &run.log.stated {
            // The row of a table represents the run; the log is its curve.
            if (stated / entry.record.loss_nats - 1.0).abs() > 5e-3 {
                let text = format!(
                    "its row in {table_path} says loss {stated:.4}, this log {:.4}; the row is taken",
                    entry.record.loss_nats
                );
                table.skipped.push(left_out(text.into()));
            }
            continue;
        }
        match run.schedule {
            ScheduleState::Constant => constant += 1,
            ScheduleState::Finished => decayed += 1,
            _ => {}
        }
        note(run, &entry.record, &entry.seen, table);
        assume(run, &entry, table);
        rules.push((entry.rule, path));
        table.runs.push(entry.record);
    }
    if constant > 0 && decayed > 0 {
        table.warnings.push(Warning::MixedSchedules { constant, decayed });
    }
    rules
}

/// What should be known about a run that is used.
fn note(run: &Settled, record: &RunRecord, seen: &TokensSeen, table: &mut RunTable) {
    let name = &record.run;
    let mut say = |note: String| table.notes.push(RunNote { run: name.clone(), note });
    run.notes.iter().chain(&run.sizes.notes).for_each(|note| say(note.clone()));
    seen.notes.iter().for_each(|note| say(note.clone()));
    if let Some(counted) = run.sizes.disputed {
        say(format!(
            "its config gives {} parameters, which is not the N it states",
            Params::new(counted)
        ));
    }
    // A first loss near ln V is that of a model that knows nothing yet; one near log2 V is in bits.
    let first =
        run.log.series(Metric::TrainLoss).first().filter(|b| b.first <= 2.0).and_then(|b| b.mean());
    if let (Some(first), Some(vocab)) = (first, run.log.count(Term::Vocab)) {
        let ratio = first / vocab.ln();
        if (1.38..1.52).contains(&ratio) {
            let key = run.log.key(Metric::TrainLoss);
            say(format!(
                "`{key}` begins at {first:.2}, near log2 of the vocabulary: it seems to be in bits; multiplying by 0.693147 in the column map (loss={key}*0.693147) turns it into nats"
            ));
        }
    }
}

/// What was taken for granted about a run, said once for the table.
fn assume(
    run: &Settled,
    Entry { record, rule, per_byte, seen, flops }: &Entry,
    table: &mut RunTable,
) {
    let mut say = |assumption: Assumption| {
        if !table.assumptions.contains(&assumption) {
            table.assumptions.push(assumption);
        }
    };
    let from = |quantity: Quantity, from: String| Assumption::Computed {
        quantity: quantity.noun().to_owned(),
        from,
    };
    let kind = match rule {
        ParamRule::All => Term::AllParams,
        ParamRule::NonEmbedding => Term::NonEmbeddingParams,
        ParamRule::Active => Term::ActiveParams,
    };
    let key = run.log.fact(kind).or_else(|| run.log.fact(Term::AllButPositions));
    let key = key.map(|(key, _)| key.to_owned());
    say(from(
        Quantity::Params,
        if run.sizes.counted {
            "the model's config".to_owned()
        } else {
            key.unwrap_or_else(|| "the map".to_owned())
        },
    ));
    say(from(Quantity::Tokens, seen.how.clone()));
    let metric = match record.loss_source {
        LossSource::Tail { .. } => Metric::TrainLoss,
        _ => Metric::EvalLoss,
    };
    let what = match record.loss_source {
        LossSource::Tail { .. } => "the mean over the end of",
        _ => "the last",
    };
    say(from(Quantity::Loss, format!("{what} {}", run.log.key(metric))));
    match flops {
        FlopsFrom::Log => {}
        FlopsFrom::Visited => {
            let rule = "6 N D of the parameters a token visits";
            say(from(Quantity::Flops, rule.to_owned()));
        }
        FlopsFrom::SixNd => say(Assumption::FlopsFromSixNd),
    }
    if *rule == ParamRule::All {
        say(Assumption::AllParameters);
    }
    say(if *per_byte { Assumption::NatsPerByte } else { Assumption::NatsPerToken });
}
