//! A visitor of a stage on which people sign in: goes through the sign-in pages as a browser does, with PKCE, and sends requests
//! byte for byte as they are written, because a client library would put odd ones right.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The status.
    pub(crate) status: u16,
    /// Status line and headers, in small letters.
    head: String,
    /// The body.
    pub(crate) body: String,
}

impl Answered {
    /// Returns a header, in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start))
    }

    /// Returns the body as JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        let text = self.body.find('{').zip(self.body.rfind('}'));
        let text = text.map_or("", |(from, to)| &self.body[from..=to]);
        serde_json::from_str(text).unwrap_or(Value::Null)
    }
}

/// Sends a request line with headers (each with its line end) and a body to an address such as `http://api.x.localhost:8080`.
pub(crate) fn send(address: &str, request: &str, headers: &str, body: &str) -> Answered {
    let host = address.trim_start_matches("http://");
    let port = host.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let length = body.len();
    let sent = format!(
        "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(sent.as_bytes()).unwrap();
    let mut text = Vec::new();
    // Whoever refuses a request may close before all was read.
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let (first, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let names = rest.split("\r\n").map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        format!("{}: {value}\n", name.to_ascii_lowercase())
    });
    Answered {
        status: status.unwrap_or_default(),
        head: format!("{first}\n{}", names.collect::<String>()),
        body: body.to_owned(),
    }
}

/// The tokens of a user.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: String,
    pub(crate) refresh: String,
}

/// Where and as what a user signs in.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// The site, to which the user comes back.
    pub(crate) site: String,
    /// The sign-in pages.
    pub(crate) pages: String,
    /// The client that the page is.
    pub(crate) client: String,
}

impl Page {
    /// Signs a user in, from the form to the tokens.
    pub(crate) fn sign_in(&self, name: &str, password: &str) -> Tokens {
        let verifier = "a-verifier-that-is-long-enough-for-the-standard-0123456789";
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let back = format!("{}/", self.site);
        let query = form(&[
            ("client_id", &self.client),
            ("redirect_uri", &back),
            ("response_type", "code"),
            ("scope", "openid email"),
            ("state", "s1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let shown = send(
            &self.pages,
            &format!("GET /oauth2/authorize?{query}"),
            "",
            "",
        );
        assert!(shown.body.contains("<form method=\"POST\""), "{shown:?}");
        let credentials = form(&[("username", name), ("password", password)]);
        let typed = self.post("/login", &format!("{query}&{credentials}"));
        let location = typed
            .header("location")
            .unwrap_or_else(|| panic!("{typed:?}"));
        assert!(location.starts_with(&back) && location.contains("state=s1"));
        let code = location.split("code=").nth(1).unwrap();
        let code = code.split('&').next().unwrap();
        let exchange = form(&[
            ("grant_type", "authorization_code"),
            ("client_id", &self.client),
            ("redirect_uri", &back),
            ("code_verifier", verifier),
        ]);
        let answered = self.post("/oauth2/token", &format!("{exchange}&code={code}"));
        assert_eq!(answered.header("access-control-allow-origin"), Some("*"));
        tokens(&answered)
    }

    /// Renews tokens, or returns the answer that refuses.
    pub(crate) fn renew(&self, refresh: &str) -> Result<Tokens, Answered> {
        let grant = form(&[
            ("grant_type", "refresh_token"),
            ("client_id", &self.client),
            ("refresh_token", refresh),
        ]);
        let answered = self.post("/oauth2/token", &grant);
        match answered.status {
            200 => Ok(tokens(&answered)),
            _ => Err(answered),
        }
    }

    fn post(&self, path: &str, form: &str) -> Answered {
        let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
        send(&self.pages, &format!("POST {path}"), headers, form)
    }
}

fn tokens(answered: &Answered) -> Tokens {
    let json = answered.json();
    let token = |name: &str| {
        let token = json[name].as_str();
        token.unwrap_or_else(|| panic!("{answered:?}")).to_owned()
    };
    Tokens {
        access: token("access_token"),
        id: token("id_token"),
        refresh: token("refresh_token"),
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| {
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        format!("{name}={value}")
    });
    fields.collect::<Vec<_>>().join("&")
}

/// The paths of all writes, and spellings of them that a router or a gateway may read in another way.
pub(crate) fn spellings() -> Vec<String> {
    let id = "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11";
    let known = [
        "/factories".to_owned(),
        format!("/factories/{id}"),
        format!("/factories/{id}/numbers"),
        format!("/factories/{id}/numbers/restore"),
        format!("/factories/{id}/restore"),
    ];
    let mut all = vec!["/".to_owned(), "/health".to_owned(), "/$default".to_owned()];
    for path in known {
        all.extend([
            path.clone(),
            format!("{path}/"),
            format!("/{path}"),
            path.replace('/', "//"),
            format!("{path}?x=1"),
            format!("{path}%2F"),
            format!("{path}%3F"),
            path.replace("factories", "%66actories"),
            path.replace("factories", "Factories"),
            path.replace("factories", "factories;x=1"),
            path.replace("/factories", "/%2e/factories"),
            format!("/x/../{}", &path[1..]),
        ]);
    }
    all
}

/// Changes a claim of a token and leaves its signature.
pub(crate) fn forged(token: &str, header: Option<&str>, change: impl Fn(&mut Value)) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let decoded = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let mut claims: Value = serde_json::from_slice(&decoded).unwrap();
    change(&mut claims);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    match header {
        Some(header) => format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header)),
        None => format!("{}.{claims}.{}", parts[0], parts[2]),
    }
}
