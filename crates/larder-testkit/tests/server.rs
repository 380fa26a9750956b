//! What the fixture promises of the servers that it starts.
#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use larder_testkit::server::{Cluster, Kind, Reply, Server, free_port, offline, shared};
use larder_testkit::server::{Tls, python_venv};

const SOON: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);

/// Set for this program when a test runs it once more.
const INNER: &str = "LARDER_TESTKIT_INNER";

#[test]
fn every_kind_answers_and_has_the_search_that_it_should() {
    if offline("every kind of server") {
        return;
    }
    for (kind, searches) in [
        (Kind::RedisSearch, true),
        (Kind::Valkey, true),
        (Kind::Plain, false),
    ] {
        let server = Server::start(kind);
        assert!(server.answers_within(PATIENCE), "{kind:?}");
        let modules = server.command(&["MODULE", "LIST"]);
        assert_eq!(modules.mentions("search"), searches, "{kind:?}: {modules}");
        let info = server.command(&["INFO", "server"]).text();
        assert_eq!(info.contains("valkey"), kind == Kind::Valkey, "{info}");
        let index = ["FT.CREATE", "films", "SCHEMA", "title", "TEXT"];
        assert_eq!(server.command(&index).is_error(), !searches, "{kind:?}");
    }
}

#[test]
fn two_servers_at_once_share_neither_port_nor_data() {
    if offline("two servers at once") {
        return;
    }
    let (one, other) = (Server::start(Kind::Plain), Server::start(Kind::Plain));
    assert_ne!(one.port(), other.port());
    one.command(&["SET", "key", "value"]);
    assert_eq!(one.command(&["GET", "key"]).text(), "value");
    assert_eq!(other.command(&["GET", "key"]), Reply::Null);
}

#[test]
fn the_shared_server_is_one_for_all_threads() {
    if offline("the shared server") {
        return;
    }
    let ask = || std::thread::spawn(|| shared(Kind::RedisSearch));
    let servers = [ask(), ask(), ask()].map(|thread| thread.join().unwrap());
    // The thread that started it has ended.
    for server in servers {
        assert!(std::ptr::eq(server, servers[0]));
        assert!(server.answers_within(PATIENCE));
        assert!(server.has_search());
    }
}

#[test]
fn a_killed_server_comes_back_on_its_port_without_its_data() {
    if offline("a killed server") {
        return;
    }
    let server = Server::start(Kind::RedisSearch);
    let (port, url, process) = (server.port(), server.url(), server.process());
    server.command(&["SET", "key", "value"]);
    let mut connection = server.connect().unwrap();
    server.kill();
    assert!(connection.command(&["PING"]).is_err());
    assert!(server.connect().is_err());
    server.restart();
    assert_eq!((server.port(), server.url()), (port, url));
    assert_ne!(server.process(), process);
    assert_eq!(server.command(&["GET", "key"]), Reply::Null);
    assert!(server.has_search());
}

#[test]
fn a_paused_server_is_silent_until_it_is_resumed() {
    if offline("a paused server") {
        return;
    }
    let server = Server::start(Kind::Plain);
    server.command(&["SET", "key", "value"]);
    server.pause();
    assert!(!server.answers_within(SOON));
    server.resume();
    assert!(server.answers_within(PATIENCE));
    assert_eq!(server.command(&["GET", "key"]).text(), "value");
    // And one that is paused can be killed.
    server.pause();
    server.kill();
    assert!(server.connect().is_err());
}

#[test]
fn clients_that_are_cut_off_can_connect_again() {
    if offline("clients cut off") {
        return;
    }
    let server = Server::start(Kind::Plain);
    let mut connection = server.connect().unwrap();
    connection.command(&["PING"]).unwrap();
    assert_eq!(server.client_kill_all(), 1);
    assert!(connection.command(&["PING"]).is_err());
    assert!(server.answers_within(PATIENCE));
}

