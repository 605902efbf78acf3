//! Which field of a record plays which role: the names that the known corpora use, or those that a source names.

use std::borrow::Cow;

use document::LanguageCode;

use crate::Fields;

/// What a reader takes out of one record.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) url: Option<Cow<'a, str>>,
    pub(crate) date: Option<Cow<'a, str>>,
    pub(crate) language: Option<LanguageCode>,
    pub(crate) licence: Option<Cow<'a, str>>,
}

/// What each record has for a role, by its number.
pub(crate) type ByRole<T> = [T; Role::ALL.len()];

/// The six roles, in the order of every array indexed by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Text,
    Id,
    Url,
    Date,
    Language,
    Licence,
}

impl Role {
    pub(crate) const ALL: [Role; 6] = [Role::Text, Role::Id, Role::Url, Role::Date, Role::Language, Role::Licence];

    /// The key in `[fields]`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Role::Text => "text",
            Role::Id => "id",
            Role::Url => "url",
            Role::Date => "date",
            Role::Language => "language",
            Role::Licence => "licence",
        }
    }

    /// The names that are looked for, likeliest first. A dot leads into an object or a struct.
    /// From: CulturaX, FineWeb-2, HPLT 1 and 2, OSCAR 22.01 and 23.01 (`content`, `warc_headers`), dolma (`added`,
    /// `metadata.url`), cc_net (`raw_content`, `date_download`), Common Pile (`metadata.license`).
    fn usual_names(self) -> &'static [&'static str] {
        match self {
            Role::Text => &["text", "content", "raw_content", "document", "body"],
            Role::Id => &["id", "doc_id", "warc_record_id", "uuid", "warc_headers.warc-record-id"],
            Role::Url => &["url", "source_url", "uri", "u", "warc_headers.warc-target-uri", "metadata.url"],
            Role::Date => &[
                "date",
                "timestamp",
                "date_download",
                "crawl_date",
                "ts",
                "created",
                "added",
                "warc_headers.warc-date",
            ],
            Role::Language => &["language", "lang", "lang_code", "metadata.identification.label"],
            Role::Licence => &["licence", "license", "metadata.license", "metadata.licence"],
        }
    }
}

impl Fields {
    /// The name that the source gives for a role, if it gives one.
    pub(crate) fn named(&self, role: Role) -> Option<&str> {
        match role {
            Role::Text => &self.text,
            Role::Id => &self.id,
            Role::Url => &self.url,
            Role::Date => &self.date,
            Role::Language => &self.language,
            Role::Licence => &self.licence,
        }
        .as_deref()
    }

    /// The names to look for, likeliest first: the one that the source gives, else the usual ones.
    pub(crate) fn candidates(&self, role: Role) -> Vec<&str> {
        self.named(role).map_or_else(|| role.usual_names().to_vec(), |name| vec![name])
    }
}

/// At most `most` names for a message.
pub(crate) fn shortlist<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut names = names.into_iter();
    let first: Vec<&str> = names.by_ref().take(most).collect();
    match (first.is_empty(), names.next()) {
        (true, _) => "none".to_owned(),
        (false, None) => first.join(", "),
        (false, Some(_)) => format!("{}, …", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_field_replaces_the_usual_ones_of_its_role_only() {
        let fields = Fields { text: Some("本文".into()), ..Fields::default() };
        assert_eq!(fields.candidates(Role::Text), ["本文"]);
        assert_eq!(fields.candidates(Role::Id)[0], "id");
    }

    #[test]
    fn long_lists_end_with_dots() {
        assert_eq!(shortlist(["a", "b"], 2), "a, b");
        assert_eq!(shortlist(["a", "b", "c"], 2), "a, b, …");
        assert_eq!(shortlist([], 2), "none");
    }
}
