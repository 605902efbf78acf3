//! What the description of a site says of its pages, ready to be applied, and which pages a build leaves out before any
//! stage sees them.

use std::path::Path;

use document::{DataFileError, LanguageCode, Problems, Reason};
use extract::{Limits, Method, Page, PageSelectors, Selectors};
use serde::{Deserialize, Serialize};
use source::{CssText, Description, PageRules, Unmatched};

/// The name under which pages are rejected before the first stage.
pub(crate) const STAGE: &str = "read_pages";

/// `[pages]` of a pipeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageSettings {
    /// Which pages are rejected for what they or their servers ask.
    pub opt_outs: OptOuts,
}

/// Which requests a build obeys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OptOuts {
    /// Those that forbid to train models: `noai` and its like, a TDM reservation, `ai-train=no`.
    #[default]
    Training,
    /// Also those not to index or archive.
    All,
    /// None: for text that shall not train anything.
    Ignore,
}

/// How the pages of one source become text.
#[derive(Debug, Clone, Default)]
pub struct SiteRules {
    rules: PageRules,
    /// None for a source that says nothing of its pages.
    selectors: Option<PageSelectors>,
    settings: PageSettings,
}

/// What is known of a page beside its text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    pub date: Option<String>,
    pub language: Option<LanguageCode>,
    /// Place in [`PageRules::licence`].
    pub licence: Option<usize>,
    /// How its text was found, where its site has rules.
    pub method: Option<&'static str>,
    /// The address that the page goes on at.
    pub next: Option<String>,
    /// Why a build rejects it.
    pub reason: Option<Reason>,
}

impl SiteRules {
    /// The rules of a description, which was read from `file`.
    /// # Errors
    /// Fails with all selectors that are none.
    pub fn new(description: &Description, file: &Path, settings: PageSettings) -> Result<SiteRules, Problems> {
        let Some(rules) = description.page.clone() else { return Ok(SiteRules { settings, ..SiteRules::default() }) };
        let mut problems = Problems::default();
        let mut list = |texts: &[CssText]| {
            let mut selectors = Selectors::default();
            for css in texts {
                let pushed = selectors.push(&css.text);
                let at = |message| DataFileError::at(file.display().to_string(), css.line, message);
                problems.collect(pushed.map_err(at));
            }
            selectors
        };
        let selectors = PageSelectors {
            body: list(&rules.body),
            title: list(&rules.title),
            date: list(&rules.date),
            remove: list(&rules.remove),
            next: list(&rules.next),
        };
        problems.none_or(SiteRules { rules, selectors: Some(selectors), settings })
    }

    /// Loads the rules in a file of `sources/`.
    /// # Errors
    /// Fails if the file cannot be read, and with all that is wrong in it.
    pub fn load(file: &Path) -> Result<(Description, SiteRules), Problems> {
        let description = Description::load(file).map_err(|error| match error {
            source::Error::Description(error) => error,
            other => DataFileError::whole(file.display().to_string(), other.to_string()),
        })?;
        let rules = SiteRules::new(&description, file, PageSettings::default())?;
        Ok((description, rules))
    }

    /// The selector of the link by which a page goes on, for the crawler.
    pub fn selectors(&self) -> Option<&PageSelectors> {
        self.selectors.as_ref()
    }

    /// The licence with its evidence at a place in the rules.
    pub(crate) fn licence(&self, place: usize) -> &source::LicenceRule {
        &self.rules.licence[place]
    }

    pub(crate) fn is_one_document(&self) -> bool {
        self.rules.one_document
    }

    /// The text of a page in HTML, and what of it depends on the site.
    pub(crate) fn html(&self, html: &str, url: Option<&str>) -> (Page, Findings) {
        let limits = Limits::default();
        let Some(selectors) = &self.selectors else { return (extract::page(html, &limits), Findings::default()) };
        let (page, next) = extract::page_by(html, selectors, &limits);
        let findings = Findings {
            date: page.metadata.date.clone().filter(|_| !selectors.date.is_empty()),
            method: Some(page.method.as_str()),
            next: next.and_then(|link| source::address(url, &link)),
            ..Findings::default()
        };
        (page, findings)
    }

    /// Adds to the findings what the address says, and whether a build rejects the page. `page` is complete by now.
    pub(crate) fn judge(&self, page: &Page, url: Option<&str>, findings: &mut Findings) {
        if let Some(url) = url {
            findings.language = self.rules.language_of(url);
            findings.licence = self.rules.licence_of(url);
        }
        let opt_outs = page.metadata.opt_outs.iter();
        let obeyed = match self.settings.opt_outs {
            OptOuts::Training => opt_outs.filter(|it| extract::forbids_training(it)).count(),
            OptOuts::All => opt_outs.count(),
            OptOuts::Ignore => 0,
        };
        let reject = |rule, value, limit| Some(Reason { stage: STAGE, rule, value, limit });
        findings.reason = if obeyed > 0 {
            reject("opt_out", obeyed as f64, 0.0)
        } else if self.rules.unmatched == Unmatched::Reject && page.method == Method::MainText {
            reject("no_body", 0.0, 1.0)
        } else {
            None
        };
    }
}
