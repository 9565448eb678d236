//! The table item of a factory. The table keeps the item of a removed factory until it expires.
//!
//! Three programs share this type: the API writes and reads items, the WebSocket servers read them, and
//! the publisher receives them from the table's stream.

use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::change::FactoryChange;
use crate::factory::Factory;
use crate::field::FieldError;
use crate::id::FactoryId;
use crate::name::Name;
use crate::user_name::UserName;

/// The partition key of all factories, so that one query returns the whole tree.
pub const PARTITION: &str = "tree#main";

/// A factory as an item of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactoryItem {
    /// The partition key: [`PARTITION`].
    pub pk: String,
    /// The sort key: the id of the factory.
    pub sk: FactoryId,
    /// The name.
    pub name: Name,
    /// The lower bound.
    pub lower: i64,
    /// The upper bound.
    pub upper: i64,
    /// The numbers in the order in which they were drawn.
    pub numbers: Vec<i64>,
    /// The numbers that the last draw replaced, which an undo brings back; `None` before the second draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Vec<i64>>,
    /// The revision, which grows by one with every write.
    pub revision: u64,
    /// The user that wrote this revision; `None` if nobody was signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<UserName>,
    /// The creation request in canonical JSON, by which the API recognises a repeated request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Whether the factory was removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The time from which a removed factory can no longer be restored, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

impl FactoryItem {
    /// Returns the item of a factory that is not removed.
    pub fn from_factory(factory: &Factory, request: Option<String>) -> Self {
        Self {
            pk: PARTITION.to_owned(),
            sk: factory.id,
            name: factory.name.clone(),
            lower: factory.bounds.lower(),
            upper: factory.bounds.upper(),
            numbers: factory.numbers().to_vec(),
            replaced: None,
            revision: factory.revision,
            changed_by: factory.changed_by.clone(),
            request,
            deleted: false,
            expires: None,
        }
    }

    /// Returns the factory, whether it is removed or not.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if a field is invalid, which means that another program wrote the item.
    pub fn into_factory(self) -> Result<Factory, FieldError> {
        let bounds = Bounds::new(self.lower, self.upper)?;
        let factory = Factory::new(self.sk, self.name, bounds, self.numbers, self.revision)?;
        Ok(factory.by(self.changed_by))
    }

    /// Returns the change that this state of the item represents.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if a field is invalid, which means that another program wrote the item.
    pub fn into_change(self) -> Result<FactoryChange, FieldError> {
        if self.pk != PARTITION {
            return Err(FieldError::text("pk", &self.pk, PARTITION));
        }
        if self.deleted {
            return Ok(FactoryChange::Removed {
                id: self.sk,
                revision: self.revision,
            });
        }
        self.into_factory()
            .map(|factory| FactoryChange::Changed { factory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> FactoryItem {
        let json = r#"{"pk":"tree#main","sk":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"mill","lower":0,"upper":9,"numbers":[4],"revision":2}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_item_and_its_factory_have_the_same_fields() {
        let factory = item().into_factory().unwrap();

        assert_eq!(FactoryItem::from_factory(&factory, None), item());
        assert_eq!(
            item().into_change().unwrap(),
            FactoryChange::Changed { factory }
        );
    }

    #[test]
    fn who_changed_an_item_is_told_of_its_factory() {
        let signed = FactoryItem {
            changed_by: Some("ada".parse().unwrap()),
            ..item()
        };

        let factory = signed.clone().into_factory().unwrap();

        assert_eq!(factory.changed_by, signed.changed_by);
        assert_eq!(FactoryItem::from_factory(&factory, None), signed);
    }

    #[test]
    fn a_deleted_item_is_a_removal_with_the_last_revision() {
        let deleted = FactoryItem {
            deleted: true,
            ..item()
        };

        let change = deleted.into_change().unwrap();

        assert_eq!(
            change,
            FactoryChange::Removed {
                id: item().sk,
                revision: 2
            }
        );
    }

    #[test]
    fn an_invalid_item_is_no_change() {
        let inverted = FactoryItem {
            lower: 10,
            ..item()
        };
        let foreign = FactoryItem {
            pk: "tree#other".to_owned(),
            ..item()
        };

        assert_eq!(inverted.into_change().unwrap_err().field, "lower");
        assert_eq!(foreign.into_change().unwrap_err().field, "pk");
    }
}
