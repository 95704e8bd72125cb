//! Mixtures and losses from tables, in one file or in several that share a column.

use std::collections::BTreeMap;
use std::path::Path;

use super::cell_table::CellTable;
use super::files::sources;
use super::log::Value;
use super::mixture::{MixtureColumns, MixtureRun, MixtureTable};
use super::options::ReadOptions;
use super::overrule::{fill, overrule};
use super::readers::table_of;
use crate::error::{DataError, MixtureProblem, Result, nearest_name};

/// Shares of a row may add to this much more or less than one: tables print three decimals.
const ROUNDING: f64 = 0.02;
/// Columns that tell rows apart.
const KEYS: &[&str] =
    &["index", "run", "id", "name", "run_name", "run_id", "mixture", "mixture_id"];
/// Words in the names of columns that are no shares.
const NO_SHARE: &[&str] =
    &["loss", "ppl", "perplexity", "bpb", "nll", "index", "seed", "step", "lr"];
/// Words in the names of columns of losses.
const LOSS: &[&str] = &["loss", "bpb", "nll"];

/// Rows under one header.
struct Sheet {
    path: String,
    columns: Vec<String>,
    /// Where each row stands, and its values.
    rows: Vec<(String, Vec<Value>)>,
}

/// Reads runs on mixtures.
///
/// Shares are the columns that add to one in every row (or to a hundred), losses those that are called
/// so. Several files with the same columns are one table; files with other columns are joined by a
/// column they share, such as `index` or `run`. Names lose what they have in common.
///
/// # Errors
/// [`DataError::Mixture`], naming the file and line where there is one.
pub fn read_mixtures(
    paths: &[impl AsRef<Path>],
    options: &ReadOptions,
    columns: &MixtureColumns,
) -> Result<MixtureTable> {
    let mut sheets: Vec<Sheet> = Vec::new();
    for source in sources(paths)? {
        let mut table = table_of(&source)?;
        fill(&mut table, options);
        overrule(&mut table, options);
        let sheet = Sheet::of(&table)?;
        match sheets.iter_mut().find(|known| known.columns == sheet.columns) {
            Some(known) => known.rows.extend(sheet.rows),
            None => sheets.push(sheet),
        }
    }
    let sheet = joined(sheets)?;
    let found = mixtures(&sheet, columns);
    Ok(found.map_err(|problem| DataError::from(Box::new(problem)))?)
}

impl Sheet {
    fn of(table: &CellTable) -> std::result::Result<Self, DataError> {
        if let Some((line, problem)) = table.damaged.first() {
            let (path, line, problem) = (table.path.clone(), *line, problem.clone());
            let others = table.damaged.len() - 1;
            return Err(DataError::BadRow { path, line, problem, others });
        }
        let rows = (0..table.len())
            .filter(|row| !table.unwanted.contains(row))
            .map(|row| (format!("{}:{}", table.path, table.lines[row]), table.row(row)))
            .collect();
        Ok(Self { path: table.path.clone(), columns: table.columns.clone(), rows })
    }

    fn number(&self, row: usize, at: usize) -> Option<f64> {
        match &self.rows[row].1[at] {
            Value::Number(x) if x.is_finite() => Some(*x),
            _ => None,
        }
    }

    /// Whether a column holds numbers, but for a few cells that are refused by their line.
    fn is_numeric(&self, at: usize) -> bool {
        let numbers = (0..self.rows.len()).filter(|row| self.number(*row, at).is_some()).count();
        2 * numbers > self.rows.len()
    }

    /// What columns add to, row by row.
    fn sums(&self, columns: &[usize]) -> Vec<f64> {
        let sum = |row: usize| columns.iter().filter_map(|at| self.number(row, *at)).sum();
        (0..self.rows.len()).map(sum).collect()
    }
}

/// Sheets of other columns side by side, by the column that tells rows apart in all of them.
fn joined(sheets: Vec<Sheet>) -> std::result::Result<Sheet, DataError> {
    let bad = |path: &str, reason: String| {
        DataError::from(Box::new(MixtureProblem::NoJoin { path: path.to_owned(), reason }))
    };
    let mut sheets = sheets.into_iter();
    let Some(mut first) = sheets.next() else {
        return Err(bad("the tables", "none was given".to_owned()));
    };
    for other in sheets {
        let has = |sheet: &Sheet, key: &str| sheet.columns.iter().position(|c| c == key);
        let shared = KEYS.iter().find_map(|key| Some((has(&first, key)?, has(&other, key)?)));
        let Some((key_a, key_b)) = shared else {
            let reason = format!(
                "it shares no column with {} that tells runs apart, such as {}",
                first.path,
                KEYS[..3].join(", ")
            );
            return Err(bad(&other.path, reason));
        };
        let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (at, row) in other.rows {
            let key = row[key_b].describe();
            if by_key.insert(key.clone(), row).is_some() {
                return Err(bad(&at, format!("{} {key} is there twice", other.columns[key_b])));
            }
        }
        for (at, row) in &mut first.rows {
            let key = row[key_a].describe();
            let Some(more) = by_key.remove(&key) else {
                return Err(bad(
                    at,
                    format!("{} {key} is not in {}", first.columns[key_a], other.path),
                ));
            };
            row.extend(more.into_iter().enumerate().filter(|(i, _)| *i != key_b).map(|(_, v)| v));
        }
        if let Some(key) = by_key.keys().next() {
            let reason = format!("{} {key} is not in {}", other.columns[key_b], first.path);
            return Err(bad(&other.path, reason));
        }
        let more = other.columns.into_iter().enumerate().filter(|(i, _)| *i != key_b);
        first.columns.extend(more.map(|(_, name)| name));
    }
    Ok(first)
}

