//! In: the environment. Out: the folder of a person's own data.

use std::path::PathBuf;

/// Returns the folder of a person's data, or `None` where nobody has said where that is.
pub fn data_folder() -> Option<PathBuf> {
    read(|name| std::env::var_os(name).map(PathBuf::from))
}

/// Source: XDG Base Directory Specification 0.8: a relative path is to be ignored.
fn read(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let whole = |name| variable(name).filter(|folder| folder.is_absolute());
    whole("XDG_DATA_HOME").or_else(|| Some(whole("HOME")?.join(".local/share")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_lies_where_xdg_says_else_below_home() {
        let folder = |xdg: &str, home: &str| {
            let values = [("XDG_DATA_HOME", xdg), ("HOME", home)];
            let found = |name: &str| values.iter().find(|(key, _)| *key == name);
            read(|name| Some(PathBuf::from(found(name)?.1)))
        };
        assert_eq!(folder("/data", "/home/me"), Some("/data".into()));
        let below_home = Some("/home/me/.local/share".into());
        assert_eq!(folder("", "/home/me"), below_home);
        assert_eq!(folder("data", "/home/me"), below_home);
        assert_eq!(folder("", ""), None);
    }
}
