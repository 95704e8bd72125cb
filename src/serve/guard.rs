//! Who is answered: requests with the token of the address, from this machine's own page.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::reply::refusal;

/// Nothing but our own files and answers is loaded, run or asked; no page may frame this one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a request has to show.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) token: String,
    pub(super) port: u16,
}

impl Guard {
    fn hosts(&self) -> [String; 2] {
        ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port))
    }

    /// Why a request is not answered.
    fn objection(&self, path: &str, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        let text = |name: HeaderName| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
        // A name that was made to lead here belongs to somebody else's page.
        if !self.hosts().iter().any(|host| text(header::HOST) == Some(host.as_str())) {
            let why = "this explorer answers to 127.0.0.1 alone; open the address it printed";
            return Some((StatusCode::FORBIDDEN, why));
        }
        let own = self.hosts().map(|host| format!("http://{host}"));
        if text(header::ORIGIN).is_some_and(|origin| !own.iter().any(|o| o == origin)) {
            return Some((
                StatusCode::FORBIDDEN,
                "another page asked; only the explorer's own may",
            ));
        }
        let given = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        // Digests take as long to compare whichever byte differs.
        if Sha256::digest(given) != Sha256::digest(&self.token) {
            let why = "the address lacks its token, or has that of an explorer that has ended; open the \
                       address that the running one printed";
            return Some((StatusCode::FORBIDDEN, why));
        }
        None
    }
}

/// Refuses what shows no token, and gives every answer the headers that keep it in this page.
pub(super) async fn watch(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let objection = guard.objection(request.uri().path(), request.headers());
    let mut response = match objection {
        Some((status, why)) => refusal(status, why),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What is not there.
pub(super) async fn nothing() -> Response {
    refusal(StatusCode::NOT_FOUND, "there is no such page; open the address that was printed")
}

/// A file of the page.
pub(super) fn file(kind: &'static str, content: &'static [u8]) -> Response {
    ([(header::CONTENT_TYPE, kind)], Body::from(content)).into_response()
}
