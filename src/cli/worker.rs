//! `isoloss sweep worker`: trains one unit of a sweep. Launchers start it; people do not.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args as ClapArgs;

use super::progress::Shown;
use super::signals;
use super::streams::note;
use crate::error::Result;
use crate::sweep::{Manifest, RunSpec, SweepFolder, TrainEvent, Trainer, UnitLock, work};
use crate::units::short_count;

/// Flags of `isoloss sweep worker`.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The folder of the sweep.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The unit to train.
    #[arg(long)]
    unit: String,
    /// Save and stop when standard input is closed.
    #[arg(long)]
    attached: bool,
}

/// Trains the unit; the exit code says how it ended.
pub(super) fn run(args: &Args) -> Result<u8> {
    signals::save_first();
    let _shown = Shown::new();
    let alone = Arc::new(AtomicBool::new(false));
    if args.attached {
        let alone = Arc::clone(&alone);
        let wait = move || {
            // Nothing is ever written: the end comes when the launcher closes its end, or dies.
            let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
            alone.store(true, Ordering::SeqCst);
        };
        // Without room for a thread the unit is trained to its end, which is no harm.
        let _ = std::thread::Builder::new().name("launcher".to_owned()).spawn(wait);
    }
    let folder = SweepFolder::new(args.folder.clone());
    let manifest = Manifest::read(&folder, &args.unit)?;
    let mut on_event = |spec: &RunSpec, event: &TrainEvent| {
        say(spec, event);
        let stop = signals::caught().is_some() || alone.load(Ordering::SeqCst);
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let mut new_trainer = |lock: &UnitLock| trainer(&folder, &manifest, lock);
    let worked = work(&folder, &manifest, &mut new_trainer, &mut on_event)?;
    Ok(worked.exit_code())
}

fn say(spec: &RunSpec, event: &TrainEvent) {
    let id = &spec.id;
    match event {
        TrainEvent::Start(start) => {
            for text in &start.notes {
                note(&format!("{id}: {text}"));
            }
            note(&format!("{id}: {} parameters, {} steps", start.n_params, start.steps));
        }
        TrainEvent::Eval(eval) => note(&format!(
            "{id}: step {}, {} tokens, validation loss {:.4} nats, {:.0} s",
            eval.step,
            short_count(eval.tokens as f64),
            eval.loss_nats,
            eval.elapsed_s
        )),
        TrainEvent::Step(_) | TrainEvent::Checkpoint { .. } | TrainEvent::Waiting(_) => {}
    }
}

fn trainer(folder: &SweepFolder, manifest: &Manifest, lock: &UnitLock) -> Result<Box<dyn Trainer>> {
    if let Some(external) = &manifest.external {
        let external = crate::sweep::External::new(folder, manifest, external.clone(), lock)?;
        return Ok(Box::new(external));
    }
    #[cfg(feature = "train")]
    {
        let shards = folder.corpus(&manifest.corpus);
        let execution = &manifest.execution;
        let trainer = crate::train::trainer_on_shards(&shards, execution, &folder.checkpoints())?;
        Ok(Box::new(trainer))
    }
    #[cfg(not(feature = "train"))]
    Err(crate::error::TrainError::NotBuilt.into())
}
