//! Answers as JSON, refusals among them.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use crate::error::Error;

/// A value as JSON.
pub(super) fn answer(value: &impl Serialize) -> Response {
    as_json(StatusCode::OK, value)
}

fn as_json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(text) => (status, [(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Why there is no answer, for people.
pub(super) fn refusal(status: StatusCode, why: &str) -> Response {
    as_json(status, &json!({ "error": why }))
}

/// An error of ours: of the question where that can be changed.
pub(super) fn failure(error: &Error) -> Response {
    let status = match error.is_bad_input() {
        true => StatusCode::BAD_REQUEST,
        false => StatusCode::INTERNAL_SERVER_ERROR,
    };
    refusal(status, &said(error))
}

/// An error in words: files from the page are in memory, and named in angle brackets there.
pub(super) fn said(error: &Error) -> String {
    error.to_string().replace(['<', '>'], "")
}

/// A response in place of an answer; boxed, since few questions end in it.
pub(super) type Refused = Box<Response>;

/// The body of a request, or why it is not taken.
pub(super) fn body(bytes: Result<Bytes, BytesRejection>, most: usize) -> Result<Bytes, Refused> {
    let refused = |rejection: BytesRejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let why = match most / 1_000_000 {
                0 => format!("a question of more than {} kB", most / 1000),
                mb => format!(
                    "more than {mb} MB, which is the most the page takes; fit it with the command \
                     line and drop the fit"
                ),
            };
            refusal(StatusCode::PAYLOAD_TOO_LARGE, &why)
        }
        status => refusal(status, "the request broke off"),
    };
    bytes.map_err(|rejection| Box::new(refused(rejection)))
}
