//! The Python that makes the private environment. In: names of programs. Out: the first that is suitable, or
//! what is wrong with the usual one, and its cure.

use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::error::UserError;

/// The oldest Python that the emulator runs on, from its package's `Requires-Python`.
const OLDEST_PYTHON: (u32, u32) = (3, 10);

/// Where Python is looked for: the usual name first, then those that a system with an old one may have.
pub(super) const PYTHONS: [&str; 6] = [
    "python3",
    "python3.14",
    "python3.13",
    "python3.12",
    "python3.11",
    "python3.10",
];

/// Returns the first Python that will do. If none does, the error is about the first.
pub(super) async fn find_python<'a>(names: &[&'a str]) -> Result<&'a str> {
    let mut fault = None;
    for name in names {
        match check_python(name).await? {
            None => return Ok(name),
            Some(found) => fault = fault.or(Some(found)),
        }
    }
    Err(fault.context("no name of a Python was given")?.into())
}

/// Asks a Python for its version and for the two modules that Debian has in a package of their own.
async fn check_python(name: &str) -> Result<Option<UserError>> {
    let question =
        "import sys; print('%d %d' % sys.version_info[:2], flush=True); import venv, ensurepip";
    let output = match Command::new(name)
        .args(["-I", "-c", question])
        .stdin(Stdio::null())
        .output()
        .await
    {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some(python_fault(name, "is not installed".to_owned())));
        }
        Err(error) => return Err(error).with_context(|| format!("failed to run `{name}`")),
    };
    let problem = judge_python(
        &String::from_utf8_lossy(&output.stdout),
        output.status.success(),
    );
    Ok(problem.map(|problem| python_fault(name, problem)))
}

/// Returns the problem of a Python, from its answer, or `None` if it is suitable.
fn judge_python(answer: &str, has_modules: bool) -> Option<String> {
    let mut numbers = answer.split_whitespace().map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return Some("does not run".to_owned());
    };
    if (major, minor) < OLDEST_PYTHON {
        let (oldest_major, oldest_minor) = OLDEST_PYTHON;
        return Some(format!(
            "is version {major}.{minor}, but {oldest_major}.{oldest_minor} is the oldest that will do"
        ));
    }
    (!has_modules).then(|| {
        "cannot make virtual environments (its modules `venv` and `ensurepip` are missing)"
            .to_owned()
    })
}

fn python_fault(name: &str, problem: String) -> UserError {
    let hint = "install Python 3.10 or newer with its venv module (Debian, Ubuntu: `apt install python3 python3-venv`)";
    UserError::Tool {
        program: name.to_owned(),
        problem,
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_python_is_reported_in_words() {
        insta::assert_snapshot!(judge_python("3 9\n", true).unwrap(), @"is version 3.9, but 3.10 is the oldest that will do");
        insta::assert_snapshot!(judge_python("3 11\n", false).unwrap(), @"cannot make virtual environments (its modules `venv` and `ensurepip` are missing)");
        insta::assert_snapshot!(judge_python("", false).unwrap(), @"does not run");
        assert_eq!(judge_python("3 10\n", true), None);
        assert_eq!(judge_python("4 0\n", true), None);
    }

    #[tokio::test]
    async fn without_any_python_the_first_name_is_in_the_error_with_the_cure() {
        let error = find_python(&["no-such-python3", "no-such-python3.12"])
            .await
            .unwrap_err();
        insta::assert_snapshot!(error, @"no-such-python3 is not installed");
        let hint = crate::error::user_error(&error).unwrap().hint();
        insta::assert_snapshot!(hint, @"install Python 3.10 or newer with its venv module (Debian, Ubuntu: `apt install python3 python3-venv`)");
    }

    #[tokio::test]
    async fn the_next_python_is_taken_when_the_first_will_not_do() {
        assert_eq!(
            find_python(&["no-such-python3", "python3"]).await.unwrap(),
            "python3"
        );
    }
}
