//! Documents to tokens: what is read, split, dropped, refused.

use std::collections::HashSet;
use std::path::PathBuf;

use super::Corpus;
use crate::error::Result;
use crate::sweep::{CorpusSpec, SyntheticSpec};
use crate::train::token_data::TokenData;

fn folder(files: &[(String, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

fn read(path: PathBuf) -> Result<Corpus> {
    read_as(CorpusSpec { path: Some(path), ..CorpusSpec::default() })
}

fn read_as(spec: CorpusSpec) -> Result<Corpus> {
    Corpus::read(&spec, None)
}

fn documents(text: &TokenData) -> HashSet<Vec<u8>> {
    text.bytes().split(|b| *b == 0).filter(|d| !d.is_empty()).map(<[u8]>::to_vec).collect()
}

#[test]
fn a_folder_splits_by_file_and_drops_copies() {
    let files: Vec<(String, String)> =
        (0..40).map(|i| (format!("{i}.txt"), format!("document {}", i % 30))).collect();
    let folder = folder(&files);
    let corpus = read(folder.path().to_owned()).expect("text");
    let (train, validation) = (documents(&corpus.train), documents(&corpus.validation));
    assert!(train.is_disjoint(&validation));
    assert_eq!(train.len() + validation.len(), 30);
    assert!(!validation.is_empty() && !train.is_empty());
    assert_eq!(corpus.facts.copies, 10);
    let again = read(folder.path().to_owned()).expect("text");
    assert_eq!(again.sha256, corpus.sha256);
}

#[test]
fn near_copies_of_validation_documents_leave_the_training_text() {
    let words = |i: usize, tail: &str| {
        let text: String = (0..200).map(|w| format!("w{i}x{w} ")).collect();
        text + tail
    };
    let mut files: Vec<(String, String)> =
        (0..40).map(|i| (format!("{i:02}.txt"), words(i, ""))).collect();
    let plain = read(folder(&files).path().to_owned()).expect("text");
    // A near copy of everything, under names that hash to the other side or the same.
    files.extend((0..40).map(|i| (format!("copy{i:02}.txt"), words(i, "one more word"))));
    let corpus = read(folder(&files).path().to_owned()).expect("text");
    assert!(plain.facts.near_copies == 0 && corpus.facts.near_copies > 0);
    let heads = |text: &TokenData| -> HashSet<Vec<u8>> {
        documents(text).into_iter().map(|d| d[..20].to_vec()).collect()
    };
    assert!(heads(&corpus.train).is_disjoint(&heads(&corpus.validation)));
}

#[test]
fn one_file_gives_its_tail_to_validation() {
    let folder = folder(&[("a.txt".to_owned(), "x".repeat(1000))]);
    let corpus = read(folder.path().join("a.txt")).expect("text");
    assert_eq!((corpus.train.len(), corpus.validation.len()), (951, 51));
}

#[test]
fn what_is_no_text_is_refused() {
    let folder = folder(&[("empty.txt".to_owned(), String::new())]);
    assert!(read(folder.path().to_owned()).is_err());
    assert!(read(folder.path().join("missing")).is_err());
}

#[test]
fn text_that_only_repeats_itself_is_named_as_that() {
    let line = "pub fn add(a: u32, b: u32) -> u32 { a + b }\n";
    let folder = folder(&[("a.rs".to_owned(), line.repeat(400))]);
    let error = read(folder.path().to_owned()).expect_err("its tail is its head").to_string();
    assert!(error.contains("near_duplicates = 1"), "{error}");
}

#[test]
fn rows_of_json_lines_are_documents_and_a_bad_row_is_named() {
    let rows: String = (0..50).map(|i| format!("{{\"body\": \"text number {i}\"}}\n")).collect();
    let folder = folder(&[("a.jsonl".to_owned(), rows.clone() + "{\"body\": 5}\n")]);
    let spec = CorpusSpec {
        path: Some(folder.path().to_owned()),
        text_field: "body".to_owned(),
        ..CorpusSpec::default()
    };
    let error = read_as(spec.clone()).expect_err("no text in the last row").to_string();
    assert!(error.contains("a.jsonl:51") && error.contains("no text under `body`"), "{error}");
    std::fs::write(folder.path().join("a.jsonl"), rows).expect("written");
    let corpus = read_as(spec).expect("rows");
    assert_eq!(corpus.facts.train_documents + corpus.facts.validation_documents, 50);
}

#[test]
fn shards_are_the_corpus_they_were_written_from_and_damage_is_seen() {
    let files: Vec<(String, String)> = (0..60)
        .map(|i| (format!("{i}.txt"), format!("the {i} cats sat on the mat of {i} hats. ")))
        .collect();
    let folder = folder(&files);
    let spec = CorpusSpec {
        path: Some(folder.path().to_owned()),
        tokenizer: "bpe:280".to_owned(),
        ..CorpusSpec::default()
    };
    let corpus = read_as(spec).expect("text");
    assert!(corpus.bytes_per_token.expect("text") > 1.0);
    let home = tempfile::tempdir().expect("temporary folder");
    corpus.write_shards(home.path()).expect("written");
    let shards = read(home.path().to_owned()).expect("shards");
    assert_eq!(shards.train.bytes(), corpus.train.bytes());
    assert_eq!(
        (shards.sha256, shards.vocab, shards.bytes_per_token, shards.facts),
        (corpus.sha256, corpus.vocab, corpus.bytes_per_token, corpus.facts)
    );
    let bin = home.path().join("train.bin");
    let mut bytes = std::fs::read(&bin).expect("there");
    bytes[5] ^= 1;
    std::fs::write(&bin, bytes).expect("written");
    let error = read(home.path().to_owned()).expect_err("damaged").to_string();
    assert!(error.contains("train.bin") || error.contains("corpus.json"), "{error}");
}

#[test]
fn a_synthetic_corpus_knows_its_floor_and_repeats_when_cut() {
    let synthetic = SyntheticSpec { vocab: 16, tokens: 5e4, ..SyntheticSpec::default() };
    let spec = CorpusSpec { synthetic: Some(synthetic), ..CorpusSpec::default() };
    let corpus = read_as(spec.clone()).expect("drawn");
    assert_eq!((corpus.train.len(), corpus.vocab), (50_000, 16));
    let floor = corpus.facts.floor_nats(64).expect("synthetic");
    let rate = corpus.facts.entropy_nats.expect("synthetic");
    assert!(floor > rate && floor < rate + 0.05);
    let cut = read_as(CorpusSpec { unique_tokens: Some(1000.0), ..spec }).expect("drawn");
    assert_eq!(cut.train.len(), 1000);
    assert_ne!(cut.sha256, corpus.sha256);
}

#[test]
fn crate_sources_that_are_not_there_say_how_to_choose_another_corpus() {
    let spec = CorpusSpec { crates: true, ..CorpusSpec::default() };
    let empty = tempfile::tempdir().expect("temporary folder");
    for registry in [None, Some(empty.path())] {
        let error = Corpus::read(&spec, registry).expect_err("no sources").to_string();
        assert!(error.contains("synthetic source") && error.contains("a path"), "{error}");
    }
}
