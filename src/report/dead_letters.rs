//! The reports of `dead-letters` and `replay`.

use std::fmt;

use serde::Serialize;

use crate::dead_letters::{DeadLetter, Published, Taken};
use crate::plain::plain;

/// The result of `dead-letters`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLettersReport {
    /// The stage.
    pub stage: String,
    /// Every dead letter, the oldest failure first.
    pub letters: Vec<DeadLetter>,
    /// The number of messages in the queue that are no failure records of Lambda.
    pub foreign: usize,
}

/// The result of `replay`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayReport {
    /// The stage.
    pub stage: String,
    /// `replayed`, `incomplete` where letters are left, or `idle` where there were none.
    pub outcome: &'static str,
    /// The number of letters that were done, and are deleted.
    pub replayed: usize,
    /// The number of factories whose newest state was published.
    pub published: usize,
    /// The number of factories that the table no longer has.
    pub gone: usize,
    /// The ids of factories that the publisher did not publish.
    pub failed: Vec<String>,
    /// The letters that are left in the queue.
    pub left: Vec<DeadLetter>,
    /// The number of messages in the queue that are no failure records of Lambda.
    pub foreign: usize,
}

impl ReplayReport {
    /// Returns the report of a queue without a dead letter.
    pub fn idle(stage: String, foreign: usize) -> Self {
        let left = Taken {
            letters: Vec::new(),
            foreign: vec![String::new(); foreign],
        };
        Self {
            outcome: "idle",
            ..Self::of(stage, 0, Published::default(), left)
        }
    }

    /// Returns the report of a replay of so many letters.
    pub fn of(stage: String, letters: usize, published: Published, left: Taken) -> Self {
        Self {
            stage,
            outcome: match left.letters.len() {
                0 => "replayed",
                _ => "incomplete",
            },
            replayed: letters - left.letters.len(),
            published: published.factories,
            gone: published.gone,
            failed: published.failed,
            foreign: left.foreign.len(),
            left: left.letters,
        }
    }
}

impl fmt::Display for DeadLettersReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            letters,
            foreign,
        } = self;
        match letters.len() {
            0 => write!(formatter, "stage {stage}: no dead letters")?,
            count => write!(
                formatter,
                "stage {stage}: {}",
                count_of(count, "dead letter")
            )?,
        }
        write_letters(formatter, letters)?;
        write_foreign(formatter, *foreign)
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            outcome,
            replayed,
            published,
            gone,
            failed,
            left,
            foreign,
        } = self;
        if *outcome == "idle" {
            write!(formatter, "stage {stage}: no dead letters")?;
            return write_foreign(formatter, *foreign);
        }
        write!(
            formatter,
            "stage {stage}: {outcome}: {}, {} published as they are now",
            count_of(*replayed, "dead letter"),
            count_of(*published, "factory"),
        )?;
        if *gone > 0 {
            write!(formatter, ", {gone} no longer in the table")?;
        }
        if !failed.is_empty() {
            write!(
                formatter,
                "\n  the publisher did not publish: {}",
                names(failed)
            )?;
        }
        if !left.is_empty() {
            write!(formatter, "\n  left in the queue:")?;
        }
        write_letters(formatter, left)?;
        write_foreign(formatter, *foreign)
    }
}

fn write_letters(formatter: &mut fmt::Formatter<'_>, letters: &[DeadLetter]) -> fmt::Result {
    for letter in letters {
        let failure = &letter.failure;
        let error = failure
            .error
            .as_deref()
            .unwrap_or("reported by the publisher");
        write!(
            formatter,
            "\n  {}  {} after {} ({error}): {} of {}",
            failure.at,
            failure.reason,
            count_of(usize::try_from(failure.calls).unwrap_or(usize::MAX), "call"),
            count_of(
                usize::try_from(failure.records).unwrap_or(usize::MAX),
                "record"
            ),
            failure.written,
        )?;
        match &letter.factories {
            None => write!(
                formatter,
                "\n    the stream no longer has them, so their factories are unknown"
            )?,
            Some(factories) if factories.is_empty() => {
                write!(formatter, "\n    heartbeats only")?;
            }
            Some(factories) => write!(formatter, "\n    factories: {}", names(factories))?,
        }
    }
    Ok(())
}

fn write_foreign(formatter: &mut fmt::Formatter<'_>, foreign: usize) -> fmt::Result {
    match foreign {
        0 => Ok(()),
        count => write!(
            formatter,
            "\n  {} in the queue that Lambda has not written: left alone",
            count_of(count, "message")
        ),
    }
}

fn names(ids: &[String]) -> String {
    let ids = ids.iter().map(|id| plain(id));
    ids.collect::<Vec<_>>().join(", ")
}

fn count_of(count: usize, thing: &str) -> String {
    match (count, thing.strip_suffix('y')) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letters::sample_letter;

    fn letters() -> Vec<DeadLetter> {
        vec![
            sample_letter(Some(&["0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11"])),
            sample_letter(Some(&[])),
            sample_letter(None),
        ]
    }

    #[test]
    fn dead_letters_read_so() {
        let report = |letters, foreign| DeadLettersReport {
            stage: "prod".to_owned(),
            letters,
            foreign,
        };
        insta::assert_snapshot!(report(letters(), 1));
        assert_eq!(report(vec![], 0).to_string(), "stage prod: no dead letters");
        insta::assert_json_snapshot!(report(letters(), 1));
    }

    #[test]
    fn a_replay_reads_so() {
        let published = Published {
            factories: 3,
            gone: 1,
            failed: vec!["0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11".to_owned()],
        };
        let left = Taken {
            letters: letters().into_iter().take(1).collect(),
            foreign: Vec::new(),
        };
        let incomplete = ReplayReport::of("prod".to_owned(), 3, published, left);
        assert_eq!(incomplete.outcome, "incomplete");
        insta::assert_snapshot!(incomplete);
        let one = Published {
            factories: 1,
            ..Published::default()
        };
        let done = ReplayReport::of("prod".to_owned(), 1, one, Taken::default());
        insta::assert_snapshot!(done, @"stage prod: replayed: 1 dead letter, 1 factory published as they are now");
        let idle = ReplayReport::idle("prod".to_owned(), 2);
        insta::assert_snapshot!(idle, @r"
        stage prod: no dead letters
          2 messages in the queue that Lambda has not written: left alone
        ");
    }
}
