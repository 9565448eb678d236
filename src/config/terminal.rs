//! In: what the environment says of the terminal, of the CI system and of an agent. Out: a `Terminal`. What is a
//! terminal and how large it is, is asked by `ui`, not here.

use std::path::PathBuf;

/// The facts that the environment gives of the reader of our output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Whether lines may be drawn over: not in CI, not for an agent, not when `TERM` is `dumb` or missing.
    pub live: bool,
    /// Whether there is a screen that a browser could open on.
    pub display: bool,
    /// Whether to colour.
    pub color: Color,
    /// GitHub Actions, where it runs us.
    pub github: Option<Github>,
    /// How much is said while a command works.
    pub progress: Progress,
}

/// How much is said while a command works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Everything, drawn over where that can be done.
    #[default]
    Everything,
    /// Steps, failures, notes and warnings: for an agent, which reads every line and pays for it.
    Steps,
    /// Warnings and the output of tools: for whoever asked for quiet.
    Problems,
}

/// Whether to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal that can.
    #[default]
    Auto,
    /// Also into a pipe.
    Always,
    /// Nowhere.
    Never,
}

/// The files that GitHub Actions reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Github {
    /// The checkout: annotations name their files relative to it.
    pub workspace: Option<PathBuf>,
    /// The file for the step's summary in Markdown.
    pub summary: Option<PathBuf>,
    /// The file for the step's outputs.
    pub output: Option<PathBuf>,
}

impl Terminal {
    /// Reads the environment of this process.
    pub fn read() -> Self {
        Self::parse(|name| {
            let value = std::env::var_os(name)?.into_string().ok()?;
            Some(value).filter(|value| !value.is_empty())
        })
    }

    /// Reads an environment that holds no empty values.
    fn parse(read: impl Fn(&str) -> Option<String>) -> Self {
        let is_on = |name: &str| read(name).is_some_and(|value| value != "0" && value != "false");
        let is_dumb = read("TERM").is_none_or(|term| term == "dumb");
        let file = |name: &str| read(name).map(PathBuf::from);
        let is_github = read("GITHUB_ACTIONS").as_deref() == Some("true");
        let is_agent = AGENTS.into_iter().any(is_on);
        Self {
            live: !is_on("CI") && !is_github && !is_dumb && !is_agent,
            display: cfg!(target_os = "macos")
                || read("DISPLAY").is_some()
                || read("WAYLAND_DISPLAY").is_some(),
            color: color(&read, is_on, is_dumb),
            github: is_github.then(|| Github {
                workspace: file("GITHUB_WORKSPACE"),
                summary: file("GITHUB_STEP_SUMMARY"),
                output: file("GITHUB_OUTPUT"),
            }),
            progress: match is_agent {
                true => Progress::Steps,
                false => Progress::Everything,
            },
        }
    }
}

/// The variables that agents set in the commands that they run. `CURSOR_TRACE_ID` is none of them: Cursor's terminal has it
/// for people too.
/// Sources: Claude Code's reference of environment variables (`CLAUDECODE`); openai/codex,
/// `codex-rs/protocol/src/shell_environment.rs` (`CODEX_THREAD_ID`) and `codex-rs/core/src/spawn.rs` (`CODEX_SANDBOX`);
/// google-gemini/gemini-cli, `docs/tools/shell.md` (`GEMINI_CLI`); aws/aws-cdk-cli,
/// `packages/aws-cdk/lib/cli/util/detect-agent.ts` (`CURSOR_AGENT`); vercel/vercel, `packages/detect-agent` (`AI_AGENT`);
/// anomalyco/opencode, pull request 1749 (`OPENCODE`, `AGENT`); Amp's manual, "Toolboxes Reference" (`AGENT`,
/// `AMP_CURRENT_THREAD_ID`); block/goose, pull request 7017 (`AGENT`); ansys/pymapdl, issue 4634 (`COPILOT_CLI`).
pub const AGENTS: [&str; 10] = [
    "AGENT",
    "AI_AGENT",
    "AMP_CURRENT_THREAD_ID",
    "CLAUDECODE",
    "CODEX_SANDBOX",
    "CODEX_THREAD_ID",
    "COPILOT_CLI",
    "CURSOR_AGENT",
    "GEMINI_CLI",
    "OPENCODE",
];

