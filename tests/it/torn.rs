//! Files as crashes, editors and strangers leave them: holes, cuts, other encodings, pipes, bombs.

use std::io::Write;
use std::path::{Path, PathBuf};

use isoloss::data::{ReadOptions, RunTable, read};
use isoloss::error::Error;

use crate::shared::shared_folder;

/// The kinds of text a run can be logged as.
const KINDS: [&str; 3] = ["csv", "jsonl", "log"];

const STEPS: usize = 400;

/// A finished run in one of the kinds, long enough that damage leaves most of it.
fn log_of(kind: &str) -> String {
    let loss = |step: usize| 2.0 + 20.0 / (step as f64).sqrt();
    let steps = 1..=STEPS;
    match kind {
        "csv" => {
            let rows =
                steps.map(|s| format!("{s},{},{:.6},{STEPS},10000000\n", 65_536 * s, loss(s)));
            "step,tokens,eval/loss,max_steps,n_params\n".to_owned() + &rows.collect::<String>()
        }
        "jsonl" => {
            let rows = steps.map(|s| {
                format!(
                    "{{\"step\": {s}, \"tokens\": {}, \"eval/loss\": {:.6}}}\n",
                    65_536 * s,
                    loss(s)
                )
            });
            let config = format!("{{\"n_params\": 10000000, \"max_steps\": {STEPS}}}\n");
            config + &rows.collect::<String>()
        }
        _ => {
            let rows = steps.map(|s| {
                format!(
                    "iter {s}: loss {:.4}, time 20.00ms, mfu 1.00%\nstep {s}: train loss {:.4}, val loss {:.4}\n",
                    loss(s),
                    loss(s),
                    loss(s)
                )
            });
            "number of parameters: 10.00M\n".to_owned() + &rows.collect::<String>()
        }
    }
}

fn options() -> ReadOptions {
    let given = ["batch_size=128", "seq_len=512", "n_params=10000000"];
    let given = given.iter().map(|fact| fact.parse().expect("a fact")).collect();
    ReadOptions { given, ..ReadOptions::default() }
}

/// Reads bytes as the one file of a folder.
fn read_as(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<RunTable, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    read(&[path], options)
}

fn told(table: &RunTable) -> String {
    table.skipped.iter().map(|skipped| format!("{skipped}\n")).collect()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    to.write_all(bytes).expect("memory");
    to.finish().expect("memory")
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let text = text.replace('\n', "\r\n");
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
}

fn same_runs(a: &RunTable, b: &RunTable) {
    assert!(!a.runs.is_empty());
    let rows = |table: &RunTable| -> Vec<(String, f64, f64, f64)> {
        let row = |r: &isoloss::data::RunRecord| (r.run.clone(), r.n.get(), r.d.get(), r.loss_nats);
        table.runs.iter().map(row).collect()
    };
    assert_eq!(rows(a), rows(b));
}

#[test]
fn utf16_is_read_as_utf8_is() {
    for kind in KINDS {
        let text = log_of(kind);
        let plain = read_as(&format!("a.{kind}"), text.as_bytes(), &options()).expect("a run");
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let file = utf16(&text, bytes);
            let table = read_as(&format!("a.{kind}"), &file, &options()).expect("a run");
            same_runs(&table, &plain);
            let table = read_as(&format!("a.{kind}.gz"), &gz(&file), &options()).expect("a run");
            same_runs(&table, &plain);
        }
    }
}

#[test]
fn a_hole_costs_the_lines_it_touches() {
    for kind in KINDS {
        let text = log_of(kind);
        let length = text.len();
        let whole = read_as(&format!("a.{kind}"), text.as_bytes(), &options()).expect("a run");
        // The end keeps its last rows, of which the loss is.
        let places = [length / 4, length / 2, length - 4096 - 400];
        for at in places.into_iter().chain((kind != "csv").then_some(0)) {
            let mut holed = text.clone().into_bytes();
            holed[at..at + 4096].fill(0);
            let table = read_as(&format!("a.{kind}"), &holed, &options()).expect("a run");
            same_runs(&table, &whole);
            let told = told(&table);
            assert!(told.contains("a hole of 4096 NUL bytes"), "{kind} at {at}: {told}");
            assert!(told.contains("line "), "{told}");
            let strict = ReadOptions { strict: true, ..options() };
            let error = read_as(&format!("a.{kind}"), &holed, &strict).expect_err("strict");
            assert!(error.to_string().contains("NUL"), "{error}");
        }
    }
}

