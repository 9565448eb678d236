//! In: the outputs of a stage's stacks. Out: the same for scripts: lines that a POSIX shell sources,
//! lines for `$GITHUB_OUTPUT`, or one JSON document. A value that comes from a `NoEcho` parameter is left out:
//! CloudFormation masks the parameter, but not an output that repeats it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::content::hex;
use crate::local::LocalUser;
use crate::urls::Urls;

/// The result of `outputs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputsReport {
    /// The stage.
    pub stage: String,
    /// Where it answers.
    pub urls: Urls,
    /// The user that signs in on a stage on this machine; no other stage tells one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<LocalUser>,
    /// Outputs by stack, by short name.
    pub stacks: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sections {
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    #[serde(default)]
    outputs: BTreeMap<String, Value>,
}

/// Returns a stack's outputs without those that mention a `NoEcho` parameter of its template.
///
/// # Errors
/// The template cannot be read.
pub fn public_outputs(
    template: &str,
    outputs: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let sections: Sections = serde_yaml::from_str(template)?;
    let parameters = sections.parameters.iter();
    let secrets: BTreeSet<&str> = parameters
        .filter(|(_, declared)| is_true(&declared["NoEcho"]))
        .map(|(name, _)| name.as_str())
        .collect();
    let is_public = |name: &String| {
        let declared = sections.outputs.get(name);
        declared.is_none_or(|output| !mentions(&output["Value"], &secrets))
    };
    let public = outputs.into_iter().filter(|(name, _)| is_public(name));
    Ok(public.collect())
}

fn is_true(value: &Value) -> bool {
    value
        .as_bool()
        .unwrap_or_else(|| value.as_str() == Some("true"))
}

/// Returns whether a value says one of the names, as a word: in `!Ref`, in `!Sub`, or anywhere else.
fn mentions(value: &Value, names: &BTreeSet<&str>) -> bool {
    let text = value.to_string();
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| names.contains(word))
}

impl OutputsReport {
    /// Returns every value under its variable's name: addresses first, then stack by stack.
    fn variables(&self) -> Vec<(String, &str)> {
        let urls = [
            ("SITE_URL", &self.urls.site),
            ("API_URL", &self.urls.api),
            ("SOCKET_URL", &self.urls.socket),
        ];
        let sign_in = self.urls.sign_in.as_ref();
        let sign_in = sign_in.map(|sign_in| ("SIGN_IN_URL", &sign_in.pages));
        let user = self.user.as_ref().map(|user| {
            [
                ("SIGN_IN_USER", &user.name),
                ("SIGN_IN_PASSWORD", &user.password),
            ]
        });
        let urls = urls
            .into_iter()
            .chain(sign_in)
            .chain(user.into_iter().flatten());
        let urls = urls.map(|(name, url)| (name.to_owned(), url.as_str()));
        let outputs = self.stacks.iter().flat_map(|(stack, outputs)| {
            outputs.iter().map(move |(output, value)| {
                let name = format!("{}_{}", upper_snake(stack), upper_snake(output));
                (name, value.as_str())
            })
        });
        urls.chain(outputs).collect()
    }

    /// Returns lines `KEY='value'` that a POSIX shell can source: whatever is in a value, nothing of it
    /// is run.
    pub fn env(&self) -> String {
        let rows = self.variables().into_iter();
        // In single quotes only the single quote itself is special (POSIX.1-2024, XCU 2.2.2).
        rows.map(|(name, value)| format!("{name}='{}'\n", value.replace('\'', r"'\''")))
            .collect()
    }

    /// Returns lines for the file that `$GITHUB_OUTPUT` names. A value of several lines is put between
    /// delimiters that do not occur in it.
    /// Source: GitHub Docs, "Workflow commands for GitHub Actions", "Multiline strings".
    pub fn github(&self) -> String {
        let rows = self.variables().into_iter();
        rows.map(|(name, value)| {
            if value.contains(['\n', '\r']) {
                let delimiter = delimiter(value);
                format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")
            } else {
                format!("{name}={value}\n")
            }
        })
        .collect()
    }
}

/// A text that is not in the value: no text holds its own hash.
fn delimiter(value: &str) -> String {
    format!("end_{}", hex(&Sha256::digest(value)))
}

