//! Where this machine has its AWS credentials from. In: the variables and the files of profiles that the SDK reads. Out: when it
//! finds none that it can use, what is wrong with them, and the cure. No credentials are read here, only whether they are there.
//! Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files" and "Standardized credential providers".

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::nearest::nearest;

/// What is wrong with credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFault {
    /// The fault, with the variable, profile or file.
    pub problem: String,
    /// The cure.
    pub cure: String,
}

fn fault(problem: String, cure: String) -> Option<CredentialFault> {
    Some(CredentialFault { problem, cure })
}

/// The variables and files that name credentials.
#[derive(Clone, Debug, Default)]
pub struct CredentialSources {
    variables: BTreeMap<&'static str, String>,
    config: ProfileFile,
    credentials: ProfileFile,
}

/// A file of profiles.
#[derive(Clone, Debug, Default)]
struct ProfileFile {
    path: PathBuf,
    sections: BTreeMap<String, Section>,
    /// The first line that is neither a section, nor a setting, nor a comment.
    malformed: Option<usize>,
}

type Section = BTreeMap<String, String>;

const VARIABLES: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
];

impl CredentialSources {
    /// Reads the environment of this process and the files that it names.
    pub fn read() -> Self {
        let variables = VARIABLES.into_iter().filter_map(|name| {
            let value = std::env::var_os(name)?.to_string_lossy().into_owned();
            Some((name, value)).filter(|(_, value)| !value.is_empty())
        });
        Self::of(variables.collect())
    }

    fn of(variables: BTreeMap<&'static str, String>) -> Self {
        let home = variables.get("HOME").cloned().unwrap_or_default();
        let file = |variable: &str, name: &str| {
            let default = || Path::new(&home).join(".aws").join(name);
            ProfileFile::read(variables.get(variable).map_or_else(default, PathBuf::from))
        };
        Self {
            config: file("AWS_CONFIG_FILE", "config"),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            variables,
        }
    }

