//! The page as HTML with everything inside.

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;

use super::block::{Block, Figure, Section};
use super::document::Page;
use super::source::Link;
use crate::error::{ReportError, Result};
use crate::report::inert::inert;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Width from which a page shows the widest picture, CSS pixels; `page.css` holds it too.
const WIDE: u32 = 640;

/// A picture in the page.
#[derive(Serialize)]
struct Shown {
    svg: String,
    /// `narrow`, `wide`, or nothing where there is one picture for all widths.
    when: &'static str,
    /// Whether it brings its own colours, for light pages alone.
    paper: bool,
}

impl Page {
    /// The page as HTML that opens offline and asks no other host for anything. The same study gives the
    /// same bytes.
    ///
    /// # Errors
    /// [`ReportError::Template`] when the template fails.
    pub fn html(&self) -> Result<String> {
        let failed = |e: minijinja::Error| ReportError::Template { reason: e.to_string() };
        let mut environment = Environment::new();
        environment.add_template("page.html", TEMPLATE).map_err(failed)?;
        environment.add_function("links", |line: String| Serde(Link::in_line(&line)));
        let template = environment.get_template("page.html").map_err(failed)?;
        let mut pictures = BTreeMap::new();
        self.sections.iter().for_each(|section| collect(section, &mut pictures));
        let page = template.render(context! {
            page => Serde(self),
            pictures => Serde(&pictures),
            style => STYLE,
            script => SCRIPT,
        });
        let page = page.map_err(failed)?;
        // Lines that held nothing but a tag of the template.
        let lines = page.lines().filter(|line| !line.trim().is_empty());
        let tidy: String = lines.map(|line| format!("{line}\n")).collect();
        // A number stays on one line with its percent sign.
        Ok(inert(&tidy).replace(" %", "\u{a0}%"))
    }
}

/// The pictures of a section and of those below it, by the name of their figure.
fn collect(section: &Section, pictures: &mut BTreeMap<String, Vec<Shown>>) {
    for block in &section.blocks {
        if let Block::Figure(figure) = block {
            pictures.insert(figure.name.clone(), shown(figure));
        }
    }
    section.parts.iter().for_each(|part| collect(part, pictures));
}

fn shown(figure: &Figure) -> Vec<Shown> {
    let of = |wide: bool| {
        let fits = figure.pictures.iter().filter(|p| (p.width >= WIDE) == wide);
        fits.max_by_key(|p| p.width)
    };
    let shown = |svg: &str, when| Shown {
        svg: svg.to_owned(),
        when,
        // A chart with colours for both grounds chooses among them by the scheme of the page.
        paper: !svg.contains("prefers-color-scheme"),
    };
    match (of(false), of(true)) {
        (Some(narrow), Some(wide)) => vec![shown(&narrow.svg, "narrow"), shown(&wide.svg, "wide")],
        (Some(one), None) | (None, Some(one)) => vec![shown(&one.svg, "")],
        (None, None) => Vec::new(),
    }
}
