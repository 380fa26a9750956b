use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use larder_core::codec::Codec;
use larder_core::{Clock, Error, ErrorKind, Result, SystemClock, Timestamp};

use super::{Address, Node, ReadPolicy, RedisBuilder};

fn read(url: &str) -> RedisBuilder {
    RedisBuilder::from_url(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn refusal(url: &str) -> String {
    match RedisBuilder::from_url(url) {
        Ok(builder) => panic!("{url} was read as {builder:?}"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{url}");
            assert_eq!(error.store(), Some("redis"), "{url}");
            error.message().to_owned()
        }
    }
}

/// A codec where one must be, in builds without any.
#[derive(Debug)]
pub(crate) struct Unused;

impl Codec for Unused {
    fn number(&self) -> u8 {
        200
    }
    fn name(&self) -> &'static str {
        "unused"
    }
    fn encode(&self, _: &dyn erased_serde::Serialize) -> Result<Bytes> {
        Err(Error::internal("unused"))
    }
    fn decode(
        &self,
        _: &[u8],
        _: &mut dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<()>,
    ) -> Result<()> {
        Err(Error::internal("unused"))
    }
}

fn check(builder: &RedisBuilder) -> Result<()> {
    builder.clone().codec(Unused).check()
}

fn unchecked(builder: RedisBuilder) -> String {
    let error = check(&builder).expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error}");
    assert_eq!(error.store(), Some("redis"), "{error}");
    error.message().to_owned()
}

fn node(host: &str, port: u16) -> Node {
    Node::new(host, port)
}

fn user(builder: &RedisBuilder) -> (Option<&str>, Option<&str>) {
    let credentials = &builder.credentials;
    (
        credentials.username.as_deref(),
        credentials.password.as_deref(),
    )
}

/// A path for a test's file, and the file gone with it.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let name = format!("larder-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).expect("a directory for temporary files");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // Nothing depends on its going.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_url_without_options_is_the_default_at_its_address() {
    for (url, host, port) in [
        ("redis://localhost", "localhost", 6379),
        ("REDIS://localhost/", "localhost", 6379),
        ("valkey://localhost", "localhost", 6379),
        (
            "redis://cache-1.example.org:7000",
            "cache-1.example.org",
            7000,
        ),
        ("redis://127.0.0.1:6380/0", "127.0.0.1", 6380),
        ("redis://[::1]", "::1", 6379),
        ("redis://[fe80::1]:7000/", "fe80::1", 7000),
        ("redis://_cache", "_cache", 6379),
    ] {
        let builder = read(url);
        let default = RedisBuilder {
            address: Address::Tcp(node(host, port)),
            ..RedisBuilder::default()
        };
        assert_eq!(format!("{builder:?}"), format!("{default:?}"), "{url}");
        check(&builder).expect(url);
    }
}

#[test]
fn the_default_is_this_machine() {
    let builder = RedisBuilder::default();
    check(&builder).expect("nothing is wrong with it");
    assert_eq!(builder.to_string(), "redis://127.0.0.1:6379");
    assert_eq!(builder.namespace, "larder");
    assert_eq!(builder.timeout, Duration::from_secs(2));
    assert_eq!(builder.query_timeout, Duration::from_secs(15));
    assert_eq!(builder.connect_timeout, Duration::from_secs(2));
    assert_eq!(builder.reads, ReadPolicy::FailClosed);
    assert_eq!((builder.ttl, builder.injected_clock), (None, false));
}

#[test]
fn every_option_of_a_url_is_set() {
    let url = "redis://h?namespace=a%20%2Fb%26c&ttl=1h30m&timeout=1s&query_timeout=12s&connect_timeout=300ms&reads=open&db=3";
    let builder = read(url);
    assert_eq!(builder.namespace, "a /b&c");
    assert_eq!(builder.ttl, Some(Duration::from_secs(5_400)));
    assert_eq!(builder.timeout, Duration::from_secs(1));
    assert_eq!(builder.query_timeout, Duration::from_secs(12));
    assert_eq!(builder.connect_timeout, Duration::from_millis(300));
    assert_eq!(builder.reads, ReadPolicy::FailOpen);
    assert_eq!(builder.database, 3);
    assert_eq!(read("redis://h?reads=closed").reads, ReadPolicy::FailClosed);
    assert_eq!(read("redis://h/7").database, 7);
}

