//! Writes exchanges as WARC/1.1 records, each a gzip member of its own, so that any reader can begin at any record.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use sha1::{Digest, Sha1};

use crate::http::Exchange;

/// The records of one exchange: the request and the response, which name each other. `date` is in RFC 3339 and UTC.
pub(crate) fn records(url: &str, date: &str, exchange: &Exchange) -> std::io::Result<Vec<u8>> {
    let response_id = id(&["response", url, date]);
    let mut fields = format!("WARC-Payload-Digest: {}\r\n", digest(&exchange.body()));
    if let Some(reason) = exchange.truncated {
        fields += &format!("WARC-Truncated: {reason}\r\n");
    }
    let mut out = member("response", &response_id, url, date, &fields, &exchange.response)?;
    let fields = format!("WARC-Concurrent-To: {response_id}\r\n");
    out.extend(member("request", &id(&["request", url, date]), url, date, &fields, &exchange.request)?);
    Ok(out)
}

fn member(kind: &str, id: &str, url: &str, date: &str, fields: &str, block: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    write!(
        encoder,
        "WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: {id}\r\nWARC-Date: {date}\r\nWARC-Target-URI: {url}\r\n\
         {fields}WARC-Block-Digest: {}\r\nContent-Type: application/http; msgtype={kind}\r\nContent-Length: {}\r\n\r\n",
        digest(block),
        block.len()
    )?;
    encoder.write_all(block)?;
    encoder.write_all(b"\r\n\r\n")?;
    encoder.finish()
}

/// A name that the same exchange always gets.
fn id(parts: &[&str]) -> String {
    let hash = Sha1::digest(parts.join("\n").as_bytes());
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("<urn:uuid:{}-{}-5{}-8{}-{}>", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// As other writers spell it: `sha1:` and base32.
fn digest(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = Sha1::digest(bytes);
    let mut out = "sha1:".to_owned();
    for five in hash.chunks(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        out.extend((0..8).rev().map(|at| char::from(LETTERS[(bits >> (5 * at)) as usize & 31])));
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn digests_are_those_of_other_writers() {
        assert_eq!(super::digest(b""), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
    }
}
