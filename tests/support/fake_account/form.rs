//! The body of an AWS Query request.

use std::collections::BTreeMap;

/// What stands for the value that a parameter has already.
pub(super) const USE_PREVIOUS: &str = "(previous value)";

/// Names and values, decoded.
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    pub(super) fn parse(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `Parameters.member.1.ParameterKey` and so on.
    pub(super) fn parameters(&self) -> BTreeMap<String, String> {
        let names = (1..).map_while(|index| {
            let key = self.get(&format!("Parameters.member.{index}.ParameterKey"))?;
            let value = self.get(&format!("Parameters.member.{index}.ParameterValue"));
            let previous = self.get(&format!("Parameters.member.{index}.UsePreviousValue"));
            let value = value.or_else(|| previous.map(|_| USE_PREVIOUS));
            Some((key.to_owned(), value.unwrap_or_default().to_owned()))
        });
        names.collect()
    }

    /// `Tags.member.1.Key` and so on.
    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        let tags = (1..).map_while(|index| {
            let key = self.get(&format!("Tags.member.{index}.Key"))?;
            let value = self.get(&format!("Tags.member.{index}.Value"))?;
            Some((key.to_owned(), value.to_owned()))
        });
        tags.collect()
    }

    /// `NAME.member.1`, `NAME.member.2`, ….
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        (1..)
            .map_while(|index| {
                self.get(&format!("{name}.member.{index}"))
                    .map(str::to_owned)
            })
            .collect()
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex: Vec<u8> = rest.by_ref().take(2).collect();
                let hex = String::from_utf8(hex).unwrap();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