/// `anstream` knows `NO_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`, but not `FORCE_COLOR`, nor that 0 there
/// means no; and it colours a dumb terminal where `CI` is set. Who refuses wins.
/// Sources: no-color.org, bixense.com/clicolors, force-color.org.
fn color(
    read: &impl Fn(&str) -> Option<String>,
    is_on: impl Fn(&str) -> bool,
    is_dumb: bool,
) -> Color {
    let is_forced = is_on("FORCE_COLOR") || is_on("CLICOLOR_FORCE");
    let is_refused = read("CLICOLOR").as_deref() == Some("0");
    match (read("NO_COLOR").is_some(), is_forced) {
        (true, _) => Color::Never,
        (false, true) => Color::Always,
        (false, false) if is_refused || is_dumb => Color::Never,
        (false, false) => Color::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(environment: &[(&str, &str)]) -> Terminal {
        Terminal::parse(|name| {
            let found = environment.iter().find(|(key, _)| *key == name)?;
            Some(found.1.to_owned())
        })
    }

    fn color_of(environment: &[(&str, &str)]) -> Color {
        let term = [("TERM", "xterm-256color")];
        terminal(&[&term, environment].concat()).color
    }

    #[test]
    fn lines_are_drawn_over_only_where_a_person_looks() {
        let xterm = ("TERM", "xterm");
        assert!(terminal(&[xterm]).live);
        assert!(terminal(&[xterm, ("CI", "false")]).live);
        assert!(!terminal(&[xterm, ("CI", "true")]).live);
        assert!(!terminal(&[xterm, ("CI", "woodpecker")]).live);
        assert!(!terminal(&[xterm, ("GITHUB_ACTIONS", "true")]).live);
        assert!(!terminal(&[("TERM", "dumb")]).live);
        assert!(!terminal(&[]).live);
    }

    #[test]
    fn who_says_no_to_colour_wins() {
        assert_eq!(color_of(&[]), Color::Auto);
        assert_eq!(color_of(&[("NO_COLOR", "1")]), Color::Never);
        assert_eq!(
            color_of(&[("NO_COLOR", "0"), ("FORCE_COLOR", "1")]),
            Color::Never
        );
        assert_eq!(color_of(&[("FORCE_COLOR", "1")]), Color::Always);
        assert_eq!(color_of(&[("CLICOLOR_FORCE", "1")]), Color::Always);
        assert_eq!(color_of(&[("CLICOLOR_FORCE", "0")]), Color::Auto);
        assert_eq!(color_of(&[("CLICOLOR", "0")]), Color::Never);
        assert_eq!(terminal(&[("TERM", "dumb")]).color, Color::Never);
        assert_eq!(
            terminal(&[("TERM", "dumb"), ("FORCE_COLOR", "1")]).color,
            Color::Always
        );
    }

    #[test]
    fn an_agent_is_known_by_its_variable() {
        let progress = |environment: &[(&str, &str)]| terminal(environment).progress;
        assert!(!terminal(&[("TERM", "xterm"), ("CLAUDECODE", "1")]).live);
        for name in AGENTS {
            assert_eq!(progress(&[(name, "1")]), Progress::Steps, "{name}");
        }
        assert_eq!(progress(&[("AGENT", "amp")]), Progress::Steps);
        assert_eq!(progress(&[("CLAUDECODE", "0")]), Progress::Everything);
        assert_eq!(progress(&[("CURSOR_TRACE_ID", "a1")]), Progress::Everything);
    }

    #[test]
    fn github_is_reported_only_where_it_runs_us() {
        let files = [
            ("GITHUB_OUTPUT", "/run/out"),
            ("GITHUB_WORKSPACE", "/srv/app"),
        ];
        assert_eq!(terminal(&files).github, None);
        let on = [&files[..], &[("GITHUB_ACTIONS", "true")]].concat();
        assert_eq!(
            terminal(&on).github,
            Some(Github {
                workspace: Some("/srv/app".into()),
                summary: None,
                output: Some("/run/out".into()),
            })
        );
    }
}
