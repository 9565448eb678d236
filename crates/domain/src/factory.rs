//! The factory: its fields, its creation, its edits, and its JSON.

use serde::{Deserialize, Serialize};

use crate::bounds::{self, Bounds};
use crate::count::{self, Count};
use crate::field::FieldError;
use crate::id::FactoryId;
use crate::name::Name;
use crate::user_name::UserName;

/// The least revision of a factory.
pub const FIRST_REVISION: u64 = 1;

/// The most writes that one factory can take in a second: DynamoDB allows one partition a thousand.
const WRITES_PER_SECOND: u64 = 1_000;

/// The time after a removal during which it can be undone, in seconds.
pub const UNDO_SECONDS: u64 = 24 * 60 * 60;

/// A factory with the numbers that it generated.
///
/// Invariant: at most [`count::MAX`] numbers, each between [`bounds::LOWEST`] and [`bounds::HIGHEST`].
/// A number can be outside the factory's own bounds, because an edit of the bounds keeps the numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "FactoryJson", into = "FactoryJson")]
pub struct Factory {
    /// The id, which never changes.
    pub id: FactoryId,
    /// The name.
    pub name: Name,
    /// The range of the next draw.
    pub bounds: Bounds,
    numbers: Vec<i64>,
    /// The revision, which grows by one with every write; a removal and its undo are writes too.
    pub revision: u64,
    /// The user that wrote this revision; `None` if nobody was signed in.
    pub changed_by: Option<UserName>,
}

impl Factory {
    /// Returns a factory with these fields, of which the numbers are checked here. Nobody was signed in that wrote it.
    ///
    /// # Errors
    /// Returns a [`FieldError`] for the field `numbers` if there are too many or one is out of range.
    pub fn new(
        id: FactoryId,
        name: Name,
        bounds: Bounds,
        numbers: Vec<i64>,
        revision: u64,
    ) -> Result<Self, FieldError> {
        if numbers.len() > usize::from(count::MAX) {
            let shown = format!("a list of {}", numbers.len());
            let allowed = format!("at most {} numbers", count::MAX);
            return Err(FieldError::described("numbers", shown, allowed));
        }
        for number in &numbers {
            bounds::check_bound("numbers", *number)?;
        }
        Ok(Self {
            id,
            name,
            bounds,
            numbers,
            revision,
            changed_by: None,
        })
    }

    /// Returns the factory as a user wrote it; `None`: nobody was signed in.
    #[must_use]
    pub fn by(self, user: Option<UserName>) -> Self {
        Self {
            changed_by: user,
            ..self
        }
    }

    /// Returns the numbers in the order in which they were drawn.
    pub fn numbers(&self) -> &[i64] {
        &self.numbers
    }

    /// Returns the next revision of this factory, with the edit applied to name and bounds. Who writes it is not known
    /// yet: see [`Factory::by`].
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the edited bounds are invalid.
    pub fn edited(&self, edit: &Edit) -> Result<Self, FieldError> {
        Ok(Self {
            name: edit.name.clone().unwrap_or_else(|| self.name.clone()),
            bounds: self.bounds.with_ends(edit.lower, edit.upper)?,
            revision: self.revision + 1,
            changed_by: None,
            ..self.clone()
        })
    }

    /// Returns the next revision of this factory, with all its numbers replaced. Who writes it is not known yet: see
    /// [`Factory::by`].
    ///
    /// # Errors
    /// Returns a [`FieldError`] for the field `numbers` if there are too many or one is out of range.
    pub fn with_numbers(&self, numbers: Vec<i64>) -> Result<Self, FieldError> {
        Self::new(
            self.id,
            self.name.clone(),
            self.bounds,
            numbers,
            self.revision + 1,
        )
    }
}

/// The checked fields of a request that creates a factory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFactory {
    /// The id, which the client can choose so that the API recognises a repeated request.
    pub id: FactoryId,
    /// The name.
    pub name: Name,
    /// The range to draw from.
    pub bounds: Bounds,
    /// The number of numbers to draw at creation.
    pub count: Count,
}

impl NewFactory {
    /// Returns the request in the form in which the store keeps it beside the factory.
    ///
    /// The API compares a repeated request with this form, not with the factory: the factory may have
    /// been edited since, and its numbers are random.
    pub fn request(&self) -> CreationRequest {
        CreationRequest {
            name: self.name.clone(),
            lower: self.bounds.lower(),
            upper: self.bounds.upper(),
            count: self.count.get(),
        }
    }

    /// Returns the first revision of the factory, created at `now` (seconds since 1970).
    ///
    /// Its number grows with time. An id can be used again once its removed factory has expired, and whoever remembers
    /// that removal must take the new factory for newer: no factory takes writes faster than this number grows.
    ///
    /// # Errors
    /// Returns a [`FieldError`] for the field `numbers` if there are too many or one is out of range.
    pub fn first_revision(&self, numbers: Vec<i64>, now: u64) -> Result<Factory, FieldError> {
        Factory::new(
            self.id,
            self.name.clone(),
            self.bounds,
            numbers,
            now.saturating_mul(WRITES_PER_SECOND).max(FIRST_REVISION),
        )
    }
}

