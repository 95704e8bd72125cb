//! Which room of the house may import which, and who may touch files, print or read the clock.

use std::path::{Path, PathBuf};

/// (room, rooms it may import). A room may always import itself, and all but `units` may import
/// `error` and `units`.
const ARROWS: [(&str, &[&str]); 15] = [
    ("units", &[]),
    ("error", &[]),
    ("num", &[]),
    ("flops", &[]),
    ("law", &["num"]),
    ("data", &["flops"]),
    ("fit", &["law", "data", "num"]),
    ("cost", &["flops", "num"]),
    ("plan", &["law", "cost", "flops", "num"]),
    ("sweep", &["law", "data", "flops", "num"]),
    ("train", &["sweep", "data", "flops"]),
    ("report", &["num", "flops", "law", "data", "fit", "cost", "plan", "sweep"]),
    ("study", &["num", "flops", "law", "data", "fit", "cost", "plan", "sweep", "report"]),
    ("serve", &["num", "law", "data", "fit", "cost", "plan", "report", "study"]),
    (
        "cli",
        &[
            "num", "flops", "law", "data", "fit", "cost", "plan", "sweep", "train", "report",
            "study", "serve",
        ],
    ),
];

const EVERYWHERE: [&str; 2] = ["error", "units"];

const FILE_ROOMS: [&str; 6] = ["data", "report", "study", "sweep", "train", "cli"];

/// A line of code outside comments and test modules.
struct Line {
    room: String,
    place: String,
    text: String,
}

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("src can be listed");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry of src").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs")
            && path.file_name().is_none_or(|n| n != "tests.rs")
        {
            found.push(path);
        }
    }
}

/// Code lines of every room; `lib.rs` and `main.rs` belong to none.
fn code_lines() -> Vec<Line> {
    let root = source_root();
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let mut lines = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).expect("a file under src");
        let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
        let room = first.trim_end_matches(".rs").to_owned();
        if room == "lib" || room == "main" {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("source is UTF-8");
        let all: Vec<&str> = text.lines().collect();
        let tests = all
            .windows(2)
            .position(|w| w[0].trim() == "#[cfg(test)]" && w[1].trim_start().starts_with("mod "));
        for (i, line) in all[..tests.unwrap_or(all.len())].iter().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            lines.push(Line {
                room: room.clone(),
                place: format!("src/{}:{}", inside.display(), i + 1),
                text: code.to_owned(),
            });
        }
    }
    lines
}

/// Rooms named by `crate::room` in one line, `crate::{a::X, b}` included.
fn rooms_named(line: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let before = line[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &line[at + "crate::".len()..];
        let name = |text: &str| -> String {
            text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        };
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0_i32;
            let mut part = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth < 0 {
                    break;
                }
                if c == ',' && depth == 0 {
                    rooms.push(name(&part));
                    part.clear();
                } else {
                    part.push(c);
                }
            }
            rooms.push(name(&part));
        } else {
            rooms.push(name(rest));
        }
    }
    rooms.retain(|r| !r.is_empty());
    rooms
}

#[test]
fn paths_are_read_out_of_a_line() {
    assert_eq!(rooms_named("use crate::law::Surface;"), ["law"]);
    assert_eq!(rooms_named("use crate::{law::{At, Law}, num};"), ["law", "num"]);
    assert_eq!(rooms_named("f(crate::num::mean(x), crate::law::At)"), ["num", "law"]);
    assert!(rooms_named("use mycrate::law;").is_empty());
}

#[test]
fn every_room_imports_only_the_rooms_of_its_line() {
    let lines = code_lines();
    assert!(lines.len() > 1000, "the scan found the source");
    let (mut arrows, mut offenders) = (0, Vec::new());
    for line in &lines {
        // A group over several lines would hide its rooms from the scan.
        assert!(!line.text.trim_end().ends_with("crate::{"), "{}", line.place);
        let Some((_, allowed)) = ARROWS.iter().find(|(room, _)| *room == line.room) else {
            offenders.push(format!("{}: `{}` is no room", line.place, line.room));
            continue;
        };
        for named in rooms_named(&line.text) {
            arrows += 1;
            let fine = named == line.room
                || (line.room != "units" && EVERYWHERE.contains(&named.as_str()))
                || allowed.contains(&named.as_str());
            if !fine {
                let code = line.text.trim();
                offenders.push(format!("{}: {} -> {named}: {code}", line.place, line.room));
            }
        }
    }
    assert!(arrows > 100, "{arrows} arrows found");
    assert!(offenders.is_empty(), "\n{}", offenders.join("\n"));
}

#[test]
fn only_file_rooms_touch_files_and_only_the_cli_prints_or_reads_the_environment() {
    let mut offenders = Vec::new();
    for line in code_lines() {
        let has = |words: &[&str]| words.iter().any(|w| line.text.contains(w));
        let files = has(&["std::fs", "fs::read", "File::open", "File::create"]);
        let prints = has(&["println!", "print!(", "dbg!("]);
        let reads_environment = has(&["env::var", "env::args", "env::current_dir"]);
        let bad = files && !FILE_ROOMS.contains(&line.room.as_str())
            || (prints || reads_environment) && line.room != "cli";
        if bad {
            offenders.push(format!("{}: {}", line.place, line.text.trim()));
        }
    }
    assert!(offenders.is_empty(), "\n{}", offenders.join("\n"));
}

/// Whether text of a program names a flag or a command of it: `--map`, `isoloss fit`.
fn speaks_of_the_command_line(code: &str) -> bool {
    let Some(quote) = code.find('"') else { return false };
    let text = &code[quote..];
    let is_flag = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + 2..].chars().next();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '-')
            && after.is_some_and(|c| c.is_ascii_lowercase())
    };
    const VERBS: [&str; 19] = [
        "logs",
        "fit",
        "benchmark",
        "forecast",
        "predict",
        "plan",
        "recipe",
        "serving",
        "curve",
        "compare",
        "explain",
        "sweep",
        "corpus",
        "train",
        "validate",
        "study",
        "laws",
        "models",
        "devices",
    ];
    text.match_indices("--").any(|(at, _)| is_flag(at))
        || text.match_indices("isoloss ").any(|(at, found)| {
            let next = text[at + found.len()..].split(|c: char| !c.is_ascii_lowercase()).next();
            next.is_some_and(|word| VERBS.contains(&word))
        })
}

/// Files that start programs: the flags are those of the programs.
const STARTS_PROGRAMS: [&str; 2] = ["src/sweep/engine/", "src/sweep/slurm_spec.rs"];

#[test]
fn only_the_command_line_speaks_of_flags_and_commands() {
    assert!(speaks_of_the_command_line("give(\"use --map n=COLUMN\")"));
    assert!(speaks_of_the_command_line("\"`isoloss laws` lists them\""));
    assert!(!speaks_of_the_command_line("let a = --b;"));
    assert!(!speaks_of_the_command_line("\"isoloss 0.1\", \"a -- b\""));
    let offenders: Vec<String> = code_lines()
        .into_iter()
        .filter(|line| line.room != "cli" && speaks_of_the_command_line(&line.text))
        .filter(|line| !STARTS_PROGRAMS.iter().any(|at| line.place.starts_with(at)))
        .map(|line| format!("{}: {}", line.place, line.text.trim()))
        .collect();
    assert!(offenders.is_empty(), "\n{}", offenders.join("\n"));
}
