//! What the arguments say.

use std::ffi::OsString;

use crate::database::Place;
use crate::failure::Failure;

/// How the program is called.
pub const USAGE: &str = "\
A directory of people, its pages cached until what they show changes.

Usage: directory [options]

Options:
  --store URL      where people and pages are cached: `memory://` unless given, or on a server
                   that several of these share, such as `redis://127.0.0.1:6379`
  --database FILE  the SQLite database, made if it is not there; in memory unless given.
                   Needed where the store is shared: all have to name the same one
  --listen ADDRESS where to serve: `127.0.0.1:3000` unless given; port 0 for any that is free
  -h, --help       print this
";

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The URL of the store.
    pub store: String,
    /// The address to listen at.
    pub listen: String,
    /// The database.
    pub database: Place,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: "memory://?max_bytes=128MiB".to_owned(),
            listen: "127.0.0.1:3000".to_owned(),
            database: Place::Memory,
        }
    }
}

impl Config {
    /// Reads arguments; nothing if they ask for help.
    ///
    /// # Errors
    /// `Usage`, with what is wrong and what is right.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, Failure> {
        let mut config = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let argument = readable(argument)?;
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            if matches!(name, "-h" | "--help") {
                return Ok(None);
            }
            if !matches!(name, "--store" | "--database" | "--listen") {
                return Err(Failure::Usage(format!("there is no option `{name}`")));
            }
            let value = match value {
                Some(value) => Some(value),
                None => arguments.next().map(readable).transpose()?,
            };
            let value = value.filter(|value| !value.is_empty());
            let value =
                value.ok_or_else(|| Failure::Usage(format!("`{name}` needs a value behind it")))?;
            match name {
                "--store" => config.store = value,
                "--listen" => config.listen = value,
                _ => config.database = Place::File(value.into()),
            }
        }
        config.check()?;
        Ok(Some(config))
    }

    /// Whether it makes sense.
    ///
    /// # Errors
    /// `Usage`.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_shared() && self.database == Place::Memory {
            return Err(Failure::Usage(
                "a store that programs share needs a database that they share: `--database FILE`"
                    .to_owned(),
            ));
        }
        let port = self
            .listen
            .rsplit_once(':')
            .map(|(_, port)| port.parse::<u16>());
        match port {
            Some(Ok(_)) => Ok(()),
            _ => Err(Failure::Usage(format!(
                "`--listen {}` is no address; one is like `127.0.0.1:3000`",
                self.listen
            ))),
        }
    }

    /// Whether other programs see what this one caches.
    fn is_shared(&self) -> bool {
        !self.store.starts_with("memory:")
    }

    /// The URL of the store. Where programs share it, those of one database share a namespace:
    /// what was cached of another database is nothing to them.
    pub(crate) fn store_of(&self, identity: i32) -> String {
        if !self.is_shared() || self.store.contains("namespace=") {
            return self.store.clone();
        }
        let sign = if self.store.contains('?') { '&' } else { '?' };
        format!("{}{sign}namespace=directory-{identity}", self.store)
    }
}

fn readable(argument: OsString) -> Result<String, Failure> {
    argument
        .into_string()
        .map_err(|other| Failure::Usage(format!("argument {other:?} is not valid UTF-8")))
}
