//! Pipes and files never lie: exit codes, closed streams, signals, and where `-o` writes.

#![cfg(unix)]

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cli::{here, isoloss, refusal};

const RUNS: &str = "data/first-light/runs.jsonl";

fn command(args: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isoloss"));
    command.args(args).current_dir(folder);
    command
}

fn code(status: std::process::ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| panic!("ended by signal {:?}", status.signal()))
}

/// Every verb that answers at once, with what it needs.
const QUICK: &[&[&str]] = &[
    &["laws"],
    &["models"],
    &["devices"],
    &["talk"],
    &["plan", "--law", "besiroglu", "--flops", "1e24"],
    &["curve", "--law", "besiroglu", "--quality-of", "70B"],
    &["compare", "--law", "besiroglu", "--quality-of", "70B", "--sizes", "35B"],
    &["explain", "LLaMA 7B"],
    &["serving", "Mistral 7B", "--device", "H100 SXM"],
    &["recipe", "--params", "7B", "--tokens", "1T"],
    &["logs", RUNS],
    &["fit", RUNS, "--bootstrap", "0", "--profile", "none"],
    &["completions", "bash"],
    &["man"],
    &["help", "plan"],
    &["plan", "-h"],
    &["--version"],
];

#[test]
fn a_full_disk_on_stdout_is_exit_1() {
    for args in QUICK {
        let is_help = args.iter().any(|arg| ["help", "-h", "--version"].contains(arg));
        for json in [false, true] {
            let args = [*args, if json && !is_help { &["--json"][..] } else { &[] }].concat();
            let full = OpenOptions::new().write(true).open("/dev/full").expect("a full device");
            let output = command(&args, here()).stdout(full).output().expect("it starts");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(code(output.status), 1, "{args:?}: {said}");
            assert!(said.contains("standard output: write failed"), "{args:?}: {said}");
        }
    }
}

/// The writing end of a pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn a_closed_stdout_is_the_readers_choice() {
    for args in QUICK {
        let output = command(args, here()).stdout(closed_pipe()).output().expect("it starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(output.status), 0, "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_closed_stderr_changes_no_exit_code() {
    let wrong: &[&[&str]] = &[&["fit", "no-such-file.csv"], &["plan", "--nonsense"], &["explain"]];
    for args in QUICK.iter().chain(wrong) {
        for stderr in [closed_pipe(), full()] {
            let open = isoloss(args, here());
            let shut = command(args, here()).stderr(stderr).output().expect("it starts");
            assert_eq!(code(shut.status), code(open.status), "{args:?}");
            assert_eq!(shut.stdout, open.stdout, "{args:?}");
        }
    }
}

fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").expect("a full device").into()
}

/// Sends a signal once the process has been running for a while.
fn told(mut child: Child, signal: &str, what: &[&str]) -> i32 {
    std::thread::sleep(Duration::from_millis(700));
    assert!(child.try_wait().expect("its state").is_none(), "{what:?} ended by itself");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    let asked = Instant::now();
    let status = child.wait().expect("it ends");
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    code(status)
}

#[test]
fn signals_end_every_long_verb_with_their_code_and_leave_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = here().join(RUNS);
    let runs = runs.to_str().expect("UTF-8");
    let many = "1000000";
    let study = folder.path().join("long.toml");
    let text = format!(
        "name = \"long\"\ntitle = \"Long\"\nlogs = [{runs:?}]\nvalidate = false\n[fit]\nbootstrap = {many}\n"
    );
    std::fs::write(&study, text).expect("written");
    let study = study.to_str().expect("UTF-8");
    let before = std::fs::read_dir(folder.path()).expect("folder").count();
    let long: &[&[&str]] = &[
        &["fit", runs, "--bootstrap", many, "-o", "fit.json"],
        &["fit", runs, "--bootstrap", many, "--json"],
        &["fit", runs, "--law", "auto", "--bootstrap", many],
        &["validate", study],
        &["study", study, "-o", "out"],
        &[
            "plan",
            "--law",
            "besiroglu",
            "--flops",
            "1e24",
            "--serve-tokens",
            "1T..4T",
            "--draws",
            many,
        ],
        // Waits for a table that never comes.
        &["logs", "-"],
    ];
    for args in long {
        for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
            let child = command(args, folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it starts");
            assert_eq!(told(child, signal, args), expected, "{args:?}");
            let left: Vec<_> = std::fs::read_dir(folder.path()).expect("folder").collect();
            assert_eq!(left.len(), before, "{args:?}: {left:?}");
        }
    }
}

#[test]
fn a_signal_takes_temporary_copies_with_it() {
    let temporary = tempfile::tempdir().expect("a folder");
    let mut child = command(&["logs", "-"], here())
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let count = || std::fs::read_dir(temporary.path()).expect("folder").count();
    let begun = Instant::now();
    while count() == 0 && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(count(), 1, "the copy of standard input");
    let stdin = child.stdin.take();
    assert_eq!(told(child, "-TERM", &["logs", "-"]), 143);
    drop(stdin);
    assert_eq!(count(), 0);
}

