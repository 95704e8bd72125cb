//! The annotated templates of study, sweep and run files: each line does what its comment says, and no
//! field is missing.

use std::cell::Cell;
use std::collections::BTreeSet;

use isoloss::cost::{Latency, Requests};
use isoloss::fit::FitConfig;
use isoloss::flops::{Experts, Pattern};
use isoloss::study::{
    CurveSection, FitRequest, GainSection, NextRunsRequest, PlanSection, RecipeRequest,
    ScenarioRequest, ServingRequest, StudyConfig, TrainingRequest,
};
use isoloss::sweep::{
    Cell as BudgetCell, CorpusSpec, Execution, ExternalTrainer, Grid, Isoflop, Ladder, RunConfig,
    ShapeTable, SlurmSpec, SweepConfig, SyntheticSpec, TrainConfig, TuneConfig,
};
use serde::de::value::Error as ListError;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};

use super::cli::{isoloss, refusal};

/// A field of a template with what its comment says.
pub(crate) struct Field {
    /// Dotted name of its section; empty at the top.
    pub(crate) section: String,
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) meaning: String,
    pub(crate) range: String,
    /// `None` for a field that is required.
    pub(crate) default: Option<String>,
    line: usize,
}

struct Section {
    name: String,
    required: bool,
    line: usize,
}

/// The text of a template taken apart.
pub(crate) struct Template {
    kind: &'static str,
    lines: Vec<String>,
    pub(crate) fields: Vec<Field>,
    sections: Vec<Section>,
}

/// The part of a line that is TOML once it is set: neither a comment nor empty.
fn setting(line: &str) -> Option<&str> {
    let comment = line.is_empty() || line == "#" || line.starts_with("# ");
    (!comment).then(|| line.strip_prefix('#').unwrap_or(line))
}

/// Meaning, range and default of a comment; no default where the field is required.
fn said(comment: &str, key: &str) -> (String, String, Option<String>) {
    let (rest, default) = match comment.strip_suffix(" Required.") {
        Some(rest) => (rest, None),
        None => {
            let (rest, default) = comment.rsplit_once(" Default: ").unwrap_or_else(|| {
                panic!("`{key}` says neither its default nor that it is required: {comment}")
            });
            (rest, Some(default.strip_suffix('.').expect("a full stop").to_owned()))
        }
    };
    let (meaning, range) = rest.rsplit_once(" Range: ").unwrap_or((rest, ""));
    let range = range.trim_end_matches('.').to_owned();
    (meaning.trim_end_matches('.').to_owned(), range, default)
}

impl Template {
    pub(crate) fn of(kind: &'static str) -> Self {
        let text = match kind {
            "study" => StudyConfig::TEMPLATE.to_owned(),
            "sweep" => SweepConfig::template(),
            _ => RunConfig::TEMPLATE.to_owned(),
        };
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (mut fields, mut sections) = (Vec::<Field>::new(), Vec::<Section>::new());
        let (mut section, mut comment) = (String::new(), String::new());
        for (line, text) in lines.iter().enumerate() {
            let Some(setting) = setting(text) else {
                if text.is_empty() {
                    comment.clear();
                } else {
                    comment.push_str(text.trim_start_matches('#').trim_end());
                }
                continue;
            };
            let said_here = std::mem::take(&mut comment).trim().to_owned();
            if setting.starts_with('[') {
                section = setting.trim_matches(['[', ']']).to_owned();
                let known = sections.iter().any(|s| s.name == section);
                assert!(known || !said_here.is_empty(), "no comment for [{section}]");
                if !known {
                    let required = said_here.ends_with(" Required.");
                    sections.push(Section { name: section.clone(), required, line });
                }
                continue;
            }
            let (key, value) = setting.split_once(" = ").expect("KEY = VALUE");
            if said_here.is_empty() {
                // A further section of the same name, as an example.
                let known = fields.iter().any(|f| f.section == section && f.key == key);
                assert!(known, "no comment for {key} of [{section}]");
                continue;
            }
            let (meaning, range, default) = said(&said_here, key);
            let (key, value) = (key.to_owned(), value.to_owned());
            fields.push(Field {
                section: section.clone(),
                key,
                value,
                meaning,
                range,
                default,
                line,
            });
        }
        Self { kind, lines, fields, sections }
    }

    fn is_set(&self, line: usize) -> bool {
        !self.lines[line].starts_with('#')
    }

