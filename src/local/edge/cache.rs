//! The cache before an origin of a distribution, as CloudFront would keep it. In: requests on the path of a behaviour, and the
//! behaviour with its cache policy, as the endpoint has them. Out: answers that are kept for as long as the policy says. Of many
//! that wait for one answer, one asks. Cookies, `Authorization` and every header that is not part of the key stay here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, to_bytes};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::headers;
use crate::local::routes::CachedPath;

/// The most answers that are kept at the same time. Which cursors are asked for is up to the clients.
const MOST_ANSWERS: usize = 64;

/// The most bytes of a body that is kept: as much as Lambda answers.
/// Source: Lambda Developer Guide, "Lambda quotas", invocation payload.
const MOST_BYTES: usize = 6 * 1024 * 1024;

/// The most bytes of all bodies that are kept at the same time.
const MOST_BYTES_OF_ALL: usize = 64 * 1024 * 1024;

/// Says where an answer comes from, as CloudFront does.
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// What tells answers apart: the host of the site, the path, and the parameters that the policy names.
type Key = (String, String);

/// The cache of an edge.
#[derive(Default)]
pub(super) struct Cache {
    answers: Mutex<HashMap<Key, Arc<Place>>>,
}

/// The place of one answer. Who fetches it holds the place, and all others wait.
#[derive(Default)]
struct Place {
    kept: tokio::sync::Mutex<Option<Kept>>,
    /// Until when it is of use, and the size of its body: known without waiting for who fetches it.
    state: Mutex<Option<(Instant, usize)>>,
}

/// An answer of the origin.
#[derive(Clone)]
struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    fetched: Instant,
    expires: Instant,
}

impl Cache {
    /// Answers a request on a cached path. `fetch` asks the origin.
    pub(super) async fn answer(
        &self,
        host: &str,
        request: &Request<impl Sized>,
        policy: &CachedPath,
        fetch: impl AsyncFnOnce(String) -> Response<Body>,
    ) -> Response<Body> {
        if !policy
            .methods
            .iter()
            .any(|method| method == request.method().as_str())
        {
            return refused(request.method());
        }
        let target = target(request, policy);
        let place = self.place((host.to_owned(), target.clone()));
        let mut kept = place.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.expires > Instant::now()) {
            return kept.answer(request, "Hit from cloudfront");
        }
        let fetched = match Kept::of(fetch(target).await, policy).await {
            Ok(fetched) => fetched,
            Err(response) => return response,
        };
        let answer = fetched.answer(request, "Miss from cloudfront");
        if self.has_room(fetched.body.len()) {
            *place.state() = Some((fetched.expires, fetched.body.len()));
            *kept = Some(fetched);
        }
        answer
    }

    /// Returns the place of an answer. Where there is no room for another one, it is a place that nobody else finds.
    fn place(&self, key: Key) -> Arc<Place> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = answers.get(&key) {
            return Arc::clone(place);
        }
        if answers.len() >= MOST_ANSWERS {
            let now = Instant::now();
            answers.retain(|_, place| {
                Arc::strong_count(place) > 1 || place.state().is_some_and(|(until, _)| until > now)
            });
        }
        let place = Arc::<Place>::default();
        if answers.len() < MOST_ANSWERS {
            answers.insert(key, Arc::clone(&place));
        }
        place
    }

    /// Returns whether another body may be kept. Bodies that are of no use any more count until their place is taken.
    fn has_room(&self, bytes: usize) -> bool {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = answers.values().filter_map(|place| *place.state());
        kept.map(|(_, size)| size).sum::<usize>() + bytes <= MOST_BYTES_OF_ALL
    }
}

impl Place {
    fn state(&self) -> MutexGuard<'_, Option<(Instant, usize)>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Reads the answer of the origin. One that is too large to be kept is refused as a gateway refuses it.
    async fn of(response: Response<Body>, policy: &CachedPath) -> Result<Self, Response<Body>> {
        let (mut head, body) = response.into_parts();
        headers::drop_one_hop(&mut head.headers);
        head.headers.remove(header::SET_COOKIE);
        let Ok(body) = to_bytes(body, MOST_BYTES).await else {
            let mut response = Response::new(Body::from(
                "The origin's answer broke off, or is too large.\n",
            ));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            return Err(response);
        };
        let fetched = Instant::now();
        Ok(Self {
            expires: fetched + lifetime(head.status, &head.headers, policy),
            status: head.status,
            headers: head.headers,
            body,
            fetched,
        })
    }

