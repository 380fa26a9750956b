//! Kinds of servers, and of ways to them.

use std::sync::Arc;
use std::time::Duration;

use larder::redis::RedisBuilder;
use larder::{Cache, ErrorKind, Extent, RedisStore, Store, Truncation};
use larder_testkit::server::{Kind, Server, offline, shared};

use crate::{Item, at, cache, check, ends, fill, holds, item, namespace, on_shared, store};

/// A store at a URL as it is, by the facade.
async fn connected(url: &str) -> Cache<Item> {
    let store: Store = ends(larder::connect(url)).await.unwrap();
    ends(Cache::builder(store).build()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_connections_trust_the_given_authority_alone() {
    if offline("TLS") {
        return;
    }
    let server = Server::builder(Kind::RedisSearch).tls().start();
    let authority = server.tls().unwrap().authority_file().display();
    let cache = connected(&format!("{}?ca={authority}", server.url())).await;
    fill(&cache, 0..20).await;
    holds(&cache, 0..20).await;
    let untrusted = ends(larder::connect(&server.url())).await.unwrap_err();
    assert_eq!(untrusted.kind(), ErrorKind::InvalidConfig, "{untrusted}");
    let other = Server::builder(Kind::Plain).tls().start();
    let other = other.tls().unwrap().authority_pem().to_owned();
    let builder = RedisBuilder::from_url(&server.url())
        .unwrap()
        .ca_certificate(other);
    let untrusted = ends(builder.connect()).await.unwrap_err();
    assert_eq!(untrusted.kind(), ErrorKind::InvalidConfig, "{untrusted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_their_certificate_where_the_server_asks_for_one() {
    if offline("TLS with client certificates") {
        return;
    }
    let server = Server::builder(Kind::RedisSearch);
    let server = server.tls_with_client_certificates().start();
    let tls = server.tls().unwrap();
    let authority = format!("{}?ca={}", server.url(), tls.authority_file().display());
    let (certificate, key) = (tls.client_file().display(), tls.client_key_file().display());
    let cache = connected(&format!("{authority}&cert={certificate}&key={key}")).await;
    fill(&cache, 0..20).await;
    holds(&cache, 0..20).await;
    let refused = ends(larder::connect(&authority)).await.unwrap_err();
    let kinds = [ErrorKind::InvalidConfig, ErrorKind::Unavailable];
    assert!(kinds.contains(&refused.kind()), "{refused}");
}

/// The rights that the store's own message asks for are enough, and needed for what it does.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_rights_of_one_namespace_has_queries_there() {
    if offline("ACL users") {
        return;
    }
    let few = ["~{app}:*", "+@read", "+@write"];
    let server = Server::builder(Kind::RedisSearch);
    let server = server.user("app", "p@ss:w/rd", &few).start();
    let url = server.url_of("app", "p@ss:w/rd");
    let own: Cache<Item> = cache(at(&url, "app")).await;
    let refused = ends(own.count()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported, "{refused}");
    let refused_put = ends(own.put(item(1))).await.unwrap_err();
    assert_eq!(
        refused_put.kind(),
        ErrorKind::InvalidConfig,
        "{refused_put}"
    );
    let asked_for = refused.message().split('`').nth(1).unwrap();
    let command: Vec<_> = "ACL SETUSER app reset on >p@ss:w/rd"
        .split(' ')
        .chain(asked_for.split(' '))
        .collect();
    assert_eq!(server.command(&command).text(), "OK", "{asked_for}");
    let own: Cache<Item> = cache(at(&url, "app")).await;
    fill(&own, 0..20).await;
    holds(&own, 0..20).await;
    // One that the server is asked more widely for.
    let many = own.find(|i| i.words.wildcard("*a*l*l*0*0*0*0*") | i.number.lt(5u64));
    assert_eq!(ends(many.count()).await.unwrap(), 5);
    let other = store(at(&url, "other")).await;
    let built = ends(Cache::<Item>::builder(other).build()).await;
    let refused = match built {
        Err(error) => error,
        Ok(other) => ends(other.put(item(1))).await.unwrap_err(),
    };
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_leads_to_the_server() {
    if offline("Unix sockets") {
        return;
    }
    let server = Server::builder(Kind::RedisSearch).unix_socket().start();
    let socket = server.socket().unwrap().display();
    let cache = connected(&format!("redis+unix://{socket}?namespace=here")).await;
    fill(&cache, 0..20).await;
    holds(&cache, 0..20).await;
    server.kill();
    let lost = ends(cache.get(&1)).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable, "{lost}");
    server.restart();
    healed(&cache).await;
}

/// Puts until that succeeds, which a connection that was lost takes a while for.
async fn healed(cache: &Cache<Item>) {
    ends(async {
        while let Err(error) = cache.put(item(1)).await {
            let kinds = [ErrorKind::Unavailable, ErrorKind::Timeout];
            assert!(kinds.contains(&error.kind()), "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    assert_eq!(
        ends(cache.get(&1)).await.unwrap().as_deref(),
        Some(&item(1))
    );
    let found = ends(cache.find(|i| i.number.eq(1u64)).count())
        .await
        .unwrap();
    assert_eq!(found, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_promoted_is_found_through_the_sentinel() {
    if offline("Sentinel") {
        return;
    }
    let primary = Server::start(Kind::RedisSearch);
    let replica = Server::builder(Kind::RedisSearch)
        .replica_of(&primary)
        .start();
    let sentinel = Server::start_sentinel("main", &primary);
    // Sentinel learns of replicas by asking the primary, now and then.
    sentinel.wait_until(&["SENTINEL", "REPLICAS", "main"], "127.0.0.1");
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port());
    let cache: Cache<Item> = cache(at(&url, "app")).await;
    fill(&cache, 0..20).await;
    // Every key is there. WAIT would wait for what its own connection wrote.
    let keys = primary.command(&["DBSIZE"]).number().unwrap();
    replica.wait_until(&["DBSIZE"], &keys.to_string());
    primary.kill();
    healed(&cache).await;
    assert!(replica.command(&["ROLE"]).mentions("master"));
    holds(&cache, 0..20).await;
    let unknown = format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port());
    let unknown = ends(at(&unknown, "app").connect()).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::InvalidConfig, "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_moves_in_a_cluster_is_never_answered_by_half() {
    if offline("Redis Cluster") {
        return;
    }
    let cluster = Server::builder(Kind::RedisSearch).start_cluster();
    let nodes = cluster.nodes();
    let hosts: Vec<_> = nodes
        .iter()
        .map(|node| format!("127.0.0.1:{}", node.port()))
        .collect();
    let url = format!("redis+cluster://{}", hosts.join(","));
    let slot = |namespace: &str| {
        let slot = nodes[0].command(&["CLUSTER", "KEYSLOT", &format!("{{{namespace}}}")]);
        slot.number().unwrap()
    };
    let home = |slot: i64| usize::from(slot > 5_460) + usize::from(slot > 10_922);
    let names: Vec<String> = (0..20).map(|n| format!("app{n}")).collect();
    let moving = &names[0];
    let other = names
        .iter()
        .find(|name| home(slot(name)) != home(slot(moving)))
        .unwrap();
    let there: Cache<Item> = cache(at(&url, other)).await;
    fill(&there, 0..30).await;
    let cache: Cache<Item> = cache(at(&url, moving)).await;
    fill(&cache, 0..200).await;
    holds(&cache, 0..200).await;
    holds(&there, 0..30).await;

    let (slot, from) = (slot(moving), home(slot(moving)));
    let to = (from + 1) % 3;
    let id = |node: usize| nodes[node].command(&["CLUSTER", "MYID"]).text();
    let (slot, port) = (slot.to_string(), nodes[to].port().to_string());
    let ok = |node: usize, command: &[&str]| {
        let reply = nodes[node].command(command);
        assert_eq!(reply.text(), "OK", "{command:?}");
    };
    ok(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
    ok(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
    let mut asked = 0;
    loop {
        let keys = nodes[from].command(&["CLUSTER", "GETKEYSINSLOT", &slot, "40"]);
        if keys.elements().is_empty() {
            break;
        }
        let keys: Vec<String> = keys.elements().iter().map(|key| key.text()).collect();
        let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "10000", "KEYS"];
        migrate.extend(keys.iter().map(String::as_str));
        ok(from, &migrate);
        let find = || cache.find(|i| i.words.matches("all")).with_total();
        for find in [
            find(),
            find().sort(|i| i.number.asc()),
            find().sort(|i| i.name.asc()).sort(|i| i.number.asc()),
        ] {
            // This server refuses, since it takes an index for a key; another may not.
            match ends(find.fetch()).await {
                Ok(page) => {
                    check(&page.items);
                    assert_eq!(page.extent, Extent::Truncated(Truncation::Indexing));
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
            }
            asked += 1;
        }
        let count = ends(cache.find(|_| larder::Filter::all()).facets(|i| i.name, 9)).await;
        let kind = count.unwrap_err().kind();
        assert!([ErrorKind::Incomplete, ErrorKind::Unavailable].contains(&kind));
    }
    assert!(asked > 0, "nothing was moved");
    for node in [to, from, 3 - to - from] {
        ok(node, &["CLUSTER", "SETSLOT", &slot, "NODE", &id(to)]);
    }
    // The very first answers: the store does not know yet that it talks to the wrong node.
    holds(&cache, 0..200).await;
    let facets = ends(cache.find(|_| larder::Filter::all()).facets(|i| i.name, 9)).await;
    assert_eq!(facets.unwrap().values[0].1, 20);
    fill(&cache, 200..220).await;
    holds(&cache, 0..220).await;
    holds(&there, 0..30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_other_than_0_is_refused_with_the_reason() {
    if offline("database numbers") {
        return;
    }
    let url = shared(Kind::RedisSearch).url();
    for builder in [
        RedisBuilder::from_url(&format!("{url}/3")).unwrap(),
        RedisBuilder::from_url(&format!("{url}?db=3")).unwrap(),
        RedisBuilder::from_url(&url).unwrap().database(3),
    ] {
        let refused = ends(builder.connect()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidConfig, "{refused}");
        assert!(refused.message().contains("only database 0"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_do_not_see_each_other() {
    if offline("namespaces") {
        return;
    }
    let run = namespace("apart");
    let names = [
        "", ":", "{", "}", "%", ":item", "%3A", "{}", "}:item:", " ", "ä\0",
    ];
    let mut caches = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let cache: Cache<Item> = cache(on_shared(&format!("{run}{name}"))).await;
        let first = i as u64 * 10;
        fill(&cache, first..first + 10).await;
        caches.push((cache, first));
    }
    for (cache, first) in &caches {
        holds(cache, *first..first + 10).await;
    }
    for (i, (cache, _)) in caches.iter().enumerate() {
        ends(cache.clear()).await.unwrap();
        for (later, first) in &caches[i + 1..] {
            holds(later, *first..first + 10).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_search_says_what_to_install() {
    if offline("Redis without search") {
        return;
    }
    let plain = at(&shared(Kind::Plain).url(), &namespace("plain"));
    let cache: Cache<Item> = cache(plain).await;
    ends(cache.put(item(1))).await.unwrap();
    assert_eq!(
        ends(cache.get(&1)).await.unwrap().as_deref(),
        Some(&item(1))
    );
    let refused = ends(cache.count()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("RediSearch"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_nothing_that_is_printed() {
    if offline("passwords in messages") {
        return;
    }
    let server = Server::builder(Kind::RedisSearch).user("app", "s3cr@t", &["~*", "&*", "+@all"]);
    let server = server.start();
    let url = server.url_of("app", "s3cr@t");
    let builder = at(&url, "app");
    let mut printed = vec![format!("{builder:?} {builder}")];
    let store: RedisStore = store(builder).await;
    printed.push(format!("{store:?}"));
    let cache: Cache<Item> = ends(Cache::builder(store.clone()).build()).await.unwrap();
    printed.push(format!("{cache:?}"));
    let change = ["ACL", "SETUSER", "app", "resetpass", ">other"];
    assert_eq!(server.command(&change).text(), "OK");
    let refused = ends(at(&url, "app").connect()).await.unwrap_err();
    printed.push(format!("{refused} {refused:?}"));
    server.kill();
    let lost = ends(cache.put(item(1))).await.unwrap_err();
    printed.push(format!("{lost} {lost:?} {store:?}"));
    for wrong in [
        "redis://app:s3cr@t@localhost:x",
        "redis:/app:s3cr@t@h",
        "redis://h?password=s3cr@t",
    ] {
        let refused = RedisBuilder::from_url(wrong).unwrap_err();
        printed.push(format!("{refused} {refused:?}"));
    }
    let printed = Arc::new(printed);
    for text in printed.iter() {
        assert!(!text.contains("s3cr") && !text.contains("other"), "{text}");
    }
}
