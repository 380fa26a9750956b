//! `connect`: a URL decides which store there is, and a wrong one is a clear error.
#![expect(clippy::unwrap_used, reason = "a test")]

use larder::{ErrorKind, connect};

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
    for scheme in ["redis", "rediss", "http", "memory2"] {
        let message = refusal(&format!("{scheme}://127.0.0.1/")).await;
        assert!(
            message.contains(&format!("no backend for `{scheme}://`")),
            "{message}"
        );
        assert!(message.contains("`memory://`"), "{message}");
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
        "redis://user:s3cret@host:6379/0",
        "redis://:s3cret@host?s3cret=s3cret",
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
