//! The external trainer: a program of the user's own, started for one run, its result read like any log.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::console::tail_of;
use super::external_spec::{ExternalTrainer, fill};
use super::folder::SweepFolder;
use super::machine::{end_group, killed_for_memory};
use super::paths::below;
use super::run::{EvalLog, RunSpec, RunStart, RunStatus, Seen, StepLog, TrainEvent, Trainer};
use super::unit::{Manifest, UnitLock};
use crate::data::{Given, LossSource, ReadOptions, RunRecord, survey};
use crate::error::{Error, Result, SweepError};
use crate::flops::FlopRule;
use crate::units::{Params, Tokens};

/// Between two looks at the program.
const LOOK: Duration = Duration::from_millis(50);

/// Between two looks at its result.
const READ_EVERY: Duration = Duration::from_secs(1);

/// How long it has to save and end once it was asked to.
const GRACE: Duration = Duration::from_secs(30);

/// How often it is started again when it was ended from outside.
const MOST_RETRIES: u32 = 2;

/// N and D of the result may differ from what was asked for by this share.
const AGREE: f64 = 0.01;

/// What programs say that had no memory left.
const NO_MEMORY: [&str; 5] =
    ["out of memory", "outofmemory", "memoryerror", "cannot allocate memory", "bad_alloc"];

/// A program of the user's own that trains one run at a time.
#[derive(Debug)]
pub struct External {
    spec: ExternalTrainer,
    /// Folder it is started in, absolute.
    home: PathBuf,
    folder: SweepFolder,
    console: PathBuf,
    threads: usize,
    /// Handed to the program, so that its unit stays taken while it is alive.
    lock: File,
    names: Vec<(String, String)>,
}

impl External {
    /// The program of a manifest.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder of the sweep cannot be found or the lock not be shared.
    pub fn new(
        folder: &SweepFolder,
        manifest: &Manifest,
        spec: ExternalTrainer,
        lock: &UnitLock,
    ) -> Result<Self> {
        let root = folder.root();
        let root = root.canonicalize().map_err(|e| Error::io(root, "reading", &e))?;
        let names = manifest.unit.runs.iter().map(|r| (r.stem.clone(), r.spec.id.clone()));
        Ok(Self {
            spec,
            home: manifest.home.clone(),
            folder: SweepFolder::new(root),
            console: folder.console(&manifest.unit.name),
            threads: manifest.execution.threads,
            lock: lock.for_program()?,
            names: names.collect(),
        })
    }

    /// What a placeholder stands for in a run, whose id is the name of its files here.
    fn value(&self, run: &RunSpec, name: &str) -> Option<String> {
        let (shape, recipe, steps) = (&run.shape, &run.recipe, whole_steps(run));
        let counted = shape.params();
        let whole = |x: f64| format!("{x:.0}");
        let tokens = (steps * recipe.tokens_per_step()) as f64;
        let peak = recipe.lr_for(shape.d_model);
        let known = self.names.iter().find(|(stem, _)| *stem == run.id);
        let schedule = serde_json::to_value(recipe.schedule).unwrap_or_default();
        Some(match name {
            "run" => known.map_or(run.id.clone(), |(_, id)| id.clone()),
            "folder" => self.folder.external(&run.id).display().to_string(),
            "n_params" => whole(counted.all.get()),
            "n_params_active" => whole(counted.active.get()),
            "n_params_non_embedding" => whole(counted.non_embedding.get()),
            "tokens" => whole(tokens),
            "steps" => steps.to_string(),
            "flops" => format!("{:e}", FlopRule::six_nd(counted.active, Tokens::new(tokens)).get()),
            "seed" => run.seed.to_string(),
            "lr" => peak.to_string(),
            "final_lr" => recipe.lr_at(peak, steps.saturating_sub(1), steps).to_string(),
            "warmup_steps" => recipe.warmup_of(steps).to_string(),
            "decay_steps" => (steps - recipe.steps_before_decay(steps).min(steps)).to_string(),
            "schedule" => schedule.as_str().unwrap_or_default().to_owned(),
            "weight_decay" => recipe.weight_decay.to_string(),
            "beta1" => recipe.beta1.to_string(),
            "beta2" => recipe.beta2.to_string(),
            "clip_norm" => recipe.clip_norm.to_string(),
            "batch_sequences" => recipe.sequences().to_string(),
            "batch_tokens" => recipe.tokens_per_step().to_string(),
            "context" => recipe.context.to_string(),
            "layers" => shape.layers.to_string(),
            "d_model" => shape.d_model.to_string(),
            "heads" => shape.heads.to_string(),
            "kv_heads" => shape.kv_heads.to_string(),
            "ffn" => shape.ffn.to_string(),
            "vocab" => shape.vocab.to_string(),
            _ => return None,
        })
    }

