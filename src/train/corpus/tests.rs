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
fn rows_of_json_lines_are_documents_and_odd_rows_are_set_aside() {
    let rows: String =
        (0..50).map(|i| format!("{{\"data\": {{\"body\": \"text number {i}\"}}}}\n")).collect();
    let odd = [r#"{"data": {"body": 5}}"#, r#"{"data": {}}"#, r#"{"data": "#, r#"{"data": null}"#];
    let folder = folder(&[("a.jsonl".to_owned(), rows + &odd.join("\n"))]);
    let spec = CorpusSpec {
        path: Some(folder.path().to_owned()),
        text_field: "data.body".to_owned(),
        ..CorpusSpec::default()
    };
    let corpus = read_as(spec.clone()).expect("rows");
    let facts = &corpus.facts;
    assert_eq!(facts.train_documents + facts.validation_documents, 50);
    let aside = &facts.set_aside;
    assert_eq!((aside.wrong_type, aside.no_key, aside.bad_syntax, facts.left_out), (1, 2, 1, 4));
    assert!(aside.examples[0].contains("a.jsonl:51: `data.body` holds a number"), "{aside:?}");
    let error = read_as(CorpusSpec { text_field: "body".to_owned(), ..spec });
    let error = error.expect_err("no row has that key").to_string();
    assert!(error.contains("54 of 54 rows") && error.contains("lines 1, 2, 3"), "{error}");
}

/// Documents of 60 to 200 words that have nothing in common.
fn texts(count: usize) -> Vec<String> {
    let text = |i: usize| (0..60 + i * 37 % 141).map(|w| format!("w{i}x{w} ")).collect();
    (0..count).map(text).collect()
}

fn json_rows<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    texts.map(|text| format!("{{\"text\": \"{text}\"}}\n")).collect()
}

#[test]
fn the_same_documents_are_one_corpus_in_any_order_files_and_number_of_copies() {
    let texts = texts(40);
    let named = |name: &str, text: String| (name.to_owned(), text);
    let files = |prefix: &str| -> Vec<(String, String)> {
        texts
            .iter()
            .enumerate()
            .map(|(i, t)| named(&format!("{prefix}{i}.txt"), t.clone()))
            .collect()
    };
    let doubled: Vec<_> = files("a").into_iter().chain(files("b")).collect();
    let ways = [
        files("a"),
        files("other"),
        doubled,
        vec![named("a.jsonl", json_rows(texts.iter()))],
        vec![named("b.jsonl", json_rows(texts.iter().rev()))],
        vec![named("c.jsonl", json_rows(texts.iter().chain(&texts).chain(&texts[..7])))],
    ];
    let read = |files: &[(String, String)]| read(folder(files).path().to_owned()).expect("text");
    let corpora: Vec<Corpus> = ways.iter().map(|way| read(way)).collect();
    for corpus in &corpora {
        assert_eq!(corpus.sha256, corpora[0].sha256);
        assert_eq!(corpus.facts.train_documents, corpora[0].facts.train_documents);
    }
    assert_eq!([0, 2, 5].map(|i| corpora[i].facts.copies), [0, 40, 47]);
}

#[test]
fn the_validation_share_asked_for_is_given() {
    let folder = folder(&[("a.jsonl".to_owned(), json_rows(texts(400).iter()))]);
    for share in [0.02, 0.05, 0.2, 0.5] {
        let path = Some(folder.path().to_owned());
        let spec = CorpusSpec { path, validation_fraction: share, ..CorpusSpec::default() };
        let corpus = read_as(spec).expect("text");
        let (train, held_out) = (corpus.train.len() as f64, corpus.validation.len() as f64);
        let given = held_out / (train + held_out);
        assert!((given / share - 1.0).abs() < 0.03, "{share} {given}");
    }
}

#[test]
fn tokens_that_other_tools_stored_are_read_as_they_are() {
    let home = tempfile::tempdir().expect("temporary folder");
    let ids: Vec<u16> = (0..5000_u32).map(|i| (i * 7919 % 3000) as u16).collect();
    let bytes = |ids: &[u16]| ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(home.path().join(name), bytes).expect("written");
    };
    write("train.bin", &bytes(&ids[..4000]));
    let path = || Some(home.path().to_owned());
    let spec = CorpusSpec { path: path(), vocab: Some(3000), ..CorpusSpec::default() };
    let alone = read_as(spec.clone()).expect("one file");
    assert_eq!((alone.train.len(), alone.validation.len(), alone.vocab), (3800, 200, 3000));
    write("val.bin", &bytes(&ids[4000..]));
    let both = read_as(spec.clone()).expect("two files");
    assert_eq!((both.train.len(), both.validation.len()), (4000, 1000));
    assert_eq!(both.train.bytes(), bytes(&ids[..4000]));
    let cut = read_as(CorpusSpec { unique_tokens: Some(1234.0), ..spec.clone() }).expect("cut");
    assert_eq!((cut.train.len(), cut.facts.used_tokens), (1234, 1234));
    let error = read_as(CorpusSpec { vocab: Some(2000), ..spec }).expect_err("ids beyond it");
    assert!(error.to_string().contains("set vocab = 3000"), "{error}");
}

#[test]
fn more_unique_tokens_than_there_are_is_an_error() {
    let folder = folder(&[("a.txt".to_owned(), "x y z ".repeat(3) + &texts(1)[0])]);
    let path = Some(folder.path().to_owned());
    let spec = CorpusSpec { path, unique_tokens: Some(1e6), ..CorpusSpec::default() };
    let error = read_as(spec).expect_err("a small file").to_string();
    assert!(error.contains("`corpus.unique_tokens` is 1000000"), "{error}");
}

#[test]
fn a_vocabulary_larger_than_the_text_supports_is_trained_smaller_and_counted() {
    let folder = folder(&[("a.jsonl".to_owned(), json_rows(texts(30).iter()))]);
    let path = Some(folder.path().to_owned());
    let spec = CorpusSpec { path, tokenizer: "bpe:5000".to_owned(), ..CorpusSpec::default() };
    let corpus = read_as(spec).expect("text");
    let used = corpus.facts.used_tokens;
    assert!(corpus.vocab < 5000 && used < corpus.vocab && used > 100, "{} {used}", corpus.vocab);
    let mut ids = Vec::new();
    corpus.train.read(0, corpus.train.len(), &mut ids);
    let kinds: HashSet<i32> = ids.into_iter().collect();
    assert_eq!(kinds.len(), used as usize);
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
    let synthetic = SyntheticSpec { vocab: Some(16), tokens: 5e4, ..SyntheticSpec::default() };
    let spec = CorpusSpec { synthetic: Some(synthetic), ..CorpusSpec::default() };
    let corpus = read_as(spec.clone()).expect("drawn");
    assert_eq!((corpus.train.len(), corpus.vocab), (50_000, 16));
    let rate = corpus.facts.entropy_nats.expect("synthetic");
    let lowest = |context| corpus.facts.lowest_window_nats(context).expect("synthetic");
    assert!(lowest(64) > rate && lowest(64) < rate + 0.05);
    assert_eq!(lowest(96), rate, "blocks of three fit");
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
