//! What a module is made of: its stanza, the files that were read for it, the services of others.

use crate::Level;
use config::Stanza;
use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// Something wrong with what a stanza names, in one line with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `file:line` or `file:line:column`; empty where there is none.
    pub place: String,
    pub text: String,
}

impl Finding {
    pub fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Finding { place: place.into(), text: text.into() }
    }

    /// About a stanza, at its place.
    pub fn at(stanza: Stanza<'_>, text: impl Into<String>) -> Self {
        let place = stanza.position().map(|position| position.to_string());
        Finding::new(place.unwrap_or_default(), text)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.text)
        } else {
            write!(f, "{}: {}", self.place, self.text)
        }
    }
}

impl std::error::Error for Finding {}

/// Files that modules asked for, read off the shards and shared by all of them.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<PathBuf, Result<Arc<[u8]>, String>>);

impl Sources {
    /// Files below a folder, and octets of one file, at most.
    const FILES: usize = 4096;
    const OCTETS: u64 = 64 << 20;

    /// Reads files, and all files below folders. Blocks: not for a shard.
    pub fn read(wanted: impl IntoIterator<Item = PathBuf>) -> Sources {
        let mut sources = Sources::default();
        wanted.into_iter().for_each(|path| sources.take(&path, 0));
        sources
    }

    fn take(&mut self, path: &Path, depth: usize) {
        if self.0.len() >= Self::FILES || depth > 16 {
            return;
        }
        let known = fs::metadata(path);
        if known.as_ref().is_ok_and(fs::Metadata::is_dir) {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            return entries.for_each(|entry| self.take(&entry.path(), depth + 1));
        }
        let large = || io::Error::other(format!("larger than {} bytes", Self::OCTETS));
        let read =
            known.and_then(|known| if known.len() > Self::OCTETS { Err(large()) } else { fs::read(path) });
        self.0.insert(path.to_owned(), read.map(Into::into).map_err(|error| error.to_string()));
    }

    /// For tests, and for sources that come from elsewhere.
    pub fn insert(&mut self, path: impl Into<PathBuf>, content: impl Into<Arc<[u8]>>) {
        self.0.insert(path.into(), Ok(content.into()));
    }

    /// The content of a file that was asked for, or why there is none.
    pub fn get(&self, path: impl AsRef<Path>) -> Result<&Arc<[u8]>, String> {
        match self.0.get(path.as_ref()) {
            Some(Ok(content)) => Ok(content),
            Some(Err(error)) => Err(error.clone()),
            None => Err("no such file".to_owned()),
        }
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}

/// What the modules of one generation on one shard offer each other, by name.
#[derive(Default)]
pub struct Services(RefCell<HashMap<ServiceKey, Rc<dyn Any>>>);

type ServiceKey = (TypeId, Box<str>);

impl Services {
    /// `T` may be a trait object in an `Rc`: `offer::<Rc<dyn Scanner>>("clamav", scanner)`.
    pub fn offer<T: 'static>(&self, name: &str, service: T) {
        self.0.borrow_mut().insert((TypeId::of::<T>(), name.into()), Rc::new(service));
    }

    pub fn find<T: 'static>(&self, name: &str) -> Option<Rc<T>> {
        let found = self.0.borrow().get(&(TypeId::of::<T>(), Box::from(name))).cloned();
        found.and_then(|service| service.downcast().ok())
    }
}

impl Services {
    /// All of a type, in the order of their names.
    pub fn all<T: 'static>(&self) -> Vec<Rc<T>> {
        let services = self.0.borrow();
        let mut found: Vec<_> = services.iter().filter(|((kind, _), _)| *kind == TypeId::of::<T>()).collect();
        found.sort_by(|((_, one), _), ((_, other), _)| one.cmp(other));
        found.into_iter().filter_map(|(_, service)| service.clone().downcast().ok()).collect()
    }
}

/// What `ModuleDef::make` gets besides the stanza. Modules are made in configuration order; a service of a
/// later one is there when the first question comes.
pub struct Make<'a> {
    pub sources: &'a Arc<Sources>,
    pub services: &'a Rc<Services>,
    /// Our name.
    pub hostname: &'a str,
    /// The module's `debug_level`.
    pub debug_level: Level,
    /// This shard's number, and how many there are.
    pub shard: usize,
    pub shards: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    trait Speaker {
        fn word(&self) -> &'static str;
    }

    struct Dog;

    impl Speaker for Dog {
        fn word(&self) -> &'static str {
            "woof"
        }
    }

    #[test]
    fn services_are_found_by_type_and_name() {
        let services = Services::default();
        services.offer::<Rc<dyn Speaker>>("dog", Rc::new(Dog));
        assert_eq!(services.find::<Rc<dyn Speaker>>("dog").unwrap().word(), "woof");
        assert!(services.find::<Rc<dyn Speaker>>("cat").is_none());
        assert!(services.find::<u32>("dog").is_none());
        services.offer("b", 2_u32);
        services.offer("a", 1_u32);
        assert_eq!(services.all::<u32>(), [Rc::new(1), Rc::new(2)]);
    }

    #[test]
    fn a_folder_is_read_with_all_below_it_and_a_missing_file_says_why() {
        let folder = std::env::temp_dir().join(format!("impetus-sources-{}", std::process::id()));
        fs::create_dir_all(folder.join("below")).unwrap();
        fs::write(folder.join("below/one.lua"), "x").unwrap();
        let sources = Sources::read([folder.clone(), folder.join("none")]);
        assert_eq!(&**sources.get(folder.join("below/one.lua")).unwrap(), b"x");
        assert!(sources.get(folder.join("none")).unwrap_err().contains("No such file"));
        assert_eq!(sources.get("/elsewhere").unwrap_err(), "no such file");
        fs::remove_dir_all(folder).unwrap();
    }
}