    /// The template with these lines set besides those that are.
    fn with(&self, more: &BTreeSet<usize>, without: Option<usize>) -> String {
        let kept = |(i, line): (usize, &String)| {
            let on = (self.is_set(i) || more.contains(&i)) && Some(i) != without;
            on.then(|| setting(line)).flatten().map(|text| format!("{text}\n"))
        };
        self.lines.iter().enumerate().filter_map(kept).collect()
    }

    /// Lines without which nothing in this section can be set: its head, its required fields, the
    /// sections it lies in and those it requires.
    fn frame(&self, section: &str) -> BTreeSet<usize> {
        let mut lines = BTreeSet::new();
        let inside = |name: &str, of: &str| name.starts_with(&format!("{of}."));
        for s in &self.sections {
            let around = s.name == section || inside(section, &s.name);
            if !around {
                continue;
            }
            for part in &self.sections {
                if part.name == s.name || (part.required && inside(&part.name, &s.name)) {
                    lines.insert(part.line);
                    let required = |f: &&Field| f.section == part.name && f.default.is_none();
                    lines.extend(self.fields.iter().filter(required).map(|f| f.line));
                }
            }
        }
        lines
    }

    /// What a text says, as text; the error if it is not of this kind.
    fn parsed(&self, text: &str) -> Result<String, String> {
        fn of<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Result<String, String> {
            toml::from_str::<T>(text).map(|t| format!("{t:?}")).map_err(|e| e.to_string())
        }
        match self.kind {
            "study" => of::<StudyConfig>(text),
            "sweep" => of::<SweepConfig>(text),
            _ => of::<RunConfig>(text),
        }
    }
}

const KINDS: [&str; 3] = ["study", "sweep", "run"];

#[test]
fn templates_parse_as_they_are_and_with_everything_set() {
    StudyConfig::parse(StudyConfig::TEMPLATE, "study.toml").expect("a study");
    SweepConfig::parse(&SweepConfig::template(), "sweep.toml").expect("a sweep");
    RunConfig::parse(RunConfig::TEMPLATE, "run.toml").expect("a run");
    for kind in KINDS {
        let template = Template::of(kind);
        let all = template.with(&(0..template.lines.len()).collect(), None);
        template.parsed(&all).unwrap_or_else(|e| panic!("{kind}: {e}"));
    }
}

#[test]
fn every_default_is_the_default_and_every_required_field_is_required() {
    for kind in KINDS {
        let template = Template::of(kind);
        for field in &template.fields {
            let name = format!("{kind}: [{}] {}", field.section, field.key);
            let frame = template.frame(&field.section);
            let base = template.with(&frame, None);
            let base = template.parsed(&base).unwrap_or_else(|e| panic!("{name}: {e}"));
            let mut set = frame.clone();
            set.insert(field.line);
            let without = template.parsed(&template.with(&frame, Some(field.line)));
            let with = template.parsed(&template.with(&set, None));
            let with = with.unwrap_or_else(|e| panic!("{name}: {e}"));
            match &field.default {
                None => assert!(without.is_err(), "{name} is not required"),
                Some(default) if *default == field.value => {
                    assert_eq!(with, base, "{name}: {default} is not the default");
                }
                Some(_) => assert_ne!(
                    with,
                    without.unwrap_or_else(|e| panic!("{name} has no default: {e}")),
                    "{name}: its value is the default, which the comment does not say"
                ),
            }
        }
    }
}

