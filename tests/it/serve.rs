//! The explorer as a browser, and as anybody else, meets it: who is answered, with which numbers, and
//! what it does with garbage.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cli::{here, isoloss, json, refusal};

const RUNS: &str = "data/first-light/runs.jsonl";

/// A running explorer; it ends with this value.
struct Explorer {
    child: Child,
    port: u16,
    token: String,
}

/// What came back.
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The last line of an answer in JSON Lines.
    fn last(&self) -> Value {
        let text = self.text();
        serde_json::from_str(text.lines().last().expect("a line")).expect("JSON")
    }
}

impl Explorer {
    fn open(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_isoloss"))
            .args(["serve", "--no-open"])
            .args(args)
            .current_dir(here())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("an address");
        let rest = line.trim().strip_prefix("http://127.0.0.1:").expect("an address");
        let (port, token) = rest.trim_end_matches('/').split_once('/').expect("a token");
        Self { child, port: port.parse().expect("a port"), token: token.to_owned() }
    }

    fn written(&self, bytes: &[u8]) -> TcpStream {
        let mut to = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        to.set_read_timeout(Some(Duration::from_secs(120))).expect("set");
        // It may hang up before all is written.
        let _ = to.write_all(bytes).and_then(|()| to.flush());
        to
    }

    /// Sends bytes as they are, hangs up, and waits until the other side has as well.
    fn raw(&self, bytes: &[u8]) {
        let mut to = self.written(bytes);
        let _ = to.shutdown(std::net::Shutdown::Write);
        let _ = to.read_to_end(&mut Vec::new());
    }

    /// A request by HTTP/1.0, so that the answer comes in one piece.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head.push_str(&format!("Host: 127.0.0.1:{}\r\n", self.port));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut back = Vec::new();
        let _ = self.written(&[head.as_bytes(), b"\r\n", body].concat()).read_to_end(&mut back);
        let end = back.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&back[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        Reply { status, head, body: back[end + 4..].to_vec() }
    }

    fn path(&self, rest: &str) -> String {
        format!("/{}/{rest}", self.token)
    }

    fn get(&self, rest: &str) -> Reply {
        self.ask("GET", &self.path(rest), &[], b"")
    }

    fn post(&self, rest: &str, body: &[u8]) -> Reply {
        self.ask("POST", &self.path(&format!("api/{rest}")), &[], body)
    }

    fn view(&self, address: &str) -> Value {
        let reply = self.post("view", address.as_bytes());
        assert_eq!(reply.status, 200, "{address}: {}", reply.text());
        reply.json()
    }
}

impl Drop for Explorer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_light_fit(folder: &Path) -> String {
    let runs = here().join(RUNS);
    let fitted = isoloss(
        &["fit", runs.to_str().expect("UTF-8"), "--bootstrap", "200", "-o", "fit.json", "-q"],
        folder,
    );
    assert!(fitted.status.success());
    folder.join("fit.json").to_str().expect("UTF-8").to_owned()
}

/// The JSON that the last of some command lines prints.
fn printed_by(commands: &Value, folder: &Path) -> Value {
    let lines = commands.as_array().expect("lines").iter().map(|l| l.as_str().expect("a line"));
    let script = lines.collect::<Vec<_>>().join(" -q\n") + " --json -q";
    let binary = Path::new(env!("CARGO_BIN_EXE_isoloss")).parent().expect("a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-e", "-c", &script])
        .env("PATH", format!("{}:{path}", binary.display()))
        .current_dir(folder)
        .output()
        .expect("sh starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    serde_json::from_str(text.lines().last().expect("a line")).expect("JSON")
}

