//! robots.txt by RFC 9309, with Crawl-delay, and what sites ask there of those who train models.

use source::matches_start;

/// More of a file than this is not read (RFC 9309, 2.5).
pub const MAX_BYTES: usize = 500 * 1024;

/// The name by which groups of robots.txt address us.
pub const AGENT: &str = "medcorpus";

/// Crawlers that gather text for the training of models. A site that refuses any of them refuses our purpose.
const TRAINING_AGENTS: [&str; 14] = [
    "gptbot",
    "ccbot",
    "google-extended",
    "applebot-extended",
    "claudebot",
    "anthropic-ai",
    "claude-web",
    "meta-externalagent",
    "facebookbot",
    "bytespider",
    "cohere-ai",
    "cohere-training-data-crawler",
    "ai2bot",
    "omgili",
];

/// What may be fetched of a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Robots {
    groups: Vec<Group>,
    /// A `Content-Signal` said `ai-train=no`.
    pub refuses_training: bool,
    /// All that `Content-Signal` lines say.
    pub signals: Vec<String>,
    /// The server failed, so that nothing may be fetched (RFC 9309, 2.3.1.4).
    unreachable: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Group {
    /// In lower case.
    agents: Vec<String>,
    rules: Vec<Rule>,
    delay_secs: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    allow: bool,
    /// Normalised by [`normal`].
    pattern: Vec<u8>,
}

impl Robots {
    /// By the status of the answer: 2xx counts, 4xx allows everything, anything else forbids everything. Redirects have
    /// been followed before.
    pub fn of_answer(status: u16, body: &[u8]) -> Robots {
        match status {
            200..=299 => Robots::parse(body),
            400..=499 => Robots::default(),
            _ => Robots::unreachable(),
        }
    }

    /// Whether the server failed to say what may be fetched.
    pub fn is_unreachable(&self) -> bool {
        self.unreachable
    }

    /// Nothing may be fetched.
    pub fn unreachable() -> Robots {
        Robots { unreachable: true, ..Robots::default() }
    }

    /// Reads a file; what cannot be understood is skipped.
    pub fn parse(body: &[u8]) -> Robots {
        let body = &body[..body.len().min(MAX_BYTES)];
        let text = String::from_utf8_lossy(body);
        let mut robots = Robots::default();
        let mut in_agents = false;
        for line in text.trim_start_matches('\u{feff}').split(['\n', '\r']) {
            let line = line.split('#').next().unwrap_or_default();
            // Some forget the colon; two words are then meant as a key and its value.
            let two_words = || line.trim().split_once([' ', '\t']).filter(|it| !it.1.trim().contains([' ', '\t']));
            let Some((key, value)) = line.split_once(':').or_else(two_words) else { continue };
            let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
            match key.as_str() {
                "user-agent" => {
                    if !in_agents {
                        robots.groups.push(Group::default());
                    }
                    in_agents = true;
                    if let Some(group) = robots.groups.last_mut() {
                        group.agents.push(product(value));
                    }
                }
                "allow" | "disallow" => {
                    in_agents = false;
                    if let Some(group) = robots.groups.last_mut()
                        && !value.is_empty()
                    {
                        group.rules.push(Rule { allow: key == "allow", pattern: normal(value) });
                    }
                }
                "crawl-delay" => {
                    in_agents = false;
                    if let (Some(group), Ok(secs)) = (robots.groups.last_mut(), value.parse::<f64>())
                        && secs.is_finite()
                        && secs >= 0.0
                    {
                        group.delay_secs = Some(secs);
                    }
                }
                "content-signal" => {
                    let signals = value.to_ascii_lowercase();
                    if !signals.is_empty() && robots.signals.len() < 20 {
                        robots.signals.push(signals.clone());
                    }
                    let mut pairs = signals.split([',', ';']).filter_map(|it| it.split_once('='));
                    robots.refuses_training |= pairs.any(|(what, may)| what.trim() == "ai-train" && may.trim() == "no");
                }
                _ => {}
            }
        }
        robots
    }

    /// Whether a path with its query may be fetched, by us and for the training of models.
    pub fn allows(&self, path: &str) -> bool {
        if self.unreachable {
            return path == "/robots.txt";
        }
        if path == "/robots.txt" {
            return true;
        }
        let path = normal(path);
        let own = self.groups_of(AGENT);
        let own = if own.is_empty() { self.groups_of("*") } else { own };
        let training = TRAINING_AGENTS.iter().map(|agent| self.groups_of(agent));
        !self.refuses_training && allowed(&own, &path) && training.into_iter().all(|groups| allowed(&groups, &path))
    }

    /// Seconds that shall lie between two requests.
    pub fn delay_secs(&self) -> Option<f64> {
        let own = self.groups_of(AGENT);
        let own = if own.is_empty() { self.groups_of("*") } else { own };
        own.iter().filter_map(|group| group.delay_secs).reduce(f64::max)
    }

    /// All groups of an agent count as one (RFC 9309, 2.2.1).
    fn groups_of(&self, agent: &str) -> Vec<&Group> {
        self.groups.iter().filter(|group| group.agents.iter().any(|it| it == agent)).collect()
    }
}

