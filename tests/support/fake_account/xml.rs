//! Answers in the form of AWS Query.

/// A value of an answer.
pub(super) enum Node {
    Text(&'static str, String),
    List(&'static str, Vec<Vec<Node>>),
}

/// Text of an element, left out when there is none.
pub(super) fn text(name: &'static str, value: impl Into<String>) -> Node {
    Node::Text(name, value.into())
}

pub(super) fn document(action: &str, result: &[Node]) -> String {
    let body: String = result.iter().map(render).collect();
    format!(
        "<{action}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{action}Result>{body}</{action}Result>\
         <ResponseMetadata><RequestId>fake</RequestId></ResponseMetadata></{action}Response>"
    )
}

pub(super) fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>fake</RequestId></ErrorResponse>",
        escape(code),
        escape(message)
    )
}

fn render(node: &Node) -> String {
    match node {
        Node::Text(name, value) => format!("<{name}>{}</{name}>", escape(value)),
        Node::List(name, members) => {
            let members: String = members
                .iter()
                .map(|member| {
                    format!(
                        "<member>{}</member>",
                        member.iter().map(render).collect::<String>()
                    )
                })
                .collect();
            format!("<{name}>{members}</{name}>")
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
