//! The users of a stage, as a person names them on the command line. Out: checked types; the pool is asked by others.

use std::fmt;
use std::str::FromStr;

/// The most characters of a name.
/// Source: Amazon Cognito user pools API Reference, `AdminCreateUser`, `Username`.
const LONGEST_NAME: usize = 128;

/// The most characters of an address.
/// Source: RFC 5321, section 4.5.3.1.3: 256 with the brackets around it.
const LONGEST_ADDRESS: usize = 254;

/// The name of a user.
///
/// Invariant: 1 to 128 characters without white space and control characters, so that it is one word in every list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let length = text.chars().count();
        if (1..=LONGEST_NAME).contains(&length) && !text.contains(is_unfit) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "use 1 to {LONGEST_NAME} characters without white space and control characters"
        ))
    }
}

/// The address of an e-mail.
///
/// Invariant: something before one `@` and a domain with a dot behind it, without white space and control characters. Whether
/// mail arrives there shows only when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Returns the address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_domain =
            |domain: &str| domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
        let is_address = text.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty() && !domain.contains('@') && is_domain(domain)
        });
        if is_address && text.chars().count() <= LONGEST_ADDRESS && !text.contains(is_unfit) {
            return Ok(Self(text.to_owned()));
        }
        Err("use an address such as `ada@example.com`".to_owned())
    }
}

/// Characters that make two words of one, or that steer a terminal.
fn is_unfit(character: char) -> bool {
    let turns_text = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_whitespace() || character.is_control() || turns_text
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_any_script() {
        for good in ["ada", "ada@example.com", "工場長", &"x".repeat(128)] {
            assert_eq!(good.parse::<UserName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a b",
            "a\n",
            "a\u{1b}[2J",
            "a\u{202e}b",
            &"x".repeat(129),
        ] {
            assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_has_a_name_and_a_domain() {
        for good in ["ada@example.com", "a+b@mail.example.co.uk"] {
            assert_eq!(good.parse::<EmailAddress>().unwrap().as_str(), good);
        }
        for bad in [
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "ada@example..com",
            "a@b@example.com",
            "ada @example.com",
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?}");
        }
    }
}
