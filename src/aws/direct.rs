//! Calls to a service without its SDK crate: one signed request to the service's endpoint in the stage's region. For EC2, whose
//! crate has 1.2 million lines and would take longer to compile than all others together, and for services of which one or
//! two calls are needed. In: the service, and method, path, headers and body of a call. Out: the text of the answer, or a fault.
//! Nothing is retried here.

use anyhow::Result;
use aws_config::SdkConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::SigningRegion;

use super::denied::failure;

/// The way to one service.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    config: SdkConfig,
    service: &'static str,
    /// The first part of the host's name; for most services it is the service's name.
    host: &'static str,
    /// Reads code and message out of an answer that is an error.
    read_error: fn(&str) -> ErrorMetadata,
}

/// One call.
#[derive(Debug)]
pub(super) struct Call {
    /// The permission that IAM asks for it, such as `ec2:DescribeSubnets`: the service and the operation's name.
    pub(super) permission: &'static str,
    pub(super) method: &'static str,
    /// Begins with a slash; most services have no other.
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Call {
    /// Returns the operation's name.
    pub(super) fn operation(&self) -> &'static str {
        let parts = self.permission.split_once(':');
        parts.map_or(self.permission, |(_, operation)| operation)
    }
}

impl Direct {
    pub(super) fn new(
        config: &SdkConfig,
        service: &'static str,
        read_error: fn(&str) -> ErrorMetadata,
    ) -> Self {
        Self {
            config: config.clone(),
            service,
            host: service,
            read_error,
        }
    }

    /// Returns the way to a part of the service that has a host of its own.
    pub(super) fn at_host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    /// Makes a call and returns the text of its answer.
    ///
    /// # Errors
    /// The service is not reached or refuses.
    pub(super) async fn send(&self, call: Call) -> Result<String> {
        let (read_error, permission) = (self.read_error, call.permission);
        let mut operation = Operation::builder()
            .service_name(self.service)
            .operation_name(call.operation())
            .endpoint_url(&self.endpoint())
            .no_retry()
            .timeout_config(self.timeouts())
            .runtime_plugin(self.signing());
        if let Some(client) = self.config.http_client() {
            operation = operation.http_client(client);
        }
        let operation = operation
            .serializer(|call: Call| Ok(request(call)))
            .deserializer(move |response| text(response, read_error))
            .build();
        let answer = operation.invoke(call).await;
        answer.map_err(|error| failure(error, permission))
    }

    fn endpoint(&self) -> String {
        if let Some(url) = self.config.endpoint_url() {
            return url.to_owned();
        }
        let region = self.region();
        let china = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://{}.{region}.amazonaws.com{china}", self.host)
    }

    /// Returns the region of the stage. The configuration always has one.
    pub(super) fn region(&self) -> String {
        let region = self.config.region();
        region.map(ToString::to_string).unwrap_or_default()
    }

    fn timeouts(&self) -> TimeoutConfig {
        let timeouts = self.config.timeout_config();
        timeouts.cloned().unwrap_or_else(TimeoutConfig::disabled)
    }

    /// Returns what signs a call: the credentials of the stage, the region and the service's name.
    fn signing(&self) -> StaticRuntimePlugin {
        let mut layer = Layer::new("signing");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: self.config.region().cloned().map(SigningRegion::from),
            name: Some(SigningName::from(self.service)),
            ..SigV4OperationSigningConfig::default()
        });
        let resolver = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("signing");
        components
            .set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(resolver)));
        components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
        if let Some(provider) = self.config.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, provider);
        }
        if let Some(cache) = self.config.identity_cache() {
            components.set_identity_cache(Some(cache));
        }
        StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(components)
    }
}

fn request(call: Call) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(call.body));
    // A method's name is never refused; a path that is none has the service's answer.
    let _ = request.set_method(call.method);
    let _ = request.set_uri(call.path.as_str());
    for (name, value) in call.headers {
        request.headers_mut().insert(name, value);
    }
    request
}

fn text(
    response: &HttpResponse,
    read_error: fn(&str) -> ErrorMetadata,
) -> Result<String, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body).into_owned();
    if response.status().is_success() {
        return Ok(body);
    }
    let error = read_error(&body);
    let error = match (error.code(), response.headers().get(ERROR_TYPE)) {
        (None, Some(code)) => coded(code, error.message()),
        _ => error,
    };
    Err(OrchestratorError::operation(error))
}

/// The header by which services with paths of their own tell the code of an error. A namespace may follow it, after `:`.
/// Source: Smithy, "AWS restJson1 protocol", "Operation error serialization".
const ERROR_TYPE: &str = "x-amzn-errortype";

fn coded(code: &str, message: Option<&str>) -> ErrorMetadata {
    let mut error = ErrorMetadata::builder().code(code.split(':').next().unwrap_or(code));
    if let Some(message) = message {
        error = error.message(message);
    }
    error.build()
}

/// Returns a configuration whose every call is answered with this text, and with the status that `answer` gives to its
/// request.
#[cfg(test)]
pub(super) fn fake_config(
    answer: impl Fn(axum::http::Request<SdkBody>) -> u16 + Send + Sync + 'static,
    text: &str,
) -> SdkConfig {
    use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};

    let text = text.to_owned();
    let client = aws_smithy_http_client::test_util::infallible_client_fn(move |request| {
        let answer = axum::http::Response::builder().status(answer(request));
        answer.body(text.clone()).unwrap()
    });
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "key", "secret", None, None, "test",
        )))
        .http_client(client)
        .build()
}
