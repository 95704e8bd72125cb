//! The step log in the formats of other tools, written line by line beside it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::execution::LogFormat;
use super::run::TrainEvent;
use crate::data::{event_frame, first_event_frame};
use crate::error::{Error, Result};

/// One more log of a run; written again from the events that were kept whenever the run continues.
pub(super) struct Mirror {
    writer: Form,
    path: String,
}

enum Form {
    Tensorboard(BufWriter<File>),
    Csv(Box<csv::Writer<File>>),
}

impl Mirror {
    /// Beside the step log at `log`, for run `run`.
    pub(super) fn open(format: LogFormat, log: &Path, run: &str) -> Result<Self> {
        let home = log.parent().unwrap_or(Path::new("."));
        let path = match format {
            LogFormat::Tensorboard => {
                home.join("tensorboard").join(run).join("events.out.tfevents.0.isoloss")
            }
            LogFormat::Csv => home.join("csv").join(format!("{run}.csv")),
        };
        let folder = path.parent().unwrap_or(home);
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
        let io = |e: std::io::Error| Error::io(&path, "write", &e);
        let mut file = File::create(&path).map_err(io)?;
        let writer = match format {
            LogFormat::Tensorboard => {
                file.write_all(&first_event_frame()).map_err(io)?;
                Form::Tensorboard(BufWriter::new(file))
            }
            LogFormat::Csv => {
                let mut writer = csv::Writer::from_writer(file);
                let named = NAMES.iter().map(|name| format!("{run} - {name}"));
                let header = std::iter::once("Step".to_owned()).chain(named);
                writer.write_record(header).map_err(|e| io(e.into()))?;
                Form::Csv(Box::new(writer))
            }
        };
        Ok(Self { writer, path: path.display().to_string() })
    }

    /// Adds an event, and flushes the file before a checkpoint.
    pub(super) fn write(&mut self, event: &TrainEvent) -> Result<()> {
        let written = match event {
            TrainEvent::Start(_) | TrainEvent::Waiting(_) => Ok(()),
            TrainEvent::Checkpoint { .. } => self.flush_file(),
            TrainEvent::Step(_) => self.add(event),
            TrainEvent::Eval(_) => self.add(event).and_then(|()| self.flush_file()),
        };
        written.map_err(|e| self.failed(&e))
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.flush_file().map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::io(Path::new(&self.path), "write", error)
    }

    fn flush_file(&mut self) -> std::io::Result<()> {
        match &mut self.writer {
            Form::Tensorboard(file) => file.flush(),
            Form::Csv(writer) => writer.flush(),
        }
    }

    fn add(&mut self, event: &TrainEvent) -> std::io::Result<()> {
        let values = values(event);
        match &mut self.writer {
            Form::Tensorboard(file) => {
                let elapsed_s = match event {
                    TrainEvent::Step(step) => step.elapsed_s,
                    TrainEvent::Eval(eval) => eval.elapsed_s,
                    _ => 0.0,
                };
                let named: Vec<(&str, f64)> = NAMES
                    .iter()
                    .zip(values)
                    .filter_map(|(name, value)| Some((*name, value?)))
                    .collect();
                file.write_all(&event_frame(event.step(), elapsed_s, &named))
            }
            Form::Csv(writer) => {
                let cells = values.iter().map(|v| v.map_or(String::new(), |v| v.to_string()));
                let record = std::iter::once(event.step().to_string()).chain(cells);
                writer.write_record(record).map_err(Into::into)
            }
        }
    }
}

/// The values of an event, under the names that most tools chart.
const NAMES: [&str; 8] = [
    "train/loss",
    "eval/loss",
    "train/lr",
    "train/grad_norm",
    "train/tokens",
    "router/balance",
    "router/z",
    "router/busiest",
];

fn values(event: &TrainEvent) -> [Option<f64>; 8] {
    match event {
        TrainEvent::Step(s) => [
            Some(s.loss_nats),
            None,
            Some(s.lr),
            Some(s.grad_norm),
            Some(s.tokens as f64),
            s.router.map(|r| r.balance),
            s.router.map(|r| r.z),
            s.router.map(|r| r.busiest_ratio),
        ],
        TrainEvent::Eval(e) => {
            [None, Some(e.loss_nats), None, None, Some(e.tokens as f64), None, None, None]
        }
        TrainEvent::Start(_) | TrainEvent::Checkpoint { .. } | TrainEvent::Waiting(_) => [None; 8],
    }
}
