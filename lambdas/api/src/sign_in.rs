//! Who may write. In: the claims that the gateway's authorizer has verified. Out: the author of a write, or the problem that
//! refuses it.
//!
//! The gateway checks signature, issuer, audience and time of a token, and only on the routes that have the authorizer. A
//! path that is spelled in another way reaches the Lambda by the default route, so the claims are demanded here for every
//! method that may change something. A header is never believed: whoever sends a request writes its headers.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use domain::UserName;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

use crate::problem::{Problem, ProblemKind};

/// The group whose members may write.
pub const EDITORS: &str = "editors";

/// The identity provider whose users may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The issuer of its tokens.
    pub issuer: String,
    /// The id of the one client whose tokens count: the page.
    pub client: String,
}

/// The author of a write: the user that is signed in, or `None` where the tree is everybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author(pub Option<UserName>);

impl<S: Send + Sync> FromRequestParts<S> for Author {
    type Rejection = Problem;

    /// Takes what the middleware has found out. A request that did not go through it has no author and writes nothing.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let author = parts.extensions.get::<Self>().cloned();
        author.ok_or_else(Problem::internal)
    }
}

/// Returns the author of a request; `sign_in` is `None` where the tree is everybody's.
///
/// # Errors
/// Returns a problem for a request that may change something and that no editor sends.
pub fn author(request: &Request, sign_in: Option<&SignIn>) -> Result<Author, Problem> {
    match sign_in {
        Some(sign_in) if !request.method().is_safe() => sign_in.editor(request),
        _ => Ok(Author::default()),
    }
}

impl SignIn {
    fn editor(&self, request: &Request) -> Result<Author, Problem> {
        let context = request.request_context_ref();
        let Some(RequestContext::ApiGatewayV2(context)) = context else {
            return Err(not_signed_in("sign in to change the tree"));
        };
        let authorizer = context.authorizer.as_ref();
        let claims = authorizer.and_then(|authorizer| authorizer.jwt.as_ref());
        let claims = claims.map(|token| &token.claims);
        let claims = claims.ok_or_else(|| not_signed_in("sign in to change the tree"))?;
        let claim = |name: &str| claims.get(name).map_or("", String::as_str);

        if claim("iss") != self.issuer || claim("client_id") != self.client {
            return Err(not_signed_in(
                "the token was made for another application; sign in on this site",
            ));
        }
        if claim("token_use") != "access" {
            return Err(not_signed_in(
                "the token is no access token; send the access token",
            ));
        }
        if !groups(claim("cognito:groups")).any(|group| group == EDITORS) {
            let user = domain::field::quoted(claim("username"));
            return Err(not_an_editor(format!(
                "{user} may read the tree, but not change it: only editors may"
            )));
        }
        let name = claim("username").parse();
        let name = name.map_err(|error| not_an_editor(format!("the user's name: {error}")))?;
        Ok(Author(Some(name)))
    }
}

/// Returns the groups of a user. The gateway hands every claim over as text, and a list in brackets: `[editors others]`.
/// No group's name has white space in it.
/// Sources: API Gateway Developer Guide, "Control access to HTTP APIs with JWT authorizers"; Amazon Cognito user pools
/// API Reference, `CreateGroup`, `GroupName`.
fn groups(claim: &str) -> impl Iterator<Item = &str> {
    let listed = claim
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    listed.unwrap_or_default().split(' ')
}

fn not_signed_in(detail: &str) -> Problem {
    Problem::new(ProblemKind::NotSignedIn, detail)
}

fn not_an_editor(detail: String) -> Problem {
    Problem::new(ProblemKind::NotAnEditor, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_counts_by_its_whole_name() {
        let is_editor = |claim| groups(claim).any(|group| group == EDITORS);

        for claim in ["[editors]", "[others editors]", "[editors others]"] {
            assert!(is_editor(claim), "{claim}");
        }
        for claim in [
            "",
            "[]",
            "editors",
            "[editors",
            "editors]",
            "[Editors]",
            "[editors,others]",
            "[no-editors]",
            "[[editors]]",
        ] {
            assert!(!is_editor(claim), "{claim}");
        }
    }
}
