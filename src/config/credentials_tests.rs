use super::*;

/// What is said of these variables and this file of profiles.
fn told(variables: &[(&'static str, &str)], config: &str, said: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, config).unwrap();
    let mut all: BTreeMap<&'static str, String> = variables
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    all.insert("AWS_CONFIG_FILE", file.display().to_string());
    all.insert("AWS_SHARED_CREDENTIALS_FILE", "/nowhere".to_owned());
    let found = CredentialSources::of(all).fault(said);
    let found = found.map_or_else(
        || "nothing".to_owned(),
        |fault| format!("{}\n    cure: {}", fault.problem, fault.cure),
    );
    found.replace(&file.display().to_string(), "[config]")
}

fn of(profile: &'static str) -> [(&'static str, &'static str); 1] {
    [("AWS_PROFILE", profile)]
}

#[test]
fn whatever_is_wrong_with_variables_names_itself_and_its_cure() {
    let (key, secret) = (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"));
    let token = ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
    let rows = [
        told(&[key], "", ""),
        told(&[secret], "", ""),
        told(&of("nope"), "", ""),
        told(&of("prd"), "[profile prod]\na = b\n[default]\n", ""),
        told(&[token], "", ""),
        told(&[token, ("AWS_ROLE_ARN", "a")], "", ""),
        told(&[], "", ""),
        told(&[], "[profile prod]\n", ""),
        told(&[key, secret], "", ""),
    ];
    insta::assert_snapshot!(rows.join("\n"));
}

#[test]
fn whatever_is_wrong_with_a_profile_names_itself_and_its_cure() {
    let sso = "sso_session = corp\nsso_account_id = 111122223333\nsso_role_name = deploy\n";
    let session = "[sso-session corp]\nsso_start_url = https://x\nsso_region = eu-west-1\n";
    let no_region = "sso_start_url = https://x\nsso_account_id = 1\nsso_role_name = r\n";
    let role = "role_arn = arn:aws:iam::1:role/a\n";
    let said = |settings: &str, rest: &str, said: &str| {
        told(&of("p"), &format!("[profile p]\n{settings}{rest}"), said)
    };
    let rows = [
        said(sso, "", ""),
        said(sso, session, "No such file or directory"),
        said(sso, session, "ForbiddenException: No access"),
        said(no_region, "", ""),
        said("aws_access_key_id = a\n", "", ""),
        said(role, "", ""),
        said(role, "source_profile = base\n", ""),
        said(
            role,
            "source_profile = q\n[profile q]\nsource_profile = p\n",
            "",
        ),
        said(
            role,
            "source_profile = q\n[profile q]\naws_secret_access_key = b\n",
            "",
        ),
        said(
            "credential_process = /opt/vault --json\n",
            "",
            "exit status: 1",
        ),
        said(role, "web_identity_token_file = /nowhere/token\n", ""),
        said("region = us-east-1\n", "", ""),
        said("region = us-east-1\n", "[profile q]\n", ""),
        said("whatever\n", "", "could not parse profile file"),
    ];
    insta::assert_snapshot!(rows.join("\n"));
}
