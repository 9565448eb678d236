//! `teardown --expired`: the stages that had no deploy for longer than their `expires_after`. In: the stages and patterns of the
//! configuration file that expire, and the time. Out: which stages have expired, then what became of them. The account says which
//! stages there are, and for stages on this machine their state folders do. A stage whose last deploy is not known is left alone,
//! and so is one that was deployed after it was listed.

use std::time::SystemTime;

use anyhow::Result;

use super::super::connect;
use super::account::{find_stacks, last_release, list_stages, monthly_costs};
use super::teardown;
use crate::clock;
use crate::config::{Config, Hosting};
use crate::event::{Event, Reporter};
use crate::local::Platform;
use crate::plain::plain;
use crate::report::{ExpiredReport, ExpiredRow, UnexpiredRow};

/// A stage whose time is over.
#[derive(Debug)]
struct ExpiredStage {
    config: Config,
    last_deploy: SystemTime,
    /// US dollars a month without visitors; `None` where its templates could not be read.
    monthly: Option<f64>,
}

/// The stages that may expire.
#[derive(Debug, Default)]
pub struct ExpiringStages {
    expired: Vec<ExpiredStage>,
    others: Vec<UnexpiredRow>,
}

impl ExpiringStages {
    /// Returns the names of the stages in AWS that have expired: with them, data goes that nothing brings back.
    pub fn in_aws(&self) -> Vec<String> {
        let stages = self.expired.iter().map(|stage| &stage.config);
        let stages = stages.filter(|config| config.settings.hosting == Hosting::Aws);
        stages.map(|config| config.stage.to_string()).collect()
    }

    /// Says which stages would go: name, age, and costs of a month.
    pub fn explain(&self, now: SystemTime, reporter: &dyn Reporter) {
        for stage in &self.expired {
            reporter.report(Event::Explanation(line(stage, now)));
        }
    }
}

fn line(stage: &ExpiredStage, now: SystemTime) -> String {
    let ExpiredStage {
        config,
        last_deploy,
        monthly,
    } = stage;
    let expiry = config
        .settings
        .expires_after
        .map(|expiry| expiry.to_string());
    let costs = match (config.settings.hosting, monthly) {
        (Hosting::Local, _) => "on this machine, costs nothing".to_owned(),
        (Hosting::Aws, Some(monthly)) => format!("${monthly:.2} a month without visitors"),
        (Hosting::Aws, None) => "its costs are not known".to_owned(),
    };
    format!(
        "stage {} ({}): deployed {}, expires after {}; {costs}",
        config.stage,
        config.settings.domain,
        clock::ago(*last_deploy, now),
        expiry.unwrap_or_default(),
    )
}

/// Finds out which stages have expired.
///
/// # Errors
/// There are no credentials, or the stacks of the account may not be listed.
pub async fn find_expired(
    configs: &[Config],
    now: SystemTime,
    reporter: &dyn Reporter,
) -> Result<ExpiringStages> {
    let mut found = ExpiringStages::default();
    for of in configs {
        match of.settings.hosting {
            Hosting::Local => look_at_this_machine(of, now, &mut found, reporter),
            Hosting::Aws => look_at_account(of, now, &mut found, reporter).await?,
        }
    }
    found
        .expired
        .sort_by(|one, other| one.config.stage.cmp(&other.config.stage));
    Ok(found)
}

fn look_at_this_machine(
    of: &Config,
    now: SystemTime,
    found: &mut ExpiringStages,
    reporter: &dyn Reporter,
) {
    for name in of.stages_with_state() {
        let Some(config) = stage(of, &name, reporter) else {
            continue;
        };
        if let Some(last_deploy) = Platform::of(&config).deployed_at() {
            found.add(
                ExpiredStage {
                    config,
                    last_deploy,
                    monthly: None,
                },
                now,
            );
        }
    }
}

async fn look_at_account(
    of: &Config,
    now: SystemTime,
    found: &mut ExpiringStages,
    reporter: &dyn Reporter,
) -> Result<()> {
    let Some(endpoint) = Platform::of(of).endpoint_without_start() else {
        return Ok(());
    };
    let aws = connect(of, &endpoint).await?;
    for (name, changed) in list_stages(of, &aws, reporter).await? {
        let Some(config) = stage(of, &name, reporter) else {
            continue;
        };
        // CloudFormation names no time: nobody knows.
        let Some(last_deploy) = changed else {
            continue;
        };
        let mut stage = ExpiredStage {
            config,
            last_deploy,
            monthly: None,
        };
        if stage.is_over(now) {
            let stacks = find_stacks(&stage.config, &aws).await?;
            match last_release(&aws, &stacks).await {
                Ok(released) => {
                    stage.last_deploy = released.unwrap_or(last_deploy).max(last_deploy)
                }
                Err(error) => {
                    let text = format!(
                        "stage `{name}` is left alone: its last release is not known: {error:#}"
                    );
                    reporter.report(Event::Warning(text));
                    continue;
                }
            }
            stage.monthly = monthly_costs(&stage.config, &aws, &stacks, reporter).await;
        }
        found.add(stage, now);
    }
    Ok(())
}

