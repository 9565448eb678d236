//! The media type under which a file of the site is served. In: its path. Out: the value of its `Content-Type`. The list is
//! that of `mime_guess`; on top of it stand the types that it lacks, or has under a name that browsers refuse. Pure.

use mime_guess::mime::TEXT;

/// Types by ending, which go before those of `mime_guess`.
/// Sources: IANA, "Media Types"; RFC 9239 (JavaScript), RFC 9512 (YAML), RFC 8081 (fonts), RFC 8216 (playlists). Browsers
/// run a module only under a type of JavaScript (WHATWG, HTML, "fetch a single module script").
const BY_ENDING: [(&str, &str); 31] = [
    ("cjs", "text/javascript"),
    ("cts", "text/plain"),
    ("frag", "text/plain"),
    ("gql", "text/plain"),
    ("graphql", "text/plain"),
    ("har", "application/json"),
    ("jsonl", "application/jsonl"),
    ("ktx2", "image/ktx2"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4s", "video/iso.segment"),
    ("manifest", "text/cache-manifest"),
    ("map", "application/json"),
    ("mjs", "text/javascript"),
    ("mobileconfig", "application/x-apple-aspen-config"),
    ("mts", "text/plain"),
    ("ndjson", "application/x-ndjson"),
    ("obj", "model/obj"),
    ("otf", "font/otf"),
    ("pmtiles", "application/vnd.pmtiles"),
    ("stl", "model/stl"),
    ("toml", "application/toml"),
    ("topojson", "application/json"),
    ("ts", "video/mp2t"),
    ("usdz", "model/vnd.usdz+zip"),
    ("vcf", "text/vcard"),
    ("vert", "text/plain"),
    ("wat", "text/plain"),
    ("wgsl", "text/wgsl"),
    ("woff", "font/woff"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
];

/// Types by name, of files that have no ending. Where a program looks for such a file, it asks for this type.
/// Sources: IANA, "Well-Known URIs"; Apple, "Supporting associated domains"; RFC 8414, RFC 9728, RFC 7033, RFC 6415, RFC 8555.
const BY_NAME: [(&str, &str); 17] = [
    ("apple-app-site-association", "application/json"),
    (
        "apple-developer-merchantid-domain-association",
        "text/plain",
    ),
    ("api-catalog", "application/linkset+json"),
    ("com.apple.remotemanagement", "application/json"),
    ("host-meta", "application/xrd+xml"),
    ("matrix/client", "application/json"),
    ("matrix/server", "application/json"),
    ("matrix/support", "application/json"),
    ("nodeinfo", "application/json"),
    ("oauth-authorization-server", "application/json"),
    ("oauth-protected-resource", "application/json"),
    ("openid-configuration", "application/json"),
    ("passkey-endpoints", "application/json"),
    ("traffic-advice", "application/trafficadvice+json"),
    ("web-identity", "application/json"),
    ("webauthn", "application/json"),
    ("webfinger", "application/jrd+json"),
];

/// Names without an ending that are text wherever they lie.
const TEXTS: [&str; 6] = [
    "AUTHORS",
    "CHANGELOG",
    "COPYING",
    "LICENSE",
    "NOTICE",
    "README",
];

const WELL_KNOWN: &str = ".well-known/";

/// Returns the `Content-Type` of a file. Text is UTF-8: that is what Vite writes.
pub(super) fn content_type(path: &str) -> String {
    let kind = named(path).or_else(|| ending(path));
    let kind = kind.map_or_else(|| guessed(path), str::to_owned);
    if kind.starts_with(&format!("{TEXT}/")) {
        format!("{kind}; charset=utf-8")
    } else {
        kind
    }
}

/// Apple asks for its file below `.well-known/` and at the root.
fn named(path: &str) -> Option<&'static str> {
    let known = path.strip_prefix(WELL_KNOWN).unwrap_or(path);
    if known.starts_with("acme-challenge/") && path != known {
        return Some("text/plain");
    }
    let is_apples = known == "apple-app-site-association";
    let is_known = path != known || is_apples;
    let row = BY_NAME.iter().find(|(name, _)| is_known && *name == known);
    let text = TEXTS.contains(&file_name(path)).then_some("text/plain");
    row.map(|(_, kind)| *kind).or(text)
}

fn ending(path: &str) -> Option<&'static str> {
    let (_, ending) = file_name(path).rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    let row = BY_ENDING.iter().find(|(known, _)| *known == ending);
    row.map(|(_, kind)| *kind)
}

fn guessed(path: &str) -> String {
    mime_guess::from_path(path)
        .first_or_octet_stream()
        .to_string()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_file_has_the_type_that_a_browser_or_a_phone_asks_for() {
        let paths = [
            ".well-known/acme-challenge/q3-Tz",
            ".well-known/apple-app-site-association",
            ".well-known/assetlinks.json",
            ".well-known/matrix/server",
            ".well-known/openid-configuration",
            ".well-known/security.txt",
            "LICENSE",
            "apple-app-site-association",
            "assets/index-a1b2c3d4.js.map",
            "data.GeoJSON",
            "decoder.wasm",
            "feed.atom",
            "feed.rss",
            "feed.xml",
            "font.otf",
            "font.woff",
            "font.woff2",
            "icon.ico",
            "legal.pdf",
            "matrix/server",
            "model.glb",
            "photo.AVIF",
            "photo.webp",
            "robots.txt",
            "site.webmanifest",
            "subtitles.vtt",
            "video/init.mp4",
            "video/live.m3u8",
            "video/live.mpd",
            "video/part-1.m4s",
            "video/part-1.ts",
            "whatever",
            "whatever.unknown",
            "worker.cjs",
            "worker.mjs",
        ];
        let rows = paths.map(|path| format!("{path} | {}", content_type(path)));
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn the_tables_are_sorted_and_say_nothing_that_the_list_says_already() {
        assert!(BY_ENDING.is_sorted());
        assert!(TEXTS.is_sorted());
        let idle = BY_ENDING
            .iter()
            .filter(|(ending, kind)| guessed(&format!("x.{ending}")) == *kind);
        let idle: Vec<_> = idle.map(|(ending, _)| *ending).collect();
        assert_eq!(idle, [""; 0]);
    }
}