    /// Answers a request; who has this very content gets no body.
    fn answer(&self, request: &Request<impl Sized>, from: &'static str) -> Response<Body> {
        let is_known = self.status == StatusCode::OK
            && is_known(request.headers(), self.headers.get(header::ETAG));
        let has_body = !is_known && request.method() != Method::HEAD;
        let body = if has_body {
            Body::from(self.body.clone())
        } else {
            Body::empty()
        };
        let mut response = Response::new(body);
        *response.headers_mut() = self.headers.clone();
        let headers = response.headers_mut();
        headers.insert(X_CACHE, HeaderValue::from_static(from));
        headers.insert(
            header::AGE,
            HeaderValue::from(self.fetched.elapsed().as_secs()),
        );
        if is_known {
            headers.remove(header::CONTENT_LENGTH);
            headers.remove(header::CONTENT_TYPE);
        } else {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        *response.status_mut() = if is_known {
            StatusCode::NOT_MODIFIED
        } else {
            self.status
        };
        response
    }
}

/// Returns the path and the parameters that are part of the key: no others reach the origin.
fn target(request: &Request<impl Sized>, policy: &CachedPath) -> String {
    let query = request.uri().query().unwrap_or_default();
    let is_key = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        policy.query.iter().any(|wanted| wanted == name)
    };
    let pairs: Vec<&str> = query.split('&').filter(is_key).collect();
    let path = request.uri().path();
    match pairs.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", pairs.join("&")),
    }
}

/// Returns how long an answer is kept.
/// Sources: CloudFront Developer Guide, "Manage how long content stays in the cache"; "Control how long CloudFront caches
/// errors": a status of an error is kept for its own time, and one that has none is not kept.
fn lifetime(status: StatusCode, headers: &HeaderMap, policy: &CachedPath) -> Duration {
    if status != StatusCode::OK {
        let seconds = policy
            .errors
            .get(&status.as_u16())
            .copied()
            .unwrap_or_default();
        return Duration::from_secs(seconds);
    }
    let control = headers
        .get(header::CACHE_CONTROL)
        .and_then(|value| value.to_str().ok());
    let words: Vec<&str> = control
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .collect();
    let age = |name: &str| {
        let ages = words
            .iter()
            .filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        ages.filter_map(|seconds| seconds.parse::<u64>().ok())
            .next()
    };
    let is_uncached = words
        .iter()
        .any(|word| ["no-cache", "no-store", "private"].contains(word));
    let wanted = match age("s-maxage").or_else(|| age("max-age")) {
        _ if is_uncached => policy.min_seconds,
        Some(age) => age,
        None => policy.default_seconds,
    };
    Duration::from_secs(wanted.clamp(
        policy.min_seconds,
        policy.max_seconds.max(policy.min_seconds),
    ))
}

/// Returns whether a client has the content with this tag. Tags are compared weakly (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: Option<&HeaderValue>) -> bool {
    let bare = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let Some(tag) = tag.and_then(|tag| tag.to_str().ok()).map(bare) else {
        return false;
    };
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    known.any(|one| one.trim() == "*" || bare(one) == tag)
}

fn refused(method: &Method) -> Response<Body> {
    let text = format!("The distribution does not allow {method} here: it only reads.\n");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// Returns the request that the origin gets: nothing of the client's but its address.
pub(super) fn to_origin(uri: hyper::Uri, origin: &str, client: IpAddr) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = uri;
    let map = request.headers_mut();
    if let Ok(host) = HeaderValue::try_from(origin) {
        map.insert(header::HOST, host);
    }
    map.insert(
        header::USER_AGENT,
        HeaderValue::from_static("Amazon CloudFront"),
    );
    headers::append_client(map, client);
    headers::set_protocol(map, "https");
    request
}
