//! A preview as people read it: what changes, most important first within each stack, every value in one
//! piece on one line. What AWS or a template says is shown without control characters.

use std::fmt::{self, Display, Formatter};

use super::preview::{
    OutputChange, Preview, RemainingFile, SitePreview, StackAction, StackPreview,
};
use crate::template::{ChangeAction, DataImpact, PropertyChange, Recreates, ResourceChange};

impl Display for Preview {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", headline(self))?;
        for stack in &self.stacks {
            if stack.action != StackAction::Unchanged {
                write!(formatter, "\n{stack}")?;
            }
        }
        let undescribed = self.undescribed.iter();
        let undescribed: String = undescribed.map(|stack| format!("{stack}\n")).collect();
        let blocks = [
            undescribed,
            names(self),
            artifacts(self),
            site(&self.site),
            remain(&self.site.remain),
        ];
        for block in blocks.iter().filter(|block| !block.is_empty()) {
            write!(formatter, "\n{block}")?;
        }
        if self.has_changes() || !self.site.remain.is_empty() || !self.undescribed.is_empty() {
            writeln!(formatter)?;
        }
        if let Some(costs) = &self.idle_costs {
            writeln!(formatter, "\n{costs}")?;
        }
        write!(formatter, "plan {}", self.digest)
    }
}

fn headline(preview: &Preview) -> String {
    let stage = &preview.stage;
    if !preview.has_changes() {
        return format!("stage {stage}: nothing to do");
    }
    let moved = preview.stacks.iter();
    let moved = moved.filter(|stack| stack.action != StackAction::Unchanged);
    let mut text = format!(
        "stage {stage}: {} of {} stacks change",
        moved.clone().count(),
        preview.stacks.len()
    );
    let files = preview.site.add.len() + preview.site.change.len();
    if files > 0 {
        text += &format!(", {}", counted(files, "site file"));
    }
    let changes = moved.clone().flat_map(|stack| &stack.changes);
    let lost: Vec<&ResourceChange> = changes.filter(|change| change.is_destructive()).collect();
    if !lost.is_empty() {
        let is_certain = lost
            .iter()
            .any(|change| change.action != ChangeAction::MayReplace);
        let verb = if is_certain { "IS" } else { "MAY BE" };
        text += &format!("; DATA {verb} LOST in {}", counted(lost.len(), "resource"));
    }
    let old = moved.filter(|stack| !stack.action.is_from_nothing());
    let changes = old.flat_map(|stack| &stack.changes);
    let widened = changes.filter(|change| !change.broadens.is_empty()).count();
    if widened > 0 {
        text += &format!("; access is widened by {}", counted(widened, "resource"));
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

impl Display for StackPreview {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, region, .. } = self;
        writeln!(
            formatter,
            "stack {name}: {} in {region}",
            self.action.name()
        )?;
        match (self.changes.as_slice(), self.outputs.as_slice()) {
            ([], []) => writeln!(formatter, "  no resource changes")?,
            ([], _) => writeln!(formatter, "  no resource changes, only outputs")?,
            _ => {}
        }
        let is_told = !self.action.is_from_nothing() || self.changes.len() <= TOLD;
        for change in &self.changes {
            write_change(formatter, change, self.action)?;
            if change.action == ChangeAction::Add && is_told {
                write_added(formatter, &change.properties)?;
            }
        }
        if !is_told {
            let properties = self.changes.iter().map(|change| change.properties.len());
            let count = counted_properties(properties.sum());
            writeln!(
                formatter,
                "  what is in them: {count} (--output json lists them)"
            )?;
        }
        for change in &self.outputs {
            write!(formatter, "{change}")?;
        }
        write_grants(formatter, self)?;
        if !self.known_after_deploy.is_empty() {
            let names = self.known_after_deploy.join(", ");
            writeln!(formatter, "  known after deploy: {names}")?;
        }
        Ok(())
    }
}

/// Of a new stack with more resources than this, the properties are counted: nobody reads hundreds.
const TOLD: usize = 10;

