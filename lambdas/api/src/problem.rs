//! Errors as RFC 9457 problem documents: a stable type and a sentence for people, without internal details.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::field::quoted;
use domain::tree::MAX_FACTORIES;
use domain::{Factory, FactoryId, FieldError};
use serde::Serialize;

use crate::entity_tag;
use crate::store::StoreError;

/// The prefix of all problem types.
pub const TYPE_PREFIX: &str = "https://factory-tree.com/problems/";

/// The seconds after which a caller may retry when the store is unavailable.
const RETRY_SECONDS: &str = "1";

/// The kinds of problems. Their slugs are part of the contract and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// A field has an invalid value.
    InvalidField,
    /// The body has a field that the request does not know.
    UnknownField,
    /// The body is no JSON object.
    MalformedJson,
    /// The body is too large.
    TooLarge,
    /// The request does not say that its body is JSON.
    UnsupportedMediaType,
    /// A page of another origin wants to write.
    ForeignOrigin,
    /// A write has no token of a user, or one that was made for something else.
    NotSignedIn,
    /// A user who is no editor wants to write.
    NotAnEditor,
    /// The factory or the path does not exist.
    NotFound,
    /// The path does not support the method.
    MethodNotAllowed,
    /// The id is already taken by another factory.
    Conflict,
    /// The tree has as many factories as it may have.
    TreeFull,
    /// Another request changed the factory first.
    RevisionMismatch,
    /// The request has no `If-Match` header with the revision.
    PreconditionRequired,
    /// The store does not respond right now.
    Unavailable,
    /// An internal error.
    Internal,
}

impl ProblemKind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::InvalidField,
        Self::UnknownField,
        Self::MalformedJson,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::ForeignOrigin,
        Self::NotSignedIn,
        Self::NotAnEditor,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::TreeFull,
        Self::RevisionMismatch,
        Self::PreconditionRequired,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Returns the slug and the title.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidField => ("invalid-field", "A field breaks a rule"),
            Self::UnknownField => ("unknown-field", "A field is not known"),
            Self::MalformedJson => ("malformed-json", "The body is not a JSON object"),
            Self::TooLarge => ("too-large", "The body is too large"),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                "The body does not say that it is JSON",
            ),
            Self::ForeignOrigin => ("foreign-origin", "Only pages of the site may write"),
            Self::NotSignedIn => ("not-signed-in", "Nobody is signed in who may write"),
            Self::NotAnEditor => ("not-an-editor", "Only editors may write"),
            Self::NotFound => ("not-found", "Nothing is there"),
            Self::MethodNotAllowed => ("method-not-allowed", "The method is not allowed here"),
            Self::Conflict => ("conflict", "The id is taken"),
            Self::TreeFull => ("tree-full", "The tree is full"),
            Self::RevisionMismatch => ("revision-mismatch", "The factory was changed meanwhile"),
            Self::PreconditionRequired => ("precondition-required", "The revision is missing"),
            Self::Unavailable => ("unavailable", "The store does not answer"),
            Self::Internal => ("internal", "Something went wrong here"),
        }
    }

    /// Returns the last part of the problem's type.
    pub fn slug(self) -> &'static str {
        self.words().0
    }

    /// Returns the status code of responses of this kind.
    pub fn status(self) -> StatusCode {
        use StatusCode as S;
        match self {
            Self::InvalidField | Self::UnknownField => S::UNPROCESSABLE_ENTITY,
            Self::MalformedJson => S::BAD_REQUEST,
            Self::TooLarge => S::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => S::UNSUPPORTED_MEDIA_TYPE,
            Self::ForeignOrigin | Self::NotAnEditor => S::FORBIDDEN,
            Self::NotSignedIn => S::UNAUTHORIZED,
            Self::NotFound => S::NOT_FOUND,
            Self::MethodNotAllowed => S::METHOD_NOT_ALLOWED,
            Self::Conflict | Self::TreeFull => S::CONFLICT,
            Self::RevisionMismatch => S::PRECONDITION_FAILED,
            Self::PreconditionRequired => S::PRECONDITION_REQUIRED,
            Self::Unavailable => S::SERVICE_UNAVAILABLE,
            Self::Internal => S::INTERNAL_SERVER_ERROR,
        }
    }
}

/// An error for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    field: Option<String>,
    factory: Option<Box<Factory>>,
}

impl Problem {
    /// Returns a problem with a sentence for the caller.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
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
                ProblemKind::UnknownField,
                format!(
                    "{} is not a field here; known: {}",
                    quoted(field),
                    known.join(", ")
                ),
            )
        }
    }

    /// Returns the problem of a factory that does not exist.
    pub fn no_factory(id: FactoryId) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no factory {id}"))
    }

    /// Returns the problem of a factory whose numbers are its first ones.
    pub fn nothing_replaced(id: FactoryId) -> Self {
        let detail = format!("factory {id} has drawn only once, so there are no earlier numbers");
        Self::new(ProblemKind::NotFound, detail)
    }

    /// Returns the problem of a factory for which the tree has no room.
    pub fn tree_full() -> Self {
        Self::new(
            ProblemKind::TreeFull,
            format!(
                "the tree has {MAX_FACTORIES} factories, which is all it holds; remove one first"
            ),
        )
    }

    /// Returns the problem of a request made for an older revision, with the current factory.
    pub fn revision_mismatch(current: Factory, seen: u64) -> Self {
        Self {
            factory: Some(Box::new(current.clone())),
            ..Self::new(
                ProblemKind::RevisionMismatch,
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
            ..Self::new(ProblemKind::InvalidField, error.to_string())
        }
    }
}

impl From<StoreError> for Problem {
    /// Logs the cause once, and keeps it out of the problem.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => {
                tracing::warn!(error = format!("{cause:#}"), "the store does not answer");
                Self::new(
                    ProblemKind::Unavailable,
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
    /// Returns the problem of an internal error, whose cause is in the log only.
    pub fn internal() -> Self {
        Self::new(
            ProblemKind::Internal,
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
    /// Returns a response with the status only; [`render`] adds the document, because it knows the request id.
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[derive(Serialize)]
struct ProblemDocument<'a> {
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

/// Adds the problem document to a response that carries a problem; returns other responses unchanged.
pub fn render(mut response: Response, request_id: &str) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let (slug, title) = problem.kind.words();
    let document = ProblemDocument {
        r#type: format!("{TYPE_PREFIX}{slug}"),
        title,
        status: problem.kind.status().as_u16(),
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
    if problem.kind == ProblemKind::NotSignedIn {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if problem.kind == ProblemKind::Unavailable {
        headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
    }
    if let Some(factory) = &problem.factory {
        headers.insert(ETAG, entity_tag::of_revision(factory.revision));
    }
    *response.body_mut() = Body::from(serde_json::to_vec(&document).unwrap_or_default());
    response
}
