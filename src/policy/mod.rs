//! In: a stage's `Config` and the templates of its stacks. Out: the least that somebody must be
//! allowed to deploy the stage, to see its status and to take it down, or only to plan a deploy, as IAM
//! policies; and who on GitHub may do so. Pure: AWS is never asked, and nothing is attached to anybody.
//!
//! Two kinds of grant. What the deployer calls itself (`calls`) is granted as it is. What
//! CloudFormation calls for it is derived from the resource types of the templates (`permissions`) and
//! granted only through CloudFormation (condition `aws:CalledVia`): with the role alone nobody can
//! delete a table. Both are narrowed to the stage's names and regions (`scope`).
//!
//! It does not bound what a changed template may give its roles: who may change templates decides that.

mod calls;
mod document;
mod inventory;
mod permissions;
mod scope;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::config::{Config, Live};
use crate::template::{TEMPLATES, Template};
use calls::{CALLS, CALLS_OF_PLAN};
pub use document::{Condition, MAX_CHARACTERS, PolicyDocument, Statement};
pub use inventory::{TemplateInventory, take};
pub use permissions::{Action, needed};
use scope::{Caller, GrantTarget};
use trust::ASK_IDS;
pub use trust::{Environment, InvalidEnvironment, InvalidRepository, Repository};

/// The placeholder for the account in a trust policy when the stage does not name one.
pub const ACCOUNT_PLACEHOLDER: &str = "ACCOUNT_ID";

/// Purpose of the role
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum PolicyPurpose {
    /// Every command
    #[default]
    Deploy,
    /// `plan` alone: nothing is changed with it
    Plan,
}

impl PolicyPurpose {
    /// Returns the word that the policies have in their names.
    fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Plan => "plan",
        }
    }

    /// Returns what the deployer asks of AWS itself.
    fn calls(self) -> BTreeSet<Action> {
        let has_call = |call: &str| self == Self::Deploy || CALLS_OF_PLAN.contains(&call);
        let rows = CALLS.iter().filter(|(call, _)| has_call(call));
        rows.flat_map(|(_, actions)| *actions)
            .map(ToString::to_string)
            .collect()
    }
}

/// The GitHub workflow that deploys or plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    /// Its repository.
    pub repository: Repository,
    /// The environment that its job runs in.
    pub environment: Environment,
}

impl Workflow {
    /// Names a workflow; without an environment, it is the one that is called like the stage, or like the pattern without its
    /// star.
    ///
    /// # Errors
    /// The stage's name is no name of an environment.
    pub fn new(
        repository: &Repository,
        environment: Option<&Environment>,
        config: &Config,
    ) -> Result<Self> {
        let environment = match environment {
            Some(environment) => environment.clone(),
            None => config.bare_stage().parse()?,
        };
        Ok(Self {
            repository: repository.clone(),
            environment,
        })
    }
}

/// The result of `policy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// The stage.
    pub stage: String,
    /// The purpose of the role.
    pub purpose: PolicyPurpose,
    /// The policies; a role needs all of them.
    pub policies: Vec<NamedPolicy>,
    /// The trust policy of the role, if it was asked for.
    pub trust: Option<PolicyDocument>,
    /// Whether it names a repository without the ids that GitHub may put into its tokens.
    #[serde(skip)]
    pub lacks_ids: bool,
}

/// One managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedPolicy {
    /// A name for it.
    pub name: String,
    /// Its length as IAM counts it; at most 6 144.
    pub characters: usize,
    /// The policy.
    pub document: PolicyDocument,
}

