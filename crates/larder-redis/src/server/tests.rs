use std::sync::Arc;
use std::time::Duration;

use larder_core::{ErrorKind, Result};
use redis::{Value, parse_redis_value};

use super::{ALL_TERMS, EXPANSIONS, Facts, RESULTS, setting};
use crate::config::RedisBuilder;
use crate::config::tests::Unused;
use crate::link::tests::fake::{Fake, HANG_UP};
use crate::link::{Link, Session};

const HELLO: &str = "%5\r\n+server\r\n+redis\r\n+version\r\n+8.2.3\r\n+mode\r\n+standalone\r\n+role\r\n+master\r\n+modules\r\n*1\r\n%2\r\n+name\r\n+search\r\n+ver\r\n:21005\r\n";
/// Long enough for any answer that comes.
const ENOUGH: Duration = Duration::from_secs(60);
/// The answer of a search that found nothing.
const NO_ROWS: &str = "%1\r\n+results\r\n*0\r\n";
/// The answer of an FT.CONFIG GET.
const UNLIMITED: &str = "%1\r\n+NAME\r\n+1000000000\r\n";

fn value(text: &str) -> Value {
    parse_redis_value(text.as_bytes()).expect(text)
}

async fn session(server: &Fake) -> Result<Session> {
    let builder = RedisBuilder::from_url(&server.url())
        .expect("a URL")
        .codec(Unused);
    Link::new(Arc::new(builder), "{ns}".to_owned())?
        .session()
        .await
}

/// What a server with a search module answers where `answers` has nothing to say.
fn searching(answers: impl Fn(&[String]) -> Option<&'static str> + Send + Sync + 'static) -> Fake {
    Fake::start(move |_, words| {
        answers(words).or_else(|| match words[0].as_str() {
            "HELLO" => Some(HELLO),
            "FT.CONFIG" if words[1] == "GET" => Some(UNLIMITED),
            "FT.CONFIG" | "FT.CREATE" | "FT.DROPINDEX" => Some("+OK\r\n"),
            "HSET" | "EXPIRE" | "UNLINK" => Some(":1\r\n"),
            "FT.SEARCH" => Some(NO_ROWS),
            _ => None,
        })
    })
}

#[test]
fn a_server_tells_what_it_is() {
    let info = "# Server\r\nredis_version:8.2.3\r\nrun_id:abc\r\n";
    let info = Value::BulkString(info.into());
    let facts = Facts::read(&value(HELLO), &info).expect("facts");
    assert_eq!(
        (facts.server.as_str(), facts.version.as_str()),
        ("redis", "8.2.3")
    );
    assert_eq!((facts.search, facts.id.as_str()), (Some(21005), "abc"));
    assert!(!facts.cluster && !facts.replica);

    let hello = HELLO
        .replace("standalone", "cluster")
        .replace("master", "replica")
        .replace("search", "ReJSON");
    let info = Value::SimpleString("valkey_version:9.1.2\r\nrun_id:x\r\n".to_owned());
    let facts = Facts::read(&value(&hello), &info).expect("facts");
    assert_eq!(
        (facts.server.as_str(), facts.version.as_str()),
        ("valkey", "9.1.2")
    );
    assert!(facts.cluster && facts.replica);
    assert_eq!(facts.search, None);
}

#[test]
fn a_map_of_the_old_protocol_is_one_too() {
    let hello = "*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.1\r\n";
    let facts = Facts::read(&value(hello), &Value::Nil).expect("facts");
    assert_eq!((facts.version.as_str(), facts.id.as_str()), ("7.0.1", ""));
    for other in [
        "+OK\r\n",
        "*0\r\n",
        ":1\r\n",
        "%1\r\n+mode\r\n+x\r\n",
        "-ERR no\r\n",
    ] {
        assert!(Facts::read(&value(other), &Value::Nil).is_none(), "{other}");
    }
}

#[test]
fn a_setting_is_read_in_each_form_it_comes_in() {
    for (answer, expected) in [
        ("%1\r\n+A\r\n+200\r\n", Some(200)),
        ("%1\r\n+A\r\n*1\r\n+200\r\n", Some(200)),
        ("*2\r\n+A\r\n+200\r\n", Some(200)),
        ("*1\r\n*2\r\n$1\r\nA\r\n$3\r\n200\r\n", Some(200)),
        ("%1\r\n+A\r\n+unlimited\r\n", Some(u64::MAX)),
        ("*2\r\n+A\r\n+-1\r\n", Some(u64::MAX)),
        ("*2\r\n+A\r\n:7\r\n", Some(7)),
        ("%0\r\n", None),
        ("*0\r\n", None),
        ("*2\r\n+A\r\n_\r\n", None),
        ("-NOPERM no\r\n", None),
    ] {
        assert_eq!(setting(&value(answer)), expected, "{answer}");
    }
}

#[tokio::test]
async fn a_server_without_the_module_refuses_queries_by_what_to_install() {
    let server = Fake::start(|_, _| None);
    let session = session(&server).await.expect("a session");
    let facts = session.facts();
    let refused = facts.query_refused.as_ref().expect("it is refused");
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("RediSearch module"), "{refused}");
    assert!(server.seen().is_empty(), "{:?}", server.seen());
}

