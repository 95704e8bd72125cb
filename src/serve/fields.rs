//! What can be asked on the page: one line per field, with its text, its stops and where it goes.
//!
//! A field is called as the command line calls it, and takes the same text.

use crate::cost::{Goodput, Uncertain, devices, parse_token_range};
use crate::error::{CostError, Result, UnitsError};
use crate::study::PlanRequest;
use crate::units::{Flops, Params, Tokens, parse_bytes, parse_days_s, parse_usd};

/// Most draws that an address may ask for.
const MOST_DRAWS: usize = 100_000;
/// Where one trains when money or machines are given and no device is.
pub(super) const USUAL_DEVICE: &str = "H100 SXM 80GB";
/// How long, when machines are given and no time is.
pub(super) const USUAL_DAYS: &str = "30";

/// Reads a text into the request; the number it stands for, by which a slider finds its place.
type Set = fn(&mut PlanRequest, &str) -> Result<f64>;

/// How a field is shown.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A text and a slider over these stops.
    Number(fn() -> Vec<String>),
    /// One of some values.
    Choice(fn() -> Vec<(String, String)>),
    /// In the address alone.
    Hidden,
}

/// One field.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) id: &'static str,
    pub(super) label: &'static str,
    /// What is counted, after the text.
    pub(super) unit: &'static str,
    /// What an empty field means; `None` where it cannot be empty.
    pub(super) empty: Option<&'static str>,
    pub(super) kind: Kind,
    /// The field without which it says nothing.
    pub(super) needs: Option<&'static str>,
    pub(super) set: Set,
}

/// One way to say how much, of which a question has one: name, label, fields that are its own.
pub(super) struct Mode {
    pub(super) id: &'static str,
    pub(super) label: &'static str,
    pub(super) fields: &'static [&'static str],
}

/// Budgets and targets, the first that an address names counts.
pub(super) const MODES: [Mode; 5] = [
    Mode { id: "flops", label: "Budget in training FLOPs", fields: &["flops"] },
    Mode { id: "usd", label: "Budget in dollars", fields: &["usd"] },
    Mode { id: "gpus", label: "Budget in devices × days", fields: &["gpus", "days"] },
    Mode { id: "quality-of", label: "Target: quality of a size", fields: &["quality-of"] },
    Mode { id: "loss", label: "Target: a loss", fields: &["loss"] },
];

