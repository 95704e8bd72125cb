//! Every verb, as README, docs/ and its own help show it, keeps to 80 columns where stdout is no
//! terminal. (The blocks of docs/ that run are checked where they are run, in `docs`.)

use std::path::Path;
use std::process::Command;

use textwrap::core::display_width;

use super::cli::here;

/// Columns of a page.
const PAGE: usize = 80;

/// What a reader types, a line each, in a folder with `data`, `configs` and the tables written below.
/// Resamples are few where they take long: they change digits, not columns.
const COMMANDS: &str = "
isoloss fit data/first-light/runs.jsonl --bootstrap 200 -o fit.json
isoloss logs data/first-light/runs.jsonl -o runs.csv
isoloss fit data/first-light/runs.jsonl --bootstrap 40 --law stack --verbose -o stack.json
isoloss laws
isoloss models
isoloss devices
isoloss talk
isoloss logs data/first-light/logs
isoloss logs data/first-light/logs/c1.00e12-l2-d32-s0.jsonl
isoloss logs nothing.txt bare.jsonl
isoloss fit data/first-light/runs.jsonl --bootstrap 200 --verbose
isoloss fit data/first-light/runs.jsonl --bootstrap 40 --law auto --leave-future-out C
isoloss fit data/first-light/runs.jsonl --bootstrap 100 --leave-out size --at 1e14 --profile all
isoloss fit data/first-light/runs.jsonl --bootstrap 100 --leave-future-out D/N
isoloss fit data/first-light/runs.jsonl --bootstrap 100 --hold-out C>=1e13
isoloss fit data/first-light/runs.jsonl --bootstrap 100 --by seed
isoloss fit data/first-light/runs.jsonl --bootstrap 0 --objective lad-log --fix E=1.0 --verbose
isoloss fit one.csv --bootstrap 100 --at 1e20
isoloss fit --replay fit.json
isoloss predict fit.json planned.csv --quantiles 0.05,0.1,0.25,0.5,0.75,0.9,0.95
isoloss forecast curve.csv finished.csv --law annealing --bootstrap 20 --rows 60 --verbose
isoloss tune sweep.csv --at-params 7B --at-tokens 2T --bootstrap 50
isoloss benchmark evals.csv --map error=err_avg --bootstrap 50
isoloss benchmark evals.csv --map error=err_avg --law besiroglu,hoffmann-a3-devries --flops 1e22 --target 0.45 --bootstrap 50
isoloss plan --law fit.json --flops 1e15
isoloss plan --law stack.json --flops 1e14
isoloss plan --law besiroglu --flops 5.76e23
isoloss plan --law besiroglu --flops 1e24 --serve-tokens 2T --verbose
isoloss plan --law fit.json --gpus 1024 --device H100-SXM --days 30 --mfu 0.4 --serve-tokens 2T --verbose
isoloss plan --law besiroglu,hoffmann-a3-devries --usd $2M --device H200 --mfu 0.35 --verbose
isoloss plan --law besiroglu --quality-of 70B --serve-tokens 10T --verbose --what-if
isoloss plan --law besiroglu --loss 2.0 --params 20B
isoloss plan --law besiroglu --quality-of 30B --device 'H100 SXM' --serve-device 'H100 SXM' --serve-tokens 1T..4T --tpot 20ms --mfu published --recipe --verbose
isoloss plan --law joint-moe --flops 1e22 --experts 1,4,8,16 --memory 24GB
isoloss plan --law besiroglu --flops 1e22 --unique-tokens 50B --max-epochs 8
isoloss plan --law besiroglu --gpus 1024 --device 'H100 SXM' --days 30 --mfu 0.4 --what-if
isoloss plan --law all --flops 1e22 --verbose
isoloss recipe --params 7B --tokens 2T -o config.json
isoloss recipe --params 13B --tokens 4T --device 'H100 SXM' --gpus 512 --mfu published
isoloss recipe --params 3B --tokens 1T --experts 16 --top-k 2 --device H200 --days 20
isoloss serving 'Mixtral 8x7B' --device 'A100 80GB SXM' --devices 2
isoloss serving 'Mixtral 8x7B' --device 'H100 SXM' --devices 2 --twins
isoloss serving 'Mistral 7B' --device 'Apple M1 Max' --bits 4 --batch 1
isoloss serving --params 13B --device 'H100 SXM' --prompt 2000 --answer 500 --tpot 20ms
isoloss curve --law besiroglu --quality-of 70B
isoloss curve --law all --quality-of 70B
isoloss curve --law besiroglu --family 1B,7B,30B,70B,280B --models 'LLaMA 7B,Chinchilla 70B,Gopher'
isoloss curve --law besiroglu --family 7B,70B --axis usd --device 'H100 SXM' --mfu 0.4
isoloss compare --law besiroglu --quality-of 70B --sizes 35B,21B
isoloss compare --law besiroglu,hoffmann-a3-devries --quality-of 70B --ratios 20,100,500
isoloss explain 'LLaMA 7B' --law besiroglu,hoffmann-a3-devries --more-tokens 500B
isoloss explain 'LLaMA 7B' --law fit.json
isoloss explain 'Mistral 7B' --against Gopher
isoloss explain --params 8.03B --tokens 15T --law besiroglu,hoffmann-a3-devries
isoloss sweep status configs/first-light-sweep.toml
isoloss sweep next configs/first-light-sweep.toml
isoloss sweep run configs/tuned-sweep.toml --dry-run
isoloss sweep status configs/tiny-sweep.toml
isoloss validate configs/first-light.toml
isoloss validate data/first-light/runs.jsonl
isoloss study configs/first-light.toml -o report
";

