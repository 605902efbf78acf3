//! The saved pages of a site's description, held against what must come out of them.

use std::{collections::BTreeSet, fs, path::Path};

use document::{DataFileError, Problems};
use source::{Description, Example};

use crate::{
    pages::{ReadPage, read_page},
    site_rules::SiteRules,
};

/// So much of a text is shown where it is not what it should be.
const SHOWN_CHARS: usize = 200;

/// Holds every saved page of a description against its example. They lie in the folder beside `file` that has its name.
/// # Errors
/// Fails with all that differs.
pub(crate) fn check(description: &Description, rules: &SiteRules, file: &Path) -> Result<(), Problems> {
    let folder = file.with_extension("");
    let mut problems = Problems::default();
    for example in &description.examples {
        let name = example.file.get_ref();
        let at = |message: String| DataFileError::at(file.display().to_string(), example.line, message);
        match fs::read(folder.join(name)) {
            Ok(bytes) => {
                let headers: [(&str, &str); 0] = [];
                let page = read_page(rules, Some(&example.url), "text/html", None, &headers, &bytes);
                problems.0.extend(differences(example, rules, &page).into_iter().map(|it| at(format!("{name}: {it}"))));
            }
            Err(error) => {
                problems.0.push(at(format!("the saved page {} cannot be read: {error}", folder.join(name).display())));
            }
        }
    }
    let named: BTreeSet<&str> = description.examples.iter().map(|it| it.file.get_ref().as_str()).collect();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".html") && !named.contains(name.as_str()) {
            let message = format!("{} is no example of the description; name it in one", entry.path().display());
            problems.0.push(DataFileError::whole(file.display().to_string(), message));
        }
    }
    problems.0.sort_by(|one, other| (one.line, &one.message).cmp(&(other.line, &other.message)));
    problems.none_or(())
}

fn differences(example: &Example, rules: &SiteRules, read: &ReadPage) -> Vec<String> {
    let ReadPage { page, findings, .. } = read;
    let mut found = Vec::new();
    let shown: String = page.text.chars().take(SHOWN_CHARS).collect();
    for wanted in example.contains.iter().filter(|it| !page.text.contains(it.as_str())) {
        found.push(format!("its text lacks {wanted:?}; it begins {shown:?}"));
    }
    for unwanted in example.lacks.iter().filter(|it| page.text.contains(it.as_str())) {
        found.push(format!("its text contains {unwanted:?}, which it must not"));
    }
    let mut compare = |what: &str, wanted: Option<&str>, is: Option<&str>| {
        if wanted.is_some() && wanted != is {
            found.push(format!("its {what} is {is:?}, not {wanted:?}"));
        }
    };
    compare("title", example.title.as_deref(), page.metadata.title.as_deref());
    compare("date", example.date.as_deref(), findings.date.as_deref());
    let [wanted, is] = [example.language, findings.language].map(|it| it.map(|it| it.to_string()));
    compare("language", wanted.as_deref(), is.as_deref());
    let licence = findings.licence.map(|place| rules.licence(place).licence.as_str());
    compare("licence", example.licence.as_deref(), licence);
    compare("next page", example.next.as_deref(), findings.next.as_deref());
    let rule = findings.reason.map(|it| it.rule);
    if example.rejected.as_deref() != rule {
        found.push(match rule {
            Some(rule) => format!("it is rejected as {rule:?}; say `rejected` if it is to be"),
            None => format!("it is not rejected as {:?}", example.rejected.as_deref().unwrap_or_default()),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "title = \"T\"\nkind = \"site\"\nlicence = \"CC0-1.0\"\nlicence_evidence = \"e\"\nrank = 30\n\
        files = [\"*.warc.gz\"]\n[page]\nbody = [\"main\"]\ndate = [\"time\"]\nnext = [\"a.on\"]\nunmatched = \"reject\"\n\
        [[page.language]]\nurl = \"https://x.example/es/\"\nlanguage = \"es\"\n\
        [[page.licence]]\nurl = \"*/es/\"\nlicence = \"none\"\nevidence = \"e\"\n";

    /// Checks one example of a saved page.
    fn problems(example: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("site.toml");
        fs::create_dir(folder.path().join("site")).unwrap();
        let page = "<title>Asma</title><main>El asma <b>es</b> crónica.<time datetime=2024-02-03>3</time></main>\
                    <nav>Inicio <a class=on href='2.html'>2</a></nav>";
        fs::write(folder.path().join("site/a.html"), page).unwrap();
        fs::write(folder.path().join("site/list.html"), "<ul><li>Asma<li>Gripe</ul>").unwrap();
        fs::write(&file, format!("{SITE}{example}")).unwrap();
        let (description, rules) = SiteRules::load(&file).unwrap();
        match check(&description, &rules, &file) {
            Ok(()) => Vec::new(),
            Err(problems) => problems.0.iter().map(|it| format!("{:?}: {}", it.line, it.message)).collect(),
        }
    }

    const LIST: &str = "[[example]]\nfile = \"list.html\"\nurl = \"https://x.example/list\"\nrejected = \"no_body\"\n";

    #[test]
    fn a_saved_page_that_comes_out_as_said_is_no_problem() {
        let example = "[[example]]\nfile = \"a.html\"\nurl = \"https://x.example/es/a\"\ncontains = [\"asma es crónica\"]\n\
            lacks = [\"Inicio\"]\ntitle = \"Asma\"\ndate = \"2024-02-03\"\nlanguage = \"es\"\nlicence = \"none\"\n\
            next = \"https://x.example/es/2.html\"\n";
        assert_eq!(problems(&format!("{LIST}{example}")), [""; 0]);
    }

    #[test]
    fn what_differs_is_named_with_its_line() {
        let example = "[[example]]\nfile = \"a.html\"\nurl = \"https://x.example/a\"\ncontains = [\"gripe\"]\nlacks = [\"asma\"]\n\
            title = \"Gripe\"\nlanguage = \"es\"\n[[example]]\nfile = \"none.html\"\nurl = \"https://x.example/\"\n";
        let found = problems(example);
        let expected = [
            "None: ",
            "Some(20): a.html: its language is None, not Some(\"es\")",
            "Some(20): a.html: its text contains \"asma\", which it must not",
            "Some(20): a.html: its text lacks \"gripe\"; it begins \"El asma es crónica.3\"",
            "Some(20): a.html: its title is Some(\"Asma\"), not Some(\"Gripe\")",
            "Some(27): the saved page ",
        ];
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
        assert!(problems(&LIST.replace("no_body", "opt_out"))[1].contains("is rejected as \"no_body\""));
    }
}
