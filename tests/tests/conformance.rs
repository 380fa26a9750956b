//! The conformance rules on every store there is, and on some that stand in for stores to come.

use std::sync::Arc;

use larder::{Capability, EmbeddedStore, Store};
use larder_testkit::{Backend, EncodedStore, ReferenceStore, Setup, conformance};

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

/// Objects as bytes, no probes: as behind a network.
async fn encoded(setup: Setup) -> Backend {
    let store: Store = Arc::new(EncodedStore::new(setup.clock, larder_core::codec::Bincode));
    let mut expected = Capability::complete("encoded");
    expected.authoritative_probe = false;
    expected.live_objects = false;
    Backend::new(store, expected)
}

conformance!(reference);
conformance!(embedded_indexing_each_write);
conformance!(embedded_indexing_late);
conformance!(encoded);