#[test]
fn a_hole_longer_than_the_beginning_that_decides_is_passed_over() {
    let mut file = vec![0; 700 << 10];
    file.extend_from_slice(log_of("log").as_bytes());
    let table = read_as("a.log", &file, &options()).expect("a run");
    assert!(told(&table).contains("NUL bytes"), "{}", told(&table));
}

#[test]
fn binary_stays_refused() {
    let mut binary: Vec<u8> =
        (0..9000_u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for name in ["a.log", "a.csv", "a.jsonl"] {
        let error = read_as(name, &binary, &options()).expect_err("binary");
        assert!(error.to_string().contains("binary"), "{error}");
        binary[..8].copy_from_slice(b"step 1,2");
    }
    let error = read_as("zeros.log", &[0; 100_000], &options()).expect_err("zeros");
    assert!(error.to_string().contains("binary"), "{error}");
}

#[test]
fn a_cut_compressed_log_is_read_up_to_the_cut_and_says_so() {
    for kind in ["csv", "jsonl"] {
        let text = log_of(kind);
        let half = text[..text.len() / 2].rfind('\n').expect("a line end") + 1;
        let members = [gz(&text.as_bytes()[..half]), gz(&text.as_bytes()[half..])].concat();
        for file in [gz(text.as_bytes()), members] {
            for share in [5, 7, 9] {
                let cut = &file[..file.len() * share / 10];
                let name = format!("a.{kind}.gz");
                let error = read_as(&name, cut, &options()).expect_err("not at its end");
                let told = error.to_string();
                assert!(told.contains("truncated after"), "{told}");
                let strict = ReadOptions { strict: true, ..options() };
                assert!(read_as(&name, cut, &strict).is_err());
            }
            // All but the last bytes of the checksum: every step is there.
            let table = read_as(&format!("a.{kind}.gz"), &file[..file.len() - 2], &options());
            let table = table.expect("a run that took all its steps");
            assert!(told(&table).contains("the compressed file is truncated after"));
        }
    }
}

#[test]
fn a_run_whose_file_is_cut_off_says_at_which_step() {
    let (csv, jsonl) = (log_of("csv"), log_of("jsonl"));
    let upto = |text: &str, what: &str, more: usize| {
        let end = text.find(what).expect("a step") + more;
        text.as_bytes()[..end].to_vec()
    };
    let at_240 = "its file is cut off at step 240 of the 400 planned";
    for (name, bytes, reason) in [
        ("row.csv", upto(&csv, "\n241,", 9), at_240),
        ("object.jsonl", upto(&jsonl, "\"step\": 241", 20), at_240),
        ("packed.csv.gz", gz(csv.as_bytes())[..1500].to_vec(), "its file is cut off at step "),
        ("stopped.csv", upto(&csv, "\n241,", 1), "stops at step 240 of the 400 planned"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).expect("written");
        };
        write("whole.csv", csv.as_bytes());
        write(name, &bytes);
        let table = read(&[folder.path()], &options()).expect("one run");
        assert_eq!(table.runs.len(), 1, "{name}");
        let left_out = table.skipped.iter().find(|s| s.run.is_some()).expect("a run");
        assert!(left_out.reason.starts_with(reason), "{name}: {}", left_out.reason);
    }
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut file = gz(log_of("csv").as_bytes());
    let at = file.len() - 6;
    file[at] ^= 4;
    let error = read_as("a.csv.gz", &file, &options()).expect_err("a wrong checksum");
    assert!(error.to_string().contains("checksum"), "{error}");
}

#[test]
fn long_cells_make_no_rows() {
    let rows = |long: &str| format!("run,n,d,loss,note\na,1e8,2e9,3.1,{long}\nb,2e8,4e9,2.9,x\n");
    let quoted = format!("\"{}\"", "1e8,2e9,3.1,2,x\n".repeat(330_000));
    for long in [quoted, "x".repeat(5 << 20)] {
        let table = read_as("a.csv", rows(&long).as_bytes(), &ReadOptions::default());
        let table = table.expect("a table");
        assert_eq!((table.runs.len(), table.skipped.len()), (2, 0));
    }
    let file = rows(&"x".repeat(20 << 20));
    let skip_bad = ReadOptions { skip_bad: true, ..ReadOptions::default() };
    let table = read_as("a.csv", file.as_bytes(), &skip_bad).expect("a table");
    assert_eq!(table.runs.len(), 1);
    assert!(told(&table).contains("a.csv:2: the line is longer than 16 MiB"), "{}", told(&table));
    let error = read_as("a.csv", file.as_bytes(), &ReadOptions::default()).expect_err("a bad row");
    assert!(error.to_string().contains("longer than 16 MiB"), "{error}");
}

