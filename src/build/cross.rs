//! The check whether this machine can build for a system of AWS, and with which linker. In: an architecture, and
//! what is installed. Out: a `Linking`, or what is missing with its cure.
//!
//! Where cargo-zigbuild is installed it builds all that is shipped: it links against that very glibc on
//! any machine, for either architecture. Without it, cargo does, with the linker of the target.

use std::path::Path;

use anyhow::Result;

use super::check::GLIBC;
use super::command::{self, Tool};
use crate::config::Architecture;
use crate::error::UserError;
use crate::event::Reporter;

/// The linker of the programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Linking {
    /// Cargo with the linker of this machine.
    #[default]
    Native,
    /// Cargo with the GNU linker of another system.
    Cross,
    /// cargo-zigbuild.
    Zig,
}

impl Linking {
    /// Returns cargo's verb.
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Native | Self::Cross => "build",
            Self::Zig => "zigbuild",
        }
    }

    /// Returns the target as `--target` takes it.
    pub(super) fn target(self, architecture: Architecture) -> String {
        match self {
            Self::Native | Self::Cross => architecture.triple().to_owned(),
            Self::Zig => {
                let (major, minor) = GLIBC;
                format!("{}.{major}.{minor}", architecture.triple())
            }
        }
    }

    /// Returns the variables that name the linker.
    pub(super) fn environment(self, architecture: Architecture) -> Option<(&'static str, String)> {
        let variable = match architecture {
            Architecture::X86_64 => "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            Architecture::Arm64 => "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
        };
        (self == Self::Cross).then(|| (variable, linker(architecture).to_owned()))
    }
}

/// The GNU compiler driver as Debian, Ubuntu and Fedora name it on machines of another kind.
fn linker(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64-linux-gnu-gcc",
        Architecture::Arm64 => "aarch64-linux-gnu-gcc",
    }
}

/// Chooses the linker for an architecture.
///
/// # Errors
/// `UserError::Tool`: Rust has no library for it, or nothing is installed that links.
pub(super) async fn linking(
    folder: &Path,
    architecture: Architecture,
    reporter: &dyn Reporter,
) -> Result<Linking> {
    check_target(folder, architecture, reporter).await?;
    if command::ask_version("cargo-zigbuild", folder)
        .await?
        .is_some()
    {
        return Ok(Linking::Zig);
    }
    if std::env::consts::OS == "linux" && architecture == Architecture::of_this_machine() {
        return Ok(Linking::Native);
    }
    let cross = command::ask_version(linker(architecture), folder).await?;
    cross
        .map(|_| Linking::Cross)
        .ok_or_else(|| no_linker(architecture).into())
}

/// Asks the compiler where its library for the target is: it answers also where there is none.
async fn check_target(
    folder: &Path,
    architecture: Architecture,
    reporter: &dyn Reporter,
) -> Result<()> {
    let arguments = [
        "--print",
        "target-libdir",
        "--target",
        architecture.triple(),
    ];
    let rustc = Tool {
        program: "rustc",
        arguments: &arguments,
        environment: &[],
        folder,
        holds: None,
        cure: "install Rust with rustup (https://rustup.rs)",
    };
    let library = rustc.run(reporter, |_| {}).await?;
    if Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    Err(no_target(architecture).into())
}

fn no_target(architecture: Architecture) -> UserError {
    let triple = architecture.triple();
    UserError::Tool {
        program: "rustc".to_owned(),
        problem: format!(
            "has no standard library for `{triple}`, which architecture {} needs",
            architecture.name()
        ),
        hint: format!(
            "run `rustup target add {triple}` in the project's folder, or set another `architecture` in \
             factory-tree.yaml"
        ),
    }
}

fn no_linker(architecture: Architecture) -> UserError {
    let linker = linker(architecture);
    UserError::Tool {
        program: linker.to_owned(),
        problem: format!(
            "is not installed, and nothing else here links for architecture {}",
            architecture.name()
        ),
        hint: format!(
            "install cargo-zigbuild (`pip install cargo-zigbuild`), or the GNU compiler for that system (`{linker}`)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_target_is_reported_with_its_cure() {
        let error = no_target(Architecture::Arm64);
        insta::assert_snapshot!(format!("{error}\nhint: {}", error.hint()), @r"
rustc has no standard library for `aarch64-unknown-linux-gnu`, which architecture arm64 needs
hint: run `rustup target add aarch64-unknown-linux-gnu` in the project's folder, or set another `architecture` in factory-tree.yaml
");
    }

    #[test]
    fn a_missing_linker_is_reported_with_its_cure() {
        let error = no_linker(Architecture::Arm64);
        insta::assert_snapshot!(format!("{error}\nhint: {}", error.hint()), @r"
aarch64-linux-gnu-gcc is not installed, and nothing else here links for architecture arm64
hint: install cargo-zigbuild (`pip install cargo-zigbuild`), or the GNU compiler for that system (`aarch64-linux-gnu-gcc`)
");
    }

    #[test]
    fn zig_gets_the_glibc_version_and_cargo_gets_the_cross_linker() {
        let arm = Architecture::Arm64;
        assert_eq!(Linking::Zig.target(arm), "aarch64-unknown-linux-gnu.2.34");
        assert_eq!(Linking::Cross.target(arm), "aarch64-unknown-linux-gnu");
        assert_eq!(
            Linking::Cross.environment(arm),
            Some((
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
                "aarch64-linux-gnu-gcc".to_owned()
            ))
        );
        assert_eq!(Linking::Native.environment(arm), None);
    }
}
