//! Writes exchanges as WARC/1.1 records, each a gzip member of its own, so that any reader can begin at any record.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use sha1::{Digest, Sha1};

use crate::{frontier::Answer, http::Exchange};

/// What of an exchange is written.
pub(crate) enum Kept<'k> {
    /// All of the answer.
    Whole,
    /// It is the one that an earlier record holds: by its digest, or since the server says so (304).
    Same { earlier: &'k Answer, server_says_so: bool },
}

/// The first record of an archive: who made it, and for what.
pub(crate) fn info(date: &str, agent: &str, source: &str) -> std::io::Result<Vec<u8>> {
    let software = agent.split(' ').next().unwrap_or_default();
    let text = format!(
        "software: {software}\r\nformat: WARC File Format 1.1\r\nhttp-header-user-agent: {agent}\r\nrobots: obey\r\n\
         isPartOf: {source}\r\n"
    );
    let id = name(&["warcinfo", source, date]);
    member("warcinfo", &id, date, "", "application/warc-fields", text.as_bytes())
}

/// The records of one exchange: the response or a revisit, the request, and, where the site's files say something of its
/// use, that. `date` is in RFC 3339 and UTC, `id` of [`record_id`].
pub(crate) fn records(
    url: &str,
    date: &str,
    id: &str,
    exchange: &Exchange,
    kept: &Kept<'_>,
    statements: &[String],
) -> std::io::Result<Vec<u8>> {
    let target = format!("WARC-Target-URI: {url}\r\n");
    let mut fields = target.clone();
    let (kind, block) = match kept {
        Kept::Whole => {
            fields += &format!("WARC-Payload-Digest: {}\r\n", digest(&exchange.body()));
            if let Some(reason) = exchange.truncated {
                fields += &format!("WARC-Truncated: {reason}\r\n");
            }
            ("response", &exchange.response[..])
        }
        Kept::Same { earlier, server_says_so } => {
            let profile = if *server_says_so { "server-not-modified" } else { "identical-payload-digest" };
            fields += &format!(
                "WARC-Profile: http://netpreserve.org/warc/1.1/revisit/{profile}\r\nWARC-Payload-Digest: {}\r\n\
                 WARC-Refers-To: {}\r\nWARC-Refers-To-Target-URI: {url}\r\nWARC-Refers-To-Date: {}\r\n",
                earlier.digest, earlier.record, earlier.date
            );
            ("revisit", &exchange.response[..exchange.header_bytes])
        }
    };
    let mut out = member(kind, id, date, &fields, "application/http; msgtype=response", block)?;
    let fields = format!("{target}WARC-Concurrent-To: {id}\r\n");
    let request_id = name(&["request", id]);
    out.extend(member("request", &request_id, date, &fields, "application/http; msgtype=request", &exchange.request)?);
    if !statements.is_empty() {
        let text: String = statements.iter().map(|it| format!("{it}\r\n")).collect();
        let metadata_id = name(&["metadata", id]);
        out.extend(member("metadata", &metadata_id, date, &fields, "application/warc-fields", text.as_bytes())?);
    }
    Ok(out)
}

/// The id of the record of an answer that begins at this byte of its archive.
pub(crate) fn record_id(url: &str, date: &str, offset: u64) -> String {
    name(&["response", url, date, &offset.to_string()])
}

fn member(kind: &str, id: &str, date: &str, fields: &str, media_type: &str, block: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    write!(
        encoder,
        "WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: {id}\r\nWARC-Date: {date}\r\n\
         {fields}WARC-Block-Digest: {}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
        digest(block),
        block.len()
    )?;
    encoder.write_all(block)?;
    encoder.write_all(b"\r\n\r\n")?;
    encoder.finish()
}

/// A name that the same parts always get.
fn name(parts: &[&str]) -> String {
    let hash = Sha1::digest(parts.join("\n").as_bytes());
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("<urn:uuid:{}-{}-5{}-8{}-{}>", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// As other writers spell it: `sha1:` and base32.
pub(crate) fn digest(bytes: &[u8]) -> String {
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
