//! The little of Redis' protocol that the fixture speaks itself: a command out, one reply back.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Where a server listens.
#[derive(Debug, Clone)]
pub(super) enum Address {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// What a server replied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Nothing: the null of Redis.
    Null,
    /// A whole number.
    Number(i64),
    /// A word of state, such as `OK`.
    Status(String),
    /// A string, which may hold any bytes.
    Bytes(Vec<u8>),
    /// A refusal, with its code first: `WRONGTYPE Operation against ...`.
    Error(String),
    /// Replies within a reply.
    Array(Vec<Reply>),
}

impl Reply {
    /// The text in a reply, an error's too; that of an array is its elements, a line each.
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// The whole number in a reply, be it sent as one or as a string.
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Null | Self::Error(_) | Self::Array(_) => None,
            Self::Status(_) | Self::Bytes(_) => self.text().parse().ok(),
        }
    }

    /// The elements of an array; none where the reply is something else.
    pub fn elements(&self) -> &[Reply] {
        match self {
            Self::Array(elements) => elements,
            _ => &[],
        }
    }

    /// Whether the server refused.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }

    /// Whether the reply is this string, or an array that holds it at any depth.
    pub fn mentions(&self, word: &str) -> bool {
        match self {
            Self::Array(elements) => elements.iter().any(|element| element.mentions(word)),
            Self::Status(text) => text == word,
            Self::Bytes(bytes) => bytes == word.as_bytes(),
            Self::Null | Self::Number(_) | Self::Error(_) => false,
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Number(number) => write!(f, "{number}"),
            Self::Status(text) | Self::Error(text) => f.write_str(text),
            Self::Bytes(bytes) => f.write_str(&String::from_utf8_lossy(bytes)),
            Self::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        f.write_str("\n")?;
                    }
                    write!(f, "{element}")?;
                }
                Ok(())
            }
        }
    }
}

/// One blocking connection to a server.
///
/// After an error it is of no more use: a late reply would be taken for the next one's.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Stream>,
}

impl Connection {
    /// Connects, and logs in where a user is named.
    ///
    /// Every single write and read fails after `patience`.
    pub(super) fn open(
        address: &Address,
        login: Option<(&str, &str)>,
        patience: Duration,
    ) -> io::Result<Self> {
        let stream = Stream::open(address, patience)?;
        let stream = BufReader::new(stream);
        let mut connection = Self { stream };
        if let Some((user, password)) = login {
            let reply = connection.command(&["AUTH", user, password])?;
            if reply.is_error() {
                return Err(io::Error::other(reply.text()));
            }
        }
        Ok(connection)
    }

    /// Sends a command and waits for its reply; a refusal is a reply too.
    pub fn command<A: AsRef<[u8]>>(&mut self, command: &[A]) -> io::Result<Reply> {
        let mut request = format!("*{}\r\n", command.len()).into_bytes();
        for argument in command {
            let argument = argument.as_ref();
            request.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            request.extend_from_slice(argument);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request)?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let mut characters = line.chars();
        let kind = characters.next();
        let rest = characters.as_str();
        match kind {
            Some('+') => Ok(Reply::Status(rest.to_owned())),
            Some('-') => Ok(Reply::Error(rest.to_owned())),
            Some(':') => Ok(Reply::Number(rest.parse().map_err(|_| foreign(&line))?)),
            Some('$') => {
                let Some(length) = length(rest, &line)? else {
                    return Ok(Reply::Null);
                };
                // Two more: the line break behind the string.
                let mut bytes = vec![0; length + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Ok(Reply::Bytes(bytes))
            }
            Some('*') => {
                let Some(length) = length(rest, &line)? else {
                    return Ok(Reply::Null);
                };
                let elements = (0..length).map(|_| self.reply());
                Ok(Reply::Array(elements.collect::<io::Result<_>>()?))
            }
            _ => Err(foreign(&line)),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = String::from_utf8_lossy(&line);
        Ok(line.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// The length of what follows, `None` for null.
fn length(text: &str, line: &str) -> io::Result<Option<usize>> {
    if text == "-1" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| foreign(line))
}

fn foreign(line: &str) -> io::Error {
    let said = format!("this is not a reply of Redis: {line:?}");
    io::Error::new(io::ErrorKind::InvalidData, said)
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn open(address: &Address, patience: Duration) -> io::Result<Self> {
        Ok(match address {
            Address::Tcp(host, port) => {
                // Connecting needs no limit of its own: all is on this machine, or near.
                let stream = TcpStream::connect((host.as_str(), *port))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                Self::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                Self::Unix(stream)
            }
        })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
