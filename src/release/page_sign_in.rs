//! How a user of the page signs in. In: the stage's addresses, and the outputs of its stacks. Out: what the page must know for
//! it, or nothing where nobody signs in. The names of the keys are the page's. Pure.

use serde::Serialize;

use crate::outputs::Outputs;
use crate::plan::SIGN_IN;
use crate::urls::Urls;

/// How a user signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageSignIn {
    /// Whose tokens count; its description is below `/.well-known/`.
    pub issuer: String,
    /// The id of the page among the issuer's clients.
    pub client: String,
    /// The pages: `/oauth2/authorize`, `/oauth2/token` and `/logout` are below it.
    pub pages: String,
}

impl PageSignIn {
    /// Returns how users sign in on a stage with these addresses and outputs; `None` where they do not.
    pub fn find(urls: &Urls, outputs: &Outputs) -> Option<Self> {
        let sign_in = urls.sign_in.as_ref()?;
        let pool = outputs.find(SIGN_IN, "UserPoolId")?;
        Some(Self {
            issuer: format!("{}/{pool}", sign_in.issuers),
            client: outputs.find(SIGN_IN, "SignInClient")?.clone(),
            pages: sign_in.pages.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::DomainName;
    use crate::urls::SignInUrls;

    fn found(sign_in: Option<SignInUrls>) -> String {
        let domain: DomainName = "factory-tree.com".parse().unwrap();
        let urls = Urls::secure(&domain).with_sign_in(sign_in);
        let auth = [("UserPoolId", "us-east-1_a"), ("SignInClient", "c1")];
        let auth = auth.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let outputs = Outputs::from_iter([("auth".to_owned(), BTreeMap::from(auth))]);
        serde_json::to_string(&PageSignIn::find(&urls, &outputs)).unwrap()
    }

    #[test]
    fn the_page_learns_how_to_sign_in_where_users_do() {
        let region = "us-east-1".parse().unwrap();
        let secure = SignInUrls::secure(&"factory-tree.com".parse().unwrap(), &region);
        let local = SignInUrls::loopback(&"tree.localhost".parse().unwrap(), 8080);
        let all = [None, Some(secure), Some(local)].map(found);
        insta::assert_snapshot!(all.join("\n"), @r#"
null
{"issuer":"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a","client":"c1","pages":"https://factory-tree-com-5b6647fa.auth.us-east-1.amazoncognito.com"}
{"issuer":"http://auth.tree.localhost:8080/us-east-1_a","client":"c1","pages":"http://auth.tree.localhost:8080"}
"#);
    }
}
