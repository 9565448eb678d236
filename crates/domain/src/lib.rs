//! The types of a factory, their rules and their JSON.
//!
//! In: raw text and numbers from a request, a table or a message. Out: checked types, or a
//! [`FieldError`] that a person can act on. This crate has no AWS, no HTTP, no clock and no source of
//! randomness.
//!
//! | module | content |
//! |---|---|
//! | [`id`], [`name`], [`bounds`], [`count`], [`user_name`] | the fields and their allowed values |
//! | [`field`] | the error for an invalid field |
//! | [`factory`] | the factory, its creation and its edits |
//! | [`draw`] | drawing the numbers |
//! | [`change`] | the messages from the table's stream to the servers |
//! | [`message`] | the messages from a server to the browsers |
//! | [`tree`] | applying changes by revision |
//! | [`item`] | the table item of a factory |
//! | [`heartbeat`] | the one item of the table that is no factory |

pub mod bounds;
pub mod change;
pub mod count;
pub mod draw;
pub mod factory;
pub mod field;
pub mod heartbeat;
pub mod id;
pub mod item;
pub mod message;
pub mod name;
pub mod tree;
pub mod user_name;

pub use bounds::Bounds;
pub use change::FactoryChange;
pub use count::Count;
pub use factory::{Edit, Factory, NewFactory};
pub use field::FieldError;
pub use id::FactoryId;
pub use name::Name;
pub use tree::Tree;
pub use user_name::UserName;
