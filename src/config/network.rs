//! The way from this machine to the internet. In: the variables that proxies and certificates are named by. Out: a
//! `Network` of checked values, or an error that names variable, value and cure. Nothing is asked here.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::UserError;

/// The proxies of this machine, and the authorities that it believes beside the system's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    https: Option<Proxy>,
    http: Option<Proxy>,
    exceptions: Vec<Exception>,
    /// Shared: a system's whole bundle may be in it, and every client has a copy of this.
    authorities: Option<Arc<Authorities>>,
}

/// A proxy's URL, which may hold a password: only `url` gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy(String);

impl Proxy {
    /// Returns the URL with user and password.
    pub fn url(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// An entry of `NO_PROXY`: hosts, and the port that it is limited to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exception {
    hosts: String,
    port: Option<u16>,
}

/// Certificates of a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// The file's content.
    pub pem: Vec<u8>,
    /// The certificates in it.
    pub certificates: Vec<CertificateDer<'static>>,
}

impl Network {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// `UserError::Variable`: a proxy is no URL of a proxy, or the file of certificates holds none.
    pub fn read() -> Result<Self, UserError> {
        Self::parse(|name| {
            let value = std::env::var_os(name)?.to_string_lossy().into_owned();
            Some(value).filter(|value| !value.is_empty())
        })
    }

    /// Reads an environment that holds no empty values.
    fn parse(read: impl Fn(&str) -> Option<String>) -> Result<Self, UserError> {
        let proxy = |name: &str| match first(&read, name) {
            Some((name, value)) => parse_proxy(&name, value.trim()).map(Some),
            None => Ok(None),
        };
        let all = proxy("ALL_PROXY")?;
        let exceptions = first(&read, "NO_PROXY").map(|(_, list)| parse_exceptions(&list));
        Ok(Self {
            https: proxy("HTTPS_PROXY")?.or_else(|| all.clone()),
            http: proxy("HTTP_PROXY")?.or(all),
            exceptions: exceptions.unwrap_or_default(),
            authorities: read("AWS_CA_BUNDLE")
                .map(|file| read_authorities(file).map(Arc::new))
                .transpose()?,
        })
    }

    /// Returns the proxy on the way to a port of a host. Neither this machine nor what only answers on its own link (the
    /// credentials of an instance or a container) is behind any.
    pub fn proxy_to(&self, host: &str, port: u16, secure: bool) -> Option<&Proxy> {
        let proxy = if secure { &self.https } else { &self.http };
        let is_direct = is_near(host) || self.exceptions.iter().any(|one| one.covers(host, port));
        proxy.as_ref().filter(|_| !is_direct)
    }

    /// Returns the authorities of `AWS_CA_BUNDLE`.
    pub fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_deref()
    }
}

impl Exception {
    fn covers(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.');
        let matches = format!("http://{host}/").parse().is_ok_and(|uri| {
            let matcher = Matcher::builder().all("http://proxy").no(&self.hosts);
            matcher.build().intercept(&uri).is_none()
        });
        matches && self.port.is_none_or(|own| own == port)
    }
}

/// The small form of a variable, else the capital one.
/// Source: AWS CLI User Guide, "Using an HTTP proxy for the AWS CLI".
fn first(read: &impl Fn(&str) -> Option<String>, name: &str) -> Option<(String, String)> {
    let names = [name.to_ascii_lowercase(), name.to_owned()];
    names
        .into_iter()
        .find_map(|name| read(&name).map(|value| (name, value)))
}

fn is_near(host: &str) -> bool {
    let bare = host
        .trim_end_matches('.')
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase();
    if bare == "localhost" || bare.ends_with(".localhost") {
        return true;
    }
    match bare.parse() {
        Ok(std::net::IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        // fd00:ec2:: is what the services of an EC2 instance answer on.
        // Source: EC2 User Guide, "Retrieve instance metadata".
        Ok(std::net::IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.segments()[..2] == [0xfd00, 0x0ec2]
        }
        Err(_) => false,
    }
}

fn parse_proxy(name: &str, value: &str) -> Result<Proxy, UserError> {
    let url = if value.contains("://") {
        value.to_owned()
    } else {
        format!("http://{value}")
    };
    let scheme = url.split("://").next().unwrap_or_default();
    let is_http = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https");
    if is_http && names_a_host(&url) {
        return Ok(Proxy(url));
    }
    let problem = if is_http {
        "is no URL of a proxy"
    } else {
        "is a proxy of a kind that is not supported"
    };
    Err(UserError::Variable {
        name: name.to_owned(),
        value: without_password(value),
        problem: problem.to_owned(),
        hint: format!(
            "write it as `{name}=http://HOST:PORT`, with `USER:PASSWORD@` before the host where it asks for them \
             (special characters as %XX), or unset it"
        ),
    })
}

/// A `#`, `?` or `/` that nobody escaped in a password would end the host's part of the URL early.
fn names_a_host(url: &str) -> bool {
    let Ok(uri) = url.parse::<axum::http::Uri>() else {
        return false;
    };
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16());
    let end = port.map_or(host.to_owned(), |port| format!("{host}:{port}"));
    !host.is_empty() && url.trim_end_matches('/').ends_with(&end)
}

