//! The queues of servers that died without deleting them. Every server makes its own queue and deletes it when it stops, and its
//! fellows delete those of the dead; after the last server there is nobody left to do that.

use anyhow::Result;

use crate::aws::Sqs;

/// The stack whose servers make queues.
pub(in crate::commands) const SERVERS: &str = "websocket";

/// Deletes the queues that servers of a stack have left, and names them.
pub(in crate::commands) async fn remove_left_over(sqs: &Sqs, stack: &str) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for url in sqs.list_queues(&format!("{stack}-")).await? {
        let name = url.rsplit('/').next().unwrap_or(&url);
        if is_of_a_server(name, stack) {
            sqs.delete_queue(&url).await?;
            removed.push(format!("queue {name}, which a server had left"));
        }
    }
    Ok(removed)
}

/// Returns whether a queue has the name that a server gives its own: the stack, the server, and eight hexadecimal digits of its
/// run (`crates/websocket`). The queues of stacks whose names begin alike end otherwise.
fn is_of_a_server(queue: &str, stack: &str) -> bool {
    let rest = queue
        .strip_prefix(stack)
        .and_then(|rest| rest.strip_prefix('-'));
    let Some((server, run)) = rest.and_then(|rest| rest.rsplit_once('-')) else {
        return false;
    };
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    !server.is_empty() && run.len() == 8 && run.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_queues_that_servers_have_made_go() {
        let rows = [
            ("tree-prod-websocket-i-0123456789abcdef0-0a1b2c3d", true),
            ("tree-prod-websocket-eu-Jobs-ABCDEFGHIJKL", false),
            ("tree-prod-websocket-0a1b2c3d", false),
            ("tree-prod-api-DeadLetters-0a1b2c3d", false),
        ];
        for (name, is_left) in rows {
            assert_eq!(
                is_of_a_server(name, "tree-prod-websocket"),
                is_left,
                "{name}"
            );
        }
    }
}
