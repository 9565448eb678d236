//! The places in the messages of compilers. In: the lines that a tool of the build wrote. Out: each error with its file and line,
//! for annotations; the messages themselves are shown as they are.

use std::path::{Path, PathBuf};

use crate::error::{Place, ToolMessage};

/// Finds the errors that have a place. Paths are relative to the folder that the tool ran in.
pub(super) fn errors<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    folder: &Path,
) -> Vec<ToolMessage> {
    let mut found: Vec<ToolMessage> = Vec::new();
    let mut said: Option<String> = None;
    for line in lines {
        let line = console::strip_ansi_codes(line);
        let line = line.trim();
        if let Some(message) = of_typescript(line, folder) {
            found.push(message);
        } else if is_error(line) {
            said = Some(line.to_owned());
        } else if let Some(place) = line.strip_prefix("--> ").or(line.strip_prefix("file: "))
            && let Some(message) = said.take()
        {
            found.extend(place_of(place, folder).map(|place| ToolMessage { place, message }));
        } else if line.starts_with("warning") {
            said = None;
        }
    }
    found.dedup();
    found
}

/// `error[E0308]: mismatched types` of rustc, `error during build:` of Vite, which names the file in a line of its own.
fn is_error(line: &str) -> bool {
    line.starts_with("error: ")
        || line.starts_with("error[")
        || line.contains("] Build failed")
        || line.starts_with("[vite")
        || line.starts_with("SyntaxError")
}

/// `src/App.vue(3,7): error TS2322: Type 'string' is not assignable …`.
fn of_typescript(line: &str, folder: &Path) -> Option<ToolMessage> {
    let (place, message) = line.split_once("): error ")?;
    let (file, position) = place.rsplit_once('(')?;
    let (line, column) = position.split_once(',')?;
    Some(ToolMessage {
        place: Place {
            file: folder.join(file),
            line: Some(line.parse().ok()?),
            column: Some(column.parse().ok()?),
        },
        message: format!("error {message}"),
    })
}

/// `api/src/main.rs:2:22`.
fn place_of(text: &str, folder: &Path) -> Option<Place> {
    let mut parts = text.rsplitn(3, ':');
    let (column, line) = (parts.next()?, parts.next()?);
    let file = PathBuf::from(parts.next()?);
    Some(Place {
        file: folder.join(file),
        line: Some(line.parse().ok()?),
        column: Some(column.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let messages = errors(text.lines(), Path::new("/srv/app"));
        let shown = messages.iter().map(|ToolMessage { place, message }| {
            let (line, column) = (place.line.unwrap(), place.column.unwrap());
            format!("{}:{line}:{column} {message}", place.file.display())
        });
        shown.collect()
    }

    #[test]
    fn each_error_of_a_compiler_is_found_with_its_place_and_no_warning_is() {
        let rustc = "warning: unused variable: `a`
 --> api/src/main.rs:9:5
\u{1b}[1m\u{1b}[91merror[E0308]\u{1b}[0m: mismatched types
 \u{1b}[94m-->\u{1b}[0m api/src/main.rs:2:22
  |
note: defined here
 --> api/src/lib.rs:1:1
error: could not compile `api` (bin \"api\") due to 1 previous error";
        assert_eq!(
            found(rustc),
            ["/srv/app/api/src/main.rs:2:22 error[E0308]: mismatched types"]
        );
        let vue =
            "src/App.vue(3,7): error TS2322: Type 'string' is not assignable to type 'number'.";
        assert_eq!(
            found(vue),
            [
                "/srv/app/src/App.vue:3:7 error TS2322: Type 'string' is not assignable to type 'number'."
            ]
        );
        let vite = "error during build:
[vite:vue] [plugin vite:vue] src/App.vue (2:3): Element is missing end tag.
file: /srv/app/site/src/App.vue:2:3";
        assert_eq!(
            found(vite),
            [
                "/srv/app/site/src/App.vue:2:3 [vite:vue] [plugin vite:vue] src/App.vue (2:3): Element is missing end tag."
            ]
        );
        assert!(found("error: no such command\nfile: here").is_empty());
    }
}