#[test]
fn configuration_reaches_the_server_whatever_is_in_it() {
    if offline("configuration") {
        return;
    }
    let password = "a \"b\" \\ 'c' #é\u{1}";
    let server = Server::builder(Kind::RedisSearch)
        .config("maxmemory", &["20mb"])
        .config("maxmemory-policy", &["allkeys-lru"])
        .search_args(&["MAXEXPANSIONS", "1234"])
        .password(password)
        .unix_socket()
        .start();
    for (command, name, value) in [
        ("CONFIG", "maxmemory", "20971520"),
        ("CONFIG", "maxmemory-policy", "allkeys-lru"),
        ("CONFIG", "requirepass", password),
        ("FT.CONFIG", "MAXEXPANSIONS", "1234"),
    ] {
        let reply = server.command(&[command, "GET", name]);
        assert!(reply.mentions(value), "{name}: {reply}");
    }
    assert!(server.socket().unwrap().exists());
    let url = format!(
        "redis://:a%20%22b%22%20%5C%20%27c%27%20%23%C3%A9%01@127.0.0.1:{}",
        server.port()
    );
    assert_eq!(server.url(), url);
}

#[test]
fn a_user_may_do_what_its_rules_allow_and_no_more() {
    if offline("an ACL user") {
        return;
    }
    let server = Server::builder(Kind::Plain)
        .user("reader", "se cret", &["~app:*", "+get", "+auth"])
        .start();
    let mut connection = server.connect().unwrap();
    let mut say = |command: &[&str]| connection.command(command).unwrap().text();
    assert!(say(&["AUTH", "reader", "wrong"]).starts_with("WRONGPASS"));
    assert_eq!(say(&["AUTH", "reader", "se cret"]), "OK");
    assert_eq!(say(&["GET", "app:1"]), "");
    assert!(say(&["GET", "other"]).starts_with("NOPERM"));
    assert!(say(&["SET", "app:1", "x"]).starts_with("NOPERM"));
    let url = format!("redis://reader:se%20cret@127.0.0.1:{}", server.port());
    assert_eq!(server.url_of("reader", "se cret"), url);
}

/// Says PING over TLS, trusting the authority in a file and showing a certificate, if named.
fn ping_over_tls(port: u16, authority: Option<&Path>, client: Option<&Tls>) -> Output {
    const PING: &str = r#"
import socket, ssl, sys
port, authority, certificate, key = sys.argv[1:]
context = ssl.create_default_context(cafile=authority or None)
if certificate:
    context.load_cert_chain(certificate, key)
for host in "localhost", "127.0.0.1":
    raw = socket.create_connection(("127.0.0.1", int(port)), timeout=10)
    with context.wrap_socket(raw, server_hostname=host) as stream:
        stream.sendall(b"PING\r\n")
        print(stream.recv(100))
"#;
    let text = |path: Option<&Path>| path.map_or(String::new(), |path| path.display().to_string());
    Command::new("python3")
        .args(["-c", PING, &port.to_string(), &text(authority)])
        .arg(text(client.map(Tls::client_file)))
        .arg(text(client.map(Tls::client_key_file)))
        .output()
        .unwrap()
}

#[track_caller]
fn assert_pongs(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let pong = "b'+PONG\\r\\n'\n";
    assert_eq!(said, pong.repeat(2), "{errors}");
}

#[track_caller]
fn assert_refused(output: &Output, why: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains(why), "{errors}");
}

#[test]
fn tls_is_spoken_with_those_who_trust_the_authority() {
    if offline("TLS") {
        return;
    }
    let server = Server::builder(Kind::RedisSearch).tls().start();
    let tls = server.tls().unwrap();
    let url = format!("rediss://127.0.0.1:{}", server.port());
    assert_eq!(server.url(), url);
    assert!(
        tls.authority_pem()
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    let authority = Some(tls.authority_file());
    assert_pongs(&ping_over_tls(server.port(), authority, None));
    let output = ping_over_tls(server.port(), None, None);
    assert_refused(&output, "CERTIFICATE_VERIFY_FAILED");
    // Another authority of the same name is another authority.
    let other = Server::builder(Kind::Plain).tls().start();
    let output = ping_over_tls(other.port(), authority, None);
    assert_refused(&output, "CERTIFICATE_VERIFY_FAILED");
    server.kill();
    let output = ping_over_tls(server.port(), authority, None);
    assert_refused(&output, "refused");
    server.restart();
    assert_pongs(&ping_over_tls(server.port(), authority, None));
    assert!(server.has_search());
}

#[test]
fn a_client_that_has_to_show_a_certificate_is_refused_without() {
    if offline("certificates of clients") {
        return;
    }
    let server = Server::builder(Kind::Plain)
        .tls_with_client_certificates()
        .start();
    let tls = server.tls().unwrap();
    let authority = Some(tls.authority_file());
    assert_pongs(&ping_over_tls(server.port(), authority, Some(tls)));
    // TLS 1.3 refuses only when the client takes itself to be connected; what it sees then is an
    // alert, or the connection's end.
    let output = ping_over_tls(server.port(), authority, None);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!said.contains("PONG"), "{said}");
}