    /// Returns what is wrong, after the SDK has found no usable credentials; `said` is its error. `None`: nothing that shows
    /// here.
    pub fn fault(&self, said: &str) -> Option<CredentialFault> {
        let pair = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        if pair.iter().all(|name| self.variable(name).is_some()) {
            return None;
        }
        self.fault_of_keys()
            .or_else(|| self.fault_of_files(said))
            .or_else(|| self.fault_of_profile(said))
            .or_else(|| self.fault_of_web_identity())
            .or_else(|| self.nothing())
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Half a pair of keys in the environment counts as none.
    fn fault_of_keys(&self) -> Option<CredentialFault> {
        let pair = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let (set, missing) = match pair.map(|name| self.variable(name).is_some()) {
            [true, false] => (pair[0], pair[1]),
            [false, true] => (pair[1], pair[0]),
            _ => return None,
        };
        fault(
            format!("{set} is set, but {missing} is not"),
            format!("set {missing} too, or unset {set}, so that the profile counts"),
        )
    }

    fn fault_of_files(&self, said: &str) -> Option<CredentialFault> {
        let is_unread = said.contains("parse");
        let files = [&self.config, &self.credentials].into_iter();
        let (file, line) = files
            .filter_map(|file| Some((file, file.malformed.filter(|_| is_unread)?)))
            .next()?;
        fault(
            format!(
                "{}:{line}: this line is none of a file of profiles",
                file.path.display()
            ),
            "write `[profile NAME]`, `KEY = VALUE` or `# COMMENT` there".to_owned(),
        )
    }

    fn profile_name(&self) -> (&str, bool) {
        let named = self.variable("AWS_PROFILE");
        (named.unwrap_or("default"), named.is_some())
    }

    /// Returns the settings of a profile from both files, and whether it is in one of them.
    fn profile(&self, name: &str) -> Option<Section> {
        let long = format!("profile {name}");
        let in_config = self.config.sections.get(&long);
        let in_config = in_config.or(self.config.sections.get(name).filter(|_| name == "default"));
        let in_credentials = self.credentials.sections.get(name);
        if in_config.is_none() && in_credentials.is_none() {
            return None;
        }
        let settings = in_config.into_iter().chain(in_credentials).flatten();
        Some(
            settings
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        )
    }

    fn profiles(&self) -> Vec<String> {
        let of_config = self
            .config
            .sections
            .keys()
            .filter_map(|name| match name.as_str() {
                "default" => Some("default"),
                name => name.strip_prefix("profile "),
            });
        let of_credentials = self.credentials.sections.keys().map(String::as_str);
        let mut names: Vec<String> = of_config.chain(of_credentials).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    }

    fn fault_of_profile(&self, said: &str) -> Option<CredentialFault> {
        let (name, is_named) = self.profile_name();
        match self.profile(name) {
            Some(profile) => self
                .fault_of_chain(name)
                .or_else(|| self.fault_of_settings(name, &profile, said)),
            None if is_named => self.no_profile(name, "AWS_PROFILE"),
            None => None,
        }
    }

    /// Profiles that take their roles with each other have no credentials between them.
    fn fault_of_chain(&self, name: &str) -> Option<CredentialFault> {
        let mut chain = vec![name.to_owned()];
        loop {
            let last = chain.last()?;
            let source = self.profile(last)?.remove("source_profile")?;
            if source == *last {
                return None;
            }
            if chain.contains(&source) {
                let chain = chain.join(" → ");
                return fault(
                    format!("source_profile leads in a circle: {chain} → {source}"),
                    "name a profile with credentials of its own as source_profile".to_owned(),
                );
            }
            chain.push(source);
        }
    }

    fn no_profile(&self, name: &str, named_by: &str) -> Option<CredentialFault> {
        let known = self.profiles();
        let make = format!("make it with `aws configure sso --profile {name}`");
        let (there, cure) = match nearest(name, known.iter().map(String::as_str)) {
            _ if known.is_empty() => ("there is none at all".to_owned(), make),
            Some(meant) => (
                format!("there are {}", known.join(", ")),
                format!("write `{meant}` in {named_by}, or {make}"),
            ),
            None => (
                format!("there are {}", known.join(", ")),
                format!("name one of them in {named_by}, or {make}"),
            ),
        };
        let file = self.config.path.display();
        fault(
            format!("{named_by} names profile `{name}`, which {file} does not have ({there})"),
            cure,
        )
    }

    fn fault_of_settings(
        &self,
        name: &str,
        profile: &Section,
        said: &str,
    ) -> Option<CredentialFault> {
        let has = |key: &str| profile.contains_key(key);
        if has("aws_access_key_id") != has("aws_secret_access_key") {
            let (set, missing) = if has("aws_access_key_id") {
                ("aws_access_key_id", "aws_secret_access_key")
            } else {
                ("aws_secret_access_key", "aws_access_key_id")
            };
            let problem = format!("profile `{name}` has {set}, but no {missing}");
            return fault(
                problem,
                format!("run `aws configure --profile {name}`, which asks for both"),
            );
        }
        self.fault_of_role(name, profile, said)
            .or_else(|| self.fault_of_sources(name, profile, said))
    }

    /// The role that a profile takes, and the profile that it takes it with.
    fn fault_of_role(&self, name: &str, profile: &Section, said: &str) -> Option<CredentialFault> {
        let has = |key: &str| profile.contains_key(key);
        if let Some(source) = profile.get("source_profile")
            && source != name
        {
            return match self.profile(source) {
                Some(settings) => self.fault_of_settings(source, &settings, said),
                None => self.no_profile(source, &format!("source_profile of profile `{name}`")),
            };
        }
        if has("role_arn")
            && !has("credential_source")
            && !has("web_identity_token_file")
            && !has("source_profile")
        {
            let problem =
                format!("profile `{name}` has a role_arn, and nothing to take that role with");
            return fault(
                problem,
                "add `source_profile = NAME`, the profile whose credentials take the role"
                    .to_owned(),
            );
        }
        None
    }

    /// Where a profile has its own credentials from.
    fn fault_of_sources(
        &self,
        name: &str,
        profile: &Section,
        said: &str,
    ) -> Option<CredentialFault> {
        let has = |key: &str| profile.contains_key(key);
        if let Some(command) = profile.get("credential_process") {
            let said = said.trim_start_matches("Error retrieving credentials: ");
            let said = said
                .trim_end()
                .trim_end_matches("Stderr:")
                .trim_end_matches([' ', '.']);
            return fault(
                format!("credential_process of profile `{name}` failed: {said}"),
                format!("run it by itself, and see what it says: {command}"),
            );
        }
        if let Some(file) = profile.get("web_identity_token_file") {
            return token_file(
                file,
                &format!("web_identity_token_file of profile `{name}`"),
            );
        }
        if has("sso_session") || has("sso_start_url") {
            return self.fault_of_sso(name, profile, said);
        }
        if has("aws_access_key_id") || has("credential_source") {
            return None;
        }
        let mut others = self.profiles();
        others.retain(|other| other != name);
        let another = match others.as_slice() {
            [] => String::new(),
            others => format!(", or name another with AWS_PROFILE: {}", others.join(", ")),
        };
        fault(
            format!("profile `{name}` has no credentials"),
            format!("run `aws configure sso --profile {name}`{another}"),
        )
    }

    fn fault_of_sso(&self, name: &str, profile: &Section, said: &str) -> Option<CredentialFault> {
        let mut settings = profile.clone();
        if let Some(session) = profile.get("sso_session") {
            match self.config.sections.get(&format!("sso-session {session}")) {
                Some(found) => settings.extend(found.clone()),
                None => {
                    let problem = format!(
                        "profile `{name}` names sso_session `{session}`, which is not there"
                    );
                    return fault(
                        problem,
                        format!(
                            "run `aws configure sso --profile {name}`, or write `[sso-session {session}]` with sso_start_url and sso_region"
                        ),
                    );
                }
            }
        }
        let needed = [
            "sso_start_url",
            "sso_region",
            "sso_account_id",
            "sso_role_name",
        ];
        if let Some(missing) = needed.into_iter().find(|key| !settings.contains_key(*key)) {
            let problem = format!("profile `{name}` has no {missing}");
            return fault(
                problem,
                format!("run `aws configure sso --profile {name}`, which asks for it"),
            );
        }
        let [_, region, account, role] = needed.map(|key| settings[key].as_str());
        let login = format!("run `aws sso login --profile {name}`");
        if said.contains("Forbidden") || said.contains("No access") {
            let problem = format!("profile `{name}` may not take role {role} in account {account}");
            return fault(
                problem,
                format!(
                    "name an account and a role that you are assigned: `aws configure sso --profile {name}` lists them"
                ),
            );
        }
        fault(
            format!("profile `{name}` is not signed in, or its session has ended"),
            format!(
                "{login}; if it is signed in already, {region} is not the region of your IAM Identity Center: set sso_region"
            ),
        )
    }

    fn fault_of_web_identity(&self) -> Option<CredentialFault> {
        let variable = "AWS_WEB_IDENTITY_TOKEN_FILE";
        let file = self.variable(variable)?;
        if self.variable("AWS_ROLE_ARN").is_none() {
            let problem = format!("{variable} is set, but AWS_ROLE_ARN is not");
            return fault(
                problem,
                "set AWS_ROLE_ARN to the role that the token takes".to_owned(),
            );
        }
        token_file(file, variable)
    }

    /// Nobody has any, and the last one who was asked, the service of an instance, is not there.
    fn nothing(&self) -> Option<CredentialFault> {
        let has_profile = self.profile(self.profile_name().0).is_some();
        if has_profile {
            return None;
        }
        let choose = match self.profiles() {
            known if known.is_empty() => "sign in with `aws configure sso`".to_owned(),
            known => format!("name a profile with AWS_PROFILE ({})", known.join(", ")),
        };
        fault(
            "no variable and no profile has any, and this machine is no instance with a role"
                .to_owned(),
            format!("{choose}, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        )
    }
}

fn token_file(file: &str, named_by: &str) -> Option<CredentialFault> {
    let error = std::fs::read(file).err()?;
    fault(
        format!("{named_by} names `{file}`, which cannot be read: {error}"),
        "name the file that your platform writes its token to; a job of GitHub needs `permissions: id-token: write`".to_owned(),
    )
}

impl ProfileFile {
    /// Reads a file; one that is not there has no profiles.
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut file = Self {
            path,
            ..Self::default()
        };
        let mut section: Option<&mut Section> = None;
        for (number, line) in text.lines().enumerate() {
            let is_nested = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                let name = name.0.split_whitespace().collect::<Vec<_>>().join(" ");
                section = Some(file.sections.entry(name).or_default());
            } else if let (Some((key, value)), Some(section)) =
                (line.split_once('='), section.as_mut())
            {
                section.insert(key.trim().to_lowercase(), value.trim().to_owned());
            } else if !is_nested {
                file.malformed = file.malformed.or(Some(number + 1));
            }
        }
        file
    }
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
