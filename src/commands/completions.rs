//! `completions --install`: puts a completion script where its shell looks for it. In: the shell, its script, the folder
//! of a person's data. Out: where the script lies, and what the shell wants beside it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use crate::error::UserError;
use crate::file;
use crate::plain::shell_word;

/// A shell that completes what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// Bash, by way of the package bash-completion
    Bash,
    /// Zsh
    Zsh,
    /// Fish
    Fish,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// The script's place below the folder of a person's data.
    /// Sources: README of bash-completion, "FAQ"; manual of fish, "Writing your own completions", "Where to put
    /// completions"; zsh has no folder of a person's own: `site-functions` is what distributions call theirs.
    fn script(self) -> &'static str {
        match self {
            Self::Bash => "bash-completion/completions/factory-tree",
            Self::Zsh => "zsh/site-functions/_factory-tree",
            Self::Fish => "fish/vendor_completions.d/factory-tree.fish",
        }
    }

    /// What makes the shell read a script in this folder.
    fn condition(self, folder: &Path) -> String {
        match self {
            Self::Bash => {
                "a new bash reads them, where the package bash-completion is installed".to_owned()
            }
            Self::Zsh => format!(
                "a new zsh reads them, if this line stands in ~/.zshrc before `compinit`:\n  fpath=({} $fpath)",
                shell_word(&folder.display().to_string())
            ),
            Self::Fish => "a new fish reads them".to_owned(),
        }
    }
}

/// Writes the script, over an earlier one, and says where it lies.
///
/// # Errors
/// `UserError::CompletionsNotInstalled`: nobody has said where a person's data lies, or its folder cannot be written.
pub fn install(shell: Shell, script: &[u8], data: Option<PathBuf>) -> Result<String> {
    let refuse = |problem: String| UserError::CompletionsNotInstalled {
        shell: shell.name(),
        problem,
    };
    let data =
        data.ok_or_else(|| refuse("neither XDG_DATA_HOME nor HOME names a folder".to_owned()))?;
    let path = data.join(shell.script());
    let folder = path.parent().unwrap_or(&data);
    std::fs::create_dir_all(folder)
        .map_err(|error| refuse(format!("`{}` cannot be made: {error}", folder.display())))?;
    file::save(&path, script).map_err(|error| refuse(format!("{error:#}")))?;
    Ok(format!(
        "completions for {}: {}\n{}",
        shell.name(),
        path.display(),
        shell.condition(folder)
    ))
}
