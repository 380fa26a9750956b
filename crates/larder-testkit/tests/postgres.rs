//! What the fixture promises of PostgreSQL.
#![cfg(feature = "postgres")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use larder_testkit::server::{Postgres, offline};

/// Whether something that speaks PostgreSQL's protocol listens: asked for encryption, it says no.
fn speaks(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    let asked = stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]);
    let mut answer = [0];
    asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *b"N"
}

#[test]
fn a_server_answers_until_it_is_dropped() {
    if offline("a PostgreSQL server") {
        return;
    }
    let server = Postgres::start();
    let port = server.port();
    assert!(speaks(port));
    let url = server.create_database("one");
    assert_eq!(url, format!("postgres://larder@127.0.0.1:{port}/one"));
    drop(server);
    assert!(!speaks(port));
}
