//! The object that each file of the site becomes: key, media type, cache rule, and upload phase.
//! Nothing is compressed here: CloudFront compresses what its cache policy lets it, once per edge, and a
//! second copy of every file would have to be kept, chosen and pruned with the first. Pure.

use super::media_type::content_type;
use super::page_sign_in::PageSignIn;
use crate::aws::Upload;
use crate::build::Site;
use crate::content::Content;
use crate::live::LiveChannel;
use crate::urls::Urls;

/// The configuration that the page reads at its start.
pub(super) const CONFIG: &str = "config.json";

/// The page by which the site is entered.
const HOME: &str = "index.html";

/// Hashed names never change their content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Everything else is asked for again each time; the answer is mostly "304 Not Modified".
const REVALIDATE: &str = "no-cache";

/// The number of characters of a hash that Vite puts into a name.
const HASH_LENGTH: usize = 8;

/// When a file is sent: each waits for all of the turn before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UploadPhase {
    /// Files that pages name and that no earlier release had under this name: they must be there before the pages.
    Asset,
    /// Files that keep their name when their content changes, like an icon: as late as possible, and before the pages.
    Fixed,
    /// Pages behind the first, and whatever else is HTML.
    Page,
    /// The one object that switches the site over.
    Home,
    /// Says which build is live, so it comes when that is so.
    Config,
}

impl UploadPhase {
    /// Returns the turn of a key.
    pub(super) fn of(key: &str) -> Self {
        match key {
            CONFIG => Self::Config,
            HOME => Self::Home,
            page if page.ends_with(".html") => Self::Page,
            asset if is_hashed(asset) => Self::Asset,
            _ => Self::Fixed,
        }
    }
}

/// Returns whether a key is that of a file whose name contains the hash of its content: one that Vite named, below `assets/`, with
/// eight characters of its hash before its endings. A file from `public/assets/` keeps its own name there.
/// Source: Vite's documentation, `build.rolldownOptions.output.assetFileNames`, default `[name]-[hash][extname]`.
pub(super) fn is_hashed(key: &str) -> bool {
    let name = key
        .strip_prefix("assets/")
        .map(|path| path.rsplit('/').next().unwrap_or(path));
    let stem = name.and_then(|name| Some(name.split_once('.')?.0));
    stem.is_some_and(|stem| {
        let from = stem.len().saturating_sub(HASH_LENGTH);
        let (before, hash) = (stem.get(..from), stem.get(from..));
        before.is_some_and(|before| before.ends_with('-')) && hash.is_some_and(is_base64_url)
    })
}

fn is_base64_url(text: &str) -> bool {
    text.len() == HASH_LENGTH
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// What a page is told of its stage, beside its build. No address is baked into the build.
#[derive(Clone, Debug)]
pub struct PageSettings {
    /// The addresses.
    pub urls: Urls,
    /// How users sign in; `None` where nobody does.
    pub sign_in: Option<PageSignIn>,
    /// The live channel.
    pub live: LiveChannel,
}

/// The configuration that the page reads at its start.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct PageConfig<'a> {
    build: &'a str,
    api: &'a str,
    socket: String,
    /// Without it, the channel is that of the servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    live: Option<&'a LiveChannel>,
    /// Without it, the page loads nothing of signing in.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in: Option<&'a PageSignIn>,
    /// Where lists are read: the distribution of the site keeps them for a moment (`templates/site.yaml`).
    reads: &'a str,
}

pub(super) fn page_config(build: &str, page: &PageSettings) -> Vec<u8> {
    let PageSettings {
        urls,
        live,
        sign_in,
    } = page;
    let config = PageConfig {
        build,
        api: &urls.api,
        socket: live.socket(urls),
        live: Some(live).filter(|live| **live != LiveChannel::Servers),
        sign_in: sign_in.as_ref(),
        reads: &urls.site,
    };
    serde_json::to_vec(&config).unwrap_or_default()
}