#[test]
fn long_lines_of_a_step_log_are_damage() {
    for (kind, line) in [
        ("csv", format!("{},1,2,3,4\n", "9".repeat(17 << 20))),
        ("jsonl", format!("{{\"step\": 3, \"note\": \"{}\"}}\n", "x".repeat(17 << 20))),
        ("log", format!("step 3: train loss {}\n", "x".repeat(17 << 20))),
    ] {
        let text = log_of(kind);
        let whole = read_as(&format!("a.{kind}"), text.as_bytes(), &options()).expect("a run");
        let half = text[..text.len() / 2].rfind('\n').expect("a line end") + 1;
        let at = text[..half].lines().count() + 1;
        let long = [&text[..half], &line, &text[half..]].concat();
        let table = read_as(&format!("a.{kind}"), long.as_bytes(), &options()).expect("a run");
        same_runs(&table, &whole);
        let told = told(&table);
        assert!(told.contains(&format!("line {at}: the line is longer than 16 MiB")), "{told}");
    }
}

#[test]
fn a_stray_quote_costs_its_line() {
    let text = log_of("csv");
    let whole = read_as("a.csv", text.as_bytes(), &options()).expect("a run");
    let text = text.replacen("\n200,", "\n\"200,", 1);
    let table = read_as("a.csv", text.as_bytes(), &options()).expect("a run");
    same_runs(&table, &whole);
    assert!(told(&table).contains("line 201: the row has 1 cells"), "{}", told(&table));
}

/// 24 million cells in some 300 kB.
#[test]
fn a_bomb_of_rows_is_refused_with_the_limit() {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    to.write_all(b"run,n,d,loss\n").expect("memory");
    let block = "a,1e8,2e9,3.1\n".repeat(60_000);
    (0..100).for_each(|_| to.write_all(block.as_bytes()).expect("memory"));
    let file = to.finish().expect("memory");
    let error = read_as("a.csv.gz", &file, &ReadOptions::default()).expect_err("a bomb");
    assert!(error.to_string().contains("more than 20000000 cells"), "{error}");
    let error = read_as("a.csv", "a,b\n1\n".repeat(300_000).as_bytes(), &ReadOptions::default());
    assert!(error.is_err());
}

/// A name that could run in a spreadsheet, a terminal or a browser.
const NAMES: [&str; 6] =
    ["=HYPERLINK(\"http://x\")", "@SUM(1)", "-run", "+run", "<script>alert(1)</script>|x", "-1.5"];

#[test]
fn names_that_are_formulas_are_text_and_come_back() {
    let rows = NAMES.iter().enumerate().map(|(i, name)| {
        let quoted = name.replace('"', "\"\"");
        format!("\"{quoted}\",{}e8,{}e9,3.{i}\n", i + 1, i + 2)
    });
    let text = "run,n,d,loss\n".to_owned() + &rows.collect::<String>();
    let table = read_as("a.csv", text.as_bytes(), &ReadOptions::default()).expect("a table");
    let csv = isoloss::report::runs_csv(&table).expect("csv");
    for cell in ["\"'=HYPERLINK(", "\n'@SUM(1),", "\n'-run,", "\n'+run,", "\n-1.5,", "\n<script>"] {
        assert!(csv.contains(cell), "{cell}: {csv}");
    }
    let again = read_as("runs.csv", csv.as_bytes(), &ReadOptions::default()).expect("a table");
    same_runs(&again, &table);
    let markdown = isoloss::report::runs_table(&table.runs).to_markdown();
    assert!(markdown.contains("| &lt;script>alert(1)&lt;/script>\\|x |"), "{markdown}");
}