/// Every field, in the order of the page and of the address.
pub(super) const FIELDS: [Field; 24] = [
    Field {
        id: "flops",
        label: "Training compute",
        unit: "FLOPs",
        empty: None,
        kind: Kind::Number(|| powers(12, 28)),
        needs: None,
        set: |to, text| put(text.parse().map(Flops::get)?, |x| to.flops = Some(Flops::new(x))),
    },
    Field {
        id: "usd",
        label: "Money for training",
        unit: "US dollars",
        empty: None,
        kind: Kind::Number(|| counts(3, 10)),
        needs: None,
        set: |to, text| put(parse_usd(text)?, |x| to.usd = Some(x)),
    },
    Field {
        id: "gpus",
        label: "Devices",
        unit: "devices",
        empty: None,
        kind: Kind::Number(|| {
            list("1 2 4 8 16 32 64 128 256 512 1024 2048 4096 8192 16384 32768 65536 131072")
        }),
        needs: None,
        set: |to, text| put(number(text)?, |x| to.gpus = Some(x)),
    },
    Field {
        id: "days",
        label: "Time",
        unit: "days",
        empty: None,
        kind: Kind::Number(|| list("1 2 3 5 7 10 14 21 30 45 60 75 90 120 150 180 270 365")),
        needs: Some("gpus"),
        set: |to, text| put(parse_days_s(text)?, |x| to.duration_s = Some(x)),
    },
    Field {
        id: "quality-of",
        label: "As good as a compute-optimal model of",
        unit: "parameters",
        empty: None,
        kind: Kind::Number(|| counts(4, 13)),
        needs: None,
        set: |to, text| {
            put(text.parse().map(Params::get)?, |x| to.quality_of = Some(Params::new(x)))
        },
    },
    Field {
        id: "loss",
        label: "Loss",
        unit: "nats per token",
        empty: None,
        kind: Kind::Number(|| (10..=80).map(|i| format!("{:.2}", 0.05 * f64::from(i))).collect()),
        needs: None,
        set: |to, text| put(number(text)?, |x| to.loss = Some(x)),
    },
    Field {
        id: "device",
        label: "Train on",
        unit: "",
        empty: Some("no device: count FLOPs"),
        kind: Kind::Choice(trainers),
        needs: None,
        set: |to, text| named(text, &mut to.device),
    },
    Field {
        id: "mfu",
        label: "Utilisation (MFU)",
        unit: "of the dense BF16 peak",
        empty: Some("published"),
        kind: Kind::Number(|| (2..=14).map(|i| format!("{:.2}", 0.05 * f64::from(i))).collect()),
        needs: Some("device"),
        set: |to, text| {
            let share: Goodput = text.parse()?;
            put(share.range()?.mid, |_| to.scenario.mfu = Some(share))
        },
    },
    Field {
        id: "usd-per-hour",
        label: "Price of a device-hour",
        unit: "US dollars",
        empty: Some("on record"),
        kind: Kind::Number(|| {
            list("0.5 0.75 1 1.25 1.5 1.75 2 2.25 2.5 2.75 3 3.5 4 4.5 5 6 7 8 10 12 15 20")
        }),
        needs: Some("device"),
        set: |to, text| range(text, &mut to.scenario.usd_per_hour),
    },
    Field {
        id: "serve-tokens",
        label: "Tokens served in its life",
        unit: "tokens",
        empty: Some("none"),
        kind: Kind::Number(|| counts(9, 15)),
        needs: None,
        set: |to, text| {
            let range = parse_token_range(text)?;
            put(range.mid, |_| to.scenario.serve_tokens = Some(range))
        },
    },
    Field {
        id: "prompt",
        label: "Tokens read per request",
        unit: "tokens",
        empty: Some("1000"),
        kind: Kind::Hidden,
        needs: None,
        set: |to, text| put(number(text)?, |x| to.scenario.prompt = x),
    },
    Field {
        id: "answer",
        label: "Tokens written per request",
        unit: "tokens",
        empty: Some("300"),
        kind: Kind::Hidden,
        needs: None,
        set: |to, text| put(number(text)?, |x| to.scenario.answer = x),
    },
    Field {
        id: "serve-device",
        label: "Serve on",
        unit: "",
        empty: Some("no device: count FLOPs"),
        kind: Kind::Choice(servers),
        needs: Some("serve-tokens"),
        set: |to, text| named(text, &mut to.scenario.serve_device),
    },
    Field {
        id: "serve-gpus",
        label: "Devices per copy",
        unit: "devices",
        empty: Some("1"),
        kind: Kind::Number(|| list("1 2 4 8 16 32 64")),
        needs: Some("serve-device"),
        set: |to, text| put(number(text)?, |x| to.scenario.serve_gpus = x),
    },
    Field {
        id: "serve-usd-per-hour",
        label: "Price of a serving device-hour",
        unit: "US dollars",
        empty: Some("on record"),
        kind: Kind::Number(|| {
            list("0.5 0.75 1 1.25 1.5 1.75 2 2.25 2.5 2.75 3 3.5 4 4.5 5 6 7 8 10 12 15 20")
        }),
        needs: Some("serve-device"),
        set: |to, text| range(text, &mut to.scenario.serve_usd_per_hour),
    },
    Field {
        id: "serve-bits",
        label: "Bits per weight in serving",
        unit: "bits",
        empty: Some("16"),
        kind: Kind::Choice(|| choices(&["8", "4"])),
        needs: Some("serve-device"),
        set: |to, text| put(number(text)?, |x| to.scenario.serve_bits = x),
    },
    Field {
        id: "unique-tokens",
        label: "Unique training tokens there are",
        unit: "tokens",
        empty: Some("no limit"),
        kind: Kind::Number(|| counts(6, 14)),
        needs: None,
        set: |to, text| {
            let tokens: Tokens = text.parse()?;
            put(tokens.get(), |_| to.scenario.unique_tokens = Some(tokens))
        },
    },
    Field {
        id: "max-epochs",
        label: "Most times they are shown",
        unit: "epochs",
        empty: Some("no limit"),
        kind: Kind::Hidden,
        needs: Some("unique-tokens"),
        set: |to, text| put(number(text)?, |x| to.scenario.max_epochs = Some(x)),
    },
    Field {
        id: "memory",
        label: "Memory the weights must fit",
        unit: "",
        empty: Some("no limit"),
        kind: Kind::Number(|| {
            let sizes = "8 12 16 24 32 40 48 64 80 96 141 192 256 320 512 640 1128 1536 2304 4608";
            sizes.split(' ').map(|gb| format!("{gb}GB")).collect()
        }),
        needs: None,
        set: |to, text| put(parse_bytes(text)?, |x| to.scenario.memory_bytes = Some(x)),
    },
    Field {
        id: "weight-bits",
        label: "Bits per weight in that memory",
        unit: "bits",
        empty: Some("16"),
        kind: Kind::Choice(|| choices(&["8", "4"])),
        needs: Some("memory"),
        set: |to, text| put(number(text)?, |x| to.scenario.weight_bits = x),
    },
    Field {
        id: "context",
        label: "Tokens of cache in that memory",
        unit: "tokens",
        empty: Some("0"),
        kind: Kind::Hidden,
        needs: Some("memory"),
        set: |to, text| put(number(text)?, |x| to.scenario.context = x),
    },
    Field {
        id: "max-params",
        label: "Most parameters",
        unit: "parameters",
        empty: Some("no limit"),
        kind: Kind::Hidden,
        needs: None,
        set: |to, text| {
            let most: Params = text.parse()?;
            put(most.get(), |_| to.scenario.max_params = Some(most))
        },
    },
    Field {
        id: "draws",
        label: "Draws behind the intervals",
        unit: "draws",
        empty: Some("4000"),
        kind: Kind::Hidden,
        needs: None,
        set: |to, text| {
            let draws: usize = text.parse().map_err(|_| not_a_number(text))?;
            if draws > MOST_DRAWS {
                let (field, expected) = ("draws", "at most 100000");
                return Err(CostError::Field { field, found: draws as f64, expected }.into());
            }
            put(draws as f64, |_| to.draws = draws)
        },
    },
    Field {
        id: "seed",
        label: "Seed of the draws",
        unit: "",
        empty: Some("0"),
        kind: Kind::Hidden,
        needs: None,
        set: |to, text| {
            let seed: u64 = text.parse().map_err(|_| not_a_number(text))?;
            put(seed as f64, |_| to.seed = seed)
        },
    },
];

