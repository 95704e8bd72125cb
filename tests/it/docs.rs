//! What README and docs/ show: commands run, files parse, links lead somewhere.
//!
//! A block opened by "```sh run" is run as it stands, all blocks of a page in one folder; "sh run train"
//! only in builds with the trainer. Every line of a "text" block after it, but for those with an
//! ellipsis, is a line of its output. Other commands name files that a reader has, so only their
//! flags are checked. A picture that a page shows is the one that its commands make.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::cli::here;
use super::columns::too_wide;
use isoloss::study::StudyConfig;
use isoloss::sweep::{RunConfig, SweepConfig};

const TRAINER: bool = cfg!(feature = "train");

struct Page {
    path: PathBuf,
    text: String,
}

struct Block {
    info: String,
    text: String,
}

/// Every page below docs/, and those beside it.
pub(crate) fn page_paths() -> Vec<PathBuf> {
    let docs = walkdir::WalkDir::new(here().join("docs")).sort_by_file_name();
    let mut paths: Vec<PathBuf> =
        docs.into_iter().map(|e| e.expect("an entry").into_path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "md"));
    paths.extend(["README.md", "DESIGN.md", "CONTRIBUTING.md"].map(|name| here().join(name)));
    paths
}

fn pages() -> Vec<Page> {
    let read = |path: PathBuf| Page { text: std::fs::read_to_string(&path).expect("a page"), path };
    page_paths().into_iter().map(read).collect()
}

impl Page {
    fn blocks(&self) -> Vec<Block> {
        let pieces: Vec<&str> = self.text.split("\n```").collect();
        pieces
            .iter()
            .skip(1)
            .step_by(2)
            .filter_map(|piece| piece.split_once('\n'))
            .map(|(info, text)| Block { info: info.to_owned(), text: text.to_owned() })
            .collect()
    }

    /// Lines outside of blocks.
    fn prose(&self) -> Vec<&str> {
        self.text.split("\n```").step_by(2).flat_map(str::lines).collect()
    }

    /// Compares the pictures that the page shows with those of the same name that its blocks made;
    /// `ISOLOSS_BLESS=1` takes the new ones.
    #[cfg(unix)]
    fn pictures_are_those_made_in(&self, folder: &Path) {
        let made: Vec<PathBuf> = walkdir::WalkDir::new(folder)
            .into_iter()
            .map(|entry| entry.expect("an entry").into_path())
            .collect();
        let links =
            self.prose().into_iter().filter_map(|line| line.strip_prefix("![")?.split_once("]("));
        for target in links.map(|(_, rest)| rest.trim_end_matches(')')) {
            let shown = self.path.parent().expect("a folder").join(target);
            let Some(new) = made.iter().find(|path| path.file_name() == shown.file_name()) else {
                continue;
            };
            let new = std::fs::read(new).expect("a picture");
            if std::env::var_os("ISOLOSS_BLESS").is_some() {
                std::fs::write(&shown, new).expect("written");
                continue;
            }
            let old = std::fs::read(&shown).expect("a picture");
            let place = self.path.display();
            // The feature set of a build chooses the compressor, not the pixels.
            let is_png = shown.extension().is_some_and(|end| end == "png");
            assert!(
                old == new || is_png && pixels(&old) == pixels(&new),
                "{place}: its commands make another {target} (ISOLOSS_BLESS=1 takes it)"
            );
        }
    }

    /// Commands that are shown but not run: lines of blocks and cells of tables.
    fn commands(&self) -> Vec<String> {
        let shown = self.blocks().into_iter().filter(|b| b.info == "sh");
        let lines: Vec<String> =
            shown.flat_map(|b| b.text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        let cells = self.prose().into_iter().filter(|line| line.starts_with('|'));
        let spans: Vec<&str> = cells.flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
        let whole = |line: &&str| line.starts_with("isoloss ") && !line.contains(['<', '…']);
        lines.iter().map(String::as_str).chain(spans).filter(whole).map(str::to_owned).collect()
    }
}

/// Size and pixels of a PNG.
#[cfg(unix)]
fn pixels(file: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("its size")];
    let frame = reader.next_frame(&mut pixels).expect("pixels");
    (frame.width, frame.height, pixels)
}

