//! The application: what its parts share, and which address is whose.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use larder::http::{PageCache, Rule};
use larder::sea_orm::CachedDb;
use larder::{Cache, CacheStore as _, Filter, Policy, SourcedCache, Store};
use sea_orm::{DatabaseConnection, EntityTrait};
use tokio::sync::Notify;

use crate::panel::Monitor;
use crate::people::{Entity, Model, PersonCard, keep_versions};
use crate::{Failure, assets, form, guard, pages, panel, search};

/// How long what is cached lives if no write ends it.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// How often it is looked whether the cache still knows all people, without being asked.
const LOOK: Duration = Duration::from_secs(5);

/// What the parts of the application share.
#[derive(Debug)]
pub(crate) struct App {
    /// Writes go through it: it tells the cache, once they are committed.
    pub(crate) db: CachedDb,
    /// Reads come from it; what it does not have it loads.
    pub(crate) people: SourcedCache<PersonCard>,
    /// Lists are loaded by it.
    pub(crate) policy: Policy,
    pub(crate) pages: PageCache,
    pub(crate) monitor: Monitor,
    removed: Notify,
}

impl App {
    /// Puts the caches between the store and the database.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn new(
        store: Store,
        connection: DatabaseConnection,
    ) -> larder::Result<Arc<Self>> {
        let policy = Policy::builder().ttl(LIFETIME).build()?;
        let people: Cache<PersonCard> = Cache::builder(Arc::clone(&store))
            .policy(policy.clone())
            .build()
            .await?;
        // Written through: the cache keeps knowing everybody, and of each write it knows whom it
        // changed from what to what. So it ends just the pages that show them.
        let db = CachedDb::builder(connection)
            .write_through(Entity, &people)
            .build()?;
        let rule = Rule::new()
            .query_only(search::PARAMETERS)
            // No page names the host.
            .any_host();
        let pages = PageCache::builder(store).otherwise(rule).build().await?;
        Ok(Arc::new(Self {
            people: db.cached(Entity)?,
            db,
            policy,
            pages,
            monitor: Monitor::default(),
            removed: Notify::new(),
        }))
    }

    /// Has the cache know everybody, for as long as this is polled: each list is a question to it
    /// then. It knows no longer once somebody was removed, here or by another program, and lists
    /// are loaded one by one until this has looked again.
    ///
    /// It runs in a task of its own. Within a page it would be part of what the page is made
    /// from, and any write would end it.
    pub(crate) async fn keep_warm(self: Arc<Self>) {
        loop {
            if let Err(error) = self.warm().await {
                self.monitor
                    .note(format!("the people could not be loaded: {error}"));
            }
            tokio::select! {
                () = self.removed.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn warm(&self) -> larder::Result<()> {
        let connection = self.db.connection().clone();
        let everybody = self.people.find(|_| Filter::all()).limit(0);
        let load = everybody.or_load_with(&self.policy, move |fill| async move {
            keep_versions(&fill);
            cards(Entity::find().all(&connection).await)
        });
        load.await.map(|_| ())
    }

    /// Somebody was removed.
    pub(crate) fn has_removed(&self) {
        self.removed.notify_one();
    }

    /// What the cache did.
    pub(crate) fn shown(&self) -> panel::Shown {
        let store = self.people.store().capability().name;
        self.monitor.shown(self.pages.stats(), store)
    }

    /// The service.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let cached = Router::new()
            .route("/", get(pages::list))
            .route("/people", post(pages::create))
            .route("/people/new", get(pages::blank))
            .route("/people/{id}", get(pages::profile).post(pages::save))
            .route("/people/{id}/edit", get(pages::edit))
            .route("/people/{id}/delete", post(pages::delete))
            .fallback(pages::missing)
            .layer(DefaultBodyLimit::max(form::MAX_FORM))
            .layer(self.pages.layer())
            .layer(from_fn_with_state(Arc::clone(self), panel::record));
        // The panel is of this moment, and the assets are here already.
        let plain = Router::new()
            .route("/panel", get(pages::panel))
            .route("/panel/fragment", get(pages::panel_fragment))
            .route("/assets/{digest}/{name}", get(assets::asset));
        plain
            .merge(cached)
            .layer(from_fn(guard::guard))
            .with_state(Arc::clone(self))
    }
}

/// Rows as the cache has them.
pub(crate) fn cards(rows: Result<Vec<Model>, sea_orm::DbErr>) -> Result<Vec<PersonCard>, Failure> {
    Ok(rows?.iter().map(PersonCard::from).collect())
}
