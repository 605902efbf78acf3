//! What must stay true of the whole program, its data folders and its source text. One module for each subject.
//!
//! Nothing here needs a network. What needs the project's collection of real and hostile files (`MEDCORPUS_TEST_DATA`)
//! says "skipped" where that is absent; what needs the language model fails and names `make models`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod boilerplate;
mod books;
mod builds;
mod commands;
mod crawl;
mod dedup;
mod fetch;
mod identification;
mod languages;
mod local_site;
mod mmedc;
mod onboarding;
mod samples;
mod sites;
mod support;
mod tidy;
mod web;