#[test]
fn every_option_of_the_builder_is_set() {
    #[derive(Debug)]
    struct Still;
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(5)
        }
    }
    let builder = RedisBuilder::default()
        .namespace("shop")
        .clock(Still)
        .ttl(Duration::from_secs(1))
        .timeout(Duration::from_secs(3))
        .query_timeout(Duration::from_secs(4))
        .connect_timeout(Duration::from_secs(5))
        .reads(ReadPolicy::FailOpen)
        .username("app")
        .password("s3cret")
        .database(9);
    assert_eq!(builder.namespace, "shop");
    assert!(builder.injected_clock);
    assert_eq!(builder.clock.now(), Timestamp::from_millis(5));
    assert_eq!(builder.ttl, Some(Duration::from_secs(1)));
    assert_eq!(builder.timeout, Duration::from_secs(3));
    assert_eq!(builder.query_timeout, Duration::from_secs(4));
    assert_eq!(builder.connect_timeout, Duration::from_secs(5));
    assert_eq!(builder.reads, ReadPolicy::FailOpen);
    assert_eq!(user(&builder), (Some("app"), Some("s3cret")));
    assert_eq!(builder.database, 9);
    assert!(RedisBuilder::default().clock(SystemClock).injected_clock);
}

#[test]
fn user_and_password_are_percent_decoded() {
    for (url, username, password) in [
        ("redis://app:s3cret@h", Some("app"), Some("s3cret")),
        ("redis://:s3cret@h", None, Some("s3cret")),
        ("redis://app:@h", Some("app"), Some("")),
        ("redis://app@h", Some("app"), None),
        ("redis://:@h", None, None),
        ("redis://@h", None, None),
        (
            "redis://a%3Ab:p%40%2F%3F%23%25@h",
            Some("a:b"),
            Some("p@/?#%"),
        ),
        ("redis://a:b:c@h", Some("a"), Some("b:c")),
        ("redis://a:b@c@h", Some("a"), Some("b@c")),
        (
            "redis://%C3%A9:%e2%82%ac@h",
            Some("\u{e9}"),
            Some("\u{20ac}"),
        ),
        (
            "redis+unix://app:s3cret@/run/s",
            Some("app"),
            Some("s3cret"),
        ),
        (
            "redis+cluster://app:s3cret@a:1,b:2",
            Some("app"),
            Some("s3cret"),
        ),
    ] {
        assert_eq!(user(&read(url)), (username, password), "{url}");
    }
}

#[test]
fn a_socket_is_a_path() {
    for (url, path) in [
        ("redis+unix:///run/redis.sock", "/run/redis.sock"),
        ("valkey+unix:///a%20b%40c?ttl=1h", "/a b@c"),
    ] {
        let builder = read(url);
        assert_eq!(builder.address, Address::Unix(path.into()), "{url}");
        check(&builder).expect(url);
    }
    assert_eq!(read("redis+unix:///s?db=4").database, 4);
    for url in [
        "redis+unix://",
        "redis+unix:///",
        "redis+unix://run/redis.sock",
    ] {
        assert!(refusal(url).contains("path of a socket"), "{url}");
    }
    assert!(refusal("redis+unix:///a%2").contains("percent-encoded"));
}

#[test]
fn sentinels_watch_a_service() {
    let url = "redis+sentinel://app:s3cret@a:1,b,[::1]:3/my%2Fsvc/2?sentinel_user=u&sentinel_password=p%26q";
    let builder = read(url);
    let Address::Sentinel {
        sentinels,
        service,
        credentials,
    } = &builder.address
    else {
        panic!("{builder:?}");
    };
    assert_eq!(*sentinels, [node("a", 1), node("b", 26379), node("::1", 3)]);
    assert_eq!(service, "my/svc");
    assert_eq!(credentials.username.as_deref(), Some("u"));
    assert_eq!(credentials.password.as_deref(), Some("p&q"));
    assert_eq!(user(&builder), (Some("app"), Some("s3cret")));
    assert_eq!(builder.database, 2);
    assert_eq!(
        builder.to_string(),
        "redis+sentinel://a:1,b:26379,[::1]:3/my%2Fsvc"
    );
    for url in [
        "redis+sentinel://a",
        "redis+sentinel://a/",
        "redis+sentinel://a//0",
    ] {
        assert!(refusal(url).contains("names the service"), "{url}");
    }
    for option in ["sentinel_user", "sentinel_password"] {
        let message = refusal(&format!("redis://a?{option}=s3cret"));
        assert!(
            message.contains(option) && !message.contains("s3cret"),
            "{message}"
        );
    }
}

