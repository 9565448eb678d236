use super::*;
use crate::error::user_error;

const GOOD: &str = "\
stages:
  local: { hosting: local, domain: factory-tree.localhost, region: us-east-1 }
  prod:
    domain: factory-tree.com
    region: eu-central-1
    protected: true
";

fn parse(text: &str, stage: Option<&str>) -> Result<Config> {
    Config::parse(text, Path::new("/project/factory-tree.yaml"), stage)
}

/// The text that a person reads when the file is wrong: place, message, hint.
fn complaint(text: &str, stage: Option<&str>) -> String {
    let error = parse(text, stage).unwrap_err();
    let cure = user_error(&error).unwrap();
    assert_eq!(cure.exit(), crate::error::Exit::Usage);
    format!("{error:#}\nhint: {}", cure.hint())
}

#[test]
fn the_shipped_file_is_right_and_its_default_stage_is_local() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("factory-tree.yaml");
    let config = Config::load(&file, None).unwrap();
    assert_eq!(config.stage.as_str(), "local");
    assert_eq!(config.settings.hosting, Hosting::Local);
    let prod = Config::load(&file, Some("prod")).unwrap();
    assert_eq!(prod.settings.domain.as_str(), "factory-tree.com");
    assert!(prod.settings.protected);
}

#[test]
fn folders_are_relative_to_the_file() {
    let config = parse(
        &format!("source: ..\ntemplates: other\n{GOOD}"),
        Some("prod"),
    )
    .unwrap();
    assert_eq!(config.root, Path::new("/project/.."));
    assert_eq!(config.templates, Path::new("/project/other"));
    assert_eq!(config.stack_name("data"), "factory-tree-prod-data");
}

/// A folder with sources, and configuration files below it.
fn project(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let file = root.path().join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let source = format!("source: {}\n{GOOD}", root.path().display());
        std::fs::write(file, source).unwrap();
    }
    root
}

fn state_folder(file: &Path) -> PathBuf {
    Config::load(file, Some("local")).unwrap().state_folder()
}

#[test]
fn two_files_over_the_same_sources_keep_their_stages_apart() {
    let files = ["one.yaml", "two.yaml", "ci/one.yaml"];
    let root = project(&files);
    let folders = files.map(|file| state_folder(&root.path().join(file)));
    let different: std::collections::BTreeSet<_> = folders.iter().collect();
    assert_eq!(different.len(), 3, "{folders:?}");
    assert!(folders.iter().all(|folder| folder.starts_with(root.path())));
}

#[test]
fn one_file_has_one_state_however_it_is_named() {
    let root = project(&["ci/one.yaml"]);
    let folder = state_folder(&root.path().join("ci/one.yaml"));
    std::os::unix::fs::symlink("ci/one.yaml", root.path().join("link.yaml")).unwrap();
    for spelling in ["ci/../ci/one.yaml", "./ci/one.yaml", "link.yaml"] {
        assert_eq!(state_folder(&root.path().join(spelling)), folder);
    }
}

#[test]
fn a_checkout_that_is_moved_keeps_its_state() {
    let (one, other) = (project(&["stages.yaml"]), project(&["stages.yaml"]));
    let name = |root: &Path| {
        let folder = state_folder(&root.join("stages.yaml"));
        folder.file_name().unwrap().to_owned()
    };
    assert_eq!(name(one.path()), name(other.path()));
}