/// The field of a name.
pub(super) fn field(id: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.id == id)
}

impl Field {
    /// Every stop of its slider; empty where it has none.
    pub(super) fn stops(&self) -> Vec<String> {
        match self.kind {
            Kind::Number(stops) => stops(),
            _ => Vec::new(),
        }
    }

    /// The stop nearest to a text in ratio.
    pub(super) fn stop_of(&self, text: &str) -> Option<usize> {
        let value = |text: &str| (self.set)(&mut PlanRequest::default(), text).ok();
        let at = value(text)?.ln();
        let far = |stop: &String| value(stop).map_or(f64::INFINITY, |x| (x.ln() - at).abs());
        let stops = self.stops();
        let nearest = stops.iter().enumerate().min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
        nearest.map(|(i, _)| i)
    }
}

fn put(x: f64, to: impl FnOnce(f64)) -> Result<f64> {
    to(x);
    Ok(x)
}

fn named(text: &str, to: &mut Option<String>) -> Result<f64> {
    crate::cost::device(text)?;
    *to = Some(text.to_owned());
    Ok(f64::NAN)
}

fn range(text: &str, to: &mut Option<Uncertain>) -> Result<f64> {
    let range: Uncertain = text.parse()?;
    *to = Some(range);
    Ok(range.mid)
}

