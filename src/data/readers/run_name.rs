//! The name of a run by the file it was logged to.

use crate::data::files::Source;
use crate::data::vocabulary::groups;

fn is_generic(name: &str) -> bool {
    let lower = name.to_lowercase();
    let numbered = |prefix: &str| {
        lower.strip_prefix(prefix).is_some_and(|n| n.chars().all(|c| c.is_ascii_digit()))
    };
    groups().files.contains(&lower)
        || numbered("checkpoint-")
        || numbered("version_")
        || lower.is_empty()
}

/// The name of a run by its file, or by the nearest folder that names more than a kind of file.
pub(super) fn name_of(source: &Source) -> String {
    let file = source.file_name();
    let stem = file.split_once('.').map_or(file.as_str(), |(stem, _)| stem);
    // A run may have dots in its name, an extension has letters.
    let stem = match file.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 7 => stem,
        _ => stem,
    };
    let is_events = file.contains(".tfevents.");
    if !is_generic(stem) && !source.is_folder && !is_events {
        return stem.to_owned();
    }
    let skip = usize::from(!source.is_folder);
    let folders = source.path.ancestors().skip(skip).filter_map(|p| p.file_name());
    let names: Vec<String> = folders.map(|n| n.to_string_lossy().into_owned()).collect();
    match names.iter().take(3).find(|n| !is_generic(n)) {
        Some(name) => name.clone(),
        None => names.first().cloned().unwrap_or_else(|| stem.to_owned()),
    }
}

/// Folders of facts apply to the runs in them; those of checkpoints and versions to the run above.
pub(in crate::data) fn is_part_of_run(folder: &str) -> bool {
    is_generic(folder)
}
