//! The handlers: each one checks its input, calls the store, and returns a response.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, RawPathParams, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::factory::UNDO_SECONDS;
use domain::field::quoted;
use domain::tree::MAX_FACTORIES;
use domain::{Edit, Factory, FactoryId, FieldError, draw};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::body::Fields;
use crate::problem::{Problem, ProblemKind};
use crate::sign_in::Author;
use crate::store::{CreateOutcome, FactoryStore, Removal, WriteOutcome};
use crate::{cursor, entity_tag, precondition};

/// The factory id in a path.
#[derive(Clone, Copy, Debug)]
pub struct FactoryPath(FactoryId);

impl<S: Send + Sync> FromRequestParts<S> for FactoryPath {
    type Rejection = Problem;

    /// Rejects text that is no id with `not-found`, like an unknown id.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params =
            params.map_err(|_| Problem::new(ProblemKind::NotFound, "there is no such factory"))?;
        let text = params.iter().find(|(name, _)| *name == "id");
        let text = text.map_or("", |(_, text)| text);
        let unknown = |_| {
            Problem::new(
                ProblemKind::NotFound,
                format!("there is no factory {}", quoted(text)),
            )
        };
        text.parse().map(Self).map_err(unknown)
    }
}

/// The query parameters of `GET /factories`.
#[derive(Debug, Deserialize)]
pub struct ListQuery {
    cursor: Option<String>,
}

#[derive(Serialize)]
struct ListBody {
    factories: Vec<Factory>,
    cursor: Option<String>,
}

/// Returns a page of factories, or 304 if the caller already has it.
///
/// # Errors
/// Returns a problem for an invalid cursor and a failing store.
pub async fn list<S: FactoryStore>(
    State(app): State<App<S>>,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let page = app.store.list(page_start(query)?).await?;
    let body = serde_json::to_vec(&ListBody {
        factories: page.factories,
        cursor: page.last.map(cursor::after),
    });
    let body = body.map_err(|_| Problem::internal())?;
    let tag = entity_tag::of_content(&body);
    if entity_tag::is_known(&headers, &tag) {
        return Ok(not_modified(tag));
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, REVALIDATE),
        (ETAG, tag),
    ];
    Ok((headers, body).into_response())
}

/// Browsers may cache the response, and must revalidate it before every use.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

