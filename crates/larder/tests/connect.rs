//! `connect`: a URL decides which store there is, and a wrong one is a clear error.
//!
//! The feature `redis` is on in all tests of this package; what a build without it says is tested
//! in `tests/tests/workspace.rs`, and a store on a server in `tests/tests/movies.rs`.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::net::TcpListener;

use larder::{ErrorKind, connect};

/// URLs that lead to Redis, up to their options.
const REDIS: [&str; 14] = [
    "redis://host",
    "rediss://host",
    "redis+unix:///socket",
    "redis+sentinel://host/service",
    "rediss+sentinel://host/service",
    "redis+cluster://host",
    "rediss+cluster://host",
    "valkey://host",
    "valkeys://host",
    "valkey+unix:///socket",
    "valkey+sentinel://host/service",
    "valkeys+sentinel://host/service",
    "valkey+cluster://host",
    "Redis+Cluster://host",
];

async fn refusal(url: &str) -> String {
    let error = connect(url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}");
    error.to_string()
}

#[tokio::test]
#[cfg(feature = "embedded")]
async fn a_memory_url_makes_an_embedded_store() {
    for url in ["memory://", "Memory://?max_bytes=256MiB&ttl=1h&flush_at=1"] {
        let store = connect(url).await.unwrap();
        assert_eq!(store.capability().name, "embedded", "{url}");
    }
}

#[tokio::test]
#[cfg(feature = "embedded")]
async fn options_reach_the_store() {
    let message = refusal("memory://?max_byte=5").await;
    assert!(message.contains("no option `max_byte`"), "{message}");
    assert!(
        refusal("memory://?ttl=0s")
            .await
            .contains("lifetime of zero")
    );
}

#[tokio::test]
#[cfg(not(feature = "embedded"))]
async fn a_backend_that_was_left_out_is_named_with_its_feature() {
    let message = refusal("memory://").await;
    assert!(
        message.contains("`memory://`") && message.contains("feature `embedded`"),
        "{message}"
    );
}

#[tokio::test]
async fn a_scheme_without_a_backend_is_refused_with_those_there_are() {
    for scheme in [
        "http",
        "memory2",
        "redis2",
        "redis+http",
        "rediss+unix",
        "sentinel",
    ] {
        let message = refusal(&format!("{scheme}://127.0.0.1/")).await;
        assert!(
            message.contains(&format!("no backend for `{scheme}://`")),
            "{message}"
        );
        assert!(
            message.contains("`memory://`") && message.contains("`redis://`"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn every_scheme_of_redis_leads_to_redis_and_takes_its_options() {
    for url in REDIS {
        let message = refusal(&format!("{url}?tll=1h")).await;
        assert!(
            message.contains("a Redis URL has no option `tll`"),
            "{url}: {message}"
        );
        let message = refusal(&format!("{url}?ttl=soon")).await;
        assert!(
            message.contains("option `ttl` of a Redis URL is a duration"),
            "{url}: {message}"
        );
        let message = refusal(&format!("{url}?db=1")).await;
        assert!(message.contains("only database 0"), "{url}: {message}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for url in [
        format!("redis://user:s3cret@{address}"),
        format!("redis+sentinel://:s3cret@{address}/service?sentinel_password=s3cret"),
        format!("redis+cluster://:s3cret@{address}"),
        "redis+unix://user:s3cret@/nowhere/socket".to_owned(),
    ] {
        let error = connect(&url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{url}: {error}");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_url_without_a_scheme_is_refused() {
    for url in [
        "",
        "memory",
        "memory:",
        "://",
        "1st://",
        "127.0.0.1:6379",
        "a b://",
    ] {
        let message = refusal(url).await;
        assert!(message.contains("begins with a scheme"), "{message}");
    }
}

#[tokio::test]
async fn no_message_repeats_a_password() {
    for url in [
        "redis://:s3cret@host?tll=s3cret",
        "redis://user:s3cret@host:6379/1",
        "redis://user:s3cret@host:6379/s3cret@",
        "redis://user:s3cret/@host",
        "redis://user:s3cret?@host",
        "redis://user:s3cret#@host",
        "redis://user:s3cret%@host",
        "redis://user:s3cret@host:s3cret",
        "redis://host:s3cret@:port",
        "redis://user:s3cret@host?ca=s3cret@.pem",
        "redis://user:s3cret@host?ttl=s3cret@",
        "redis://user:s3cret@host?codec=s3cret@",
        "redis://user:s3cret@host,host",
        "redis://user:s3cret@host?sentinel_password=s3cret",
        "redis+unix://user:s3cret@host/socket",
        "redis+sentinel://user:s3cret@host",
        "redis+sentinel://host/service?sentinel_user=s3cret",
        "redis2://user:s3cret@host",
        "user:s3cret@host://",
        "user:s3cret@host",
        "memory://user:s3cret@host",
        "memory://?redis://user:s3cret@host",
        "memory://?ttl=redis://user:s3cret@host",
    ] {
        let message = refusal(url).await;
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[tokio::test]
async fn the_future_can_go_to_another_thread() {
    fn is_send(_: impl Send) {}
    is_send(connect("memory://"));
}