    fn start(&self, run: &RunSpec) -> Result<Child> {
        let words = self.spec.command.words().unwrap_or_default();
        let value = |name: &str| self.value(run, name);
        let words = words
            .iter()
            .map(|word| fill("trainer.command", word, &value))
            .collect::<Result<Vec<_>, _>>()?;
        let (program, arguments) = words.split_first().ok_or_else(|| SweepError::Trainer {
            what: "could not be started".to_owned(),
            said: "its command is empty".to_owned(),
        })?;
        let lock = self.lock.try_clone().map_err(|e| Error::io(&self.console, "sharing", &e))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.home).stdin(Stdio::from(lock));
        for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(name, self.threads.to_string());
        }
        // A group of its own: all that it starts can be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|e| {
            let what = format!("`{program}` could not be started in {}", self.home.display());
            SweepError::Trainer { what, said: e.to_string() }.into()
        })
    }

    /// Waits for the program; `None` when it was told to stop, and has.
    fn wait(
        &self,
        child: &mut Child,
        result: &Path,
        step_tokens: u64,
        on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
    ) -> Result<Option<ExitStatus>> {
        let group = child.id();
        let mut read = Instant::now();
        let mut seen = Seen { process_group: Some(group), ..Seen::default() };
        loop {
            let ended = child.try_wait().map_err(|e| Error::io(&self.home, "waiting in", &e))?;
            if ended.is_some() {
                return Ok(ended);
            }
            if read.elapsed() >= READ_EVERY {
                read = Instant::now();
                seen = Seen { process_group: Some(group), ..last_line(result, step_tokens) };
            }
            if on_event(&TrainEvent::Waiting(seen)).is_break() {
                end_group(group, false);
                let asked = Instant::now();
                while child.try_wait().is_ok_and(|ended| ended.is_none()) {
                    if asked.elapsed() > GRACE {
                        end_group(group, true);
                    }
                    std::thread::sleep(LOOK);
                }
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The error of a program that did not end well; `None` when it was ended from outside.
    fn failure(&self, status: ExitStatus, killed_before: Option<u64>) -> Option<Error> {
        let said = tail_of(&self.console, 5).unwrap_or_else(|| "nothing".to_owned());
        let last = said.to_lowercase();
        let no_memory = NO_MEMORY.iter().any(|words| last.contains(words));
        let what = match status.code() {
            Some(code) => format!("ended with code {code}"),
            None => {
                #[cfg(unix)]
                let signal = std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0);
                #[cfg(not(unix))]
                let signal = 0;
                let for_memory = signal == 9 && killed_for_memory() > killed_before;
                if for_memory {
                    let said = "the system ended it for lack of memory".to_owned();
                    return Some(SweepError::TrainerMemory { said }.into());
                }
                if [1, 2, 3, 9, 15].contains(&signal) {
                    return None;
                }
                format!("was ended by signal {signal}")
            }
        };
        Some(match no_memory {
            true => SweepError::TrainerMemory { said: format!("{what}: {said}") }.into(),
            false => SweepError::Trainer { what, said }.into(),
        })
    }
}

/// The run that a result holds; what it does not say is taken from what was asked.
fn result_of(path: &Path, run: &RunSpec) -> Result<RunRecord> {
    if !path.exists() {
        let what = format!("ended without a result at {}", path.display());
        return Err(SweepError::Trainer { what, said: "nothing".to_owned() }.into());
    }
    let asked = run.shape.params();
    let per_step = run.recipe.tokens_per_step();
    let facts = [
        format!("n_params={:.0}", asked.all.get()),
        format!("tokens_per_step={per_step}"),
        format!("tokens={}", whole_steps(run) * per_step),
    ];
    let mut first = None;
    for count in 0..=facts.len() {
        let given = facts[..count].iter().filter_map(|fact| fact.parse::<Given>().ok()).collect();
        let options = ReadOptions { given, ..ReadOptions::default() };
        let found = survey(&[path], &options, &|_, _| {});
        // A run too small to be plausible in a table is what was asked for here.
        let runs = found.as_ref().map_or(0, |f| f.table.runs.len().max(f.refused.len()));
        match (runs, found) {
            (1, Ok(mut found)) => {
                let run = found.table.runs.pop().or_else(|| found.refused.pop());
                if let Some(run) = run {
                    return Ok(run);
                }
            }
            (0, Ok(found)) => {
                let error = found.error.map(|error| error.to_string());
                first.get_or_insert(error.unwrap_or_else(|| "it holds no run".to_owned()));
            }
            (runs, Ok(_)) => {
                let what = format!("left {runs} runs in {}", path.display());
                let said = "expected one".to_owned();
                return Err(SweepError::Trainer { what, said }.into());
            }
            (_, Err(error)) => {
                first.get_or_insert(error.to_string());
            }
        }
    }
    let said = first.unwrap_or_default();
    Err(SweepError::Trainer { what: "left a result that cannot be read".to_owned(), said }.into())
}

/// Refuses a run of another size than was asked for.
fn check(record: &RunRecord, run: &RunSpec, tokens: f64) -> Result<()> {
    let asked = run.shape.params();
    let counts = [asked.all, asked.active, asked.non_embedding];
    let near = |found: f64, expected: f64| (found / expected - 1.0).abs() <= AGREE;
    // Results count N in one of these ways; the row has the count of what was asked.
    if !counts.iter().any(|n| near(record.n.get(), n.get())) {
        let (found, expected) = (record.n.to_string(), asked.all.to_string());
        return Err(SweepError::OtherRun { quantity: "N", found, expected }.into());
    }
    if !near(record.d.get(), tokens) {
        let (found, expected) = (record.d.to_string(), Tokens::new(tokens).to_string());
        return Err(SweepError::OtherRun { quantity: "D", found, expected }.into());
    }
    Ok(())
}

/// How far a result is by its last whole line, where it is JSON Lines.
fn last_line(path: &Path, step_tokens: u64) -> Seen {
    let nothing = Seen::default();
    let Some(text) = end_of(path) else { return nothing };
    let lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let number = |line: &Value, keys: &[&str]| keys.iter().find_map(|k| line.get(*k)?.as_f64());
    for line in lines {
        if let Some(step) = number(&line, &["step", "iteration", "iter", "global_step", "_step"]) {
            let tokens = number(&line, &["tokens", "tokens_seen", "num_tokens"]);
            let tokens = tokens.unwrap_or(step * step_tokens as f64);
            let keys = ["loss", "train_loss", "train/loss", "eval_loss", "val_loss"];
            let loss_nats = number(&line, &keys);
            return Seen { step: step as u64, tokens, loss_nats, process_group: None };
        }
    }
    nothing
}

/// Whether the last line of a result says that the loss is no number any more.
fn says_nan(path: &Path) -> bool {
    let text = end_of(path).unwrap_or_default().to_lowercase();
    let last = text.lines().rev().find(|line| line.contains("loss")).unwrap_or_default();
    let value = last.rsplit("loss").next().unwrap_or_default();
    let value = value.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '-');
    let value = value.trim_start_matches('-');
    value.starts_with("nan") || value.starts_with("inf")
}

