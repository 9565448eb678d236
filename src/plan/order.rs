//! The order of stacks: each after those whose outputs it needs. In: stacks whose parameters are filled. Out: the same in
//! order, or the circles in which they need each other. Pure.

use std::collections::BTreeSet;

use super::{ParameterSource, StackPlan};
use crate::error::{SourceFault, UserError};
use crate::template::circles;

/// Puts each stack behind those that it needs, and otherwise leaves the order as it is.
pub(super) fn in_order(stacks: Vec<StackPlan>) -> Result<Vec<StackPlan>, UserError> {
    let mut placed = BTreeSet::new();
    let mut ordered = Vec::new();
    let mut waiting = stacks;
    while !waiting.is_empty() {
        let is_ready = |stack: &StackPlan| stack.needs().iter().all(|need| placed.contains(*need));
        let Some(ready) = waiting.iter().position(is_ready) else {
            let faults = stacks_in_circles(&waiting);
            return Err(UserError::Templates { faults });
        };
        let stack = waiting.remove(ready);
        placed.insert(stack.name.clone());
        ordered.push(stack);
    }
    Ok(ordered)
}

/// Stacks that need each other's outputs can never be made. The fault is at the parameter of the first that needs the next.
fn stacks_in_circles(stacks: &[StackPlan]) -> Vec<SourceFault> {
    let needs = |stack: &StackPlan| stack.needs().into_iter().map(str::to_owned).collect();
    let graph = stacks
        .iter()
        .map(|stack| (stack.name.clone(), needs(stack)));
    let found = circles(&graph.collect()).into_iter();
    let faults = found.filter_map(|circle| {
        let (first, next) = (circle.first()?, circle.get(1).or(circle.first())?);
        let stack = stacks.iter().find(|stack| &stack.name == first)?;
        let parameter = stack
            .parameters
            .iter()
            .find_map(|(name, source)| match source {
                ParameterSource::Output { stack, .. } if stack == next => Some(name),
                _ => None,
            });
        let names: Vec<String> = circle
            .iter()
            .chain([first])
            .map(|name| format!("`{name}`"))
            .collect();
        Some(SourceFault {
            file: stack.template.file.clone(),
            line: parameter
                .and_then(|name| stack.template.line_of(name))
                .unwrap_or(1),
            message: format!(
                "stacks need each other's outputs in a circle: {}",
                names.join(" → ")
            ),
            cure: "move what both need into a third template".to_owned(),
        })
    });
    faults.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::template::{DataConsent, Template};

    fn stack(name: &str, needs: &str) -> StackPlan {
        let need = ParameterSource::Output {
            stack: needs.to_owned(),
            output: "Id".to_owned(),
        };
        let text = "Parameters:\n  Digest: { Type: String }\n  Other:\n    Type: String\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\nOutputs:\n  Id:\n    Value: !Ref Topic\n";
        let file = format!("[templates]/{name}.yaml");
        StackPlan {
            name: name.to_owned(),
            stack: format!("demo-{name}"),
            region: "us-east-1".parse().unwrap(),
            template: Template::parse(Path::new(&file), text.to_owned()).unwrap(),
            parameters: BTreeMap::from([("Other".to_owned(), need)]),
            protected: false,
            tags: BTreeMap::new(),
            consent: DataConsent::default(),
        }
    }

    #[test]
    fn stacks_that_need_each_others_outputs_in_a_circle_are_told_with_the_parameter() {
        let stacks = vec![
            stack("one", "two"),
            stack("two", "one"),
            stack("three", "one"),
        ];
        insta::assert_snapshot!(in_order(stacks).unwrap_err(), @r"
        the templates cannot be deployed:
          [templates]/one.yaml:3: stacks need each other's outputs in a circle: `one` → `two` → `one`
            cure: move what both need into a third template
        ");
    }
}
