//! The command that a person typed. In: its words. Out: the commands of ours that a hint names, whole, so that they can be
//! run as they are printed: with the stage and the configuration that the person had named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::plain::shell_word;

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Every word behind the program's name.
    words: Vec<String>,
    /// The stage, where it was named.
    stage: Option<String>,
    /// The configuration file, where it was named.
    config: Option<PathBuf>,
}

/// The name under which hints call this program.
const PROGRAM: &str = "factory-tree ";

/// The options that consent to something: they are added to the command that was refused.
const CONSENTS: [&str; 2] = ["--yes", "--allow-replacement"];

/// The words by which hints name the command that was typed.
const SAME: [&str; 2] = ["the same command again", "the same command"];

impl Typed {
    /// Reads the arguments, the program's name first, and what was understood of them.
    pub fn new(arguments: &[OsString], stage: Option<&str>, config: Option<&Path>) -> Self {
        let words = arguments.iter().skip(1);
        Self {
            words: words
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            stage: stage.map(str::to_owned),
            config: config.map(Path::to_owned),
        }
    }

    /// Completes every command of ours in a hint. A command stands between backticks.
    pub fn complete(&self, hint: &str) -> String {
        let parts: Vec<&str> = hint.split('`').collect();
        let mut is_named = false;
        let parts = parts.iter().enumerate().map(|(place, part)| {
            if place % 2 == 1 {
                return self.completed(part);
            }
            let same = SAME.into_iter().find(|same| part.contains(same));
            match same.filter(|_| !is_named && !self.words.is_empty()) {
                None => (*part).to_owned(),
                Some(same) => {
                    is_named = true;
                    part.replacen(same, &format!("{same} (`{}`)", self.again("")), 1)
                }
            }
        });
        parts.collect::<Vec<_>>().join("`")
    }

    fn completed(&self, command: &str) -> String {
        if command.starts_with(PROGRAM) {
            return self.with_selection(command);
        }
        let is_consent = CONSENTS.iter().any(|option| command.starts_with(option));
        match is_consent && !self.words.is_empty() {
            true => self.again(command),
            false => command.to_owned(),
        }
    }

    fn with_selection(&self, command: &str) -> String {
        let mut command = command.to_owned();
        let config = self.config.as_ref().map(|file| file.to_string_lossy());
        for (option, value) in [
            ("--stage", self.stage.as_deref()),
            ("--config", config.as_deref()),
        ] {
            if let Some(value) = value.filter(|_| !command.contains(option)) {
                command += &format!(" {option} {}", shell_word(value));
            }
        }
        command
    }

    /// Returns the command that was typed, with the options that it does not have yet.
    fn again(&self, options: &str) -> String {
        let mut words: Vec<String> = self.words.iter().map(|word| shell_word(word)).collect();
        let mut options = options.split_whitespace().peekable();
        while let Some(option) = options.next() {
            let value = options.next_if(|next| !next.starts_with("--"));
            let is_there = match option {
                "--stage" => self.stage.is_some(),
                option => words.iter().any(|word| word == option),
            };
            if !is_there {
                words.extend([option].into_iter().chain(value).map(str::to_owned));
            }
        }
        format!("{PROGRAM}{}", words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str], stage: Option<&str>, config: Option<&str>) -> Typed {
        let words: Vec<OsString> = [&["factory-tree"], words]
            .concat()
            .iter()
            .map(Into::into)
            .collect();
        Typed::new(&words, stage, config.map(Path::new))
    }

    #[test]
    fn a_command_gets_the_stage_and_the_configuration_that_were_typed() {
        let status = "`factory-tree status` shows it; see `journalctl -u factory-tree-websocket`";
        let both = typed(&["deploy"], Some("prod"), Some("it's one.yaml"));
        insta::assert_snapshot!(both.complete(status), @r"`factory-tree status --stage prod --config 'it'\''s one.yaml'` shows it; see `journalctl -u factory-tree-websocket`");
        assert_eq!(typed(&["deploy"], None, None).complete(status), status);
        let named = "`factory-tree deploy --stage prod`";
        assert_eq!(
            typed(&["status"], Some("prod"), None).complete(named),
            named
        );
    }

    #[test]
    fn the_same_command_is_printed_once() {
        let hint = "run the same command again: the same command continues";
        let deploy = typed(&["deploy", "--stage", "prod"], Some("prod"), None);
        insta::assert_snapshot!(deploy.complete(hint), @"run the same command again (`factory-tree deploy --stage prod`): the same command continues");
        assert_eq!(Typed::default().complete(hint), hint);
    }

    #[test]
    fn a_consent_is_added_to_what_was_typed() {
        let confirm = |words: &[&str], stage| {
            typed(words, stage, None)
                .complete("confirm with `--yes --stage prod`, or `--stage NAME`")
        };
        let skip = ["recover", "--skip", "data:Table"];
        insta::assert_snapshot!(confirm(&skip, None), @"confirm with `factory-tree recover --skip data:Table --yes --stage prod`, or `--stage NAME`");
        let named = ["--stage", "prod", "teardown"];
        insta::assert_snapshot!(confirm(&named, Some("prod")), @"confirm with `factory-tree --stage prod teardown --yes`, or `--stage NAME`");
        let environment = ["teardown", "--yes"];
        insta::assert_snapshot!(confirm(&environment, None), @"confirm with `factory-tree teardown --yes --stage prod`, or `--stage NAME`");
    }
}
