//! Job arrays on the disk: which unit is which task, and the script that starts it.
//!
//! ```text
//! slurm/name          common part of the names of all jobs of this folder
//! slurm/K.units       names of units, one a line: line i is task i of job array NAME-K
//! slurm/K.sh          its script
//! slurm/K-i.txt       what Slurm itself said about task i
//! ```

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::seam::WorkerCommand;
use super::place::SlurmPlace;
use crate::data::write_atomically;
use crate::error::{Error, Result, SweepError};
use crate::sweep::digest::sha256;
use crate::sweep::folder::{Holder, SweepFolder};
use crate::sweep::machine::now_s;
use crate::sweep::slurm_spec::SlurmSpec;
use crate::sweep::unit::Unit;

/// Tasks of one array: the default of Slurm allows indices up to 1000.
pub(super) const LARGEST_ARRAY: usize = 1000;

/// One job array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submission {
    /// Name of the job.
    pub(super) name: String,
    /// Names of its units by task.
    pub(super) units: Vec<String>,
}

/// The job arrays of a folder.
#[derive(Debug)]
pub(super) struct Submissions {
    root: PathBuf,
    /// Common part of their names.
    name: String,
    /// All that were ever made, oldest first.
    pub(super) all: Vec<Submission>,
}

impl Submissions {
    /// Those of a folder, sent before by this or another process.
    pub(super) fn open(folder: &SweepFolder, sweep: &str) -> Result<Self> {
        // Jobs are started elsewhere: their paths must not depend on this process.
        let root =
            folder.root().canonicalize().map_err(|e| Error::io(folder.root(), "reading", &e))?;
        let own = root.join("slurm");
        std::fs::create_dir_all(&own).map_err(|e| Error::io(&own, "create", &e))?;
        let path = own.join("name");
        let name = match std::fs::read_to_string(&path) {
            Ok(name) => name.trim().to_owned(),
            Err(_) => {
                // Another folder of the same sweep, on whatever machine, has jobs of another name.
                let Holder { pid, host } = Holder::me();
                let digest =
                    sha256(format!("{host} {pid} {} {}", now_s(), root.display()).as_bytes());
                let name = format!("isoloss-{sweep}-{}", &digest[..8]);
                write_atomically(&path, name.as_bytes())?;
                name
            }
        };
        let mut all = Vec::new();
        while let Ok(text) = std::fs::read_to_string(own.join(format!("{}.units", all.len()))) {
            let units = text.lines().map(str::to_owned).collect();
            all.push(Submission { name: format!("{name}-{}", all.len()), units });
        }
        Ok(Self { root, name, all })
    }

    /// Writes the script of another job array, and returns how to send it.
    pub(super) fn add(
        &mut self,
        units: &[&Unit],
        place: &SlurmPlace,
    ) -> Result<(Submission, Vec<OsString>)> {
        let SlurmPlace { spec, worker, home, threads, jobs, .. } = place;
        let at = self.all.len();
        let file = |ending: &str| self.root.join("slurm").join(format!("{at}{ending}"));
        let names: Vec<String> = units.iter().map(|unit| unit.name.clone()).collect();
        let script = self.script(&file(".units"), spec, worker)?;
        write_atomically(file(".sh"), script.as_bytes())?;
        write_atomically(file(".units"), (names.join("\n") + "\n").as_bytes())?;
        let submission = Submission { name: format!("{}-{at}", self.name), units: names };
        // A percent sign is a placeholder in names of output files.
        let output = file("-").display().to_string().replace('%', "%%") + "%a.txt";
        let mut words: Vec<OsString> = [
            "--parsable".to_owned(),
            format!("--job-name={}", submission.name),
            format!("--array=0-{}%{jobs}", units.len() - 1),
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            format!("--output={output}"),
            format!("--cpus-per-task={threads}"),
            format!("--signal=B:TERM@{}", spec.save_seconds),
        ]
        .map(OsString::from)
        .into();
        let mut home_word = OsString::from("--chdir=");
        home_word.push(home);
        words.push(home_word);
        let set = [
            ("partition", &spec.partition),
            ("account", &spec.account),
            ("qos", &spec.qos),
            ("time", &spec.time),
            ("mem", &spec.memory),
        ];
        let set =
            set.iter().filter_map(|(name, value)| Some(format!("--{name}={}", (*value).as_ref()?)));
        words.extend(set.map(OsString::from));
        if spec.gpus > 0 {
            words.push(format!("--gres=gpu:{}", spec.gpus).into());
        }
        words.extend(spec.options.iter().map(OsString::from));
        words.push(file(".sh").into_os_string());
        self.all.push(submission.clone());
        Ok((submission, words))
    }

