use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use larder_core::ErrorKind;
use redis::Value;

use super::{Link, PAUSES, Phase, again, pause};
use crate::config::RedisBuilder;
use crate::config::tests::Unused;
use crate::error;

use self::fake::{Fake, REPLY};

mod encrypted;
pub(crate) mod fake;

/// Long enough for any answer that comes.
const ENOUGH: Duration = Duration::from_secs(60);

fn link(url: &str) -> Link {
    let builder = RedisBuilder::from_url(url)
        .expect(url)
        .codec(Unused)
        .connect_timeout(ENOUGH)
        .timeout(ENOUGH);
    Link::new(Arc::new(builder), "{ns}".to_owned()).expect(url)
}

fn refusal<T: std::fmt::Debug>(answer: larder_core::Result<T>, kind: ErrorKind) -> String {
    let error = answer.expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.store(), Some("redis"), "{error}");
    error.message().to_owned()
}

fn get() -> redis::Cmd {
    let mut get = redis::cmd("GET");
    get.arg("{ns}:a");
    get
}

#[tokio::test]
async fn all_who_wait_share_one_connection() {
    let server = Fake::start(|_, _| None);
    let link = link(&server.url());
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let link = link.clone();
        callers.spawn(async move { link.session().await.map(|_| ()) });
    }
    for outcome in callers.join_all().await {
        outcome.expect("the server is there");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_dropped_caller_does_not_stop_the_attempt() {
    let (gate, open) = fake::gate();
    let server = Fake::start(move |_, words| {
        if words[0] == "PING" {
            open.wait();
        }
        None
    });
    let link = link(&server.url());
    {
        let mut caller = pin!(link.session());
        let mut context = Context::from_waker(Waker::noop());
        assert!(caller.as_mut().poll(&mut context).is_pending());
    }
    gate.open();
    link.session().await.expect("the attempt went on");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn while_connecting_pauses_an_operation_fails_at_once_with_the_cause() {
    let server = Fake::start(|_, _| None);
    let link = link(&server.url());
    let cause = error::new(ErrorKind::Timeout, "the reason");
    let until = |when| Phase::Pausing {
        until: when,
        cause: cause.clone(),
    };
    link.0.state.lock().phase = until(Instant::now() + ENOUGH);
    let message = refusal(link.session().await, ErrorKind::Unavailable);
    assert!(message.contains("the reason"), "{message}");
    assert_eq!(server.connections(), 0);
    link.0.state.lock().phase = until(Instant::now());
    link.session().await.expect("the pause is over");
}

#[test]
fn what_no_attempt_can_mend_keeps_its_kind() {
    let kind = |kind| again(&error::new(kind, "it")).kind();
    assert_eq!(kind(ErrorKind::InvalidConfig), ErrorKind::InvalidConfig);
    assert_eq!(kind(ErrorKind::Unsupported), ErrorKind::Unsupported);
    assert_eq!(kind(ErrorKind::Overloaded), ErrorKind::Unavailable);
}

#[test]
fn pauses_double_up_to_the_longest_and_spread_over_their_second_half() {
    let (first, longest) = PAUSES;
    let mut whole = first;
    for failures in 1..40 {
        assert_eq!(pause(failures, 0), whole / 2);
        assert_eq!(pause(failures, 1_500), whole / 2 + whole / 4);
        assert!(pause(failures, 999) < whole);
        whole = (whole * 2).min(longest);
    }
    assert!(pause(u32::MAX, u64::MAX) <= longest);
}

#[tokio::test]
async fn an_attempt_that_fails_is_followed_by_a_pause_and_one_that_does_not_by_none() {
    let server = Fake::start(|_, words| (words[0] == "PING").then_some("-LOADING it loads\r\n"));
    let link = link(&server.url());
    let message = refusal(link.session().await, ErrorKind::Unavailable);
    assert!(message.contains("LOADING"), "{message}");
    {
        let state = link.0.state.lock();
        assert_eq!(state.failures, 1);
        assert!(matches!(state.phase, Phase::Pausing { .. }));
    }
    server.answer(|_, _| None);
    link.0.state.lock().phase = Phase::Idle;
    link.session().await.expect("it has loaded");
    assert_eq!(link.0.state.lock().failures, 0);
}

#[tokio::test]
async fn what_is_no_server_of_this_kind_is_told() {
    for (answer, kind, part) in [
        (
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            ErrorKind::InvalidConfig,
            "does not speak the Redis protocol",
        ),
        (
            "<!DOCTYPE HTML>\r\n",
            ErrorKind::InvalidConfig,
            "does not speak the Redis protocol",
        ),
        (
            "-WRONGPASS no\r\n",
            ErrorKind::InvalidConfig,
            "authentication failed",
        ),
        (
            "-ERR unknown command 'HELLO', with args beginning with: 'AUTH' 'u' 's3cret'\r\n",
            ErrorKind::Unsupported,
            "Redis 6",
        ),
        (
            "-ERR max number of clients reached\r\n",
            ErrorKind::Overloaded,
            "maxclients",
        ),
        (
            "+OK\r\n",
            ErrorKind::InvalidConfig,
            "does not answer like a Redis server",
        ),
    ] {
        let server = Fake::start(move |_, words| (words[0] == "HELLO").then_some(answer));
        let url = server.url().replace("//", "//u:s3cret@");
        let error = link(&url).session().await.expect_err(answer);
        assert_eq!(error.kind(), kind, "{answer}: {error}");
        assert!(error.message().contains(part), "{answer}: {error}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_is_unavailable_and_one_that_is_silent_a_timeout() {
    let server = Fake::start(|_, _| Some(fake::HANG_UP));
    refusal(link(&server.url()).session().await, ErrorKind::Unavailable);

    let server = Fake::start(|_, _| Some(fake::SILENCE));
    let builder = RedisBuilder::from_url(&server.url())
        .expect("a URL")
        .codec(Unused)
        .connect_timeout(Duration::from_millis(20));
    let silent = Link::new(Arc::new(builder), "{ns}".to_owned()).expect("a link");
    refusal(silent.session().await, ErrorKind::Timeout);

    let nobody = server.stop();
    refusal(link(&nobody).session().await, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_passed_deadline_gives_the_connection_up_and_lets_the_others_end() {
    let (gate, open) = fake::gate();
    let server = Fake::start(move |connection, words| {
        match (connection, words[0].as_str()) {
            // The answers of a connection come in order, so the one that ends goes before.
            (1, "SLOW") => {
                open.wait();
                Some("+slow\r\n")
            }
            (1, "NEVER") => Some(fake::SILENCE),
            (2, "NEVER") => Some("+now\r\n"),
            _ => None,
        }
    });
    let link = link(&server.url());
    let session = link.session().await.expect("a session");
    let slow = tokio::spawn({
        let session = session.clone();
        async move { session.one(ENOUGH, &redis::cmd("SLOW")).await }
    });
    server.has_seen("SLOW").await;
    let never = redis::cmd("NEVER");
    let answer = session.one(Duration::from_millis(20), &never).await;
    refusal(answer, ErrorKind::Timeout);

    let next = link.session().await.expect("another session");
    let answer = next.one(ENOUGH, &never).await;
    assert_eq!(
        answer.expect("an answer"),
        Value::SimpleString("now".to_owned())
    );
    assert_eq!(server.connections(), 2);
    drop(session);
    gate.open();
    let answer = slow.await.expect("no panic").expect("its own end");
    assert_eq!(answer, Value::SimpleString("slow".to_owned()));
}

#[tokio::test]
async fn a_connection_that_ended_unused_costs_no_operation() {
    let server = Fake::start(|_, words| match words[0].as_str() {
        "GET" => Some(REPLY),
        "QUIT" => Some(fake::HANG_UP),
        _ => None,
    });
    let link = link(&server.url());
    let session = link.session().await.expect("a session");
    let quit = session.one(ENOUGH, &redis::cmd("QUIT")).await;
    refusal(quit, ErrorKind::Unavailable);
    let next = link.session().await.expect("another");
    next.one(ENOUGH, &get()).await.expect("an answer");
    // The old session's operations fail, and leave the new connection alone.
    refusal(session.one(ENOUGH, &get()).await, ErrorKind::Unavailable);
    assert!(!next.live.connection.is_broken());
    assert_eq!(server.connections(), 2);
    // The task sees the end of the new one though nobody uses it.
    server.hang_up();
    while !next.live.connection.is_broken() {
        // Gives the driver of the connection a turn.
        tokio::task::yield_now().await;
    }
    let third = link.session().await.expect("a third");
    third.one(ENOUGH, &get()).await.expect("an answer");
}

#[tokio::test]
async fn one_value_answers_each_command_and_refusals_are_among_them() {
    let server = Fake::start(|_, words| match words[0].as_str() {
        "GET" => Some(REPLY),
        "SET" => Some("-OOM no memory\r\n"),
        _ => None,
    });
    let session = link(&server.url()).session().await.expect("a session");
    let mut pipeline = redis::pipe();
    pipeline.add_command(get()).ignore();
    pipeline.cmd("SET").arg("{ns}:a").arg(1);
    pipeline.add_command(get());
    let answers = session.run(ENOUGH, &pipeline).await.expect("answers");
    let value = Value::BulkString(b"value".to_vec());
    assert!(
        matches!(&answers[..], [a, Value::ServerError(oom), b] if *a == value && *b == value && oom.code() == "OOM"),
        "{answers:?}"
    );
    let set = redis::cmd("SET");
    refusal(session.one(ENOUGH, &set).await, ErrorKind::Overloaded);
    let none = session.run(ENOUGH, &redis::pipe()).await.expect("nothing");
    assert!(none.is_empty());
    assert!(!session.live.connection.is_broken());
}

#[tokio::test]
async fn a_transaction_answers_what_its_commands_did() {
    let mut pipeline = redis::pipe();
    pipeline.atomic().add_command(get()).add_command(get());
    let queued = |exec: &'static str| {
        Fake::start(move |_, words| match words[0].as_str() {
            "MULTI" => Some("+OK\r\n"),
            "EXEC" => Some(exec),
            "GET" => Some("+QUEUED\r\n"),
            _ => None,
        })
    };
    let server = queued("*2\r\n$5\r\nvalue\r\n-WRONGTYPE no\r\n");
    let session = link(&server.url()).session().await.expect("a session");
    let answers = session.run(ENOUGH, &pipeline).await.expect("answers");
    assert!(
        matches!(&answers[..], [Value::BulkString(_), Value::ServerError(_)]),
        "{answers:?}"
    );
    assert_eq!(server.words_seen(), ["MULTI", "GET", "GET", "EXEC"]);

    let server = queued("-OOM no memory\r\n");
    let session = link(&server.url()).session().await.expect("a session");
    refusal(session.run(ENOUGH, &pipeline).await, ErrorKind::Overloaded);
}

#[tokio::test]
async fn a_transaction_that_is_refused_says_why_and_leaves_the_connection_whole() {
    let mut pipeline = redis::pipe();
    pipeline.atomic().add_command(get());
    for refused in ["MULTI", "GET"] {
        let server = Fake::start(move |_, words| match words[0].as_str() {
            word if word == refused => Some("-NOPERM may not\r\n"),
            "MULTI" => Some("+OK\r\n"),
            "GET" => Some("+QUEUED\r\n"),
            "EXEC" => Some("-EXECABORT Transaction discarded\r\n"),
            "EXISTS" => Some(":0\r\n"),
            _ => None,
        });
        let link = link(&server.url());
        let session = link.session().await.expect("a session");
        let message = refusal(
            session.run(ENOUGH, &pipeline).await,
            ErrorKind::InvalidConfig,
        );
        assert!(message.contains("may not"), "{message}");
        let exists = session.one(ENOUGH, redis::cmd("EXISTS").arg("a")).await;
        assert_eq!(exists.expect("an answer"), Value::Int(0));
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_cluster_is_asked_who_holds_the_namespace_and_again_when_it_moved() {
    let new = Fake::start(|_, words| (words[0] == "GET").then_some(REPLY));
    let moves = |owner: u16| {
        format!(
            ":5\r\n*2\r\n*3\r\n:0\r\n:4\r\n*2\r\n$9\r\n127.0.0.9\r\n:1\r\n*3\r\n:5\r\n:9\r\n*2\r\n$0\r\n\r\n:{owner}\r\n"
        )
    };
    let old = Fake::start(|_, _| None);
    let (keyslot_old, keyslot_new) = (moves(old.port()), moves(new.port()));
    let (before, after): (&'static str, &'static str) = (keyslot_old.leak(), keyslot_new.leak());
    old.answer(
        move |_, words| match (words[0].as_str(), words.get(1).map(String::as_str)) {
            ("CLUSTER", Some("KEYSLOT")) if words[2] == "{ns}" => Some(before),
            ("CLUSTER", Some("SLOTS")) => Some(fake::NOTHING),
            ("GET", _) => Some("-MOVED 5 127.0.0.1:1\r\n"),
            _ => None,
        },
    );
    let link = link(&format!("redis+cluster://{}", old.address()));
    let session = link.session().await.expect("a session");
    assert!(
        session
            .live
            .connection
            .peer()
            .ends_with(&old.port().to_string())
    );
    // Still its own view: once more there, and then it is told.
    refusal(session.one(ENOUGH, &get()).await, ErrorKind::Unavailable);
    old.answer(
        move |_, words| match (words[0].as_str(), words.get(1).map(String::as_str)) {
            ("CLUSTER", Some("KEYSLOT")) => Some(after),
            ("CLUSTER", Some("SLOTS")) => Some(fake::NOTHING),
            ("GET", _) => Some("-MOVED 5 127.0.0.1:1\r\n"),
            _ => None,
        },
    );
    let session = link.session().await.expect("a session");
    let mut pipeline = redis::pipe();
    pipeline.add_command(get()).add_command(get());
    let answers = session
        .run(ENOUGH, &pipeline)
        .await
        .expect("from the new owner");
    assert_eq!(answers.len(), 2);
    assert_eq!(new.words_seen(), ["GET", "GET"]);
}

#[tokio::test]
async fn sentinels_are_asked_for_the_primary_until_one_answers() {
    let server = Fake::start(|_, _| None);
    let port = server.port().to_string();
    let primary: &'static str =
        format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len()).leak();
    let sentinel = Fake::start(move |_, words| {
        (words[..] == ["SENTINEL", "get-master-addr-by-name", "my svc"].map(str::to_owned))
            .then_some(primary)
    });
    let dead = Fake::start(|_, _| None);
    let dead_address = dead.address();
    dead.stop();
    let url = format!(
        "redis+sentinel://{dead_address},{}/my%20svc",
        sentinel.address()
    );
    let session = link(&url).session().await.expect("a session");
    assert!(session.live.connection.peer().ends_with(&port));

    server.answer(|_, words| (words[0] == "HELLO").then_some(fake::REPLICA));
    let message = refusal(link(&url).session().await, ErrorKind::Unavailable);
    assert!(message.contains("replica"), "{message}");
    sentinel.answer(|_, words| (words[0] == "SENTINEL").then_some("_\r\n"));
    let message = refusal(link(&url).session().await, ErrorKind::InvalidConfig);
    assert!(message.contains("no service of that name"), "{message}");
    sentinel.answer(|_, words| (words[0] == "SENTINEL").then_some("-ERR unknown command\r\n"));
    let message = refusal(link(&url).session().await, ErrorKind::InvalidConfig);
    assert!(message.contains("like a sentinel"), "{message}");
}

#[tokio::test]
async fn a_closed_link_makes_no_session() {
    let server = Fake::start(|_, words| (words[0] == "GET").then_some(REPLY));
    let link = link(&server.url());
    let session = link.session().await.expect("a session");
    link.close();
    refusal(link.session().await, ErrorKind::Closed);
    session
        .one(ENOUGH, &get())
        .await
        .expect("what has begun may end");
}

#[test]
fn a_link_outlives_the_runtime_that_connected_it() {
    let server = Fake::start(|_, words| (words[0] == "GET").then_some(REPLY));
    let link = link(&server.url());
    for runs in 1..=3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let session = link.session().await.expect("a session");
            session.one(ENOUGH, &get()).await.expect("an answer");
        });
        drop(runtime);
        assert_eq!(server.connections(), runs);
    }
}

#[test]
fn without_a_runtime_an_error_says_so() {
    let link = link("redis://127.0.0.1:1");
    let caller = pin!(link.session());
    match caller.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => {
            let message = refusal(answer, ErrorKind::InvalidConfig);
            assert!(message.contains("Tokio"), "{message}");
        }
        Poll::Pending => panic!("it waits for a runtime"),
    }
}

#[tokio::test]
async fn what_is_printed_holds_no_password() {
    let server = Fake::start(|_, _| None);
    let url = server.url().replace("//", "//us3r:s3cret@");
    let link = link(&url);
    let session = link.session().await.expect("a session");
    for text in [
        format!("{link:?}"),
        format!("{session:?}"),
        format!("{:?}", session.live.connection),
    ] {
        assert!(!text.contains("s3cret") && !text.contains("us3r"), "{text}");
    }
}