/// Derives the policies of a stage from its templates. For a plan only their transforms
/// matter, and what CloudFormation reads to fill them in: a change set that is never executed makes nothing.
///
/// # Errors
/// A template has no resources, or uses a type or a service whose permissions are not known.
pub fn policy<'a>(
    config: &Config,
    templates: impl IntoIterator<Item = &'a Template>,
    purpose: PolicyPurpose,
    workflow: Option<&Workflow>,
) -> Result<PolicyReport> {
    let inventory = take(templates)?;
    let target = GrantTarget::of(config);
    let documents = document::pack(statements(&inventory, &target, purpose)?).into_iter();
    let word = purpose.name();
    let policies = documents.zip(1..).map(|(document, number)| NamedPolicy {
        name: format!("{}-{}-{word}-{number}", config.name, config.bare_stage()),
        characters: document.characters(),
        document,
    });
    let account = config.settings.account.as_ref();
    let account = account.map_or(ACCOUNT_PLACEHOLDER, |account| account.as_str());
    Ok(PolicyReport {
        stage: config.shown_stage(),
        purpose,
        policies: policies.collect(),
        lacks_ids: workflow.is_some_and(|workflow| !workflow.repository.has_ids()),
        trust: workflow.map(|workflow| {
            let Workflow {
                repository,
                environment,
            } = workflow;
            trust::trust(repository, environment, target.partition, account)
        }),
    })
}

/// The service of the users who sign in. Who has no pool of them asks nothing of it.
const USERS: &str = "cognito-idp:";

/// Resources and condition: grants that share them are one statement.
type GrantScope = (BTreeSet<String>, Condition);

fn statements(
    inventory: &TemplateInventory,
    target: &GrantTarget,
    purpose: PolicyPurpose,
) -> Result<Vec<Statement>> {
    let mut own = purpose.calls();
    own.retain(|action| inventory.has_users() || !action.starts_with(USERS));
    if target.live == Live::Servers {
        own.retain(|action| action != "dynamodb:PutItem");
    }
    let mut all = transforms(inventory, target);
    all.extend(grant(&own, Caller::Deployer, inventory, target)?);
    if purpose == PolicyPurpose::Plan && inventory.has_large_template {
        all.push(large_templates(target));
    }
    let mut through = inventory.reads.clone();
    if purpose == PolicyPurpose::Deploy {
        through.extend(needed(inventory)?);
    }
    through.retain(|action| !own.contains(action));
    all.extend(grant(&through, Caller::CloudFormation, inventory, target)?);
    all.extend(denials(own.union(&through), target));
    Ok(all)
}

/// Denies what belongs to other stages of the file and is reached by the names of this one: a prefix that begins with ours,
/// and the records of a domain below ours.
fn denials<'a>(
    actions: impl Iterator<Item = &'a Action> + Clone,
    target: &GrantTarget,
) -> Vec<Statement> {
    let deny = |sid: &str, action: &str, resource, condition| Statement {
        sid: sid.to_owned(),
        effect: "Deny",
        principal: BTreeMap::new(),
        action: BTreeSet::from([action.to_owned()]),
        resource,
        condition,
    };
    let mut all = Vec::new();
    let resources = scope::resources_of_others(actions.clone(), target);
    if !resources.is_empty() {
        all.push(deny("OtherStages", "*", resources, Condition::new()));
    }
    let change = "route53:ChangeResourceRecordSets";
    if let Some(condition) = scope::records_of_others(target)
        && actions.into_iter().any(|action| action == change)
    {
        let zones = scope::resources(change, target).unwrap_or_default();
        all.push(deny("RecordsOfOtherStages", change, zones, condition));
    }
    all
}

fn grant(
    actions: &BTreeSet<Action>,
    caller: Caller,
    inventory: &TemplateInventory,
    target: &GrantTarget,
) -> Result<Vec<Statement>> {
    let services: Vec<String> = inventory.trusted_services.iter().cloned().collect();
    let linked = linked_services(inventory);
    let mut scopes: BTreeMap<GrantScope, BTreeSet<Action>> = BTreeMap::new();
    for action in actions {
        let resources = scope::resources(action, target)
            .with_context(|| format!("failed to narrow `{action}`: its service is not known; name its resources in src/policy/scope.rs"))?;
        let condition = scope::condition(action, caller, &resources, target, &services, &linked);
        scopes
            .entry((resources, condition))
            .or_default()
            .insert(action.clone());
    }
    let rows = scopes.into_iter().zip(1..);
    Ok(rows
        .map(|(((resource, condition), action), number)| Statement {
            sid: format!("{caller:?}{number:02}"),
            effect: "Allow",
            principal: BTreeMap::new(),
            action,
            resource,
            condition,
        })
        .collect())
}

