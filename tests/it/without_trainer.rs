//! A build without the trainer: the verbs that need it say which feature they need.

use std::path::Path;
use std::process::Command;

#[test]
fn verbs_that_train_name_the_feature_they_need() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let home = tempfile::tempdir().expect("temporary folder");
    let run = configs.join("tiny-run.toml").display().to_string();
    let sweep = configs.join("tiny-sweep.toml").display().to_string();
    for args in [&["train", &run][..], &["sweep", "run", &sweep], &["corpus", "texts"]] {
        let done = Command::new(env!("CARGO_BIN_EXE_isoloss"))
            .args(args)
            .current_dir(home.path())
            .output()
            .expect("starts");
        let error = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains("cargo install --path . --features full"), "{args:?}: {error}");
    }
    // What needs no trainer works.
    let status = Command::new(env!("CARGO_BIN_EXE_isoloss"))
        .args(["sweep", "status", &sweep])
        .current_dir(home.path())
        .output()
        .expect("starts");
    assert!(status.status.success());
}
