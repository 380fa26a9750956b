//! What the caches are copies of: rows that have versions, in this process or in another.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A row, by number.
pub(crate) type Row = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Change,
    Version,
    Complete,
    Completed,
}

const ASKS: [Ask; 4] = [Ask::Change, Ask::Version, Ask::Complete, Ask::Completed];

/// For each row its version, and the last version whose write to the cache had ended.
#[derive(Debug)]
struct Rows(Vec<[AtomicU64; 2]>);

impl Rows {
    fn answer(&self, ask: Ask, row: Row, version: u64) -> u64 {
        let [current, completed] = &self.0[usize::from(row)];
        match ask {
            Ask::Change => current.fetch_add(1, Ordering::SeqCst) + 1,
            Ask::Version => current.load(Ordering::SeqCst),
            Ask::Complete => completed.fetch_max(version, Ordering::SeqCst),
            Ask::Completed => completed.load(Ordering::SeqCst),
        }
    }
}

/// Cheap to clone; clones are the same source.
#[derive(Clone, Debug)]
pub(crate) struct Source(Arc<Place>);

#[derive(Debug)]
enum Place {
    Here(Rows),
    /// In the process that listens there; with the connections that nobody uses now.
    There(SocketAddr, Mutex<Vec<TcpStream>>),
}

impl Source {
    /// A source of its own; every row has version 1.
    pub(crate) fn new(rows: Row) -> Self {
        let rows = (0..rows).map(|_| [AtomicU64::new(1), AtomicU64::new(0)]);
        Self(Arc::new(Place::Here(Rows(rows.collect()))))
    }

    /// The source of another process.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self(Arc::new(Place::There(address, Mutex::default())))
    }

    /// Lets other processes ask this source, from now until the runtime ends.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let source = self.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(source.clone().serve(connection));
            }
        });
        address
    }

    async fn serve(self, mut connection: TcpStream) {
        connection.set_nodelay(true).expect("a connection");
        let mut request = [0; 10];
        // Ends with the process that asks.
        while connection.read_exact(&mut request).await.is_ok() {
            let [ask, row, version @ ..] = request;
            let version = u64::from_le_bytes(version);
            let answer = self.ask(ASKS[usize::from(ask)], row, version).await;
            if connection.write_all(&answer.to_le_bytes()).await.is_err() {
                return;
            }
        }
    }

    async fn ask(&self, ask: Ask, row: Row, version: u64) -> u64 {
        let (address, idle) = match &*self.0 {
            Place::Here(rows) => return rows.answer(ask, row, version),
            Place::There(address, idle) => (address, idle),
        };
        let connection = idle.lock().expect("no panics").pop();
        let mut connection = match connection {
            Some(connection) => connection,
            None => {
                let connection = TcpStream::connect(address).await.expect("a source");
                connection.set_nodelay(true).expect("a connection");
                connection
            }
        };
        let mut request = [ask as u8, row, 0, 0, 0, 0, 0, 0, 0, 0];
        request[2..].copy_from_slice(&version.to_le_bytes());
        connection.write_all(&request).await.expect("a source");
        let mut answer = [0; 8];
        connection.read_exact(&mut answer).await.expect("an answer");
        idle.lock().expect("no panics").push(connection);
        u64::from_le_bytes(answer)
    }

    /// Changes a row; gives its new version.
    pub(crate) async fn change(&self, row: Row) -> u64 {
        self.ask(Ask::Change, row, 0).await
    }

    pub(crate) async fn version(&self, row: Row) -> u64 {
        self.ask(Ask::Version, row, 0).await
    }

    /// Takes down that a write to the cache has ended.
    pub(crate) async fn complete(&self, row: Row, version: u64) {
        self.ask(Ask::Complete, row, version).await;
    }

    /// The last version whose write to the cache had ended.
    pub(crate) async fn completed(&self, row: Row) -> u64 {
        self.ask(Ask::Completed, row, 0).await
    }
}
