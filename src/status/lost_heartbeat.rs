//! The place between table and listeners that loses heartbeats, as far as AWS can tell. In: the mapping that calls the publisher, and
//! the queue of its dead letters. Out: one sentence.

use super::streams::describe;
use crate::aws::{Aws, Depth, Mapping};
use crate::outputs::Outputs;

/// The stack of the publisher.
const STACK: &str = "api";

/// Asks for what calls the publisher and what it could not publish, and returns what follows. What AWS does not answer is left
/// out.
pub async fn find_losing_hop(aws: &Aws, outputs: &Outputs) -> String {
    let mapping = async {
        let id = outputs.find(STACK, "StreamMapping")?;
        aws.lambda.find_mapping(id).await.ok()
    };
    let depth = async {
        let url = outputs.find(STACK, "DeadLetterQueueUrl")?;
        aws.sqs.find_depth(url).await.ok().flatten()
    };
    let (mapping, depth) = tokio::join!(mapping, depth);
    judge(mapping.as_ref().map(Option::as_ref), depth)
}

/// `mapping` is `None` if nobody could ask for it, and `Some(None)` if there is no such mapping.
fn judge(mapping: Option<Option<&Mapping>>, dead_letters: Option<Depth>) -> String {
    match (mapping, dead_letters) {
        (Some(None), _) => "the mapping that hands the stream to the publisher is gone".to_owned(),
        (Some(Some(mapping)), _) if !mapping.works() => format!(
            "the publisher does not take the stream's records: its mapping is {}",
            describe(mapping)
        ),
        (_, Some(depth)) if depth.waiting + depth.in_flight > 0 => format!(
            "the publisher could not publish records: {} lie in the dead-letter queue",
            depth.waiting + depth.in_flight
        ),
        (Some(Some(mapping)), _) => format!(
            "the publisher takes the stream's records (its mapping is {}), so its sending loses them, or what comes after it: \
             topic and server's queue, or the Event API; `factory-tree logs --source publisher` shows what was refused",
            describe(mapping)
        ),
        (None, _) => "AWS does not tell how the publisher's mapping is".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hop_is_named_by_what_aws_knows_of_it() {
        let mapping = |state: &str, last_result: &str| Mapping {
            state: state.to_owned(),
            last_result: last_result.to_owned(),
        };
        let (works, off, fails) = (
            mapping("Enabled", "OK"),
            mapping("Disabled", ""),
            mapping("Enabled", "PROBLEM: Function call failed"),
        );
        let depth = |waiting| {
            let in_flight = 0;
            Some(Depth { waiting, in_flight })
        };
        let hops = [
            judge(Some(None), depth(0)),
            judge(Some(Some(&off)), depth(0)),
            judge(Some(Some(&fails)), depth(3)),
            judge(Some(Some(&works)), depth(3)),
            judge(Some(Some(&works)), depth(0)),
            judge(None, None),
        ];
        insta::assert_snapshot!(hops.join("\n"), @r"
        the mapping that hands the stream to the publisher is gone
        the publisher does not take the stream's records: its mapping is Disabled
        the publisher does not take the stream's records: its mapping is Enabled, last result: PROBLEM: Function call failed
        the publisher could not publish records: 3 lie in the dead-letter queue
        the publisher takes the stream's records (its mapping is Enabled, last result: OK), so its sending loses them, or what comes after it: topic and server's queue, or the Event API; `factory-tree logs --source publisher` shows what was refused
        AWS does not tell how the publisher's mapping is
        ");
    }
}
