//! How long the explorer takes to answer: a slider has to be followed within 50 ms, draws included.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;

use divan::Bencher;
use isoloss::data::{ReadOptions, read};
use isoloss::report::json_text;
use isoloss::serve::{Explorer, ServeConfig};
use isoloss::study::FitRequest;

fn main() {
    divan::main();
}

/// Where a running explorer is, and the question it begins with: a fit with 4000 draws.
struct Place {
    host: String,
    token: String,
    address: String,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let runs = read(&["data/first-light/runs.jsonl"], &ReadOptions::default()).expect("runs");
    let fit = FitRequest::default().answer(&runs).expect("a fit");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fit.json");
    std::fs::write(&path, json_text(&fit).expect("JSON")).expect("written");
    let config =
        ServeConfig { fits: vec![path], law: None, port: None, command: |_, _| Vec::new() };
    let explorer = Explorer::open(&config).expect("a port");
    let address = explorer.address();
    std::thread::spawn(move || explorer.run());
    let rest = address.trim_start_matches("http://").trim_end_matches('/');
    let (host, token) = rest.split_once('/').expect("a token");
    let (host, token) = (host.to_owned(), token.to_owned());
    let start = ask(&host, "GET", &format!("/{token}/api/start"), "");
    let from = start.find("\"address\":\"").expect("an address") + 11;
    let address = start[from..].split('"').next().expect("its end").to_owned();
    Place { host, token, address }
});

fn ask(host: &str, method: &str, path: &str, body: &str) -> String {
    let mut to = TcpStream::connect(host).expect("it listens");
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
    to.write_all((head + body).as_bytes()).expect("written");
    let mut back = String::new();
    to.read_to_string(&mut back).expect("an answer");
    assert!(back.contains(" 200 OK"), "{back}");
    back
}

/// The whole answer with charts and bands, over 4000 draws of a fit.
#[divan::bench(args = ["", "&serve-tokens=1B", "&unique-tokens=10M"], sample_count = 20)]
fn view_of_a_fit_with_4000_draws(bencher: Bencher, more: &str) {
    let place = &*PLACE;
    let (path, body) = (format!("/{}/api/view", place.token), format!("{}{more}", place.address));
    bencher.bench_local(|| ask(&place.host, "POST", &path, &body));
}

/// What a slider shows while it moves.
#[divan::bench(sample_count = 20)]
fn middle_of_a_view(bencher: Bencher) {
    let place = &*PLACE;
    let path = format!("/{}/api/view?depth=middle", place.token);
    bencher.bench_local(|| ask(&place.host, "POST", &path, &place.address));
}

/// Two published laws with serving, as the page begins for most.
#[divan::bench(sample_count = 20)]
fn view_of_two_published_laws(bencher: Bencher) {
    let place = &*PLACE;
    let path = format!("/{}/api/view", place.token);
    let body = "law=besiroglu,hoffmann-a3-devries&flops=1e24&serve-tokens=2T";
    bencher.bench_local(|| ask(&place.host, "POST", &path, body));
}
