//! Over a real socket: what is sent is well-formed HTTP.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use larder::http::PageCache;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::site::{Setup, minute};

/// Serves an app; ends with the test's runtime.
async fn served(app: Router) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    TcpStream::connect(address).await.unwrap()
}

/// Sends a request over a connection that is kept, and reads the response to its head's end.
async fn head(connection: &mut TcpStream, request: &str) -> String {
    let request = format!("{request}\r\nhost: example.org\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

async fn body(connection: &mut TcpStream, length: usize) -> String {
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    String::from_utf8(body).unwrap()
}

async fn pages() -> PageCache {
    let setup = Setup::embedded("").await.unwrap();
    setup.pages().otherwise(minute()).build().await.unwrap()
}

#[tokio::test]
async fn responses_follow_each_other_on_one_connection() {
    let app = Router::new().route("/", get(|| async { "hello" }));
    let mut connection = served(app.layer(pages().await.layer())).await;
    let mut tag = String::new();
    for status in ["fwd=uri-miss", "hit", "hit"] {
        let head = head(&mut connection, "GET / HTTP/1.1").await;
        assert!(head.starts_with("http/1.1 200 ok"), "{head}");
        assert!(
            head.contains(&format!("cache-status: larder; {status}")),
            "{head}"
        );
        assert_eq!(head.matches("date: ").count(), 1);
        assert_eq!(head.matches("content-length: 5\r\n").count(), 1);
        assert_eq!(body(&mut connection, 5).await, "hello");
        let line = head.lines().find_map(|line| line.strip_prefix("etag: "));
        tag = line.unwrap().to_owned();
    }
    // Neither has a body: what follows on the connection is the next response.
    let head_only = head(&mut connection, "HEAD / HTTP/1.1").await;
    assert!(head_only.contains("content-length: 5\r\n"), "{head_only}");
    let known = format!("GET / HTTP/1.1\r\nif-none-match: {tag}");
    let unchanged = head(&mut connection, &known).await;
    assert!(unchanged.starts_with("http/1.1 304"), "{unchanged}");
    assert!(!unchanged.contains("content-length: 0"), "{unchanged}");
    let last = head(&mut connection, "GET / HTTP/1.1").await;
    assert!(last.starts_with("http/1.1 200 ok"), "{last}");
    assert_eq!(body(&mut connection, 5).await, "hello");
}

#[tokio::test]
async fn a_stream_of_events_is_passed_on_as_it_comes() {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel::<&str>();
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receiver)));
    let app = Router::new().route(
        "/",
        get(move || async move {
            let receiver = receiver.lock().await.take().unwrap();
            let body = http_body_util::StreamBody::new(Events(receiver));
            ([("content-type", "text/event-stream")], Body::new(body))
        }),
    );
    let mut connection = served(app.layer(pages().await.layer())).await;
    let head = head(&mut connection, "GET / HTTP/1.1").await;
    assert!(head.contains("detail=streaming"), "{head}");
    for event in ["data: one\n\n", "data: two\n\n"] {
        // Sent only after what came before it has arrived.
        sender.send(event).unwrap();
        let chunk = body(&mut connection, event.len() + 5).await;
        assert_eq!(chunk, format!("B\r\n{event}\r\n"));
    }
}

/// Events as they come, without an end.
struct Events(tokio::sync::mpsc::UnboundedReceiver<&'static str>);

impl futures_core::Stream for Events {
    type Item = Result<http_body::Frame<bytes::Bytes>, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let event = self.0.poll_recv(context);
        event.map(|event| event.map(|event| Ok(http_body::Frame::data(event.into()))))
    }
}
