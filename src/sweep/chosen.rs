//! A sweep file of runs that were chosen one by one, each by its N and D.

use std::path::Path;

use toml::{Table, Value};

use super::design::SweepConfig;
use crate::error::{Result, SweepError};
use crate::flops::Shape;
use crate::units::{Flops, ParamRule, Params, Tokens};

/// A shape may be off the size asked for by this factor.
const OFF: f64 = 1.08;
/// Most layers and largest width that are tried.
const MOST: (u32, u32) = (48, 4096);

/// A run to train.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChosenRun {
    /// N, by the rule of the law that chose it.
    pub n: Params,
    /// D.
    pub d: Tokens,
}

/// The sweep file whose corpus, recipe and execution others take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseSweep<'a> {
    /// Its text.
    pub text: &'a str,
    /// What it is called, for messages.
    pub path: &'a str,
    /// Its folder, where the new file goes to another: paths start from the folder of their file.
    pub moved_from: Option<&'a Path>,
}

/// The text of a sweep file that trains `runs`, with the corpus, recipe and execution of another.
///
/// Shapes are found from N: SwiGLU, tied embeddings, the usual proportions of width and layers, within 8 %.
/// Where N counts all parameters, runs that cost the same share one budget.
///
/// - `name`: of the sweep; its runs go to a folder of that name.
/// - `count`: what N counts.
/// - `base`: the sweep file whose corpus and recipe they take; the defaults of sweep files where absent.
/// - `about`: lines of comment for its head.
///
/// # Errors
/// [`SweepError::File`] for a base that does not parse, [`SweepError::Field`] for runs outside the range
/// of the bundled trainer and sizes that no shape has.
///
/// ```
/// use isoloss::sweep::{ChosenRun, SweepConfig, chosen_sweep};
/// use isoloss::units::{ParamRule, Params, Tokens};
///
/// let run = ChosenRun { n: Params::new(100e3), d: Tokens::new(2e6) };
/// let text = chosen_sweep("one-more", &[run], ParamRule::All, None, &[])?;
/// let sweep = SweepConfig::parse(&text, "one-more.toml")?;
/// let size = sweep.runs()[0].shape.params().all.get();
/// assert!((size / 100e3 - 1.0).abs() < 0.08);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn chosen_sweep(
    name: &str,
    runs: &[ChosenRun],
    count: ParamRule,
    base: Option<BaseSweep<'_>>,
    about: &[String],
) -> Result<String> {
    let bad = |field, found: String, expected| Err(SweepError::Field { field, found, expected });
    let mut file = match base {
        Some(BaseSweep { text, path, .. }) => {
            SweepConfig::parse(text, path)?;
            text.parse::<Table>().map_err(|e| SweepError::File {
                path: path.to_owned(),
                reason: e.to_string().trim_end().to_owned(),
            })?
        }
        None => Table::new(),
    };
    // Which runs there are, how often, and where they went. A recipe that was tuned is tuned again.
    let is_design =
        |value: &Value| matches!(value, Value::Array(items) if items.iter().any(Value::is_table));
    let other = ["out", "seeds", "repeats"];
    file.retain(|key, value| !is_design(value) && !other.contains(&key));
    file.insert("name".to_owned(), name.into());
    file.insert("repeats".to_owned(), 1.into());
    if let Some(folder) = base.and_then(|base| base.moved_from) {
        place_corpus(&mut file, folder);
    }
    let vocab = vocab_of(&file)?;
    let mut cells: Vec<(String, Vec<Shape>)> = Vec::new();
    for run in runs {
        let Some(shape) = shape_near(run.n, count, vocab) else {
            let expected = "a size that some shape has within 8 %, up to 48 layers of width 4096";
            return bad("shapes", format!("{} parameters", run.n), expected).map_err(Into::into);
        };
        let n = match count {
            ParamRule::All => run.n,
            ParamRule::NonEmbedding | ParamRule::Active => shape.params().active,
        };
        let flops = format!("{:.4e}", 6.0 * n.get() * run.d.get());
        match cells.iter_mut().find(|(c, _)| *c == flops) {
            Some((_, shapes)) => shapes.push(shape),
            None => cells.push((flops, vec![shape])),
        }
    }
    let mut text: String = about.iter().map(|line| format!("# {line}\n")).collect();
    let rest = toml::to_string(&file)
        .map_err(|e| SweepError::File { path: name.to_owned(), reason: e.to_string() })?;
    text.push_str(&rest);
    for (flops, mut shapes) in cells {
        shapes.sort_by_key(|s| (s.d_model, s.layers));
        shapes.dedup();
        let shapes: Vec<String> =
            shapes.iter().map(|s| format!("[{}, {}, {}]", s.layers, s.d_model, s.heads)).collect();
        let shapes = shapes.join(", ");
        text.push_str(&format!("\n[[cell]]\nflops = {flops}\nshapes = [{shapes}]\n"));
    }
    SweepConfig::parse(&text, name)?;
    Ok(text)
}

/// Makes the path of a corpus one that does not depend on where the file lies.
fn place_corpus(file: &mut Table, folder: &Path) {
    let placed = |path: &str| {
        let path = folder.join(path);
        std::path::absolute(&path).unwrap_or(path).display().to_string()
    };
    match file.get_mut("corpus") {
        Some(Value::String(path)) => *path = placed(path),
        Some(Value::Table(corpus)) => {
            if let Some(Value::String(path)) = corpus.get_mut("path") {
                *path = placed(path);
            }
        }
        _ => {}
    }
}

