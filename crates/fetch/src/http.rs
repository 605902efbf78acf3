//! One request of HTTP/1.1 over one connection, and the answer's bytes as they were sent.
//!
//! A client library hands out parsed headers and a decoded body; a web archive keeps what went over the wire.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::ServerName};
use url::Url;

use crate::address::is_public;

/// Longest wait for the next bytes. It ends a request, and never decides what a page says.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest time of a whole answer: one that drips byte by byte would hold a crawl for ever.
const LONGEST_ANSWER: Duration = Duration::from_secs(600);
const MAX_HEADER_BYTES: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// Never will be: the name leads to no address that may be asked.
    #[error("{0} has no public address; a site on this machine needs --allow-loopback")]
    NotPublic(String),
    #[error("{0}")]
    Failed(String),
}

impl From<String> for NoAnswer {
    fn from(message: String) -> NoAnswer {
        NoAnswer::Failed(message)
    }
}

/// What an exchange left behind.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub request: Vec<u8>,
    /// Status line, headers and body as they came.
    pub response: Vec<u8>,
    pub header_bytes: usize,
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Why the answer ended before its end, if it did.
    pub truncated: Option<&'static str>,
}

impl Exchange {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// The body with its chunks joined.
    pub fn body(&self) -> Vec<u8> {
        let raw = &self.response[self.header_bytes..];
        let is_chunked = self.header("transfer-encoding").is_some_and(|it| it.to_ascii_lowercase().contains("chunked"));
        if is_chunked { join_chunks(raw) } else { raw.to_vec() }
    }
}

/// Opens connections.
pub(crate) struct Client {
    pub user_agent: String,
    /// For tests and for a site on this machine.
    pub may_use_loopback: bool,
    tls: Arc<ClientConfig>,
}

