//! Our server without AWS: its hub is filled here, and its queue is the caller.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use domain::{Bounds, Factory, FactoryChange, FactoryId};
use startup::Variables;
use websocket::config::Config;
use websocket::hub::TableContent;
use websocket::server::Server;

/// Returns a server whose tree has so many factories.
///
/// # Errors
/// Returns why a factory or the settings are invalid.
pub fn server(factories: u32) -> Result<Arc<Server>> {
    let server = Arc::new(Server::new(&config()?, "run"));
    let content = TableContent {
        changes: (0..factories)
            .map(|number| changed(number, 1))
            .collect::<Result<_>>()?,
        ..TableContent::default()
    };
    server.hub.reconcile(&HashMap::new(), content);
    server.readiness.set_subscribed(Instant::now());
    Ok(server)
}

/// Returns the change of one of many factories.
///
/// # Errors
/// Returns why the factory is invalid.
pub fn changed(number: u32, revision: u64) -> Result<FactoryChange> {
    let factory = Factory::new(
        FactoryId::from_random(number.into()),
        format!("factory {number}").parse()?,
        Bounds::new(-1_000, 1_000)?,
        (0..15).map(|place| place * 37 - 200).collect(),
        revision,
    );
    Ok(FactoryChange::Changed { factory: factory? })
}

fn config() -> Result<Config> {
    let variables = Variables::new(|variable| {
        let value = match variable {
            "TOPIC_ARN" => "arn:aws:sns:eu-central-1:000000000000:changes",
            "ALLOWED_ORIGIN" => "http://bench",
            "TABLE_NAME" | "QUEUE_PREFIX" | "BUILD" | "SERVER_ID" => "bench",
            _ => return None,
        };
        Some(value.to_owned())
    });
    Ok(Config::read(&variables)?)
}
