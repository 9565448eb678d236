//! The public addresses of a stage. In: a domain, and a port where the stage is on this machine. Out: the URLs of
//! site, API, live channel and sign-in pages. Nobody is asked whether they answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::config::{DomainName, Region};
use crate::content::hex;

/// The public addresses of a stage, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Urls {
    /// The page.
    pub site: String,
    /// The HTTP API.
    pub api: String,
    /// The live channel.
    pub socket: String,
    /// Where users sign in; `None` where nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignInUrls>,
}

/// Where users sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignInUrls {
    /// The pages: `/oauth2/authorize`, `/oauth2/token` and `/logout` are below it.
    pub pages: String,
    /// The folder of all issuers: the id of the user pool behind it makes the address of ours.
    pub issuers: String,
}

impl SignInUrls {
    /// Returns the addresses of a domain's user pool in AWS.
    /// Source: Amazon Cognito Developer Guide, "Using the Amazon Cognito domain for managed login".
    pub fn secure(domain: &DomainName, region: &Region) -> Self {
        let prefix = sign_in_prefix(domain);
        Self {
            pages: format!("https://{prefix}.auth.{region}.amazoncognito.com"),
            issuers: format!("https://cognito-idp.{region}.amazonaws.com"),
        }
    }

    /// Returns the addresses of a domain's user pool on one loopback port.
    pub fn loopback(domain: &DomainName, port: u16) -> Self {
        let pages = format!("http://{}:{port}", sign_in_host(domain));
        Self {
            issuers: pages.clone(),
            pages,
        }
    }
}

/// Returns the host of the sign-in pages of a stage on this machine.
pub fn sign_in_host(domain: &DomainName) -> String {
    format!("auth.{domain}")
}

/// The words that Cognito refuses in a prefix.
/// Source: Amazon Cognito user pools API Reference, `CreateUserPoolDomain`, `Domain`.
const REFUSED_WORDS: [&str; 3] = ["amazon", "aws", "cognito"];

/// The most characters of a prefix that are of the domain: it has 63 in all, a hyphen and eight digits of a hash among them.
const OF_DOMAIN: usize = 54;

/// Returns the first label of the host of the sign-in pages. No two accounts in a region may have the same, so part of it is
/// a hash of the domain, which belongs to one owner: `factory-tree-com-1b2c3d4e`.
pub fn sign_in_prefix(domain: &DomainName) -> String {
    let hash = hex(&Sha256::digest(domain.as_str())[..4]);
    let name = domain.as_str().to_ascii_lowercase().replace('.', "-");
    let short = name.get(..OF_DOMAIN).unwrap_or(&name).trim_matches('-');
    if short.is_empty() || REFUSED_WORDS.iter().any(|word| short.contains(word)) {
        return format!("tree-{hash}");
    }
    format!("{short}-{hash}")
}

impl Urls {
    /// Returns the addresses of a domain in AWS.
    pub fn secure(domain: &DomainName) -> Self {
        Self {
            site: format!("https://{domain}"),
            api: format!("https://api.{domain}"),
            socket: format!("wss://ws.{domain}"),
            sign_in: None,
        }
    }

    /// Returns the addresses of a domain on one loopback port.
    pub fn loopback(domain: &DomainName, port: u16) -> Self {
        Self {
            site: format!("http://{domain}:{port}"),
            api: format!("http://api.{domain}:{port}"),
            socket: format!("ws://ws.{domain}:{port}"),
            sign_in: None,
        }
    }

    /// Returns a line for each address that people open, as reports show them.
    pub fn lines(&self) -> String {
        let rows = [
            ("site", &self.site),
            ("api", &self.api),
            ("socket", &self.socket),
        ];
        let sign_in = self.sign_in.as_ref();
        let sign_in = sign_in.map(|sign_in| ("sign-in", &sign_in.pages));
        let rows = rows.into_iter().chain(sign_in);
        rows.map(|(name, url)| format!("  {name:<7} {url}\n"))
            .collect()
    }

    /// Returns the addresses with those of the sign-in pages.
    #[must_use]
    pub fn with_sign_in(self, sign_in: Option<SignInUrls>) -> Self {
        Self { sign_in, ..self }
    }
}

/// Returns the loopback address of a name that means this machine, or `None` for any other name.
/// `localhost` and all names below it are loopback (RFC 6761, section 6.3), but the C library's resolver
/// does not know those below it.
pub fn loopback_address(host: &str, port: u16) -> Option<SocketAddr> {
    let bare = host
        .trim_end_matches('.')
        .trim_start_matches('[')
        .trim_end_matches(']');
    let lower = bare.to_ascii_lowercase();
    if lower == "localhost" || lower.ends_with(".localhost") {
        return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let address: IpAddr = lower.parse().ok()?;
    address
        .is_loopback()
        .then_some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_domains_own_and_one_that_cognito_takes() {
        let prefix = |domain: &str| sign_in_prefix(&domain.parse().unwrap());
        let long = format!("{}.example.com", "preview-".repeat(6) + "x");
        let domains = [
            "factory-tree.com",
            "factory.tree.com",
            "laws.example.com",
            long.as_str(),
        ];
        let prefixes = domains.map(prefix);
        insta::assert_snapshot!(prefixes.join("\n"), @r"
        factory-tree-com-5b6647fa
        factory-tree-com-59c4cf31
        tree-6419b6e1
        preview-preview-preview-preview-preview-preview-x-exam-269b5f3d
        ");
        for prefix in prefixes {
            assert!(prefix.len() <= 63, "{prefix}");
            assert!(REFUSED_WORDS.iter().all(|word| !prefix.contains(word)));
        }
    }

    #[test]
    fn each_address_is_a_line_and_the_sign_in_pages_where_there_are_any() {
        let domain = "factory-tree.com".parse().unwrap();
        let region = "us-east-1".parse().unwrap();
        let urls = Urls::secure(&domain);
        let sign_in = SignInUrls::secure(&domain, &region);
        let both = urls.lines() + &urls.with_sign_in(Some(sign_in)).lines();
        insta::assert_snapshot!(both, @r"
          site    https://factory-tree.com
          api     https://api.factory-tree.com
          socket  wss://ws.factory-tree.com
          site    https://factory-tree.com
          api     https://api.factory-tree.com
          socket  wss://ws.factory-tree.com
          sign-in https://factory-tree-com-5b6647fa.auth.us-east-1.amazoncognito.com
        ");
    }

    #[test]
    fn names_below_localhost_are_loopback_and_others_are_not() {
        let address = |host| loopback_address(host, 80).map(|address| address.to_string());
        assert_eq!(
            address("ws.factory-tree.localhost"),
            Some("127.0.0.1:80".to_owned())
        );
        assert_eq!(address("LOCALHOST."), Some("127.0.0.1:80".to_owned()));
        assert_eq!(address("[::1]"), Some("[::1]:80".to_owned()));
        assert_eq!(address("notlocalhost"), None);
        assert_eq!(address("localhost.example.com"), None);
        assert_eq!(address("10.0.0.1"), None);
    }
}