impl Client {
    pub fn new(user_agent: String, may_use_loopback: bool) -> Result<Client, String> {
        let mut roots = RootCertStore::empty();
        for certificate in rustls_native_certs::load_native_certs().certs {
            // A root that cannot be read is one that no site is trusted by.
            let _ = roots.add(certificate);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = versions.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
        Ok(Client { user_agent, may_use_loopback, tls: Arc::new(tls) })
    }

    /// Asks for one address; redirects are answers like others. Behind `max_bytes` an answer is cut. `conditions` are
    /// further headers, each with its line end.
    pub fn get(&self, url: &Url, conditions: &str, max_bytes: u64) -> Result<Exchange, NoAnswer> {
        let host = url.host_str().ok_or_else(|| "the address has no host".to_owned())?;
        let port = url.port_or_known_default().ok_or_else(|| "the address has no port".to_owned())?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {}\r\nAccept: text/html,application/xhtml+xml,\
             application/xml;q=0.9,*/*;q=0.5\r\nAccept-Encoding: identity\r\n{conditions}Connection: close\r\n\r\n",
            self.user_agent
        );
        let stream = self.connect(host.trim_matches(['[', ']']), port)?;
        let bytes = match url.scheme() {
            "http" => exchange(stream, request.as_bytes(), max_bytes),
            "https" => {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
                let session = ClientConnection::new(self.tls.clone(), name).map_err(|error| error.to_string())?;
                exchange(StreamOwned::new(session, stream), request.as_bytes(), max_bytes)
            }
            scheme => return Err(format!("{scheme} is not spoken, only http and https").into()),
        };
        let (response, truncated) = bytes?;
        let (header_bytes, status, headers) = head(&response).ok_or_else(|| "the answer is not HTTP".to_owned())?;
        Ok(Exchange { request: request.into_bytes(), response, header_bytes, status, headers, truncated })
    }

    /// The name is resolved once, and the socket goes to an address that was looked at.
    fn connect(&self, host: &str, port: u16) -> Result<TcpStream, NoAnswer> {
        let found = (host, port).to_socket_addrs().map_err(|error| format!("{host} is not found: {error}"))?;
        let is_allowed =
            |it: &SocketAddr| is_public(it.ip()) || (self.may_use_loopback && it.ip().to_canonical().is_loopback());
        let allowed: Vec<SocketAddr> = found.filter(is_allowed).collect();
        let mut last = NoAnswer::NotPublic(host.to_owned());
        for address in allowed {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    let set = stream.set_read_timeout(Some(PATIENCE)).and(stream.set_write_timeout(Some(PATIENCE)));
                    return set.map(|()| stream).map_err(|error| error.to_string().into());
                }
                Err(error) => last = format!("{address}: {error}").into(),
            }
        }
        Err(last)
    }
}

/// Sends the request and reads until the other side closes, the stated length is there, or the limit is reached.
fn exchange(
    mut stream: impl Read + Write,
    request: &[u8],
    max_bytes: u64,
) -> Result<(Vec<u8>, Option<&'static str>), String> {
    stream.write_all(request).and_then(|()| stream.flush()).map_err(|error| format!("could not send: {error}"))?;
    let mut response = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    let mut expected = None;
    let started = Instant::now();
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) if head(&response).is_some() => return Ok((response, Some("disconnect"))),
            Err(error) => return Err(format!("no answer: {error}")),
        };
        response.extend_from_slice(&buffer[..read]);
        if expected.is_none()
            && let Some((header_bytes, status, headers)) = head(&response)
        {
            let length = headers.iter().find(|(name, _)| name == "content-length");
            // What has no body may still state the length that it would have (RFC 9110, 8.6).
            let length = if matches!(status, 204 | 304) { Some(0) } else { length.and_then(|it| it.1.parse().ok()) };
            expected = Some(length.and_then(|length: usize| length.checked_add(header_bytes)));
        }
        if expected.is_none() && response.len() > MAX_HEADER_BYTES {
            return Err(format!("the headers are over {MAX_HEADER_BYTES} bytes"));
        }
        match expected.flatten() {
            Some(end) if response.len() >= end && end as u64 <= max_bytes => {
                response.truncate(end);
                return Ok((response, None));
            }
            Some(_) if read == 0 => return Ok((response, Some("disconnect"))),
            _ => {}
        }
        if started.elapsed() > LONGEST_ANSWER {
            return match head(&response) {
                Some(_) => Ok((response, Some("time"))),
                None => Err(format!("no whole headers in {} seconds", LONGEST_ANSWER.as_secs())),
            };
        }
        if response.len() as u64 >= max_bytes {
            response.truncate(usize::try_from(max_bytes).unwrap_or(usize::MAX));
            return Ok((response, Some("length")));
        }
        if read == 0 {
            return Ok((response, None));
        }
    }
}

type Head = (usize, u16, Vec<(String, String)>);

/// Length of the headers, status and fields; none before the empty line has come.
fn head(bytes: &[u8]) -> Option<Head> {
    let end = bytes.windows(4).take(MAX_HEADER_BYTES).position(|it| it == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    Some((end, status, fields.collect()))
}

fn join_chunks(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(raw.len());
    while let Some(end) = raw.windows(2).position(|it| it == b"\r\n") {
        let size = String::from_utf8_lossy(&raw[..end]);
        let Ok(size) = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16) else { break };
        let chunk = &raw[end + 2..];
        let size = size.min(chunk.len());
        body.extend_from_slice(&chunk[..size]);
        raw = chunk[size..].strip_prefix(b"\r\n").unwrap_or_default();
        if size == 0 {
            break;
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_a_torn_one_is_kept() {
        assert_eq!(join_chunks("6;x=1\r\n心筋\r\n3\r\nabc\r\n0\r\n\r\n".as_bytes()), "心筋abc".as_bytes());
        assert_eq!(join_chunks(b"ff\r\nabc"), b"abc");
    }

    #[test]
    fn no_socket_is_opened_to_an_address_inside() {
        let client = Client::new("test".to_owned(), false).unwrap();
        for address in [
            "http://127.0.0.1:9/",
            "http://[::1]:9/",
            "http://[::ffff:10.0.0.1]/",
            "http://0x7f.1/",
            "http://169.254.169.254/",
        ] {
            let error = client.get(&Url::parse(address).unwrap(), "", 1000).unwrap_err();
            assert!(matches!(error, NoAnswer::NotPublic(_)), "{address}: {error}");
        }
    }
}
