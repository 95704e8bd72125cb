//! What the fuzz targets and the test over their seeds share: bytes, read as a user would read
//! files.

use std::path::{Path, PathBuf};

use isoloss::data::{LossChoice, ReadOptions, read};

/// Every reader that is fuzzed, by the name of its target.
pub const TARGETS: [&str; 8] =
    ["delimited", "json", "mlflow", "parquet", "sqlite", "tensorboard", "text", "wandb"];

/// Reads `data` as files for the reader of this name.
///
/// Whatever comes back is fine; a panic, an abort or memory without bound is not.
///
/// # Panics
/// When the readers do, and when there is nowhere to put the files.
pub fn run(target: &str, data: &[u8]) {
    let magic = |magic: &[u8]| [magic, data].concat();
    match target {
        "delimited" => read_files(&[("steps.csv", data)]),
        "json" => read_files(&[("log.jsonl", data)]),
        "text" => read_files(&[("train.log", data)]),
        "parquet" => read_files(&[("t.parquet", &magic(b"PAR1"))]),
        "sqlite" => read_files(&[("mlflow.db", &magic(b"SQLite format 3\0"))]),
        // A run folder: facts, metrics, a parameter, and a config beside a log.
        "mlflow" => {
            let mut parts = data.split(|b| *b == 0xff);
            let mut next = || parts.next().unwrap_or(b"");
            read_files(&[
                ("r/meta.yaml", next()),
                ("r/metrics/train/loss", next()),
                ("r/metrics/eval/loss", next()),
                ("r/params/n_params", next()),
                ("s/hparams.yaml", next()),
                ("s/metrics.csv", next()),
            ]);
        }
        // As they come, and with right checksums around their pieces, or nothing would pass them.
        "tensorboard" => read_files(&[
            ("a/events.out.tfevents.1", data),
            ("b/events.out.tfevents.1", &as_events(data)),
        ]),
        "wandb" => {
            read_files(&[("a/run-a.wandb", &magic(WANDB)), ("b/run-b.wandb", &as_wandb(data))])
        }
        other => panic!("no target `{other}`"),
    }
}

/// The first bytes of a W&B log.
const WANDB: &[u8] = b":W&B\xe1\xbe\x00";

/// A folder in memory where there is one, for this thread alone.
fn place() -> PathBuf {
    let shared = Path::new("/dev/shm");
    let root = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    root.join(format!("isoloss-fuzz-{}-{thread}", std::process::id()))
}

/// Writes the files and reads them as one folder, leniently and strictly, by every choice of loss.
fn read_files(files: &[(&str, &[u8])]) {
    let root = place();
    for (name, bytes) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        std::fs::write(path, bytes).expect("written");
    }
    let paths = [root.clone()];
    let facts = ["seq_len=128", "batch_size=8", "n_params=1e6"];
    for (strict, loss) in
        [(false, LossChoice::Tail), (true, LossChoice::Auto), (false, LossChoice::Evaluation)]
    {
        let given = facts.iter().filter(|_| !strict).map(|g| g.parse().expect("a fact")).collect();
        let options = ReadOptions { skip_bad: !strict, strict, loss, given, ..Default::default() };
        let _ = read(&paths, &options);
    }
    let _ = std::fs::remove_dir_all(root);
}

/// Pieces of the input, the length of each in the byte before it.
fn pieces(data: &[u8]) -> Vec<&[u8]> {
    let mut rest = data;
    let mut found = Vec::new();
    while let Some((length, tail)) = rest.split_first() {
        let (piece, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        found.push(piece);
        rest = tail;
    }
    found
}

fn as_events(data: &[u8]) -> Vec<u8> {
    let masked = |bytes: &[u8]| {
        crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
    };
    let mut framed = Vec::new();
    for piece in pieces(data) {
        let length = (piece.len() as u64).to_le_bytes();
        framed.extend_from_slice(&length);
        framed.extend_from_slice(&masked(&length));
        framed.extend_from_slice(piece);
        framed.extend_from_slice(&masked(piece));
    }
    framed
}

fn as_wandb(data: &[u8]) -> Vec<u8> {
    let mut framed = WANDB.to_vec();
    for piece in pieces(data) {
        let (kind, piece) = piece.split_first().map_or((1, piece), |(kind, rest)| (kind % 5, rest));
        let mut crc = crc32fast::Hasher::new();
        crc.update(&[kind]);
        crc.update(piece);
        framed.extend_from_slice(&crc.finalize().to_le_bytes());
        framed.extend_from_slice(&(piece.len() as u16).to_le_bytes());
        framed.push(kind);
        framed.extend_from_slice(piece);
    }
    framed
}
