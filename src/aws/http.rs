//! The HTTP client that all clients share: one pool of connections, made when the first of them asks. Out:
//! something that the SDK takes for a client. Which endpoint is called is not known here.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// Whom the client believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those whom the machine believes: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or the system's own.
    System,
    /// Nobody: all that is called is plain HTTP.
    Nobody,
}

pub(super) fn client(trust: Trust) -> SharedHttpClient {
    let store = TrustStore::empty().with_native_roots(trust == Trust::System);
    let tls = TlsContext::builder().with_trust_store(store).build();
    let builder = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        // Only a server's other name can be refused, and there is none.
        .tls_context(tls.unwrap_or_default());
    SharedHttpClient::new(OnDemand(builder.build_https()))
}

/// Puts the SDK's check of a new client off to its first request. The check makes a connector, which
/// reads and parses every certificate of the machine, for every client of every region: tens of
/// milliseconds that most commands would spend on clients through which they never go.
/// Source: aws-smithy-http-client 1.5, `HyperClient::validate_base_client_config`.
#[derive(Debug)]
struct OnDemand(SharedHttpClient);

impl HttpClient for OnDemand {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use aws_sdk_sts::config::{BehaviorVersion, ConfigBag, RuntimeComponentsBuilder};
    use aws_sdk_sts::error::BoxError;

    use super::*;

    /// Refuses to be checked.
    #[derive(Debug)]
    struct Unready;

    impl HttpClient for Unready {
        fn http_connector(
            &self,
            _settings: &HttpConnectorSettings,
            _components: &RuntimeComponents,
        ) -> SharedHttpConnector {
            panic!("nobody asks anything")
        }

        fn validate_base_client_config(
            &self,
            _components: &RuntimeComponentsBuilder,
            _config: &ConfigBag,
        ) -> Result<(), BoxError> {
            Err("it was checked".into())
        }
    }

    fn client(client: impl HttpClient + 'static) -> std::thread::Result<aws_sdk_sts::Client> {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(client);
        catch_unwind(AssertUnwindSafe(|| {
            aws_sdk_sts::Client::from_conf(config.build())
        }))
    }

    #[test]
    fn a_client_that_calls_nobody_makes_no_connector() {
        assert!(client(Unready).is_err(), "the SDK checks what it is given");
        assert!(client(OnDemand(SharedHttpClient::new(Unready))).is_ok());
    }
}