fn end_of(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok().filter(|_| path.is_file())?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(16_384))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Steps of a program, which trains whole ones: the token target rounded to them, at least one.
fn whole_steps(run: &RunSpec) -> u64 {
    (run.tokens.get() / run.recipe.tokens_per_step() as f64).round().max(1.0) as u64
}

impl Trainer for External {
    fn name(&self) -> &str {
        let words = match &self.spec.command {
            super::external_spec::CommandLine::Text(text) => text.split(' ').next(),
            super::external_spec::CommandLine::List(list) => list.first().map(String::as_str),
        };
        let program = Path::new(words.unwrap_or_default()).file_name().and_then(OsStr::to_str);
        program.unwrap_or("external")
    }

    fn train(
        &mut self,
        run: &RunSpec,
        on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
    ) -> Result<RunStatus> {
        let home = self.folder.external(&run.id);
        std::fs::create_dir_all(&home).map_err(|e| Error::io(&home, "create", &e))?;
        let result = fill("trainer.result", &self.spec.result, &|name| self.value(run, name))?;
        let result = below(&self.home, Path::new(&result));
        let per_step = run.recipe.tokens_per_step();
        let tokens = (whole_steps(run) * per_step) as f64;
        let counted = run.shape.params();
        let began = Instant::now();
        let start = |n: Params| RunStart {
            n_params: n,
            n_params_non_embedding: counted.non_embedding,
            n_params_active: counted.active,
            n_params_built: None,
            used_tokens: None,
            floor_nats: None,
            flops_per_token: run.shape.train_flops_per_token(run.recipe.context),
            steps: whole_steps(run),
            shared_steps: 0,
            resumed_at: 0,
            notes: Vec::new(),
            corpus: "of the trainer".to_owned(),
            corpus_sha256: String::new(),
            unique_tokens: Tokens::new(tokens),
            bytes_per_token: None,
        };
        for attempt in 0.. {
            let killed_before = killed_for_memory();
            let mut child = self.start(run)?;
            match self.wait(&mut child, &result, per_step, on_event)? {
                None => {
                    let _ = on_event(&TrainEvent::Start(start(counted.all)));
                    return Ok(RunStatus::Stopped);
                }
                Some(status) if status.success() => break,
                Some(status) => match self.failure(status, killed_before) {
                    Some(error) => return Err(error),
                    None if attempt < MOST_RETRIES => {}
                    None => {
                        let what = format!("was ended from outside {} times", attempt + 1);
                        let said = tail_of(&self.console, 5).unwrap_or_default();
                        return Err(SweepError::Trainer { what, said }.into());
                    }
                },
            }
        }
        let elapsed_s = began.elapsed().as_secs_f64();
        let lr = run.recipe.lr_for(run.shape.d_model);
        let at_end = |loss_nats: f64| StepLog {
            step: whole_steps(run),
            tokens: tokens as u64,
            loss_nats,
            lr,
            grad_norm: f64::NAN,
            router: None,
            elapsed_s,
        };
        if says_nan(&result) {
            let _ = on_event(&TrainEvent::Start(start(counted.all)));
            let _ = on_event(&TrainEvent::Step(at_end(f64::NAN)));
            return Ok(RunStatus::Diverged);
        }
        let record = result_of(&result, run)?;
        check(&record, run, tokens)?;
        let is_all = (record.n.get() / counted.all.get() - 1.0).abs() <= AGREE;
        let n = if is_all { record.n } else { counted.all };
        let _ = on_event(&TrainEvent::Start(start(n)));
        let mut step = at_end(record.loss_nats);
        step.tokens = record.d.get() as u64;
        if matches!(record.loss_source, LossSource::Tail { .. }) {
            let _ = on_event(&TrainEvent::Step(step));
        } else {
            let _ = on_event(&TrainEvent::Step(StepLog { loss_nats: f64::NAN, ..step }));
        }
        let (step, tokens, loss_nats) = (step.step, step.tokens, step.loss_nats);
        let _ = on_event(&TrainEvent::Eval(EvalLog { step, tokens, loss_nats, elapsed_s }));
        Ok(RunStatus::Finished)
    }
}