/// The most properties of a new resource that are shown, and the width at which such a line is cut; the JSON has all of both.
const ADDED: usize = 8;
const WIDTH: usize = 60;

/// Every property of a new resource is new: none needs a mark.
fn write_added(formatter: &mut Formatter<'_>, properties: &[PropertyChange]) -> fmt::Result {
    for property in properties.iter().take(ADDED) {
        let path = property.path.as_str();
        let path = path.strip_prefix("Properties.").unwrap_or(path);
        let value = plain(property.after.as_deref().unwrap_or_default());
        let line = format!("        {}: {value}", plain(path));
        writeln!(formatter, "{}", cut(&line))?;
    }
    if properties.len() > ADDED {
        let more = properties.len() - ADDED;
        writeln!(
            formatter,
            "        and {more} more (--output json lists them)"
        )?;
    }
    Ok(())
}

fn cut(text: &str) -> String {
    if text.chars().count() <= WIDTH {
        return text.to_owned();
    }
    let kept: String = text.chars().take(WIDTH - 1).collect();
    format!("{kept}…")
}

fn counted_properties(count: usize) -> String {
    match count {
        1 => "1 property".to_owned(),
        _ => format!("{count} properties"),
    }
}

/// Every grant of a new stack is new: it is counted, not listed.
fn write_grants(formatter: &mut Formatter<'_>, stack: &StackPreview) -> fmt::Result {
    let grants = stack
        .changes
        .iter()
        .map(|change| change.broadens.len())
        .sum();
    if grants == 0 || !stack.action.is_from_nothing() {
        return Ok(());
    }
    let grants = counted(grants, "grant");
    writeln!(
        formatter,
        "  access that is new with it: {grants} (--output json lists them)"
    )
}

fn write_change(
    formatter: &mut Formatter<'_>,
    change: &ResourceChange,
    action: StackAction,
) -> fmt::Result {
    let ResourceChange {
        logical_id, kind, ..
    } = change;
    let mark = mark(change.action);
    write!(
        formatter,
        "  {mark:<3} {} ({})",
        plain(logical_id),
        plain(kind)
    )?;
    write!(formatter, "{}", done(change))?;
    let is_added = change.action == ChangeAction::Add;
    if (change.properties.is_empty() || is_added) && !action.is_from_nothing() {
        write!(formatter, "  [{}]", change.seen_by.name())?;
    }
    writeln!(formatter)?;
    for property in change.properties.iter().filter(|_| !is_added) {
        writeln!(formatter, "        {property}")?;
    }
    if !action.is_from_nothing() {
        for way in &change.broadens {
            writeln!(formatter, "      ! {}", plain(way))?;
        }
    }
    Ok(())
}

impl Display for OutputChange {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let name = plain(&self.name);
        let (mark, values) = match (&self.before, &self.after) {
            (None, None) => return Ok(()),
            (None, Some(after)) => (mark(ChangeAction::Add), plain(after)),
            (Some(before), None) => (
                mark(ChangeAction::Delete),
                format!("{} is removed", plain(before)),
            ),
            (Some(before), Some(after)) => {
                let values = format!("{} -> {}", plain(before), plain(after));
                (mark(ChangeAction::Modify), values)
            }
        };
        writeln!(formatter, "  {mark:<3} output {name}: {values}")
    }
}

fn mark(action: ChangeAction) -> &'static str {
    match action {
        ChangeAction::Add => "+",
        ChangeAction::Modify => "~",
        ChangeAction::Replace | ChangeAction::MayReplace => "-/+",
        ChangeAction::Delete => "-",
        ChangeAction::Import => "<",
    }
}

fn done(change: &ResourceChange) -> String {
    let action = match change.action {
        ChangeAction::Add | ChangeAction::Modify => "",
        ChangeAction::Replace => " is replaced",
        ChangeAction::MayReplace => " may be replaced",
        ChangeAction::Delete => " is deleted",
        ChangeAction::Import => " is taken over as it is",
    };
    let fate = match (change.data, change.action) {
        (None, _) => "",
        (Some(DataImpact::Lost), ChangeAction::MayReplace) => ": its data MAY BE LOST",
        (Some(DataImpact::Lost), _) => ": its data is LOST",
        (Some(DataImpact::Retained), _) => ": the old one stays, outside the stack",
        (Some(DataImpact::Snapshot), _) => ": its data is kept in a snapshot",
    };
    format!("{action}{fate}")
}

