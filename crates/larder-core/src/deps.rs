//! What a computation read of the caches, and what ends once that is written.
//!
//! A [`Cache`] entry that was made from other entries (a page) is wrong once one of these changes.
//! While it is made, a [`Scope`] takes down what is read: ids, there or not, and filters. Each
//! becomes a tag of the entry, and from that very moment on a write that concerns it ends what has
//! the tag, stored or still being made. Several tags stand for one thing that was read, by how
//! much a writer knows of what it did; all begin with `dep:`.
//!
//! On a store of one program the writer weighs the filters of which pages were made: a row that a
//! filter matches neither before nor after leaves its pages alone. On a store that programs share
//! nobody knows the filters of others: there the store itself ends, with each write, the pages of
//! the row's id and all pages with a list of its model ([`Leases::depend`]).
//!
//! [`Leases::depend`]: crate::store::Leases::depend

mod readers;
mod shown;
mod telling;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use self::readers::Pages;
pub(crate) use self::readers::{Readers, Side};

use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::expr::Expr;
use crate::id::IdKey;
use crate::load::FillContext;
use crate::model::CacheModel;
use crate::store::{BoxFuture, CacheStore, Found, Model, Store, Want};

/// How much one scope takes down; then ids and filters of a model become the model as a whole.
pub const MAX_DEPENDENCIES: usize = 256;

/// How much one scope takes down with the tags of entries that were read; with more of it nothing
/// is stored.
const MAX_TAGS: usize = 4 * MAX_DEPENDENCIES;

/// What all tags of dependencies begin with.
const MARK: &str = "dep:";

tokio::task_local! {
    static SCOPE: Scope;
}

/// How many scopes there are: where there are none, a read need not look for its own.
static SCOPES: AtomicUsize = AtomicUsize::new(0);

/// The tag of what was made from the entry with this id, or from its absence.
pub fn id_tag(model: &str, id: &IdKey) -> String {
    tag_of_id('k', model, id)
}

/// The tag of what was made from there being no entry with this id, where none was loaded: a load
/// brings one.
pub fn miss_tag(model: &str, id: &IdKey) -> String {
    tag_of_id('n', model, id)
}

fn tag_of_id(kind: char, model: &str, id: &IdKey) -> String {
    use fmt::Write as _;
    let mut tag = format!("{MARK}{kind}:{model}:");
    for byte in id.as_bytes() {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag
}

/// The tag of what was made from anything of a model.
pub fn model_tag(model: &str) -> String {
    format!("{MARK}a:{model}")
}

/// The tag of what was made from a list that was known to be whole.
pub fn list_tag(model: &str) -> String {
    format!("{MARK}m:{model}")
}

/// The tag of what was made from what a filter found in the cache, whole or not: what loads bring
/// changes that too.
pub fn found_tag(model: &str) -> String {
    format!("{MARK}o:{model}")
}

/// The tag of what was made from so much of a model that any write ends it.
pub fn whole_tag(model: &str) -> String {
    format!("{MARK}w:{model}")
}

/// The tag of one filter, whole or not.
fn filter_tag(model: &str, expr: &Expr, whole: bool) -> String {
    let kind = if whole { 'c' } else { 'f' };
    // Of two filters with one number, a write that concerns one ends the pages of both.
    let number = foldhash::fast::FixedState::default();
    let number = std::hash::BuildHasher::hash_one(&number, expr.canonical());
    format!("{MARK}{kind}:{model}:{number:016x}")
}

/// One thing that was read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Dependency {
    /// The entry with an id, there or not.
    Id {
        /// The name of the model.
        model: Arc<str>,
        /// The id, to be read by people.
        id: Arc<str>,
    },
    /// What a filter means.
    Filter {
        /// The name of the model.
        model: Arc<str>,
        /// The filter, to be read by people.
        filter: Arc<str>,
        /// Whether it was known to be all there is.
        whole: bool,
    },
    /// Everything of a model: more of it was read than is taken down one by one.
    Model {
        /// The name of the model.
        model: Arc<str>,
    },
    /// A tag that was named by hand, or taken over from an entry that was read.
    Tag(Arc<str>),
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id { model, id } => write!(f, "{model} {id}"),
            Self::Filter { model, filter, .. } => write!(f, "{model} where {filter}"),
            Self::Model { model } => write!(f, "all of {model}"),
            Self::Tag(tag) => write!(f, "tag {tag}"),
        }
    }
}

