//! The certificates of a stack that is to be deleted: ACM refuses to delete one that is in use, and counts what has just been
//! deleted as a user for minutes. In: the stack. Out: nothing uses its certificates any more, or the time is up; then the deletion
//! says what is wrong.

use std::time::Duration;

use anyhow::Result;

use crate::aws::{Acm, Aws, CloudFormation, missing_permission};
use crate::event::{Event, Reporter};
use crate::plan::StageStack;
use crate::provision::retry_transient;

const KIND: &str = "AWS::CertificateManager::Certificate";

/// The looks at a certificate, and the pause between two: a quarter of an hour.
const LOOKS: u32 = 60;
const PAUSE: Duration = Duration::from_secs(15);

/// Waits until nothing uses the certificates of a stack.
pub(super) async fn wait_until_unused(
    aws: &Aws,
    client: &CloudFormation,
    plan: &StageStack,
    reporter: &dyn Reporter,
) -> Result<()> {
    let arns = retry_transient(reporter, || client.list_resources(&plan.stack, KIND)).await?;
    for arn in arns {
        wait(&aws.acm_in(&plan.region), &arn, &plan.name, PAUSE, reporter).await?;
    }
    Ok(())
}

async fn wait(
    acm: &Acm,
    arn: &str,
    stack: &str,
    pause: Duration,
    reporter: &dyn Reporter,
) -> Result<()> {
    for _ in 0..LOOKS {
        let certificate = retry_transient(reporter, || acm.get_certificate(arn)).await;
        let users = match certificate {
            Ok(certificate) => certificate.in_use_by,
            // The deletion finds out by itself.
            Err(error) if missing_permission(&error).is_some() => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(user) = users.first() else {
            return Ok(());
        };
        reporter.report(Event::TaskProgress {
            task: format!("stack {stack}"),
            detail: format!(
                "waiting until ACM knows that nothing uses the certificate any more: {user}"
            ),
        });
        tokio::time::sleep(pause).await;
    }
    reporter.report(Event::Warning(format!(
        "stack {stack}: certificate {arn} is still in use; its deletion is tried all the same"
    )));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::aws::fake_acm;
    use crate::event::SilentReporter;

    /// ACM names a user of the certificate in its first answers.
    async fn looks_until_done(in_use: u32) -> u32 {
        let asked = std::sync::Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let acm = fake_acm(move || {
            let is_used = count.fetch_add(1, Ordering::Relaxed) < in_use;
            let user = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/a/1";
            is_used.then(|| user.to_owned()).into_iter().collect()
        });
        wait(&acm, "arn", "certificate", Duration::ZERO, &SilentReporter)
            .await
            .unwrap();
        asked.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn a_certificate_is_deleted_when_its_last_user_is_gone() {
        assert_eq!(looks_until_done(0).await, 1);
        assert_eq!(looks_until_done(3).await, 4);
    }

    #[tokio::test]
    async fn the_wait_has_an_end() {
        assert_eq!(looks_until_done(u32::MAX).await, LOOKS);
    }
}