impl Display for PropertyChange {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let path = self.path.strip_prefix("Properties.").unwrap_or(&self.path);
        write!(formatter, "{}", plain(path))?;
        match (&self.before, &self.after) {
            (None, None) => {}
            (Some(before), None) => write!(formatter, ": {} is removed", plain(before))?,
            (None, Some(after)) => write!(formatter, ": + {}", plain(after))?,
            (Some(before), Some(after)) => {
                write!(formatter, ": {} -> {}", plain(before), plain(after))?;
            }
        }
        match self.recreates {
            Recreates::Always => formatter.write_str("  forces replacement")?,
            Recreates::Maybe => formatter.write_str("  may force replacement")?,
            Recreates::Never => {}
        }
        write!(formatter, "  [{}", self.seen_by.name())?;
        if self.ignored {
            formatter.write_str(": CloudFormation will not act on this")?;
        }
        formatter.write_str("]")
    }
}

fn names(preview: &Preview) -> String {
    let mut text = String::new();
    for row in &preview.names {
        let (mark, what, name) = (mark(row.action), row.what, plain(&row.name));
        text += &format!("  {mark:<3} {what} {name}\n");
    }
    titled("names", text)
}

fn artifacts(preview: &Preview) -> String {
    let mut text = String::new();
    for row in &preview.artifacts {
        let (name, after) = (&row.name, &row.after);
        text += &match &row.before {
            Some(before) if before == after => continue,
            Some(before) => format!("  ~   {name} {} -> {after}\n", plain(before)),
            None => format!("  +   {name} {after}\n"),
        };
    }
    titled("artifacts", text)
}

/// More files than this are counted, not named; the JSON names them all.
const NAMED: usize = 12;

fn site(site: &SitePreview) -> String {
    let rows = |mark: &str, paths: &[String]| {
        let mut text: String = paths
            .iter()
            .take(NAMED)
            .map(|path| format!("  {mark}   {}\n", plain(path)))
            .collect();
        if paths.len() > NAMED {
            text += &format!("  {mark}   and {} more\n", paths.len() - NAMED);
        }
        text
    };
    let mut text = rows("+", &site.add) + &rows("~", &site.change);
    if text.is_empty() {
        return text;
    }
    text += &format!("      {} files stay as they are\n", site.unchanged);
    if !site.invalidate.is_empty() {
        let paths = plain(&site.invalidate.join(" "));
        text += &format!("      then out of the caches: {paths}\n");
    }
    titled("site", text)
}

/// Files that were deleted from the site and still answer: all are named, since somebody may count on their being gone.
fn remain(files: &[RemainingFile]) -> String {
    if files.is_empty() {
        return String::new();
    }
    let rows = files.iter().map(|file| {
        let (path, until) = (plain(&file.path), until(file));
        format!("      {path}: {until}\n")
    });
    let hint = "      `factory-tree deploy --prune-now` deletes them at once, and what a rollback needs of them\n";
    let rows: String = rows.chain([hint.to_owned()]).collect();
    titled("no part of the site any more, and still there", rows)
}

fn until(file: &RemainingFile) -> String {
    let Some(releases) = file.releases else {
        return "until no kept release has it; which do, needs s3:GetObject on releases/*"
            .to_owned();
    };
    let day = match &file.until {
        Some(day) => format!("until {day}"),
        None => "for a day after the next release".to_owned(),
    };
    match releases {
        0 => format!("{day}, then until the next release"),
        _ => format!(
            "for {}, and {day} at least",
            counted(releases, "more release")
        ),
    }
}

fn titled(title: &str, text: String) -> String {
    if text.is_empty() {
        text
    } else {
        format!("{title}\n{text}")
    }
}

/// Writes control characters, and those that turn the direction of text, as their escapes.
fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