/// What a computation read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Dependencies {
    /// Each thing once.
    pub read: Vec<Dependency>,
    /// Why not all is known, if it is not: then time alone ends what was made.
    pub opaque: Option<Arc<str>>,
    /// When the first of what was read ends by its time: what was made lives no longer.
    pub until: Option<Timestamp>,
    /// Whether something changed while it was read: then what was made is not stored.
    pub overtaken: bool,
    tags: Vec<String>,
}

impl Dependencies {
    /// The tags that end what was made.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }
}

/// Takes down what is read within it, and tells the scopes around it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Scope(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    outer: Option<Scope>,
    /// The cache whose entry is made.
    pages: Option<Pages>,
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    /// By the tag of each.
    read: BTreeMap<String, Read>,
    opaque: Option<Arc<str>>,
    until: Option<Timestamp>,
    doomed: bool,
}

#[derive(Debug)]
struct Read {
    what: Dependency,
    tags: Vec<String>,
}

impl Scope {
    /// A scope within the one of this task, if there is one. What it takes down ends nothing yet:
    /// see [`FillContext::tracked`].
    pub fn new() -> Self {
        Self::with(None)
    }

    fn with(pages: Option<Pages>) -> Self {
        SCOPES.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Inner {
            outer: current(),
            pages,
            record: Mutex::default(),
        }))
    }

    /// Runs `work`, and takes down what it reads in its own task.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        SCOPE.scope(self.clone(), work).await
    }

    /// What was read so far.
    pub fn dependencies(&self) -> Dependencies {
        let record = self.0.record.lock();
        let mut tags: Vec<String> = record
            .read
            .values()
            .flat_map(|read| read.tags.iter().cloned())
            .collect();
        tags.sort();
        tags.dedup();
        Dependencies {
            read: record.read.values().map(|read| read.what.clone()).collect(),
            opaque: record.opaque.clone(),
            until: record.until,
            overtaken: record.doomed,
            tags,
        }
    }

    /// This scope and those around it.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |scope| scope.0.outer.as_ref())
    }

    fn note(&self, key: String, what: &Dependency, tags: &[String]) {
        for scope in self.chain() {
            scope.0.record.lock().note(key.clone(), what, tags);
        }
    }

    fn lose(&self, why: &str) {
        for scope in self.chain() {
            scope.0.lose(why);
        }
    }

    /// Bounds the lifetime of what is made by that of what was read.
    pub(crate) fn ends(&self, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        for scope in self.chain() {
            let until = &mut scope.0.record.lock().until;
            *until = Some(until.map_or(at, |until| until.min(at)));
        }
    }

    /// Has writes to `model` end what is made. Before anything of it is read.
    async fn follow(&self, store: &Store, model: &Model) {
        for scope in self.chain() {
            let Some(pages) = &scope.0.pages else {
                continue;
            };
            match pages.follow(store, model).await {
                Ok(until) => scope.ends(until),
                Err(why) => scope.0.lose(&why),
            }
        }
    }

    /// Before these are read; `plainly` if they are not loaded where they are not there.
    pub(crate) async fn reads_ids<M: CacheModel>(
        &self,
        cache: &Cache<M>,
        keys: &[IdKey],
        plainly: bool,
    ) {
        let model = cache.model();
        self.follow(cache.store(), model).await;
        for key in keys {
            self.note_id(cache, key);
        }
        if !self.has_pages() {
            return;
        }
        let readers = &model.loads().readers;
        for key in keys {
            readers.note_id(key, plainly);
        }
        self.note_whole(model);
        readers.make_room(model.schema().name()).await;
    }

    fn has_pages(&self) -> bool {
        self.chain().any(|scope| scope.0.pages.is_some())
    }

    fn note_id<M: CacheModel>(&self, cache: &Cache<M>, key: &IdKey) {
        let model = cache.schema().name();
        let id = match cache.id_of(key) {
            Ok(id) => format!("{id:?}"),
            Err(_) => format!("{key:?}"),
        };
        let tag = id_tag(model, key);
        let what = Dependency::Id {
            model: model.into(),
            id: id.into(),
        };
        self.note(tag.clone(), &what, &[tag, model_tag(model)]);
    }

    pub(crate) async fn reads_filter<M: CacheModel>(
        &self,
        cache: &Cache<M>,
        expr: &Expr,
        whole: bool,
    ) {
        let model = cache.model();
        self.follow(cache.store(), model).await;
        let name = model.schema().name();
        let tag = filter_tag(name, expr, whole);
        let what = Dependency::Filter {
            model: name.into(),
            filter: shown::filter(expr, model.schema()).into(),
            whole,
        };
        let list = if whole {
            list_tag(name)
        } else {
            found_tag(name)
        };
        self.note(tag.clone(), &what, &[tag.clone(), list, model_tag(name)]);
        if self.has_pages() {
            let readers = &model.loads().readers;
            readers.note_filter(tag, expr, whole);
            self.note_whole(model);
            readers.make_room(name).await;
        }
    }

    /// If a scope has given up taking down one by one what is read of a model.
    fn note_whole(&self, model: &Model) {
        let tag = whole_tag(model.schema().name());
        let gave_up = |scope: &Self| scope.0.record.lock().read.contains_key(&tag);
        if self.chain().any(gave_up) {
            model.loads().readers.note_whole();
        }
    }

    /// After a plain read that found nothing: what another program loads is not told by its id.
    pub(crate) fn missed(&self, model: &Model, key: &IdKey) {
        let name = model.schema().name();
        let tag = id_tag(name, key);
        for scope in self.chain() {
            if let Some(read) = scope.0.record.lock().read.get_mut(&tag) {
                read.tags.push(miss_tag(name, key));
            }
        }
    }

    /// Takes over what an entry that was read depends on itself, and its end.
    pub(crate) async fn found<M: CacheModel>(&self, cache: &Cache<M>, key: &IdKey, found: &Found) {
        self.ends(found.expires_at);
        if !is_derived(found) {
            return;
        }
        let tags = found.tags.as_slice();
        let store = cache.store();
        let models = store.models();
        for name in tags.iter().filter_map(|tag| tag.strip_prefix("dep:a:")) {
            match models.iter().find(|model| model.schema().name() == name) {
                // What of it was read, whoever follows it knows as long as this entry lives.
                Some(model) => self.follow(store, model).await,
                None => self.lose("it was made from a model that this program has not opened"),
            }
        }
        for tag in tags {
            let what = Dependency::Tag(tag.as_str().into());
            self.note(tag.clone(), &what, std::slice::from_ref(tag));
        }
        // What came to an end before it was followed has taken nobody with it.
        let keys = std::slice::from_ref(key);
        let again = store.get_many(cache.model(), keys, Want::Kept).await;
        let again = again.ok().and_then(|mut found| found.pop().flatten());
        if again.is_none_or(|again| again.version != found.version) {
            self.doom();
        }
    }

    /// What is made is not to be stored.
    pub(crate) fn doom(&self) {
        for scope in self.chain() {
            scope.0.record.lock().doomed = true;
        }
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        SCOPES.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    fn lose(&self, why: &str) {
        self.record.lock().opaque.get_or_insert_with(|| why.into());
    }
}