#[test]
fn a_replica_has_what_its_master_has_and_takes_no_writes() {
    if offline("a replica") {
        return;
    }
    let master = Server::builder(Kind::RedisSearch)
        .password("s3cret")
        .start();
    master.command(&["SET", "key", "value"]);
    let replica = Server::builder(Kind::RedisSearch)
        .replica_of(&master)
        .start();
    assert_eq!(replica.command(&["GET", "key"]).text(), "value");
    let refused = replica.command(&["SET", "key", "other"]).text();
    assert!(refused.starts_with("READONLY"), "{refused}");
}

#[test]
fn a_sentinel_names_the_master_and_then_the_replica_that_took_over() {
    if offline("a sentinel") {
        return;
    }
    let master = Server::start(Kind::RedisSearch);
    let replica = Server::builder(Kind::RedisSearch)
        .replica_of(&master)
        .start();
    let sentinel = Server::start_sentinel("larder", &master);
    let named = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "larder"];
    let address = |server: &Server| format!("127.0.0.1\n{}", server.port());
    assert_eq!(sentinel.command(&named).text(), address(&master));
    // It has to hear of the replica before there is anything to take over.
    sentinel.wait_until(&["INFO", "sentinel"], "slaves=1");
    master.kill();
    sentinel.wait_until(&named, &address(&replica));
    replica.wait_until(&["INFO", "replication"], "role:master");
    assert_eq!(replica.command(&["SET", "key", "value"]).text(), "OK");
}

#[test]
fn a_cluster_has_all_slots_and_search_on_every_node() {
    if offline("a cluster") {
        return;
    }
    for kind in [Kind::RedisSearch, Kind::Valkey] {
        let cluster = Cluster::start(kind);
        let mut held = 0;
        assert_eq!(cluster.nodes().len(), 3);
        for node in cluster.nodes() {
            let info = node.command(&["CLUSTER", "INFO"]).text();
            assert!(info.contains("cluster_state:ok"), "{info}");
            assert!(node.has_search(), "{kind:?}");
            // In each cluster one node holds a key; the others say who.
            let reply = node.command(&["SET", "key", "value"]);
            held += u32::from(!reply.is_error());
            assert!(
                !reply.is_error() || reply.text().starts_with("MOVED"),
                "{reply}"
            );
        }
        assert_eq!(held, 1, "{kind:?}");
        // A node that was away is taken back.
        let node = cluster.nodes().first().unwrap();
        node.kill();
        node.restart();
        cluster.wait_until_ok();
    }
}

#[test]
fn free_ports_are_free_and_never_the_same() {
    let (one, other) = (free_port(), free_port());
    assert_ne!(one, other);
    let _one = TcpListener::bind(("127.0.0.1", one)).unwrap();
    let _other = TcpListener::bind(("127.0.0.1", other)).unwrap();
}

#[test]
fn a_python_environment_has_its_packages() {
    if offline("a Python environment") {
        return;
    }
    let packages = ["iniconfig==2.0.0"];
    let python = python_venv("fixture", &packages);
    let script = "import iniconfig, sys; print(sys.prefix)";
    let output = Command::new(&python).args(["-c", script]).output().unwrap();
    let prefix = String::from_utf8_lossy(&output.stdout);
    assert!(python.starts_with(prefix.trim_end()), "{prefix:?}");
    assert!(output.status.success(), "{output:?}");
    // It is made once.
    assert_eq!(python_venv("fixture", &packages), python);
}

