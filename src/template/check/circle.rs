//! Circles in a graph of names. In: for each name those that it needs. Out: the circles, each once, from its first name on.

use std::collections::{BTreeMap, BTreeSet};

/// Finds the circles of a graph. A name that needs itself is one. Circles that share a name are found one at a time.
pub fn circles(graph: &BTreeMap<String, Vec<String>>) -> Vec<Vec<String>> {
    let mut walk = Walk {
        graph,
        done: BTreeSet::new(),
        path: Vec::new(),
        found: Vec::new(),
    };
    for name in graph.keys() {
        walk.visit(name);
    }
    walk.found
}

struct Walk<'a> {
    graph: &'a BTreeMap<String, Vec<String>>,
    /// Names from which every way has been walked.
    done: BTreeSet<&'a str>,
    /// The way from where the walk began.
    path: Vec<&'a str>,
    found: Vec<Vec<String>>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &'a str) {
        if let Some(at) = self.path.iter().position(|seen| *seen == name) {
            let circle = self.path[at..].iter().map(ToString::to_string);
            self.found.push(circle.collect());
            return;
        }
        if self.done.contains(name) {
            return;
        }
        self.path.push(name);
        let needs: BTreeSet<&str> = self
            .graph
            .get(name)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        for need in needs {
            self.visit(need);
        }
        self.path.pop();
        self.done.insert(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(&str, &str)]) -> Vec<String> {
        let mut graph = BTreeMap::<String, Vec<String>>::new();
        for (from, to) in edges {
            graph
                .entry((*from).to_owned())
                .or_default()
                .push((*to).to_owned());
        }
        circles(&graph)
            .iter()
            .map(|circle| circle.join(" "))
            .collect()
    }

    #[test]
    fn each_circle_is_found_once_and_no_other_way_is_taken_for_one() {
        assert_eq!(
            found(&[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]),
            [""; 0]
        );
        assert_eq!(found(&[("a", "a")]), ["a"]);
        assert_eq!(
            found(&[("a", "b"), ("b", "c"), ("c", "b"), ("d", "a")]),
            ["b c"]
        );
        assert_eq!(
            found(&[("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]),
            ["a b", "c d"]
        );
    }
}
