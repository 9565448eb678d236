//! In: what our own difference saw and, where CloudFormation was asked, what its change set says. Out: one
//! list. What only we saw, CloudFormation will not act on; what only it saw follows from other changes.

use super::change::{ChangeAction, ChangeOrigin, PropertyChange, ResourceChange};
use super::render::AFTER_DEPLOY;

/// Joins the changes of one stack from both origins. `asked` is `None` where there is no change set: the
/// stack is new, or a parameter without a value makes one impossible.
pub fn union(
    template: Vec<ResourceChange>,
    asked: Option<Vec<ResourceChange>>,
) -> Vec<ResourceChange> {
    let Some(mut change_set) = asked else {
        return template;
    };
    let mut joined: Vec<ResourceChange> = Vec::new();
    for ours in template {
        let theirs = change_set
            .iter()
            .position(|theirs| theirs.logical_id == ours.logical_id);
        joined.push(match theirs {
            Some(index) => both(ours, change_set.remove(index)),
            None => unseen(ours),
        });
    }
    joined.extend(change_set);
    joined.sort_by(|one, other| one.logical_id.cmp(&other.logical_id));
    joined
}

/// CloudFormation, asked, does not see this resource change.
fn unseen(mut ours: ResourceChange) -> ResourceChange {
    if ours.action == ChangeAction::Add {
        return ours;
    }
    for property in &mut ours.properties {
        property.ignored = !waits(property);
    }
    ours
}

/// A change that is not known yet could not be asked for.
fn waits(property: &PropertyChange) -> bool {
    let after = property.after.as_deref().unwrap_or_default();
    after.contains(AFTER_DEPLOY)
}

fn both(ours: ResourceChange, theirs: ResourceChange) -> ResourceChange {
    // CloudFormation does not tell what a new resource is made of; its template does.
    if (ours.action, theirs.action) == (ChangeAction::Add, ChangeAction::Add) {
        return ResourceChange {
            seen_by: ChangeOrigin::Both,
            ..ours
        };
    }
    let (mut own, mut seen) = (ours.properties, theirs.properties);
    for property in &mut own {
        confirm(property, &seen);
    }
    // A place within one of ours, or around it, is reported already.
    seen.retain(|theirs| !own.iter().any(|ours| meets(&ours.path, &theirs.path)));
    own.extend(seen);
    own.sort_by(|one, other| one.path.cmp(&other.path));
    ResourceChange {
        action: action(ours.action, theirs.action),
        data: theirs
            .data
            .or(ours.data.filter(|_| theirs.action != ChangeAction::Modify)),
        seen_by: ChangeOrigin::Both,
        properties: own,
        ..ours
    }
}

/// CloudFormation knows what it will do. Only another type under the same name it does not report: there it
/// refuses.
fn action(ours: ChangeAction, theirs: ChangeAction) -> ChangeAction {
    if ours == ChangeAction::Replace {
        ours
    } else {
        theirs
    }
}

/// Marks one of our rows with what the change set says of it.
fn confirm(ours: &mut PropertyChange, seen: &[PropertyChange]) {
    let same_property: Vec<&PropertyChange> = seen
        .iter()
        .filter(|theirs| property(&theirs.path) == property(&ours.path))
        .collect();
    if same_property.is_empty() {
        ours.ignored = !waits(ours);
        return;
    }
    ours.seen_by = ChangeOrigin::Both;
    let near = same_property
        .iter()
        .filter(|theirs| meets(&ours.path, &theirs.path));
    ours.recreates = near
        .map(|theirs| theirs.recreates)
        .max()
        .unwrap_or_default();
    let exact = same_property.iter().find(|theirs| theirs.path == ours.path);
    if let Some(theirs) = exact.filter(|theirs| theirs.before.is_some() || theirs.after.is_some()) {
        ours.before.clone_from(&theirs.before);
        ours.after.clone_from(&theirs.after);
    }
}

/// `Properties.Code` for `Properties.Code.S3Key`: the part that a change set names in any case.
fn property(path: &str) -> &str {
    // Behind a space follows our own count of the lines of a text.
    let mut ends = path.match_indices(['.', ' ']).map(|(index, _)| index);
    let end = if path.starts_with("Properties.") {
        ends.nth(1)
    } else {
        ends.next()
    };
    &path[..end.unwrap_or(path.len())]
}

