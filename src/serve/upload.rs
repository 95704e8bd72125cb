//! Files dropped on the page: a saved fit, or runs that are fitted here.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::reply::said;
use super::shelf::{LoadedFit, Origin, Shelf, id_of};
use super::start::in_two_digits;
use crate::data::{Frame, ReadOptions, read};
use crate::error::{DataError, Result};
use crate::fit::Progress;
use crate::study::FitRequest;

/// Most bytes of a file.
pub(super) const MOST_BYTES: usize = 64_000_000;
/// Resamples between two words on how far a fit is.
const WORD_EVERY: usize = 50;

/// A line of the answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Progress { done: usize, total: usize },
    Loaded { law: String, runs: usize, budget: Option<String> },
    Error(String),
}

/// Takes a file and answers with JSON Lines: how far it is, then the law or what is wrong. When nobody
/// reads the answer any more, a fit stops.
pub(super) fn take(shelf: Arc<Shelf>, name: String, bytes: Bytes) -> Response {
    let (to, from) = channel::<Word>(64);
    tokio::task::spawn_blocking(move || {
        let last = match loaded(&shelf, &name, &bytes, &to) {
            Ok(fit) => Word::Loaded {
                runs: fit.fit.n_points,
                budget: fit.fit.allocation.map(|a| in_two_digits(10.0 * a.reference_flops.get())),
                law: fit.id,
            },
            Err(error) => Word::Error(said(&error)),
        };
        // Nobody listens: nothing to say.
        let _ = to.blocking_send(last);
    });
    let lines = unfold(from, |mut from: Receiver<Word>| async move {
        let word = from.recv().await?;
        let mut line = serde_json::to_vec(&word).unwrap_or_default();
        line.push(b'\n');
        Some((Ok::<_, Infallible>(line), from))
    });
    ([(header::CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response()
}

fn loaded(shelf: &Shelf, name: &str, bytes: &[u8], to: &Sender<Word>) -> Result<LoadedFit> {
    if bytes.is_empty() {
        let (path, reason) = (name.to_owned(), "the file is empty".to_owned());
        return Err(DataError::Unreadable { path, reason }.into());
    }
    let json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    // One object is a fit; several, a line each, are runs.
    if json && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        return shelf.take_saved(name, bytes);
    }
    let id = id_of(name, bytes);
    if let Some(known) = shelf.get(&id) {
        return Ok(known);
    }
    let frame = Frame::of_bytes(name, bytes)?;
    let runs = read(&[&frame], &ReadOptions::default())?;
    let told = |Progress { done, total }: Progress| {
        if to.is_closed() {
            return ControlFlow::Break(());
        }
        if done.is_multiple_of(WORD_EVERY) {
            // A reader that is behind gets the next word.
            let _ = to.try_send(Word::Progress { done, total });
        }
        ControlFlow::Continue(())
    };
    let report = FitRequest::default().answer_with_progress(&runs, &told)?;
    let fit = Arc::new(report.fit);
    shelf.put(LoadedFit { id, file: name.to_owned(), origin: Origin::Runs, fit })
}