fn not_a_number(text: &str) -> UnitsError {
    UnitsError::NotACount { text: text.to_owned(), noun: "a number" }
}

fn number(text: &str) -> Result<f64> {
    let x: f64 = text.trim().parse().map_err(|_| not_a_number(text))?;
    if x.is_finite() && x > 0.0 {
        return Ok(x);
    }
    Err(UnitsError::NotPositive { text: text.to_owned(), noun: "a number" }.into())
}

/// Ten steps of a decade that people say.
const STEPS: [f64; 10] = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];

/// `1e12`, `1.2e12` and so on.
fn powers(from: i32, to: i32) -> Vec<String> {
    let decade = |exp: i32| STEPS.map(|step| format!("{step}e{exp}"));
    (from..to).flat_map(decade).chain([format!("1e{to}")]).collect()
}

/// `1B`, `1.2B` and so on.
fn counts(from: u32, to: u32) -> Vec<String> {
    let text = |step: f64, exp: u32| {
        let (suffix, below) = match exp {
            0..=2 => ("", 0),
            3..=5 => ("k", 3),
            6..=8 => ("M", 6),
            9..=11 => ("B", 9),
            _ => ("T", 12),
        };
        // Rounded, since 1.2 times 10 is not 12 in binary.
        let scaled = (step * 10.0 * 10_f64.powi(exp as i32 - below)).round() / 10.0;
        format!("{scaled}{suffix}")
    };
    let decade = |exp: u32| STEPS.map(|step| text(step, exp));
    (from..to).flat_map(decade).chain([text(1.0, to)]).collect()
}

fn list(stops: &str) -> Vec<String> {
    stops.split(' ').map(str::to_owned).collect()
}

fn choices(values: &[&str]) -> Vec<(String, String)> {
    values.iter().map(|v| ((*v).to_owned(), (*v).to_owned())).collect()
}

/// Devices with a peak, on which a training can be timed.
fn trainers() -> Vec<(String, String)> {
    let all = devices().unwrap_or_default().iter().filter(|d| d.peak_flop_per_s().is_ok());
    all.map(|d| (d.name.clone(), d.name.clone())).collect()
}

/// Devices with a peak and a price, on which serving has a cost.
fn servers() -> Vec<(String, String)> {
    let all = devices().unwrap_or_default().iter();
    let all = all.filter(|d| d.peak_flop_per_s().is_ok() && d.latest_price().is_ok());
    all.map(|d| (d.name.clone(), d.name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stop_and_choice_is_read_and_stops_rise() {
        for field in &FIELDS {
            let set = |text: &str| (field.set)(&mut PlanRequest::default(), text);
            let values: Vec<f64> = field.stops().iter().map(|s| set(s).expect(s)).collect();
            assert!(values.windows(2).all(|w| w[0] < w[1]), "{}: {values:?}", field.id);
            for (i, stop) in field.stops().iter().enumerate() {
                assert_eq!(field.stop_of(stop), Some(i), "{}: {stop}", field.id);
            }
            if let Kind::Choice(choices) = field.kind {
                assert!(!choices().is_empty(), "{}", field.id);
                assert!(choices().iter().all(|(value, _)| set(value).is_ok()), "{}", field.id);
            }
        }
    }

    #[test]
    fn modes_name_fields_and_fields_need_earlier_ones() {
        for mode in &MODES {
            assert!(mode.fields.iter().all(|id| field(id).is_some()), "{}", mode.id);
        }
        for (i, needing) in FIELDS.iter().enumerate() {
            let Some(needed) = needing.needs else { continue };
            assert!(FIELDS[..i].iter().any(|f| f.id == needed), "{}", needing.id);
        }
    }
}
