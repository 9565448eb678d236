//! Forwards one request, and its response. Bodies are streamed; nothing is gathered but what a distribution keeps.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::cache::Cache;
use super::routes::{CachedPath, RouteTarget, Routes};
use super::table::RouteTable;
use super::{READY, answer, cache, claim, headers};
use crate::local::state::StateFolder;

/// The longest time until the target of a host begins its response: as a load balancer, by default.
/// Source: Elastic Load Balancing, "idle_timeout.timeout_seconds".
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// The longest time that it may take to accept a connection on loopback.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest time that an unused connection is kept: shorter than any server behind the edge keeps it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the page learns its release and addresses. A deploy writes it beside the site; Vite knows neither.
const PAGE_CONFIG: &str = "/config.json";

/// The paths of the pages for signing in.
/// Source: Amazon Cognito Developer Guide, "User pool endpoints and managed login reference".
const SIGN_IN_PATHS: [&str; 5] = [
    "/login",
    "/logout",
    "/oauth2/authorize",
    "/oauth2/token",
    "/oauth2/userInfo",
];

/// What is below an issuer: its description, and its public keys.
const ISSUER_PATHS: [&str; 2] = [
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
];

/// Returns whether a path is one of the sign-in pages or below an issuer. Behind them is the emulator with all that it has.
fn is_sign_in(path: &str) -> bool {
    let is_issuers = |end: &str| {
        let pool = path.strip_suffix(end).unwrap_or_default();
        let pool = pool.strip_prefix('/').unwrap_or_default();
        let is_id = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        !pool.is_empty() && pool.chars().all(is_id)
    };
    SIGN_IN_PATHS.contains(&path) || ISSUER_PATHS.into_iter().any(is_issuers)
}

/// The routes from hosts to their targets.
pub(super) struct Edge {
    table: RouteTable,
    cache: Cache,
    folder: StateFolder,
    stage: String,
    port: u16,
    client: Client<HttpConnector, Body>,
}

/// The destination of a request.
struct Upstream {
    /// Its name among the parts.
    part: &'static str,
    port: u16,
}

impl Edge {
    pub(super) fn new(folder: StateFolder, port: u16) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT);
        Self {
            table: RouteTable::new(folder.routes()),
            cache: Cache::default(),
            stage: folder.stage(),
            folder,
            port,
            client: builder.build(connector),
        }
    }

    /// Answers one request of a client.
    pub(super) async fn answer(
        &self,
        mut request: Request<Incoming>,
        client: IpAddr,
    ) -> Response<Body> {
        let routes = self.table.current();
        let host = host_of(&request);
        if request.uri().path() == READY && is_own_name(&host) {
            return answer::ready(&routes);
        }
        let Some(target) = routes.hosts.get(&host) else {
            return answer::unknown_host(&host, &routes, &self.stage);
        };
        if *target == RouteTarget::SignIn && !is_sign_in(request.uri().path()) {
            return answer::no_page(&host);
        }
        if let RouteTarget::Distribution(label) = target
            && let Some(path) = routes.cached_path(label, request.uri().path())
        {
            let fetch = async |target: String| self.fetch(&target, path, &routes, client).await;
            return self.cache.answer(&host, &request, path, fetch).await;
        }
        let vite = self.vite_for(target, &host, request.uri().path());
        let target = vite.as_ref().unwrap_or(target);
        let upstream = Upstream::of(target, &routes);
        let Some(uri) = upstream.uri(&request) else {
            return answer::not_understood("This is no request for a path of a host.");
        };
        let takes_websockets = matches!(
            target,
            RouteTarget::Server | RouteTarget::Vite(_) | RouteTarget::Distribution(_)
        );
        let is_websocket = takes_websockets && headers::is_websocket(request.headers());
        let upgrade = is_websocket.then(|| hyper::upgrade::on(&mut request));
        self.set_headers(&mut request, target, &host, client);
        if is_websocket {
            headers::ask_for_websocket(request.headers_mut());
        }
        *request.uri_mut() = uri;
        *request.version_mut() = hyper::Version::HTTP_11;
        self.send(request.map(Body::new), &upstream, upgrade).await
    }

    /// Asks the origin of a cached path, with nothing of the client's request but what is in the target.
    async fn fetch(
        &self,
        target: &str,
        path: &CachedPath,
        routes: &Routes,
        client: IpAddr,
    ) -> Response<Body> {
        let Some(origin) = routes.hosts.get(&path.origin) else {
            return answer::unknown_host(&path.origin, routes, &self.stage);
        };
        let upstream = Upstream::of(origin, routes);
        let uri = PathAndQuery::try_from(target)
            .ok()
            .and_then(|path| upstream.uri_of(path));
        match uri {
            Some(uri) => {
                let request = cache::to_origin(uri, &path.origin, client);
                self.send(request, &upstream, None).await
            }
            None => answer::not_understood("This is no request for a path of a host."),
        }
    }

    /// Returns Vite where it replaces a distribution.
    fn vite_for(&self, target: &RouteTarget, host: &str, path: &str) -> Option<RouteTarget> {
        match target {
            RouteTarget::Distribution(_) if path != PAGE_CONFIG => {
                claim::port_for(&self.folder, host).map(RouteTarget::Vite)
            }
            _ => None,
        }
    }

    /// Sets the headers as CloudFront, API Gateway or a load balancer would set them.
    fn set_headers(
        &self,
        request: &mut Request<Incoming>,
        target: &RouteTarget,
        host: &str,
        client: IpAddr,
    ) {
        let map = request.headers_mut();
        headers::drop_one_hop(map);
        headers::append_client(map, client);
        let named = match target {
            RouteTarget::Distribution(label) => {
                // The emulator knows a distribution by its own domain, not by its aliases, and its viewers
                // are to be redirected to HTTPS only when they come without.
                headers::set_protocol(map, "https");
                format!("{label}.cloudfront.net")
            }
            RouteTarget::Api => {
                headers::set_protocol(map, "https");
                host.to_owned()
            }
            RouteTarget::Server | RouteTarget::SignIn | RouteTarget::Vite(_) => {
                headers::set_protocol(map, "http");
                headers::set_port(map, self.port);
                // A load balancer passes the name on as the client wrote it.
                return;
            }
        };
        if let Ok(value) = HeaderValue::try_from(named) {
            map.insert(header::HOST, value);
        }
    }

    async fn send(
        &self,
        request: Request<Body>,
        upstream: &Upstream,
        upgrade: Option<OnUpgrade>,
    ) -> Response<Body> {
        let Upstream { part, port } = *upstream;
        match tokio::time::timeout(RESPONSE_TIMEOUT, self.client.request(request)).await {
            Ok(Ok(response)) => pass_back(response, upgrade),
            Ok(Err(error)) => answer::unreachable(part, port, &root_cause(&error), &self.stage),
            Err(_) => answer::too_slow(part, port, RESPONSE_TIMEOUT.as_secs(), &self.stage),
        }
    }
}

