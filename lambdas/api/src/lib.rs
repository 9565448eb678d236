//! The HTTP API of the factory tree.
//!
//! In: HTTP requests, from API Gateway through Lambda or from a socket. Out: responses as `openapi.yaml`
//! documents them. A [`store::FactoryStore`] stores the factories. The crate `domain` defines a factory
//! and its allowed values; this crate never does.
//!
//! | module | content |
//! |---|---|
//! | [`config`] | the settings from the environment |
//! | [`router`] | the paths and their handlers |
//! | [`middleware`], [`cors`], [`log`] | the headers and the log line of every response |
//! | [`factories`], [`health`] | the handlers |
//! | [`sign_in`] | who may write |
//! | [`body`], [`precondition`], [`entity_tag`], [`cursor`] | parsing raw text into checked values |
//! | [`problem`] | the errors of the contract |
//! | [`room`] | the number of factories, counted now and then |
//! | [`store`] | storing factories |

pub mod app;
pub mod body;
pub mod config;
pub mod cors;
pub mod cursor;
pub mod entity_tag;
pub mod factories;
pub mod health;
pub mod log;
pub mod middleware;
pub mod precondition;
pub mod problem;
pub mod room;
pub mod router;
pub mod serve;
pub mod sign_in;
pub mod store;

use anyhow::Result;

use crate::app::App;
use crate::config::{Config, StoreChoice};
use crate::store::dynamo::DynamoStore;
use crate::store::memory::MemoryStore;

/// Serves the API with the settings from the environment: inside Lambda or on a socket, from DynamoDB or memory.
///
/// # Errors
/// Returns an error if a variable is missing or the listener cannot be bound.
pub async fn run() -> Result<()> {
    let config = Config::from_env()?;
    let router = match &config.store {
        StoreChoice::Dynamo { table } => {
            let store = DynamoStore::connect(table).await;
            router::router(App::new(store, &config))
        }
        StoreChoice::Memory => router::router(App::new(MemoryStore::default(), &config)),
    };
    serve::serve(router, &config.serve_mode).await
}
