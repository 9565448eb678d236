//! The checks of one stage's settings that no type of a single setting makes. In: the settings. Out: the first fault, with its cure.

use super::settings::{Hosting, Servers, StageSettings};
use super::value::DomainSetting;
use super::{Architecture, MOST_MINUTES, ZoneName};

/// The retention times that CloudWatch Logs accepts, in days.
/// Source: CloudWatch Logs API, `PutRetentionPolicy`.
const RETENTION_DAYS: [u16; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// The regions that every account has without asking for them. CloudFront's standard logs go to a bucket by its ACL, which
/// works in these only.
/// Sources: AWS General Reference, "Manage AWS Regions", Regions that are enabled by default; CloudFront Developer Guide,
/// "Configure standard logging (legacy)", "Choose an Amazon S3 bucket for standard logs".
const DEFAULT_REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

impl StageSettings<DomainSetting> {
    /// Checks what the settings of many stages must not have. The error is message and hint.
    pub(super) fn check_pattern(&self) -> Result<(), (String, String)> {
        if !self.domain.names_stage() {
            return Err((
                format!(
                    "`domain` is `{}`, the same for every stage of the pattern",
                    self.domain
                ),
                format!(
                    "put the name of the stage into it, in quotes: `'{{stage}}.{}'`",
                    self.domain
                ),
            ));
        }
        if let Some(port) = self.port {
            return Err((
                format!("`port` is {port}, the same for every stage of the pattern"),
                "leave it out: each stage gets a free one".to_owned(),
            ));
        }
        Ok(())
    }
}

impl StageSettings {
    /// Checks what no single field shows. The error is message and hint.
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        self.check_servers()?;
        self.check_zones()?;
        self.check_region()?;
        self.check_expiry()?;
        self.check_hosting()
    }

    fn check_servers(&self) -> Result<(), (String, String)> {
        let Servers { min, max, .. } = self.servers;
        if min == 0 || min >= max {
            let message = format!("`servers` has min {min} and max {max}");
            return Err((message, "min must be at least 1, and max greater: a roll-out starts a new server before it stops an old one".to_owned()));
        }
        if !RETENTION_DAYS.contains(&self.log_retention_days) {
            let message = format!("`log_retention_days` is {}", self.log_retention_days);
            return Err((message, format!("use one of {RETENTION_DAYS:?}")));
        }
        if self.bake_minutes > MOST_MINUTES {
            let message = format!("`bake_minutes` is {}", self.bake_minutes);
            let hint = format!("use at most {MOST_MINUTES}: CloudFormation watches no longer");
            return Err((message, hint));
        }
        let (named, ours) = (self.instance_type(), self.architecture());
        if self.hosting == Hosting::Aws && Architecture::of_instance_type(named) != ours {
            let message = format!(
                "`servers.instance_type` is `{named}`, but `architecture` is {}",
                ours.name()
            );
            let hint = format!(
                "use a type such as `{}`, or leave it out",
                ours.instance_type()
            );
            return Err((message, hint));
        }
        Ok(())
    }

    fn check_region(&self) -> Result<(), (String, String)> {
        let region = self.region.as_str();
        if self.hosting == Hosting::Local || DEFAULT_REGIONS.contains(&region) {
            return Ok(());
        }
        let message = format!(
            "`region` is {region}, and CloudFront delivers no access logs to buckets there"
        );
        let regions = DEFAULT_REGIONS.join(", ");
        Err((message, format!("use one of {regions}")))
    }

    fn check_expiry(&self) -> Result<(), (String, String)> {
        match self.expires_after {
            Some(expiry) if self.protected => Err((
                format!("`expires_after` is {expiry}, but the stage is `protected`"),
                "remove one of the two: a protected stage goes only when its name is typed"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    fn check_zones(&self) -> Result<(), (String, String)> {
        let Some([first, second]) = &self.servers.zones else {
            return Ok(());
        };
        let is_here = |zone: &ZoneName| {
            let letter = zone.as_str().strip_prefix(self.region.as_str());
            letter.is_some_and(|letter| letter.len() == 1)
        };
        if first != second && is_here(first) && is_here(second) {
            return Ok(());
        }
        let message = format!("`servers.zones` is {first} and {second}");
        let hint = format!(
            "name two different zones of {}, or leave it out",
            self.region
        );
        Err((message, hint))
    }

    fn check_hosting(&self) -> Result<(), (String, String)> {
        let local_name = self.domain.as_str().ends_with(".localhost");
        match self.hosting {
            Hosting::Local if !local_name => {
                let message = format!(
                    "`domain` is `{}`, but the stage runs on this machine",
                    self.domain
                );
                Err((
                    message,
                    "use a name that ends in `.localhost`, such as `factory-tree.localhost`"
                        .to_owned(),
                ))
            }
            Hosting::Aws if local_name => {
                let message = format!("`domain` is `{}`, which no AWS stage can have", self.domain);
                Err((
                    message,
                    "use a domain that you own, or set `hosting: local`".to_owned(),
                ))
            }
            Hosting::Aws if self.port.is_some() => Err((
                "`port` is set".to_owned(),
                "only a stage with `hosting: local` has a port: remove it".to_owned(),
            )),
            Hosting::Local if self.architecture() != Architecture::of_this_machine() => Err((
                format!(
                    "`architecture` is {}, but this machine's is {}",
                    self.architecture().name(),
                    Architecture::of_this_machine().name()
                ),
                "a stage with `hosting: local` has this machine's: remove it".to_owned(),
            )),
            Hosting::Aws | Hosting::Local => Ok(()),
        }
    }
}
