//! Where a number comes from, with links to papers.

use serde::Serialize;

/// A constant, a table or a version behind the page, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// What it is.
    pub what: String,
    /// What it says, a line each; identifiers of papers in it become links.
    pub says: Vec<String>,
}

impl Source {
    /// One line about something.
    #[must_use]
    pub fn new(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self { what: what.into(), says: vec![says.into()] }
    }
}

/// A piece of a line: text, or a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The text.
    pub text: String,
    /// Where it leads; empty for text alone.
    pub to: String,
}

const ARXIV: &str = "arXiv:";

impl Link {
    /// A line in pieces: each arXiv identifier is a link to its abstract.
    ///
    /// ```
    /// use isoloss::report::Link;
    ///
    /// let pieces = Link::in_line("Hoffmann et al., arXiv:2203.15556, eq. 4");
    /// assert_eq!(pieces[1].to, "https://arxiv.org/abs/2203.15556");
    /// assert_eq!(pieces[2].text, ", eq. 4");
    /// ```
    #[must_use]
    pub fn in_line(line: &str) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut rest = line;
        let text = |text: &str| Self { text: text.to_owned(), to: String::new() };
        while let Some(at) = rest.find(ARXIV) {
            let id = &rest[at + ARXIV.len()..];
            let end = id.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(id.len());
            let id = id[..end].trim_end_matches('.');
            let after = at + ARXIV.len() + id.len();
            if id.is_empty() {
                pieces.push(text(&rest[..after]));
            } else {
                if at > 0 {
                    pieces.push(text(&rest[..at]));
                }
                let to = format!("https://arxiv.org/abs/{id}");
                pieces.push(Self { text: rest[at..after].to_owned(), to });
            }
            rest = &rest[after..];
        }
        if !rest.is_empty() {
            pieces.push(text(rest));
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_put_together_are_the_line() {
        for line in ["", "no paper", "arXiv:2001.08361.", "a arXiv:1.2, b arXiv:3.4 c", "arXiv: x"]
        {
            let pieces = Link::in_line(line);
            let whole: String = pieces.iter().map(|p| p.text.as_str()).collect();
            assert_eq!(whole, line);
            assert!(
                pieces.iter().all(|p| p.to.is_empty() || p.to.starts_with("https://arxiv.org"))
            );
        }
    }
}
