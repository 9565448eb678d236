//! The parameter and the output that say what was last deployed. In: a template's text. Out: the same with both, each added
//! on a line of its own where it is missing. Pure.

use serde_json::json;

use super::Body;

/// The parameter (and output) of every template that says what was deployed: equal digests mean that
/// there is nothing to do.
pub const DIGEST: &str = "Digest";

/// The end of an added line: who looks at the template in AWS sees where it comes from, and lines of the file are counted
/// without it.
const MARK: &str = "# factory-tree adds this line";

/// Returns a template with the parameter and the output `Digest`, or `None` where its layout leaves no line for them.
pub(super) fn with_digest(body: &Body) -> Option<Body> {
    let before = body.document().ok()?;
    let is_section = |section: &str| before[section].is_object() || before[section].is_null();
    if !before.is_object() || !is_section("Parameters") || !is_section("Outputs") {
        return None;
    }
    let lacks = |section: &str| before[section].get(DIGEST).is_none();
    if !lacks("Parameters") && !lacks("Outputs") {
        return Some(body.clone());
    }
    let mut text = body.to_string();
    if lacks("Parameters") {
        text = with_entry(&text, "Parameters", "{ Type: String }");
    }
    if lacks("Outputs") {
        text = with_entry(&text, "Outputs", "{ Value: !Ref Digest }");
    }
    let mut wanted = before.clone();
    let declared = [
        ("Parameters", json!({ "Type": "String" })),
        ("Outputs", json!({ "Value": { "Ref": DIGEST } })),
    ];
    for (section, entry) in declared.into_iter().filter(|(section, _)| lacks(section)) {
        if wanted[section].is_null() {
            wanted[section] = json!({});
        }
        wanted[section][DIGEST] = entry;
    }
    let text = Body::from(text);
    (*text.document().ok()? == wanted).then_some(text)
}

/// Returns whether a line of a template is none of its file.
pub(super) fn is_added(line: &str) -> bool {
    line.ends_with(MARK)
}

/// Puts an entry at the head of a section. A section that is not there goes to the end, where it moves no line.
fn with_entry(body: &str, section: &str, entry: &str) -> String {
    let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
    let is_head = |line: &String| {
        let code = line.split(" #").next().unwrap_or_default();
        code.trim_end() == format!("{section}:")
    };
    let head = lines.iter().position(is_head).unwrap_or_else(|| {
        lines.push(format!("{section}: {MARK}"));
        lines.len() - 1
    });
    let is_content = |line: &&String| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#')
    };
    let first = lines.iter().skip(head + 1).find(is_content);
    let depth = first.map_or(0, |line| line.len() - line.trim_start().len());
    let depth = if depth == 0 { 2 } else { depth };
    let added = format!("{:depth$}{DIGEST}: {entry} {MARK}", "");
    lines.insert(head + 1, added);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "Resources: { Queue: { Type: AWS::SQS::Queue } }";

    #[test]
    fn a_template_without_any_section_gets_both_at_its_end() {
        insta::assert_snapshot!(&*with_digest(&QUEUE.into()).unwrap(), @r"
        Resources: { Queue: { Type: AWS::SQS::Queue } }
        Parameters: # factory-tree adds this line
          Digest: { Type: String } # factory-tree adds this line
        Outputs: # factory-tree adds this line
          Digest: { Value: !Ref Digest } # factory-tree adds this line
        ");
    }

    #[test]
    fn a_section_gets_its_entry_in_its_own_layout() {
        let body = format!(
            "Parameters: # of ours\n    # The name\n\n    Name:\n        Type: String\n{QUEUE}\nOutputs:\n- no\n"
        );
        assert_eq!(
            with_digest(&body.as_str().into()),
            None,
            "a list has no room"
        );
        let body = body.replace("- no\n", "    Name:\n        Value: !Ref Name\n");
        let text = with_digest(&body.into()).unwrap();
        insta::assert_snapshot!(&*text, @r"
        Parameters: # of ours
            Digest: { Type: String } # factory-tree adds this line
            # The name

            Name:
                Type: String
        Resources: { Queue: { Type: AWS::SQS::Queue } }
        Outputs:
            Digest: { Value: !Ref Digest } # factory-tree adds this line
            Name:
                Value: !Ref Name
        ");
        assert_eq!(with_digest(&text), Some(text));
    }

    #[test]
    fn one_that_has_both_is_left_as_it_is_also_in_one_line() {
        let body = r#"{"Parameters": {"Digest": {"Type": "String"}}, "Outputs": {"Digest": {"Value": "x"}}}"#;
        assert_eq!(with_digest(&body.into()).as_deref(), Some(body));
        assert_eq!(with_digest(&r#"{"Resources": {}}"#.into()), None);
        assert_eq!(
            with_digest(&format!("Parameters: {{}}\n{QUEUE}").into()),
            None
        );
    }

    #[test]
    fn an_empty_section_is_none() {
        let text = with_digest(&format!("Outputs:\n{QUEUE}").into()).unwrap();
        let said = text.document().unwrap();
        assert_eq!(said["Outputs"]["Digest"]["Value"]["Ref"], DIGEST);
    }
}
