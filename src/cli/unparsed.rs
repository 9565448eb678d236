//! The form of the answer that a wrong command line asks for. In: arguments that clap refused. Out: the form in which the
//! fault is to be reported, and whether exit code 2 is taken.

use std::ffi::OsString;

use clap::ValueEnum;

use super::Output;

/// A command line that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unparsed {
    /// The form of the answer.
    pub output: Output,
    /// Whether exit code 2 means that there are changes.
    pub detailed_exitcode: bool,
}

/// The names of the option that says the form; `outputs` has the second one for scripts of before.
const NAMES: [&str; 2] = ["--output", "--format"];

impl Unparsed {
    /// Reads the arguments, the program's name first.
    pub fn read(arguments: &[OsString]) -> Self {
        let words: Vec<_> = arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        let values = words
            .windows(2)
            .filter(|pair| NAMES.contains(&pair[0].as_ref()));
        let values = values.map(|pair| pair[1].as_ref());
        let joined = words.iter().filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            NAMES.contains(&name).then_some(value)
        });
        let mut forms = values
            .chain(joined)
            .filter_map(|value| Output::from_str(value, false).ok());
        Self {
            output: forms.next().unwrap_or(Output::Text),
            detailed_exitcode: words.iter().any(|word| word == "--detailed-exitcode"),
        }
    }
}
