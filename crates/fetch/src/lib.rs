//! Fetches what a site's description names, politely, into WARC files. Text is made of these later, offline.
//!
//! [`crawl`] is the whole of it: one request at a time, robots.txt first, everything in the archive before it counts as
//! fetched, and a journal from which a killed crawl goes on.

mod address;
mod clock;
mod crawl;
mod frontier;
mod http;
mod links;
mod origins;
pub mod robots;
pub mod tdmrep;
mod warc;

pub use address::is_public;
pub use crawl::{Error, Progress, Settings, Site, crawl};
