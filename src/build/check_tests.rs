use super::super::crafted_elf::Crafted;
use super::*;

const LAMBDA: BuildTarget = BuildTarget::AmazonLinux(Architecture::X86_64);

fn usual() -> Crafted {
    Crafted {
        machine: 62,
        interpreter: Some("/lib64/ld-linux-x86-64.so.2"),
        symbols: vec![("malloc", "GLIBC_2.2.5"), ("dlsym", "GLIBC_2.34")],
        promises: Vec::new(),
    }
}

fn complaint(program: &Crafted, target: BuildTarget) -> String {
    let error = check_program("api", &program.bytes(), target).unwrap_err();
    format!("{error}\nhint: {}", error.hint())
}

#[test]
fn a_program_for_the_glibc_of_amazon_linux_passes() {
    check_program("api", &usual().bytes(), LAMBDA).unwrap();
}

#[test]
fn a_weak_symbol_of_a_newer_glibc_is_refused_with_its_name_and_the_cure() {
    let program = Crafted {
        symbols: vec![
            ("malloc", "GLIBC_2.2.5"),
            ("pidfd_spawnp", "GLIBC_2.39"),
            ("dlsym", "GLIBC_2.34"),
        ],
        ..usual()
    };
    insta::assert_snapshot!(complaint(&program, LAMBDA), @r"
program `api` needs `pidfd_spawnp` of GLIBC_2.39, and Amazon Linux 2023 has glibc 2.34
hint: install cargo-zigbuild (`pip install cargo-zigbuild`), which builds for that glibc and is used where it is installed, or build on a system no newer than Amazon Linux 2023
");
}

#[test]
fn a_promise_of_the_loader_that_no_symbol_wants_is_refused_as_well() {
    let program = Crafted {
        promises: vec!["GLIBC_ABI_DT_RELR"],
        ..usual()
    };
    insta::assert_snapshot!(complaint(&program, LAMBDA), @r"
program `api` needs GLIBC_ABI_DT_RELR, and Amazon Linux 2023 has glibc 2.34
hint: install cargo-zigbuild (`pip install cargo-zigbuild`), which builds for that glibc and is used where it is installed, or build on a system no newer than Amazon Linux 2023
");
}

#[test]
fn a_program_for_another_processor_is_refused() {
    let target = BuildTarget::AmazonLinux(Architecture::Arm64);
    insta::assert_snapshot!(complaint(&usual(), target), @r"
program `api` is for x86_64, and the stage's architecture is arm64
hint: remove `linker` and `rustflags` of target `aarch64-unknown-linux-gnu` from `.cargo/config.toml`, or set `architecture: x86_64` in factory-tree.yaml
");
}

#[test]
fn a_program_with_the_interpreter_of_another_system_is_refused() {
    let program = Crafted {
        interpreter: Some("/lib/ld-musl-x86_64.so.1"),
        ..usual()
    };
    insta::assert_snapshot!(complaint(&program, LAMBDA), @r"
program `api` is started by `/lib/ld-musl-x86_64.so.1`, and Amazon Linux 2023 has `/lib64/ld-linux-x86-64.so.2` only
hint: install cargo-zigbuild (`pip install cargo-zigbuild`), which builds for that glibc and is used where it is installed, or build on a system no newer than Amazon Linux 2023
");
}

#[test]
fn a_static_program_brings_its_library_along_and_passes() {
    let program = Crafted {
        interpreter: None,
        symbols: Vec::new(),
        ..usual()
    };
    check_program("api", &program.bytes(), LAMBDA).unwrap();
}

#[test]
fn a_file_that_is_no_program_is_refused() {
    let error = check_program("api", b"#!/bin/sh\n", LAMBDA).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("program `api` is no program that Linux starts")
    );
}

#[test]
fn what_runs_on_this_machine_may_need_whatever_it_has() {
    let program = Crafted {
        symbols: vec![("pidfd_spawnp", "GLIBC_2.39")],
        ..usual()
    };
    check_program("api", &program.bytes(), BuildTarget::ThisMachine).unwrap();
}

#[test]
fn versions_are_compared_as_numbers() {
    assert!(glibc("GLIBC_2.4") < glibc("GLIBC_2.34"));
    assert_eq!(glibc("GLIBC_2.2.5"), Some((2, 2)));
    assert_eq!(glibc("GLIBC_PRIVATE"), None);
    assert_eq!(glibc("GCC_3.0"), None);
}

#[test]
fn an_archive_that_lambda_does_not_take_is_refused() {
    check_sizes("api", ZIPPED, UNZIPPED, LAMBDA).unwrap();
    check_sizes("api", ZIPPED + 1, UNZIPPED, BuildTarget::ThisMachine).unwrap();
    let reported = |archive, program| {
        check_sizes("api", archive, program, LAMBDA)
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(reported(ZIPPED + 1, UNZIPPED), @"program `api` has 52428801 bytes zipped, and Lambda takes 52428800");
    insta::assert_snapshot!(reported(1, UNZIPPED + 1), @"program `api` has 262144001 bytes unzipped, and Lambda takes 262144000");
}
