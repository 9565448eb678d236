//! The item of a factory in the table: one each, removed ones included until they expire.
//!
//! The three programs that meet an item (the API writes and reads it, the servers read it, the
//! publisher gets it from the stream) all know it by this type.

use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::change::Change;
use crate::factory::Factory;
use crate::field::FieldError;
use crate::id::FactoryId;
use crate::name::Name;

/// The partition that holds the whole tree: "all factories" is one query.
pub const PARTITION: &str = "tree#main";

/// An item of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The partition key: [`PARTITION`].
    pub pk: String,
    /// The sort key.
    pub sk: FactoryId,
    /// The name.
    pub name: Name,
    /// The lower bound.
    pub lower: i64,
    /// The upper bound.
    pub upper: i64,
    /// The numbers in the order in which they were drawn.
    pub numbers: Vec<i64>,
    /// Grows by one with every write.
    pub revision: u64,
    /// The creation request in canonical JSON, to know a repeated request by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Whether the factory was removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// When a removed factory can no longer be restored, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

impl Record {
    /// Returns the record of a factory that is there.
    pub fn of(factory: &Factory, request: Option<String>) -> Self {
        Self {
            pk: PARTITION.to_owned(),
            sk: factory.id,
            name: factory.name.clone(),
            lower: factory.bounds.lower(),
            upper: factory.bounds.upper(),
            numbers: factory.numbers().to_vec(),
            revision: factory.revision,
            request,
            deleted: false,
            expires: None,
        }
    }

    /// Returns the factory, removed or not.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the item breaks a rule: somebody else wrote it.
    pub fn into_factory(self) -> Result<Factory, FieldError> {
        let bounds = Bounds::new(self.lower, self.upper)?;
        Factory::new(self.sk, self.name, bounds, self.numbers, self.revision)
    }

    /// Returns the change that the record stands for.
    ///
    /// # Errors
    /// Returns a [`FieldError`] if the item breaks a rule: somebody else wrote it.
    pub fn into_change(self) -> Result<Change, FieldError> {
        if self.pk != PARTITION {
            return Err(FieldError::text("pk", &self.pk, PARTITION));
        }
        if self.deleted {
            return Ok(Change::Removed {
                id: self.sk,
                revision: self.revision,
            });
        }
        self.into_factory()
            .map(|factory| Change::Changed { factory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let json = r#"{"pk":"tree#main","sk":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"mill","lower":0,"upper":9,"numbers":[4],"revision":2}"#;
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_record_and_its_factory_hold_the_same() {
        let factory = record().into_factory().unwrap();

        assert_eq!(Record::of(&factory, None), record());
        assert_eq!(record().into_change().unwrap(), Change::Changed { factory });
    }

    #[test]
    fn a_deleted_record_is_a_removal_with_the_last_revision() {
        let deleted = Record {
            deleted: true,
            ..record()
        };

        let change = deleted.into_change().unwrap();

        assert_eq!(
            change,
            Change::Removed {
                id: record().sk,
                revision: 2
            }
        );
    }

    #[test]
    fn a_record_that_breaks_a_rule_is_no_change() {
        let inverted = Record {
            lower: 10,
            ..record()
        };
        let foreign = Record {
            pk: "tree#other".to_owned(),
            ..record()
        };

        assert_eq!(inverted.into_change().unwrap_err().field, "lower");
        assert_eq!(foreign.into_change().unwrap_err().field, "pk");
    }
}