#[test]
fn only_who_knows_the_token_is_answered() {
    let explorer = Explorer::open(&[]);
    assert_eq!(explorer.get("").status, 200);
    let token = &explorer.token;
    let shorter = &token[..token.len() - 1];
    for path in [
        "/".to_owned(),
        "/api/start".to_owned(),
        format!("/{shorter}/"),
        format!("/{token}0/api/start"),
        format!("/{}/api/start", token.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A")),
        format!("//{shorter}/../{token}x/"),
        format!("/?token={token}"),
    ] {
        let reply = explorer.ask("GET", &path, &[], b"");
        assert_eq!(reply.status, 403, "{path}");
        assert!(reply.json()["error"].as_str().is_some_and(|e| e.contains("token")), "{path}");
    }
    // Every start has another.
    assert_ne!(Explorer::open(&[]).token, *token);
}

#[test]
fn pages_of_other_origins_and_names_are_refused() {
    let explorer = Explorer::open(&[]);
    let path = explorer.path("api/start");
    let port = explorer.port;
    let own = format!("http://127.0.0.1:{port}");
    let named = format!("localhost:{port}");
    for (headers, status) in [
        (vec![("Origin", own.as_str())], 200),
        (vec![("Host", named.as_str())], 200),
        (vec![("Origin", "http://evil.example")], 403),
        (vec![("Origin", "null")], 403),
        (vec![("Origin", "http://127.0.0.1:1")], 403),
        (vec![("Host", "evil.example")], 403),
        (vec![("Host", "127.0.0.1")], 403),
        (vec![("Host", "127.0.0.1.evil.example:80")], 403),
    ] {
        let reply = explorer.ask("GET", &path, &headers, b"");
        assert_eq!(reply.status, status, "{headers:?}");
        assert!(!reply.head.to_lowercase().contains("access-control"), "no CORS");
    }
}

#[test]
fn every_answer_keeps_the_page_to_itself() {
    let explorer = Explorer::open(&[]);
    for (path, kind) in [
        ("", "text/html"),
        ("page.css", "text/css"),
        ("main.js", "text/javascript"),
        ("uplot.js", "text/javascript"),
        ("api/start", "application/json"),
        ("none", "application/json"),
    ] {
        let head = explorer.get(path).head.to_lowercase();
        assert!(head.contains(&format!("content-type: {kind}")), "{path}: {head}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{path}: {head}");
        }
    }
    let page = explorer.get("").text();
    assert!(!page.contains("//") || !page.contains("http"), "no other host is asked");
    assert!(!page.contains("style=") && !page.contains("<script>"), "the policy allows neither");
}

