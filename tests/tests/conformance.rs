//! The conformance rules on every store there is, and on some that stand in for stores to come.

use std::sync::Arc;

use larder::{Capability, EmbeddedStore, Store};
use larder_testkit::server::{Kind, offline, shared};
use larder_testkit::{Backend, EncodedStore, LimitedStore, ReferenceStore, Setup, conformance};

/// What is expected of the reference: all there is.
async fn reference(setup: Setup) -> Backend {
    let store: Store = Arc::new(ReferenceStore::new(setup.clock));
    Backend::new(store, Capability::complete("reference"))
}

/// The embedded store, each write indexed at once.
async fn embedded_indexing_each_write(setup: Setup) -> Backend {
    embedded(setup, 1)
}

/// The embedded store, no write ever indexed: everything is found in the overlay.
async fn embedded_indexing_late(setup: Setup) -> Backend {
    embedded(setup, 1_000_000)
}

#[expect(clippy::expect_used, reason = "a test")]
fn embedded(setup: Setup, flush_at: usize) -> Backend {
    let builder = EmbeddedStore::builder().clock(setup.clock);
    let store = builder.flush_at(flush_at).build();
    let expected = Capability::complete("embedded");
    Backend::new(store.expect("a valid configuration"), expected)
}

/// Objects as bytes, no probes, and several programs: as behind a network.
async fn encoded(setup: Setup) -> Backend {
    let store = EncodedStore::new(setup.clock, larder_core::codec::Bincode);
    let another: Store = Arc::new(store.another());
    let store: Store = Arc::new(store);
    let mut expected = Capability::complete("encoded");
    expected.authoritative_probe = false;
    expected.live_objects = false;
    expected.leases = true;
    Backend::new(store, expected).with_another(another)
}

/// Objects by id and nothing else: all that asks for more has to be `Unsupported`.
async fn objects_only(setup: Setup) -> Backend {
    let mut expected = Capability::objects_only("objects only");
    expected.authoritative_probe = true;
    expected.live_objects = true;
    limited(setup, expected)
}

/// Queries without words, and circles under `&` alone.
async fn without_words_and_with_plain_circles(setup: Setup) -> Backend {
    let mut expected = Capability::complete("plain");
    expected.text = false;
    expected.geo_anywhere = false;
    limited(setup, expected)
}

fn limited(setup: Setup, expected: Capability) -> Backend {
    let store: Store = Arc::new(ReferenceStore::new(setup.clock));
    let store: Store = Arc::new(LimitedStore::new(store, expected.clone()));
    Backend::new(store, expected)
}

/// All that the embedded store can do but what takes live objects.
async fn redis(setup: Setup) -> Backend {
    searching(Kind::RedisSearch, setup).await
}

async fn valkey(setup: Setup) -> Backend {
    searching(Kind::Valkey, setup).await
}

async fn searching(kind: Kind, setup: Setup) -> Backend {
    let mut expected = Capability::complete("redis");
    expected.authoritative_probe = false;
    expected.live_objects = false;
    expected.shared = true;
    expected.leases = true;
    on_server(kind, setup, expected).await
}

/// Redis without search: objects by id, written on condition.
async fn redis_without_search(setup: Setup) -> Backend {
    let mut expected = Capability::objects_only("redis");
    expected.conditional_put = true;
    expected.shared = true;
    expected.leases = true;
    on_server(Kind::Plain, setup, expected).await
}

#[expect(clippy::expect_used, reason = "a test")]
async fn on_server(kind: Kind, setup: Setup, expected: Capability) -> Backend {
    if offline(&setup.namespace) {
        return Backend::left_out();
    }
    // The server may have been there before us, and be there after us.
    let namespace = format!(
        "{}-{}-{:?}",
        setup.namespace,
        std::process::id(),
        std::time::UNIX_EPOCH.elapsed()
    );
    let builder = larder::redis::RedisBuilder::from_url(&shared(kind).url())
        .expect("a URL")
        .namespace(namespace)
        .clock(setup.clock);
    let another = builder.clone().connect().await.expect("a server");
    let store = builder.connect().await.expect("a server");
    Backend::new(store, expected).with_another(another)
}

conformance!(reference);
conformance!(redis);
conformance!(valkey);
conformance!(redis_without_search);
conformance!(embedded_indexing_each_write);
conformance!(embedded_indexing_late);
conformance!(encoded);
conformance!(objects_only);
conformance!(without_words_and_with_plain_circles);
