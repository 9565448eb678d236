//! The outputs of a stage's stacks. In: the outputs of each stack, as CloudFormation has them or as a plan knows them.
//! Out: one value by stack and name. Nothing is asked here.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Outputs by the stack's short name and the output's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs(BTreeMap<String, BTreeMap<String, String>>);

impl Outputs {
    /// Sets the outputs of one stack.
    pub fn insert(&mut self, stack: &str, outputs: BTreeMap<String, String>) {
        self.0.insert(stack.to_owned(), outputs);
    }

    /// Returns whether the outputs of a stack are known.
    pub fn contains(&self, stack: &str) -> bool {
        self.0.contains_key(stack)
    }

    /// Returns an output, or `None` if the stack is not known or has no such output.
    pub fn find(&self, stack: &str, name: &str) -> Option<&String> {
        self.0.get(stack)?.get(name)
    }

    /// Returns an output that must be there.
    ///
    /// # Errors
    /// The stack is not known, or has no such output; both are named.
    pub fn get(&self, stack: &str, name: &str) -> Result<&str> {
        let outputs = self.0.get(stack);
        let outputs = outputs.with_context(|| format!("there is no stack `{stack}`"))?;
        let value = outputs.get(name).map(String::as_str);
        value.with_context(|| format!("stack `{stack}` has no output `{name}`"))
    }

    /// Returns the output of this name of every stack that has one, by stack.
    pub fn of_all_stacks(&self, name: &str) -> BTreeMap<String, String> {
        let found = self.0.iter().filter_map(|(stack, outputs)| {
            let value = outputs.get(name)?;
            Some((stack.clone(), value.clone()))
        });
        found.collect()
    }
}

impl FromIterator<(String, BTreeMap<String, String>)> for Outputs {
    fn from_iter<I: IntoIterator<Item = (String, BTreeMap<String, String>)>>(stacks: I) -> Self {
        Self(stacks.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_not_there_is_named_with_its_stack() {
        let table = BTreeMap::from([("TableName".to_owned(), "t-1".to_owned())]);
        let outputs = Outputs::from_iter([("data".to_owned(), table)]);
        let error = |stack, name| outputs.get(stack, name).unwrap_err().to_string();
        assert_eq!(outputs.get("data", "TableName").unwrap(), "t-1");
        assert_eq!(error("data", "Arn"), "stack `data` has no output `Arn`");
        assert_eq!(error("api", "Arn"), "there is no stack `api`");
        assert_eq!(outputs.find("api", "Arn"), None);
    }

    #[test]
    fn an_output_that_several_stacks_have_is_listed_by_stack() {
        let digest = |value: &str| BTreeMap::from([("Digest".to_owned(), value.to_owned())]);
        let stacks = [("api", digest("a")), ("dns", BTreeMap::new())];
        let outputs = stacks.map(|(stack, outputs)| (stack.to_owned(), outputs));
        let outputs = Outputs::from_iter(outputs);
        assert_eq!(
            outputs.of_all_stacks("Digest"),
            BTreeMap::from([("api".to_owned(), "a".to_owned())])
        );
    }
}
