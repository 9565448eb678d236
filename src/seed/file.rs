//! The file of a seed. In: its text, and the limits that the site has of factories. Out: the factories, each with an id that is the
//! same in every run, or every fault with line, field and cure. Nothing is asked: whether a factory is right in the end, the API
//! decides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::id::id_of;
use super::limits::{Limits, wanted};
use crate::error::{SourceFault, UserError};
use crate::plain::plain;

/// The fields of a factory in a seed; all but the first must be there.
const FIELDS: [&str; 5] = ["id", "name", "lower", "upper", "count"];

/// A factory of a seed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SeedFactory {
    /// Its id: that of the file, or one made of its name.
    pub(super) id: String,
    /// Its name, for messages.
    pub(super) name: String,
    /// The body of the request that creates it.
    pub(super) body: Value,
    /// The line of the file where it begins, from 1.
    pub(super) line: usize,
    text: String,
}

impl SeedFactory {
    /// Returns the line of one of its fields, or its own where it has no such field.
    pub(super) fn line_of(&self, field: &str) -> usize {
        let word = format!("\"{field}\"");
        let keys = self.text.match_indices(&word);
        let mut keys =
            keys.filter(|(at, _)| self.text[at + word.len()..].trim_start().starts_with(':'));
        let lines = keys
            .next()
            .map_or(0, |(at, _)| self.text[..at].matches('\n').count());
        self.line + lines
    }
}

/// Reads the factories of a file.
pub(super) fn read(
    file: &Path,
    text: &str,
    limits: Option<Limits>,
) -> Result<Vec<SeedFactory>, UserError> {
    let refused = |faults| UserError::InvalidSeed { faults };
    let document: Value = serde_json::from_str(text).map_err(|error| {
        refused(vec![fault(
            file,
            error.line(),
            without_place(&error),
            "write JSON: a list of factories in `[` and `]`",
        )])
    })?;
    let Some(factories) = document.as_array() else {
        return Err(refused(vec![fault(
            file,
            1,
            "the file is no list of factories".to_owned(),
            "begin it with `[`: a list of objects such as `{ \"name\": \"Dice\", \"lower\": 1, \"upper\": 6, \"count\": 3 }`",
        )]));
    };
    let mut reading = Reading {
        file: file.to_owned(),
        limits,
        faults: Vec::new(),
        names: BTreeMap::new(),
    };
    let places = elements(text);
    let read = factories
        .iter()
        .zip(places)
        .filter_map(|(factory, (line, text))| reading.factory(factory, line, text));
    let read: Vec<SeedFactory> = read.collect();
    reading.refuse_doubled_ids(&read);
    match reading.faults.is_empty() {
        true => Ok(read),
        false => Err(refused(reading.faults)),
    }
}

/// The fault without the place at its end, which the message begins with.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn fault(file: &Path, line: usize, message: String, cure: &str) -> SourceFault {
    SourceFault {
        file: file.to_owned(),
        line,
        message,
        cure: cure.to_owned(),
    }
}

/// What is known while a file is read.
struct Reading {
    file: PathBuf,
    limits: Option<Limits>,
    faults: Vec<SourceFault>,
    /// How often each name was read.
    names: BTreeMap<String, usize>,
}

impl Reading {
    fn factory(&mut self, value: &Value, line: usize, text: &str) -> Option<SeedFactory> {
        let before = self.faults.len();
        let Some(fields) = value.as_object() else {
            let problem = format!("`{}` is no factory", plain(&value.to_string()));
            self.faults.push(fault(
                &self.file,
                line,
                problem,
                "write an object with name, lower, upper and count",
            ));
            return None;
        };
        let mut factory = SeedFactory {
            id: String::new(),
            name: String::new(),
            body: Value::Null,
            line,
            text: text.to_owned(),
        };
        self.check(fields, &factory);
        if self.faults.len() > before {
            return None;
        }
        factory.name = fields["name"].as_str().unwrap_or_default().to_owned();
        let count = self.names.entry(factory.name.clone()).or_default();
        *count += 1;
        let own = fields.get("id").and_then(Value::as_str);
        factory.id = own.map_or_else(|| id_of(&factory.name, *count), str::to_ascii_lowercase);
        let [lower, upper, numbers] = ["lower", "upper", "count"].map(|field| &fields[field]);
        factory.body = json!({
            "id": factory.id, "name": factory.name, "lower": lower, "upper": upper, "count": numbers,
        });
        Some(factory)
    }