/// The vocabulary of the corpus of a file.
fn vocab_of(file: &Table) -> Result<u32> {
    // A design of any kind, so that the rest of the file is read as it will be.
    let mut whole = file.clone();
    let cell = "flops = 1e9\nshapes = [[2, 32, 2]]".parse::<Table>().unwrap_or_default();
    whole.insert("cell".to_owned(), Value::Array(vec![cell.into()]));
    let text = toml::to_string(&whole)
        .map_err(|e| SweepError::File { path: "sweep".to_owned(), reason: e.to_string() })?;
    Ok(SweepConfig::parse(&text, "sweep")?.corpus.vocab()?)
}

/// The shape of the usual proportions nearest to a size; `None` where none is within 8 %.
fn shape_near(n: Params, count: ParamRule, vocab: u32) -> Option<Shape> {
    let target = n.get();
    // From tiny models, a few dozen wide a layer, to those of billions.
    let aspect = (24.0 * (target / 1e6).powf(0.2)).clamp(12.0, 128.0);
    let of = |shape: &Shape| {
        let params = shape.params();
        match count {
            ParamRule::All => params.all,
            ParamRule::NonEmbedding => params.non_embedding,
            ParamRule::Active => params.active,
        }
    };
    // Heads split the width and change no count; N rises with the width.
    let size = |l: u32, eights: u32| of(&Shape::swiglu(l, 8 * eights, 1, vocab)).get();
    let scored = (1..=MOST.0).flat_map(|l| {
        let (mut below, mut above) = (1, MOST.1 / 8);
        while above - below > 1 {
            let middle = below.midpoint(above);
            if size(l, middle) < target { below = middle } else { above = middle }
        }
        [below, above].map(|eights| {
            let off = (size(l, eights) / target).ln().abs();
            let odd = (f64::from(8 * eights) / f64::from(l) / aspect).ln().abs();
            (off, 30.0 * off + odd, l, 8 * eights)
        })
    });
    let near = scored.filter(|(off, ..)| *off <= OFF.ln());
    let best = near.min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(.., l, d)| Shape::swiglu(l, d, heads(d), vocab))
}

/// Heads of about 32 to 64, which divide the width into an even number each.
fn heads(d_model: u32) -> u32 {
    let wanted = if d_model < 512 { 32.0 } else { 64.0 };
    (1..=d_model / 2)
        .filter(|h| d_model.is_multiple_of(2 * h))
        .min_by(|a, b| {
            let off = |h: &u32| (f64::from(d_model / h) / wanted).ln().abs();
            off(a).total_cmp(&off(b))
        })
        .unwrap_or(1)
}

impl ChosenRun {
    /// Its training FLOPs, 6 N D.
    #[must_use]
    pub fn flops(&self) -> Flops {
        Flops::new(6.0 * self.n.get() * self.d.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "name = \"old\"\nout = \"../runs/old\"\nseeds = [3]\n[corpus.synthetic]\nkind = \"chain\"\nvocab = 128\n\
                        branching = 4\n[recipe]\nschedule = \"wsd\"\nwarmup_steps = 9\n\
                        [[ladder]]\nshapes = [[2, 32, 1]]\ntokens = [1e5, 2e5]\n";

    #[test]
    fn runs_take_corpus_and_recipe_of_another_sweep_and_none_of_its_runs() {
        let run = |n: f64| ChosenRun { n: Params::new(n), d: Tokens::new(1e12 / 6.0 / n) };
        let runs = [run(5e4), run(1e5), run(2e5)];
        let base = BaseSweep { text: BASE, path: "old.toml", moved_from: None };
        let about = ["why".to_owned()];
        let text = chosen_sweep("new", &runs, ParamRule::All, Some(base), &about).expect("a file");
        assert!(text.starts_with("# why\n"), "{text}");
        let sweep = SweepConfig::parse(&text, "new.toml").expect("valid");
        assert_eq!((sweep.name.as_str(), sweep.cell.len()), ("new", 1), "{text}");
        assert!(sweep.ladder.is_empty() && sweep.out.is_none());
        let sizes: Vec<f64> = sweep.runs().iter().map(|r| r.shape.params().all.get()).collect();
        for (size, run) in sizes.iter().zip(&runs) {
            assert!((size / run.n.get()).ln().abs() < OFF.ln(), "{size} {run:?}");
        }
    }

    #[test]
    fn a_corpus_is_found_from_another_folder() {
        let run = ChosenRun { n: Params::new(1e5), d: Tokens::new(1e6) };
        let design = "\n[[cell]]\nflops = 1e9\nshapes = [[2, 32, 1]]\n";
        for corpus in ["corpus = \"text\"", "[corpus]\npath = \"text\"\nunique_tokens = 1e6"] {
            let text = format!("name = \"old\"\n{corpus}{design}");
            let of = |moved_from| {
                let base = BaseSweep { text: &text, path: "old.toml", moved_from };
                let text = chosen_sweep("new", &[run], ParamRule::All, Some(base), &[]);
                let sweep = SweepConfig::parse(&text.expect("a file"), "new.toml").expect("valid");
                sweep.corpus.path.expect("a path")
            };
            assert_eq!(of(None), Path::new("text"));
            assert_eq!(of(Some(Path::new("/elsewhere"))), Path::new("/elsewhere/text"));
        }
    }

    #[test]
    fn sizes_and_budgets_beyond_the_trainer_are_refused() {
        for (n, d, named) in [(1e12, 1e6, "shapes"), (1e9, 1e12, "flops")] {
            let run = ChosenRun { n: Params::new(n), d: Tokens::new(d) };
            let error = chosen_sweep("x", &[run], ParamRule::All, None, &[]).expect_err(named);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