/// Returns whether one path is the other, or is within it.
fn meets(one: &str, other: &str) -> bool {
    let within = |outer: &str, inner: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']))
    };
    within(one, other) || within(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::change::{DataImpact, Recreates};

    fn row(path: &str, seen_by: ChangeOrigin, values: [Option<&str>; 2]) -> PropertyChange {
        let [before, after] = values.map(|value| value.map(ToOwned::to_owned));
        PropertyChange {
            path: path.to_owned(),
            before,
            after,
            recreates: Recreates::Never,
            seen_by,
            ignored: false,
        }
    }

    fn change(
        logical_id: &str,
        action: ChangeAction,
        seen_by: ChangeOrigin,
        properties: Vec<PropertyChange>,
    ) -> ResourceChange {
        ResourceChange {
            logical_id: logical_id.to_owned(),
            kind: "AWS::DynamoDB::Table".to_owned(),
            action,
            seen_by,
            properties,
            data: None,
            broadens: Vec::new(),
        }
    }

    fn ours(path: &str) -> PropertyChange {
        row(path, ChangeOrigin::Template, [Some("a"), Some("b")])
    }

    fn theirs(path: &str) -> PropertyChange {
        PropertyChange {
            recreates: Recreates::Always,
            ..row(path, ChangeOrigin::ChangeSet, [None, None])
        }
    }

    fn reported(changes: &[ResourceChange]) -> String {
        let rows = changes.iter().map(|change| {
            let mut row = format!(
                "{} {:?} {:?} {:?}",
                change.logical_id, change.action, change.seen_by, change.data
            );
            for property in &change.properties {
                let PropertyChange {
                    path,
                    before,
                    after,
                    recreates,
                    seen_by,
                    ignored,
                } = property;
                row += &format!(
                    "\n  {path} {before:?} {after:?} {recreates:?} {seen_by:?} ignored={ignored}"
                );
            }
            row
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_row_says_who_saw_it() {
        let template = vec![
            change(
                "A",
                ChangeAction::Modify,
                ChangeOrigin::Template,
                vec![
                    ours("Properties.Code.S3Key"),
                    ours("Properties.Rules"),
                    ours("Properties.Late"),
                ],
            ),
            change(
                "B",
                ChangeAction::Modify,
                ChangeOrigin::Template,
                vec![ours("Properties.Missed")],
            ),
            change("C", ChangeAction::Delete, ChangeOrigin::Template, vec![]),
        ];
        let replaced = ResourceChange {
            data: Some(DataImpact::Lost),
            ..change(
                "A",
                ChangeAction::Replace,
                ChangeOrigin::ChangeSet,
                vec![
                    theirs("Properties.Code"),
                    theirs("Properties.Rules.0.Id"),
                    theirs("Properties.Arn"),
                ],
            )
        };
        let asked = vec![
            replaced,
            change("C", ChangeAction::Delete, ChangeOrigin::ChangeSet, vec![]),
            change(
                "D",
                ChangeAction::Modify,
                ChangeOrigin::ChangeSet,
                vec![theirs("Properties.TopicArn")],
            ),
        ];
        insta::assert_snapshot!(reported(&union(template, Some(asked))), @r#"
A Replace Both Some(Lost)
  Properties.Arn None None Always ChangeSet ignored=false
  Properties.Code.S3Key Some("a") Some("b") Always Both ignored=false
  Properties.Late Some("a") Some("b") Never Template ignored=true
  Properties.Rules Some("a") Some("b") Always Both ignored=false
B Modify Template None
  Properties.Missed Some("a") Some("b") Never Template ignored=true
C Delete Both None
D Modify ChangeSet None
  Properties.TopicArn None None Always ChangeSet ignored=false
"#);
    }

    #[test]
    fn values_of_cloudformation_are_reported_where_it_says_them() {
        let template = vec![change(
            "A",
            ChangeAction::Modify,
            ChangeOrigin::Template,
            vec![ours("Properties.Name")],
        )];
        let said = row(
            "Properties.Name",
            ChangeOrigin::ChangeSet,
            [Some("now"), Some("then")],
        );
        let asked = vec![change(
            "A",
            ChangeAction::Modify,
            ChangeOrigin::ChangeSet,
            vec![said],
        )];
        insta::assert_snapshot!(reported(&union(template, Some(asked))), @r#"
A Modify Both None
  Properties.Name Some("now") Some("then") Never Both ignored=false
"#);
    }

    #[test]
    fn nobody_is_blamed_for_what_is_not_known_yet_or_was_not_asked() {
        let unknown = PropertyChange {
            after: Some(AFTER_DEPLOY.to_owned()),
            ..ours("Properties.TopicArn")
        };
        let template = vec![change(
            "A",
            ChangeAction::Modify,
            ChangeOrigin::Template,
            vec![unknown],
        )];
        assert_eq!(union(template.clone(), Some(Vec::new())), template);
        assert_eq!(union(template.clone(), None), template);
    }
}
