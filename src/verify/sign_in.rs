//! Whether people can sign in, and whether those who do not are kept from writing. In: the stage's addresses. Out: what answers,
//! or what is wrong. The write that is tried has no body, so that it writes nothing where it is let through.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::ask;
use crate::config::Network;
use crate::urls::{SignInUrls, Urls};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageConfig {
    sign_in: Option<PageSignIn>,
}

#[derive(Deserialize)]
struct PageSignIn {
    client: String,
    pages: String,
}

/// Asks the sign-in pages as the page does, and tries to write without a token.
pub(super) async fn check(
    urls: &Urls,
    sign_in: &SignInUrls,
    network: &Network,
) -> Result<String, String> {
    let url = format!("{}/config.json", urls.site);
    let config = ask::get(url, network).await?;
    let config: PageConfig = serde_json::from_slice(&config.body)
        .map_err(|error| format!("config.json is not readable: {error}"))?;
    let Some(page) = config.sign_in.filter(|page| page.pages == sign_in.pages) else {
        let pages = &sign_in.pages;
        return Err(format!("config.json does not lead to {pages}"));
    };
    let (pages, write) = tokio::join!(
        ask::get(address(urls, &page), network),
        ask::post(format!("{}/factories", urls.api), None, network),
    );
    let answer = pages?;
    // Cognito sends to its form, or to a page that tells what is wrong.
    let form = answer.location.as_deref().unwrap_or_default();
    let shows_form = answer.status == 200 && answer.is("text/html");
    let leads_to_form = answer.status == 302 && form.contains("/login?");
    if !(shows_form || leads_to_form) {
        let status = answer.status;
        return Err(format!("the sign-in pages answer {status} {form}"));
    }
    match write?.status {
        401 => Ok(format!("pages at {}", page.pages)),
        status => Err(format!(
            "POST /factories without a token answers {status}, not 401"
        )),
    }
}

/// Returns the address to which the page sends people.
fn address(urls: &Urls, page: &PageSignIn) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let back = encoded(&format!("{}/", urls.site));
    let (pages, client) = (&page.pages, encoded(&page.client));
    format!(
        "{pages}/oauth2/authorize?response_type=code&scope=openid%20email&client_id={client}&redirect_uri={back}"
    )
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, header};
    use axum::routing::{get, post};

    use super::*;

    /// A stage whose parts answer so.
    async fn checked(authorize: (u16, &'static str), write: u16) -> Result<String, String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = format!("http://{}", listener.local_addr().unwrap());
        let (status, location) = authorize;
        let status = StatusCode::from_u16(status).unwrap();
        let write = StatusCode::from_u16(write).unwrap();
        let config =
            format!(r#"{{"build":"b","signIn":{{"issuer":"i","client":"c 1","pages":"{site}"}}}}"#);
        let headers = [
            (header::LOCATION, location),
            (header::CONTENT_TYPE, "text/html"),
        ];
        let router = Router::new()
            .route("/config.json", get(|| async { config }))
            .route(
                "/oauth2/authorize",
                get(move || async move { (status, headers) }),
            )
            .route("/factories", post(move || async move { write }));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let sign_in = SignInUrls {
            pages: site.clone(),
            issuers: site.clone(),
        };
        let urls = Urls {
            api: site.clone(),
            socket: site.clone(),
            site,
            sign_in: None,
        };
        let checked = check(&urls, &sign_in, &Network::default()).await;
        server.abort();
        checked
    }

    #[tokio::test]
    async fn the_pages_must_show_their_form_and_the_api_must_refuse() {
        assert!(checked((200, ""), 401).await.is_ok());
        assert!(checked((302, "/login?client_id=c"), 401).await.is_ok());
        let failures = [
            checked((302, "/error?error=redirect_mismatch"), 401).await,
            checked((404, ""), 401).await,
            checked((200, ""), 415).await,
        ];
        let failures = failures.map(Result::unwrap_err);
        insta::assert_snapshot!(failures.join("\n"), @r"
the sign-in pages answer 302 /error?error=redirect_mismatch
the sign-in pages answer 404 
POST /factories without a token answers 415, not 401
");
    }
}
