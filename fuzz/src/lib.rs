//! What the fuzz targets and the test over their seeds share: bytes, read as a user would read
//! files.

use std::path::{Path, PathBuf};

use isoloss::data::{LossChoice, ReadOptions, read};

/// Every reader that is fuzzed, by the name of its target.
pub const TARGETS: [&str; 11] = [
    "delimited",
    "downloads",
    "json",
    "mlflow",
    "parquet",
    "patterns",
    "run_table",
    "sqlite",
    "tensorboard",
    "text",
    "wandb",
];

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
        "patterns" => read_files(&[("stdout.log", &as_stdout(data))]),
        // A table of runs, and one that adds to the runs of a log.
        "run_table" => {
            let mut parts = data.splitn(2, |b| *b == 0xff);
            let mut next = || parts.next().unwrap_or(b"");
            read_files(&[("runs.csv", next()), ("a.csv", next())]);
        }
        // Curves as TensorBoard's page saves them, a file for each tag, and the facts beside them.
        "downloads" => {
            let mut parts = data.split(|b| *b == 0xff);
            let mut next = || [DOWNLOAD, parts.next().unwrap_or(b"")].concat();
            read_files(&[
                ("run-a-tag-train_loss.csv", &next()),
                ("run-a-tag-val_loss.csv", &next()),
                ("run-a-tag-lr.csv", &next()),
                ("run-b-tag-loss.csv", &next()),
                ("facts.csv", b"run,n_params,max_steps\na,1e6,8\nb,2e6,8\n"),
            ]);
        }
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

/// The first line of a CSV that TensorBoard's page saves.
const DOWNLOAD: &[u8] = b"Wall time,Step,Value\n";

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

/// What each trainer prints as it starts, and at step `{S}` of `{N}` with loss `{L}`.
pub const PRINTED: [(&str, &str); 21] = [
    (
        "  seq_length ......... 256\n  > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 5000\n",
        " iteration {S}/ {N} | consumed samples: {S}0 | learning rate: 1.0E-04 | lm loss: {L}E+00 |\n validation loss at iteration {S} | lm loss value: {L}E+00 |\n",
    ),
    (
        "  train_batch_size ................ 256\n",
        " iteration {S}/ {N} | learning rate: 4.3E-04 | lm_loss: {L} |\n validation results at iteration {S} | lm_loss value: {L} |\n",
    ),
    (
        "[INFO] TOTAL_PARAMS=70546560 (70.547M)\n",
        "[Rank 0] step={S}, skipped=0, lr=[0.0004], mom=[(0.9, 0.95)]\nsteps: {S} loss: {L} iter time (s): 0.4\n",
    ),
    (
        "Total number of parameters: 70,546,560\n",
        "[step={S}/{N}]\n    train/CrossEntropyLoss={L}\n    throughput/total_tokens={S},000\n    eval/c4/CrossEntropyLoss={L}\n",
    ),
    (
        "LlamaConfig(hidden_act='silu', hidden_size=640,\n",
        "iteration: {S} / {N} | consumed_tokens: {S}K | global_batch_size: 8 | lm_loss: {L} | lr: 0.0004\n",
    ),
    (
        "70.5 M    Total params\n",
        "Epoch 0: :   1%|  | {S}/{N} [00:01<00:00, reduced_train_loss={L}, global_step={S}, consumed_samples={S}6.0, val_loss={L}]\r",
    ),
    (
        "Total parameters: 70,546,560\nglobal_batch_size=256,\n",
        "Epoch 1 | iter {S}6 step {S} | loss train: {L}, val: n/a |\niter {S}6: val loss {L}\n",
    ),
    ("", "Progress on:train {S}it/{N}it rate:2.1it/s postfix:loss={L}\nvalidation loss: {L}\n"),
    (
        "num. shared model params: 70,546,560 (num. trained: 1)\n",
        "| INFO | train_inner | {\"epoch\": 1, \"loss\": \"{L}\", \"wpb\": \"4096\", \"num_updates\": \"{S}\", \"lr\": \"0.0004\"}\n| INFO | valid | {\"valid_loss\": \"{L}\", \"valid_num_updates\": \"{S}\"}\n",
    ),
    (
        "num. model params: 70546560\n",
        "| train_inner | epoch 001: {S} / {N} loss=({L}, num_updates={S}, wpb=4096, lr=0.0004\n| valid | epoch 001 | loss {L} | num_updates {S}\n",
    ),
    (
        "number parameters: 0.071 billion\n",
        "completed step: {S}, seconds: 0.4, total_weights: 4096, loss: {L}\neval metrics after step: {S}, loss={L}, \n",
    ),
    ("", "{S} val {L}\n{S} hella 0.2441\n{S} train {L}\n"),
    ("", "s:{S} tel:{L}\ns:{S} eval:0.24\ns:{S} trl:{L} lr:0.0004 norm:1.0\n"),
    (
        "total  : 70,546,560\nTotal batch size 262,144 => \n",
        "Step {S} | Validation bpb: {L}\nstep {S}/{N} (0.00%) | loss: {L} | lrm: 0.12 | dt: 300.00ms\n",
    ),
    (
        "  Num examples = 102,400\n  Total optimization steps = 31\n",
        "{'loss': {L}, 'grad_norm': 0.63, 'learning_rate': 0.0006, 'epoch': {S}.5}\n{'eval_loss': {L}, 'epoch': {S}.5}\n",
    ),
    (
        "size: 6,300,416 total parameters\nglobal batch size 16, sequence length 256, total steps 31\n",
        "step: {S}  loss:  {L}  grad_norm:  0.8\nvalidate step: {S}  loss:  {L}\n",
    ),
    (
        "n_params: 12400000\n",
        "[batch={S}/{N}]:\n\t Train time/token: {S}0\n\t Train metrics/train/LanguageCrossEntropy: {L}\nEval metrics/eval/LanguageCrossEntropy: {L}\n",
    ),
    (
        "tokens per iteration will be: 4,096\nnumber of parameters: 2.30M\n",
        "iter {S}: loss {L}, time 81.52ms\nstep {S}: train loss {L}, val loss {L}\n",
    ),
    (
        "batch_size: 8\nseq_len = 128\n",
        "step {S}/{N} train_loss: {L} val loss = {L} lr=1e-3 tokens: {S}k\n",
    ),
    (
        "",
        "{'loss': '{L}', 'epoch': '{S}'}\r{'loss': '{L}', 'num_tokens': '{S}000', 'epoch': '{S}'}\n",
    ),
    ("max_iters = 31\n", "iter {S}: loss {L}, time 1ms\r\n"),
];

/// A file of several runs, of one trainer or of more: a byte names the trainer, one more the number
/// of steps, and the piece behind them is printed in the middle of the run.
pub fn as_stdout(data: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for piece in pieces(data) {
        let [trainer, steps, middle @ ..] = piece else { continue };
        let (head, line) = PRINTED[usize::from(*trainer) % PRINTED.len()];
        let steps = u32::from(*steps % 32);
        text.extend_from_slice(head.as_bytes());
        for step in 1..=steps {
            let loss = format!("{:.4}", 2.0 + 8.0 / f64::from(step).sqrt());
            let line = line.replace("{S}", &step.to_string()).replace("{N}", &steps.to_string());
            text.extend_from_slice(line.replace("{L}", &loss).as_bytes());
            if step == steps / 2 {
                text.extend_from_slice(middle);
            }
        }
        text.push(b'\n');
    }
    text
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