/// Returns every object of a site.
pub(super) fn uploads(site: &Site, page: &PageSettings) -> Vec<Upload> {
    // A `config.json` of the sources is for `vite dev` only.
    let files = site.files.iter().filter(|file| file.path != CONFIG);
    let files = files.map(|file| upload(&file.path, Content::File(file.content.clone())));
    let config = upload(CONFIG, page_config(&site.build, page).into());
    files.chain([config]).collect()
}

pub(super) fn upload(path: &str, body: Content) -> Upload {
    let cache_control = if is_hashed(path) {
        IMMUTABLE
    } else {
        REVALIDATE
    };
    Upload {
        key: path.to_owned(),
        body,
        content_type: content_type(path),
        cache_control,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::EventChannel;
    use crate::release::samples::{page, site};

    #[test]
    fn without_sign_in_the_page_is_told_not_one_byte_of_it() {
        let told = |page: &PageSettings| String::from_utf8(page_config("b1", page)).unwrap();
        insta::assert_snapshot!(told(&page()), @r#"{"build":"b1","api":"https://api.factory-tree.com","socket":"wss://ws.factory-tree.com","reads":"https://factory-tree.com"}"#);
        let sign_in = Some(PageSignIn {
            issuer: "https://issuer".to_owned(),
            client: "c1".to_owned(),
            pages: "https://pages".to_owned(),
        });
        let with = PageSettings { sign_in, ..page() };
        insta::assert_snapshot!(told(&with), @r#"{"build":"b1","api":"https://api.factory-tree.com","socket":"wss://ws.factory-tree.com","signIn":{"issuer":"https://issuer","client":"c1","pages":"https://pages"},"reads":"https://factory-tree.com"}"#);
    }

    #[test]
    fn each_file_has_its_type_its_cache_rule_and_its_turn() {
        let paths = [
            "404.html",
            "assets/index-a1b2c3d4.css",
            "assets/index-a1b2c3d4.js",
            "config.json",
            "assets/logo.png",
            "favicon.svg",
            "index.html",
        ];
        let site = site(&paths.map(|path| (path, "x")));
        let rows = uploads(&site, &page());
        let rows = rows.iter().map(|upload| {
            let (key, turn) = (&upload.key, UploadPhase::of(&upload.key));
            let (content_type, cache_control) = (&upload.content_type, upload.cache_control);
            format!("{key} | {content_type} | {cache_control} | {turn:?}")
        });
        insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r"
404.html | text/html; charset=utf-8 | no-cache | Page
assets/index-a1b2c3d4.css | text/css; charset=utf-8 | public, max-age=31536000, immutable | Asset
assets/index-a1b2c3d4.js | text/javascript; charset=utf-8 | public, max-age=31536000, immutable | Asset
assets/logo.png | image/png | no-cache | Fixed
favicon.svg | image/svg+xml | no-cache | Fixed
index.html | text/html; charset=utf-8 | no-cache | Home
config.json | application/json | no-cache | Config
");
    }

    #[test]
    fn the_page_is_told_its_build_its_addresses_and_its_channel() {
        let told = |page: &PageSettings| String::from_utf8(page_config("b1", page)).unwrap();
        insta::assert_snapshot!(told(&page()), @r#"{"build":"b1","api":"https://api.factory-tree.com","socket":"wss://ws.factory-tree.com","reads":"https://factory-tree.com"}"#);
        let live = LiveChannel::AppSync(EventChannel {
            host: "ws.factory-tree.com".to_owned(),
            key: "da2-1".to_owned(),
            channel: "/tree/main".to_owned(),
        });
        let appsync = PageSettings { live, ..page() };
        insta::assert_snapshot!(told(&appsync), @r#"{"build":"b1","api":"https://api.factory-tree.com","socket":"wss://ws.factory-tree.com/event/realtime","live":{"kind":"appsync","host":"ws.factory-tree.com","key":"da2-1","channel":"/tree/main"},"reads":"https://factory-tree.com"}"#);
    }
}