/// The longest rule that matches decides, `allow` among equals; none allows.
fn allowed(groups: &[&Group], path: &[u8]) -> bool {
    let rules = groups.iter().flat_map(|group| &group.rules).filter(|rule| matches_start(&rule.pattern, path));
    rules.max_by_key(|rule| (rule.pattern.len(), rule.allow)).is_none_or(|rule| rule.allow)
}

/// The product token at the start of an agent's name.
fn product(value: &str) -> String {
    if value == "*" {
        return value.to_owned();
    }
    let is_part = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    value.chars().take_while(|it| is_part(*it)).collect::<String>().to_ascii_lowercase()
}

/// One spelling for what RFC 3986 holds for equal: octets that need no escape are written plainly, all others in capitals.
fn normal(path: &str) -> Vec<u8> {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let escape = |out: &mut Vec<u8>, byte: u8| out.extend_from_slice(format!("%{byte:02X}").as_bytes());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |index: usize| bytes.get(index).and_then(|it| char::from(*it).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                let byte = u8::try_from(high * 16 + low).expect("two digits are one byte");
                match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    true => out.push(byte),
                    false => escape(&mut out, byte),
                }
                at += 2;
            }
            (byte, ..) if byte > 0x7f || byte <= b' ' => escape(&mut out, byte),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(robots: &str, cases: &[(&str, bool)]) {
        let robots = Robots::parse(robots.as_bytes());
        for (path, expected) in cases {
            assert_eq!(robots.allows(path), *expected, "{path} by {robots:?}");
        }
    }

    #[test]
    fn the_longest_rule_decides_and_allow_among_equals() {
        let text = "User-agent: *\nDisallow: /a/\nAllow: /a/b\nDisallow: /c\nAllow: /c";
        check(text, &[("/", true), ("/a", true), ("/a/", false), ("/a/x", false), ("/a/b/c", true), ("/c", true)]);
    }

    #[test]
    fn wildcards_and_ends_match() {
        let text = "User-agent: *\nDisallow: /*.pdf$\nDisallow: /s*t/\nDisallow: *end$\nDisallow: /x$";
        let cases = [
            ("/a.pdf", false),
            ("/a.pdf?x", true),
            ("/a.pdf.pdf", false),
            ("/st/", false),
            ("/sort/1", false),
            ("/so/1", true),
            ("/the-end", false),
            ("/the-end-", true),
            ("/x", false),
            ("/xy", true),
        ];
        check(text, &cases);
    }

    #[test]
    fn our_group_replaces_that_of_all_and_several_count_as_one() {
        let text = "User-agent: *\nDisallow: /\n\nUser-agent: MedCorpus/1.0\nDisallow: /a\nuser-agent: other\nDisallow: /b\n\
                    User-agent: x\nUser-agent: medcorpus\nDisallow: /c";
        check(text, &[("/", true), ("/a", false), ("/b", true), ("/c", false)]);
    }

    #[test]
    fn escapes_are_equal_to_what_they_stand_for() {
        let text = "User-agent: *\nDisallow: /病\nDisallow: /%7Ejoe\nDisallow: /a%2fb";
        check(
            text,
            &[("/%E7%97%85", false), ("/%e7%97%85/1", false), ("/~joe", false), ("/a/b", true), ("/a%2Fb", false)],
        );
    }

    #[test]
    fn who_refuses_training_refuses_us() {
        check("User-agent: GPTBot\nDisallow: /articles/\n", &[("/", true), ("/articles/1", false)]);
        check(
            "User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /",
            &[("/", false), ("/robots.txt", true)],
        );
    }

    #[test]
    fn rubbish_is_skipped_and_empty_rules_say_nothing() {
        check(
            "\u{feff}disallow: /\rUser-agent : *\r\nfoo\nDisallow:\nDisallow: /x # why\ndisallow /y\ndisallow / or not\n",
            &[("/", true), ("/x", false), ("/y", false)],
        );
        check("", &[("/", true)]);
    }

    #[test]
    fn the_status_decides_before_the_content() {
        let body = b"User-agent: *\nDisallow: /x";
        let of = |status, path| Robots::of_answer(status, body).allows(path);
        assert!(of(200, "/") && !of(200, "/x"));
        assert!(of(404, "/x") && of(403, "/x"));
        assert!(!of(500, "/") && !of(503, "/"));
    }

    #[test]
    fn only_the_first_500_kib_are_read() {
        let text = format!("User-agent: *\n#{}\nDisallow: /", "x".repeat(MAX_BYTES));
        check(&text, &[("/", true)]);
    }

    #[test]
    fn many_stars_cost_no_more_than_their_number_times_the_path() {
        let pattern = format!("User-agent: *\nDisallow: /{}b$", "a*".repeat(2000));
        check(&pattern, &[(&format!("/{}", "a".repeat(4000)), true)]);
    }

    #[test]
    fn delays_are_those_of_the_group_that_counts() {
        let robots =
            Robots::parse(b"User-agent: *\nCrawl-delay: 9\nUser-agent: medcorpus\nCrawl-delay: 2.5\nDisallow:");
        assert_eq!(robots.delay_secs(), Some(2.5));
        assert_eq!(Robots::parse(b"User-agent: *\nCrawl-delay: nan").delay_secs(), None);
    }
}
