//! The HTTP API of the factory tree.
//!
//! In: HTTP requests, from API Gateway through Lambda or from a socket. Out: answers as
//! `openapi.yaml` beside this crate has them. Factories are kept by a [`store::FactoryStore`]; what a
//! factory is and which values it may have is decided in `domain`, never here.
//!
//! | module | answers |
//! |---|---|
//! | [`config`] | what the environment says |
//! | [`router`] | which request goes to which handler |
//! | [`envelope`], [`cors`], [`log`] | what every answer has around it |
//! | [`factories`], [`health`] | the handlers |
//! | [`body`], [`precondition`], [`entity_tag`], [`cursor`] | raw text to checked values |
//! | [`problem`] | what an error looks like |
//! | [`store`] | where factories are kept |

pub mod app;
pub mod body;
pub mod config;
pub mod cors;
pub mod cursor;
pub mod entity_tag;
pub mod envelope;
pub mod factories;
pub mod health;
pub mod log;
pub mod precondition;
pub mod problem;
pub mod router;
pub mod serve;
pub mod store;

use anyhow::Result;

use crate::app::App;
use crate::config::{Config, StoreChoice};
use crate::store::dynamo::DynamoStore;
use crate::store::memory::MemoryStore;

/// Serves the API as the environment says: inside Lambda or on a socket, from DynamoDB or memory.
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
    serve::serve(router, &config.door).await
}
