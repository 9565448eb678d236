//! The output for GitHub Actions. In: reports and errors. Out: workflow commands for stderr, and
//! what is appended to the files of the step's summary and outputs. Sources: GitHub Docs, "Workflow
//! commands for GitHub Actions"; actions/toolkit, `packages/core/src/command.ts` and `file-command.ts`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::words;
use crate::config::terminal::Github;
use crate::error::{Place, UserError, user_error};

/// Returns a workflow command: `::error file=x.yaml,line=42::message`.
pub(super) fn command(name: &str, properties: &[(&str, String)], message: &str) -> String {
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{name}={}", escape_property(value)))
        .collect();
    let space = if properties.is_empty() { "" } else { " " };
    let message = escape_message(&words::lines(message));
    format!("::{name}{space}{}::{message}", properties.join(","))
}

/// `escapeData` of the toolkit. Carriage returns are gone already, but the rule is kept whole.
fn escape_message(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// `escapeProperty` of the toolkit.
fn escape_property(text: &str) -> String {
    escape_message(&words::lines(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

/// Returns lines in which the runner finds no command: it looks for `::` at the beginning of a line, after
/// spaces, and for `##[` anywhere. Source: actions/runner, `src/Runner.Common/ActionCommand.cs`.
pub(super) fn harmless(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(harmless_line).collect();
    lines.join("\n")
}

fn harmless_line(line: &str) -> String {
    let line = line.replace("##[", "## [");
    let text = line.trim_start();
    match text.strip_prefix("::") {
        Some(rest) => format!("{}: :{rest}", &line[..line.len() - text.len()]),
        None => line,
    }
}

/// Returns an error as annotations, one at each file and line that it has; without any, one for the run.
pub(super) fn annotations(error: &anyhow::Error, hint: Option<&str>, github: &Github) -> String {
    let known = user_error(error);
    let places = known.map(UserError::places).unwrap_or_default();
    if !places.is_empty() {
        let rows = places
            .iter()
            .map(|(place, message)| annotation(Some(place), message, github));
        return rows.collect::<Vec<_>>().join("\n");
    }
    let hint = hint.map(|hint| format!("\n\nhint: {hint}"));
    let message = format!("{error:#}{}", hint.unwrap_or_default());
    annotation(known.and_then(UserError::place).as_ref(), &message, github)
}

fn annotation(place: Option<&Place>, message: &str, github: &Github) -> String {
    let mut properties = Vec::new();
    if let Some(place) = place {
        properties.push(("file", relative(&place.file, github)));
        properties.extend(place.line.map(|line| ("line", line.to_string())));
        properties.extend(place.column.map(|column| ("col", column.to_string())));
    }
    properties.push(("title", "factory-tree".to_owned()));
    command("error", &properties, message)
}

/// Annotations find their file by its path in the checkout, wherever in it we run.
fn relative(file: &Path, github: &Github) -> String {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let workspace = github.workspace.as_ref();
    let inside = workspace.and_then(|workspace| whole.strip_prefix(workspace).ok());
    inside.unwrap_or(file).display().to_string()
}

/// Appends a section to the step's summary.
///
/// # Errors
/// The file cannot be written.
pub(super) fn append_summary(github: &Github, markdown: &str) -> Result<()> {
    append(
        github.summary.as_deref(),
        &format!("{}\n\n", markdown.trim_end()),
    )
}

/// Sets outputs of the step.
///
/// # Errors
/// The file cannot be written.
pub(super) fn set_outputs(github: &Github, outputs: &[(&str, &str)]) -> Result<()> {
    let text: String = outputs
        .iter()
        .map(|(name, value)| output(name, value))
        .collect();
    append(github.output.as_deref(), &text)
}

/// Returns an output in the form that a value of several lines cannot break out of: no text holds the
/// hash of itself.
fn output(name: &str, value: &str) -> String {
    let hash = crate::content::hex(&Sha256::digest(value)[..16]);
    format!("{name}<<end-{hash}\n{value}\nend-{hash}\n")
}

fn append(file: Option<&Path>, text: &str) -> Result<()> {
    let Some(file) = file else {
        return Ok(());
    };
    let mut open = OpenOptions::new();
    open.create(true).append(true);
    let written = open
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("failed to write `{}`", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Aftermath, SourceFault, ToolMessage};
    use crate::hint::hint;

    fn github() -> Github {
        Github {
            workspace: Some("/srv/app".into()),
            ..Github::default()
        }
    }

    fn stack_failed(cause: &str, line: Option<usize>) -> anyhow::Error {
        UserError::StackFailed {
            stack: "demo-data".to_owned(),
            cause: cause.to_owned(),
            template: "/srv/app/templates/data.yaml".into(),
            line,
            cure: None,
            aftermath: Aftermath::RolledBack,
        }
        .into()
    }

    #[test]
    fn a_command_is_escaped_as_the_toolkit_does_it() {
        let properties = [("file", "a:b,c%\nd".to_owned())];
        insta::assert_snapshot!(
            command("error", &properties, "100 %: no,\r\n::set-env::\u{1b}[2J"),
            @r"::error file=a%3Ab%2Cc%25%0Ad::100 %25: no,%0A::set-env::\u{1b}[2J"
        );
        insta::assert_snapshot!(command("endgroup", &[], ""), @"::endgroup::");
    }

    #[test]
    fn an_error_is_annotated_at_its_template_and_line() {
        let reported = [
            stack_failed("Topic (AWS::SNS::Topic): name taken", Some(42)),
            stack_failed("Transform failed", None).context("failed to deploy"),
            UserError::NoConfig("/srv/app/factory-tree.yaml".into()).into(),
            anyhow::anyhow!("no route to host"),
        ]
        .map(|error| annotations(&error, hint(&error).as_deref(), &github()));
        insta::assert_snapshot!(reported.join("\n"), @r"
::error file=templates/data.yaml,line=42,title=factory-tree::stack `demo-data` failed: Topic (AWS::SNS::Topic): name taken%0A%0Ahint: change what the reason names in /srv/app/templates/data.yaml. Then run the same command again; what this run had changed of this stack is rolled back
::error file=templates/data.yaml,title=factory-tree::failed to deploy: stack `demo-data` failed: Transform failed%0A%0Ahint: change what the reason names in /srv/app/templates/data.yaml. Then run the same command again; what this run had changed of this stack is rolled back
::error file=factory-tree.yaml,title=factory-tree::there is no configuration file at /srv/app/factory-tree.yaml%0A%0Ahint: run it in the project's folder, or name the file with `--config FILE`
::error title=factory-tree::no route to host
");
    }

    #[test]
    fn an_error_of_the_configuration_is_annotated_at_its_line() {
        let error = UserError::Config {
            file: "/elsewhere/factory-tree.yaml".into(),
            line: 7,
            column: 3,
            message: "unknown key".to_owned(),
            hint: "remove it".to_owned(),
        };
        insta::assert_snapshot!(annotations(&error.into(), Some("remove it"), &github()), @"::error file=/elsewhere/factory-tree.yaml,line=7,col=3,title=factory-tree::/elsewhere/factory-tree.yaml:7:3: unknown key%0A%0Ahint: remove it");
    }

    #[test]
    fn each_fault_of_templates_and_each_error_of_a_compiler_is_annotated_at_its_line() {
        let fault = |line| SourceFault {
            file: "/srv/app/templates/data.yaml".into(),
            line,
            message: "`Nope` is referred to".to_owned(),
            cure: "declare it".to_owned(),
        };
        let of_templates = UserError::Templates {
            faults: vec![fault(3), fault(9)],
        };
        let place = Place {
            file: "/srv/app/api/src/main.rs".into(),
            line: Some(2),
            column: Some(22),
        };
        let message = "error[E0308]: mismatched types".to_owned();
        let of_compiler = UserError::Build {
            command: "cargo build".to_owned(),
            status: "exit status: 101".to_owned(),
            errors: vec![ToolMessage { place, message }],
        };
        let reported = [of_templates.into(), of_compiler.into()]
            .map(|error| annotations(&error, None, &github()));
        insta::assert_snapshot!(reported.join("\n"), @r"
::error file=templates/data.yaml,line=3,title=factory-tree::`Nope` is referred to%0A%0Acure: declare it
::error file=templates/data.yaml,line=9,title=factory-tree::`Nope` is referred to%0A%0Acure: declare it
::error file=api/src/main.rs,line=2,col=22,title=factory-tree::error[E0308]: mismatched types
");
    }

    #[test]
    fn outputs_of_several_lines_stay_in_their_place_and_files_are_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("output");
        let github = Github {
            output: Some(file.clone()),
            ..Github::default()
        };
        set_outputs(&github, &[("outcome", "deployed")]).unwrap();
        set_outputs(&github, &[("site", "http://x\nevil=1")]).unwrap();
        insta::assert_snapshot!(std::fs::read_to_string(file).unwrap(), @r"
outcome<<end-c1fa83ed9f3b817e225d7994e58324f4
deployed
end-c1fa83ed9f3b817e225d7994e58324f4
site<<end-29c30c6ba7f9faf483657c28207b5916
http://x
evil=1
end-29c30c6ba7f9faf483657c28207b5916
");
    }

    #[test]
    fn where_no_file_is_named_none_is_written() {
        append_summary(&Github::default(), "text").unwrap();
        set_outputs(&Github::default(), &[("outcome", "deployed")]).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let github = Github {
            summary: Some("/nowhere/summary".into()),
            ..Github::default()
        };
        let error = append_summary(&github, "text").unwrap_err();
        insta::assert_snapshot!(error.to_string(), @"failed to write `/nowhere/summary`");
    }
}
