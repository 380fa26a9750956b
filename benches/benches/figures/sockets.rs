//! A site behind a socket of this machine, and clients that ask it one request after the other.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::Failure;

/// How many clients there are; each keeps its connection.
pub(crate) const CLIENTS: usize = 4;

/// Serves the site as long as the runtime lives.
pub(crate) fn serve(runtime: &Runtime, site: Router) -> Result<SocketAddr, Failure> {
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move { axum::serve(listener, site).await });
    Ok(address)
}

/// A client of a site.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Client {
    /// One that is connected.
    pub(crate) fn of(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(16_384, stream),
            line: String::new(),
            body: Vec::new(),
        })
    }

    /// Sends a request, waits for its response, and says how long the body is.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<usize, Failure> {
        self.stream.get_mut().write_all(request)?;
        let mut length = None;
        loop {
            self.line.clear();
            if self.stream.read_line(&mut self.line)? == 0 {
                return Err("the site closed the connection".into());
            }
            let line = self.line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.parse()?);
            }
        }
        let length = length.ok_or("a response without its length")?;
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(length)
    }
}
