//! Step logs to a run table: bytes per second from a file in the page cache.

use std::fmt::Write as _;
use std::path::PathBuf;

use divan::counter::BytesCount;
use isoloss::data::{ReadOptions, read};

fn main() {
    divan::main();
}

const RUNS: u32 = 8;

/// Steps of a run: 64 MB of CSV, 120 MB of JSON Lines.
const STEPS: u32 = 80_000;

/// One step: rate, loss, and an evaluation every hundred steps.
fn step(run: u32, step: u32) -> (f64, f64, String) {
    let t = f64::from(step);
    let share = t / f64::from(STEPS);
    let rate = 3e-4 * (t / 1000.0).min(0.55 + 0.45 * (std::f64::consts::PI * share).cos());
    let loss = 2.0 + 20.0 / (t + f64::from(run)).sqrt() + 0.01 * (t * 0.7).sin();
    let evaluation =
        if step.is_multiple_of(100) { format!("{:.6}", loss - 0.01) } else { String::new() };
    (rate, loss, evaluation)
}

fn csv() -> String {
    let mut text =
        "run,step,tokens,lr,train/loss,grad_norm,tokens_per_s,eval/loss,n_params\n".to_owned();
    for run in 0..RUNS {
        for s in 1..=STEPS {
            let (rate, loss, eval) = step(run, s);
            let (tokens, n) = (u64::from(s) * 524_288, 1_000_000 << run);
            let _ = writeln!(
                text,
                "run-{run:03},{s},{tokens},{rate:.10e},{loss:.9},0.8123456,123456.78,{eval},{n}"
            );
        }
    }
    text
}

fn json_lines() -> String {
    let mut text = String::new();
    for run in 0..RUNS {
        for s in 1..=STEPS {
            let (rate, loss, eval) = step(run, s);
            let (tokens, n) = (u64::from(s) * 524_288, 1_000_000 << run);
            let eval = if eval.is_empty() { eval } else { format!(", \"eval/loss\": {eval}") };
            let _ = writeln!(
                text,
                "{{\"run\": \"run-{run:03}\", \"step\": {s}, \"train/tokens\": {tokens}, \"train/lr\": {rate:.10e}, \"train/loss\": {loss:.9}, \"grad_norm\": 0.8123456{eval}, \"n_params\": {n}}}"
            );
        }
    }
    text
}

fn bench(bencher: divan::Bencher<'_, '_>, name: &str, text: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, text).expect("written");
    let paths = [path];
    bencher.counter(BytesCount::new(text.len())).bench_local(|| {
        let table = read(&paths, &ReadOptions::default()).expect("a table");
        assert_eq!(table.runs.len(), RUNS as usize);
        table
    });
}

#[divan::bench(sample_count = 20)]
fn csv_steps(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, "steps.csv", &csv());
}

#[divan::bench(sample_count = 20)]
fn json_lines_steps(bencher: divan::Bencher<'_, '_>) {
    bench(bencher, "steps.jsonl", &json_lines());
}
