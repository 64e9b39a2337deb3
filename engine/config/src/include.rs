//! How files come in: the loader is the embedder's, the search is ours (spec config-language.md §1, §6).

use std::collections::BTreeMap;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    File(Vec<u8>),
    /// The names of the plain files in a folder, in no order. Hidden ones may be among them.
    Directory(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadFault {
    /// Nothing there: the search goes on.
    NotFound,
    /// It is there, but cannot be had; the reason completes "failed to stat 'path': …".
    Unreadable(String),
}

/// Reads files for us. Paths are plain, or URIs (`file://` has been removed).
pub trait Loader {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault>;
}

/// Loaders by the scheme of the URI; a path without one is asked of the last. What a scheme has no loader for is
/// a clear fault.
pub struct Schemes<'a> {
    /// In lower case: `http`.
    pub loaders: &'a [(&'a str, &'a dyn Loader)],
    pub files: &'a dyn Loader,
}

impl Loader for Schemes<'_> {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        let Some(wanted) = scheme(path) else { return self.files.load(path) };
        match self.loaders.iter().find(|(scheme, _)| scheme.eq_ignore_ascii_case(wanted)) {
            Some((_, loader)) => loader.load(path),
            None => {
                Err(LoadFault::Unreadable(format!("nothing here loads {wanted}:// (file:// and paths are)")))
            }
        }
    }
}

/// Files in memory, for tests and tools. A folder is there when a file in it is.
#[derive(Clone, Debug, Default)]
pub struct MemoryLoader {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryLoader {
    pub fn with(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.into(), text.as_ref().to_vec());
        self
    }
}

impl Loader for MemoryLoader {
    fn load(&self, path: &str) -> Result<Loaded, LoadFault> {
        if let Some(bytes) = self.files.get(path) {
            return Ok(Loaded::File(bytes.clone()));
        }
        let folder = format!("{}/", path.trim_end_matches('/'));
        let inside = self.files.keys().filter_map(|known| known.strip_prefix(&folder));
        let mut inside = inside.peekable();
        if inside.peek().is_none() {
            return Err(LoadFault::NotFound);
        }
        Ok(Loaded::Directory(inside.filter(|name| !name.contains('/')).map(String::from).collect()))
    }
}

/// `http`, `file`, … of a URI.
pub(crate) fn scheme(path: &str) -> Option<&str> {
    let (scheme, _) = path.split_once("://")?;
    let plain = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    (!scheme.is_empty() && plain).then_some(scheme)
}

/// Where a file of that name may be, in the order in which to look.
pub(crate) fn candidates(target: &str, including: Option<&str>, search_path: &[&str]) -> Vec<String> {
    if let Some(scheme) = scheme(target) {
        let local = scheme.eq_ignore_ascii_case("file");
        return vec![if local { join("", &target[scheme.len() + 3..]) } else { target.into() }];
    }
    if target.is_empty() {
        return Vec::new();
    }
    if target.starts_with('/') {
        return vec![join("", target)];
    }
    let beside = including.map(|file| file.rsplit_once('/').map_or("", |(folder, _)| folder));
    let mut paths: Vec<String> = Vec::new();
    for folder in beside.iter().chain(search_path) {
        let path = join(folder, target);
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    paths
}

/// A path has one spelling, so that a file that is read twice is noticed: no `.`, no empty parts. What `..` means
/// depends on links, and stays.
pub(crate) fn join(folder: &str, name: &str) -> String {
    let whole = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    let parts: Vec<&str> = whole.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let root = if whole.starts_with('/') { "/" } else { "" };
    match parts.is_empty() && root.is_empty() {
        true => ".".into(),
        false => format!("{root}{}", parts.join("/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scheme_has_its_loader_and_the_others_say_so() {
        let web = MemoryLoader::default().with("http://h/x", "web");
        let files = MemoryLoader::default().with("/x", "file").with("http://h/y", "never asked for");
        let schemes = Schemes { loaders: &[("http", &web)], files: &files };
        assert_eq!(schemes.load("HTTP://h/x"), Err(LoadFault::NotFound), "the loader knows what case means");
        assert_eq!(schemes.load("http://h/x"), Ok(Loaded::File(b"web".to_vec())));
        assert_eq!(schemes.load("http://h/y"), Err(LoadFault::NotFound));
        assert_eq!(schemes.load("/x"), Ok(Loaded::File(b"file".to_vec())));
        let unknown = schemes.load("eccmgr://h/x");
        assert!(
            matches!(unknown, Err(LoadFault::Unreadable(why)) if why.contains("nothing here loads eccmgr://"))
        );
    }

    #[test]
    fn files_are_sought_beside_the_including_file_and_then_along_the_path() {
        let path = ["etc", "etc/conf/global", ""];
        for (target, including, expected) in [
            (
                "a.conf",
                Some("/opt/x/b.conf"),
                vec!["/opt/x/a.conf", "etc/a.conf", "etc/conf/global/a.conf", "a.conf"],
            ),
            ("a.conf", Some("etc/b.conf"), vec!["etc/a.conf", "etc/conf/global/a.conf", "a.conf"]),
            ("a.conf", None, vec!["etc/a.conf", "etc/conf/global/a.conf", "a.conf"]),
            ("/a.conf", Some("etc/b.conf"), vec!["/a.conf"]),
            ("FILE:///a.conf", None, vec!["/a.conf"]),
            ("./a.conf", Some("etc//./b.conf"), vec!["etc/a.conf", "etc/conf/global/a.conf", "a.conf"]),
            ("", Some("etc/b.conf"), vec![]),
            ("//x/.//a.conf", None, vec!["/x/a.conf"]),
            ("http://h/x.conf", Some("etc/b.conf"), vec!["http://h/x.conf"]),
        ] {
            assert_eq!(candidates(target, including, &path), expected, "{target}");
        }
    }
}
