//! The factory: its types, its rules and its JSON.
//!
//! In: raw text and numbers from a request, a table or a message. Out: checked types, or a
//! [`FieldError`] that a person can act on. Never here: AWS, HTTP, a clock, a source of randomness.
//!
//! | module | answers |
//! |---|---|
//! | [`id`], [`name`], [`bounds`], [`count`] | what may a field hold |
//! | [`factory`] | what a factory is, how one begins and how it changes |
//! | [`draw`] | which numbers a generation gives |
//! | [`change`] | what travels from the table to the servers |
//! | [`message`] | what travels from a server to the browsers |
//! | [`tree`] | which of two changes wins |
//! | [`record`] | how the table keeps a factory |

pub mod bounds;
pub mod change;
pub mod count;
pub mod draw;
pub mod factory;
pub mod field;
pub mod id;
pub mod message;
pub mod name;
pub mod record;
pub mod tree;

pub use bounds::Bounds;
pub use change::Change;
pub use count::Count;
pub use factory::{Edit, Factory, NewFactory};
pub use field::FieldError;
pub use id::FactoryId;
pub use name::Name;
pub use tree::Tree;
