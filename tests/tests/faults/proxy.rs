//! What stands between store and server, and misbehaves when told to.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a new connection is met with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All goes to the server and back.
    Forward,
    /// Something that is no Redis answers.
    Http,
    /// It is accepted, and nobody ever answers.
    Silent,
}

/// A proxy on a port of its own. Its threads end with the process.
pub(crate) struct Proxy {
    port: u16,
    mode: Arc<Mutex<Mode>>,
    connections: Arc<Mutex<Vec<Arc<Pair>>>>,
}

/// A connection and the one to the server behind it.
struct Pair {
    client: TcpStream,
    server: Option<TcpStream>,
    /// Nothing goes on, and nothing is closed.
    frozen: AtomicBool,
    /// How many bytes of answers still go through before both ends are cut.
    answers_left: AtomicI64,
}

impl Pair {
    fn cut(&self) {
        // Either may be closed already.
        let _ = self.client.shutdown(Shutdown::Both);
        if let Some(server) = &self.server {
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

impl Proxy {
    /// One in front of the server on this port.
    pub(crate) fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = Arc::new(Mutex::new(Mode::Forward));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let proxy = Self {
            port,
            mode: mode.clone(),
            connections: connections.clone(),
        };
        thread::spawn(move || {
            for client in listener.incoming() {
                let mode = *mode.lock().unwrap();
                if let Ok(client) = client {
                    connections
                        .lock()
                        .unwrap()
                        .push(serve(client, mode, server));
                }
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Meets new connections so, and cuts those there are.
    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
        for pair in self.connections.lock().unwrap().drain(..) {
            pair.cut();
        }
    }

    /// Forwards nothing more on the connections there are, and closes none. New ones work.
    pub(crate) fn freeze(&self) {
        for pair in self.connections.lock().unwrap().iter() {
            pair.frozen.store(true, Ordering::Relaxed);
        }
    }

    /// Cuts the connections there are after so many more bytes of answers.
    pub(crate) fn cut_after(&self, bytes: i64) {
        for pair in self.connections.lock().unwrap().iter() {
            pair.answers_left.store(bytes, Ordering::Relaxed);
        }
    }

    /// How many connections there were since the last `set`.
    pub(crate) fn connections(&self) -> usize {
        self.connections.lock().unwrap().len()
    }
}

fn serve(client: TcpStream, mode: Mode, port: u16) -> Arc<Pair> {
    let server = match mode {
        Mode::Forward => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok(),
        Mode::Http | Mode::Silent => None,
    };
    let pair = Arc::new(Pair {
        client,
        server,
        frozen: AtomicBool::new(false),
        answers_left: AtomicI64::new(i64::MAX),
    });
    match mode {
        Mode::Forward if pair.server.is_none() => pair.cut(),
        Mode::Forward => {
            let requests = pair.clone();
            thread::spawn(move || pump(&requests, false));
            let answers = pair.clone();
            thread::spawn(move || pump(&answers, true));
        }
        Mode::Http => {
            let pair = pair.clone();
            thread::spawn(move || {
                let mut buffer = [0; 4096];
                let _ = (&pair.client).read(&mut buffer);
                let _ = (&pair.client).write_all(
                    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                );
                pair.cut();
            });
        }
        Mode::Silent => {}
    }
    pair
}

fn pump(pair: &Pair, answers: bool) {
    let Some(server) = &pair.server else { return };
    let (mut from, mut to) = if answers {
        (server, &pair.client)
    } else {
        (&pair.client, server)
    };
    let mut buffer = [0; 16_384];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 {
            break;
        }
        if pair.frozen.load(Ordering::Relaxed) {
            continue;
        }
        let mut bytes = &buffer[..read];
        if answers {
            let left = pair.answers_left.fetch_sub(read as i64, Ordering::Relaxed);
            if left < read as i64 {
                bytes = &bytes[..usize::try_from(left).unwrap_or(0)];
            }
        }
        if to.write_all(bytes).is_err() || bytes.len() < read {
            break;
        }
    }
    if !pair.frozen.load(Ordering::Relaxed) {
        pair.cut();
    }
}