/// Runs a script with `isoloss` on the path, in place of a build by cargo.
fn script(text: &str, folder: &Path) -> Output {
    let text = text.replace("cargo run --release -- ", "isoloss ");
    let binary = Path::new(env!("CARGO_BIN_EXE_isoloss")).parent().expect("a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = [binary.to_path_buf()].into_iter().chain(std::env::split_paths(&path));
    Command::new("sh")
        .args(["-e", "-c", &text])
        .env("PATH", std::env::join_paths(paths).expect("a path"))
        .current_dir(folder)
        .output()
        .expect("sh starts")
}

fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_end)
}

#[cfg(unix)]
#[test]
fn blocks_marked_run_do_run_and_print_what_is_shown() {
    let check = |page: &Page| {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink(here().join("data"), folder.path().join("data"))
            .expect("a link");
        // Copies: their runs go beside the folder they lie in.
        std::fs::create_dir(folder.path().join("configs")).expect("a folder");
        for entry in std::fs::read_dir(here().join("configs")).expect("configs") {
            let file = entry.expect("a file").path();
            let name = file.file_name().expect("a name");
            std::fs::copy(&file, folder.path().join("configs").join(name)).expect("copied");
        }
        let name = page.path.display();
        let mut printed: Option<String> = None;
        for Block { info, text } in page.blocks() {
            match info.as_str() {
                "text" => {
                    let Some(printed) = &printed else { continue };
                    let shown = text.lines().filter(|line| !line.contains('…'));
                    for line in shown.filter(|line| !line.trim().is_empty()) {
                        assert!(lines_of(printed).any(|l| l == line), "{name}: {line}\n{printed}");
                    }
                }
                "sh run" | "sh run train" if info == "sh run" || TRAINER => {
                    let output = script(&text, folder.path());
                    let said = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "{name}:\n{text}\n{said}");
                    let out = String::from_utf8(output.stdout).expect("UTF-8");
                    // Help is laid out by clap.
                    if !text.contains("isoloss help") {
                        let wide = too_wide(&out);
                        assert!(wide.is_empty(), "{name}: wider than a page: {wide:?}");
                    }
                    printed = Some(out);
                }
                _ => printed = None,
            }
        }
        page.pictures_are_those_made_in(folder.path());
    };
    let pages = pages();
    std::thread::scope(|scope| {
        for page in &pages {
            scope.spawn(move || check(page));
        }
    });
}

#[test]
fn flags_of_other_commands_exist() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut checked = 0;
    for page in pages() {
        for command in page.commands() {
            if command.starts_with("isoloss serve ") && !cfg!(feature = "serve") {
                continue;
            }
            let output = script(&command, folder.path());
            let said = String::from_utf8_lossy(&output.stderr);
            let page = page.path.display();
            assert!(!said.contains("Usage:"), "{page}: {command}\n{said}");
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked} commands found");
}

#[test]
fn files_shown_parse() {
    let mut parsed = 0;
    for page in pages() {
        let name = page.path.display().to_string();
        for block in page.blocks() {
            let result = match block.info.as_str() {
                "toml study" => StudyConfig::parse(&block.text, &name).map(drop),
                "toml sweep" => SweepConfig::parse(&block.text, &name).map(drop),
                "toml run" => RunConfig::parse(&block.text, &name).map(drop),
                _ => continue,
            };
            assert!(result.is_ok(), "{result:?}");
            parsed += 1;
        }
    }
    assert!(parsed >= 3, "{parsed} files found");
}

/// The name GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut links = 0;
    for page in pages() {
        for target in page.prose().iter().flat_map(|line| line.split("](").skip(1)) {
            let target = target.split(')').next().expect("a link");
            if target.starts_with("http") {
                continue;
            }
            links += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => page.path.clone(),
                file => page.path.parent().expect("a folder").join(file),
            };
            let whose = format!("{}: {target}", page.path.display());
            assert!(path.exists(), "{whose}");
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&path).expect("a page");
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let mut names = headings.map(|line| anchor(line.trim_start_matches('#')));
                assert!(names.any(|name| name == heading), "{whose}");
            }
        }
    }
    assert!(links > 20, "{links} links found");
}
