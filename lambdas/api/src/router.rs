//! The paths of the API and their handlers.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::middleware::wrap_response;
use crate::problem::{Problem, ProblemKind};
use crate::store::FactoryStore;
use crate::{factories, health};

/// Returns the router with all paths.
pub fn router<S: FactoryStore>(app: App<S>) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/factories", get(factories::list).post(factories::create))
        .route(
            "/factories/{id}",
            get(factories::read)
                .patch(factories::edit)
                .delete(factories::remove),
        )
        .route("/factories/{id}/numbers", post(factories::generate))
        .route(
            "/factories/{id}/numbers/restore",
            post(factories::restore_numbers),
        )
        .route("/factories/{id}/restore", post(factories::restore))
        .fallback(no_path)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), wrap_response))
        .with_state(app)
}

async fn no_path() -> Problem {
    Problem::new(ProblemKind::NotFound, "there is nothing at this path")
}

async fn no_method(request: Request) -> Problem {
    let detail = format!("{} is not possible at this path", request.method());
    Problem::new(ProblemKind::MethodNotAllowed, detail)
}