/// What is written by `isoloss fit … -o PATH`.
fn fit_to(out: &str, folder: &Path) -> Output {
    let runs = here().join(RUNS);
    let runs = runs.to_str().expect("UTF-8");
    isoloss(&["fit", runs, "--bootstrap", "0", "--profile", "none", "-o", out], folder)
}

fn is_a_fit(bytes: &[u8]) {
    let fit: Value = serde_json::from_slice(bytes).expect("JSON");
    assert_eq!(fit["law"], "chinchilla");
}

#[test]
fn a_dash_is_standard_output_and_holds_the_file_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for dash in ["-", "/dev/stdout"] {
        let output = fit_to(dash, folder.path());
        assert!(output.status.success());
        is_a_fit(&output.stdout);
        let into = folder.path().join("redirected.json");
        let runs = here().join(RUNS);
        let runs = runs.to_str().expect("UTF-8");
        let status = command(&["fit", runs, "--bootstrap", "0", "-o", dash], folder.path())
            .stdout(File::create(&into).expect("made"))
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("it starts").success());
        is_a_fit(&std::fs::read(&into).expect("there"));
    }
    let curve = ["curve", "--law", "besiroglu", "--quality-of", "70B"];
    for (dash, begins) in
        [("--out=-", &b"params,"[..]), ("--out=-.svg", b"<svg"), ("--out=-.png", b"\x89PNG")]
    {
        let output = isoloss(&[&curve[..], &[dash]].concat(), here());
        assert!(output.status.success() && output.stdout.starts_with(begins), "{dash}");
    }
    // A fit goes from one command to the next without a file.
    let fit = fit_to("-", folder.path()).stdout;
    let mut plan = command(&["plan", "--law", "-", "--flops", "1e14", "--json"], folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = plan.stdin.take().expect("piped");
    std::io::Write::write_all(&mut stdin, &fit).expect("taken");
    drop(stdin);
    let output = plan.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(plan["plans"].as_array().is_some_and(|plans| !plans.is_empty()));
}

#[test]
fn two_results_for_stdout_are_refused() {
    let curve = ["curve", "--law", "besiroglu", "--quality-of", "70B"];
    for rest in [&["-o", "-", "--out=-.svg"][..], &["-o", "-", "--json"]] {
        let (code, said) = refusal(&[&curve[..], rest].concat(), here());
        assert_eq!(code, 2);
        assert!(said.contains("would both be written to standard output"), "{said}");
    }
    let (code, said) = refusal(&["study", "configs/first-light.toml", "-o", "-"], here());
    assert_eq!(code, 2);
    assert!(said.contains("expected a folder"), "{said}");
}

#[test]
fn devices_pipes_and_links_are_written_through() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    assert!(fit_to("/dev/null", folder.path()).status.success());
    assert!(std::fs::metadata("/dev/null").expect("there").file_type().is_char_device());

    assert!(Command::new("mkfifo").arg(at("pipe")).status().expect("mkfifo").success());
    let pipe = at("pipe");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        File::open(pipe).and_then(|mut pipe| pipe.read_to_end(&mut bytes)).expect("read");
        bytes
    });
    assert!(fit_to("pipe", folder.path()).status.success());
    is_a_fit(&reader.join().expect("read"));
    assert!(std::fs::metadata(at("pipe")).expect("there").file_type().is_fifo());

    for there in [true, false] {
        let (target, link) = (at(&format!("target-{there}")), at(&format!("link-{there}.json")));
        if there {
            std::fs::write(&target, "old").expect("written");
        }
        std::os::unix::fs::symlink(&target, &link).expect("a link");
        assert!(fit_to(link.to_str().expect("UTF-8"), folder.path()).status.success());
        assert!(link.is_symlink());
        is_a_fit(&std::fs::read(&target).expect("there"));
    }
}

#[test]
fn modes_are_kept_and_the_umask_is_heeded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fit.json");
    let mode = || std::fs::metadata(&path).expect("there").mode() & 0o777;
    let script = |umask: &str| {
        let runs = here().join(RUNS);
        let (isoloss, runs) = (env!("CARGO_BIN_EXE_isoloss"), runs.display());
        let line =
            format!("umask {umask}; {isoloss} fit {runs} --bootstrap 0 --profile none -o fit.json");
        let status = Command::new("sh").args(["-c", &line]).current_dir(folder.path()).output();
        assert!(status.expect("sh").status.success());
    };
    script("077");
    assert_eq!(mode(), 0o600);
    script("022");
    assert_eq!(mode(), 0o600, "a file that is replaced keeps its mode");
    std::fs::remove_file(&path).expect("removed");
    script("022");
    assert_eq!(mode(), 0o644);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).expect("set");
    script("077");
    assert_eq!(mode(), 0o664);
}

