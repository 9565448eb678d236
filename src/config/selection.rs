//! The stage that a command works on. In: the file's text, and the name that a person typed. Out: the stage with its settings,
//! or an error with the place of the fault and the cure. What only one stage says is checked for that stage; what two stages
//! must not have in common, for all of them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_yaml::Spanned;

use super::stage_pattern::{StageKey, key_of};
use super::value::{DomainSetting, with_stage};
use super::{
    Hosting, OtherStage, PatternOfStages, Project, StageName, StagePattern, StageSettings, misread,
    stage_prefix,
};
use crate::error::UserError;

/// A stage, and the others of its file.
pub(super) struct SelectedStage {
    pub(super) name: StageName,
    pub(super) settings: StageSettings,
    pub(super) pattern: Option<PatternOfStages>,
    pub(super) other_stages: Vec<OtherStage>,
}

/// The settings below a key, with their place.
type Settings = Spanned<StageSettings<DomainSetting>>;

impl Project {
    /// Reads a file.
    pub(super) fn read(text: &str, file: &Path) -> Result<Self, UserError> {
        serde_yaml::from_str(text).map_err(|error| misread::misread(file, text, &error))
    }

    /// Picks the stage of a name; without one, the default of the file.
    pub(super) fn select(
        &self,
        file: &Path,
        stage: Option<&str>,
    ) -> Result<SelectedStage, UserError> {
        let wanted = stage.unwrap_or(self.default_stage.as_str());
        if let Ok(pattern) = wanted.parse::<StagePattern>() {
            let example = pattern.example();
            let pattern = wanted.to_owned();
            return Err(UserError::ManyStages { pattern, example });
        }
        let key = key_of(self.stages.keys(), wanted).ok_or_else(|| self.unknown(file, wanted))?;
        let name = wanted.parse().map_err(|_| UserError::StageNameRefused {
            stage: wanted.to_owned(),
            pattern: key.to_string(),
        })?;
        let selected = self.checked(file, key, name)?;
        if let StageKey::Pattern(pattern) = key {
            self.check_reach(file, pattern, &selected)?;
        }
        Ok(selected)
    }

    /// Picks a stage that stands for all of a pattern.
    pub(super) fn select_pattern(
        &self,
        file: &Path,
        pattern: &str,
    ) -> Result<SelectedStage, UserError> {
        let unknown = || self.unknown(file, pattern);
        let (key, of) = self
            .stages
            .keys()
            .filter_map(|key| Some((key, key.pattern()?)))
            .find(|(_, known)| known.to_string() == pattern)
            .ok_or_else(unknown)?;
        let name = of.example().parse().map_err(|_| unknown())?;
        self.checked(file, key, name)
    }

    /// Returns the keys of the stages that expire, or the one of them that is wanted.
    pub(super) fn expiring(
        &self,
        file: &Path,
        only: Option<&str>,
    ) -> Result<Vec<String>, UserError> {
        let is_known = |only: &str| self.stages.keys().any(|key| key.to_string() == only);
        if let Some(only) = only.filter(|only| !is_known(only)) {
            return Err(self.unknown(file, only));
        }
        let expiring = self
            .stages
            .iter()
            .filter(|(_, stage)| stage.value.expires_after.is_some());
        let keys = expiring.map(|(key, _)| key.to_string());
        Ok(keys
            .filter(|key| only.is_none_or(|only| only == key))
            .collect())
    }

    fn unknown(&self, file: &Path, wanted: &str) -> UserError {
        UserError::UnknownStage {
            stage: wanted.to_owned(),
            file: file.to_owned(),
            known: self.stages.keys().map(ToString::to_string).collect(),
        }
    }

    /// Checks the file as far as a stage needs it.
    fn checked(
        &self,
        file: &Path,
        key: &StageKey,
        name: StageName,
    ) -> Result<SelectedStage, UserError> {
        let settings = self
            .stages
            .get(key)
            .ok_or_else(|| self.unknown(file, name.as_str()))?;
        let at =
            |(message, hint)| refused(file, settings, format!("stage `{name}`: {message}"), hint);
        if let StageKey::Pattern(pattern) = key {
            let of_all = settings.value.check_pattern();
            of_all.map_err(|(message, hint)| {
                refused(
                    file,
                    settings,
                    format!("stage `{pattern}`: {message}"),
                    hint,
                )
            })?;
        }
        let filled = settings.value.of_stage(&name).map_err(|refusal| {
            let (message, hint) = refusal.split_once(": use ").unwrap_or((&refusal, ""));
            at((message.to_owned(), format!("use {hint}")))
        })?;
        filled.check().map_err(at)?;
        self.check_domains(file)?;
        self.check_prefixes(file)?;
        let pattern = key.pattern().map(|pattern| PatternOfStages {
            pattern: pattern.clone(),
            domains: with_stage(settings.value.domain.as_str(), pattern),
        });
        Ok(SelectedStage {
            settings: filled,
            pattern,
            other_stages: self.others_in_aws(key),
            name,
        })
    }

