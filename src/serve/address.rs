//! The question that an address holds: read field by field, so that one bad field costs that field alone.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fields::{FIELDS, Field, MODES, USUAL_DAYS, USUAL_DEVICE, field};
use super::shelf::Shelf;
use crate::study::PlanRequest;

/// Asked where an address names no law that is known.
const USUAL_LAW: &str = "besiroglu";
/// Asked where an address names neither a budget nor a target.
const USUAL_BUDGET: &str = "1e24";

/// A field of an address that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Dropped {
    /// The field as the address has it.
    pub(super) field: String,
    /// Its text.
    pub(super) text: String,
    /// Why it was left out.
    pub(super) why: String,
}

/// A question as an address holds it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Parts of the list of laws, each known.
    pub(super) laws: Vec<String>,
    /// Texts by field, each readable.
    pub(super) texts: BTreeMap<&'static str, String>,
    /// The budget or target.
    pub(super) mode: &'static str,
    /// What was left out.
    pub(super) dropped: Vec<Dropped>,
    /// The question; its `law` is the list of `laws`.
    pub(super) request: PlanRequest,
}

impl Asked {
    /// Reads `law=besiroglu&flops=1e24`; what cannot be read is left out and said.
    pub(super) fn read(address: &str, shelf: &Shelf) -> Self {
        let mut dropped = Vec::new();
        let mut given: BTreeMap<&'static str, String> = BTreeMap::new();
        let mut laws = Vec::new();
        for (name, text) in form_urlencoded::parse(address.as_bytes()) {
            let mut drop = |why: String| {
                let (field, text) = (shown(&name), shown(&text));
                dropped.push(Dropped { field, text, why });
            };
            let text = text.trim();
            match (name.as_ref(), field(&name)) {
                ("law", _) => {
                    for law in text.split(',').map(str::trim).filter(|law| !law.is_empty()) {
                        match shelf.ask(law) {
                            _ if laws.iter().any(|known| known == law) => {}
                            Ok(_) => laws.push(law.to_owned()),
                            Err(error) => drop(error.to_string()),
                        }
                    }
                }
                (_, None) => drop("there is no such field".to_owned()),
                (_, Some(_)) if text.is_empty() => {}
                (_, Some(field)) => match (field.set)(&mut PlanRequest::default(), text) {
                    Err(error) => drop(error.to_string()),
                    Ok(_) if given.contains_key(field.id) => drop("it is given twice".to_owned()),
                    Ok(_) => drop_nothing(given.insert(field.id, text.to_owned())),
                },
            }
        }
        if laws.is_empty() {
            laws.push(USUAL_LAW.to_owned());
        }
        let mode = one_mode(&mut given, &mut dropped);
        without_needed(&mut given, &mut dropped);
        let mut request = PlanRequest { law: laws.join(","), ..PlanRequest::default() };
        for field in FIELDS.iter() {
            if let Some(text) = given.get(field.id) {
                // Each was read before, alone.
                let _ = (field.set)(&mut request, text);
            }
        }
        Self { laws, texts: given, mode, dropped, request }
    }

    /// The address of what was understood, fields in their order.
    pub(super) fn address(&self) -> String {
        let mut to = form_urlencoded::Serializer::new(String::new());
        for (name, text) in self.pairs() {
            to.append_pair(name, &text);
        }
        // Commas, tildes and colons mean themselves in a fragment, and people read it.
        to.finish().replace("%2C", ",").replace("%7E", "~").replace("%3A", ":").replace("%3D", "=")
    }

    /// Fields and their texts in their order, the laws first.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let rest = FIELDS.iter().filter_map(|f| Some((f.id, self.texts.get(f.id)?.clone())));
        std::iter::once(("law", self.laws.join(","))).chain(rest).collect()
    }
}

fn drop_nothing<T>(_: Option<T>) {}

/// A text of an address as it is repeated: not longer than a line.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    match text.chars().count() > MOST {
        true => text.chars().take(MOST).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

/// Keeps the first budget or target; without one there is the usual budget. Money and machines need a
/// device, machines a time.
fn one_mode(
    given: &mut BTreeMap<&'static str, String>,
    dropped: &mut Vec<Dropped>,
) -> &'static str {
    let mode = MODES.iter().find(|mode| given.contains_key(mode.fields[0])).unwrap_or(&MODES[0]);
    for other in MODES.iter().filter(|other| other.id != mode.id) {
        for id in other.fields {
            if let Some(text) = given.remove(id) {
                let why = format!("a question has one budget or target, and {} is given", mode.id);
                dropped.push(Dropped { field: (*id).to_owned(), text, why });
            }
        }
    }
    let mut usual = |id: &'static str, text: &str| {
        given.entry(id).or_insert_with(|| text.to_owned());
    };
    match mode.id {
        "flops" => usual("flops", USUAL_BUDGET),
        "usd" => usual("device", USUAL_DEVICE),
        "gpus" => {
            usual("device", USUAL_DEVICE);
            usual("days", USUAL_DAYS);
        }
        _ => {}
    }
    mode.id
}

/// Leaves out fields whose other half is missing.
fn without_needed(given: &mut BTreeMap<&'static str, String>, dropped: &mut Vec<Dropped>) {
    let lacks = |field: &&Field, given: &BTreeMap<&'static str, String>| {
        field.needs.is_some_and(|needed| !given.contains_key(needed))
    };
    for field in &FIELDS {
        if lacks(&field, given)
            && let (Some(text), Some(needed)) = (given.remove(field.id), field.needs)
        {
            let why = format!("it says nothing without {needed}");
            dropped.push(Dropped { field: field.id.to_owned(), text, why });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Asked {
        Asked::read(address, &Shelf::default())
    }

    #[test]
    fn what_is_understood_reads_back_the_same() {
        let address = "law=besiroglu,hoffmann-a3-devries&usd=2M&device=H100+SXM&mfu=0.35\
                       &serve-tokens=1T..4T&memory=80GB&weight-bits=8";
        let asked = read(address);
        assert!(asked.dropped.is_empty(), "{:?}", asked.dropped);
        assert_eq!(asked.address(), address);
        assert_eq!((asked.mode, asked.request.usd), ("usd", Some(2e6)));
        assert_eq!(asked.request.scenario.memory_bytes, Some(80e9));
        assert_eq!(read(&asked.address()).request, asked.request);
    }

    #[test]
    fn a_bad_field_costs_that_field_alone_and_says_which() {
        let asked = read("law=besirolu,besiroglu&flops=1e24&memory=80&colour=red&days=3&flops=2");
        let dropped: Vec<&str> = asked.dropped.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(dropped, ["law", "memory", "colour", "flops", "days"]);
        assert!(asked.dropped[0].why.contains("did you mean"), "{:?}", asked.dropped[0]);
        assert_eq!(asked.address(), "law=besiroglu&flops=1e24");
    }

    #[test]
    fn garbage_asks_the_usual_question() {
        for address in ["", "%%%", "&&==", "\u{0}", "law=", "law=,,,&flops="] {
            assert_eq!(read(address).address(), "law=besiroglu&flops=1e24", "{address:?}");
        }
    }

    #[test]
    fn money_and_machines_bring_their_usual_device_and_time() {
        assert_eq!(read("gpus=64").address(), "law=besiroglu&gpus=64&days=30&device=H100+SXM+80GB");
        let two = read("flops=1e24&usd=1M");
        assert_eq!(two.dropped[0].field, "usd");
    }
}
