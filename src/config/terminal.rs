//! In: what the environment says of the terminal and of the CI system. Out: a `Terminal`. What is a
//! terminal and how large it is, is asked by `ui`, not here.

use std::path::PathBuf;

/// The facts that the environment gives of the reader of our output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Whether lines may be drawn over: not in CI, not when `TERM` is `dumb` or missing.
    pub live: bool,
    /// Whether to colour.
    pub color: Color,
    /// GitHub Actions, where it runs us.
    pub github: Option<Github>,
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
        Self {
            live: !is_on("CI") && !is_github && !is_dumb,
            color: color(&read, is_on, is_dumb),
            github: is_github.then(|| Github {
                workspace: file("GITHUB_WORKSPACE"),
                summary: file("GITHUB_STEP_SUMMARY"),
                output: file("GITHUB_OUTPUT"),
            }),
        }
    }
}

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
