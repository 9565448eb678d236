//! Foreign text, escaped for a terminal or for a shell. In: text of AWS, of a log or of a user. Out: the same text in
//! one line, with nothing in it that a terminal obeys; or as one word of a command.

/// Returns the text with every control character, and every mark that turns the direction of writing,
/// written out as `\u{1b}`.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.trim_end().chars() {
        if is_obeyed(character) {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Returns text as a POSIX shell takes it for one word (POSIX.1-2024, XCU 2.2.2).
pub fn shell_word(text: &str) -> String {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "_./:=,@%+-".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Control characters (C0, DEL, C1), line separators, and the bidirectional controls of Unicode
/// Standard Annex 9, section 2, with which text can pretend to be other text.
fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_for_a_shell_is_quoted_where_it_must_be() {
        let words = ["a/b-1.yaml", "", "it's one", "$(id)", "`id`", "~"].map(shell_word);
        insta::assert_snapshot!(words.join(" "), @r"a/b-1.yaml '' 'it'\''s one' '$(id)' '`id`' '~'");
    }

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        insta::assert_snapshot!(
            plain("red \u{1b}[31m, back\u{8}, next\nline, \u{9b}2J, \u{202e}drow, Größe ✓\r\n"),
            @r"red \u{1b}[31m, back\u{8}, next\nline, \u{9b}2J, \u{202e}drow, Größe ✓"
        );
    }
}