impl Record {
    fn note(&mut self, key: String, what: &Dependency, tags: &[String]) {
        let whole = |what: &Dependency| match what {
            Dependency::Id { model, .. }
            | Dependency::Filter { model, .. }
            | Dependency::Model { model } => Some(Arc::clone(model)),
            Dependency::Tag(_) => None,
        };
        if let Some(model) = whole(what) {
            if self.read.contains_key(&whole_tag(&model)) {
                return;
            }
            let things = self
                .read
                .values()
                .filter(|read| whole(&read.what).is_some());
            if !self.read.contains_key(&key) && things.count() >= MAX_DEPENDENCIES {
                self.read
                    .retain(|_, read| whole(&read.what).as_ref() != Some(&model));
                let read = Read {
                    // Also what others load may concern what was found before.
                    tags: vec![whole_tag(&model), model_tag(&model), found_tag(&model)],
                    what: Dependency::Model {
                        model: Arc::clone(&model),
                    },
                };
                self.read.insert(whole_tag(&model), read);
                return;
            }
        }
        if self.read.len() >= MAX_TAGS && !self.read.contains_key(&key) {
            // Made from so much that is made from so much.
            self.doomed = true;
            return;
        }
        self.read.entry(key).or_insert_with(|| Read {
            what: what.clone(),
            tags: tags.to_vec(),
        });
    }
}

