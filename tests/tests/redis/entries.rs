//! What stands under a key: by which codec, for how long, and what is none of ours.

use std::time::Duration;

use larder::redis::RedisBuilder;
use larder::{Cache, Clock, Lifetime, PutOptions, SystemClock};
use larder_testkit::server::offline;

use crate::{Item, cache, ends, fill, holds, item, namespace, on_shared, server};

/// The one key of the objects of a namespace that holds a single one.
fn key(namespace: &str) -> String {
    let list = server().command(&["KEYS", &format!("{{{namespace}}}:item:*")]);
    let [key] = list.elements() else {
        panic!("not one key: {list}")
    };
    key.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_codec_are_read_while_another_is_configured() {
    if offline("codecs") {
        return;
    }
    let name = namespace("codecs");
    let mut caches = Vec::new();
    for (codec, first) in [
        ("bincode", 0),
        ("postcard", 10),
        ("json", 20),
        ("messagepack", 30),
    ] {
        let url = format!("{}?codec={codec}", server().url());
        let builder = RedisBuilder::from_url(&url).unwrap().namespace(&name);
        let cache: Cache<Item> = cache(builder).await;
        fill(&cache, first..first + 10).await;
        caches.push(cache);
    }
    for cache in &caches {
        holds(cache, 0..40).await;
        let stats = ends(cache.stats()).await.unwrap();
        assert_eq!((stats.undecodable, stats.store.foreign), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_bytes_under_a_key_are_misses_that_are_counted_and_heal() {
    if offline("foreign bytes") {
        return;
    }
    let name = namespace("foreign");
    let cache: Cache<Item> = cache(on_shared(&name)).await;
    ends(cache.put(item(1))).await.unwrap();
    let key = key(&name);
    let run = |command: &[&str]| {
        let reply = server().command(command);
        assert!(!reply.is_error(), "{reply}");
    };
    let foreign: [&[&str]; 6] = [
        &["SET", &key, "text"],
        &["RPUSH", &key, "a", "b"],
        &["SADD", &key, "a"],
        &["HSET", &key, "_b", "a body without a header"],
        &["HSET", &key, "_h", "garbage", "_b", "b"],
        &["HSET", &key, "_h", "L2 1 zz 7 5 never 0 0 - - ", "_b", "b"],
    ];
    for (i, command) in foreign.iter().enumerate() {
        run(&["DEL", &key]);
        run(command);
        assert_eq!(ends(cache.get(&1)).await.unwrap(), None, "{command:?}");
        let stats = ends(cache.stats()).await.unwrap();
        assert_eq!(stats.store.foreign, i as u64 + 1, "{command:?}");
        assert_eq!(
            server().command(&["EXISTS", &key]).number(),
            Some(0),
            "{command:?}"
        );
        run(command);
        ends(cache.put(item(1))).await.unwrap();
        holds(&cache, 1..2).await;
        run(&["DEL", &key]);
        run(command);
        assert!(!ends(cache.remove(&1)).await.unwrap(), "{command:?}");
        assert_eq!(
            server().command(&["EXISTS", &key]).number(),
            Some(0),
            "{command:?}"
        );
    }
    // A hash with nothing of ours in it: a miss, and put over like any.
    run(&["HSET", &key, "theirs", "1"]);
    assert_eq!(ends(cache.get(&1)).await.unwrap(), None);
    assert!(!ends(cache.contains(&1)).await.unwrap());
    ends(cache.put(item(1))).await.unwrap();
    holds(&cache, 1..2).await;
    assert_eq!(
        server().command(&["HEXISTS", &key, "theirs"]).number(),
        Some(0)
    );
    assert_eq!(ends(cache.stats()).await.unwrap().undecodable, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_cut_short_is_a_miss_that_is_counted_and_heals() {
    if offline("objects cut short") {
        return;
    }
    let name = namespace("cut");
    let cache: Cache<Item> = cache(on_shared(&name)).await;
    let mut undecodable = 0;
    for found in [false, true] {
        ends(cache.put(item(1))).await.unwrap();
        let key = key(&name);
        let set = server().command(&["HSET", &key, "_b", "\u{1}"]);
        assert_eq!(set.number(), Some(0), "the field was there");
        if found {
            let rows = ends(cache.find(|i| i.number.eq(1u64)).fetch())
                .await
                .unwrap();
            assert!(rows.items.is_empty());
        } else {
            assert_eq!(ends(cache.get(&1)).await.unwrap(), None);
        }
        undecodable += 1;
        let stats = ends(cache.stats()).await.unwrap();
        assert_eq!((stats.undecodable, stats.store.objects), (undecodable, 0));
        assert!(stats.last_undecodable.is_some());
        assert_eq!(server().command(&["EXISTS", &key]).number(), Some(0));
        ends(cache.put(item(1))).await.unwrap();
        holds(&cache, 1..2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifetime_is_kept_in_milliseconds_by_the_server() {
    if offline("lifetimes") {
        return;
    }
    let name = namespace("lifetimes");
    let cache: Cache<Item> = cache(on_shared(&name)).await;
    let put = |lifetime| {
        let options = PutOptions::default().with_lifetime(lifetime);
        let put = cache.put_with(item(1), options);
        async move { assert!(ends(put).await.unwrap().is_stored()) }
    };
    // The moment itself is compared, so that it does not matter when that is asked for.
    let moment = || {
        let expires = server().command(&["PEXPIRETIME", &key(&name)]);
        expires.number().unwrap()
    };
    let now = || i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    // The cache's clock may be behind the exact one by a tick of the kernel, and never ahead.
    let by_the_cache = || SystemClock.now().as_millis();
    for (millis, is_touch) in [(90_500, false), (91_501, true), (3_600_007, true)] {
        let lifetime = Duration::from_millis(millis);
        let before = by_the_cache();
        if is_touch {
            assert!(ends(cache.touch(&1, lifetime)).await.unwrap());
        } else {
            put(Lifetime::For(lifetime)).await;
        }
        let (moment, after, millis) = (moment(), now(), i64::try_from(millis).unwrap());
        assert!(
            (before + millis..=after + millis).contains(&moment),
            "{millis}"
        );
        let left = server().command(&["PTTL", &key(&name)]).number().unwrap();
        assert!(left > 0 && left <= millis, "{left} of {millis}");
    }
    put(Lifetime::Keep).await;
    assert!(moment() > now() + 3_500_000, "kept");
    put(Lifetime::Forever).await;
    assert_eq!(server().command(&["PTTL", &key(&name)]).number(), Some(-1));
    // One that ends while the test looks: first it is there by both clocks, then by none.
    put(Lifetime::For(Duration::from_millis(1_500))).await;
    let key = key(&name);
    server().wait_until(&["EXISTS", &key], "0");
    assert_eq!(ends(cache.get(&1)).await.unwrap(), None);
    assert_eq!(ends(cache.count()).await.unwrap(), 0);
}