    /// Takes back the last one, which Slurm did not accept.
    pub(super) fn remove_last(&mut self) {
        if self.all.pop().is_some() {
            for ending in ["units", "sh"] {
                let path = self.root.join("slurm").join(format!("{}.{ending}", self.all.len()));
                // What stays is found again as a job that Slurm does not know.
                let _ = std::fs::remove_file(path);
            }
        }
    }

    /// What Slurm itself said about a task, its last lines.
    pub(super) fn said(&self, submission: &str, task: usize) -> Option<String> {
        let at = self.all.iter().position(|other| other.name == submission)?;
        let path = self.root.join("slurm").join(format!("{at}-{task}.txt"));
        let text = std::fs::read(path).ok()?;
        let text = String::from_utf8_lossy(&text);
        let last = text.trim().lines().last()?;
        (!last.is_empty()).then(|| last.to_owned())
    }

    fn script(&self, units: &Path, spec: &SlurmSpec, worker: &WorkerCommand) -> Result<String> {
        let console = self.root.join("console");
        let [units, console] = [quoted(units.as_os_str())?, quoted(console.as_os_str())?];
        // The unit takes its place in the command as a word of its own.
        let folder = SweepFolder::new(self.root.clone());
        let command = worker
            .absolute(&folder, UNIT)
            .iter()
            .map(|word| match word == UNIT {
                true => Ok("\"$unit\"".to_owned()),
                false => quoted(word),
            })
            .collect::<Result<Vec<_>>>()?
            .join(" ");
        let setup: String = spec.setup.iter().map(|line| format!("{line}\n")).collect();
        Ok(format!(
            "#!/bin/bash\n\
             # One task trains one unit: the line of this number in the list of units.\n\
             unit=$(sed -n \"$((SLURM_ARRAY_TASK_ID + 1))p\" {units})\n\
             {setup}\
             # The worker takes the place of the shell, so that Slurm's signals reach it.\n\
             exec {command} >> {console}/\"$unit\".txt 2>&1\n"
        ))
    }
}

/// Stands for the unit in a command.
const UNIT: &str = "UNIT";

/// A word as the shell reads it back.
fn quoted(word: &std::ffi::OsStr) -> Result<String> {
    let bad = || SweepError::Field {
        field: "out",
        found: word.display().to_string(),
        expected: "paths that a shell script can hold: text without a NUL",
    };
    let text = word.to_str().ok_or_else(bad)?;
    Ok(shlex::try_quote(text).map_err(|_| bad())?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_any_name_gives_a_script_and_is_found_again() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = SweepFolder::new(home.path().join("it's 100 % mine"));
        std::fs::create_dir_all(folder.root()).expect("made");
        let unit = |name: &str| Unit { name: name.to_owned(), runs: Vec::new() };
        let (a, b) = (unit("a"), unit("b"));
        let (time, setup) = (Some("10".into()), vec!["x=1".into()]);
        let place = SlurmPlace {
            spec: SlurmSpec { time, setup, ..SlurmSpec::default() },
            worker: WorkerCommand {
                program: "/opt/iso loss".into(),
                verb: vec!["sweep".into()],
                unit: "--unit".into(),
                attached: "--attached".into(),
            },
            sweep: "s".to_owned(),
            home: home.path().to_owned(),
            threads: 2,
            jobs: 5,
        };
        let mut made = Submissions::open(&folder, "s").expect("a folder");
        let (sent, words) = made.add(&[&a, &b], &place).expect("a script");
        assert!(words.contains(&"--array=0-1%5".into()) && words.contains(&"--time=10".into()));
        let output = words.iter().find(|w| w.to_string_lossy().starts_with("--output"));
        assert!(output.expect("set").to_string_lossy().contains("100 %% mine/slurm/0-%a.txt"));
        let script = std::fs::read_to_string(words.last().expect("the script")).expect("written");
        assert!(script.contains("x=1\n") && script.contains("\"$unit\" >> "), "{script}");
        // The shell itself says what the words are.
        let printed = script.replace("exec ", "printf '%s\\n' ").replace(" >> ", " #");
        let shell = std::process::Command::new("bash")
            .args(["-c", &printed])
            .env("SLURM_ARRAY_TASK_ID", "1")
            .output()
            .expect("bash");
        let words = String::from_utf8_lossy(&shell.stdout).into_owned();
        let root = folder.root().canonicalize().expect("there");
        let expected = ["/opt/iso loss", "sweep", &root.display().to_string(), "--unit", "b"];
        assert_eq!(words.lines().collect::<Vec<_>>(), expected);
        let again = Submissions::open(&folder, "s").expect("the same folder");
        assert_eq!(again.all, [sent]);
        made.remove_last();
        assert!(Submissions::open(&folder, "s").expect("the same folder").all.is_empty());
    }
}
