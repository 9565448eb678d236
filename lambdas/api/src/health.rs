//! Whether the API can do its work.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::App;
use crate::problem::Problem;
use crate::store::FactoryStore;

/// Reads the table, and says which build answers.
///
/// # Errors
/// Returns a problem if the table does not answer.
pub async fn health<S: FactoryStore>(State(app): State<App<S>>) -> Result<Json<Value>, Problem> {
    app.store.check().await?;
    Ok(Json(json!({ "status": "ok", "build": &*app.build })))
}
