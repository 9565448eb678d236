//! The health check of the API.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::problem::Problem;
use crate::store::FactoryStore;

/// Reads the table, and returns the build id.
///
/// # Errors
/// Returns a problem if the table does not respond.
pub async fn health<S: FactoryStore>(State(app): State<App<S>>) -> Result<Json<Value>, Problem> {
    app.store.check().await?;
    Ok(Json(json!({ "status": "ok", "build": &*app.build })))
}
