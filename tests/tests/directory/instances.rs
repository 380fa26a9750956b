//! Two instances that share a Redis and a database.

use std::sync::Arc;

use directory::people::PersonCard;
use larder::http::PageCache;
use larder::redis::RedisBuilder;
use larder::{Cache, Store};
use larder_testkit::server::{Kind, offline, shared};

use crate::attacks::hostile_queries_are_words;
use crate::site::{Filled, Site, file};

/// A namespace of its own on the server that tests share.
fn url(name: &str) -> String {
    let url = shared(Kind::RedisSearch).url();
    let sign = if url.contains('?') { '&' } else { '?' };
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("{url}{sign}namespace={name}-{}-{now}", std::process::id())
}

/// Takes what was stored from the server again, which may be there after us.
async fn clear(url: &str) {
    let store = RedisBuilder::from_url(url)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let store: Store = store.into();
    let people: Cache<PersonCard> = Cache::builder(Arc::clone(&store)).build().await.unwrap();
    people.clear().await.unwrap();
    let pages = PageCache::builder(store).build().await.unwrap();
    pages.clear().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_through_one_is_seen_on_the_other_at_once() {
    if offline("the directory on Redis") {
        return;
    }
    let (url, database) = (url("directory-two"), file("two.sqlite"));
    let one = Site::sharing(&url, &database).await;
    let other = Site::sharing(&url, &database).await;
    for page in ["/", "/?q=zoe", "/people/40", "/people/6"] {
        one.until_kept(page).await;
        // What one has made, the other need not.
        assert!(other.get(page).await.is_hit(), "{page}");
    }
    for round in 0..10 {
        let name = format!("Zoë Number{round}");
        let (from, to) = match round % 2 {
            0 => (&one, &other),
            _ => (&other, &one),
        };
        from.change(40, "name", &name).await;
        assert_eq!(to.get("/people/40").await.heading(), name);
        let list = to.get("/?q=zoe").await;
        assert!(list.names().contains(&name), "{:?}", list.names());
        assert!(
            to.get(&format!("/?q=number{round}"))
                .await
                .names()
                .contains(&name)
        );
        // Whoever does not show her stays.
        assert!(to.get("/people/6").await.is_hit());
    }

    let wanda = Filled::new("Wanda Quill", "wanda.quill@example.org");
    assert_eq!(one.post("/people", &wanda.pairs()).await.status, 303);
    assert_eq!(other.get("/?q=wanda").await.names(), ["Wanda Quill"]);
    assert_eq!(other.get("/").await.count(), "1–24 of 321 people");
    assert_eq!(other.post("/people/321/delete", &[]).await.status, 303);
    assert_eq!(one.get("/people/321").await.status, 404);
    assert_eq!(one.get("/?q=wanda").await.count(), "Nobody was found.");
    assert_eq!(one.get("/").await.count(), "1–24 of 320 people");
    hostile_queries_are_words(&one).await;
    // Once both know everybody again, lists are kept again.
    one.until_kept("/?q=anna").await;
    clear(&url).await;
}
