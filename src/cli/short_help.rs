//! `-h` on one screen: the flags most people need, and an example or two. `--help` has the rest.

use clap::Command;

use super::COLUMNS;

/// Lines of a screen.
#[cfg(test)]
const SCREEN: usize = 24;

/// Examples that fit beside the flags.
const EXAMPLES: usize = 2;

/// Flags of each verb that `-h` shows, by their ids.
const SHOWN: &[(&str, &[&str])] = &[
    ("logs", &["given", "map", "out"]),
    ("fit", &["law", "hold_out", "at", "by", "map", "test", "out"]),
    ("benchmark", &["law", "flops", "target", "map"]),
    ("forecast", &["run", "until", "shape", "law", "out"]),
    ("tune", &["at_params", "at_tokens", "lr", "batch", "out"]),
    ("gain", &["by", "base", "joint", "tps_a", "tps_b", "out"]),
    ("mix", &["target", "prior", "budget", "tokens", "cap", "test", "design", "out"]),
    ("predict", &["quantiles", "out"]),
    (
        "plan",
        &["law", "flops", "usd", "gpus", "device", "days", "quality_of", "serve_tokens", "out"],
    ),
    ("recipe", &["params", "tokens", "device", "gpus", "days", "out"]),
    ("serving", &["device", "gpus", "bits", "tpot", "out"]),
    ("curve", &["law", "quality_of", "loss", "models", "out"]),
    ("compare", &["law", "quality_of", "sizes", "ratios"]),
    ("explain", &["law", "params", "tokens", "against"]),
    #[cfg(feature = "serve")]
    ("serve", &["law", "port", "no_open"]),
    ("run", &["dry_run", "executor", "jobs"]),
    ("export", &["out", "steps"]),
    ("next", &["flops", "spend", "law", "out"]),
    ("validate", &["law", "sweep", "out"]),
    ("corpus", &["tokenizer", "text_field", "out"]),
    ("study", &["out"]),
    ("init", &["out"]),
    ("man", &["out"]),
];

/// Verbs that `isoloss -h` names without saying what they do.
const ALSO: &[&str] = &[
    "benchmark",
    "forecast",
    "tune",
    "corpus",
    "train",
    "talk",
    "laws",
    "models",
    "devices",
    "completions",
    "man",
];

/// The command line for somebody who asked with `-h`; `--help` is answered by the whole one.
///
/// - `overview`: whether isoloss itself is asked about, not a verb.
pub(super) fn on_one_screen(command: Command, overview: bool) -> Command {
    let command = if overview { with_overview(command) } else { command };
    // Flags of every verb are the same everywhere: the long help has them.
    let command = command.mut_args(|arg| arg.hide_short_help(true));
    verbs(&command)
        .into_iter()
        .fold(command, |command, verb| command.mut_subcommand(verb, shortened))
}

fn verbs(command: &Command) -> Vec<String> {
    command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
}

fn with_overview(command: Command) -> Command {
    let also = format!("Also: {}. All of it: isoloss --help", ALSO.join(", "));
    let command = command.disable_help_subcommand(true).after_help(also).help_template(
        "{about-with-newline}\n{usage-heading} isoloss <VERB> …\n\n{subcommands}{after-help}",
    );
    ALSO.iter().fold(command, |command, verb| command.mut_subcommand(verb, |verb| verb.hide(true)))
}

fn shortened(verb: Command) -> Command {
    let verb =
        verbs(&verb).into_iter().fold(verb, |verb, name| verb.mut_subcommand(name, shortened));
    let name = verb.get_name().to_owned();
    let shown = SHOWN.iter().find(|(verb, _)| *verb == name).map_or(&[][..], |(_, shown)| shown);
    let verb = verb.mut_args(|arg| {
        let stays = arg.is_positional() || shown.contains(&arg.get_id().as_str());
        // A heading over one flag or two costs three lines.
        arg.hide_short_help(!stays).help_heading(None)
    });
    let examples = verb.get_after_help().map(|text| first_examples(&text.to_string()));
    let examples =
        examples.filter(|text| !text.is_empty()).map_or(String::new(), |text| text + "\n");
    let bare = if verb.has_subcommands() { "VERB " } else { "" };
    verb.after_help(format!("{examples}Every flag and example: isoloss {name} {bare}--help"))
}

/// The heading and the first examples of one line.
fn first_examples(text: &str) -> String {
    let mut lines = text.lines();
    let heading = lines.next().unwrap_or_default();
    let fits = |line: &&str| {
        line.trim_start().starts_with("isoloss ") && !line.ends_with('\\') && line.len() <= COLUMNS
    };
    let examples: Vec<&str> =
        lines.take_while(|line| !line.is_empty()).filter(fits).take(EXAMPLES).collect();
    if examples.is_empty() { String::new() } else { format!("{heading}\n{}", examples.join("\n")) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn short_help_fits_a_screen() {
        fn check(verb: &mut Command, large: &mut Vec<String>) {
            let name = verb.get_name().to_owned();
            let short = verb.render_help().to_string();
            let lines: Vec<&str> = short.lines().collect();
            let wide = lines.iter().any(|line| line.chars().count() > COLUMNS);
            if lines.len() > SCREEN || wide {
                large.push(format!("{name}: {} lines\n{short}", lines.len()));
            }
            for below in verb.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
                check(below, large);
            }
        }
        let built = |overview| {
            let mut command = on_one_screen(super::super::Cli::command(), overview).term_width(80);
            command.build();
            command
        };
        let mut overview = built(true);
        let short = overview.render_help().to_string();
        assert!(short.lines().count() <= SCREEN, "{} lines\n{short}", short.lines().count());
        let mut large = Vec::new();
        built(false)
            .get_subcommands_mut()
            .filter(|verb| verb.get_name() != "help")
            .for_each(|verb| check(verb, &mut large));
        assert!(large.is_empty(), "{}", large.join("\n"));
    }

    #[test]
    fn flags_that_are_shown_exist() {
        let mut command = super::super::Cli::command();
        command.build();
        let all =
            command.get_subcommands().flat_map(|v| std::iter::once(v).chain(v.get_subcommands()));
        let all: Vec<&Command> = all.collect();
        for (name, shown) in SHOWN {
            let verb = all.iter().find(|verb| verb.get_name() == *name).expect(name);
            for id in *shown {
                assert!(verb.get_arguments().any(|arg| arg.get_id() == *id), "{name}: {id}");
            }
        }
        assert!(ALSO.iter().all(|name| all.iter().any(|verb| verb.get_name() == *name)));
    }

    #[test]
    fn examples_of_one_line_are_kept() {
        let text =
            "Examples:\n  isoloss a \\\n    --b\n  isoloss c\n      why\n  isoloss d\n\nRead: all";
        assert_eq!(first_examples(text), "Examples:\n  isoloss c\n  isoloss d");
        assert_eq!(first_examples(""), "");
    }
}