fn not_modified(tag: HeaderValue) -> Response {
    let headers = [(CACHE_CONTROL, REVALIDATE), (ETAG, tag)];
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

fn page_start(
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Option<FactoryId>, FieldError> {
    let Ok(Query(query)) = query else {
        return Err(FieldError::described(
            "cursor",
            "unreadable",
            "one cursor of an earlier page",
        ));
    };
    let given = query.cursor.filter(|cursor| !cursor.is_empty());
    given.map(|cursor| cursor::parse(&cursor)).transpose()
}

/// Returns one factory, or 304 if the caller already has this revision.
///
/// # Errors
/// Returns a problem if there is no such factory.
pub async fn read<S: FactoryStore>(
    State(app): State<App<S>>,
    FactoryPath(id): FactoryPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let factory = find(&app, id).await?;
    let tag = entity_tag::of_revision(factory.revision);
    if entity_tag::is_known(&headers, &tag) {
        return Ok(not_modified(tag));
    }
    let mut response = factory_response(StatusCode::OK, &factory);
    response.headers_mut().insert(CACHE_CONTROL, REVALIDATE);
    Ok(response)
}

async fn find<S: FactoryStore>(app: &App<S>, id: FactoryId) -> Result<Factory, Problem> {
    let found = app.store.find(id).await?;
    found.ok_or_else(|| Problem::no_factory(id))
}

/// Creates a factory and draws its numbers; a repeated request returns the existing factory.
///
/// # Errors
/// Returns a problem for an invalid body, for an id that is taken, and if the tree is full.
pub async fn create<S: FactoryStore>(
    State(app): State<App<S>>,
    Author(author): Author,
    fields: Fields,
) -> Result<Response, Problem> {
    let bits = u128::from((app.random)()?) << 64 | u128::from((app.random)()?);
    let new = fields.new_factory(FactoryId::from_random(bits))?;
    let numbers = draw::draw(new.bounds, new.count, app.random)?;
    let factory = new.first_revision(numbers, (app.now)())?.by(author);
    // A repetition creates nothing, so a full tree answers it as any other.
    if !has_room(&app).await? && app.store.find(new.id).await?.is_none() {
        return Err(Problem::tree_full());
    }

    let (status, factory) = match app.store.create(&new, &factory).await? {
        CreateOutcome::Created => {
            app.room.note_one_more();
            (StatusCode::CREATED, factory)
        }
        CreateOutcome::Repeated(existing) => (StatusCode::OK, existing),
        CreateOutcome::Taken => return Err(taken(new.id, "was created by another request")),
        CreateOutcome::Removed => return Err(taken(new.id, "was removed; restore it")),
    };
    let mut response = factory_response(status, &factory);
    if let Ok(location) = HeaderValue::from_str(&format!("/factories/{}", factory.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

fn taken(id: FactoryId, how: &str) -> Problem {
    Problem::new(ProblemKind::Conflict, format!("factory {id} {how}"))
}

/// Edits name or bounds, and keeps the numbers. An edit that names neither writes nothing.
///
/// # Errors
/// Returns a problem for an invalid body, a missing or old revision and a missing factory.
pub async fn edit<S: FactoryStore>(
    State(app): State<App<S>>,
    FactoryPath(id): FactoryPath,
    Author(author): Author,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let seen = precondition::seen_revision(&headers)?;
    let edit = fields.edit()?;
    let current = find_at(&app, id, seen).await?;
    if edit == Edit::default() {
        return Ok(factory_response(StatusCode::OK, &current));
    }
    save(&app, current.edited(&edit)?.by(author)).await
}

/// Replaces all numbers of a factory in one step.
///
/// # Errors
/// Returns a problem for an invalid body, a missing or old revision and a missing factory.
pub async fn generate<S: FactoryStore>(
    State(app): State<App<S>>,
    FactoryPath(id): FactoryPath,
    Author(author): Author,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let seen = precondition::seen_revision(&headers)?;
    let count = fields.count()?;
    let current = find_at(&app, id, seen).await?;
    let numbers = draw::draw(current.bounds, count, app.random)?;
    save_numbers(&app, current.with_numbers(numbers)?.by(author)).await
}

/// Brings back the numbers that the last draw replaced; the same once more undoes the undo.
///
/// # Errors
/// Returns a problem for a missing or old revision, a missing factory, and a factory that has drawn only once.
pub async fn restore_numbers<S: FactoryStore>(
    State(app): State<App<S>>,
    FactoryPath(id): FactoryPath,
    Author(author): Author,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = precondition::seen_revision(&headers)?;
    let current = find_at(&app, id, seen).await?;
    let replaced = app.store.find_replaced(id).await?;
    let replaced = replaced.ok_or_else(|| Problem::nothing_replaced(id))?;
    // A draw in between makes another revision, so the store refuses numbers that are not those of this one.
    save_numbers(&app, current.with_numbers(replaced)?.by(author)).await
}

/// Returns the factory if it is still at the revision that the caller has seen.
async fn find_at<S: FactoryStore>(
    app: &App<S>,
    id: FactoryId,
    seen: u64,
) -> Result<Factory, Problem> {
    let current = find(app, id).await?;
    if current.revision != seen {
        return Err(Problem::revision_mismatch(current, seen));
    }
    Ok(current)
}

/// Saves the next revision; the store refuses it if another request has changed the factory.
async fn save<S: FactoryStore>(app: &App<S>, next: Factory) -> Result<Response, Problem> {
    let outcome = app.store.update(&next).await?;
    saved(outcome, next)
}

/// Saves the next revision, and keeps the numbers before it for an undo.
async fn save_numbers<S: FactoryStore>(app: &App<S>, next: Factory) -> Result<Response, Problem> {
    let outcome = app.store.update_numbers(&next).await?;
    saved(outcome, next)
}

fn saved(outcome: WriteOutcome, next: Factory) -> Result<Response, Problem> {
    match outcome {
        WriteOutcome::Done | WriteOutcome::Repeated => Ok(factory_response(StatusCode::OK, &next)),
        WriteOutcome::Stale(current) => Err(Problem::revision_mismatch(current, next.revision - 1)),
        WriteOutcome::Gone => Err(Problem::no_factory(next.id)),
    }
}

/// Removes a factory with its numbers; a caller can restore it for a day.
///
/// # Errors
/// Returns a problem for a missing or old revision, and if the factory does not exist.
pub async fn remove<S: FactoryStore>(
    State(app): State<App<S>>,
    FactoryPath(id): FactoryPath,
    Author(author): Author,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let seen = precondition::seen_revision(&headers)?;
    let removal = Removal {
        id,
        revision: seen,
        expires: (app.now)() + UNDO_SECONDS,
        by: author,
    };
    match app.store.remove(&removal).await? {
        WriteOutcome::Done => {
            app.room.note_one_less();
            Ok(StatusCode::NO_CONTENT)
        }
        WriteOutcome::Repeated => Ok(StatusCode::NO_CONTENT),
        WriteOutcome::Stale(current) => Err(Problem::revision_mismatch(current, seen)),
        WriteOutcome::Gone => Err(Problem::no_factory(id)),
    }
}

/// Undoes a removal. Returns a factory that is not removed unchanged, so that a repeated request is safe.
///
/// # Errors
/// Returns a problem if there is no such factory, its removal can no longer be undone, or the tree is full.
pub async fn restore<S: FactoryStore>(
    State(app): State<App<S>>,
    FactoryPath(id): FactoryPath,
    Author(author): Author,
) -> Result<Response, Problem> {
    if !has_room(&app).await? && app.store.find(id).await?.is_none() {
        return Err(Problem::tree_full());
    }
    let restored = app.store.restore(id, (app.now)(), author).await?;
    let factory = restored.ok_or_else(|| Problem::no_factory(id))?;
    Ok(factory_response(StatusCode::OK, &factory))
}

/// Returns whether the tree has room for one more factory.
async fn has_room<S: FactoryStore>(app: &App<S>) -> Result<bool, Problem> {
    let now = (app.now)();
    let factories = match app.room.known(now) {
        Some(factories) => factories,
        None => app.room.note(app.store.count().await?, now),
    };
    Ok(factories < MAX_FACTORIES)
}

fn factory_response(status: StatusCode, factory: &Factory) -> Response {
    let tag = entity_tag::of_revision(factory.revision);
    (status, [(ETAG, tag)], axum::Json(factory)).into_response()
}
