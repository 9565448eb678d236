//! The report of `build`: rows for people, and data for scripts.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::StepRow;
use crate::build::{Artifact, Artifacts};
use crate::config::Config;
use crate::plain::plain;

/// The result of `build`.
#[derive(Clone, Debug, Serialize)]
pub struct BuildReport {
    /// The stage that it was built for.
    pub stage: String,
    /// The content id of everything.
    pub build: String,
    /// The time that it took.
    pub seconds: f64,
    /// Lambdas and server.
    pub artifacts: Vec<ArtifactRow>,
    /// The site.
    pub site: SiteRow,
    /// The time that each step took.
    pub steps: Vec<StepRow>,
}

/// A file to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArtifactRow {
    /// `api`, `publisher`, `websocket`, or the name of an own Lambda.
    pub name: String,
    /// Where it is: an absolute path, so that a script finds it from any folder.
    pub path: String,
    /// Where it is, as a person reads it: relative to the working folder if it is below it.
    #[serde(skip)]
    shown: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

/// The built site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteRow {
    /// Its folder: an absolute path.
    pub path: String,
    /// Its folder, as a person reads it: relative to the working folder if it is below it.
    #[serde(skip)]
    shown: String,
    /// The number of its files.
    pub files: usize,
    /// Their size together.
    pub bytes: u64,
    /// The content id of all of them.
    pub build: String,
}

impl BuildReport {
    /// Says what was built. `here` is the working folder.
    pub fn of(
        config: &Config,
        artifacts: &Artifacts,
        here: &Path,
        seconds: f64,
        steps: Vec<StepRow>,
    ) -> Self {
        let site = &artifacts.site.folder;
        let files = &artifacts.site.files;
        let bytes = files.iter().map(|file| file.content.digest.bytes).sum();
        Self {
            stage: config.stage.to_string(),
            build: artifacts.build(),
            seconds,
            artifacts: artifacts
                .programs()
                .map(|artifact| row(here, artifact))
                .collect(),
            site: SiteRow {
                path: site.display().to_string(),
                shown: shown(here, site),
                files: files.len(),
                bytes,
                build: artifacts.site.build.clone(),
            },
            steps,
        }
    }
}

fn row(here: &Path, artifact: &Artifact) -> ArtifactRow {
    ArtifactRow {
        name: artifact.name.clone(),
        path: artifact.file.display().to_string(),
        shown: shown(here, &artifact.file),
        bytes: artifact.bytes,
        sha256: artifact.hash.clone(),
    }
}

fn shown(here: &Path, path: &Path) -> String {
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}

impl fmt::Display for BuildReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, build, .. } = self;
        writeln!(
            formatter,
            "stage {stage}: built in {:.1} s, build {build}\n",
            self.seconds
        )?;
        for row in &self.artifacts {
            let (name, path) = (&row.name, plain(&row.shown));
            writeln!(formatter, "  {name:<10} {:>12} bytes  {path}", row.bytes)?;
            writeln!(formatter, "  {:<10} sha256 {}", "", row.sha256)?;
        }
        let SiteRow {
            shown,
            files,
            bytes,
            build,
            ..
        } = &self.site;
        let path = plain(shown);
        writeln!(formatter, "  {:<10} {bytes:>12} bytes  {path}", "site")?;
        let count = if *files == 1 {
            "1 file".to_owned()
        } else {
            format!("{files} files")
        };
        write!(formatter, "  {:<10} {count}, build {build}", "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Site, SiteFile};
    use crate::content::{FileContent, FileDigest};

    fn artifact(name: &str, bytes: u64) -> Artifact {
        Artifact {
            name: name.to_owned(),
            file: format!("/project/target/factory-tree/release/{name}.zip").into(),
            hash: "5e".repeat(32),
            bytes,
        }
    }

    #[test]
    fn everything_that_was_built_is_reported_with_path_size_and_hash() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("factory-tree.yaml");
        let mut config = Config::load(&file, Some("prod")).unwrap();
        config.root = "/project".into();
        let artifacts = Artifacts {
            api: artifact("api", 3_456_789),
            publisher: artifact("publisher", 2_000_000),
            server: Some(Artifact {
                file: "/elsewhere/websocket.tar.gz".into(),
                ..artifact("websocket", 4_000_000)
            }),
            lambdas: vec![artifact("counter", 1_000_000)],
            site: Site {
                folder: "/project/target/factory-tree/site".into(),
                files: vec![SiteFile {
                    path: "index.html".to_owned(),
                    content: FileContent {
                        file: "/project/target/factory-tree/site/index.html".into(),
                        digest: FileDigest {
                            bytes: 321,
                            sha256: "5e".repeat(32),
                            etag: "5e".repeat(16),
                            parts: Vec::new(),
                        },
                    },
                }],
                build: "b4f298cd77db".to_owned(),
            },
            revision: None,
            held: Vec::new(),
        };
        let here = Path::new("/project");
        let report = BuildReport::of(&config, &artifacts, here, 12.34, Vec::new());
        insta::assert_snapshot!(report, @r"
stage prod: built in 12.3 s, build fb5618ead18a

  api             3456789 bytes  target/factory-tree/release/api.zip
             sha256 5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e
  publisher       2000000 bytes  target/factory-tree/release/publisher.zip
             sha256 5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e
  websocket       4000000 bytes  /elsewhere/websocket.tar.gz
             sha256 5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e
  counter         1000000 bytes  target/factory-tree/release/counter.zip
             sha256 5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e
  site                321 bytes  target/factory-tree/site
             1 file, build b4f298cd77db
");
        let json = serde_json::to_value(&report).unwrap();
        let path = "/project/target/factory-tree/release/api.zip";
        assert_eq!(json["artifacts"][0]["path"], path);
        assert_eq!(json["site"]["path"], "/project/target/factory-tree/site");
    }
}
