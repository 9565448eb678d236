//! The factories that a deploy puts into a new tree (`deploy --seed`). In: a file of factories, and the API of a stage that
//! works. Out: which of them were created and which were there, or why the API refused one. A factory that was written once is
//! never written again: what people have changed or removed since stays as they left it. The API is the judge of what a factory
//! may be.

mod file;
mod id;
mod limits;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::Value;

use crate::aws::{S3, Upload};
use crate::config::{Config, Network};
use crate::error::{SourceFault, UserError};
use crate::event::{Event, Reporter, task};
use crate::plain::plain;
use crate::verify;
use file::SeedFactory;

/// The object of the artifact bucket that keeps the ids of factories that were written. The API forgets a removed factory when
/// it can no longer be restored, and would take its id for a new one.
const RECORD: &str = "seed.json";

/// The number of factories that are sent at the same time.
const PARALLEL: usize = 8;

/// The number of attempts to send one, and the pause before the next one.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// A checked file of factories.
#[derive(Clone, Debug)]
pub struct Seed {
    file: PathBuf,
    factories: Vec<SeedFactory>,
}

/// What became of a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seeded {
    /// The number of factories that were created.
    pub created: usize,
    /// The number of factories that an earlier deploy had written, whatever became of them since.
    pub present: usize,
}

impl Seed {
    /// Reads a file and checks it, without asking anybody: its form, and the limits that the site of the sources has.
    ///
    /// # Errors
    /// `UserError::InvalidSeed` with every fault; the file cannot be read.
    pub fn read(config: &Config, file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|error| UserError::InvalidSeed {
            faults: vec![SourceFault {
                file: file.to_owned(),
                line: 1,
                message: format!("it cannot be read: {error}"),
                cure: "name a file with JSON: a list of factories".to_owned(),
            }],
        })?;
        // The site of another project may have none.
        let limits = std::fs::read(config.root.join(limits::LIMITS)).ok();
        let limits = limits.and_then(|limits| serde_json::from_slice(&limits).ok());
        let factories = file::read(file, &text, limits)?;
        Ok(Self {
            file: file.to_owned(),
            factories,
        })
    }

    /// Writes the factories that no deploy has written yet. One that is refused stops none of the others.
    ///
    /// # Errors
    /// `UserError::SeedRefused` with what the API says of each; the record of what was written cannot be read or written.
    pub async fn write(
        &self,
        api: &str,
        network: &Network,
        s3: &S3,
        bucket: &str,
        reporter: &dyn Reporter,
    ) -> Result<Seeded> {
        let written = |seeded: &Seeded| {
            format!(
                "{} created, {} already there",
                seeded.created, seeded.present
            )
        };
        task(reporter, "seed", written, async {
            let mut known = read_record(s3, bucket).await?;
            let before = known.len();
            let new = self
                .factories
                .iter()
                .filter(|factory| !known.contains(&factory.id));
            let new: Vec<&SeedFactory> = new.collect();
            let mut seeded = Seeded {
                present: self.factories.len() - new.len(),
                ..Seeded::default()
            };
            let sent = new.into_iter().map(|factory| async move {
                (factory, send(api, network, factory, reporter).await)
            });
            let sent: Vec<_> = futures_util::stream::iter(sent)
                .buffered(PARALLEL)
                .collect()
                .await;
            let mut faults = Vec::new();
            for (factory, outcome) in sent {
                match outcome {
                    Ok(Sent::Created) => seeded.created += 1,
                    Ok(Sent::Present) => seeded.present += 1,
                    Err(refusal) => {
                        faults.push(self.fault(factory, refusal));
                        continue;
                    }
                }
                known.insert(factory.id.clone());
            }
            if known.len() > before {
                write_record(s3, bucket, &known).await?;
            }
            if faults.is_empty() {
                return Ok(seeded);
            }
            let Seeded { created, present } = seeded;
            Err(UserError::SeedRefused {
                faults,
                created,
                present,
            }
            .into())
        })
        .await
    }

    fn fault(&self, factory: &SeedFactory, refusal: Refusal) -> SourceFault {
        let Refusal {
            field,
            problem,
            cure,
        } = refusal;
        let place = field
            .as_deref()
            .map_or(String::new(), |field| format!("`{field}` of "));
        SourceFault {
            file: self.file.clone(),
            line: field.map_or(factory.line, |field| factory.line_of(&field)),
            message: format!("{place}factory `{}`: {problem}", plain(&factory.name)),
            cure,
        }
    }
}