#[test]
fn a_cluster_has_seeds() {
    let builder = read("rediss+cluster://a,b:2");
    assert_eq!(
        builder.address,
        Address::Cluster(vec![node("a", 6379), node("b", 2)])
    );
    assert!(builder.tls.is_some());
    assert_eq!(builder.to_string(), "rediss+cluster://a:6379,b:2");
    check(&builder).expect("it is whole");
}

#[test]
fn what_is_no_address_is_refused() {
    for (url, part) in [
        ("redis://", "names no host"),
        ("redis://:7000", "names no host"),
        ("redis://user:pw@", "names no host"),
        ("redis://[]:1", "names no host"),
        ("redis+cluster://a,,b", "names no host"),
        ("redis+cluster://", "names no host"),
        ("redis://a,b", "redis+cluster"),
        ("redis://h:", "1 to 65535"),
        ("redis://h:0", "1 to 65535"),
        ("redis://h:65536", "1 to 65535"),
        ("redis://h:+1", "1 to 65535"),
        ("redis://h:1:2", "1 to 65535"),
        ("redis://[::1]7", "1 to 65535"),
        ("redis://a b", "host of the URL is none"),
        ("redis://a%20b", "host of the URL is none"),
        ("redis://[a b]", "host of the URL is none"),
        ("redis://[::1", "host of the URL is none"),
        ("redis://h/x", "number of a database"),
        ("redis://h/0/1", "number of a database"),
        ("redis://h/-1", "number of a database"),
        ("redis://h/4294967296", "number of a database"),
        ("redis://h#x", "`#`"),
        ("redis://%zz@h", "percent-encoded"),
        ("redis://a:%f@h", "percent-encoded"),
        ("redis://a:%ff@h", "percent-encoded"),
    ] {
        let message = refusal(url);
        assert!(message.contains(part), "{url}: {message}");
    }
}

#[test]
fn another_scheme_is_refused_with_those_there_are() {
    for url in [
        "",
        "redis",
        "redis:",
        "redis:h",
        "localhost:6379",
        "http://h",
        "redis2://h",
        "redis+http://h",
        "rediss+unix:///s",
        "memory://",
        "+unix:///s",
    ] {
        let message = refusal(url);
        for scheme in [
            "redis://",
            "rediss://",
            "redis+unix://",
            "redis+sentinel://",
            "redis+cluster://",
        ] {
            assert!(message.contains(scheme), "{url}: {message}");
        }
    }
}

#[test]
fn a_wrong_value_is_refused_by_name_with_what_is_allowed() {
    for (option, value, allowed) in [
        ("ttl", "10", "a duration"),
        ("ttl", "1parsec", "a duration"),
        ("timeout", "-1s", "a duration"),
        ("query_timeout", "soon", "a duration"),
        ("connect_timeout", "1.5", "a duration"),
        ("reads", "maybe", "`open` or `closed`"),
        ("reads", "Open", "`open` or `closed`"),
        ("db", "first", "the number of a database"),
        ("db", "+1", "the number of a database"),
        ("codec", "xml", "messagepack"),
    ] {
        let message = refusal(&format!("redis://h?{option}={value}"));
        for part in [option, &format!("`{value}`"), allowed] {
            assert!(message.contains(part), "{part} is not in: {message}");
        }
    }
    for option in ["ttl", "timeout", "reads", "db", "codec", "ca"] {
        let message = refusal(&format!("redis://h?{option}="));
        assert!(message.contains(option), "{message}");
        let message = refusal(&format!("redis://h?{option}=%g1"));
        assert!(message.contains("percent-encoded"), "{message}");
    }
    for url in [
        "redis://h?ttl",
        "redis://h?",
        "redis://h?ttl=1h&",
        "redis://h?&ttl=1h",
    ] {
        let message = refusal(url);
        assert!(message.contains("`name=value`"), "{message}");
    }
}

