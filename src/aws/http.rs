//! The HTTP client that all clients share: one pool of connections for each way out, made when the first request
//! takes it. Out: something that the SDK takes for a client. Which endpoint is called is not known here; the way to it is.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use axum::http::Uri;

use crate::config::{Network, Proxy};

/// Whom the client believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Those whom the machine believes: `SSL_CERT_FILE`, `SSL_CERT_DIR`, or the system's own; and `AWS_CA_BUNDLE`.
    System,
    /// Nobody: all that is called is plain HTTP.
    Nobody,
}

pub(super) fn client(trust: Trust, network: &Network) -> SharedHttpClient {
    SharedHttpClient::new(Routed {
        trust,
        network: network.clone(),
        clients: Arc::default(),
    })
}

/// A client for one way out.
fn client_through(proxy: Option<&Proxy>, trust: Trust, network: &Network) -> SharedHttpClient {
    let mut store = TrustStore::empty().with_native_roots(trust == Trust::System);
    if let Some(authorities) = network.authorities().filter(|_| trust == Trust::System) {
        store = store.with_pem_certificate(authorities.pem.as_slice());
    }
    let tls = TlsContext::builder().with_trust_store(store).build();
    // Only a server's other name can be refused, and there is none; and `config` has checked the proxy.
    let tls = tls.unwrap_or_default();
    let proxy = proxy.and_then(|proxy| ProxyConfig::all(proxy.url()).ok());
    let proxy = proxy.unwrap_or_else(ProxyConfig::disabled);
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = aws_smithy_http_client::Connector::builder()
            .proxy_config(proxy.clone())
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}

/// Takes the way that the network has to each request's host, and names it where it leads nowhere.
///
/// It puts the SDK's check of a new client off to its first request, too. The check makes a connector, which
/// reads and parses every certificate of the machine, for every client of every region: tens of
/// milliseconds that most commands would spend on clients through which they never go.
/// Source: aws-smithy-http-client 1.5, `HyperClient::validate_base_client_config`.
#[derive(Clone, Debug)]
struct Routed {
    trust: Trust,
    network: Network,
    /// The clients of the ways that were taken so far. There are four at most.
    clients: Arc<Mutex<Vec<ClientOfWay>>>,
}

/// The client of a way: through a proxy, or straight; with certificates, or without.
type ClientOfWay = (Option<Proxy>, Trust, SharedHttpClient);

impl Routed {
    fn client(&self, proxy: Option<&Proxy>, trust: Trust) -> SharedHttpClient {
        let mut clients = self
            .clients
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut known = clients.iter();
        if let Some((.., made)) =
            known.find(|(way, whom, _)| way.as_ref() == proxy && *whom == trust)
        {
            return made.clone();
        }
        let made = client_through(proxy, trust, &self.network);
        clients.push((proxy.cloned(), trust, made.clone()));
        made
    }

    /// Returns whom a request must believe. On a way without TLS the machine's certificates are not even read: that would
    /// cost as much CPU as the rest of a small deploy.
    fn trust_for(&self, proxy: Option<&Proxy>, uri: &Uri) -> Trust {
        let is_plain = proxy.is_none() && uri.scheme_str() == Some("http");
        if is_plain { Trust::Nobody } else { self.trust }
    }
}

impl HttpClient for Routed {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(RoutedConnector {
            client: self.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        None
    }
}

#[derive(Debug)]
struct RoutedConnector {
    client: Routed,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for RoutedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: Uri = request.uri().parse().unwrap_or_default();
        let proxy = proxy_to(&self.client.network, &uri);
        let client = self
            .client
            .client(proxy, self.client.trust_for(proxy, &uri));
        let connector = client.http_connector(&self.settings, &self.components);
        let address = address(&uri, proxy);
        HttpConnectorFuture::new(async move {
            let answer = connector.call(request).await;
            answer.map_err(|error| with_address(error, address))
        })
    }
}

fn proxy_to<'a>(network: &'a Network, uri: &Uri) -> Option<&'a Proxy> {
    let is_secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    network.proxy_to(uri.host()?, port, is_secure)
}

fn address(uri: &Uri, proxy: Option<&Proxy>) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let host = uri.authority().map(ToString::to_string).unwrap_or_default();
    match proxy {
        Some(proxy) => format!("{scheme}://{host} through proxy {proxy}"),
        None => format!("{scheme}://{host}"),
    }
}

/// An address that gave no answer.
#[derive(Debug)]
pub(super) struct Unreached {
    /// The address, and the proxy on the way to it.
    pub(super) address: String,
    source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for Unreached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is not reached", self.address)
    }
}

impl Error for Unreached {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// The SDK decides by the kind of an error whether it asks again, so the kind stays.
fn with_address(error: ConnectorError, address: String) -> ConnectorError {
    let (is_timeout, is_user, kind) = (error.is_timeout(), error.is_user(), error.as_other());
    let is_other = error.is_other();
    let connection = error.connection_metadata().cloned();
    let source = error.into_source();
    let named = Box::new(Unreached { address, source });
    let error = match () {
        () if is_timeout => ConnectorError::timeout(named),
        () if is_user => ConnectorError::user(named),
        () if is_other => ConnectorError::other(named, kind),
        () => ConnectorError::io(named),
    };
    match connection {
        Some(connection) => error.with_connection(connection),
        None => error,
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
        let routed = super::client(Trust::System, &Network::default());
        assert!(client(routed).is_ok());
    }

    #[test]
    fn the_kind_of_an_error_stays_when_it_gets_an_address() {
        let named = |error| with_address(error, "https://a.test".to_owned());
        assert!(named(ConnectorError::timeout("late".into())).is_timeout());
        assert!(named(ConnectorError::user("wrong".into())).is_user());
        assert!(named(ConnectorError::io("refused".into())).is_io());
        assert!(named(ConnectorError::other("odd".into(), None)).is_other());
    }
}