fn mixtures(
    sheet: &Sheet,
    columns: &MixtureColumns,
) -> std::result::Result<MixtureTable, MixtureProblem> {
    let domains = match columns.domains.is_empty() {
        true => found_domains(sheet)?,
        false => named_domains(sheet, &columns.domains)?,
    };
    let key = KEYS.iter().find_map(|key| sheet.columns.iter().position(|c| c == key));
    let lower = |at: usize| sheet.columns[at].to_lowercase();
    let called_loss = |at: &usize| LOSS.iter().any(|word| lower(*at).contains(word));
    let other = (0..sheet.columns.len()).filter(|at| !domains.contains(at) && Some(*at) != key);
    let losses: Vec<usize> = other.filter(called_loss).collect();
    let targets = match columns.targets.is_empty() {
        true => losses,
        false => {
            let all: Vec<usize> =
                (0..sheet.columns.len()).filter(|at| !domains.contains(at)).collect();
            let among = if losses.is_empty() { &all } else { &losses };
            chosen(sheet, among, &columns.targets, "target")?
        }
    };
    if targets.is_empty() {
        let (path, found) = (sheet.path.clone(), sheet.columns.clone());
        return Err(MixtureProblem::NoTargets { path, found });
    }
    let mut table = MixtureTable {
        domains: short_names(sheet, &domains),
        targets: short_names(sheet, &targets),
        ..MixtureTable::default()
    };
    let percent = sheet.sums(&domains).iter().all(|sum| (sum - 100.0).abs() < 100.0 * ROUNDING);
    let scale = if percent && !sheet.rows.is_empty() { 0.01 } else { 1.0 };
    let mut off: f64 = 0.0;
    for (row, (at, values)) in sheet.rows.iter().enumerate() {
        let number = |column: usize| {
            sheet.number(row, column).ok_or_else(|| MixtureProblem::NoNumber {
                at: at.clone(),
                column: sheet.columns[column].clone(),
                found: values[column].describe(),
            })
        };
        let shares: Vec<f64> = domains
            .iter()
            .map(|c| Ok(scale * number(*c)?))
            .collect::<std::result::Result<_, _>>()?;
        if let Some(k) = shares.iter().position(|share| *share < 0.0) {
            let (at, domain, found) = (at.clone(), table.domains[k].clone(), shares[k]);
            return Err(MixtureProblem::Negative { at, domain, found });
        }
        let sum: f64 = shares.iter().sum();
        if (sum - 1.0).abs() > ROUNDING {
            return Err(MixtureProblem::Sum { at: at.clone(), sum });
        }
        off = off.max((sum - 1.0).abs());
        let losses = targets.iter().map(|c| number(*c)).collect::<std::result::Result<_, _>>()?;
        let named = key.filter(|k| *k < values.len()).map(|k| values[k].describe());
        table.runs.push(MixtureRun { run: named.unwrap_or_else(|| at.clone()), shares, losses });
    }
    table.read_as.push(format!(
        "{} domains from `{}` on",
        domains.len(),
        sheet.columns[domains[0]]
    ));
    if scale < 1.0 {
        table.read_as.push("shares are percent".to_owned());
    }
    if off > 1e-6 {
        table.read_as.push(format!("shares add to one within {off:.3} and are taken as they are"));
    }
    for (k, domain) in table.domains.iter().enumerate() {
        let shares = || table.runs.iter().map(|run| run.shares[k]);
        let (lo, hi) =
            shares().fold((f64::INFINITY, 0.0_f64), |(lo, hi), x| (lo.min(x), hi.max(x)));
        if hi - lo < 1e-6 && table.runs.len() > 1 {
            let (domain, share) = (domain.clone(), lo);
            return Err(MixtureProblem::NeverVaried { domain, share });
        }
    }
    Ok(table)
}

