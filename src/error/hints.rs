//! In: an error that a person can cure. Out: what the person should do next, in a sentence that names the command.

use super::UserError;
use crate::nearest::nearest;

impl UserError {
    /// Returns what the user should do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Config { hint, .. } | Self::Tool { hint, .. } | Self::UnfitProgram { hint, .. } | Self::Variable { hint, .. } => hint.clone(),
            Self::Templates { .. } => "nothing was touched; `factory-tree validate` checks the templates again, without AWS".to_owned(),
            Self::InvalidSeed { .. } => "correct the file, then run the same command again; docs/commands.md says what stands in it".to_owned(),
            Self::SeedRefused { .. } => "correct the file, then run the same command again: it writes what is missing and nothing twice".to_owned(),
            Self::Interrupted { undoing: true, .. } => "`factory-tree rollback` goes on with it: it restores the same release; \
                 the same command as before would deploy the failed one again"
                .to_owned(),
            Self::Interrupted { touched: false, .. } => "nothing of the stage was changed; the same command begins again".to_owned(),
            Self::Interrupted { .. } => "nothing is lost: CloudFormation finishes the running operation by itself; \
                 `factory-tree status` shows it, and the same command continues from there"
                .to_owned(),
            Self::NoConfig(_) => "run it in the project's folder, or name the file with `--config FILE`".to_owned(),
            Self::UnknownStage { stage, known, .. } => choose_a_stage(stage, known),
            Self::StageNameRefused { .. } => "use 1 to 16 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen: the name is a label of its domain".to_owned(),
            Self::ManyStages { example, .. } => format!("name one of its stages, such as `--stage {example}`; `factory-tree policy` takes the pattern, for a role of all its stages"),
            Self::Build { .. } => "its own message is above; nothing was deployed. Change what it names, then run the same command again".to_owned(),
            Self::InvalidEventFile { .. } => "write the JSON that Lambda would pass to the function; samples are in `lambdas/*/events`".to_owned(),
            Self::UnknownLambda { known, .. } => format!("use one of: {}", known.join(", ")),
            Self::FunctionFailed { .. } => "its log is above".to_owned(),
            Self::PortTaken { stage, .. } => {
                format!("stop that process, or set another `port` for stage `{stage}` (leave it out to get a free one)")
            }
            Self::PartFailed { log, .. } => format!("its log is {}; `factory-tree deploy` tries again", log.display()),
            Self::NoCredentials { cure, .. } => cure.clone(),
            Self::WrongAccount { .. } => "name a profile of the stage's account with AWS_PROFILE (`aws configure list-profiles` lists them), or the account of these credentials with `account` in factory-tree.yaml".to_owned(),
            Self::Busy { .. } => "run the same command again when it is done: `factory-tree status` shows that; `factory-tree deploy --on-busy wait` waits for it".to_owned(),
            Self::StackStuck { way_out, .. } => (*way_out).to_owned(),
            Self::StackFailed { template, cure, aftermath, .. } => {
                let mend = format!("change what the reason names in {}", template.display());
                let cure = cure.as_ref().unwrap_or(&mend);
                format!("{cure}. Then run the same command again; {}", aftermath.words())
            }
            Self::UnknownStack { known, .. } | Self::UnknownServer { known, .. } => format!("use one of: {}", known.join(", ")),
            Self::NoServer(_) => "`factory-tree status` shows why; `factory-tree deploy` starts what is missing".to_owned(),
            Self::RecoveryNeedsConsent(stage) => format!("read above what it would do, then run it again with `--yes --stage {stage}`"),
            Self::CancelNeedsConsent(stage) => format!("read above what would be cancelled, then run it again with `--yes --stage {stage}`"),
            Self::SeedNeedsSignIn(_) => "leave `--seed` out, or seed the stage before its `sign_in` is set".to_owned(),
            Self::NobodySignsIn(stage) => format!("set `sign_in: true` of stage `{stage}` in factory-tree.yaml, then run `factory-tree deploy`"),
            Self::OtherEmail { .. } => "`factory-tree users list` shows it; choose another name, or remove that user first".to_owned(),
            Self::UserRemovalNeedsConsent { stage, .. } => format!("type yes, or without a terminal, confirm with `--yes --stage {stage}`"),
            Self::NothingToCancel { .. } => "stop that process with Ctrl-C or SIGTERM: CloudFormation finishes what it has begun by then".to_owned(),
            Self::ExpiryNeedsConsent(_) => "nothing was removed; read above which stages would go, then run it again with `--yes`".to_owned(),
            Self::TeardownNeedsConsent(_) => "read above what it would delete, then run it again with `--yes`".to_owned(),
            Self::ProtectedByHand(_) => {
                "somebody did that by hand: ask why, switch it off in CloudFormation, then run the same command again".to_owned()
            }
            Self::ExpressProtected(_) => {
                "leave `--express` out: with it, a deploy ends before everything is ready for use".to_owned()
            }
            Self::NeedsConfirmation(stage) => format!("without a terminal, confirm with `--yes --stage {stage}`"),
            Self::NotConfirmed(_) => "nothing has changed; run the same command again when you are sure".to_owned(),
            Self::StageAbsent(stage) => format!("deploy it first with `factory-tree deploy --stage {stage}`, or name another stage with `--stage`"),
            Self::UnknownLogSource { source_name, known } => choose_a_source(source_name, known),
            Self::UnknownRelease { known, .. } => choose_a_release(known),
            Self::AmbiguousRelease { .. } => "type more digits of the id".to_owned(),
            Self::NoEarlierRelease(_) => "`factory-tree releases --all` lists the releases; `rollback` with the id of one restores it".to_owned(),
            Self::UnrecordedRelease(_) => "name both releases, or restore the last good one with `factory-tree rollback`".to_owned(),
            Self::ReleaseIncomplete { commit, .. } => deploy_again(commit.as_deref()),
            Self::RollbackNeedsConsent(stage) => format!("type the stage's name, or without a terminal, confirm with `--yes --stage {stage}`"),
            Self::DeployUndone { undo, .. } => undo.hint(),
            Self::DevOnAws(_) => "name a stage with `hosting: local` with `--stage NAME`; `factory-tree deploy` is for this one".to_owned(),
            Self::NotOnAws(_) => "name a stage on AWS with `--stage NAME`".to_owned(),
            Self::DataLoss { .. } => {
                "`factory-tree plan` shows everything that would be done; if this data may go, add `--allow-replacement`, and for a protected stage its name too: `--stage NAME`".to_owned()
            }
            Self::LossNotConfirmed(stage) => format!("type the stage's name, `{stage}`, to confirm"),
            Self::PlanOutdated { file, .. } => {
                let file = file.display();
                format!("nothing was deployed; make a new plan with `factory-tree plan --out {file}`, read it, and deploy it with `factory-tree deploy --plan {file}`")
            }
            Self::InvalidPlanFile { .. } => "make one with `factory-tree plan --out plan.json`".to_owned(),
            Self::CompletionsNotInstalled { shell, .. } => format!(
                "name a folder that can be written with XDG_DATA_HOME, or save what `factory-tree completions {shell}` prints where {shell} looks for completions"
            ),
            Self::AnswerNotWritten(_) => "the command itself has done its work: `factory-tree status` shows the stage. Make room, or send stdout elsewhere, then run the same command again".to_owned(),
            Self::NoZones { .. } => "set another `servers.instance_type` (of the same processor), or another `region`".to_owned(),
            Self::WithoutServers(_) => "`factory-tree logs` shows what its Lambdas log; `live: servers` and a deploy give it servers".to_owned(),
            Self::NoSessions(_) => "set `servers.session_manager: true` and deploy; `factory-tree logs --source server` shows their log without a session".to_owned(),
            Self::ZonesKept { .. } => "a stack stays in its zones: leave `servers.zones` out, or tear the stage down and deploy it anew".to_owned(),
            Self::PublisherFailed { .. } => "every dead letter is still in its queue; `factory-tree logs --source publisher` shows the publisher's errors. Mend it with `factory-tree deploy`, then run the same command again".to_owned(),
            Self::Unhealthy { .. } => "`factory-tree status` shows every check; `factory-tree deploy` repairs what it can".to_owned(),
        }
    }
}

fn choose_a_source(name: &str, known: &[String]) -> String {
    let list = known.join("`, `");
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `--source {meant}`? There are `{list}`"),
        None => format!("there are `{list}`"),
    }
}

fn choose_a_stage(stage: &str, known: &[String]) -> String {
    let meant = nearest(stage, known.iter().map(String::as_str));
    let meant = meant
        .map(|meant| format!("did you mean `{meant}`? "))
        .unwrap_or_default();
    let star = match known.iter().any(|key| key.ends_with('*')) {
        true => " (a star stands for the rest of a name)",
        false => "",
    };
    format!(
        "{meant}use one of: {}{star}; or add the stage to the file",
        known.join(", ")
    )
}

fn choose_a_release(known: &[String]) -> String {
    match known {
        [] => "nothing was recorded yet: a deploy that changes something is".to_owned(),
        known => format!(
            "use one of: {}; `factory-tree releases --all` shows every one",
            known.join(", ")
        ),
    }
}

fn deploy_again(commit: Option<&str>) -> String {
    let sources = commit.map_or("its sources".to_owned(), |commit| {
        format!("commit {commit}")
    });
    format!(
        "nothing was touched; choose a newer release of `factory-tree releases`, or check out {sources} and run `factory-tree deploy`"
    )
}
