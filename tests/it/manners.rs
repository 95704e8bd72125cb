//! Manners of the command line: colour, quiet, help, completions, manual pages, names of flags.

use std::process::{Command, Output};

use super::cli::{here, isoloss, json, refusal};

const BEYOND: &[&str] = &["plan", "--law", "besiroglu", "--flops", "1e27"];

fn with(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isoloss"));
    command
        .args(args)
        .current_dir(here())
        .envs(variables.iter().copied())
        .output()
        .expect("it starts")
}

fn has_colour(bytes: &[u8]) -> bool {
    bytes.contains(&0x1b)
}

#[test]
fn colour_is_for_terminals_or_where_it_is_asked_for() {
    let always = [&["--color", "always"], BEYOND].concat();
    let never = [&["--color", "never"], BEYOND].concat();
    let plain = isoloss(BEYOND, here());
    assert!(!has_colour(&plain.stdout) && !has_colour(&plain.stderr));
    let coloured = isoloss(&always, here());
    assert!(has_colour(&coloured.stdout) && has_colour(&coloured.stderr));
    for (args, variables, expected) in [
        (BEYOND, &[("CLICOLOR_FORCE", "1")][..], true),
        (BEYOND, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&never, &[("CLICOLOR_FORCE", "1")], false),
        (&always, &[("NO_COLOR", "1")], true),
    ] {
        let output = with(args, variables);
        assert_eq!(has_colour(&output.stderr), expected, "{args:?} {variables:?}");
    }
    // Without the colour the words are the same.
    let stripped = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut pieces = text.split('\u{1b}');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |text, piece| text + piece.split_once('m').expect("a colour").1)
    };
    assert_eq!(stripped(&coloured.stdout).as_bytes(), plain.stdout);
    assert_eq!(stripped(&coloured.stderr).as_bytes(), plain.stderr);
    // JSON is for scripts.
    assert!(!has_colour(&isoloss(&[&always[..], &["--json"]].concat(), here()).stdout));
}

#[test]
fn quiet_says_errors_alone_and_changes_no_result() {
    let (loud, quiet) = (isoloss(BEYOND, here()), isoloss(&[&["-q"], BEYOND].concat(), here()));
    assert!(!loud.stderr.is_empty() && quiet.stderr.is_empty());
    assert_eq!(loud.stdout, quiet.stdout);
    let strict = isoloss(&[&["-q", "--strict"], BEYOND].concat(), here());
    assert_eq!(strict.status.code(), Some(3));
    let (code, said) = refusal(&["-q", "fit", "gone.csv"], here());
    assert!(code == 2 && said.starts_with("error: "), "{said}");
    let (code, _) = refusal(&["-q", "-v", "laws"], here());
    assert_eq!(code, 2);
}

#[test]
fn verbose_says_more() {
    let lines = |args: &[&str]| isoloss(args, here()).stdout.split(|b| *b == b'\n').count();
    let fit = ["fit", "data/first-light/runs.jsonl", "--bootstrap", "50"];
    assert!(lines(&[&fit[..], &["-v"]].concat()) > lines(&fit));
    assert!(lines(&[BEYOND, &["--verbose"]].concat()) > lines(BEYOND));
}

#[test]
fn every_shell_gets_completions_of_every_verb() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = isoloss(&["completions", shell], here());
        let script = String::from_utf8(output.stdout).expect("UTF-8");
        for word in ["forecast", "serve-tokens", "bootstrap", "huber-log"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
        assert_eq!(json(&["completions", shell, "--json"])["script"], script);
        if shell == "bash" {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("script"), &script).expect("written");
            let checked =
                Command::new("bash").args(["-n", "script"]).current_dir(folder.path()).status();
            assert!(checked.map_or(true, |status| status.success()), "bash cannot read it");
        }
    }
}

#[test]
fn manual_pages_hold_every_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().to_str().expect("UTF-8");
    assert!(isoloss(&["man", "-o", out], here()).status.success());
    for name in ["isoloss.1", "isoloss-plan.1", "isoloss-sweep-run.1", "isoloss-devices.1"] {
        let page = std::fs::read_to_string(folder.path().join(name)).expect(name);
        assert!(page.contains(".TH") && page.contains(".SH NAME"), "{name}");
    }
    let page = std::fs::read_to_string(folder.path().join("isoloss-plan.1")).expect("a page");
    assert!(page.contains("serve\\-tokens") && page.contains(".SH EXAMPLES\n.nf\n"));
    let one = isoloss(&["man", "plan"], here());
    assert_eq!(String::from_utf8(one.stdout).expect("UTF-8"), page);
    let (code, said) = refusal(&["man", "plann"], here());
    assert!(code == 2 && said.contains("there is no verb `plann`"), "{said}");
}

#[test]
fn the_number_of_devices_has_one_name_and_the_old_ones_still_work() {
    let serving = ["serving", "Mixtral 8x7B", "--device", "H100 SXM", "--batch", "1", "--json"];
    let named = |flag: &str| json(&[&serving[..], &[flag, "2"]].concat());
    for old in ["--devices", "--serve-devices", "--serve-gpus"] {
        assert_eq!(named("--gpus"), named(old), "{old}");
    }
    let plan = ["plan", "--law", "besiroglu", "--quality-of", "30B", "--serve-tokens", "2T"];
    let served = [&plan[..], &["--serve-device", "H100 SXM", "--draws", "0", "--json"]].concat();
    let named = |flag: &str| json(&[&served[..], &[flag, "2"]].concat());
    assert_eq!(named("--serve-gpus"), named("--serve-devices"));
    let budget = [
        "plan",
        "--law",
        "besiroglu",
        "--device",
        "H200",
        "--days",
        "30",
        "--draws",
        "0",
        "--json",
    ];
    let named = |flag: &str| json(&[&budget[..], &[flag, "64"]].concat());
    assert_eq!(named("--gpus"), named("--devices"));
}

#[test]
fn a_misspelt_name_is_answered_by_a_sensible_one() {
    for (args, meant) in [
        (&["plan", "--law", "hoffman", "--flops", "1e22"][..], "hoffmann-a3"),
        (&["explain", "Chinchila"], "Chinchilla 70B"),
        (&["serving", "Mistral 7B", "--device", "gh200"], "H200 SXM"),
    ] {
        let (code, said) = refusal(args, here());
        assert!(code == 2 && said.contains("did you mean") && said.contains(meant), "{said}");
    }
    let (_, said) = refusal(&["serving", "Mistral 7B", "--device", "V100"], here());
    assert!(!said.contains("did you mean"), "{said}");
}
