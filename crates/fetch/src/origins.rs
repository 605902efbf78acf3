//! What each origin allows: its robots.txt and its tdmrep.json, asked for before anything else and again after a while.

use std::{collections::BTreeMap, time::Instant};

use crate::{robots::Robots, tdmrep::TdmRules};

/// The files of one origin.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub robots: Robots,
    pub reservations: TdmRules,
    /// How often robots.txt was asked for without an answer.
    pub tries: u32,
    asked: Instant,
}

impl Rules {
    pub fn new(robots: Robots, reservations: TdmRules, tries: u32) -> Rules {
        Rules { robots, reservations, tries, asked: Instant::now() }
    }

    /// What the files say of the use of a path, one statement a line of an archive's metadata.
    pub fn statements(&self, path: &str) -> Vec<String> {
        let signals = self.robots.signals.iter().map(|it| format!("robots-content-signal: {it}"));
        signals.chain(self.reservations.statement(path)).collect()
    }
}

/// The rules of all origins that were asked.
pub(crate) struct Origins {
    known: BTreeMap<String, Rules>,
    hours: f64,
}

impl Origins {
    /// Rules are good for so many hours.
    pub fn new(hours: f64) -> Origins {
        Origins { known: BTreeMap::new(), hours }
    }

    /// The rules of an origin, however old.
    pub fn last(&self, origin: &str) -> Option<&Rules> {
        self.known.get(origin)
    }

    /// The rules of an origin, unless they are too old.
    pub fn fresh(&self, origin: &str) -> Option<&Rules> {
        self.known.get(origin).filter(|it| it.asked.elapsed().as_secs_f64() <= self.hours * 3600.0)
    }

    pub fn insert(&mut self, origin: String, rules: Rules) {
        self.known.insert(origin, rules);
    }
}
