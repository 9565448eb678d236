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
    hint: did you mean `prod`? use one of: local, prod; or add the stage to the file
    ");
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let text = GOOD.replace("    protected: true", "    protect: true");
    insta::assert_snapshot!(complaint(&text, None), @r"
    /project/factory-tree.yaml:6:5: `protect` is no setting here
    hint: write `protected`; the settings here are domain, hosting, region, account, hosted_zone_id, protected, sign_in, architecture, profile, port, live, servers, log_retention_days, verify_seconds, undo_on_failure, bake_minutes, keep_releases, expires_after, alarm_email, parameters
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
    insta::assert_snapshot!(complaint(&text, None), @r"
    /project/factory-tree.yaml:4:13: `https://factory-tree.com` is no domain
    hint: use a lower-case name of two or more labels and at most 64 characters without `www.`, a scheme or a port, such as `factory-tree.com`; `{stage}` in it is the name of the stage
    ");
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

/// A file with a pattern, beside stages of their own.
const PATTERN: &str = "\
stages:
  local: { hosting: local, domain: factory-tree.localhost, region: us-east-1 }
  prod: { domain: factory-tree.com, region: us-east-1 }
  preview-*:
    domain: '{stage}.factory-tree.com'
    region: us-east-1
    expires_after: 3d
    alarm_email: ops+{stage}@example.com
    parameters: { HostName: 'x-{stage}' }
  preview-main: { domain: main.factory-tree.com, region: us-east-1 }
";

#[test]
fn a_name_that_a_pattern_covers_is_a_stage_with_its_name_put_in() {
    let config = parse(PATTERN, Some("preview-42")).unwrap();
    assert_eq!(config.stage.as_str(), "preview-42");
    assert_eq!(config.stack_name("data"), "factory-tree-preview-42-data");
    let settings = &config.settings;
    assert_eq!(settings.domain.as_str(), "preview-42.factory-tree.com");
    assert_eq!(
        settings.alarm_email.as_deref(),
        Some("ops+preview-42@example.com")
    );
    assert_eq!(settings.parameters["HostName"].value, "x-preview-42");
    assert_eq!(settings.expires_after.unwrap().to_string(), "3d");
    let of = config.pattern.as_ref().unwrap();
    assert_eq!(of.pattern.to_string(), "preview-*");
    assert_eq!(config.all_of_pattern(), None);
    assert!(
        config
            .state_folder()
            .ends_with(format!(".factory-tree/preview-42@{}", config.file_id()))
    );
}

#[test]
fn a_key_of_its_own_comes_before_a_pattern() {
    let config = parse(PATTERN, Some("preview-main")).unwrap();
    assert_eq!(config.settings.domain.as_str(), "main.factory-tree.com");
    assert_eq!(
        (config.pattern, config.settings.expires_after),
        (None, None)
    );
}

#[test]
fn other_stages_are_told_with_their_patterns() {
    let of = |stage| {
        let config = parse(PATTERN, Some(stage)).unwrap();
        let rows = config.other_stages.iter();
        let rows =
            rows.map(|other| format!("{} {} {}", other.name, other.stack_prefix, other.domain));
        rows.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(of("prod"), @r"
    preview-main factory-tree-preview-main- main.factory-tree.com
    preview-* factory-tree-preview- preview-*.factory-tree.com
    ");
    insta::assert_snapshot!(of("preview-42"), @r"
    preview-main factory-tree-preview-main- main.factory-tree.com
    prod factory-tree-prod- factory-tree.com
    ");
}

#[test]
fn names_that_no_stage_may_have_are_refused_with_the_pattern() {
    let refused = [
        "preview-Feature_1",
        "preview-a-very-long-branch",
        "preview-x-",
        "preview-*",
        "preview-",
        "prevew-42",
        "pre*",
    ]
    .map(|stage| complaint(PATTERN, Some(stage)));
    insta::assert_snapshot!(refused.join("\n\n"), @r"
    `preview-Feature_1` is no name of a stage of the pattern `preview-*`
    hint: use 1 to 16 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen: the name is a label of its domain

    `preview-a-very-long-branch` is no name of a stage of the pattern `preview-*`
    hint: use 1 to 16 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen: the name is a label of its domain

    `preview-x-` is no name of a stage of the pattern `preview-*`
    hint: use 1 to 16 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen: the name is a label of its domain

    `preview-*` is a pattern, which stands for many stages, and this works on one
    hint: name one of its stages, such as `--stage preview-1`; `factory-tree policy` takes the pattern, for a role of all its stages

    there is no stage `preview-` in /project/factory-tree.yaml
    hint: did you mean `preview-*`? use one of: local, preview-main, prod, preview-* (a star stands for the rest of a name); or add the stage to the file

    there is no stage `prevew-42` in /project/factory-tree.yaml
    hint: did you mean `preview-*`? use one of: local, preview-main, prod, preview-* (a star stands for the rest of a name); or add the stage to the file

    `pre*` is a pattern, which stands for many stages, and this works on one
    hint: name one of its stages, such as `--stage pre1`; `factory-tree policy` takes the pattern, for a role of all its stages
    ");
}

#[test]
fn patterns_that_contradict_themselves_or_other_stages_are_refused() {
    let with = |from: &str, to: &str| PATTERN.replace(from, to);
    let refused = [
        complaint(&with("preview-*", "'*'"), None),
        complaint(&with("preview-*", "Preview-*"), None),
        complaint(&with("'{stage}.factory-tree.com'", "demo.factory-tree.com"), Some("preview-1")),
        complaint(&with("'{stage}.factory-tree.com'", "{stage}.factory-tree.com"), Some("preview-1")),
        complaint(&with("'{stage}.factory-tree.com'", "'{name}.factory-tree.com'"), Some("preview-1")),
        complaint(&with("'{stage}.factory", &format!("'{{stage}}.{}.factory", "a".repeat(40))), Some("preview-123456")),
        complaint(&with("expires_after: 3d", "expires_after: 90m"), Some("preview-1")),
        complaint(&with("expires_after: 3d", "expires_after: 3d\n    protected: true"), Some("preview-1")),
        complaint(&with("    region: us-east-1\n    expires", "    hosting: local\n    domain: '{stage}.localhost'\n    region: us-east-1\n    port: 8080\n    expires").replace("    domain: '{stage}.factory-tree.com'\n", ""), Some("preview-1")),
        complaint(&with("preview-main: { domain: main.", "preview: { domain: main."), None),
        complaint(&with("preview-main", "preview-m"), Some("preview-m-2")),
        complaint(&with("main.factory-tree.com", "preview-2.factory-tree.com"), Some("preview-2")),
        complaint(&format!("{PATTERN}  preview-*: {{ domain: '{{stage}}.b.com', region: us-east-1 }}\n"), None),
        complaint(&format!("default_stage: preview-*\n{PATTERN}"), None),
    ];
    insta::assert_snapshot!(refused.join("\n\n"), @r"
    /project/factory-tree.yaml:4:3: `*` is no pattern of stages
    hint: use one `*` as its last character, behind 1 to 15 lower-case letters, digits or hyphens that start with a letter, such as `preview-*`

    /project/factory-tree.yaml:4:3: `Preview-*` is no pattern of stages
    hint: use one `*` as its last character, behind 1 to 15 lower-case letters, digits or hyphens that start with a letter, such as `preview-*`

    /project/factory-tree.yaml:5:5: stage `preview-*`: `domain` is `demo.factory-tree.com`, the same for every stage of the pattern
    hint: put the name of the stage into it, in quotes: `'{stage}.demo.factory-tree.com'`

    /project/factory-tree.yaml:5:13: `domain` is `{stage}.factory-tree.com`, and must be text
    hint: put it in quotes, because a brace begins a mapping: `domain: '{stage}.factory-tree.com'`

    /project/factory-tree.yaml:5:13: `{name}.factory-tree.com` is no domain
    hint: use a lower-case name of two or more labels and at most 64 characters without `www.`, a scheme or a port, such as `factory-tree.com`; `{stage}` in it is the name of the stage

    /project/factory-tree.yaml:5:5: stage `preview-123456`: `preview-123456.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.factory-tree.com` is no domain
    hint: use a lower-case name of two or more labels and at most 64 characters without `www.`, a scheme or a port, such as `factory-tree.com`

    /project/factory-tree.yaml:7:20: `90m` is no time after which a stage expires
    hint: use a number with h, d or w, such as `3d`, from `1h` to `52w`

    /project/factory-tree.yaml:5:5: stage `preview-1`: `expires_after` is 3d, but the stage is `protected`
    hint: remove one of the two: a protected stage goes only when its name is typed

    /project/factory-tree.yaml:5:5: stage `preview-*`: `port` is 8080, the same for every stage of the pattern
    hint: leave it out: each stage gets a free one

    /project/factory-tree.yaml:5:5: a policy of stage `preview` would reach the resources of stage `preview-*`: the names of their roles, functions and buckets keep 24 characters, `factory-tree-preview-`, and nothing of them tells the stages apart
    hint: give the project a shorter `name`, or one of the stages another; take a stage that is deployed down first, from a file in which it is alone

    /project/factory-tree.yaml:10:14: stage `preview-m-2` of the pattern `preview-*`: a policy of stage `preview-m` would reach its resources
    hint: choose another name, such as `preview-1`

    /project/factory-tree.yaml:10:17: stage `preview-2` of the pattern `preview-*`: its domain `preview-2.factory-tree.com` is a host of stage `preview-main`
    hint: choose another name, such as `preview-1`

    /project/factory-tree.yaml:11:3: `preview-*` stands twice
    hint: keep one of the two lines

    /project/factory-tree.yaml:1:16: `preview-*` is no name of a stage
    hint: use the name of one stage: a pattern stands for many
    ");
}

#[test]
fn a_pattern_stands_for_all_of_its_stages_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("factory-tree.yaml");
    std::fs::write(&file, PATTERN).unwrap();
    let config = Config::load_pattern(&file, "preview-*").unwrap();
    let of = config.all_of_pattern().unwrap();
    assert_eq!(of.domains, "preview-*.factory-tree.com");
    assert_eq!(
        (config.shown_stage(), config.bare_stage()),
        ("preview-*".to_owned(), "preview")
    );
    assert!(Config::load_pattern(&file, "pre*").is_err());
    let expiring = |only| {
        let configs = Config::load_expiring(&file, only).unwrap();
        configs.iter().map(Config::shown_stage).collect::<Vec<_>>()
    };
    assert_eq!(
        (expiring(None), expiring(Some("prod"))),
        (vec!["preview-*".to_owned()], Vec::new())
    );
    assert!(Config::load_expiring(&file, Some("preview-1")).is_err());
}
