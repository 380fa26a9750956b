//! A page cache: a tower layer that caches whole responses in any store of Larder.
//!
//! It keeps to RFC 9111 as a shared cache on the server's side, and it is stricter where a mistake
//! would show one user's page to another: see `docs/PAGES.md` for each rule and the test that
//! proves it. What a page was made from decides when it ends.
//!
//! ```
//! use std::time::Duration;
//! use larder_http::{PageCache, Rule};
//!
//! # async fn example(store: larder_core::Store) -> larder_core::Result<()> {
//! let pages = PageCache::builder(store)
//!     .rule("/static/*", Rule::new().ttl(Duration::from_secs(3600)))
//!     .rule("/admin/*", Rule::off())
//!     .otherwise(Rule::new().ttl(Duration::from_secs(60)))
//!     .build()
//!     .await?;
//! // let app = axum::Router::new().route("/", get(home)).layer(pages.layer());
//! # let _ = pages.layer();
//! # Ok(())
//! # }
//! ```

mod body;
mod conditional;
mod control;
mod counters;
mod dependencies;
mod future;
mod identity;
mod intake;
mod key;
mod layer;
mod load;
mod pages;
mod report;
mod response;
mod rule;
mod service;
mod vary;
mod verdict;

pub use body::PageBody;
pub use counters::PageStats;
pub use future::PageFuture;
pub use identity::{CacheIdentity, Identity};
pub use intake::{Buffered, Intake, Plain};
pub use layer::PageCacheLayer;
pub use pages::{PageCache, PageCacheBuilder, PageTags};
pub use report::{Outcome, PageReport, Why};
pub use response::CachedResponse;
pub use rule::{ClientControl, Query, Rule};
pub use service::PageCacheService;