#[tokio::test]
async fn a_module_that_answers_otherwise_gets_no_queries_and_nothing_is_left_behind() {
    let server = searching(|_| None);
    let session = session(&server).await.expect("a session");
    let refused = session
        .facts()
        .query_refused
        .clone()
        .expect("it is refused");
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("check `T2`"), "{refused}");
    assert!(refused.message().contains("21005"), "{refused}");

    let seen = server.seen();
    let of = |name: &'static str| seen.iter().filter(move |words| words[0] == name);
    let index = &of("FT.CREATE").next().expect("an index")[1];
    assert!(index.starts_with("{ns}:~selftest-"), "{index}");
    assert!(of("FT.DROPINDEX").any(|words| words[1] == *index));
    let removed = of("UNLINK").next().expect("the probes go");
    assert!(of("HSET").all(|words| removed.contains(&words[1])));
    assert!(of("HSET").all(|words| words[1].starts_with(&format!("{index}:"))));
}

#[tokio::test]
async fn a_user_who_may_not_make_an_index_is_told_what_to_permit() {
    let server = searching(|words| {
        let refused = ["FT.CREATE", "FT.CONFIG", "CONFIG"].contains(&words[0].as_str());
        refused.then_some("-NOPERM User u has no permissions to run the 'ft.create' command\r\n")
    });
    let session = session(&server).await.expect("a session");
    let facts = session.facts();
    let refused = facts.query_refused.as_ref().expect("it is refused");
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    for part in ["+ft.create", "~{ns}:*", "ft.create' command"] {
        assert!(refused.message().contains(part), "{part}: {refused}");
    }
    // What it may not ask is taken to be what it is by default.
    assert_eq!(facts.max_expansions, EXPANSIONS);
    assert_eq!(facts.max_search_results, RESULTS);
}

#[tokio::test]
async fn limits_are_raised_by_the_newer_name_where_the_older_is_not_permitted() {
    let server = searching(|words| match words[0].as_str() {
        "FT.CONFIG" if words[1] == "SET" => Some("-ERR no such option\r\n"),
        "FT.CONFIG" => Some("%1\r\n+NAME\r\n+200\r\n"),
        "CONFIG" if words[1] == "SET" => Some("+OK\r\n"),
        "CONFIG" => Some("%1\r\n$28\r\nsearch-max-prefix-expansions\r\n$10\r\n1000000000\r\n"),
        _ => None,
    });
    let session = session(&server).await.expect("a session");
    assert_eq!(session.facts().max_expansions, ALL_TERMS);
    assert_eq!(session.facts().max_search_results, 200);
    let raised = [
        "CONFIG",
        "SET",
        "search-max-prefix-expansions",
        "1000000000",
    ];
    assert!(server.seen().iter().any(|words| *words == raised));
}

#[tokio::test]
async fn a_server_is_tested_once_and_again_when_it_is_another() {
    let server = searching(|_| None);
    let builder = RedisBuilder::from_url(&server.url())
        .expect("a URL")
        .codec(Unused);
    let link = Link::new(Arc::new(builder), "{ns}".to_owned()).expect("a link");
    let tests = || {
        let seen = server.words_seen();
        seen.iter().filter(|word| *word == "FT.CREATE").count()
    };
    for (run, expected) in [
        ("+run_id:a\r\n", 1),
        ("+run_id:a\r\n", 1),
        ("+run_id:b\r\n", 2),
        ("-NOPERM no\r\n", 3),
        ("-NOPERM no\r\n", 4),
    ] {
        server.answer(move |_, words| match words[0].as_str() {
            "INFO" => Some(run),
            "HELLO" => Some(HELLO),
            "FT.CONFIG" => Some(UNLIMITED),
            "FT.SEARCH" => Some(NO_ROWS),
            "QUIT" => Some(HANG_UP),
            _ => Some(":1\r\n"),
        });
        let session = link.session().await.expect("a session");
        assert!(session.facts().query_refused.is_some(), "{run}");
        assert_eq!(tests(), expected, "{run}");
        // The next one connects anew.
        let quit = redis::cmd("QUIT");
        session.one(ENOUGH, &quit).await.expect_err("it hangs up");
    }
}

#[tokio::test]
async fn a_replica_is_not_tested_and_a_full_server_is_told() {
    let server = searching(|words| {
        (words[0] == "HELLO").then(|| HELLO.replace("master", "replica").leak() as &str)
    });
    let replica = session(&server).await.expect("a session");
    assert!(replica.facts().replica && replica.facts().query_refused.is_none());
    assert!(!server.words_seen().contains(&"FT.CREATE".to_owned()));

    let server = searching(|words| (words[0] == "HSET").then_some("-OOM no memory\r\n"));
    let full = session(&server).await.expect("a session");
    let refused = full.facts().query_refused.clone().expect("it is refused");
    assert_eq!(refused.kind(), ErrorKind::Overloaded, "{refused}");
    assert!(server.words_seen().contains(&"FT.DROPINDEX".to_owned()));
}

#[tokio::test]
async fn what_says_hello_otherwise_is_no_server() {
    let server = Fake::start(|_, words| match words.len() {
        1 if words[0] == "HELLO" => Some("+hello\r\n"),
        _ => None,
    });
    let error = session(&server).await.expect_err("no map");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
}
