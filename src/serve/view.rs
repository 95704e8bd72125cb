//! Everything the page shows for one address: the answer, its doubts, its charts and its command.

use std::collections::BTreeMap;

use serde::Serialize;

use super::address::{Asked, Dropped};
use super::chart::Chart;
use super::curves::{Depth, charts};
use super::fields::field;
use super::shelf::{LoadedFit, Shelf};
use crate::error::{Result, Severity, Warning};
use crate::plan::Recommendation;
use crate::report::{Detail, Screen, Table, dollars, plan_tables};
use crate::study::{AskedLaw, LawPlans, PlanAnswer, PlanRequest};
use crate::units::Flops;

/// The commands that answer the same question, from the fields of an address and the fits it names.
pub type CommandLine = fn(&[(&'static str, String)], &[LoadedFit]) -> Vec<String>;

/// A field as it was understood.
#[derive(Clone, Debug, Serialize)]
struct Understood {
    text: String,
    /// The nearest stop of its slider.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<usize>,
}

/// One number of the answer.
#[derive(Clone, Debug, Serialize)]
struct Fact {
    label: &'static str,
    value: String,
    /// `95 %: 90B to 110B`; empty where nothing is uncertain.
    interval: String,
}

/// The answer, before everything else.
#[derive(Clone, Debug, Serialize)]
struct Card {
    headline: String,
    under: String,
    facts: Vec<Fact>,
    /// Sentences with a word of what they say before each.
    says: Vec<(String, String)>,
}

/// A warning with its weight.
#[derive(Clone, Debug, Serialize)]
struct Doubt {
    code: &'static str,
    weight: &'static str,
    message: String,
}

/// A table of texts.
#[derive(Clone, Debug, Serialize)]
struct Sheet {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl From<Table> for Sheet {
    fn from(table: Table) -> Self {
        Self { title: table.title, columns: table.columns, rows: table.rows }
    }
}

/// What the page shows.
#[derive(Clone, Debug, Serialize)]
pub(super) struct View {
    /// The address of what was understood.
    address: String,
    mode: &'static str,
    dropped: Vec<Dropped>,
    fields: BTreeMap<&'static str, Understood>,
    laws: Vec<String>,
    command: Vec<String>,
    /// The question as the study room takes it.
    request: PlanRequest,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
}

#[derive(Clone, Debug, Serialize)]
struct Answer {
    card: Card,
    warnings: Vec<Doubt>,
    tables: Vec<Sheet>,
    charts: Vec<Chart>,
}

/// The view of an address.
pub(super) fn view(address: &str, shelf: &Shelf, command: CommandLine, depth: Depth) -> View {
    let asked = Asked::read(address, shelf);
    let (problem, answer) = match answered(&asked, shelf, depth) {
        Ok(answer) => (None, Some(answer)),
        Err(error) => (Some(error.to_string()), None),
    };
    let loaded: Vec<LoadedFit> = asked.laws.iter().filter_map(|law| shelf.get(law)).collect();
    let fields = asked.texts.iter().map(|(id, text)| {
        let stop = field(id).and_then(|field| field.stop_of(text));
        (*id, Understood { text: text.clone(), stop })
    });
    View {
        address: asked.address(),
        mode: asked.mode,
        fields: fields.collect(),
        command: command(&asked.pairs(), &loaded),
        request: asked.request,
        laws: asked.laws,
        dropped: asked.dropped,
        problem,
        answer,
    }
}

/// The rows of one chart of an address.
///
/// # Errors
/// As for the question; `Ok(None)` where there is no chart of that name.
pub(super) fn rows(address: &str, chart: &str, shelf: &Shelf) -> Result<Option<String>> {
    let asked = Asked::read(address, shelf);
    let laws = shelf.ask(&asked.request.law)?;
    let answer = asked.request.answer_under(&laws)?;
    let found = charts(&laws, &answer, Depth::Full)?.into_iter().find(|c| c.id == chart);
    Ok(found.map(|chart| chart.csv))
}

fn answered(asked: &Asked, shelf: &Shelf, depth: Depth) -> Result<Answer> {
    let laws = shelf.ask(&asked.request.law)?;
    let draws = if depth == Depth::Full { asked.request.draws } else { 0 };
    let answer = PlanRequest { draws, ..asked.request.clone() }.answer_under(&laws)?;
    Ok(Answer {
        card: card(&laws, &answer, depth),
        warnings: doubts(&answer.warnings),
        tables: tables(&answer),
        charts: charts(&laws, &answer, depth)?,
    })
}

fn card(laws: &[AskedLaw], answer: &PlanAnswer, depth: Depth) -> Card {
    let best = &answer.laws[0].recommended;
    let plan = &best.plan;
    let level = laws.first().map_or(0.95, |law| law.ensemble.level);
    let certain = best.intervals.is_empty() && depth == Depth::Full;
    let fact = |label, value: String, name: &str, show: &dyn Fn(f64) -> String| {
        let ends = best.intervals.get(name).map(|i| (show(i.lo), show(i.hi)));
        let interval = match ends {
            Some((lo, hi)) if lo != hi => format!("{:.0} %: {lo} to {hi}", 100.0 * level),
            // Given, or pressed against a limit.
            Some(_) => "the same in every draw".to_owned(),
            None if depth == Depth::Middle => "…".to_owned(),
            None => String::new(),
        };
        Fact { label, value, interval }
    };
    let count = |x: f64| crate::units::Params::new(x).to_string();
    let mut facts = vec![
        fact("Parameters N", plan.n.to_string(), "params", &count),
        fact("Tokens D", plan.d.to_string(), "tokens", &count),
        fact("Loss", format!("{:.4}", plan.loss_nats), "loss", &|x| format!("{x:.4}")),
    ];
    facts.push(cost_fact(best, &fact));
    // One line per label, however long.
    let wide = Screen { width: usize::MAX, color: false };
    let says = answer.advice().render(wide);
    let says = says.lines().filter_map(|line| line.split_once(' '));
    let says = says.map(|(label, text)| (label.to_owned(), text.trim().to_owned())).collect();
    Card {
        headline: format!("Train {} parameters on {} tokens", plan.n, plan.d),
        under: match (laws.len(), certain) {
            (1, true) => format!("under {}; nothing in it has draws, so no intervals", best.law),
            (1, false) => format!("under {}", best.law),
            (more, _) => format!("under {}, the first of {more} laws", best.law),
        },
        facts,
        says,
    }
}

type ShowFact<'a> = dyn Fn(&'static str, String, &str, &dyn Fn(f64) -> String) -> Fact + 'a;

/// Money where it is counted, compute elsewhere.
fn cost_fact(best: &Recommendation, fact: &ShowFact<'_>) -> Fact {
    let flops = |x: f64| Flops::new(x).to_string();
    match (best.costs.total_usd, best.costs.serve_usd, best.costs.train_usd) {
        (Some(total), Some(_), _) => {
            fact("Training and serving", dollars(total), "total_usd", &dollars)
        }
        (_, _, Some(train)) => fact("Training", dollars(train), "train_usd", &dollars),
        _ => fact("Training FLOPs", flops(best.plan.train_flops.get()), "train_flops", &flops),
    }
}

/// Warnings by weight, each once.
fn doubts(warnings: &[Warning]) -> Vec<Doubt> {
    let mut sorted: Vec<&Warning> = warnings.iter().collect();
    sorted.sort_by_key(|warning| warning.severity());
    let mut doubts: Vec<Doubt> = Vec::new();
    for warning in sorted {
        let message = warning.to_string();
        if doubts.iter().any(|known| known.message == message) {
            continue;
        }
        let weight = match warning.severity() {
            Severity::Wrong => "serious",
            Severity::Doubtful => "caution",
            Severity::Imprecise => "imprecise",
            Severity::Note => "note",
        };
        doubts.push(Doubt { code: warning.code(), weight, message });
    }
    doubts
}

fn tables(answer: &PlanAnswer) -> Vec<Sheet> {
    let of = |law: &LawPlans| plan_tables(&law.rows, Detail::Short);
    answer.laws.iter().flat_map(of).map(Sheet::from).collect()
}
