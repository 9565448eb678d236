//! The verbs that hand a person over to another program: the browser, a session on a server.

use anyhow::Result;

use super::selected::load_config;
use crate::cli::{OpenArgs, Output, SshArgs};
use crate::commands;
use crate::config::terminal::Terminal;
use crate::error::{Exit, UserError};
use crate::{program, ui};

/// Opens the site in the browser of whoever sits at the terminal; its address is printed in any case.
pub(super) async fn open(args: &OpenArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let mut address = commands::open::address(&config).await?;
    if args.output == Output::Text && terminal.display && ui::is_watched() {
        address.opened = program::start(program::BROWSER, &[&address.site]).await;
    }
    ui::print_report(&address, args.output)?;
    Ok(Exit::Success)
}

/// The programs of a session, and where each is to be had.
const NEEDED: [(&str, &str); 2] = [
    (
        "aws",
        "install the AWS CLI: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    ),
    (
        "session-manager-plugin",
        "install it beside the AWS CLI: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html",
    ),
];

/// Opens a session on a server, with text for people only; in any case the servers are listed.
pub(super) async fn ssh(args: &SshArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::ssh::servers(&config, args.server.as_deref()).await?;
    ui::print_report(&report, args.output)?;
    let Some(server) = report.chosen.filter(|_| args.output == Output::Text) else {
        return Ok(Exit::Success);
    };
    for (program, hint) in NEEDED {
        if !program::is_installed(program).await {
            return Err(UserError::Tool {
                program: program.to_owned(),
                problem: "is not installed, or not on PATH".to_owned(),
                hint: hint.to_owned(),
            }
            .into());
        }
    }
    let arguments = [
        "ssm",
        "start-session",
        "--target",
        &server,
        "--region",
        &report.region,
    ];
    let ended = program::hand_over("aws", &arguments).await?;
    Ok(if ended.success() {
        Exit::Success
    } else {
        Exit::Failure
    })
}
