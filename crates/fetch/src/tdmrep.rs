//! `/.well-known/tdmrep.json`: which parts of a site are reserved against text and data mining.
//! TDM Reservation Protocol, final report of the W3C community group, 2024-02-02.

use source::matches_start;

/// More of a file than this is not read.
const MAX_BYTES: usize = 1 << 20;

/// The rules of one origin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TdmRules(Vec<TdmRule>);

#[derive(Debug, Clone, PartialEq)]
struct TdmRule {
    location: String,
    is_reserved: bool,
    policy: Option<String>,
}

impl TdmRules {
    /// Reads a file; one that is no list of rules reserves nothing, and neither does a rule that cannot be understood.
    pub fn parse(body: &[u8]) -> TdmRules {
        if body.len() > MAX_BYTES {
            return TdmRules::default();
        }
        let rules: Vec<serde_json::Value> = serde_json::from_slice(body).unwrap_or_default();
        let rule = |value: &serde_json::Value| {
            let reservation = value.get("tdm-reservation")?;
            let number = reservation.as_u64().or_else(|| reservation.as_str()?.trim().parse().ok())?;
            Some(TdmRule {
                location: value.get("location")?.as_str()?.to_owned(),
                is_reserved: number == 1,
                policy: value.get("tdm-policy").and_then(|it| it.as_str()).map(str::to_owned),
            })
        };
        TdmRules(rules.iter().filter_map(rule).collect())
    }

    /// Whether a path with its query is reserved. The longest pattern decides, the reservation among equals.
    pub fn reserves(&self, path: &str) -> bool {
        self.of(path).is_some_and(|rule| rule.is_reserved)
    }

    /// What the file says of a path, if anything.
    pub fn statement(&self, path: &str) -> Option<String> {
        let rule = self.of(path)?;
        let policy = rule.policy.as_ref().map(|it| format!("; tdm-policy: {it}")).unwrap_or_default();
        Some(format!("tdm-reservation: {}{policy}", u8::from(rule.is_reserved)))
    }

    fn of(&self, path: &str) -> Option<&TdmRule> {
        let rules = self.0.iter().filter(|rule| matches_start(rule.location.as_bytes(), path.as_bytes()));
        rules.max_by_key(|rule| (rule.location.len(), rule.is_reserved))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_location_decides() {
        let rules = TdmRules::parse(
            br#"[{"location": "/", "tdm-reservation": 1, "tdm-policy": "https://x.org/p.json"}, 7,
                 {"location": "/open/*.html$", "tdm-reservation": 0}, {"location": "/open/a", "tdm-reservation": "1"}]"#,
        );
        for (path, expected) in [("/", true), ("/open/b.html", false), ("/open/b.html?x", true), ("/open/a", true)] {
            assert_eq!(rules.reserves(path), expected, "{path}");
        }
        assert_eq!(rules.statement("/x").as_deref(), Some("tdm-reservation: 1; tdm-policy: https://x.org/p.json"));
    }

    #[test]
    fn what_is_no_list_of_rules_reserves_nothing() {
        for text in ["", "{}", "<html>", "[{\"location\": 1, \"tdm-reservation\": 1}]"] {
            let rules = TdmRules::parse(text.as_bytes());
            assert!(!rules.reserves("/") && rules.statement("/").is_none(), "{text}");
        }
    }
}
