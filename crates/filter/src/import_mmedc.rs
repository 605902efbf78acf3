//! Turns MMedC's published keyword file into a language folder under the rule `mmedc`. The lists themselves are not ours
//! to ship.

use crate::language::FolderText;

/// The terms of one language in the published file, a Python module with lists named `PREFIX_medical_biology_words` and
/// `PREFIX_medical_words`. Repeats are left out, as the published script's union of sets leaves them out; terms that
/// differ in case alone remain.
/// # Errors
/// Fails if the module has no list with this prefix, or one that does not end.
pub fn mmedc_terms(module: &str, prefix: &str) -> Result<Vec<String>, String> {
    let mut terms = Vec::new();
    let mut found = false;
    for list in ["medical_biology_words", "medical_words"] {
        let name = format!("{prefix}_{list}");
        let assigned = module.match_indices(&name).find_map(|(place, _)| {
            let begins_line = module[..place].chars().next_back().is_none_or(|before| before == '\n');
            let rest = module[place + name.len()..].trim_start().strip_prefix('=')?.trim_start().strip_prefix('[')?;
            begins_line.then_some(rest)
        });
        if let Some(items) = assigned {
            found = true;
            terms.extend(strings_of_list(items).ok_or_else(|| format!("the list {name} does not end"))?);
        }
    }
    if !found {
        return Err(format!("there is no list {prefix}_medical_words or {prefix}_medical_biology_words"));
    }
    terms.sort();
    terms.dedup();
    Ok(terms)
}

/// The string literals up to the closing bracket.
fn strings_of_list(items: &str) -> Option<Vec<String>> {
    let mut strings = Vec::new();
    let mut characters = items.chars();
    loop {
        match characters.next()? {
            ']' => return Some(strings),
            '#' => drop(characters.by_ref().find(|character| *character == '\n')?),
            quote @ ('"' | '\'') => {
                let mut string = String::new();
                loop {
                    match characters.next()? {
                        '\\' => string.push(characters.next()?),
                        character if character == quote => break,
                        character => string.push(character),
                    }
                }
                strings.push(string);
            }
            _ => {}
        }
    }
}

/// The folder for `terms`: the language's own settings with the rule and the thresholds that MMedC published.
/// # Errors
/// Fails if the settings are no TOML or have no table `[mmedc]`.
pub fn mmedc_folder(base: &FolderText, terms: &[String]) -> Result<FolderText, String> {
    let mut settings: toml::Table = base.settings.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let published = settings.remove("mmedc").and_then(|value| value.as_table().cloned());
    let published = published.ok_or("language.toml has no table [mmedc] with the published thresholds; add it")?;
    let number = |key: &str| published.get(key).cloned().ok_or(format!("[mmedc] has no {key}"));
    let mut keywords = toml::Table::new();
    keywords.insert("rule".to_owned(), "mmedc".into());
    keywords.insert("min_distinct".to_owned(), number("min_distinct")?);
    keywords.insert("min_density".to_owned(), number("min_density")?);
    settings.insert("keywords".to_owned(), keywords.into());
    // What is calibrated for the language's own words.
    for own in ["inflection", "proclitics", "optional_marks", "compounds", "judgement"] {
        settings.remove(own);
    }
    let mut list =
        "# Source: MMedC's published list (Qiu et al. 2024, Nat. Commun. 15, 8384), imported; not for redistribution\n"
            .to_owned();
    for term in terms {
        list.push_str(term);
        list.push('\n');
    }
    Ok(FolderText {
        path: String::new(),
        settings: settings.to_string(),
        keywords: list,
        stopwords: base.stopwords.clone(),
        ..FolderText::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_joined_and_exact_repeats_dropped() {
        let module = "# words\nfr_medical_biology_words = [\n  \"Gène\", 'Sida', # note ]\n  \"l\\'os\"]\n\
                      fr_medical_words = [\"Sida\", \"SIDA\"]\nxfr_medical_words = [\"no\"]\n";
        assert_eq!(mmedc_terms(module, "fr").unwrap(), ["Gène", "SIDA", "Sida", "l'os"]);
        assert!(mmedc_terms(module, "de").unwrap_err().contains("de_medical_words"));
        assert!(mmedc_terms("de_medical_words = [\"x\"", "de").unwrap_err().contains("does not end"));
    }

    #[test]
    fn the_folder_has_the_published_rule_and_thresholds() {
        let base = FolderText {
            settings: "name = 'F'\nenglish_name = 'F'\nscript = 'Latn'\nword_boundaries = 'spaces'\n[keywords]\nrule = 'native'\n\
                       min_distinct = 9\nmin_density = 0.9\n[inflection]\n'' = ['']\n[identify_language]\nmin_probability = 0.5\n\
                       [quality]\n[mmedc]\nlist_prefix = 'fr'\nmin_distinct = 4\nmin_density = 0.04\n"
                .to_owned(),
            ..FolderText::default()
        };
        let folder = mmedc_folder(&base, &["Sida".to_owned(), "SIDA".to_owned()]).unwrap();
        let code = document::LanguageCode::parse("fr").unwrap();
        let language = crate::Language::parse(code, &folder, |_| {}).unwrap();
        assert_eq!((language.settings.keywords.min_distinct, language.settings.keywords.min_density), (4, 0.04));
        assert_eq!(language.matcher.count("le sida").distinct, 2);
    }
}