/// A role that only plans puts templates into the artifact bucket where they are too large for a request, and
/// CloudFormation reads them with its rights.
fn large_templates(target: &GrantTarget) -> Statement {
    let buckets = scope::resources("s3:PutObject", target).unwrap_or_default();
    let objects = buckets
        .iter()
        .map(|bucket| format!("{bucket}/{TEMPLATES}*"));
    Statement {
        sid: "LargeTemplates".to_owned(),
        effect: "Allow",
        principal: BTreeMap::new(),
        action: ["s3:GetObject", "s3:PutObject"].map(str::to_owned).into(),
        resource: objects.collect(),
        condition: Condition::new(),
    }
}

/// A change set with a transform needs the permission to use the transform.
/// Source: CloudFormation User Guide, "IAM condition keys … transform".
fn transforms(inventory: &TemplateInventory, target: &GrantTarget) -> Vec<Statement> {
    let GrantTarget {
        partition, region, ..
    } = target;
    let names = inventory.transforms.iter();
    let resource: BTreeSet<String> = names
        .map(|name| format!("arn:{partition}:cloudformation:{region}:aws:transform/{name}"))
        .collect();
    if resource.is_empty() {
        return Vec::new();
    }
    vec![Statement {
        sid: "Transforms".to_owned(),
        effect: "Allow",
        principal: BTreeMap::new(),
        action: BTreeSet::from(["cloudformation:CreateChangeSet".to_owned()]),
        resource,
        condition: Condition::new(),
    }]
}

/// The types whose service makes a role of its own when the account uses it for the first time.
/// Source: IAM User Guide, "AWS services that work with IAM", column "Service-linked roles".
const LINKED: [(&str, &str); 3] = [
    (
        "AWS::ApiGatewayV2::DomainName",
        "ops.apigateway.amazonaws.com",
    ),
    (
        "AWS::AutoScaling::AutoScalingGroup",
        "autoscaling.amazonaws.com",
    ),
    (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "elasticloadbalancing.amazonaws.com",
    ),
];

fn linked_services(inventory: &TemplateInventory) -> Vec<String> {
    let made = LINKED
        .iter()
        .filter(|(kind, _)| inventory.types.contains_key(*kind));
    made.map(|(_, service)| (*service).to_owned()).collect()
}

impl fmt::Display for PolicyReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            purpose,
            policies,
            trust,
            lacks_ids,
        } = self;
        let may = purpose.name();
        write!(
            formatter,
            "stage {stage}: managed policies of one role that may {may}: {}",
            policies.len()
        )?;
        for NamedPolicy {
            name,
            characters,
            document,
        } in policies
        {
            let text = serde_json::to_string_pretty(document).map_err(|_| fmt::Error)?;
            write!(
                formatter,
                "\n\n{name} ({characters} of {MAX_CHARACTERS} characters)\n{text}"
            )?;
        }
        if let Some(trust) = trust {
            let text = serde_json::to_string_pretty(trust).map_err(|_| fmt::Error)?;
            write!(formatter, "\n\ntrust policy of the role\n{text}")?;
            if text.contains(ACCOUNT_PLACEHOLDER) {
                write!(
                    formatter,
                    "\n\nset `account` of stage {stage}, or put it in for {ACCOUNT_PLACEHOLDER}"
                )?;
            }
        }
        if *lacks_ids {
            write!(
                formatter,
                "\n\na repository that was made, renamed or moved since 2026-07-15 has ids in its tokens, and this policy \
                 refuses them: then print it with `--github OWNER@ID/REPO@ID`, which\n  {ASK_IDS}\nprints"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod separation_tests;