#[test]
fn samples_with_holes_cuts_and_utf16_are_read() {
    let Some(shared) = shared_folder("samples with holes, cuts and UTF-16") else { return };
    let samples = shared.join("log-samples");
    let truth = std::fs::read_to_string(samples.join("truth-2.json")).expect("the truth");
    let truth: serde_json::Value = serde_json::from_str(&truth).expect("JSON");
    for (folder, says) in [("nul-hole", "NUL"), ("truncated-csv-gz", "truncated after")] {
        let table = read(&[samples.join(folder)], &ReadOptions::default()).expect("runs");
        assert!(told(&table).contains(says), "{}", told(&table));
        let runs = truth["formats"][folder]["runs"].as_array().expect("runs");
        let wanted: Vec<_> = runs.iter().filter(|run| run["expect"] == "read").collect();
        assert_eq!(table.runs.len(), wanted.len(), "{folder}");
        for run in wanted {
            let found = table.runs.iter().find(|r| run["run"] == r.run.as_str()).expect("the run");
            let close = |x: f64, key: &str, most: f64| {
                let y = run[key].as_f64().expect("a number");
                assert!((x / y - 1.0).abs() <= most, "{folder} {} {key}: {x}, not {y}", found.run);
            };
            close(found.d.get(), "tokens", 0.01);
            close(found.loss_nats, "loss", 0.001);
        }
    }
    let options = ReadOptions {
        given: ["seq_len=512", "batch_size=128"].map(|f| f.parse().expect("a fact")).to_vec(),
        ..ReadOptions::default()
    };
    let table = read(&[samples.join("utf16-text/cedar-s.txt")], &options).expect("a run");
    assert!((table.runs[0].loss_nats / 5.851_464 - 1.0).abs() < 0.001);
    assert!((table.runs[0].d.get() / 26_214_400.0 - 1.0).abs() < 0.01);
}

/// Every kind, cut, holed, flipped, packed and recoded at random: no panic, and no more runs than
/// there are.
mod at_random {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Harm {
        Flip(usize, u8),
        Cut(usize),
        Hole(usize, usize),
        Repeat(usize, usize),
    }

    fn harms() -> impl Strategy<Value = Vec<Harm>> {
        let at = 0..40_000_usize;
        let one = prop_oneof![
            (at.clone(), 0..8_u8).prop_map(|(at, bit)| Harm::Flip(at, bit)),
            at.clone().prop_map(Harm::Cut),
            (at.clone(), 1..9000_usize).prop_map(|(at, n)| Harm::Hole(at, n)),
            (at, 1..3000_usize).prop_map(|(at, n)| Harm::Repeat(at, n)),
        ];
        prop::collection::vec(one, 1..4)
    }

