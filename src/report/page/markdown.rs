//! The page as Markdown, charts as links to the files beside it.

use std::fmt::Write as _;

use super::block::{Block, Cell, Fact, Section, Sheet};
use super::document::Page;
use super::source::Link;
use super::warnings::WarningGroup;
use crate::report::inert::markdown;

impl Page {
    /// The page as Markdown: the same in the same order. The same study gives the same bytes.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n", markdown(&self.title));
        let card = &self.card;
        push(&mut text, &format!("**{}**", markdown(&card.headline)));
        push(&mut text, &format!("Asked: {}.", markdown(card.asked.trim_end_matches('.'))));
        facts(&mut text, &card.facts);
        if !card.others.is_empty() {
            let lines = card
                .others
                .iter()
                .map(|o| format!("- [{}](#{}): {}\n", markdown(&o.title), o.id, markdown(&o.says)));
            push(&mut text, &format!("Also asked:\n\n{}", lines.collect::<String>()));
        }
        for paragraph in self.about.lines().filter(|line| !line.trim().is_empty()) {
            push(&mut text, &markdown(paragraph));
        }
        for section in &self.sections {
            sections(&mut text, section, 2);
        }
        if !self.warnings.is_empty() {
            heading(&mut text, 2, "warnings", "Warnings");
            warnings(&mut text, &self.warnings);
        }
        heading(&mut text, 2, "provenance", "Where the numbers come from");
        for source in &self.provenance {
            let says: Vec<String> = source.says.iter().map(|line| linked(line)).collect();
            let _ = write!(text, "\n- {}: {}", markdown(&source.what), says.join("; "));
        }
        text.push('\n');
        heading(&mut text, 2, "rebuild", "Make it again");
        push(&mut text, &format!("```sh\n{}\n```", self.command));
        text
    }
}

/// A block of lines below an empty line.
fn push(text: &mut String, lines: &str) {
    let _ = write!(text, "\n{}\n", lines.trim_end());
}

/// A heading with the anchor that the page has.
fn heading(text: &mut String, level: usize, id: &str, says: &str) {
    push(text, &format!("<a id=\"{id}\"></a>\n\n{} {}", "#".repeat(level), markdown(says)));
}

fn sections(text: &mut String, section: &Section, level: usize) {
    heading(text, level, &section.id, &section.heading);
    for block in &section.blocks {
        match block {
            Block::Paragraph { text: says } => push(text, &markdown(says)),
            Block::List { items } => {
                let lines: String = items.iter().map(|i| format!("- {}\n", markdown(i))).collect();
                push(text, &lines);
            }
            Block::Facts { facts: said } => facts(text, said),
            Block::Table(sheet) => table(text, sheet),
            Block::Figure(figure) => {
                let (says, name) = (markdown(&figure.description), &figure.name);
                push(text, &format!("![{says}]({name}.svg)"));
                push(text, &markdown(&figure.caption));
            }
        }
    }
    section.parts.iter().for_each(|part| sections(text, part, level + 1));
}

fn facts(text: &mut String, facts: &[Fact]) {
    let line = |fact: &Fact| {
        let says: Vec<String> = fact.lines.iter().map(|l| markdown(l)).collect();
        let join = if says.iter().all(|line| line.ends_with('.')) { " " } else { "; " };
        format!("- **{}**: {}\n", markdown(&fact.label), says.join(join))
    };
    push(text, &facts.iter().map(line).collect::<String>());
}

fn table(text: &mut String, sheet: &Sheet) {
    if !sheet.title.is_empty() {
        push(text, &format!("{}:", markdown(&sheet.title)));
    }
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let safe = |cell: &str| markdown(cell).replace('|', "\\|");
    let shown = |cell: &Cell| match cell.interval.is_empty() {
        true => safe(&cell.text),
        false => safe(&format!("{} ({})", cell.text, cell.interval)),
    };
    let rule = |numeric: &bool| if *numeric { "---:" } else { "---" }.to_owned();
    let mut lines = line(sheet.columns.iter().map(|c| safe(c)).collect());
    lines += &line(sheet.numeric.iter().map(rule).collect());
    for row in &sheet.rows {
        lines += &line(row.iter().map(shown).collect());
    }
    push(text, &lines);
}

fn warnings(text: &mut String, groups: &[WarningGroup]) {
    for (i, group) in groups.iter().enumerate() {
        if i == 0 || groups[i - 1].weight != group.weight {
            push(text, &format!("**{}**", group.weight));
        }
        let lines: String = group
            .says
            .iter()
            .map(|says| format!("- `{}`: {}\n", group.code, markdown(says)))
            .collect();
        push(text, &lines);
        if let Some(sheet) = &group.table {
            table(text, sheet);
        }
    }
}

/// A line with its papers as links.
fn linked(line: &str) -> String {
    let piece = |link: Link| match link.to.is_empty() {
        true => markdown(&link.text),
        false => format!("[{}]({})", link.text, link.to),
    };
    Link::in_line(line).into_iter().map(piece).collect()
}