#[test]
fn an_input_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let runs = std::fs::read(here().join(RUNS)).expect("shipped");
    std::fs::create_dir(at("logs")).expect("a folder");
    for name in ["runs.jsonl", "runs.json", "logs/runs.json", "runs.csv"] {
        std::fs::write(at(name), &runs).expect("written");
    }
    std::os::unix::fs::symlink("runs.json", at("link.json")).expect("a link");
    assert!(fit_to("law.json", folder.path()).status.success());
    let law = std::fs::read(at("law.json")).expect("there");
    let flops = ["--flops", "1e14"];
    let refused: &[&[&str]] = &[
        &["fit", "runs.json", "-o", "runs.json"],
        &["fit", "runs.jsonl", "runs.json", "-o", "./logs/../runs.json"],
        &["fit", "runs.json", "-o", "link.json"],
        &["fit", "link.json", "-o", "runs.json"],
        &["fit", "logs", "-o", "logs/runs.json"],
        &["fit", "runs.jsonl", "--test", "runs.json", "-o", "runs.json"],
        &["logs", "runs.csv", "-o", "runs.csv"],
        &["plan", "--law", "law.json", "-o", "law.json", flops[0], flops[1]],
        &["plan", "--law", "besiroglu,law.json", "-o", "law.json", flops[0], flops[1]],
        &["predict", "law.json", "runs.csv", "-o", "law.json"],
    ];
    for args in refused {
        let (code, said) = refusal(args, folder.path());
        assert_eq!(code, 2, "{args:?}: {said}");
        assert!(said.contains("it is also an input"), "{args:?}: {said}");
    }
    for name in ["runs.jsonl", "runs.json", "logs/runs.json", "runs.csv"] {
        assert_eq!(std::fs::read(at(name)).expect("there"), runs, "{name}");
    }
    assert_eq!(std::fs::read(at("law.json")).expect("there"), law);
    // A new file in the folder of the logs is no input.
    let new = ["fit", "logs", "--bootstrap", "0", "-o", "logs/fit.json"];
    assert!(isoloss(&new, folder.path()).status.success());
}

#[test]
fn a_study_does_not_write_over_its_logs() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs = std::fs::read(here().join(RUNS)).expect("shipped");
    let text = "name = \"s\"\ntitle = \"S\"\nlogs = [\"out/fit.json\"]\nvalidate = false\n\
                [fit]\nbootstrap = 0\n";
    std::fs::create_dir(folder.path().join("out")).expect("a folder");
    std::fs::write(folder.path().join("s.toml"), text).expect("written");
    std::fs::write(folder.path().join("out/fit.json"), &runs).expect("written");
    let (code, said) = refusal(&["study", "s.toml", "-o", "out"], folder.path());
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("it is also an input"), "{said}");
    assert_eq!(std::fs::read(folder.path().join("out/fit.json")).expect("there"), runs);
    assert_eq!(std::fs::read_dir(folder.path().join("out")).expect("folder").count(), 1);
}

#[test]
fn a_place_that_cannot_be_written_is_found_before_the_work() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "x").expect("written");
    let runs = here().join(RUNS);
    let runs = runs.to_str().expect("UTF-8");
    for out in [".", "file/fit.json", "/proc/fit.json"] {
        let begun = Instant::now();
        let args = ["fit", runs, "--bootstrap", "1000000", "-o", out];
        let (code, said) = refusal(&args, folder.path());
        assert_eq!(code, 1, "{out}: {said}");
        assert!(said.contains("write failed"), "{out}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{out}");
    }
}

#[test]
fn control_characters_reach_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = "a\\u001b[31mred\\u0007\\u009b2J\\u202e";
    let row = |i: i32| {
        let (n, d) = (1e6 * 1.5f64.powi(i), 2e8 / f64::from(i + 1));
        let loss = 2.0 + 400.0 / n.powf(0.34) + 400.0 / d.powf(0.28);
        format!("{{\"run\":\"{name}{i}\",\"params\":{n},\"tokens\":{d},\"loss\":{loss}}}\n")
    };
    let rows: String = (0..12).map(row).collect();
    std::fs::write(folder.path().join("runs.jsonl"), rows).expect("written");
    std::fs::write(folder.path().join("\u{1b}[2Jbad.csv"), "not,a,table\n1,2,3\n")
        .expect("written");
    let shown: &[&[&str]] = &[
        &["logs", "runs.jsonl"],
        &["logs", "runs.jsonl", "--json"],
        &["logs", "."],
        &["logs", "\u{1b}[2Jbad.csv"],
        &["fit", "runs.jsonl", "--verbose", "--bootstrap", "20"],
        &["fit", "\u{1b}[2Jgone.csv"],
        &["plan", "--law", "\u{1b}[31mred", "--flops", "1e20"],
        &["plan", "--law", "besiroglu", "--flops", "\u{1b}[31m1e20"],
        &["\u{1b}[31mverb"],
        &["plan", "--\u{1b}[31mflag"],
        &["explain", "\u{9b}2J"],
        &["man", "\u{1b}[2J"],
    ];
    for args in shown {
        let output = isoloss(args, folder.path());
        for stream in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(stream);
            let bad =
                text.chars().find(|c| c.is_control() && !"\n\t".contains(*c) || *c == '\u{202e}');
            assert_eq!(bad, None, "{args:?}: {text:?}");
        }
    }
}
