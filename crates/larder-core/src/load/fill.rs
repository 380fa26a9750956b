//! What loaders bring, and what they may say of it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::model::CacheModel;
use crate::store::Tags;

/// What a loader may bring: an object, shared or not, or perhaps none.
pub trait Loaded<M>: Send {
    /// The object, if there is one.
    fn into_loaded(self) -> Option<Arc<M>>;
}

impl<M: CacheModel> Loaded<M> for M {
    fn into_loaded(self) -> Option<Arc<M>> {
        Some(Arc::new(self))
    }
}

impl<M: CacheModel> Loaded<M> for Arc<M> {
    fn into_loaded(self) -> Option<Arc<M>> {
        Some(self)
    }
}

impl<M: CacheModel, L: Loaded<M>> Loaded<M> for Option<L> {
    fn into_loaded(self) -> Option<Arc<M>> {
        self.and_then(L::into_loaded)
    }
}

/// What a loader fails with: anything that is an error.
pub trait LoadError: Into<Box<dyn StdError + Send + Sync>> {}

impl<E: Into<Box<dyn StdError + Send + Sync>>> LoadError for E {}

/// The error of a loader. What failed in a load within it is told once.
pub(crate) fn failure<E: LoadError>(error: E) -> Error {
    let error: Box<dyn StdError + Send + Sync> = error.into();
    match error.downcast::<Error>() {
        Ok(error) if error.kind() == ErrorKind::Loader => *error,
        Ok(error) => Error::new(ErrorKind::Loader, "the loader failed").with_source(*error),
        Err(error) => Error::new(ErrorKind::Loader, "the loader failed").with_boxed_source(error),
    }
}

/// What a loader is told of the load, and what it may say of what it brings. Cheap to clone.
pub struct FillContext<M> {
    shared: Arc<Fill<M>>,
}

struct Fill<M> {
    stale: Option<Arc<M>>,
    said: Mutex<Said<M>>,
}

type Of<M, T> = Arc<dyn Fn(&M) -> T + Send + Sync>;

pub(crate) struct Said<M> {
    pub(crate) ttl: Option<Duration>,
    pub(crate) stale_for: Option<Duration>,
    pub(crate) tags: Vec<String>,
    pub(crate) tags_of: Option<Of<M, Vec<String>>>,
    pub(crate) revision: Option<u64>,
    pub(crate) revision_of: Option<Of<M, u64>>,
    pub(crate) unstored: bool,
    pub(crate) truncated: bool,
    /// It lives no longer, whatever else is said.
    pub(crate) until: Option<Timestamp>,
}

impl<M> Clone for Said<M> {
    fn clone(&self) -> Self {
        Self {
            ttl: self.ttl,
            stale_for: self.stale_for,
            tags: self.tags.clone(),
            tags_of: self.tags_of.clone(),
            revision: self.revision,
            revision_of: self.revision_of.clone(),
            unstored: self.unstored,
            truncated: self.truncated,
            until: self.until,
        }
    }
}

impl<M> Said<M> {
    pub(crate) fn tags(&self, object: Option<&M>) -> Tags {
        let own = object.zip(self.tags_of.as_ref());
        let own = own.map(|(object, tags)| tags(object));
        Tags::new(self.tags.iter().cloned().chain(own.unwrap_or_default()))
    }

    pub(crate) fn revision(&self, object: Option<&M>) -> Option<u64> {
        let own = object.zip(self.revision_of.as_ref());
        own.map(|(object, of)| of(object)).or(self.revision)
    }
}

impl<M> Clone for FillContext<M> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<M> fmt::Debug for FillContext<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FillContext").finish_non_exhaustive()
    }
}

impl<M> FillContext<M> {
    pub(crate) fn new(stale: Option<Arc<M>>) -> Self {
        let said = Said {
            ttl: None,
            stale_for: None,
            tags: Vec::new(),
            tags_of: None,
            revision: None,
            revision_of: None,
            unstored: false,
            truncated: false,
            until: None,
        };
        Self {
            shared: Arc::new(Fill {
                stale,
                said: Mutex::new(said),
            }),
        }
    }

    fn say(&self) -> MutexGuard<'_, Said<M>> {
        self.shared.said.lock()
    }

    /// What the loader said. Its functions are called without the lock, which they may want.
    pub(crate) fn said(&self) -> Said<M> {
        self.say().clone()
    }

    /// The object that is in the cache and to be replaced, if there is one, stale or not: to ask
    /// the source whether it has changed. A load of several ids or of a list has none.
    pub fn stale(&self) -> Option<&Arc<M>> {
        self.shared.stale.as_ref()
    }

    /// What a loader returns that found the [`stale`](Self::stale) object to be right still: it
    /// is stored anew, for a new lifetime.
    pub fn not_modified(&self) -> Option<Arc<M>> {
        self.shared.stale.clone()
    }

    /// How long what is brought is fresh, in place of what the policy says; cut by its jitter.
    pub fn set_ttl(&self, ttl: Duration) {
        self.say().ttl = Some(ttl);
    }

    /// How long what is brought is kept behind its expiry, for loads to fall back on, in place of
    /// what the policy says. Zero: nothing of it is ever served stale.
    pub fn set_stale_for(&self, window: Duration) {
        self.say().stale_for = Some(window);
    }

    /// Bounds the lifetime of what is brought, whatever else is said of it.
    pub(crate) fn live_until(&self, until: Option<Timestamp>) {
        let Some(until) = until else { return };
        let bound = &mut self.say().until;
        *bound = Some(bound.map_or(until, |bound| bound.min(until)));
    }

    /// Tags for all that is brought, and for the absence of what is not.
    pub fn add_tags<T: Into<String>>(&self, tags: impl IntoIterator<Item = T>) {
        self.say().tags.extend(tags.into_iter().map(Into::into));
    }

    /// Tags for each object, by what it is.
    pub fn tag_by(&self, tags: impl Fn(&M) -> Vec<String> + Send + Sync + 'static) {
        self.say().tags_of = Some(Arc::new(tags));
    }

    /// The version of what is brought, in its source. It is not stored over a later one.
    pub fn set_version(&self, version: u64) {
        self.say().revision = Some(version);
    }

    /// The version of each object, by what it is.
    pub fn version_by(&self, version: impl Fn(&M) -> u64 + Send + Sync + 'static) {
        self.say().revision_of = Some(Arc::new(version));
    }

    /// Answers the callers with what is brought, and stores nothing.
    pub fn do_not_store(&self) {
        self.say().unstored = true;
    }

    /// Says that a list is not all there is: it is served as such, and loaded again next time.
    pub fn truncated(&self) {
        self.say().truncated = true;
    }
}
