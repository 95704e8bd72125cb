//! Which address leads where.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::curves::Depth;
use super::guard::{Guard, file, nothing, watch};
use super::reply::{Refused, answer, body, failure, refusal};
use super::shelf::{Shelf, names_file};
use super::start::start;
use super::upload::{MOST_BYTES, take};
use super::view::{CommandLine, rows, view};
use crate::error::{Error, Result, ServeError};
use crate::study::{CompareRequest, CurveRequest, PlanRequest};

/// Most bytes of a question.
const MOST_QUESTION: usize = 64_000;

/// What every request shares.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) shelf: Arc<Shelf>,
    pub(super) law: Option<String>,
    pub(super) command: CommandLine,
}

const PAGE: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The whole explorer.
pub(super) fn routes(desk: Desk, guard: Guard) -> Router {
    let pages = Router::new()
        .route("/", of(PAGE, include_bytes!("page/index.html")))
        .route("/page.css", of(STYLE, include_bytes!("page/page.css")))
        .route("/main.js", of(SCRIPT, include_bytes!("page/main.js")))
        .route("/controls.js", of(SCRIPT, include_bytes!("page/controls.js")))
        .route("/answer.js", of(SCRIPT, include_bytes!("page/answer.js")))
        .route("/chart.js", of(SCRIPT, include_bytes!("page/chart.js")))
        .route("/ticks.js", of(SCRIPT, include_bytes!("page/ticks.js")))
        .route("/files.js", of(SCRIPT, include_bytes!("page/files.js")))
        .route("/icon.svg", of("image/svg+xml", include_bytes!("page/icon.svg")))
        .route("/uplot.js", of(SCRIPT, include_bytes!("page/uplot/uPlot.iife.min.js")))
        .route("/uplot.css", of(STYLE, include_bytes!("page/uplot/uPlot.min.css")))
        .route(
            "/uplot-licence.txt",
            of("text/plain; charset=utf-8", include_bytes!("page/uplot/LICENSE")),
        );
    let questions = Router::new()
        .route("/start", get(begin))
        .route("/view", post(look))
        .route("/csv", post(table))
        .route("/plan", post(plan))
        .route("/curve", post(curve))
        .route("/compare", post(compare))
        .layer(DefaultBodyLimit::max(MOST_QUESTION));
    let files = Router::new().route("/fit", post(load)).layer(DefaultBodyLimit::max(MOST_BYTES));
    Router::new()
        .nest(
            &format!("/{}/", guard.token),
            pages.merge(Router::new().nest("/api", questions.merge(files))),
        )
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(guard, watch))
        .with_state(desk)
}

fn of(kind: &'static str, content: &'static [u8]) -> MethodRouter<Desk> {
    get(move || async move { file(kind, content) })
}

async fn wrong_method() -> Response {
    refusal(StatusCode::METHOD_NOT_ALLOWED, "pages are fetched by GET, questions asked by POST")
}

/// Works beside the requests that wait; a bug costs its own request.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::result::Result<T, Refused> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        let why = "this question met a bug in isoloss; the explorer goes on with the next";
        Box::new(refusal(StatusCode::INTERNAL_SERVER_ERROR, why))
    })
}

type Body = std::result::Result<Bytes, BytesRejection>;

/// The text of a question.
fn text(bytes: Body) -> std::result::Result<String, Refused> {
    let bytes = body(bytes, MOST_QUESTION)?;
    let not_text = || refusal(StatusCode::BAD_REQUEST, "a question is text in UTF-8");
    String::from_utf8(bytes.to_vec()).map_err(|_| Box::new(not_text()))
}

async fn begin(State(desk): State<Desk>) -> Response {
    match start(&desk.shelf, desk.law.as_deref()) {
        Ok(start) => answer(&start),
        Err(error) => failure(&error),
    }
}

async fn look(State(desk): State<Desk>, RawQuery(query): RawQuery, bytes: Body) -> Response {
    let middle = parameter(query.as_deref(), "depth") == "middle";
    let depth = if middle { Depth::Middle } else { Depth::Full };
    let looked = async {
        let address = text(bytes)?;
        let seen = aside(move || view(&address, &desk.shelf, desk.command, depth)).await?;
        Ok(answer(&seen))
    };
    looked.await.unwrap_or_else(|refused: Refused| *refused)
}

async fn table(State(desk): State<Desk>, RawQuery(query): RawQuery, bytes: Body) -> Response {
    let chart = parameter(query.as_deref(), "chart");
    let made = async {
        let address = text(bytes)?;
        aside(move || match rows(&address, &chart, &desk.shelf) {
            Ok(Some(csv)) => {
                ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv).into_response()
            }
            Ok(None) => refusal(StatusCode::NOT_FOUND, "there is no chart of that name"),
            Err(error) => failure(&error),
        })
        .await
    };
    made.await.unwrap_or_else(|refused: Refused| *refused)
}

async fn load(State(desk): State<Desk>, RawQuery(query): RawQuery, bytes: Body) -> Response {
    match body(bytes, MOST_BYTES) {
        Ok(bytes) => take(desk.shelf, parameter(query.as_deref(), "name"), bytes),
        Err(refused) => *refused,
    }
}

/// A parameter of a query; empty where it is missing.
fn parameter(query: Option<&str>, name: &str) -> String {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.find(|(known, _)| known == name).map_or(String::new(), |(_, text)| text.into_owned())
}

async fn plan(State(desk): State<Desk>, bytes: Body) -> Response {
    ask(bytes, move |request: &PlanRequest| {
        if let Some(name) = request.benchmark.as_ref().filter(|name| names_file(name)) {
            return Err(ServeError::NamesFile { name: name.clone() }.into());
        }
        request.answer_under(&desk.shelf.ask(&request.law)?)
    })
    .await
}

async fn curve(State(desk): State<Desk>, bytes: Body) -> Response {
    ask(bytes, move |request: &CurveRequest| request.answer_under(&desk.shelf.ask(&request.law)?))
        .await
}

async fn compare(State(desk): State<Desk>, bytes: Body) -> Response {
    ask(bytes, move |request: &CompareRequest| request.answer_under(&desk.shelf.ask(&request.law)?))
        .await
}

/// A request of the study room in JSON, and its answer in JSON.
async fn ask<Q: DeserializeOwned, A: Serialize>(
    bytes: Body,
    answered: impl FnOnce(&Q) -> Result<A, Error> + Send + 'static,
) -> Response {
    let asked = async {
        let question = text(bytes)?;
        aside(move || match serde_json::from_str::<Q>(&question) {
            Ok(request) => answered(&request).map_or_else(|error| failure(&error), |a| answer(&a)),
            Err(error) => refusal(StatusCode::BAD_REQUEST, &format!("the question: {error}")),
        })
        .await
    };
    asked.await.unwrap_or_else(|refused: Refused| *refused)
}