#[test]
fn an_unknown_option_is_refused_with_those_there_are() {
    let message = refusal("redis://h?ttl=1h&tl=5");
    assert!(message.contains("no option `tl`"), "{message}");
    for option in [
        "namespace",
        "ttl",
        "codec",
        "timeout",
        "query_timeout",
        "connect_timeout",
        "reads",
        "db",
        "ca",
        "cert",
        "key",
        "sentinel_user",
        "sentinel_password",
    ] {
        assert!(message.contains(&format!("`{option}`")), "{message}");
    }
    assert!(refusal("redis://h?TTL=1h").contains("`TTL`"));
}

#[test]
fn an_option_given_twice_is_refused_by_name() {
    for url in [
        "redis://h?ttl=1h&db=0&ttl=1h",
        "redis+sentinel://h/s?ttl=1s&ttl=2s",
    ] {
        assert!(refusal(url).contains("`ttl` of a Redis URL is given twice"));
    }
    for url in ["redis://h/0?db=0", "redis+sentinel://h/s/1?db=1"] {
        assert!(refusal(url).contains("`db` of a Redis URL is given twice"));
    }
}

#[cfg(feature = "bincode")]
#[test]
fn codecs_go_by_name() {
    assert_eq!(
        read("redis://h?codec=bincode")
            .codec_or_default()
            .expect("it")
            .name(),
        "bincode"
    );
    assert_eq!(
        read("redis://h").codec_or_default().expect("it").name(),
        "bincode"
    );
    for codec in ["postcard", "json", "messagepack"] {
        // Each is there, or the message names the feature.
        match RedisBuilder::from_url(&format!("redis://h?codec={codec}")) {
            Ok(builder) => assert_eq!(builder.codec_or_default().expect("it").name(), codec),
            Err(error) => {
                let part = format!("feature `{codec}`");
                assert!(error.message().contains(&part), "{error}");
            }
        }
    }
}

#[cfg(not(feature = "bincode"))]
#[test]
fn without_the_default_codec_one_must_be_set() {
    let error = read("redis://h").check().expect_err("no codec");
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("feature `bincode`"), "{error}");
    check(&read("redis://h")).expect("one is set");
}