/// `TableName` is `TABLE_NAME`, `certificate-us-east-1` is `CERTIFICATE_US_EAST_1`.
fn upper_snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut text = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| letters[place]);
        let after = letters.get(place + 1);
        let begins_word = letter.is_ascii_uppercase()
            && before.is_some_and(|c| {
                let ends_acronym =
                    c.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase);
                c.is_ascii_lowercase() || c.is_ascii_digit() || ends_acronym
            });
        if begins_word {
            text.push('_');
        }
        text.push(match letter {
            '-' => '_',
            letter => letter.to_ascii_uppercase(),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;
    use crate::urls::SignInUrls;
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};

    fn report(values: &[(&str, &str)]) -> OutputsReport {
        let outputs = values
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        OutputsReport {
            stage: "prod".to_owned(),
            urls: Urls::secure(&"factory-tree.com".parse().unwrap()),
            user: None,
            stacks: BTreeMap::from([("data".to_owned(), outputs.collect())]),
        }
    }

    #[test]
    fn a_shell_gets_quoted_lines() {
        let report = report(&[("TableName", "t-1"), ("Note", "it's $(here)")]);
        insta::assert_snapshot!(report.env(), @r"
SITE_URL='https://factory-tree.com'
API_URL='https://api.factory-tree.com'
SOCKET_URL='wss://ws.factory-tree.com'
DATA_NOTE='it'\''s $(here)'
DATA_TABLE_NAME='t-1'
");
    }

    #[test]
    fn a_stage_on_this_machine_tells_the_user_that_signs_in() {
        let domain = "tree.localhost".parse().unwrap();
        let sign_in = SignInUrls::loopback(&domain, 8080);
        let user = LocalUser {
            name: "editor".to_owned(),
            password: "it's".to_owned(),
        };
        let report = OutputsReport {
            urls: Urls::loopback(&domain, 8080).with_sign_in(Some(sign_in)),
            user: Some(user),
            ..report(&[])
        };
        insta::assert_snapshot!(report.env(), @r"
SITE_URL='http://tree.localhost:8080'
API_URL='http://api.tree.localhost:8080'
SOCKET_URL='ws://ws.tree.localhost:8080'
SIGN_IN_URL='http://auth.tree.localhost:8080'
SIGN_IN_USER='editor'
SIGN_IN_PASSWORD='it'\''s'
");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["user"]["password"], "it's");
    }

    #[test]
    fn github_gets_delimiters_around_lines() {
        let report = report(&[("TableName", "t-1"), ("Environment", "A=1\nB=2")]);
        insta::assert_snapshot!(report.github(), @r"
SITE_URL=https://factory-tree.com
API_URL=https://api.factory-tree.com
SOCKET_URL=wss://ws.factory-tree.com
DATA_ENVIRONMENT<<end_c1f0203c784f43973b05f1e26b203aa2ff962726976099c65983b8842bf57399
A=1
B=2
end_c1f0203c784f43973b05f1e26b203aa2ff962726976099c65983b8842bf57399
DATA_TABLE_NAME=t-1
");
    }

    /// A real shell sources the worst values, and finds them unchanged.
    #[test]
    fn a_shell_that_sources_the_lines_runs_nothing_of_them() {
        let worst = [
            "a'b",
            "'; touch /tmp/owned; '",
            "$(id) `id` ${HOME}",
            "two\nlines",
            "\\'\"",
            "",
            "\u{1b}[31m",
            " a  b ",
        ];
        for value in worst {
            let script = format!(
                "{}printf %s \"$DATA_VALUE\"",
                report(&[("Value", value)]).env()
            );
            let mut shell = Command::new("sh")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            shell
                .stdin
                .take()
                .unwrap()
                .write_all(script.as_bytes())
                .unwrap();
            let output = shell.wait_with_output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
        }
    }

    #[test]
    fn a_value_cannot_end_its_own_lines() {
        let value = "x\nend_0\nOTHER=1";
        assert!(!value.contains(&delimiter(value)));
    }

    #[test]
    fn names_are_upper_snake_case() {
        for (name, wanted) in [
            ("TableName", "TABLE_NAME"),
            ("certificate-us-east-1", "CERTIFICATE_US_EAST_1"),
            ("HTTPApiId", "HTTP_API_ID"),
            ("ApiId", "API_ID"),
            ("V2Name", "V2_NAME"),
        ] {
            assert_eq!(upper_snake(name), wanted);
        }
    }

    #[test]
    fn what_comes_from_a_no_echo_parameter_never_appears() {
        let body = "
Parameters:
  Secret: { Type: String, NoEcho: true }
  Other: { Type: String }
Resources: {}
Outputs:
  Plain: { Value: !Ref Other }
  Told: { Value: !Ref Secret }
  Woven: { Value: !Sub 'x-${Secret}-y' }
";
        let value = |name: &str| (name.to_owned(), "v".to_owned());
        let outputs = BTreeMap::from(["Plain", "Told", "Woven"].map(value));
        let public = public_outputs(body, outputs).unwrap();
        assert_eq!(public, BTreeMap::from([value("Plain")]));
    }

    /// Two outputs of one name would hide each other.
    #[test]
    fn no_two_outputs_of_the_templates_share_a_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut names = vec![
            "SITE_URL".to_owned(),
            "API_URL".to_owned(),
            "SOCKET_URL".to_owned(),
        ];
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let template = Template::parse(&file, std::fs::read_to_string(&file).unwrap()).unwrap();
            let stack = upper_snake(&file.file_stem().unwrap().to_string_lossy());
            names.extend(
                template
                    .outputs
                    .iter()
                    .map(|output| format!("{stack}_{}", upper_snake(output))),
            );
        }
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
