//! The check whether a program that was built runs on its target. In: its bytes, and the system. Out: nothing,
//! or a `UserError` with what was found, what is allowed, and the cure. Pure.
//!
//! A program without an interpreter (static, position-independent or not) brings its C library along:
//! it runs on any kernel of its processor, so nothing is asked of it but that. One with an interpreter
//! needs the interpreter of the system and versions of glibc that the system has. Without that, it would
//! be published, and fail in Lambda with "version `GLIBC_2.39' not found" or "no such file".

use object::elf::{self, EM_AARCH64, EM_X86_64, Machine, VersionIndex};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader, Sym};

use crate::config::{Architecture, BuildTarget};
use crate::error::UserError;

/// A version of glibc: major and minor.
pub(super) type Glibc = (u32, u32);

/// The glibc of Amazon Linux 2023. Source: Amazon Linux 2023 release notes, package glibc.
pub(super) const GLIBC: Glibc = (2, 34);

/// The most bytes of a Lambda's archive, and of what is in it. Source: Lambda Developer Guide, "Lambda
/// quotas", "Deployment package size"; in bytes as the service's own refusal gives them.
const ZIPPED: u64 = 50 << 20;
const UNZIPPED: u64 = 250 << 20;

const OLDER_SYSTEM: &str = "install cargo-zigbuild (`pip install cargo-zigbuild`), which builds for that glibc and is \
     used where it is installed, or build on a system no newer than Amazon Linux 2023";

/// Checks that a program runs on its system.
///
/// # Errors
/// `UserError::UnfitProgram`.
pub(super) fn check_program(
    name: &str,
    program: &[u8],
    target: BuildTarget,
) -> Result<(), UserError> {
    let BuildTarget::AmazonLinux(architecture) = target else {
        return Ok(());
    };
    let unread = |error: object::Error| {
        let problem = format!("is no program that Linux starts: {error}");
        unfit(name, problem, "remove the `linker`, `runner` or `rustc-wrapper` from `.cargo/config.toml` that writes something else than a program".to_owned())
    };
    let elf = Elf::parse(program).map_err(unread)?;
    check_machine(name, &elf, architecture)?;
    if let Some(interpreter) = elf.interpreter().map_err(unread)? {
        check_interpreter(name, &interpreter, architecture)?;
        check_glibc(name, elf.newest_glibc().map_err(unread)?)?;
    }
    Ok(())
}

/// Checks that Lambda takes an archive of a program.
///
/// # Errors
/// `UserError::UnfitProgram`.
pub(super) fn check_sizes(
    name: &str,
    archive: u64,
    program: u64,
    target: BuildTarget,
) -> Result<(), UserError> {
    if target == BuildTarget::ThisMachine {
        return Ok(());
    }
    let sizes = [("zipped", archive, ZIPPED), ("unzipped", program, UNZIPPED)];
    let over = sizes.into_iter().find(|(_, size, limit)| size > limit);
    let Some((how, size, limit)) = over else {
        return Ok(());
    };
    let problem = format!("has {size} bytes {how}, and Lambda takes {limit}");
    let hint = "build it with `profile: release`, and look at its dependencies with `cargo tree`";
    Err(unfit(name, problem, hint.to_owned()))
}

fn unfit(program: &str, problem: String, hint: String) -> UserError {
    UserError::UnfitProgram {
        program: program.to_owned(),
        problem,
        hint,
    }
}

fn check_machine(name: &str, elf: &Elf<'_>, architecture: Architecture) -> Result<(), UserError> {
    let (found, wanted) = (elf.machine(), machine(architecture));
    if found == wanted {
        return Ok(());
    }
    let found = match found {
        EM_X86_64 => "x86_64".to_owned(),
        EM_AARCH64 => "arm64".to_owned(),
        Machine(number) => format!("ELF machine {number}"),
    };
    let problem = format!(
        "is for {found}, and the stage's architecture is {}",
        architecture.name()
    );
    let mut hint = format!(
        "remove `linker` and `rustflags` of target `{}` from `.cargo/config.toml`",
        architecture.triple()
    );
    if matches!(elf.machine(), EM_X86_64 | EM_AARCH64) {
        hint += &format!(", or set `architecture: {found}` in factory-tree.yaml");
    }
    Err(unfit(name, problem, hint))
}

fn machine(architecture: Architecture) -> Machine {
    match architecture {
        Architecture::X86_64 => EM_X86_64,
        Architecture::Arm64 => EM_AARCH64,
    }
}

