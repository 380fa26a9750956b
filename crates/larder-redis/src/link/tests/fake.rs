//! A server that says what a test wants: the faults that a real one cannot be had to show.
//!
//! It runs in threads of its own, so that it outlives any runtime.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use parking_lot::{Condvar, Mutex};

/// An answer of a command that reads.
pub(crate) const REPLY: &str = "$5\r\nvalue\r\n";
/// No answer to this command, where another's has all.
pub(crate) const NOTHING: &str = "";
/// No answer to this command nor to any that follows.
pub(crate) const SILENCE: &str = "(silence)";
/// The end of the connection.
pub(crate) const HANG_UP: &str = "(hang up)";
/// The hello of a replica.
pub(crate) const REPLICA: &str = "%4\r\n+server\r\n+redis\r\n+version\r\n+8.2.3\r\n+mode\r\n+standalone\r\n+role\r\n+replica\r\n";
const PRIMARY: &str =
    "%4\r\n+server\r\n+redis\r\n+version\r\n+8.2.3\r\n+mode\r\n+standalone\r\n+role\r\n+master\r\n";

/// What it answers to a command of its nth connection; nothing for what any server would.
type Answers = Arc<dyn Fn(usize, &[String]) -> Option<&'static str> + Send + Sync>;

pub(crate) struct Fake(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    answers: Mutex<Answers>,
    seen: Mutex<Vec<Vec<String>>>,
    connections: Mutex<Vec<TcpStream>>,
    stopped: AtomicBool,
}

impl Fake {
    pub(crate) fn start(
        answers: impl Fn(usize, &[String]) -> Option<&'static str> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let inner = Arc::new(Inner {
            address: listener.local_addr().expect("its address"),
            answers: Mutex::new(Arc::new(answers)),
            seen: Mutex::default(),
            connections: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let (server, (up, ready)) = (inner.clone(), mpsc::channel());
        thread::spawn(move || {
            up.send(()).expect("the test waits");
            for stream in listener.incoming() {
                if server.stopped.load(Ordering::Acquire) {
                    break;
                }
                let stream = stream.expect("a connection");
                stream.set_nodelay(true).expect("an option of any socket");
                let number = {
                    let mut connections = server.connections.lock();
                    connections.push(stream.try_clone().expect("a handle"));
                    connections.len()
                };
                let server = server.clone();
                thread::spawn(move || server.serve(number, stream));
            }
        });
        ready.recv().expect("the server starts");
        Self(inner)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.address.port()
    }

    pub(crate) fn address(&self) -> String {
        self.0.address.to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.0.address)
    }

    /// Answers otherwise from now on.
    pub(crate) fn answer(
        &self,
        answers: impl Fn(usize, &[String]) -> Option<&'static str> + Send + Sync + 'static,
    ) {
        *self.0.answers.lock() = Arc::new(answers);
    }

    /// How many connections there have been.
    pub(crate) fn connections(&self) -> usize {
        self.0.connections.lock().len()
    }

    /// The commands it was sent, but for those of a new connection.
    pub(crate) fn seen(&self) -> Vec<Vec<String>> {
        let greeting = ["HELLO", "CLIENT", "INFO", "PING", "CLUSTER"];
        let seen = self.0.seen.lock();
        let after = |words: &&Vec<String>| !greeting.contains(&words[0].as_str());
        seen.iter().filter(after).cloned().collect()
    }

    /// The names of those commands.
    pub(crate) fn words_seen(&self) -> Vec<String> {
        self.seen()
            .into_iter()
            .map(|mut words| words.remove(0))
            .collect()
    }

    /// Waits until it was sent a command of this name.
    pub(crate) async fn has_seen(&self, name: &str) {
        while !self.0.seen.lock().iter().any(|words| words[0] == name) {
            // The command is on its way, in another thread.
            tokio::task::yield_now().await;
        }
    }

    /// Ends all connections.
    pub(crate) fn hang_up(&self) {
        for connection in self.0.connections.lock().iter() {
            // One that has ended already is as wanted.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Stops, so that nobody listens at its URL.
    pub(crate) fn stop(self) -> String {
        self.0.stopped.store(true, Ordering::Release);
        self.hang_up();
        // The listener looks at its flag when somebody comes.
        drop(TcpStream::connect(self.0.address));
        while TcpStream::connect(self.0.address).is_ok() {
            thread::yield_now();
        }
        self.url()
    }
}

impl Inner {
    fn serve(&self, number: usize, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
        let mut silent = false;
        while let Some(words) = command(&mut reader) {
            self.seen.lock().push(words.clone());
            // Not called under the lock: it may wait for what happens on another connection.
            let answers = self.answers.lock().clone();
            let answer = answers(number, &words).unwrap_or(match words[0].as_str() {
                "HELLO" => PRIMARY,
                "INFO" => "$12\r\nrun_id:first\r\n",
                "PING" => "+PONG\r\n",
                "CLIENT" => "+OK\r\n",
                _ => "-ERR unknown command\r\n",
            });
            match answer {
                SILENCE => silent = true,
                HANG_UP => break,
                answer if !silent && stream.write_all(answer.as_bytes()).is_err() => break,
                _ => {}
            }
        }
        // Its end is the peer's news, whether or not there is still one.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// The words of the next command.
fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let count = header(reader, '*')?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; header(reader, '$')? + 2];
        reader.read_exact(&mut word).ok()?;
        word.truncate(word.len() - 2);
        words.push(String::from_utf8_lossy(&word).into_owned());
    }
    Some(words)
}

fn header(reader: &mut impl BufRead, mark: char) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.trim_end().strip_prefix(mark)?.parse().ok()
}

/// What holds a server up, and what lets it go on.
pub(crate) fn gate() -> (Gate, Gate) {
    let gate = Gate(Arc::default());
    (gate.clone(), gate)
}

#[derive(Clone)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let mut open = self.0.0.lock();
        while !*open {
            self.0.1.wait(&mut open);
        }
    }
}
