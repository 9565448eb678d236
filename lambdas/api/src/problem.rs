//! Errors as RFC 9457 problem documents: a stable type, a sentence for people, nothing of our insides.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::field::quoted;
use domain::{Factory, FactoryId, FieldError};
use serde::Serialize;

use crate::entity_tag;
use crate::store::StoreError;

/// The prefix of all problem types.
pub const TYPE_PREFIX: &str = "https://factory-tree.com/problems/";

/// After how many seconds a caller may try again when the store was out of reach.
const RETRY_SECONDS: &str = "1";

/// The kinds of problems. Their slugs are part of the contract and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A field breaks a rule.
    InvalidField,
    /// A field is not known here.
    UnknownField,
    /// The body is no JSON object.
    MalformedJson,
    /// The body is too large.
    TooLarge,
    /// There is no such factory, or no such path.
    NotFound,
    /// The path is there, but not with this method.
    MethodNotAllowed,
    /// Another factory has this id.
    Conflict,
    /// Somebody else changed the factory first.
    RevisionMismatch,
    /// The request does not say which revision it has seen.
    PreconditionRequired,
    /// The store does not answer right now.
    Unavailable,
    /// Our fault.
    Internal,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::InvalidField,
        Self::UnknownField,
        Self::MalformedJson,
        Self::TooLarge,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::RevisionMismatch,
        Self::PreconditionRequired,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Returns slug, title and status.
    fn row(self) -> (&'static str, &'static str, StatusCode) {
        use StatusCode as S;
        match self {
            Self::InvalidField => (
                "invalid-field",
                "A field breaks a rule",
                S::UNPROCESSABLE_ENTITY,
            ),
            Self::UnknownField => (
                "unknown-field",
                "A field is not known",
                S::UNPROCESSABLE_ENTITY,
            ),
            Self::MalformedJson => (
                "malformed-json",
                "The body is not a JSON object",
                S::BAD_REQUEST,
            ),
            Self::TooLarge => ("too-large", "The body is too large", S::PAYLOAD_TOO_LARGE),
            Self::NotFound => ("not-found", "Nothing is there", S::NOT_FOUND),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "The method is not allowed here",
                S::METHOD_NOT_ALLOWED,
            ),
            Self::Conflict => ("conflict", "The id is taken", S::CONFLICT),
            Self::RevisionMismatch => (
                "revision-mismatch",
                "The factory was changed meanwhile",
                S::PRECONDITION_FAILED,
            ),
            Self::PreconditionRequired => (
                "precondition-required",
                "The revision is missing",
                S::PRECONDITION_REQUIRED,
            ),
            Self::Unavailable => (
                "unavailable",
                "The store does not answer",
                S::SERVICE_UNAVAILABLE,
            ),
            Self::Internal => (
                "internal",
                "Something went wrong here",
                S::INTERNAL_SERVER_ERROR,
            ),
        }
    }

    /// Returns the last part of the problem's type.
    pub fn slug(self) -> &'static str {
        self.row().0
    }

    /// Returns the status code of answers of this kind.
    pub fn status(self) -> StatusCode {
        self.row().2
    }
}

/// An error on its way to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: String,
    field: Option<String>,
    factory: Option<Box<Factory>>,
}

impl Problem {
    /// Returns a problem with a sentence for the caller.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            factory: None,
        }
    }

    /// Returns the problem of a field that is not known.
    pub fn unknown_field(field: &str, known: &[&str]) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(
                Kind::UnknownField,
                format!(
                    "{} is not a field here; known: {}",
                    quoted(field),
                    known.join(", ")
                ),
            )
        }
    }

    /// Returns the problem of a factory that is not there.
    pub fn no_factory(id: FactoryId) -> Self {
        Self::new(Kind::NotFound, format!("there is no factory {id}"))
    }

    /// Returns the problem of a request made for an older revision, with the factory as it is now.
    pub fn revision_mismatch(current: Factory, seen: u64) -> Self {
        Self {
            factory: Some(Box::new(current.clone())),
            ..Self::new(
                Kind::RevisionMismatch,
                format!(
                    "the factory is at revision {}, not {seen}",
                    current.revision
                ),
            )
        }
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self {
            field: Some(error.field.to_owned()),
            ..Self::new(Kind::InvalidField, error.to_string())
        }
    }
}

impl From<StoreError> for Problem {
    /// The cause goes to the log, once, here; the caller gets no word of it.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => {
                tracing::warn!(error = format!("{cause:#}"), "the store does not answer");
                Self::new(
                    Kind::Unavailable,
                    "the factories are out of reach right now; try again in a moment",
                )
            }
            StoreError::Broken(cause) => {
                tracing::error!(error = format!("{cause:#}"), "the store failed");
                Self::internal()
            }
        }
    }
}

impl Problem {
    /// Returns the problem that is our fault; the log has the rest.
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "the request could not be answered; its request id helps to find out why",
        )
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Self {
        tracing::error!(error = %error, "the operating system gave no randomness");
        Self::internal()
    }
}

impl IntoResponse for Problem {
    /// Gives the status alone; [`rendered`] adds the document, as only it knows the request id.
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    factory: Option<&'a Factory>,
}

/// Gives a problem on its way out its document; other answers stay as they are.
pub fn rendered(mut response: Response, request_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let (slug, title, status) = problem.kind.row();
    let document = Document {
        r#type: format!("{TYPE_PREFIX}{slug}"),
        title,
        status: status.as_u16(),
        detail: &problem.detail,
        field: problem.field.as_deref(),
        request_id,
        factory: problem.factory.as_deref(),
    };
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    if problem.kind == Kind::Unavailable {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    }
    if let Some(factory) = &problem.factory {
        headers.insert(ETAG, entity_tag::of_revision(factory.revision));
    }
    *response.body_mut() = Body::from(serde_json::to_vec(&document).unwrap_or_default());
    response
}
