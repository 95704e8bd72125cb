//! `-h` on one screen: the flags most people need, and an example or two. `--help` has the rest.

use clap::Command;
use clap::builder::StyledStr;

/// Lines of a screen.
#[cfg(test)]
const SCREEN: usize = 24;

/// Examples that fit beside the flags.
const EXAMPLES: usize = 2;

/// Flags of each verb that `-h` shows, by their ids.
const SHOWN: &[(&str, &[&str])] = &[
    ("logs", &["given", "map", "out"]),
    ("fit", &["law", "hold_out", "at", "by", "map", "exclude", "test", "out"]),
    ("benchmark", &["law", "flops", "target", "map"]),
    ("forecast", &["run", "until", "shape", "law", "out"]),
    ("tune", &["at_params", "at_tokens", "lr", "batch", "out"]),
    ("predict", &["quantiles", "out"]),
    (
        "plan",
        &["law", "flops", "usd", "gpus", "device", "days", "quality_of", "serve_tokens", "out"],
    ),
    ("recipe", &["params", "tokens", "device", "gpus", "days", "out"]),
    ("serving", &["params", "device", "gpus", "bits", "batch", "tpot", "out"]),
    ("curve", &["law", "quality_of", "loss", "models", "out"]),
    ("compare", &["law", "quality_of", "sizes", "ratios"]),
    ("explain", &["law", "params", "tokens", "against"]),
    ("run", &["jobs"]),
    ("export", &["out", "steps"]),
    ("corpus", &["tokenizer", "text_field", "out"]),
    ("study", &["out"]),
    ("init", &["out"]),
    ("man", &["out"]),
];

/// Verbs that `isoloss -h` names without saying what they do.
const ALSO: &[&str] = &[
    "benchmark",
    "corpus",
    "train",
    "talk",
    "laws",
    "models",
    "devices",
    "completions",
    "man",
    "help",
];

/// Every verb with a short and a long help; `overview` where the short help of isoloss itself is asked
/// for.
pub(super) fn on_one_screen(command: Command, overview: bool) -> Command {
    let command = if overview { with_overview(command) } else { command };
    // Flags of every verb are the same everywhere: the long help has them.
    let command =
        command.mut_args(|arg| if arg.is_global_set() { arg.hide_short_help(true) } else { arg });
    verbs(&command)
        .into_iter()
        .fold(command, |command, verb| command.mut_subcommand(verb, shortened))
}

fn verbs(command: &Command) -> Vec<String> {
    command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
}

fn with_overview(command: Command) -> Command {
    let rest: Vec<&str> = ALSO.iter().copied().filter(|verb| *verb != "help").collect();
    let also = format!("Also: {}. All of it: isoloss --help", rest.join(", "));
    let command = command.disable_help_subcommand(true).after_help(also).help_template(
        "{about-with-newline}\n{usage-heading} isoloss <VERB> …\n\n{subcommands}{after-help}",
    );
    verbs(&command)
        .into_iter()
        .filter(|verb| ALSO.contains(&verb.as_str()))
        .fold(command, |command, verb| command.mut_subcommand(verb, |verb| verb.hide(true)))
}

fn shortened(verb: Command) -> Command {
    let verb = on_one_screen(verb, false);
    let name = verb.get_name().to_owned();
    let shown = SHOWN.iter().find(|(verb, _)| *verb == name).map_or(&[][..], |(_, shown)| shown);
    let verb = verb.mut_args(|arg| {
        let stays = arg.is_positional() || shown.contains(&arg.get_id().as_str());
        arg.hide_short_help(!stays)
    });
    let long = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
    let short = first_examples(&long);
    let more = format!("Every flag and example: isoloss {name} --help");
    let short = if short.is_empty() { more } else { format!("{short}\n{more}") };
    verb.after_help(StyledStr::from(short)).after_long_help(StyledStr::from(long))
}

/// The heading and the first examples, each with its continuation lines.
fn first_examples(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut examples = 0;
    for line in text.lines() {
        let begins = line.trim_start().starts_with("isoloss ");
        examples += usize::from(begins);
        if line.is_empty() || examples > EXAMPLES {
            break;
        }
        kept.push(line);
    }
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn short_help_fits_a_screen_and_long_help_has_every_flag() {
        fn check(verb: &mut Command) {
            let name = verb.get_name().to_owned();
            let short = verb.render_help().to_string();
            let lines: Vec<&str> = short.lines().collect();
            assert!(lines.len() <= SCREEN, "{name}: {} lines\n{short}", lines.len());
            let wide = lines.iter().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{name}\n{short}");
            let long = verb.render_long_help().to_string();
            for arg in verb.get_arguments().filter(|arg| !arg.is_hide_set()) {
                let flag = arg.get_long().map(|long| format!("--{long}"));
                assert!(flag.is_none_or(|flag| long.contains(&flag)), "{name} {arg}");
            }
            for below in verb.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
                check(below);
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
        built(false).get_subcommands_mut().for_each(check);
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
    fn an_example_of_two_lines_is_kept_whole() {
        let text =
            "Examples:\n  isoloss a \\\n    --b\n  isoloss c\n  isoloss d\n\nWhat is read: all";
        assert_eq!(first_examples(text), "Examples:\n  isoloss a \\\n    --b\n  isoloss c");
        assert_eq!(first_examples(""), "");
    }
}
