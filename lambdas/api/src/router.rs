//! The routes of the API.

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::envelope::envelope;
use crate::problem::{Kind, Problem};
use crate::store::FactoryStore;
use crate::{factories, health};

/// Returns the whole API as a service.
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
        .route("/factories/{id}/restore", post(factories::restore))
        .fallback(no_path)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), envelope))
        .with_state(app)
}

async fn no_path() -> Problem {
    Problem::new(Kind::NotFound, "there is nothing at this path")
}

async fn no_method(request: Request) -> Problem {
    let detail = format!("{} is not possible at this path", request.method());
    Problem::new(Kind::MethodNotAllowed, detail)
}
