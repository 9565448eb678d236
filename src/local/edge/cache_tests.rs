//! The cache of the edge between real clients and a real origin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;

use super::routes::{CachedPath, RouteTarget, Routes};
use super::test_edge::{TestEdge, closed_port, upstream};
use super::*;
use crate::local::state;

/// An origin that counts what it is asked, and answers with the status that it is told.
struct Origin {
    port: u16,
    asked: Arc<AtomicUsize>,
    status: Arc<AtomicU16>,
}

impl Origin {
    async fn start(pause: Duration, cache_control: &'static str) -> Self {
        let (asked, status) = (Arc::<AtomicUsize>::default(), Arc::new(AtomicU16::new(200)));
        let (count, code) = (Arc::clone(&asked), Arc::clone(&status));
        let answer = move |request: Request| {
            let (count, code) = (Arc::clone(&count), Arc::clone(&code));
            async move {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::time::sleep(pause).await;
                let names = request
                    .headers()
                    .keys()
                    .map(|name| name.as_str())
                    .collect::<Vec<_>>()
                    .join(" ");
                let host = request.headers()["host"].to_str().unwrap();
                let body = format!(
                    "{number}: {} {} at {host} with {names}",
                    request.method(),
                    request.uri()
                );
                Response::builder()
                    .status(code.load(Ordering::SeqCst))
                    .header("etag", "\"tag\"")
                    .header("cache-control", cache_control)
                    .header("set-cookie", "a=b")
                    .body(Body::from(body))
                    .unwrap()
            }
        };
        let port = upstream(Router::new().fallback(answer)).await;
        Self {
            port,
            asked,
            status,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An edge whose site keeps `/factories` of the API for two seconds at least, and errors for one.
async fn edge(origin: &Origin) -> TestEdge {
    let edge = TestEdge::start(origin.port, closed_port()).await;
    let path = CachedPath {
        path: "/factories".to_owned(),
        origin: "api.demo.localhost".to_owned(),
        methods: ["GET", "HEAD"].map(str::to_owned).into(),
        query: vec!["cursor".to_owned()],
        min_seconds: 2,
        default_seconds: 2,
        max_seconds: 2,
        errors: BTreeMap::from([(500, 1), (404, 1)]),
    };
    let state::Saved::Read(routes) = state::read::<Routes>(&edge.routes()) else {
        panic!("the routes of the test are there");
    };
    let cached = BTreeMap::from([("d1abc".to_owned(), vec![path])]);
    state::write(&edge.routes(), &Routes { cached, ..routes }).unwrap();
    edge
}

async fn ask(edge: &TestEdge, request: &str, headers: &str) -> (String, String) {
    let text =
        format!("{request} HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n{headers}\r\n");
    let answer = edge.send(&text).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test]
async fn many_that_wait_for_one_answer_ask_the_origin_once() {
    let origin = Origin::start(Duration::from_millis(300), "no-cache").await;
    let edge = edge(&origin).await;
    let all =
        futures_util::future::join_all((0..100).map(|_| ask(&edge, "GET /factories", ""))).await;
    assert_eq!(origin.asked(), 1);
    assert!(all.iter().all(|(_, body)| *body == all[0].1));
    let hits = all
        .iter()
        .filter(|(head, _)| head.contains("x-cache: hit from cloudfront"));
    assert_eq!(hits.count(), 99);
}

#[tokio::test]
async fn an_answer_is_kept_for_the_least_time_of_the_policy_whatever_the_origin_says() {
    for said in [
        "no-cache",
        "no-store, max-age=0",
        "max-age=3600",
        "s-maxage=0",
    ] {
        let origin = Origin::start(Duration::ZERO, said).await;
        let edge = edge(&origin).await;
        let began = std::time::Instant::now();
        while origin.asked() < 2 {
            ask(&edge, "GET /factories", "").await;
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{said}: it is never asked again"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(
            began.elapsed() >= Duration::from_secs(2),
            "{said}: {:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn the_cursor_alone_tells_answers_apart_and_nothing_else_reaches_the_origin() {
    let origin = Origin::start(Duration::ZERO, "no-cache").await;
    let edge = edge(&origin).await;
    let headers =
        "Authorization: Bearer secret\r\nCookie: id=1\r\nOrigin: https://evil.example\r\n";
    let (head, body) = ask(&edge, "GET /factories?t=1&cursor=abc&u=2", headers).await;
    assert_eq!(
        body,
        "1: GET /factories?cursor=abc at api.demo.localhost with host user-agent x-forwarded-for x-forwarded-proto"
    );
    assert!(!head.contains("set-cookie"), "{head}");
    for (target, asked) in [
        ("/factories?cursor=abc", 1),
        ("/factories?cursor=abc&t=7", 1),
        ("/factories?cursor=abd", 2),
        ("/factories", 3),
        ("/factories?t=1", 3),
        ("/factories?t=2", 3),
    ] {
        ask(&edge, &format!("GET {target}"), "Cookie: id=2\r\n").await;
        assert_eq!(origin.asked(), asked, "{target}");
    }
}

#[tokio::test]
async fn who_has_the_content_gets_304_from_the_cache() {
    let origin = Origin::start(Duration::ZERO, "no-cache").await;
    let edge = edge(&origin).await;
    for tags in ["\"tag\"", "W/\"tag\"", "\"other\", \"tag\"", "*"] {
        let (head, body) = ask(
            &edge,
            "GET /factories",
            &format!("If-None-Match: {tags}\r\n"),
        )
        .await;
        assert!(
            head.starts_with("http/1.1 304 ") && head.contains("etag: \"tag\""),
            "{tags}: {head}"
        );
        assert_eq!(body, "");
    }
    let (head, body) = ask(&edge, "GET /factories", "If-None-Match: \"other\"\r\n").await;
    assert!(head.starts_with("http/1.1 200 ") && !body.is_empty());
    let (head, body) = ask(&edge, "HEAD /factories", "").await;
    assert!(head.starts_with("http/1.1 200 ") && body.is_empty());
    assert_eq!(origin.asked(), 1);
}

#[tokio::test]
async fn errors_are_forgotten_after_a_second_and_a_throttle_at_once() {
    let origin = Origin::start(Duration::ZERO, "no-cache").await;
    let edge = edge(&origin).await;
    origin.status.store(500, Ordering::SeqCst);
    let began = std::time::Instant::now();
    for _ in 0..5 {
        let (head, _) = ask(&edge, "GET /factories", "").await;
        assert!(head.starts_with("http/1.1 500 "), "{head}");
    }
    assert!(origin.asked() == 1 || began.elapsed() > Duration::from_secs(1));
    origin.status.store(200, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(
        ask(&edge, "GET /factories", "")
            .await
            .0
            .starts_with("http/1.1 200 ")
    );
    origin.status.store(429, Ordering::SeqCst);
    let before = origin.asked();
    for _ in 0..3 {
        ask(&edge, "GET /factories?cursor=x", "").await;
    }
    assert_eq!(origin.asked(), before + 3);
}

#[tokio::test]
async fn a_distribution_only_reads_and_other_paths_take_their_own_way() {
    let origin = Origin::start(Duration::ZERO, "no-cache").await;
    let edge = edge(&origin).await;
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let (head, _) = ask(&edge, &format!("{method} /factories"), "").await;
        assert!(head.starts_with("http/1.1 403 "), "{method}: {head}");
    }
    assert_eq!(origin.asked(), 0);
    for path in ["/factories/", "/factories/1", "/factoriesx", "/Factories"] {
        let (_, body) = ask(&edge, &format!("GET {path}"), "").await;
        assert!(body.contains("at d1abc.cloudfront.net"), "{path}: {body}");
    }
}

#[tokio::test]
async fn any_number_of_cursors_takes_a_bounded_place() {
    let origin = Origin::start(Duration::ZERO, "no-cache").await;
    let edge = edge(&origin).await;
    for number in 0..300 {
        let (head, _) = ask(&edge, &format!("GET /factories?cursor={number}"), "").await;
        assert!(head.starts_with("http/1.1 200 "), "{head}");
    }
    // The first ones were kept, and what found no place was answered all the same.
    assert_eq!(origin.asked(), 300);
    let began = std::time::Instant::now();
    ask(&edge, "GET /factories?cursor=299", "").await;
    assert!(origin.asked() == 301 || began.elapsed() > Duration::from_secs(2));
}

#[tokio::test]
async fn an_origin_that_is_no_host_of_the_stage_is_named() {
    let origin = Origin::start(Duration::ZERO, "no-cache").await;
    let edge = edge(&origin).await;
    let state::Saved::Read(mut routes) = state::read::<Routes>(&edge.routes()) else {
        panic!("the routes of the test are there");
    };
    routes.hosts.remove("api.demo.localhost");
    assert_eq!(
        routes
            .hosts
            .values()
            .filter(|target| **target == RouteTarget::Api)
            .count(),
        0
    );
    state::write(&edge.routes(), &routes).unwrap();
    let (head, body) = ask(&edge, "GET /factories", "").await;
    assert!(
        head.starts_with("http/1.1 404 ") && body.contains("api.demo.localhost"),
        "{head}\n{body}"
    );
}
