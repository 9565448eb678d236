//! The configuration of the AWS SDK.

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Returns a loader that reads region, credentials and endpoint from the environment or from the instance, and that
/// keeps the SDK's default retries. The caller adds its timeouts and loads the configuration.
///
/// TLS is rustls with ring, which builds without CMake and results in a smaller program (`benches/cold-start`).
pub fn aws_config_loader() -> ConfigLoader {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http)
}