#[test]
fn what_cannot_be_had_together_is_refused() {
    let zero = Duration::ZERO;
    let short = Duration::from_micros(999);
    for (builder, part) in [
        (read("redis://h?namespace="), "namespace is empty"),
        (RedisBuilder::default().namespace(""), "namespace is empty"),
        (RedisBuilder::default().ttl(zero), "would store nothing"),
        (
            RedisBuilder::default().ttl(short),
            "less than a millisecond",
        ),
        (RedisBuilder::default().timeout(zero), "`timeout`"),
        (
            RedisBuilder::default().query_timeout(short),
            "`query_timeout`",
        ),
        (
            RedisBuilder::default().connect_timeout(zero),
            "`connect_timeout`",
        ),
        (RedisBuilder::default().database(1), "database 0"),
        (read("redis://h/2"), "database 0"),
        (read("redis+unix:///s?db=1"), "database 0"),
        (read("redis://app@h"), "without a password"),
        (
            read("redis+sentinel://h/s?sentinel_user=u"),
            "`sentinel_password`",
        ),
        (RedisBuilder::default().ca_certificate(""), "rediss://"),
        (
            RedisBuilder::default().client_certificate("", ""),
            "rediss://",
        ),
        (
            read("rediss://h").ca_certificate(""),
            "authority's certificate is no PEM",
        ),
        (
            read("rediss://h").ca_certificate("s3cret"),
            "authority's certificate is no PEM",
        ),
        (
            read("rediss://h").client_certificate("", ""),
            "client's certificate is no PEM",
        ),
    ] {
        let message = unchecked(builder);
        assert!(message.contains(part), "{part} is not in: {message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn certificates_are_read_from_the_files_that_a_url_names() {
    let authority = File::new("ca", CERTIFICATE);
    let path = authority.0.display();
    let builder = read(&format!("rediss://h?ca={path}"));
    check(&builder).expect("it is PEM");
    let certificates = builder.tls.as_ref().expect("it is encrypted");
    assert_eq!(
        certificates.authorities.as_deref(),
        Some(CERTIFICATE.as_bytes())
    );
    assert!(unchecked(read(&format!("redis://h?ca={path}"))).contains("rediss://"));

    let key = File::new("key", KEY);
    let key = key.0.display();
    check(&read(&format!("rediss://h?cert={path}&key={key}"))).expect("they belong together");
    let swapped = unchecked(read(&format!("rediss://h?cert={key}&key={path}")));
    assert!(
        swapped.contains("client's certificate is no PEM"),
        "{swapped}"
    );
    for url in [
        format!("rediss://h?cert={path}"),
        format!("rediss://h?key={path}"),
    ] {
        assert!(refusal(&url).contains("belong together"), "{url}");
    }
    for option in ["ca", "cert", "key"] {
        let message = refusal(&format!("rediss://h?{option}=/nowhere/s3cret"));
        assert!(
            message.contains(option) && !message.contains("s3cret"),
            "{message}"
        );
    }
}

#[test]
fn the_server_stops_before_we_do_and_never_without_bound() {
    for (ours, its) in [(1, 10), (10, 10), (20, 18), (30, 27), (60, 30)] {
        let builder = RedisBuilder::default().query_timeout(Duration::from_secs(ours));
        assert_eq!(builder.server_timeout(), Duration::from_secs(its), "{ours}");
    }
    let longest = RedisBuilder::default().query_timeout(Duration::MAX);
    assert_eq!(longest.server_timeout(), Duration::from_secs(30));
}

#[test]
fn no_message_repeats_a_password() {
    for url in [
        "s3cret",
        "user:s3cret@host",
        "http://user:s3cret@host",
        "redis:user:s3cret@host",
        "redis://user:s3cret",
        "redis://user:s3cret@",
        "redis://user:s3cret@host:port",
        "redis://user:s3cret@host:1:2",
        "redis://user:s3cret@ho st",
        "redis://user:s3cret@host/x",
        "redis://user:s3cret@a,b",
        "redis://user:s3cret@host#",
        "redis://user:s3cret%@host",
        "redis://s3cret%zz:x@host",
        "redis://user:pw/s3cret@host",
        "redis://user:1/s3cret@host",
        "redis://user:1/0?s3cret@host",
        "redis://user:1?s3cret@host=1",
        "redis://user:1?ttl=s3cret@host",
        "redis://user:pw#s3cret@host",
        "redis://user:1?user:s3cret",
        "redis://host/s3cret",
        "redis://host?user:s3cret",
        "redis://host?user:s3cret=1",
        "redis://host?ttl=user:s3cret",
        "redis://host?db=user:s3cret",
        "redis://host?reads=:s3cret",
        "redis://host?codec=:s3cret",
        "redis://host?ca=s3cret",
        "redis://host?namespace=%s3cret",
        "redis://host?sentinel_password=s3cret",
        "redis+unix://user:s3cret@host/path",
        "redis+unix://user:s3cret@",
        "redis+sentinel://user:s3cret@host",
        "redis+sentinel://user:s3cret@host/svc/x",
        "redis+sentinel://host/svc?sentinel_password=s3cret%",
        "redis+sentinel://host/svc?sentinel_password=s3cret&sentinel_password=s3cret",
        "redis+cluster://user:s3cret@a,b:x",
    ] {
        let error = RedisBuilder::from_url(url).expect_err(url);
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("s3cret"), "{url}: {text}");
        }
    }
}

#[test]
fn what_is_printed_holds_no_password() {
    for url in [
        "redis://us3r:s3cret@host",
        "redis://s3cret@host",
        "rediss://:s3cret@host",
        "redis+unix://us3r:s3cret@/path",
        "redis+sentinel://us3r:s3cret@host/svc?sentinel_user=us3r&sentinel_password=s3cret",
        "redis+cluster://us3r:s3cret@a,b",
    ] {
        for text in [
            format!("{:?}", read(url)),
            format!("{:#?}", read(url)),
            read(url).to_string(),
        ] {
            assert!(!text.contains("s3cret") && !text.contains("us3r"), "{text}");
        }
    }
    let builder = read("rediss://host")
        .username("us3r")
        .password("s3cret")
        .ca_certificate("s3cret")
        .client_certificate("s3cret", "s3cret");
    assert!(!format!("{builder:?}").contains("s3cret"));
}

const CERTIFICATE: &str = include_str!("tests/client.pem");
const KEY: &str = include_str!("tests/client-key.pem");