/// How the API took a factory.
enum Sent {
    Created,
    /// It was there, or its id belongs to one that was changed or removed.
    Present,
}

/// Why the API did not take a factory.
struct Refusal {
    field: Option<String>,
    problem: String,
    cure: String,
}

async fn send(
    api: &str,
    network: &Network,
    factory: &SeedFactory,
    reporter: &dyn Reporter,
) -> Result<Sent, Refusal> {
    let mut attempt = 1;
    loop {
        let answer = verify::post_json(&format!("{api}/factories"), &factory.body, network).await;
        let is_passing = match &answer {
            Ok((status, _)) => matches!(status, 429 | 500..),
            Err(_) => true,
        };
        if !is_passing || attempt == ATTEMPTS {
            return judge(answer);
        }
        let detail = format!(
            "factory `{}` is sent again: the API is busy",
            plain(&factory.name)
        );
        reporter.report(Event::TaskProgress {
            task: "seed".to_owned(),
            detail,
        });
        tokio::time::sleep(PAUSE * attempt).await;
        attempt += 1;
    }
}

/// Judges the answer to a request that creates a factory under an id of ours. A conflict means that the id is taken: by this
/// very factory in another shape, or by one that was removed. A full tree is a conflict of another type.
fn judge(answer: Result<(u16, Value), String>) -> Result<Sent, Refusal> {
    let (status, body) = answer.map_err(|problem| Refusal {
        field: None,
        problem,
        cure:
            "`factory-tree status` shows whether the API answers; then run the same command again"
                .to_owned(),
    })?;
    let is_taken = || {
        body["type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("/conflict"))
    };
    match status {
        201 => Ok(Sent::Created),
        200 => Ok(Sent::Present),
        409 if is_taken() => Ok(Sent::Present),
        _ => {
            let said = body["detail"].as_str().or(body["title"].as_str());
            let said = said.map_or_else(String::new, |said| format!(": {}", plain(said)));
            Err(Refusal {
                field: body["field"].as_str().map(str::to_owned),
                problem: format!("the API answers {status}{said}"),
                cure: cure(status).to_owned(),
            })
        }
    }
}

fn cure(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "a stage with `sign_in` takes factories from people who have signed in only: leave `--seed` out"
        }
        429 | 500.. => {
            "`factory-tree logs --source api` shows the API's errors; then run the same command again"
        }
        _ => "change the factory in the file, then run the same command again",
    }
}

async fn read_record(s3: &S3, bucket: &str) -> Result<BTreeSet<String>> {
    if !s3.list_objects(bucket, RECORD).await?.contains_key(RECORD) {
        return Ok(BTreeSet::new());
    }
    let body = s3.get_object(bucket, RECORD).await?;
    serde_json::from_slice(&body)
        .with_context(|| format!("`{RECORD}` in bucket `{bucket}` is no list of ids"))
}

async fn write_record(s3: &S3, bucket: &str, ids: &BTreeSet<String>) -> Result<()> {
    let upload = Upload {
        key: RECORD.to_owned(),
        body: serde_json::to_vec(ids)?.into(),
        content_type: "application/json".to_owned(),
        cache_control: "private",
    };
    s3.put_object(bucket, &upload).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(status: u16, body: Value) -> Result<&'static str, String> {
        match judge(Ok((status, body))) {
            Ok(Sent::Created) => Ok("created"),
            Ok(Sent::Present) => Ok("present"),
            Err(Refusal { field, problem, .. }) => Err(format!("{field:?} {problem}")),
        }
    }

    #[test]
    fn an_id_that_is_taken_is_a_factory_that_is_there_and_a_full_tree_is_none() {
        let problem = |slug: &str| json!({ "type": format!("https://factory-tree.com/problems/{slug}"), "detail": slug });
        assert_eq!(judged(201, Value::Null), Ok("created"));
        assert_eq!(judged(200, Value::Null), Ok("present"));
        assert_eq!(judged(409, problem("conflict")), Ok("present"));
        assert_eq!(
            judged(409, problem("tree-full")),
            Err("None the API answers 409: tree-full".to_owned())
        );
        let refused = judged(
            422,
            json!({ "field": "name", "title": "A field breaks a rule" }),
        );
        assert_eq!(
            refused,
            Err("Some(\"name\") the API answers 422: A field breaks a rule".to_owned())
        );
        assert_eq!(
            judged(502, Value::Null),
            Err("None the API answers 502".to_owned())
        );
    }
}