/// Returns a stage of the account, or of this machine, if its settings are those that were asked about.
fn stage(of: &Config, name: &str, reporter: &dyn Reporter) -> Option<Config> {
    match Config::load(&of.file, Some(name)) {
        Ok(config) => {
            let is_meant = config.pattern == of.pattern
                && (config.pattern.is_some() || config.stage == of.stage)
                && config.settings.hosting == of.settings.hosting
                && config.settings.expires_after.is_some()
                && !config.settings.protected;
            is_meant.then_some(config)
        }
        // A stage of another key, or of none.
        Err(_)
            if of
                .pattern
                .as_ref()
                .is_none_or(|of| !of.pattern.covers(name)) =>
        {
            None
        }
        Err(error) => {
            let text = format!("stage `{}` is left alone: {error:#}", plain(name));
            reporter.report(Event::Warning(text));
            None
        }
    }
}

impl ExpiredStage {
    fn is_over(&self, now: SystemTime) -> bool {
        let expiry = self.config.settings.expires_after;
        expiry.is_some_and(|expiry| self.last_deploy + expiry.duration() <= now)
    }
}

impl ExpiringStages {
    fn add(&mut self, stage: ExpiredStage, now: SystemTime) {
        if stage.is_over(now) {
            self.expired.push(stage);
            return;
        }
        let ExpiredStage {
            config,
            last_deploy,
            ..
        } = stage;
        let expiry = config
            .settings
            .expires_after
            .map(|expiry| last_deploy + expiry.duration());
        self.others.push(UnexpiredRow {
            stage: config.stage.to_string(),
            last_deploy: clock::rfc3339(last_deploy),
            expires: expiry.map(clock::rfc3339).unwrap_or_default(),
        });
    }
}

/// Takes down the stages that have expired, one after the other. What becomes of one stops none of the others.
pub async fn remove_expired(found: ExpiringStages, reporter: &dyn Reporter) -> ExpiredReport {
    let mut rows = Vec::new();
    for stage in found.expired {
        rows.push(remove(stage, reporter).await);
    }
    ExpiredReport {
        outcome: if rows.is_empty() { "none" } else { "removed" },
        stages: rows,
        left: found.others,
    }
}

async fn remove(stage: ExpiredStage, reporter: &dyn Reporter) -> ExpiredRow {
    let config = &stage.config;
    let expiry = config
        .settings
        .expires_after
        .map(|expiry| expiry.to_string());
    let mut row = ExpiredRow {
        stage: config.stage.to_string(),
        domain: config.settings.domain.to_string(),
        last_deploy: clock::rfc3339(stage.last_deploy),
        expires_after: expiry.unwrap_or_default(),
        monthly: stage.monthly,
        ..ExpiredRow::default()
    };
    let work = async {
        if is_deployed_since(&stage, reporter).await? {
            return Ok(None);
        }
        teardown(config, &|_| Ok(()), reporter).await.map(Some)
    };
    match work.await {
        Ok(None) => row.outcome = "deployed again",
        Ok(Some(report)) => {
            row.outcome = if report.failed.is_empty() {
                "removed"
            } else {
                "failed"
            };
            (row.removed, row.kept, row.failed) = (report.removed, report.kept, report.failed);
        }
        Err(error) => {
            row.outcome = "failed";
            row.failed.push(format!("{error:#}"));
        }
    }
    row
}

/// Returns whether a stage was deployed after it was listed: a person may have taken a while to agree.
async fn is_deployed_since(stage: &ExpiredStage, reporter: &dyn Reporter) -> Result<bool> {
    let config = &stage.config;
    let platform = Platform::of(config);
    let now = match platform.endpoint_without_start() {
        None => platform.deployed_at(),
        Some(endpoint) => {
            let aws = connect(config, &endpoint).await?;
            let stages = list_stages(config, &aws, reporter).await?;
            stages.get(config.stage.as_str()).copied().flatten()
        }
    };
    Ok(now.is_some_and(|now| now > stage.last_deploy))
}

#[cfg(test)]
mod tests {
    use super::super::account::tests::config;
    use super::*;

    #[test]
    fn a_stage_expires_with_the_last_second_of_its_time() {
        let last_deploy = clock::parse_utc("2026-11-24T08:00:00Z").unwrap();
        let stage = || ExpiredStage {
            config: config("preview-1"),
            last_deploy,
            monthly: Some(3.1),
        };
        let at = |text: &str| clock::parse_utc(text).unwrap();
        assert!(!stage().is_over(at("2026-11-27T07:59:59Z")));
        assert!(stage().is_over(at("2026-11-27T08:00:00Z")));
        let mut found = ExpiringStages::default();
        found.add(stage(), at("2026-11-27T07:59:59Z"));
        found.add(stage(), at("2026-11-28T08:00:00Z"));
        assert_eq!(found.in_aws(), ["preview-1"]);
        assert_eq!(found.others[0].expires, "2026-11-27T08:00:00Z");
        let said = line(&found.expired[0], at("2026-11-28T08:00:00Z"));
        insta::assert_snapshot!(said, @"stage preview-1 (preview-1.example.com): deployed 4 days ago, expires after 3d; $3.10 a month without visitors");
    }
}
