//! What shells and `man` read of the command line. In: the verbs as clap knows them. Out: a completion script, or the man
//! page. A hidden verb is in neither.

use std::io::Result;

use clap::{Command as CommandLine, CommandFactory};
use clap_complete::generate;
use clap_mangen::Man;

use super::Cli;
use crate::commands::completions::Shell;

/// Returns the completions of a shell, as a script of that shell.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let (mut command, name) = (shown(), env!("CARGO_PKG_NAME"));
    match shell {
        Shell::Bash => generate(clap_complete::Shell::Bash, &mut command, name, &mut script),
        Shell::Zsh => generate(clap_complete::Shell::Zsh, &mut command, name, &mut script),
        Shell::Fish => generate(clap_complete::Shell::Fish, &mut command, name, &mut script),
    }
    script
}

/// Returns the man page: the options that every verb takes, then each verb with its own, then the exit codes.
///
/// # Errors
/// None: memory takes everything that is written.
pub fn man_page() -> Result<String> {
    let mut cli = shown();
    cli.build();
    let whole = Man::new(cli.clone());
    let mut page = Vec::new();
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    let verbs = cli.get_subcommands();
    for verb in verbs.filter(|verb| verb.get_name() != "help") {
        page.extend(verb_section(verb)?.into_bytes());
    }
    let exit_codes = cli.get_after_help().map(ToString::to_string);
    let exit_codes = exit_codes.unwrap_or_default();
    let exit_codes = exit_codes.trim_start_matches("Exit codes: ");
    page.extend(format!(".SH \"EXIT STATUS\"\n{exit_codes}\n").into_bytes());
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// A verb, with the options that not every verb takes.
fn verb_section(verb: &CommandLine) -> Result<String> {
    let own = verb.clone().disable_help_flag(true).mut_args(|option| {
        option
            .clone()
            .hide(option.is_global_set() || is_of_every_verb(&option))
    });
    let man = Man::new(own);
    let mut section = Vec::new();
    man.render_synopsis_section(&mut section)?;
    man.render_description_section(&mut section)?;
    if verb
        .get_arguments()
        .any(|option| !is_of_every_verb(option) && !option.is_global_set())
    {
        man.render_options_section(&mut section)?;
    }
    let section = String::from_utf8_lossy(&section).replace("\n.SH ", "\n.SS ");
    let title = verb.get_name().to_uppercase();
    Ok(format!(".SH {title}\n{section}"))
}

fn is_of_every_verb(option: &clap::Arg) -> bool {
    matches!(option.get_id().as_str(), "help" | "version")
}

/// The command line without what is hidden, which clap cannot take out of a command.
fn shown() -> CommandLine {
    let cli = Cli::command();
    let verbs = cli.get_subcommands().filter(|verb| !verb.is_hide_set());
    let mut shown = CommandLine::new(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .subcommand_required(true)
        .args(cli.get_arguments().cloned())
        .subcommands(verbs.cloned());
    if let Some(about) = cli.get_about() {
        shown = shown.about(about.clone());
    }
    match cli.get_after_help() {
        Some(text) => shown.after_help(text.clone()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the completions of fish a description is text that fish expands.
    #[test]
    fn no_description_has_a_sign_that_a_shell_expands() {
        let mut cli = shown();
        cli.build();
        for verb in cli.get_subcommands() {
            for option in verb.get_arguments() {
                let values = option.get_possible_values();
                let values = values.iter().filter_map(|value| value.get_help());
                let texts = option.get_help().into_iter().chain(values);
                for text in texts.map(ToString::to_string) {
                    assert!(!text.contains('$'), "{}: {text}", verb.get_name());
                }
            }
        }
    }
}