/// The largest set of columns that adds to one: those that begin alike, else all that may be shares.
fn found_domains(sheet: &Sheet) -> std::result::Result<Vec<usize>, MixtureProblem> {
    let none = |tried: Option<String>| MixtureProblem::NoShares { path: sheet.path.clone(), tried };
    let may_be = |at: &usize| {
        let name = sheet.columns[*at].to_lowercase();
        sheet.is_numeric(*at)
            && !NO_SHARE.iter().any(|word| name.contains(word))
            && !KEYS.contains(&&*name)
    };
    let possible: Vec<usize> = (0..sheet.columns.len()).filter(may_be).collect();
    let beginning = |at: usize| {
        let name = &sheet.columns[at];
        name.split(['_', '/', '.', ':', '-', ' ']).next().unwrap_or(name).to_owned()
    };
    let mut sets: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for at in &possible {
        sets.entry(beginning(*at)).or_default().push(*at);
    }
    let small = |at: &usize| {
        (0..sheet.rows.len())
            .all(|row| sheet.number(row, *at).is_none_or(|x| x.abs() <= 1.0 + ROUNDING))
    };
    let mut sets: Vec<Vec<usize>> = sets.into_values().filter(|set| set.len() > 1).collect();
    sets.push(possible.iter().copied().filter(small).collect());
    sets.push(possible);
    // A row or two that is wrong is refused by its line, and does not hide the rest.
    let good = |set: &Vec<usize>| {
        let sums = sheet.sums(set);
        let near = |one: f64| sums.iter().filter(|s| (*s / one - 1.0).abs() <= ROUNDING).count();
        near(1.0).max(near(100.0)) as f64 / sums.len().max(1) as f64
    };
    let usable = sets.iter().filter(|set| set.len() > 1 && good(set) >= 0.5);
    if let Some(best) =
        usable.max_by(|x, y| good(x).total_cmp(&good(y)).then(x.len().cmp(&y.len())))
    {
        return Ok(best.clone());
    }
    let nearest = sets.iter().filter(|set| set.len() > 1).min_by(|x, y| {
        let off =
            |set: &Vec<usize>| sheet.sums(set).first().map_or(f64::INFINITY, |s| (s - 1.0).abs());
        off(x).total_cmp(&off(y))
    });
    let tried = nearest.and_then(|set| {
        let sum = *sheet.sums(set).first()?;
        let (first, last) = (&sheet.columns[set[0]], &sheet.columns[set[set.len() - 1]]);
        Some(format!("`{first}` to `{last}` add to {sum:.3} at {}", sheet.rows.first()?.0))
    });
    Err(none(tried))
}

/// Columns by name, or all that begin with the one name given.
fn named_domains(
    sheet: &Sheet,
    names: &[String],
) -> std::result::Result<Vec<usize>, MixtureProblem> {
    if let [one] = names {
        let begins: Vec<usize> = (0..sheet.columns.len())
            .filter(|at| sheet.columns[*at].starts_with(one.as_str()))
            .collect();
        if begins.len() > 1 {
            return Ok(begins);
        }
    }
    let all: Vec<usize> = (0..sheet.columns.len()).collect();
    chosen(sheet, &all, names, "domain")
}

/// The columns among some that are called so, in full or without what their names have in common.
fn chosen(
    sheet: &Sheet,
    among: &[usize],
    names: &[String],
    what: &'static str,
) -> std::result::Result<Vec<usize>, MixtureProblem> {
    let short = short_names(sheet, among);
    names
        .iter()
        .map(|name| {
            let full = among.iter().find(|at| sheet.columns[**at] == *name);
            let by_short = short.iter().position(|s| s == name).map(|k| &among[k]);
            full.or(by_short).copied().ok_or_else(|| {
                let near = nearest_name(name, short.iter().map(String::as_str));
                MixtureProblem::Unknown { what, name: name.clone(), near, known: short.clone() }
            })
        })
        .collect()
}

/// Names without the beginning and the end that all of them share, cut between words.
fn short_names(sheet: &Sheet, columns: &[usize]) -> Vec<String> {
    let names: Vec<&str> = columns.iter().map(|at| sheet.columns[*at].as_str()).collect();
    if names.len() < 2 {
        let bare = names.iter().map(|name| {
            let name = name.rsplit('/').next().unwrap_or(name);
            name.trim_end_matches("_val_loss").trim_end_matches("_loss").to_owned()
        });
        return bare.collect();
    }
    let is_break = |c: char| !c.is_alphanumeric();
    let common = |a: &str, b: &str| {
        a.chars()
            .zip(b.chars())
            .take_while(|(x, y)| x == y)
            .map(|(x, _)| x.len_utf8())
            .sum::<usize>()
    };
    let mut begin = names.iter().map(|name| common(names[0], name)).min().unwrap_or(0);
    while begin > 0 && !names[0][..begin].ends_with(is_break) {
        begin -= names[0][..begin].chars().next_back().map_or(1, char::len_utf8);
    }
    let back = |name: &str| name.chars().rev().collect::<String>();
    let first = back(names[0]);
    let mut end = names.iter().map(|name| common(&first, &back(name))).min().unwrap_or(0);
    while end > 0 && !names[0][names[0].len() - end..].starts_with(is_break) {
        end -= names[0][names[0].len() - end..].chars().next().map_or(1, char::len_utf8);
    }
    let bare = |name: &&str| {
        name.get(begin..name.len().saturating_sub(end)).filter(|s| !s.is_empty()).map(str::to_owned)
    };
    match names.iter().map(bare).collect::<Option<Vec<String>>>() {
        Some(short) => short,
        None => names.iter().map(|name| (*name).to_owned()).collect(),
    }
}
