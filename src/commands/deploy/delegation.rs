//! The wait of a certificate for its validation. In: a plan whose stacks are being provisioned. Out: warnings that name the
//! domains and the name servers that a registrar must delegate to. Nothing is changed here.

use std::time::Duration;

use crate::aws::{Aws, CertificateState};
use crate::config::Config;
use crate::event::{Event, Reporter};
use crate::plan::{Plan, StackPlan};

/// The time that a certificate may wait for its validation before a warning names the delegation that it waits for.
const CERTIFICATE_DELAY: Duration = Duration::from_secs(60);

/// A new zone answers nobody until the registrar names its servers, and certificates wait for that
/// without a word. So the word is ours. Never ends: it goes on beside the provisioning.
pub(super) async fn report_waiting_certificates(
    config: &Config,
    plan: &Plan,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(CERTIFICATE_DELAY).await;
        for stack in plan
            .stacks
            .iter()
            .filter(|stack| stack.name.starts_with("certificate"))
        {
            let Some(domains) = waiting_for(stack, aws).await else {
                continue;
            };
            let servers = name_servers(plan, aws).await;
            reporter.report(Event::Warning(format!(
                "the certificate waits until public DNS validates {}: have your registrar delegate {} to {servers}",
                domains.join(", "),
                config.settings.domain,
            )));
        }
    }
}

/// Returns the domains that a certificate waits for. Progress never decides the result: what cannot
/// be asked is not reported.
async fn waiting_for(stack: &StackPlan, aws: &Aws) -> Option<Vec<String>> {
    let client = aws.cloudformation_in(&stack.region);
    let kind = "AWS::CertificateManager::Certificate";
    let arns = client.list_resources(&stack.stack, kind).await.ok()?;
    let arn = arns.first().filter(|arn| arn.starts_with("arn:"))?;
    match aws
        .acm_in(&stack.region)
        .get_certificate_state(arn)
        .await
        .ok()?
    {
        CertificateState::Waiting { domains } => Some(domains),
        CertificateState::Issued | CertificateState::Unusable(_) => None,
    }
}

async fn name_servers(plan: &Plan, aws: &Aws) -> String {
    let Some(dns) = plan.stacks.iter().find(|stack| stack.name == "dns") else {
        return String::new();
    };
    let found = aws
        .cloudformation
        .find_stack(&dns.stack)
        .await
        .ok()
        .flatten();
    let servers = found.and_then(|stack| stack.outputs.get("NameServers").cloned());
    servers
        .filter(|servers| !servers.is_empty())
        .unwrap_or_else(|| "the zone's name servers".to_owned())
}