    /// Keeps every fault of the fields of a factory.
    fn check(&mut self, fields: &Map<String, Value>, factory: &SeedFactory) {
        for name in fields
            .keys()
            .filter(|name| !FIELDS.contains(&name.as_str()))
        {
            let problem = format!("`{}` is no field of a factory in a seed", plain(name));
            self.refuse(
                factory,
                name,
                problem,
                format!("remove it; the fields are {}", FIELDS.join(", ")),
            );
        }
        for name in FIELDS[1..]
            .iter()
            .filter(|name| !fields.contains_key(**name))
        {
            let cure = format!("add a line such as `{}`", example(name));
            self.refuse(factory, name, format!("`{name}` is missing"), cure);
        }
        for (name, value) in fields
            .iter()
            .filter(|(name, _)| FIELDS.contains(&name.as_str()))
        {
            if let Some(wanted) = wanted(name, value, self.limits) {
                let problem = format!("`{name}` is {}", plain(&value.to_string()));
                self.refuse(factory, name, problem, format!("use {wanted}"));
            }
        }
        let bound = |name: &str| fields.get(name).and_then(Value::as_i64);
        if let (Some(lower), Some(upper)) = (bound("lower"), bound("upper"))
            && lower > upper
        {
            let problem = format!("`lower` is {lower}, above `upper`, which is {upper}");
            self.refuse(
                factory,
                "lower",
                problem,
                "use a lower bound that is at most the upper one".to_owned(),
            );
        }
    }

    fn refuse(&mut self, factory: &SeedFactory, field: &str, problem: String, cure: String) {
        let line = factory.line_of(field);
        self.faults.push(SourceFault {
            file: self.file.clone(),
            line,
            message: problem,
            cure,
        });
    }

    fn refuse_doubled_ids(&mut self, factories: &[SeedFactory]) {
        let mut seen = BTreeSet::new();
        for factory in factories {
            if !seen.insert(&factory.id) {
                let problem = format!("two factories have the id {}", factory.id);
                let cure = "give one of them another, or leave it out";
                self.faults
                    .push(fault(&self.file, factory.line_of("id"), problem, cure));
            }
        }
    }
}

fn example(field: &str) -> &'static str {
    match field {
        "name" => "\"name\": \"Dice\"",
        "lower" => "\"lower\": 1",
        "upper" => "\"upper\": 6",
        _ => "\"count\": 3",
    }
}