/// Takes down the fields that a struct asks for, and stops.
struct Listing(Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for &Listing {
    type Error = ListError;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, ListError> {
        Err(ListError::custom("no struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ListError> {
        self.0.set(fields);
        Err(ListError::custom("listed"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The fields that serde knows of a struct without flattened parts.
fn listed<T: for<'de> Deserialize<'de>>() -> Vec<String> {
    let list = Listing(Cell::new(&[]));
    assert!(T::deserialize(&list).is_err());
    assert!(!list.0.get().is_empty(), "{} lists no field", std::any::type_name::<T>());
    list.0.get().iter().map(|s| (*s).to_owned()).collect()
}

/// The fields that are written of a value.
fn written(value: &impl Serialize) -> Vec<String> {
    let value = serde_json::to_value(value).expect("JSON");
    value.as_object().expect("an object").keys().cloned().collect()
}

/// Every field of each section of a kind of file, from the structs.
fn known(kind: &str) -> Vec<(&'static str, Vec<String>)> {
    let shape = |at: &'static str, experts: &'static str| {
        [(at, listed::<ShapeTable>()), (experts, listed::<Experts>())]
    };
    let rest = || {
        [
            ("corpus", written(&CorpusSpec::default())),
            ("corpus.synthetic", listed::<SyntheticSpec>()),
            ("execution", listed::<Execution>()),
            ("recipe", listed::<TrainConfig>()),
        ]
    };
    let join = |mut a: Vec<String>, b: Vec<String>| {
        a.extend(b);
        a
    };
    match kind {
        "study" => {
            let plan: PlanSection = toml::from_str("title = 'a'").expect("a plan");
            vec![
                ("", listed::<StudyConfig>()),
                ("read", listed::<isoloss::data::ReadOptions>()),
                ("fit", join(listed::<FitConfig>(), written(&FitRequest::default()))),
                ("plan", join(listed::<ScenarioRequest>(), written(&plan))),
                ("plan.pattern", listed::<Pattern>()),
                ("plan.pattern.experts", listed::<Experts>()),
                ("curve", listed::<CurveSection>()),
                ("serving", listed::<ServingRequest>()),
                ("serving.request", listed::<Requests>()),
                ("serving.latency", listed::<Latency>()),
                ("serving.pattern", listed::<Pattern>()),
                ("serving.pattern.experts", listed::<Experts>()),
                ("recipe", listed::<RecipeRequest>()),
                ("recipe.training", listed::<TrainingRequest>()),
                ("recipe.pattern", listed::<Pattern>()),
                ("recipe.pattern.experts", listed::<Experts>()),
                ("gain", listed::<GainSection>()),
                ("next", listed::<NextRunsRequest>()),
            ]
        }
        "sweep" => {
            let own = [
                ("", listed::<SweepConfig>()),
                ("slurm", listed::<SlurmSpec>()),
                ("trainer", listed::<ExternalTrainer>()),
                ("isoflop", listed::<Isoflop>()),
                ("cell", listed::<BudgetCell>()),
                ("grid", listed::<Grid>()),
                ("tune", listed::<TuneConfig>()),
                ("ladder", listed::<Ladder>()),
            ];
            let shapes = shape("ladder.shapes", "ladder.shapes.experts");
            own.into_iter().chain(shapes).chain(rest()).collect()
        }
        _ => {
            let own = [("", listed::<RunConfig>())];
            own.into_iter().chain(shape("shape", "shape.experts")).chain(rest()).collect()
        }
    }
}

#[test]
fn every_field_that_a_file_may_have_is_in_its_template() {
    for kind in KINDS {
        let template = Template::of(kind);
        let mut sections: BTreeSet<&str> = template.sections.iter().map(|s| &*s.name).collect();
        sections.insert("");
        for (section, fields) in known(kind) {
            assert!(sections.remove(section), "{kind}: no section [{section}]");
            for field in fields {
                let dotted = format!("{section}.{field}");
                let dotted = dotted.trim_start_matches('.');
                let there = template.fields.iter().any(|f| f.section == section && f.key == field)
                    || template.sections.iter().any(|s| s.name == dotted);
                assert!(there, "{kind}: no line for `{dotted}`");
            }
        }
        assert!(sections.is_empty(), "{kind}: fields of {sections:?} are not compared");
    }
}

#[test]
fn init_writes_what_runs_and_replaces_no_file() {
    let home = tempfile::tempdir().expect("a folder");
    let done = isoloss(&["init", "study"], home.path());
    assert_eq!(String::from_utf8(done.stdout).expect("UTF-8"), StudyConfig::TEMPLATE);
    for (kind, next) in [("study", "study"), ("sweep", "sweep run"), ("run", "train")] {
        let done = isoloss(&["init", kind, "-o", "a.toml"], home.path());
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(
            done.status.success() && text.contains(&format!("isoloss {next} a.toml")),
            "{text}"
        );
        let file = home.path().join("a.toml");
        let written = std::fs::read_to_string(&file).expect("a file");
        let (code, error) = refusal(&["init", kind, "-o", "a.toml"], home.path());
        assert!(
            code == 2 && error.contains("a.toml") && error.contains("exists"),
            "{code}: {error}"
        );
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), written);
        std::fs::remove_file(file).expect("removed");
    }
    let (code, _) = refusal(&["init", "plan"], home.path());
    assert_eq!(code, 2);
}
