//! The deployer: from a source tree to a verified release, and back to nothing.
//!
//! A command (`commands`) is a list of steps, and each step takes what the one before returned:
//! `config` → `plan` → `build` → `publish` → `provision` → `release` → `verify` → `report`. Steps say
//! what they do as `event`s, which `ui` draws; `aws` holds one client per service; `local` is the stage
//! on this machine. ARCHITECTURE.md describes the whole design.

pub mod aws;
pub mod build;
pub mod check;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod content;
pub mod dead_letters;
pub mod dev;
pub mod doctor;
pub mod error;
pub mod event;
pub mod file;
pub mod hint;
pub mod inventory;
pub mod invoke;
pub mod live;
pub mod local;
pub mod logs;
pub mod nearest;
pub mod outputs;
pub mod plain;
pub mod plan;
pub mod policy;
pub mod program;
pub mod provision;
pub mod publish;
pub mod release;
pub mod report;
mod run;
pub mod seed;
pub mod status;
pub mod template;
pub mod ui;
pub mod urls;
pub mod verify;

pub use run::run;