impl Upstream {
    fn of(target: &RouteTarget, routes: &Routes) -> Self {
        match target {
            RouteTarget::Distribution(_) | RouteTarget::Api | RouteTarget::SignIn => Self {
                part: "emulator",
                port: routes.emulator,
            },
            RouteTarget::Server => Self {
                part: "server",
                port: routes.server,
            },
            RouteTarget::Vite(port) => Self {
                part: "vite",
                port: *port,
            },
        }
    }

    /// Returns the request's path on this upstream, or `None` for a request without one (`CONNECT`).
    fn uri(&self, request: &Request<Incoming>) -> Option<Uri> {
        let path = request
            .uri()
            .path_and_query()
            .filter(|path| path.as_str().starts_with('/'));
        let path = match path {
            Some(path) => path.clone(),
            None if request.method() == Method::CONNECT || request.uri().path() == "*" => {
                return None;
            }
            None => PathAndQuery::from_static("/"),
        };
        self.uri_of(path)
    }

    fn uri_of(&self, path: PathAndQuery) -> Option<Uri> {
        let authority = format!("127.0.0.1:{}", self.port);
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(authority)
            .path_and_query(path)
            .build()
            .ok()
    }
}

/// Turns an upstream's answer into ours. After a switch of protocols the two connections become one.
fn pass_back(mut response: Response<Incoming>, upgrade: Option<OnUpgrade>) -> Response<Body> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    headers::drop_one_hop(response.headers_mut());
    if let (true, Some(client)) = (switches, upgrade) {
        headers::ask_for_websocket(response.headers_mut());
        let server = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            if let (Ok(client), Ok(server)) = tokio::join!(client, server) {
                let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
                // Either side may leave at any time.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
    response.map(Body::new)
}

/// Returns the host that a request is for: lower case, without port and without a dot at the end.
fn host_of(request: &Request<Incoming>) -> String {
    let named = || {
        request
            .headers()
            .get(header::HOST)
            .and_then(|value| value.to_str().ok())
    };
    let authority = request
        .uri()
        .authority()
        .map_or_else(|| named().unwrap_or_default(), |name| name.as_str());
    bare_host(authority)
}

fn bare_host(authority: &str) -> String {
    let end = authority.find(']').map_or(0, |bracket| bracket + 1);
    let host = authority[end..]
        .find(':')
        .map_or(authority, |colon| &authority[..end + colon]);
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn is_own_name(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{bare_host, is_sign_in};

    #[test]
    fn the_host_of_the_sign_in_pages_shows_nothing_else_of_the_emulator() {
        for path in [
            "/login",
            "/oauth2/token",
            "/us-east-1_a1B2c3/.well-known/jwks.json",
        ] {
            assert!(is_sign_in(path), "{path}");
        }
        for path in [
            "/",
            "/_ministack/reset",
            "/login/",
            "/oauth2/token/x",
            "/.well-known/jwks.json",
            "/bucket/key/.well-known/jwks.json",
            "/../.well-known/jwks.json",
        ] {
            assert!(!is_sign_in(path), "{path}");
        }
    }

    #[test]
    fn a_host_is_compared_without_port_case_and_last_dot() {
        assert_eq!(
            bare_host("API.Factory-Tree.localhost.:8080"),
            "api.factory-tree.localhost"
        );
        assert_eq!(bare_host("[::1]:8080"), "[::1]");
        assert_eq!(bare_host("[::1]"), "[::1]");
        assert_eq!(bare_host("]"), "]");
        assert_eq!(bare_host(":"), "");
    }
}
