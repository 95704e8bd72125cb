//! `isoloss sweep watch`: the state of a sweep, again and again.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use super::output::{Console, Output, compact_json, screen};
use super::progress::Shown;
use super::signals;
use super::streams::deliver_while_read;
use crate::error::{Result, SweepError};
use crate::report::{inert_json, sweep_line, sweep_text};
use crate::sweep::{SweepConfig, SweepStatus};

/// Between two looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

/// Clears the terminal and goes to its upper left.
const CLEAR: &str = "\x1b[H\x1b[2J\x1b[3J";

pub(super) fn run(config: &SweepConfig, every: f64, console: &Console) -> Result<Output> {
    if !(0.05..=86_400.0).contains(&every) {
        let (field, found) = ("every", every.to_string());
        return Err(SweepError::Field { field, found, expected: "0.05 to 86400 s" }.into());
    }
    signals::save_first();
    let _shown = Shown::new();
    let on_terminal = std::io::stdout().is_terminal() && !console.json;
    let mut before = String::new();
    loop {
        let status = SweepStatus::read(config)?;
        let text = if console.json {
            inert_json(&compact_json(&status)?).into_owned() + "\n"
        } else if on_terminal {
            CLEAR.to_owned() + &sweep_text(&status).render(screen())
        } else {
            sweep_line(&status)
        };
        // Elsewhere a line that says nothing new is noise.
        let is_news = console.json || on_terminal || text != before;
        let is_read = !is_news || deliver_while_read(text.as_bytes())?;
        before = text;
        if status.is_done() || !is_read || signals::caught().is_some() {
            return Ok(Output { exit: Some(0), ..Output::default() });
        }
        let looked = Instant::now();
        while looked.elapsed().as_secs_f64() < every && signals::caught().is_none() {
            std::thread::sleep(LOOK);
        }
    }
}