/// Words of a command as a shell would give them.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, piece) in command.split('\'').enumerate() {
        match i % 2 {
            0 => words.extend(piece.split_whitespace().map(str::to_owned)),
            _ => words.push(piece.to_owned()),
        }
    }
    words
}

/// Lines that are too wide, but for one word that nothing can break, as a path.
pub(crate) fn too_wide(text: &str) -> Vec<&str> {
    let wide = |line: &&str| display_width(line) > PAGE && line.split_whitespace().count() > 1;
    text.lines().filter(wide).collect()
}

/// A loss curve under a cosine schedule, the last steps without a loss where it is not finished.
fn curve(steps: usize, known: usize, peak: f64) -> String {
    let mut text = "step,lr,loss\n".to_owned();
    for step in (0..=steps).step_by(100).skip(1) {
        let turn = std::f64::consts::PI * step as f64 / steps as f64;
        let lr = peak * (0.1 + 0.9 * (1.0 + turn.cos()) / 2.0);
        let loss = 2.0 + 6.0 / (step as f64).powf(0.3) + 40.0 * lr;
        let loss = if step <= known { loss.to_string() } else { String::new() };
        text.push_str(&format!("{step},{lr},{loss}\n"));
    }
    text
}

fn tables(folder: &Path) {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("written");
    };
    let mut sweep = "n_params,tokens,lr,batch_tokens,loss\n".to_owned();
    for (n, d) in [(1e8, 2e9), (1e8, 8e9), (3e8, 6e9), (3e8, 24e9), (1e9, 2e10), (1e9, 8e10_f64)] {
        let (best_lr, best_batch) = (1.0 - 0.5 * f64::ln(n) + 0.2 * d.ln(), -1.0 + 0.6 * d.ln());
        for i in -3..=3 {
            for j in -3..=3 {
                let (x, y) = (0.4 * f64::from(i), 0.5 * f64::from(j));
                let wobble = 2e-4 * f64::from((7 * i + 5 * j + 110) % 11 - 5);
                let loss = 2.0 + 400.0 / n.powf(0.34) + 0.02 * x * x + 0.02 * y * y + wobble;
                let (lr, batch) = ((best_lr + x).exp(), (best_batch + y).exp());
                sweep.push_str(&format!("{n},{d},{lr},{batch},{loss}\n"));
            }
        }
    }
    let mut evals = "model,n_params,tokens,loss,err_avg\n".to_owned();
    for i in 0..16 {
        let loss = 2.2 + 0.1 * f64::from(i);
        let error = 0.85 - 2.2 * f64::exp(-0.7 * loss) + 2e-3 * f64::from(7 * i % 5 - 2);
        let n = 1e9 * 2_f64.powi(16 - i);
        evals.push_str(&format!("m{i},{n},{},{loss},{error}\n", 20.0 * n));
    }
    let mut one = "flops,loss\n".to_owned();
    for i in 0..9 {
        let c = 1e17 * 2_f64.powi(i);
        one.push_str(&format!("{c},{}\n", 1.8 + 400.0 * c.powf(-0.15)));
    }
    write("sweep.csv", &sweep);
    write("evals.csv", &evals);
    write("one.csv", &one);
    write("finished.csv", &curve(20_000, 20_000, 3e-3));
    write("curve.csv", &curve(40_000, 20_000, 3e-3));
    write(
        "planned.csv",
        "run,n,d\nsmall,600k,10M\na-run-with-quite-a-long-name-of-its-own,1.2M,14M\n",
    );
    write("nothing.txt", "nothing to see here\n");
    write("bare.jsonl", "{\"step\": 1, \"eval/loss\": 3.1}\n{\"step\": 2, \"eval/loss\": 3.0}\n");
}

#[cfg(unix)]
#[test]
fn every_verb_keeps_to_eighty_columns() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("columns");
    std::fs::create_dir_all(&folder).expect("a folder");
    for name in ["data", "configs"] {
        let _ = std::fs::remove_file(folder.join(name));
        std::os::unix::fs::symlink(here().join(name), folder.join(name)).expect("a link");
    }
    tables(&folder);
    let commands: Vec<&str> = COMMANDS.lines().filter(|line| !line.is_empty()).collect();
    let run = |(place, command): (usize, &&str)| {
        let output = Command::new(env!("CARGO_BIN_EXE_isoloss"))
            .args(&words(command)[1..])
            .current_dir(&folder)
            .env_remove("COLUMNS")
            .output()
            .expect("the binary starts");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(!said.contains("Usage:"), "{command}\n{said}");
        // What is left behind is there to be read.
        let shown = format!("$ {command}\n{text}{said}");
        std::fs::write(folder.join(format!("out-{:02}.txt", place + 1)), shown).expect("written");
        let wide: Vec<&str> = too_wide(&text).into_iter().chain(too_wide(&said)).collect();
        wide.iter()
            .map(|line| format!("{command}\n  {} {line}\n", display_width(line)))
            .collect::<String>()
    };
    // The first three write what others read.
    let mut wide: String = commands.iter().take(3).enumerate().map(run).collect();
    let rest: Vec<(usize, &&str)> = commands.iter().enumerate().skip(3).collect();
    let found = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let mine: Vec<_> = rest.iter().skip(worker).step_by(3).copied().collect();
                scope.spawn(move || mine.into_iter().map(run).collect::<String>())
            })
            .collect();
        workers.into_iter().map(|w| w.join().expect("a worker")).collect::<String>()
    });
    wide.push_str(&found);
    assert!(wide.is_empty(), "wider than {PAGE} columns:\n{wide}");
}
