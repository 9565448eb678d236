//! The SDK's settings.

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// Returns settings with region, credentials and endpoint from the environment, or from the instance, and with the
/// SDK's own retries. They are to be completed with the timeouts of whoever calls, and loaded.
///
/// TLS is rustls with ring, which builds without CMake and makes the smaller program (`benches/cold-start`).
pub fn aws() -> ConfigLoader {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(http)
}