/// Everything up to the last `@` may be a password, if a person forgot to escape it.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(_, rest)| {
        (&url[..url.len() - rest.len()], rest)
    });
    match rest.rsplit_once('@') {
        Some((person, host)) => {
            let user = person.split(':').next().unwrap_or_default();
            format!("{scheme}{user}:***@{host}")
        }
        None => url.to_owned(),
    }
}

fn parse_exceptions(list: &str) -> Vec<Exception> {
    let entries = list.split([',', ' ']).filter(|entry| !entry.is_empty());
    let exceptions = entries.map(|entry| {
        let (hosts, port) = match entry.rsplit_once(':') {
            Some((hosts, port)) if !hosts.contains(':') || hosts.ends_with(']') => {
                (hosts, port.parse().ok())
            }
            _ => (entry, None),
        };
        let hosts = hosts.trim_start_matches('[').trim_end_matches(']');
        let hosts = hosts.strip_prefix("*.").unwrap_or(hosts);
        Exception {
            hosts: hosts.to_owned(),
            port,
        }
    });
    exceptions.collect()
}

fn read_authorities(file: String) -> Result<Authorities, UserError> {
    let wrong = |problem: String| UserError::Variable {
        name: "AWS_CA_BUNDLE".to_owned(),
        value: file.clone(),
        problem,
        hint: "name a file with the certificates of your network's authority in PEM form \
               (`-----BEGIN CERTIFICATE-----`), or unset it"
            .to_owned(),
    };
    let pem = std::fs::read(PathBuf::from(&file)).map_err(|error| wrong(cannot_read(&error)))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = found.map_err(|error| wrong(format!("is no PEM file: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong("holds no certificate in PEM form".to_owned()));
    }
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        let added = store.add(certificate.clone());
        added.map_err(|error| wrong(format!("holds a broken certificate: {error}")))?;
    }
    Ok(Authorities { pem, certificates })
}

fn cannot_read(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(environment: &[(&str, &str)]) -> Result<Network, UserError> {
        Network::parse(|name| {
            let found = environment.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
    }

    fn way(environment: &[(&str, &str)], host: &str, port: u16) -> Option<String> {
        let network = network(environment).unwrap();
        network
            .proxy_to(host, port, port == 443)
            .map(ToString::to_string)
    }

    #[test]
    fn each_scheme_has_its_proxy_in_capitals_or_not() {
        let both = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "p:2")];
        assert_eq!(way(&both, "a.test", 443).unwrap(), "http://s:1");
        assert_eq!(way(&both, "a.test", 80).unwrap(), "http://p:2");
        assert_eq!(
            way(&[("all_proxy", "q:3")], "a.test", 443).unwrap(),
            "http://q:3"
        );
        assert_eq!(way(&[], "a.test", 443), None);
    }

    #[test]
    fn what_is_near_goes_through_no_proxy() {
        let proxy = [("ALL_PROXY", "http://p:1")];
        for host in [
            "localhost",
            "x.localhost",
            "X.LOCALHOST.",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "169.254.169.254",
            "169.254.170.2",
            "[fd00:ec2::254]",
        ] {
            assert_eq!(way(&proxy, host, 80), None, "{host}");
        }
        assert!(way(&proxy, "notlocalhost", 80).is_some());
    }

    #[test]
    fn exceptions_are_names_networks_and_ports() {
        let rows = [
            ("amazonaws.com", "sts.eu-central-1.amazonaws.com", true),
            (".amazonaws.com", "sts.eu-central-1.amazonaws.com", true),
            ("*.amazonaws.com", "sts.eu-central-1.amazonaws.com", true),
            ("x.test, amazonaws.com", "s3.amazonaws.com", true),
            ("amazonaws.com:443", "s3.amazonaws.com", true),
            ("amazonaws.com:8443", "s3.amazonaws.com", false),
            ("amazonaws.com", "notamazonaws.com", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("*", "anything.test", true),
        ];
        for (list, host, is_direct) in rows {
            let environment = [("HTTPS_PROXY", "http://p:1"), ("no_proxy", list)];
            assert_eq!(
                way(&environment, host, 443).is_none(),
                is_direct,
                "{list} {host}"
            );
        }
    }

    #[test]
    fn a_wrong_value_is_told_without_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "no certificate").unwrap();
        let broken = folder.path().join("broken.pem");
        std::fs::write(
            &broken,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        let rows = [
            ("HTTPS_PROXY", "http://"),
            ("https_proxy", "http://eve:se cret@proxy:3128"),
            ("HTTP_PROXY", "http://eve:s#cr@t@proxy:port"),
            ("ALL_PROXY", "socks5://eve:secret@proxy:1080"),
            ("AWS_CA_BUNDLE", "/nowhere/ca.pem"),
            ("AWS_CA_BUNDLE", text.to_str().unwrap()),
            ("AWS_CA_BUNDLE", broken.to_str().unwrap()),
        ];
        let told = rows.map(|row| {
            let error = network(&[row]).unwrap_err();
            assert_eq!(error.exit(), crate::error::Exit::Usage);
            format!("{error}\n  {}", error.hint())
        });
        let told = told
            .join("\n")
            .replace(folder.path().to_str().unwrap(), "FOLDER");
        assert!(!told.contains("cret") && !told.contains("s#cr"), "{told}");
        insta::assert_snapshot!(told);
    }
}
