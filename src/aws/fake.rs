//! Clients that answer by rules, for the tests of the clients.

/// Returns a client of an SDK crate that answers by these rules, whichever of them matches.
macro_rules! fake_client {
    ($sdk:ident, $rules:expr) => {{
        let mut answers = aws_smithy_mocks::MockResponseInterceptor::new()
            .rule_mode(aws_smithy_mocks::RuleMode::MatchAny);
        for rule in $rules {
            answers = answers.with_rule(rule);
        }
        let config = $sdk::Config::builder()
            .behavior_version_latest()
            .region($sdk::config::Region::new("eu-central-1"))
            .credentials_provider($sdk::config::Credentials::new(
                "key", "secret", None, None, "test",
            ))
            .retry_config($sdk::config::retry::RetryConfig::disabled())
            .http_client(aws_smithy_mocks::create_mock_http_client())
            .interceptor(answers)
            .build();
        $sdk::Client::from_conf(config)
    }};
}

/// Returns what AWS answers when a permission is missing, for an operation's error type.
macro_rules! access_denied {
    ($error:ty) => {
        <$error>::generic(
            aws_sdk_sts::error::ErrorMetadata::builder()
                .code("AccessDenied")
                .message("User: arn:aws:iam::1:user/a is not authorized")
                .build(),
        )
    };
}

pub(super) use {access_denied, fake_client};
