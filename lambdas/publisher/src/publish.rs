//! The trait of both ways to send messages.

use crate::batch::TopicMessage;

/// A way to send messages to those who listen for changes.
pub trait Publish {
    /// Sends messages in their order, and returns those that were not accepted.
    ///
    /// A failing call does not stop the following ones.
    fn publish<'a>(
        &self,
        messages: &'a [TopicMessage],
    ) -> impl Future<Output = Vec<&'a TopicMessage>> + Send;
}