#[test]
fn garbage_is_refused_and_the_next_question_is_answered() {
    let explorer = Explorer::open(&[]);
    let host = format!("Host: 127.0.0.1:{}\r\n", explorer.port);
    let view = explorer.path("api/view");
    let noise: Vec<u8> =
        (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    explorer.raw(&noise);
    explorer.raw(b"GET / HTTP/9.9\r\n\r\n");
    explorer.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    explorer.raw(
        format!("POST {view} HTTP/1.1\r\n{host}Content-Length: 999999\r\n\r\nhalf").as_bytes(),
    );
    explorer.raw(
        format!("POST {view} HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nzz\r\n")
            .as_bytes(),
    );
    explorer.raw(format!("GET {view} HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(1_000_000)).as_bytes());
    let nested = "[".repeat(30_000);
    for (path, body) in [
        ("plan", &b"{"[..]),
        ("plan", b"null"),
        ("plan", b"{\"flops\": \"many\"}"),
        ("plan", b"{\"flops\": -1}"),
        ("plan", b"{\"flops\": 1e24, \"colour\": 1}"),
        ("plan", nested.as_bytes()),
        ("curve", b"{\"loss\": 0}"),
        ("compare", b"[]"),
        ("view", b"\xff\xfe"),
    ] {
        let reply = explorer.post(path, body);
        assert_eq!(reply.status, 400, "{path}: {}", reply.text());
        assert!(reply.json()["error"].as_str().is_some_and(|e| e.len() > 10), "{path}");
    }
    assert_eq!(explorer.ask("DELETE", &explorer.path("api/view"), &[], b"").status, 405);
    // Any text is an address; what it holds of a question is answered.
    let seen = explorer.view("flops=1e24&law=%00&\u{1f980}=1&loss=&flops=;drop");
    assert_eq!(seen["address"], "law=besiroglu&flops=1e24");
    assert_eq!(seen["dropped"].as_array().map(Vec::len), Some(3));
    assert!(seen["answer"]["card"]["headline"].as_str().is_some_and(|h| h.contains("95.9B")));
}

#[test]
fn what_is_too_large_is_refused() {
    let explorer = Explorer::open(&[]);
    let question = explorer.post("view", &vec![b'a'; 64_001]);
    assert_eq!(question.status, 413);
    let file = explorer.post("fit?name=big.csv", &vec![b'1'; 64_000_001]);
    assert_eq!(file.status, 413);
    assert!(file.json()["error"].as_str().is_some_and(|e| e.contains("64 MB")), "{}", file.text());
    assert_eq!(explorer.get("").status, 200);
}

#[test]
fn a_taken_port_and_a_bad_fit_are_said_before_anything_is_served() {
    let explorer = Explorer::open(&[]);
    let port = explorer.port.to_string();
    let (code, said) = refusal(&["serve", "--no-open", "--port", &port], here());
    assert!(code == 2 && said.contains(&port) && said.contains("is taken"), "{said}");
    for (args, wanted) in [
        (&["serve", "gone.json"][..], "gone.json"),
        (&["serve", "Cargo.toml"], "Cargo.toml"),
        (&["serve", "--law", "besirolgu"], "did you mean"),
        (&["serve", "--law", "fit.json"], "names a file"),
        (&["serve", "--port", "0"], "1..="),
    ] {
        let (code, said) = refusal(args, here());
        assert!(code == 2 && said.contains(wanted), "{args:?}: {said}");
    }
}

#[test]
fn requests_of_the_study_room_get_the_answers_of_the_command_line() {
    let explorer = Explorer::open(&[]);
    let ask = |path: &str, request: &Value| {
        let reply = explorer.post(path, request.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    let plan = json!({
        "law": "besiroglu,hoffmann-a3-devries", "usd": 2e6, "device": "H200", "mfu": 0.35, "serve_tokens": 1e12,
    });
    let args = [
        "plan",
        "--law",
        "besiroglu,hoffmann-a3-devries",
        "--usd",
        "2M",
        "--device",
        "H200",
        "--mfu",
        "0.35",
        "--serve-tokens",
        "1T",
        "--json",
    ];
    assert_eq!(ask("plan", &plan), json(&args));
    let curve = json!({ "law": "besiroglu", "quality_of": 70e9 });
    assert_eq!(
        ask("curve", &curve),
        json(&["curve", "--law", "besiroglu", "--quality-of", "70B", "--json"])
    );
    let compare = json!({ "law": "besiroglu", "target": { "quality_of": 70e9 }, "ways": { "sizes": [35e9, 21e9] } });
    let args =
        ["compare", "--law", "besiroglu", "--quality-of", "70B", "--sizes", "35B,21B", "--json"];
    assert_eq!(ask("compare", &compare), json(&args));
}

#[test]
fn files_of_the_machine_are_not_read_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let fit = first_light_fit(folder.path());
    let explorer = Explorer::open(&[]);
    for request in [
        json!({ "law": fit, "flops": 1e14 }),
        json!({ "law": "besiroglu", "target_error": 0.5, "benchmark": fit }),
    ] {
        let reply = explorer.post("plan", request.to_string().as_bytes());
        assert_eq!(reply.status, 400);
        assert!(reply.text().contains("names a file"), "{}", reply.text());
    }
    let seen = explorer.view(&format!("law={fit}&flops=1e14"));
    assert_eq!(seen["dropped"][0]["field"], "law");
}

#[test]
fn the_command_and_the_card_say_what_the_plan_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let fit = first_light_fit(folder.path());
    let explorer = Explorer::open(&[&fit]);
    let first = explorer.get("api/start").json();
    let own = first["address"].as_str().expect("an address").to_owned();
    assert!(own.starts_with("law=fit.json~") && own.ends_with("&flops=1e14"), "{own}");
    for address in [
        own.as_str(),
        "law=besiroglu&flops=5.76e23&serve-tokens=1T..4T&draws=500",
        "law=besiroglu,hoffmann-a3-devries&usd=2M&device=H100+SXM&mfu=0.3..0.45&usd-per-hour=1.5..2..3&draws=200",
        "gpus=1024&days=30&device=H200+SXM&draws=100",
        "quality-of=70B&memory=80GB&weight-bits=8",
        "loss=2.1&serve-tokens=5T&serve-device=H100+SXM&serve-gpus=2&draws=100&seed=3",
        "flops=1e22&unique-tokens=50B&max-epochs=8",
        "law=chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28&flops=1e23",
    ] {
        let seen = explorer.view(address);
        assert_eq!(seen["dropped"], json!([]), "{address}");
        assert!(seen["problem"].is_null(), "{address}: {}", seen["problem"]);
        let plan = printed_by(&seen["command"], folder.path());
        let asked = explorer.post("plan", seen["request"].to_string().as_bytes());
        assert_eq!(asked.json(), plan, "{address}: {}", seen["command"]);
        let best = &plan["recommended"][0];
        let card = &seen["answer"]["card"];
        let n: isoloss::units::Params =
            serde_json::from_value(best["params"].clone()).expect("a size");
        assert_eq!(card["facts"][0]["value"], n.to_string(), "{address}");
        let loss = best["loss"].as_f64().expect("a loss");
        assert_eq!(card["facts"][2]["value"], format!("{loss:.4}"), "{address}");
        // The plan lies on the charts where it is.
        for chart in seen["answer"]["charts"].as_array().expect("charts") {
            let marks = chart["marks"].as_array().expect("marks");
            let plan = marks.iter().find(|m| m["kind"] == "plan" && m["law"] == 0);
            let at = plan.unwrap_or_else(|| panic!("{address}: no plan on {}", chart["id"]));
            let field = if chart["id"] == "frontier" { "train_flops" } else { "params" };
            let (shown, known) = (at["at"][0].as_f64(), best[field].as_f64());
            let ratio = shown.expect("a place") / known.expect("a number");
            assert!((ratio - 1.0).abs() < 1e-9, "{address}: {}", chart["id"]);
        }
    }
}

#[test]
fn the_curve_on_the_page_is_the_curve_of_the_command_line() {
    let explorer = Explorer::open(&[]);
    let seen = explorer.view("quality-of=70B");
    let chart = &seen["answer"]["charts"][0];
    let curve = json(&["curve", "--law", "besiroglu", "--quality-of", "70B", "--json"]);
    let places = chart["places"].as_array().expect("places");
    let values = chart["lines"][0]["values"].as_array().expect("values");
    let mut compared = 0;
    for point in curve["points"].as_array().expect("points") {
        let Some(at) = places.iter().position(|x| *x == point["params"]) else { continue };
        let (shown, known) = (values[at].as_f64(), point["train_flops"].as_f64());
        assert!((shown.expect("a value") / known.expect("a value") - 1.0).abs() < 1e-12);
        compared += 1;
    }
    assert!(compared > 20, "{compared} sizes compared");
    let rows = explorer.post("csv?chart=compression", b"quality-of=70B").text();
    assert_eq!(rows.lines().count(), places.len() + 1);
    assert_eq!(explorer.post("csv?chart=none", b"").status, 404);
}

#[test]
fn the_middle_of_an_answer_is_the_answer_without_intervals() {
    let folder = tempfile::tempdir().expect("a folder");
    let fit = first_light_fit(folder.path());
    let explorer = Explorer::open(&[&fit]);
    let start = explorer.get("api/start").json();
    let address = start["address"].as_str().expect("an address");
    let middle = explorer.post("view?depth=middle", address.as_bytes()).json();
    let full = explorer.view(address);
    let card = |view: &Value| view["answer"]["card"].clone();
    assert_eq!(card(&middle)["headline"], card(&full)["headline"]);
    assert_eq!(card(&middle)["facts"][0]["interval"], "…");
    assert!(card(&full)["facts"][0]["interval"].as_str().is_some_and(|i| i.contains(" to ")));
    assert!(middle["answer"]["charts"][0]["lines"][0]["band"].is_null());
    assert!(!full["answer"]["charts"][0]["lines"][0]["band"].is_null());
}

#[test]
fn files_that_are_dropped_become_laws_or_say_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let fit = std::fs::read(first_light_fit(folder.path())).expect("a fit");
    let explorer = Explorer::open(&[]);
    let drop = |name: &str, bytes: &[u8]| explorer.post(&format!("fit?name={name}"), bytes).last();

    let loaded = drop("my%20fit.json", &fit);
    let law = loaded["loaded"]["law"].as_str().expect("a law");
    assert!(law.starts_with("my_fit.json~"), "{law}");
    let seen = explorer.view(&format!("law={law}&flops=1e14"));
    assert_eq!((&seen["laws"][0], &seen["dropped"]), (&json!(law), &json!([])));
    // Dropped again it is the same.
    assert_eq!(drop("my%20fit.json", &fit)["loaded"]["law"], law);

    let runs = std::fs::read(here().join(RUNS)).expect("runs");
    let fitted = drop("runs.jsonl", &runs);
    assert_eq!(fitted["loaded"]["runs"], 25, "{fitted}");
    let law = fitted["loaded"]["law"].as_str().expect("a law");
    let seen = explorer.view(&format!("law={law}&flops=1e14"));
    std::fs::write(folder.path().join("runs.jsonl"), &runs).expect("written");
    let plan = printed_by(&seen["command"], folder.path());
    let asked = explorer.post("plan", seen["request"].to_string().as_bytes()).json();
    assert_eq!(asked["recommended"], plan["recommended"]);

    for (name, bytes, wanted) in [
        ("empty.csv", &b""[..], "empty"),
        ("odd.json", b"{\"a\": 1}", "odd.json"),
        ("noise.csv", b"\x00\x01\xff\xfe\x80", "noise.csv"),
        ("columns.csv", b"height,width\n1,2\n3,4\n", "columns.csv"),
        ("two.csv", b"params,tokens,loss\n1e8,2e9,3\n2e8,4e9,2.9\n", "2 runs"),
        ("bad.csv", b"params,tokens,loss\n1e8,2e9,three\n", "bad.csv:2"),
    ] {
        let said = drop(name, bytes);
        let error = said["error"].as_str().unwrap_or_else(|| panic!("{name}: {said}"));
        assert!(error.contains(wanted) && !error.contains("/tmp"), "{name}: {error}");
    }
}

/// Page, report and command line give one number. Python is held against the command line by the tests of
/// its own package.
#[test]
fn explorer_report_and_command_line_agree_to_the_bit() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("report");
    let study =
        isoloss(&["study", "configs/first-light.toml", "-o", out.to_str().expect("UTF-8")], here());
    assert!(study.status.success(), "{}", String::from_utf8_lossy(&study.stderr));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).expect(name);
    let report: Value = serde_json::from_str(&read("plan.json")).expect("JSON");
    let fit = out.join("fit.json").to_str().expect("UTF-8").to_owned();
    let explorer = Explorer::open(&[&fit]);
    let start = explorer.get("api/start").json();
    let own = start["laws"][0]["id"].as_str().expect("a law").to_owned();
    for (place, law, flag, rest) in [
        (0, own.as_str(), fit.as_str(), ["1e14", "1e9"]),
        (1, "besiroglu,hoffmann-a3-devries", "besiroglu,hoffmann-a3-devries", ["1e24", "2e12"]),
    ] {
        let [flops, served] = rest;
        let seen = explorer.view(&format!("law={law}&flops={flops}&serve-tokens={served}"));
        let page = explorer.post("plan", seen["request"].to_string().as_bytes()).json();
        let printed =
            json(&["plan", "--law", flag, "--flops", flops, "--serve-tokens", served, "--json"]);
        assert_eq!(page["recommended"], printed["recommended"]);
        assert_eq!(page["plans"], printed["plans"]);
        let written = &report[place];
        let written = written.get("answer").unwrap_or(written);
        assert_eq!(written["recommended"], printed["recommended"], "the study's own answer");
        // And the words: what the card says stands in the report and in the text of the command.
        let text =
            isoloss(&["plan", "--law", flag, "--flops", flops, "--serve-tokens", served], here());
        let text = String::from_utf8(text.stdout).expect("UTF-8");
        for fact in seen["answer"]["card"]["facts"].as_array().expect("facts") {
            let value = fact["value"].as_str().expect("a text").trim_end_matches(" FLOPs");
            for (where_, words) in
                [("command", &text), ("page", &read("index.html")), ("report", &read("report.md"))]
            {
                assert!(words.contains(value), "{where_} lacks {value}");
            }
        }
    }
}

#[test]
fn the_plotting_library_is_the_published_one() {
    let folder = here().join("src/serve/page/uplot");
    for (name, digest) in [
        ("uPlot.iife.min.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
        ("uPlot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    ] {
        let bytes = std::fs::read(folder.join(name)).expect(name);
        let found: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(found, digest, "{name}");
    }
    let notice = std::fs::read_to_string(here().join("NOTICE")).expect("a notice");
    assert!(notice.contains("uPlot 1.6.32"));
}
