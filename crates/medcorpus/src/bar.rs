//! Progress on standard error: a bar with rate, kept share and ETA on a terminal, a JSON line every few seconds elsewhere.

use std::{
    io::IsTerminal,
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use pipeline::Progress;

/// Time between two JSON lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// A listener that shows what it hears.
pub struct Bar {
    state: Mutex<State>,
    on_terminal: bool,
}

struct State {
    step: String,
    bar: ProgressBar,
    started: Instant,
    last_line: Instant,
    total: u64,
    bytes: u64,
    read: u64,
    kept: u64,
}

impl Bar {
    pub fn new() -> Bar {
        let now = Instant::now();
        let state = State {
            step: String::new(),
            bar: ProgressBar::hidden(),
            started: now,
            last_line: now,
            total: 0,
            bytes: 0,
            read: 0,
            kept: 0,
        };
        Bar { state: Mutex::new(state), on_terminal: std::io::stderr().is_terminal() }
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        // A poisoned lock means that another thread panicked while showing progress; the numbers are still good.
        change(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Progress for Bar {
    fn begin(&self, step: &str, total_bytes: u64) {
        self.with(|state| {
            let now = Instant::now();
            let bar = if self.on_terminal { ProgressBar::new(total_bytes) } else { ProgressBar::hidden() };
            let template = "{msg:<14} {wide_bar} {bytes:>10}/{total_bytes} {bytes_per_sec:>12} {prefix} ETA {eta}";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(step.to_owned());
            *state = State {
                step: step.to_owned(),
                bar,
                started: now,
                last_line: now,
                total: total_bytes,
                bytes: 0,
                read: 0,
                kept: 0,
            };
        });
    }

    fn advance(&self, bytes: u64, read: u64, kept: u64) {
        self.with(|state| {
            state.bytes += bytes;
            state.read += read;
            state.kept += kept;
            state.bar.inc(bytes);
            if state.read > 0 {
                state.bar.set_prefix(format!("{:.1} % kept", 100.0 * state.kept as f64 / state.read as f64));
            }
            if !self.on_terminal && state.last_line.elapsed() >= LINE_EVERY {
                state.last_line = Instant::now();
                eprintln!("{}", state.line());
            }
        });
    }

    fn end(&self) {
        self.with(|state| {
            state.bar.finish();
            if !self.on_terminal {
                eprintln!("{}", state.line());
            }
        });
    }
}

impl State {
    fn line(&self) -> serde_json::Value {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = self.bytes as f64 / seconds.max(1e-9);
        let eta = (self.bytes > 0).then(|| (self.total.saturating_sub(self.bytes) as f64 / rate).round());
        serde_json::json!({
            "step": self.step,
            "bytes": self.bytes,
            "total_bytes": self.total,
            "documents_read": self.read,
            "documents_kept": self.kept,
            "megabytes_per_second": (rate / 1e4).round() / 100.0,
            "seconds": (seconds * 10.0).round() / 10.0,
            "eta_seconds": eta,
        })
    }
}