    fn in_aws(&self) -> impl Iterator<Item = (&StageKey, &Settings)> {
        let stages = self.stages.iter();
        stages.filter(|(_, stage)| stage.value.hosting == Hosting::Aws)
    }

    fn others_in_aws(&self, ours: &StageKey) -> Vec<OtherStage> {
        let others = self.in_aws().filter(|(key, _)| *key != ours);
        let others = others.map(|(key, stage)| OtherStage {
            name: key.to_string(),
            stack_prefix: key.stack_prefix(&self.name),
            domain: with_stage(stage.value.domain.as_str(), key),
        });
        others.collect()
    }

    /// Refuses two stages in AWS with one domain: each would take the other's records and the name of its distribution.
    fn check_domains(&self, file: &Path) -> Result<(), UserError> {
        let mut first = BTreeMap::new();
        for (key, stage) in self.in_aws() {
            let domain = with_stage(stage.value.domain.as_str(), key);
            let Some(other) = first.insert(domain.clone(), key) else {
                continue;
            };
            let message = format!("stages `{other}` and `{key}` have the domain `{domain}`");
            let hint = format!("give one of them another, such as `{key}.{domain}`");
            return Err(refused(file, stage, message, hint));
        }
        Ok(())
    }

    /// Refuses two stages in AWS whose resources no policy could tell apart.
    fn check_prefixes(&self, file: &Path) -> Result<(), UserError> {
        let stages: Vec<_> = self.in_aws().collect();
        for (place, (key, stage)) in stages.iter().enumerate() {
            for (other, _) in &stages[..place] {
                let prefixes = (other.stack_prefix(&self.name), key.stack_prefix(&self.name));
                let Some(reason) = stage_prefix::clash(&prefixes.0, &prefixes.1) else {
                    continue;
                };
                let message = format!(
                    "a policy of stage `{other}` would reach the resources of stage `{key}`: {reason}"
                );
                let hint = "give the project a shorter `name`, or one of the stages another; take a stage that is deployed \
                            down first, from a file in which it is alone";
                return Err(refused(file, stage, message, hint.to_owned()));
            }
        }
        Ok(())
    }

    /// Refuses a stage of a pattern that takes what belongs to a stage with a key of its own. Stages of one pattern share a
    /// role, so that nothing has to tell them apart.
    fn check_reach(
        &self,
        file: &Path,
        pattern: &StagePattern,
        selected: &SelectedStage,
    ) -> Result<(), UserError> {
        let SelectedStage { name, settings, .. } = selected;
        if settings.hosting == Hosting::Local {
            return Ok(());
        }
        let ours = (self.name.of_stage(name), settings.domain.as_str());
        for (key, stage) in self.in_aws().filter(|(key, _)| key.pattern().is_none()) {
            let prefix = key.stack_prefix(&self.name);
            let domain = with_stage(stage.value.domain.as_str(), key);
            let hosts = ["", "www.", "api.", "ws."].map(|host| format!("{host}{domain}"));
            let problem =
                if ours.0.starts_with(&prefix) || stage_prefix::clash(&ours.0, &prefix).is_some() {
                    format!("a policy of stage `{key}` would reach its resources")
                } else if hosts.iter().any(|host| host == ours.1) {
                    format!("its domain `{}` is a host of stage `{key}`", ours.1)
                } else {
                    continue;
                };
            let message = format!("stage `{name}` of the pattern `{pattern}`: {problem}");
            let hint = format!("choose another name, such as `{}`", pattern.example());
            return Err(refused(file, stage, message, hint));
        }
        Ok(())
    }
}

fn refused(file: &Path, stage: &Settings, message: String, hint: String) -> UserError {
    UserError::Config {
        file: file.to_owned(),
        line: stage.referenced.line(),
        column: stage.referenced.column(),
        message,
        hint,
    }
}