/// Whether an entry was made from others.
pub(crate) fn is_derived(found: &Found) -> bool {
    let tags = found.tags.as_slice();
    tags.iter().any(|tag| tag.starts_with(MARK))
}

/// The scope of this task.
pub fn current() -> Option<Scope> {
    is_recording().then(|| SCOPE.try_with(Clone::clone).ok())?
}

/// Whether what is read in this task is taken down.
#[inline]
pub(crate) fn is_recording() -> bool {
    // A task that is in a scope has seen it being made.
    SCOPES.load(Ordering::Relaxed) > 0 && SCOPE.try_with(|_| ()).is_ok()
}

/// Adds a tag to all that is being made in this task: [`Cache::remove_tagged`] ends it.
pub fn tag(tag: impl Into<String>) {
    if let Some(scope) = current() {
        let tag = tag.into();
        let what = Dependency::Tag(tag.as_str().into());
        scope.note(tag.clone(), &what, &[tag]);
    }
}

/// Says that what is being made in this task depends on something that no cache knows: then time
/// alone ends it.
pub fn opaque(why: &str) {
    if let Some(scope) = current() {
        scope.lose(why);
    }
}

/// Work that a task of its own does for this one, within the scope of this task.
pub(crate) fn carried(work: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, ()> {
    match current() {
        Some(scope) => Box::pin(async move { scope.run(work).await }),
        None => Box::pin(work),
    }
}

/// As `tokio::spawn`, within the scope of this task.
///
/// # Panics
/// Outside of a Tokio runtime, as that does.
pub fn spawn<F>(work: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match current() {
        Some(scope) => tokio::spawn(async move { scope.run(work).await }),
        None => tokio::spawn(work),
    }
}

impl<P: CacheModel> FillContext<P> {
    /// Runs what makes the entry that is to be stored in `cache`, and has it end with whatever was
    /// read of caches meanwhile: written or removed, before the entry is stored or behind.
    ///
    /// It is followed what the task of `work` reads and what [`spawn`] runs; of other tasks nothing
    /// is known. The entry lives no longer than what it was made from. If not all is known
    /// ([`Dependencies::opaque`]), time alone ends it.
    pub async fn tracked<F: Future>(&self, cache: &Cache<P>, work: F) -> (F::Output, Dependencies) {
        let scope = Scope::with(Some(Pages::of(cache)));
        let output = scope.run(work).await;
        let dependencies = scope.dependencies();
        self.add_tags(dependencies.tags().iter().cloned());
        self.live_until(dependencies.until);
        if dependencies.overtaken {
            self.do_not_store();
        }
        (output, dependencies)
    }
}
