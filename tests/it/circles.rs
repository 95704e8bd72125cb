//! No two files of a room need each other, and no file is too long to read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Lines of a file beyond which it is to be split.
const LONGEST: usize = 450;

/// Path of a module below the crate, `["fit", "solve", "lad"]`.
type Module = Vec<String>;

/// A file of `src` outside its tests.
struct Source {
    module: Module,
    place: String,
    lines: usize,
    file: syn::File,
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("src can be listed");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry of src").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files_below(&root, &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).expect("below src").with_extension("");
            let mut module: Module =
                inside.components().map(|c| c.as_os_str().to_string_lossy().into()).collect();
            if module.last().is_some_and(|name| name == "mod") {
                module.pop();
            }
            let text = std::fs::read_to_string(&path).expect("source is UTF-8");
            Source {
                module,
                place: format!("src/{}.rs", inside.display()),
                lines: text.lines().count(),
                file: syn::parse_file(&text).expect("source parses"),
            }
        })
        .filter(|s| !s.module.iter().any(|name| name == "tests"))
        .collect()
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        let meta = &a.meta;
        a.path().is_ident("cfg")
            && matches!(meta, syn::Meta::List(list) if list.tokens.to_string().contains("test"))
    })
}

/// Everything a file names by a path that starts at the crate, at its own module or above.
struct Paths {
    module: Module,
    /// Where each path leads, item included; and whether it is a `pub use`.
    named: Vec<(Module, bool)>,
}

impl Paths {
    fn absolute(&self, segments: &[String]) -> Option<Module> {
        let (first, rest) = segments.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().checked_sub(1)?].to_vec(),
            _ => return None,
        };
        let above = rest.iter().take_while(|s| *s == "super").count();
        at.truncate(at.len().checked_sub(above)?);
        at.extend(rest[above..].iter().cloned());
        Some(at)
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &mut Vec<String>, is_public: bool) {
        let push = |paths: &mut Self, name: Option<String>| {
            let mut segments = before.clone();
            segments.extend(name);
            // A child module is named without `self`.
            let found = paths.absolute(&segments).unwrap_or_else(|| {
                paths.module.iter().cloned().chain(segments.iter().cloned()).collect()
            });
            paths.named.push((found, is_public));
        };
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, is_public);
                before.pop();
            }
            syn::UseTree::Name(name) if name.ident == "self" => push(self, None),
            syn::UseTree::Name(name) => push(self, Some(name.ident.to_string())),
            syn::UseTree::Rename(rename) => push(self, Some(rename.ident.to_string())),
            syn::UseTree::Glob(_) => push(self, None),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.tree(tree, before, is_public));
            }
        }
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !is_test(&item.attrs) {
            let is_public = !matches!(item.vis, syn::Visibility::Inherited);
            self.tree(&item.tree, &mut Vec::new(), is_public);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if segments.len() > 1
            && let Some(found) = self.absolute(&segments)
        {
            self.named.push((found, false));
        }
        syn::visit::visit_path(self, path);
    }
}

/// Who defines what, and what each module hands on under which name.
struct Map {
    modules: BTreeSet<Module>,
    handed_on: BTreeMap<(Module, String), Module>,
}

impl Map {
    /// The module whose file defines the item a path leads to.
    fn owner(&self, path: &[String], left: usize) -> Option<Module> {
        let known = (1..=path.len()).rev().find(|n| self.modules.contains(&path[..*n]))?;
        let module = path[..known].to_vec();
        match path.get(known).map(|item| self.handed_on.get(&(module.clone(), item.clone()))) {
            Some(Some(further)) if left > 0 => self.owner(further, left - 1),
            // A module that is named as such is no use of what it defines.
            None => None,
            _ => Some(module),
        }
    }
}

/// Files that use each other, directly or around.
fn circle(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    fn walk(
        at: &Module,
        arrows: &BTreeMap<Module, BTreeSet<Module>>,
        trail: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<Vec<Module>> {
        if let Some(from) = trail.iter().position(|m| m == at) {
            return Some(trail[from..].to_vec());
        }
        if done.contains(at) {
            return None;
        }
        trail.push(at.clone());
        for next in arrows.get(at).into_iter().flatten() {
            if let Some(found) = walk(next, arrows, trail, done) {
                return Some(found);
            }
        }
        trail.pop();
        done.insert(at.clone());
        None
    }
    let mut done = BTreeSet::new();
    arrows.keys().find_map(|start| walk(start, arrows, &mut Vec::new(), &mut done))
}

#[test]
fn no_file_of_a_room_needs_one_that_needs_it() {
    let sources = sources();
    let paths: Vec<(Module, Vec<(Module, bool)>)> = sources
        .iter()
        .map(|source| {
            let module = source.module.clone();
            let mut paths = Paths { module: module.clone(), named: Vec::new() };
            paths.visit_file(&source.file);
            (module, paths.named)
        })
        .collect();
    let mut map = Map {
        modules: sources.iter().map(|s| s.module.clone()).collect(),
        handed_on: BTreeMap::new(),
    };
    for (module, named) in &paths {
        for (path, is_public) in named {
            if let (true, Some(name)) = (is_public, path.last()) {
                map.handed_on.insert((module.clone(), name.clone()), path.clone());
            }
        }
    }
    let mut arrows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, named) in &paths {
        for (path, _) in named.iter().filter(|(_, is_public)| !is_public) {
            let Some(owner) = map.owner(path, 8) else { continue };
            if owner != *module && owner.first() == module.first() {
                arrows.entry(module.clone()).or_default().insert(owner);
            }
        }
    }
    let count: usize = arrows.values().map(BTreeSet::len).sum();
    assert!(count > 200, "{count} arrows between files of a room were found");
    if let Some(circle) = circle(&arrows) {
        let names: Vec<String> = circle.iter().map(|m| m.join("/")).collect();
        panic!("these files need each other: {}", names.join(" -> "));
    }
}

#[test]
fn a_circle_is_found_and_a_tree_is_none() {
    let module = |name: &str| vec![name.to_owned()];
    let arrow = |from: &str, to: &[&str]| (module(from), to.iter().map(|t| module(t)).collect());
    let tree: BTreeMap<Module, BTreeSet<Module>> =
        [arrow("a", &["b", "c"]), arrow("b", &["c"])].into();
    assert_eq!(circle(&tree), None);
    let round: BTreeMap<Module, BTreeSet<Module>> =
        [arrow("a", &["b"]), arrow("b", &["c"]), arrow("c", &["b"])].into();
    assert_eq!(circle(&round), Some(vec![module("b"), module("c")]));
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|s| s.lines > LONGEST)
        .map(|s| format!("{}: {} lines", s.place, s.lines))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines:\n{}", long.join("\n"));
}