#[test]
fn an_unknown_stage_names_those_that_there_are() {
    insta::assert_snapshot!(complaint(GOOD, Some("prd")), @r"
there is no stage `prd` in /project/factory-tree.yaml
hint: use one of: local, prod; or add the stage to the file
");
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let text = GOOD.replace("    protected: true", "    protect: true");
    insta::assert_snapshot!(complaint(&text, None), @r"
/project/factory-tree.yaml:6:5: `protect` is no setting here
hint: write `protected`; the settings here are domain, hosting, region, account, hosted_zone_id, protected, sign_in, architecture, profile, port, servers, log_retention_days, verify_seconds, undo_on_failure, bake_minutes, keep_releases, alarm_email, parameters
");
}

#[test]
fn a_missing_value_is_named() {
    let text = GOOD.replace("    region: eu-central-1\n", "");
    insta::assert_snapshot!(complaint(&text, None), @r#"
/project/factory-tree.yaml:5:5: `region` is missing
hint: add a line such as `region: eu-central-1`; docs/configuration.md lists every setting
"#);
}

#[test]
fn a_wrong_domain_is_refused_with_its_cure() {
    let text = GOOD.replace("factory-tree.com", "https://factory-tree.com");
    insta::assert_snapshot!(complaint(&text, None), @r#"
/project/factory-tree.yaml:4:13: `https://factory-tree.com` is no domain
hint: use a lower-case name of two or more labels and at most 64 characters without `www.`, a scheme or a port, such as `factory-tree.com`
"#);
}

/// What a certificate is for may have 64 characters; the names before it (`www.` and so on) may be longer.
#[test]
fn a_domain_that_no_certificate_could_be_for_is_refused() {
    let domain = |length: usize| format!("{}.example.com", "a".repeat(length - 12));
    let read = |domain: &str| {
        let text = GOOD.replace("factory-tree.com", domain);
        complaint(&text, None)
    };
    let refused = read(&domain(63 + 2)).to_string();
    assert!(refused.contains("at most 64 characters"), "{refused}");
    let longest: Result<super::DomainName, _> = domain(64).parse();
    assert!(longest.is_ok());
}

/// Source of the forms: RFC 3492; UTS 46 for the capital letter.
#[test]
fn a_domain_with_letters_beyond_ascii_is_told_its_punycode_form() {
    let told = [
        "bücher.example",
        "Straße.Example",
        "www.bücher.example",
        "日本.jp",
    ]
    .map(|domain| {
        let text = GOOD.replace("factory-tree.com", domain);
        complaint(&text, None)
    });
    insta::assert_snapshot!(told.join("\n"), @r"
/project/factory-tree.yaml:4:13: `bücher.example` is no domain
hint: use its punycode form, as DNS knows it: `xn--bcher-kva.example`
/project/factory-tree.yaml:4:13: `Straße.Example` is no domain
hint: use its punycode form, as DNS knows it: `xn--strae-oqa.example`
/project/factory-tree.yaml:4:13: `www.bücher.example` is no domain
hint: use its punycode form, as DNS knows it: `xn--bcher-kva.example`
/project/factory-tree.yaml:4:13: `日本.jp` is no domain
hint: use its punycode form, as DNS knows it: `xn--wgv71a.jp`
");
}

#[test]
fn broken_yaml_is_refused_with_its_place() {
    let text = GOOD.replace("  prod:", "  prod: [");
    insta::assert_snapshot!(complaint(&text, None), @r#"
/project/factory-tree.yaml:3:9: `prod` is `[`, and must be a mapping
hint: write it as in `prod: { domain: example.com, region: eu-central-1 }`; docs/configuration.md lists every setting
"#);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let contradictions = [
        GOOD.replace("factory-tree.com", "factory-tree.localhost"),
        GOOD.replace("factory-tree.localhost", "factory-tree.com"),
        format!("{GOOD}    port: 8080\n"),
        format!("{GOOD}    log_retention_days: 31\n"),
        format!("{GOOD}    servers: {{ min: 3, max: 2 }}\n"),
    ];
    let stages = ["prod", "local", "prod", "prod", "prod"];
    let complaints: Vec<String> = contradictions
        .iter()
        .zip(stages)
        .map(|(text, stage)| complaint(text, Some(stage)))
        .collect();
    insta::assert_snapshot!(complaints.join("\n\n"), @r"
/project/factory-tree.yaml:4:5: stage `prod`: `domain` is `factory-tree.localhost`, which no AWS stage can have
hint: use a domain that you own, or set `hosting: local`

/project/factory-tree.yaml:2:10: stage `local`: `domain` is `factory-tree.com`, but the stage runs on this machine
hint: use a name that ends in `.localhost`, such as `factory-tree.localhost`

/project/factory-tree.yaml:4:5: stage `prod`: `port` is set
hint: only a stage with `hosting: local` has a port: remove it

/project/factory-tree.yaml:4:5: stage `prod`: `log_retention_days` is 31
hint: use one of [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

/project/factory-tree.yaml:4:5: stage `prod`: `servers` has min 3 and max 2
hint: min must be at least 1, and max greater: a roll-out starts a new server before it stops an old one
");
}

#[test]
fn a_stage_on_aws_is_for_amazon_linux_and_one_on_this_machine_for_this_machine() {
    let prod = parse(GOOD, Some("prod")).unwrap().settings;
    assert_eq!(
        prod.target(),
        BuildTarget::AmazonLinux(Architecture::X86_64)
    );
    assert_eq!(prod.instance_type(), "t3.small");
    let local = parse(GOOD, None).unwrap().settings;
    assert_eq!(local.target(), BuildTarget::ThisMachine);
    assert_eq!(local.architecture(), Architecture::of_this_machine());
    let text = GOOD.replace("    protected: true", "    architecture: arm64");
    let arm = parse(&text, Some("prod")).unwrap().settings;
    assert_eq!(arm.target(), BuildTarget::AmazonLinux(Architecture::Arm64));
    assert_eq!(arm.instance_type(), "t4g.small");
}

#[test]
fn servers_of_a_protected_stage_are_private_and_others_public_until_a_stage_says_more() {
    let of = |settings: &str| {
        let text =
            format!("stages:\n  a: {{ domain: example.com, region: us-east-1, {settings} }}\n");
        parse(&text, Some("a")).unwrap().settings.server_network()
    };
    assert_eq!(of("protected: true"), ServerNetwork::Private);
    assert_eq!(of("protected: false"), ServerNetwork::Public);
    let public = of("protected: true, servers: { network: public }");
    assert_eq!(public, ServerNetwork::Public);
    let private = of("servers: { network: private }");
    assert_eq!(private, ServerNetwork::Private);
}

#[test]
fn zones_of_another_region_and_regions_without_access_logs_are_refused() {
    let of = |settings: &str| {
        let text = format!("stages:\n  a: {{ domain: example.com, {settings} }}\n");
        complaint(&text, Some("a"))
    };
    let complaints = [
        of("region: us-east-1, servers: { zones: [us-east-1a, eu-west-1b] }"),
        of("region: us-east-1, servers: { zones: [us-east-1a, us-east-1a] }"),
        of("region: af-south-1"),
    ];
    insta::assert_snapshot!(complaints.join("\n\n"), @r#"
    /project/factory-tree.yaml:2:6: stage `a`: `servers.zones` is us-east-1a and eu-west-1b
    hint: name two different zones of us-east-1, or leave it out

    /project/factory-tree.yaml:2:6: stage `a`: `servers.zones` is us-east-1a and us-east-1a
    hint: name two different zones of us-east-1, or leave it out

    /project/factory-tree.yaml:2:6: stage `a`: `region` is af-south-1, and CloudFront delivers no access logs to buckets there
    hint: use one of ap-northeast-1, ap-northeast-2, ap-northeast-3, ap-south-1, ap-southeast-1, ap-southeast-2, ca-central-1, eu-central-1, eu-north-1, eu-west-1, eu-west-2, eu-west-3, sa-east-1, us-east-1, us-east-2, us-west-1, us-west-2
    "#);
}

#[test]
fn servers_of_another_architecture_are_refused() {
    let settings = "    architecture: arm64\n    servers: { instance_type: c7i.large }";
    let text = GOOD.replace("    protected: true", settings);
    insta::assert_snapshot!(complaint(&text, Some("prod")), @r"
/project/factory-tree.yaml:4:5: stage `prod`: `servers.instance_type` is `c7i.large`, but `architecture` is arm64
hint: use a type such as `t4g.small`, or leave it out
");
}

#[test]
fn an_architecture_that_this_machine_has_not_is_refused() {
    let other = match Architecture::of_this_machine() {
        Architecture::X86_64 => Architecture::Arm64,
        Architecture::Arm64 => Architecture::X86_64,
    };
    let settings = format!("hosting: local, architecture: {}", other.name());
    let reported = complaint(&GOOD.replace("hosting: local", &settings), None);
    assert!(
        reported.contains(&format!("`architecture` is {}, but", other.name())),
        "{reported}"
    );
}

#[test]
fn the_schema_beside_the_file_is_that_of_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".factory-tree.schema.json");
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(
        kept,
        serde_json::to_value(schema()).unwrap(),
        "run `cargo run -- schema > .factory-tree.schema.json`"
    );
}

#[test]
fn the_schema_takes_the_shipped_file_and_refuses_an_unknown_key() {
    let schema = serde_json::to_value(schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let shipped =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("factory-tree.yaml"));
    let mut document: serde_json::Value = serde_yaml::from_str(&shipped.unwrap()).unwrap();
    assert!(validator.is_valid(&document));
    document["stages"]["local"]["colour"] = "green".into();
    assert!(!validator.is_valid(&document));
}

#[test]
fn two_stages_in_aws_do_not_share_a_domain() {
    let second = "  other: { domain: factory-tree.com, region: us-east-1 }\n";
    insta::assert_snapshot!(complaint(&format!("{GOOD}{second}"), Some("local")), @r#"
    /project/factory-tree.yaml:4:5: stages `other` and `prod` have the domain `factory-tree.com`
    hint: give one of them another, such as `prod.factory-tree.com`
    "#);
    let local = "  other: { hosting: local, domain: factory-tree.localhost, region: us-east-1 }\n";
    parse(&format!("{GOOD}{local}"), Some("local")).unwrap();
}

#[test]
fn sources_that_are_not_there_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("factory-tree.yaml");
    std::fs::write(&file, format!("source: nowhere\n{GOOD}")).unwrap();
    let error = Config::load(&file, None).unwrap_err();
    let place = file.display().to_string();
    let reported = format!("{error:#}").replace(&place, "[file]");
    let reported = reported.replace(&folder.path().display().to_string(), "[folder]");
    insta::assert_snapshot!(reported, @r#"
    [file]:1:1: `source` is `[folder]/nowhere`, which cannot be opened: No such file or directory (os error 2)
    "#);
}

#[test]
fn a_parameter_is_kept_as_it_is_written_and_knows_its_place() {
    let text = GOOD.replace(
        "    protected: true",
        "    parameters:\n      Version: 1.10\n      Verbose: true\n      Name: 'a b'\n      Count: 0012",
    );
    let settings = parse(&text, Some("prod")).unwrap().settings;
    let rows = settings.parameters.iter().map(|(name, setting)| {
        let ParameterSetting {
            value,
            line,
            column,
        } = setting;
        format!("{line}:{column} {name} = {value}")
    });
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r"
    10:14 Count = 0012
    9:13 Name = a b
    8:16 Verbose = true
    7:16 Version = 1.10
    ");
    for wrong in ["[a]", "{ a: b }", "~", ""] {
        let text = GOOD.replace(
            "    protected: true",
            &format!("    parameters:\n      Version: {wrong}"),
        );
        let reported = complaint(&text, Some("prod"));
        assert!(
            reported.contains("factory-tree.yaml:7:"),
            "{wrong}: {reported}"
        );
    }
}