/// The interpreter of glibc. Source: the psABI of each architecture, "Program Interpreter".
fn interpreter(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "/lib64/ld-linux-x86-64.so.2",
        Architecture::Arm64 => "/lib/ld-linux-aarch64.so.1",
    }
}

/// Nix and musl have interpreters of their own, which Amazon Linux has not.
fn check_interpreter(name: &str, found: &str, architecture: Architecture) -> Result<(), UserError> {
    let there = interpreter(architecture);
    if found == there {
        return Ok(());
    }
    let problem = format!("is started by `{found}`, and Amazon Linux 2023 has `{there}` only");
    Err(unfit(name, problem, OLDER_SYSTEM.to_owned()))
}

fn check_glibc(name: &str, need: Option<Need>) -> Result<(), UserError> {
    let Some(need) = need.filter(|need| need.version > GLIBC) else {
        return Ok(());
    };
    let Need { symbol, named, .. } = need;
    let symbol = symbol
        .map(|symbol| format!("`{symbol}` of "))
        .unwrap_or_default();
    let (major, minor) = GLIBC;
    let problem = format!("needs {symbol}{named}, and Amazon Linux 2023 has glibc {major}.{minor}");
    Err(unfit(name, problem, OLDER_SYSTEM.to_owned()))
}

/// A version of glibc that a program does not start without.
struct Need {
    version: Glibc,
    /// The version as the program names it: `GLIBC_2.39`.
    named: String,
    /// A symbol that it needs of that version.
    symbol: Option<String>,
}

/// A program taken apart.
struct Elf<'a> {
    file: ElfFile64<'a>,
    bytes: &'a [u8],
}

impl<'a> Elf<'a> {
    fn parse(bytes: &'a [u8]) -> object::Result<Self> {
        let file = ElfFile64::parse(bytes)?;
        Ok(Self { file, bytes })
    }

    fn machine(&self) -> Machine {
        self.file.elf_header().e_machine(self.file.endian())
    }

    fn interpreter(&self) -> object::Result<Option<String>> {
        for segment in self.file.elf_program_headers() {
            if let Some(path) = segment.interpreter(self.file.endian(), self.bytes)? {
                return Ok(Some(text(path)));
            }
        }
        Ok(None)
    }

    /// Returns the newest version of glibc that the loader insists on. It looks at every version that is
    /// listed in `.gnu.version_r`, whether the symbols that want it are weak or not, and before any of
    /// them is used. Source: glibc, `elf/dl-version.c`, `_dl_check_map_versions`.
    fn newest_glibc(&self) -> object::Result<Option<Need>> {
        let (endian, sections) = (self.file.endian(), self.file.elf_section_table());
        let Some((mut libraries, link)) = sections.gnu_verneed(endian, self.bytes)? else {
            return Ok(None);
        };
        let strings = sections.strings(endian, self.bytes, link)?;
        let mut newest: Option<(Glibc, String, VersionIndex)> = None;
        while let Some((_, mut versions)) = libraries.next()? {
            while let Some(entry) = versions.next()? {
                let named = text(entry.name(endian, strings)?);
                let version = glibc(&named);
                if version > newest.as_ref().map(|(version, ..)| *version) {
                    let index = entry.vna_other(endian).index();
                    newest = version.map(|version| (version, named, index));
                }
            }
        }
        let Some((version, named, index)) = newest else {
            return Ok(None);
        };
        let symbol = self.symbol_of(index)?;
        Ok(Some(Need {
            version,
            named,
            symbol,
        }))
    }

    fn symbol_of(&self, version: VersionIndex) -> object::Result<Option<String>> {
        let (endian, sections) = (self.file.endian(), self.file.elf_section_table());
        let Some((versions, _)) = sections.gnu_versym(endian, self.bytes)? else {
            return Ok(None);
        };
        let symbols = sections.symbols(endian, self.bytes, elf::SHT_DYNSYM)?;
        let mut pairs = symbols.iter().zip(versions);
        let found = pairs.find(|(_, of)| of.0.get(endian).index() == version);
        let name = found.map(|(symbol, _)| symbol.name(endian, symbols.strings()));
        Ok(name.transpose()?.map(text))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads the name of a version: `GLIBC_2.34`, `GLIBC_2.2.5`. One that is no number but a promise of the
/// loader came with 2.36. Source: glibc 2.36, NEWS, "DT_RELR".
fn glibc(name: &str) -> Option<Glibc> {
    if name == "GLIBC_ABI_DT_RELR" {
        return Some((2, 36));
    }
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    match (numbers.next()?, numbers.next()?) {
        (Ok(major), Ok(minor)) => Some((major, minor)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