/// This program once more, one of its tests, with a word in the environment.
fn inner(test: &str, variable: &str, value: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test])
        .env(variable, value)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn servers_are_gone_when_the_process_that_started_them_is_killed() {
    if offline("servers of a killed process") {
        return;
    }
    if std::env::var_os(INNER).is_some() {
        // The inner one: servers of each sort, then nothing until it is killed.
        let tls = Server::builder(Kind::Plain).tls().start();
        let paused = Server::start(Kind::Plain);
        let servers = [shared(Kind::Valkey), &tls, &paused];
        let ports = servers.map(|server| server.port().to_string());
        let processes = servers.map(|server| server.process().to_string());
        paused.pause();
        // Straight to standard error, which the harness leaves alone.
        use std::io::Write;
        let line = format!("{}\n", [ports.join(" "), processes.join(" ")].join(";"));
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        loop {
            std::thread::park();
        }
    }
    let name = "servers_are_gone_when_the_process_that_started_them_is_killed";
    let mut process = inner(name, INNER, "1").spawn().unwrap();
    let said = BufReader::new(process.stderr.take().unwrap());
    // Before it there may be a line on where the servers come from.
    let line = said
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains(';'));
    let line = line.unwrap();
    let (ports, processes) = line.split_once(';').unwrap();
    let reached = |port: &str| {
        let port: u16 = port.parse().unwrap();
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    };
    let lives = |process: &str| {
        let signal = format!("kill -0 {process} 2>/dev/null");
        let status = Command::new("sh").args(["-c", &signal]).status();
        status.unwrap().success()
    };
    assert!(ports.split(' ').all(reached));
    assert!(processes.split(' ').all(lives));
    process.kill().unwrap();
    process.wait().unwrap();
    // Nobody tells us when another's children are gone: look, for a minute at most.
    for _ in 0..3_000 {
        if !ports.split(' ').any(reached) && !processes.split(' ').any(lives) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("still there: ports {ports}, processes {processes}");
}

#[test]
fn what_is_left_out_offline_is_said_past_the_harness() {
    let mut process = inner(
        "tls_is_spoken_with_those_who_trust_the_authority",
        "LARDER_TESTS",
        "offline",
    )
    .spawn()
    .unwrap();
    let mut said = String::new();
    let mut errors = process.stderr.take().unwrap();
    errors.read_to_string(&mut said).unwrap();
    assert!(process.wait().unwrap().success());
    assert_eq!(
        said,
        "larder-testkit: LARDER_TESTS=offline, left out: TLS\n"
    );
}

#[test]
fn a_server_that_cannot_start_is_a_failure_that_shows_its_log() {
    if offline("a server that cannot start") {
        return;
    }
    let start = || {
        Server::builder(Kind::Plain)
            .config("no-such-thing", &["1"])
            .start()
    };
    let panic = std::panic::catch_unwind(start).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("no-such-thing"), "{message}");
    assert!(message.contains("LARDER_TEST_REDIS_URL"), "{message}");
}

#[test]
fn a_server_in_the_environment_is_used_as_it_is() {
    if offline("a server in the environment") {
        return;
    }
    if std::env::var_os(INNER).is_some() {
        let server = shared(Kind::RedisSearch);
        assert!(!server.is_ours());
        assert_eq!(
            server.url(),
            std::env::var("LARDER_TEST_REDIS_URL").unwrap()
        );
        assert_eq!(server.command(&["GET", "key"]).text(), "value");
        assert!(std::thread::spawn(|| server.kill()).join().is_err());
        return;
    }
    let server = Server::builder(Kind::RedisSearch)
        .password("p@ss/word")
        .start();
    server.command(&["SET", "key", "value"]);
    let output = inner("a_server_in_the_environment_is_used_as_it_is", INNER, "1")
        .env("LARDER_TEST_REDIS_URL", server.url())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(server.command(&["GET", "key"]).text(), "value");
}
