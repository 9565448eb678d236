//! A template's text, which is taken apart once. In: the text. Out: the text, the document that it says, and its canonical form.
//! Nothing is evaluated here, and nothing is sent.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use anyhow::{Result, anyhow};
use serde_json::Value;

use super::document;

/// The text of a template. Clones share the document: the steps of a deploy ask for it several times, and each reading would
/// cost a millisecond of CPU for 32 KB.
#[derive(Clone)]
pub struct Body(Arc<Parts>);

struct Parts {
    text: String,
    /// The document, or why the text is no YAML.
    document: OnceLock<Result<Value, String>>,
    canonical: OnceLock<String>,
}

impl Body {
    /// Returns the document that the text says: see `document`.
    ///
    /// # Errors
    /// The text is no YAML.
    pub fn document(&self) -> Result<&Value> {
        let read = || document::document(self).map_err(|error| error.to_string());
        let document = self.0.document.get_or_init(read);
        document.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// Returns the canonical form: see `canonical`.
    pub fn canonical(&self) -> &str {
        let make = || match self.document() {
            Ok(document) => document::canonical(document.clone()),
            Err(_) => self.to_string(),
        };
        self.0.canonical.get_or_init(make)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(Arc::new(Parts {
            text,
            document: OnceLock::new(),
            canonical: OnceLock::new(),
        }))
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Deref for Body {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0.text
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Body {}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_document() {
        let body = Body::from("A: !Ref B\n");
        let clone = body.clone();
        assert!(std::ptr::eq(
            body.document().unwrap(),
            clone.document().unwrap()
        ));
        assert_eq!(clone.canonical(), r#"{"A":{"Ref":"B"}}"#);
    }

    #[test]
    fn a_text_that_is_no_yaml_says_why_each_time_and_is_its_own_canonical_form() {
        let body = Body::from("no: [");
        let told = || body.document().unwrap_err().to_string();
        assert_eq!(told(), document::document("no: [").unwrap_err().to_string());
        assert_eq!(told(), told());
        assert_eq!(body.canonical(), "no: [");
    }
}