    fn harmed(mut bytes: Vec<u8>, harms: &[Harm]) -> Vec<u8> {
        for harm in harms {
            let length = bytes.len().max(1);
            match *harm {
                Harm::Flip(at, bit) => {
                    if let Some(byte) = bytes.get_mut(at % length) {
                        *byte ^= 1 << bit;
                    }
                }
                Harm::Cut(at) => bytes.truncate(at % length),
                Harm::Hole(at, n) => {
                    let end = (at % length + n).min(bytes.len());
                    let at = (at % length).min(end);
                    bytes[at..end].fill(0);
                }
                Harm::Repeat(at, n) => {
                    let end = (at % length + n).min(bytes.len());
                    let at = (at % length).min(end);
                    bytes.extend_from_within(at..end);
                }
            }
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 150,
            rng_seed: proptest::test_runner::RngSeed::Fixed(23),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn harmed_logs_are_read_or_refused(
            harms in harms(), kind in 0..3_usize, recoded in any::<bool>(), packed in any::<bool>(),
            after in any::<bool>(),
        ) {
            let (kind, text) = (KINDS[kind], log_of(KINDS[kind]));
            let file = if recoded { utf16(&text, u16::to_le_bytes) } else { text.into_bytes() };
            let pack = |bytes: Vec<u8>| if packed { gz(&bytes) } else { bytes };
            let file = if after { harmed(pack(file), &harms) } else { pack(harmed(file, &harms)) };
            for strict in [false, true] {
                let options = ReadOptions { strict, ..options() };
                let Ok(table) = read_as(&format!("a.{kind}"), &file, &options) else { continue };
                // A harmed header may make a table of it, never more rows than lines.
                prop_assert!(table.runs.len() <= 2 * STEPS + 50);
                prop_assert!(told(&table).len() < 200_000);
            }
        }
    }
}

#[cfg(all(unix, feature = "cli"))]
mod pipes {
    use std::process::{Child, Command, Output, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    fn started(args: &[&str], folder: &Path) -> Child {
        Command::new(env!("CARGO_BIN_EXE_isoloss"))
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts")
    }

    /// What comes out when `text` is written to standard input in slow pieces.
    fn piped(args: &[&str], text: &[u8]) -> Output {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = started(args, folder.path());
        let mut stdin = child.stdin.take().expect("a pipe");
        for piece in text.chunks(text.len().div_ceil(4).max(1)) {
            std::thread::sleep(Duration::from_millis(30));
            let _ = stdin.write_all(piece);
        }
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn fifo(folder: &Path) -> PathBuf {
        let path = folder.join("pipe.csv");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        path
    }

    #[test]
    fn standard_input_is_a_log_of_any_kind() {
        let facts =
            ["--given", "batch_size=128", "--given", "seq_len=512", "--given", "n_params=1e7"];
        for kind in KINDS {
            let bytes = log_of(kind);
            for file in [bytes.as_bytes().to_vec(), gz(bytes.as_bytes())] {
                let args = [["logs", "-"].as_slice(), &facts, &["--json"]].concat();
                let output = piped(&args, &file);
                assert!(output.status.success(), "{kind}: {}", text(&output.stderr));
                let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
                assert_eq!(json["runs"][0]["d"], 400.0 * 65_536.0, "{kind}");
                assert_eq!(json["files"][0]["path"], "-");
                let run = json["runs"][0]["run"].as_str().expect("a name");
                assert!(run == "stdin", "{run}");
            }
        }
        for nothing in [b"".as_slice(), b"\n"] {
            let output = piped(&["logs", "-"], nothing);
            assert!(text(&output.stderr).contains("holds no rows"), "{}", text(&output.stderr));
        }
    }

    /// Each of these looks at its files more than once.
    #[test]
    fn verbs_that_read_twice_take_a_pipe() {
        let law = "C,loss\n1e18,3.5\n1e19,3.1\n1e20,2.8\n1e21,2.55\n1e22,2.38\n1e23,2.25\n";
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("law.csv");
        std::fs::write(&file, law).expect("written");
        let path = file.to_str().expect("text");
        let args = ["fit", "--bootstrap", "0", "--json"];
        let named = piped(&[args.as_slice(), &[path]].concat(), b"");
        let from_pipe = piped(&[args.as_slice(), &["-"]].concat(), law.as_bytes());
        assert_eq!(text(&named.stderr), text(&from_pipe.stderr));
        assert_eq!(text(&named.stdout), text(&from_pipe.stdout));
        assert!(!named.stdout.is_empty());
        let curve: String = std::iter::once("step,lr,loss\n".to_owned())
            .chain((1..400).map(|s| format!("{s},1e-3,{}\n", 2.0 + 20.0 / f64::from(s).sqrt())))
            .collect();
        let output = piped(&["forecast", "-", "--until", "800", "--json"], curve.as_bytes());
        assert!(!text(&output.stderr).contains("empty"), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("holds no rows"), "{}", text(&output.stderr));
    }

    #[test]
    fn a_named_pipe_with_a_slow_writer_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = fifo(folder.path());
        let child = started(&["logs", "pipe.csv"], folder.path());
        std::thread::sleep(Duration::from_millis(300));
        let mut pipe = std::fs::OpenOptions::new().write(true).open(&path).expect("a reader");
        for piece in log_of("csv").as_bytes().chunks(5000) {
            std::thread::sleep(Duration::from_millis(50));
            pipe.write_all(piece).expect("read");
        }
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("pipe.csv"), "{}", text(&output.stdout));
    }

    #[test]
    fn a_pipe_that_nothing_writes_to_is_not_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        fifo(folder.path());
        let begin = Instant::now();
        let output = started(&["logs", "pipe.csv"], folder.path()).wait_with_output();
        let output = output.expect("it ends");
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("pipe.csv") && told.contains("nothing opened"), "{told}");
    }

    #[test]
    fn a_pipe_in_a_folder_is_passed_over_and_a_device_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        fifo(folder.path());
        std::fs::write(folder.path().join("a.csv"), log_of("csv")).expect("written");
        let begin = Instant::now();
        let table = read(&[folder.path()], &ReadOptions::default()).expect("a run");
        assert_eq!((table.runs.len(), table.files.len()), (1, 1));
        assert!(begin.elapsed() < Duration::from_secs(5));
        let error = read(&["/dev/null"], &ReadOptions::default()).expect_err("nothing");
        assert!(error.to_string().contains("holds no rows"), "{error}");
    }

    #[test]
    fn names_do_not_act_on_the_terminal() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = "\u{1b}]0;x\u{7}\u{202e}run";
        let rows = format!("run,n,d,loss\n{name},1e8,2e9,3.1\n{name},x\u{1b}[2J,4e9,2.9\n");
        let file = "a\u{1b}[31m.csv";
        std::fs::write(folder.path().join(file), rows).expect("written");
        for args in [["logs", file].as_slice(), &["fit", file], &["logs", file, "--json"]] {
            let output = started(args, folder.path()).wait_with_output().expect("it ends");
            let all = text(&output.stdout) + &text(&output.stderr);
            assert!(!all.is_empty());
            let acts = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
            assert!(!all.contains(acts), "{all:?}");
        }
    }
}
