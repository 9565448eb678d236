//! The page on which a person reads a report. In: the width of the terminal and the time. Out: how long ago something was,
//! and names that fit. What a pipe gets has neither.

use std::time::SystemTime;

use crate::clock::{ago, parse_utc};
use crate::plain::plain;

/// A terminal, at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its width in characters.
    pub columns: usize,
    /// Now.
    pub now: SystemTime,
}

/// A report that has a form for the terminal on which it is read.
pub trait Paged {
    /// Returns the report as it fits the page; without one, as a pipe gets it.
    fn text(&self, page: Option<&Page>) -> String;
}

impl Page {
    /// Returns how long ago a time (RFC 3339, UTC) was; nothing for what is no time.
    pub(super) fn ago(&self, time: &str) -> String {
        parse_utc(time).map_or_else(String::new, |time| ago(time, self.now))
    }
}

/// Returns a time as it is; on a page with how long ago that was.
pub(super) fn time(time: &str, page: Option<&Page>) -> String {
    let ago = page.map(|page| page.ago(time)).unwrap_or_default();
    match ago.as_str() {
        "" => plain(time),
        ago => format!("{} ({ago})", plain(time)),
    }
}

/// Returns text in exactly this width: filled up with spaces, or cut with an ellipsis.
pub(super) fn fitted(text: &str, width: usize) -> String {
    let text = console::truncate_str(text, width, "…");
    console::pad_str(&text, width, console::Alignment::Left, None).into_owned()
}

/// Returns the width of the widest text.
pub(super) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    let widths = texts.into_iter().map(console::measure_text_width);
    widths.max().unwrap_or_default()
}

#[cfg(test)]
impl Page {
    /// A page of this width, read at this time.
    pub(crate) fn at(columns: usize, now: &str) -> Self {
        let now = parse_utc(now).unwrap();
        Self { columns, now }
    }
}
