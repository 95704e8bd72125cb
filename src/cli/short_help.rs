//! `-h` on one screen: what a verb needs, and two examples. `--help` has the rest.

use clap::builder::StyledStr;
use clap::{Arg, Command};

/// Examples that fit beside the flags.
const EXAMPLES: usize = 2;

/// Every verb with a short and a long help.
///
/// Flags under a heading (reading, serving, limits) and those hidden from short help are in `--help`
/// alone.
pub(super) fn on_one_screen(command: Command) -> Command {
    let verbs: Vec<String> =
        command.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    verbs.into_iter().fold(command, |command, verb| command.mut_subcommand(verb, shortened))
}

fn shortened(verb: Command) -> Command {
    let verb = on_one_screen(verb);
    let has_heading = |arg: &Arg| arg.get_help_heading().is_some();
    let verb = verb.mut_args(|arg| if has_heading(&arg) { arg.hide_short_help(true) } else { arg });
    let long = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (name, short) = (verb.get_name().to_owned(), first_examples(&long));
    let more = format!("isoloss help {name}: every flag and example");
    let short = if short.is_empty() { more } else { format!("{short}\n\n{more}") };
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
    use super::*;

    #[test]
    fn an_example_of_two_lines_is_kept_whole() {
        let text =
            "Examples:\n  isoloss a \\\n    --b\n  isoloss c\n  isoloss d\n\nWhat is read: all";
        assert_eq!(first_examples(text), "Examples:\n  isoloss a \\\n    --b\n  isoloss c");
        assert_eq!(first_examples(""), "");
    }
}