/// The fields by which the API recognises a repeated creation, in the order of the canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreationRequest {
    name: Name,
    lower: i64,
    upper: i64,
    count: u8,
}

/// The checked fields of a request that edits a factory; `None` keeps a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// The new name.
    pub name: Option<Name>,
    /// The new lower bound; [`Factory::edited`] checks it against the upper bound.
    pub lower: Option<i64>,
    /// The new upper bound; [`Factory::edited`] checks it against the lower bound.
    pub upper: Option<i64>,
}

/// The JSON of a factory, in which the bounds are two flat fields.
#[derive(Serialize, Deserialize)]
struct FactoryJson {
    id: FactoryId,
    name: Name,
    lower: i64,
    upper: i64,
    numbers: Vec<i64>,
    revision: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed_by: Option<UserName>,
}

impl TryFrom<FactoryJson> for Factory {
    type Error = FieldError;

    fn try_from(json: FactoryJson) -> Result<Self, Self::Error> {
        let bounds = Bounds::new(json.lower, json.upper)?;
        let factory = Self::new(json.id, json.name, bounds, json.numbers, json.revision)?;
        Ok(factory.by(json.changed_by))
    }
}

impl From<Factory> for FactoryJson {
    fn from(factory: Factory) -> Self {
        Self {
            id: factory.id,
            name: factory.name,
            lower: factory.bounds.lower(),
            upper: factory.bounds.upper(),
            numbers: factory.numbers,
            revision: factory.revision,
            changed_by: factory.changed_by,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"mill","lower":-5,"upper":5,"numbers":[3,-5],"revision":7}"#;

    fn factory() -> Factory {
        serde_json::from_str(JSON).unwrap()
    }

    #[test]
    fn a_factory_survives_its_json_with_its_fields_in_order() {
        assert_eq!(serde_json::to_string(&factory()).unwrap(), JSON);
    }

    #[test]
    fn who_changed_a_factory_survives_its_json_and_is_of_one_revision() {
        let json = JSON.replace("\"revision\":7", "\"revision\":7,\"changed_by\":\"ada\"");
        let signed: Factory = serde_json::from_str(&json).unwrap();

        assert_eq!(signed, factory().by(Some("ada".parse().unwrap())));
        assert_eq!(serde_json::to_string(&signed).unwrap(), json);
        assert_eq!(signed.edited(&Edit::default()).unwrap().changed_by, None);
        assert_eq!(signed.with_numbers(vec![1]).unwrap().changed_by, None);
    }

    #[test]
    fn json_that_breaks_a_rule_is_no_factory() {
        for (good, bad, field) in [
            ("\"mill\"", "\" \"", "name"),
            ("-5,\"upper\"", "6,\"upper\"", "lower"),
            ("[3,-5]", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", "numbers"),
            ("[3,-5]", "[1000000001]", "numbers"),
            ("7}", "7,\"changed_by\":\"a\\u202eb\"}", "changed_by"),
        ] {
            let error = serde_json::from_str::<Factory>(&JSON.replace(good, bad)).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
    }

    #[test]
    fn an_edit_keeps_what_it_does_not_name_and_the_numbers() {
        let edit = Edit {
            upper: Some(1),
            ..Edit::default()
        };

        let edited = factory().edited(&edit).unwrap();

        assert_eq!(edited.bounds, Bounds::new(-5, 1).unwrap());
        assert_eq!(
            edited.numbers(),
            [3, -5],
            "outside the new bounds, kept all the same"
        );
        assert_eq!((edited.name, edited.revision), (factory().name, 8));
    }

    #[test]
    fn new_numbers_replace_all_earlier_ones() {
        let renewed = factory().with_numbers(vec![1]).unwrap();

        assert_eq!((renewed.numbers(), renewed.revision), (&[1][..], 8));
        assert_eq!(
            factory().with_numbers(vec![0; 16]).unwrap_err().field,
            "numbers"
        );
    }

    #[test]
    fn a_creation_request_is_canonical() {
        let new = NewFactory {
            id: factory().id,
            name: " mill ".parse().unwrap(),
            bounds: Bounds::new(1, 2).unwrap(),
            count: Count::new(3).unwrap(),
        };

        let request = serde_json::to_string(&new.request()).unwrap();

        assert_eq!(request, r#"{"name":"mill","lower":1,"upper":2,"count":3}"#);
    }

    #[test]
    fn a_factory_that_is_created_later_is_newer_than_one_that_took_all_possible_writes() {
        let new = NewFactory {
            id: factory().id,
            name: "mill".parse().unwrap(),
            bounds: Bounds::new(1, 2).unwrap(),
            count: Count::new(3).unwrap(),
        };
        let revision_at = |now| new.first_revision(vec![1, 1, 2], now).unwrap().revision;

        assert_eq!(revision_at(0), FIRST_REVISION);
        let day = 24 * 60 * 60;
        let most = revision_at(1_800_000_000) + day * WRITES_PER_SECOND;
        assert!(revision_at(1_800_000_000 + day + 1) > most);
    }
}