/// Returns the elements of a list that is JSON, each with the line where it begins.
fn elements(text: &str) -> Vec<(usize, &str)> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let (mut line, mut begun) = (1, None);
    let mut found = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        line += usize::from(byte == b'\n');
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        let ends = depth == 1 && matches!(byte, b',' | b']');
        if ends && let Some((line, start)) = begun.take() {
            found.push((line, &text[start..at]));
        } else if depth == 1 && !ends && begun.is_none() && !byte.is_ascii_whitespace() {
            begun = Some((line, at));
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::id::is_uuid;
    use super::super::limits::LIMITS;
    use super::*;

    const GOOD: &str = r#"[
  { "name": "Dice", "lower": 1, "upper": 6, "count": 3 },
  {
    "name": "Dice ]},{ \" 🎲",
    "lower": -5,
    "upper": 5,
    "count": 0
  },
  { "name": "Dice", "lower": 1, "upper": 6, "count": 3, "id": "0B4BD4A6-3c5e-4f5d-9a51-7d1f2f0c8a11" }
]
"#;

    fn limits() -> Limits {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIMITS);
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    fn complaint(text: &str) -> String {
        let error = read(Path::new("seed.json"), text, Some(limits())).unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_factory_has_the_same_id_in_every_run_and_knows_its_lines() {
        let read_again = |text: &str| read(Path::new("seed.json"), text, Some(limits())).unwrap();
        let factories = read_again(GOOD);
        let rows: Vec<String> = factories
            .iter()
            .map(|one| format!("{} {} {}", one.line, one.line_of("upper"), one.body))
            .collect();
        insta::assert_snapshot!(rows.join("\n"), @r#"
    2 2 {"id":"04d97f20-781c-895f-a2e3-e921c4d0252c","name":"Dice","lower":1,"upper":6,"count":3}
    3 6 {"id":"2090ae8d-992f-80ac-aaad-d971c61a0367","name":"Dice ]},{ \" 🎲","lower":-5,"upper":5,"count":0}
    9 9 {"id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"Dice","lower":1,"upper":6,"count":3}
    "#);
        let moved = GOOD.replacen(
            '[',
            "[ { \"name\": \"First\", \"lower\": 0, \"upper\": 0, \"count\": 0 },",
            1,
        );
        let moved = read_again(&moved.replace("\"upper\": 6", "\"upper\": 20"));
        let ids = |rows: &[SeedFactory]| rows.iter().map(|one| one.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&factories), ids(&moved)[1..]);
        assert!(factories.iter().all(|one| is_uuid(&one.id)));
    }

    #[test]
    fn every_fault_is_told_with_line_field_and_cure() {
        let long = "x".repeat(65);
        let text = format!(
            r#"[
  {{ "name": " ", "lower": 1, "upper": 6, "count": 3 }},
  {{ "name": "{long}", "lower": "1", "upper": 6.5,
    "count": 16 }},
  {{ "name": 4, "lower": -1000000001, "colour": "red", "upper": 6, "id": "x" }},
  {{ "name": "a", "lower": 7,
    "upper": 6, "count": 1 }},
  5
]"#
        );
        insta::assert_snapshot!(complaint(&text), @r#"
    nothing was deployed, because the seed is wrong:
      seed.json:2: `name` is " "
        cure: use text of 1 to 64 characters
      seed.json:3: `name` is "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        cure: use text of 1 to 64 characters
      seed.json:3: `lower` is "1"
        cure: use a whole number from -1000000000 to 1000000000
      seed.json:3: `upper` is 6.5
        cure: use a whole number from -1000000000 to 1000000000
      seed.json:4: `count` is 16
        cure: use a whole number from 0 to 15
      seed.json:5: `colour` is no field of a factory in a seed
        cure: remove it; the fields are id, name, lower, upper, count
      seed.json:5: `count` is missing
        cure: add a line such as `"count": 3`
      seed.json:5: `name` is 4
        cure: use text of 1 to 64 characters
      seed.json:5: `lower` is -1000000001
        cure: use a whole number from -1000000000 to 1000000000
      seed.json:5: `id` is "x"
        cure: use a UUID such as "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11", or leave it out
      seed.json:6: `lower` is 7, above `upper`, which is 6
        cure: use a lower bound that is at most the upper one
      seed.json:8: `5` is no factory
        cure: write an object with name, lower, upper and count
    "#);
        let doubled = GOOD.replace(
            "\"count\": 0",
            "\"count\": 0, \"id\": \"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11\"",
        );
        insta::assert_snapshot!(complaint(&doubled), @r"
    nothing was deployed, because the seed is wrong:
      seed.json:9: two factories have the id 0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11
        cure: give one of them another, or leave it out
    ");
        insta::assert_snapshot!(complaint("{ \"factories\": [] }"), @r#"
    nothing was deployed, because the seed is wrong:
      seed.json:1: the file is no list of factories
        cure: begin it with `[`: a list of objects such as `{ "name": "Dice", "lower": 1, "upper": 6, "count": 3 }`
    "#);
        insta::assert_snapshot!(complaint("[\n  { \"name\": }\n]"), @r"
    nothing was deployed, because the seed is wrong:
      seed.json:2: expected value
        cure: write JSON: a list of factories in `[` and `]`
    ");
    }

    #[test]
    fn a_seed_without_the_limits_of_a_site_is_checked_by_its_form() {
        let text = r#"[{ "name": "a", "lower": -9000000000, "upper": 6, "count": 99 }]"#;
        assert_eq!(read(Path::new("seed.json"), text, None).unwrap().len(), 1);
        let text = text.replace("99", "\"99\"");
        assert!(read(Path::new("seed.json"), &text, None).is_err());
    }
}
