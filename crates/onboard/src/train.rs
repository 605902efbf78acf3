//! Trains a language's classifier: fastText on windows, in two rounds.
//!
//! The first round sees a few windows of each document. The second one also sees, several times, every window of an `other`
//! document that the first round took for medicine: these are the hard negatives, found rather than guessed.

use std::{collections::BTreeMap, fs, io::Write};

use fasttext::{
    FastText,
    args::{Args, LossName},
};
use filter::{
    classifier::{self, Classifier},
    keywords::WordBoundaries,
};

use crate::{Error, Labelled};

/// What the model is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSettings {
    pub boundaries: WordBoundaries,
    /// Windows of one document, at most.
    pub windows_of_document: usize,
    /// Windows of one origin and label, at most; a large origin would teach its own style.
    pub windows_of_origin: usize,
    /// How often a hard negative is seen beside once.
    pub hard_repeats: usize,
    pub dimensions: u16,
    pub epochs: u16,
    pub learning_rate: f64,
    /// Rows of the input matrix after quantising.
    pub max_rows: usize,
}

impl TrainSettings {
    /// Measured by leave-one-origin-out: see ARCHITECTURE.md.
    pub fn new(boundaries: WordBoundaries) -> TrainSettings {
        TrainSettings {
            boundaries,
            windows_of_document: 3,
            windows_of_origin: 600,
            hard_repeats: 3,
            dimensions: 16,
            epochs: 8,
            learning_rate: 0.4,
            max_rows: 60_000,
        }
    }
}

/// What a model was trained on, for the card beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Origin, label, windows of the first round, in order.
    pub origins: Vec<(String, bool, usize)>,
    pub hard_negatives: usize,
    pub bytes: usize,
}

/// Trains a model on all documents, and gives its file's bytes. The same documents in the same order give the same bytes.
/// # Errors
/// Fails where a label is missing or fastText refuses.
pub fn train(documents: &[Labelled], settings: &TrainSettings) -> Result<(Vec<u8>, Card), Error> {
    for (medical, name) in [(true, "medical"), (false, "other")] {
        if !documents.iter().any(|document| document.medical == medical) {
            return Err(Error::Labels(format!("no document has the label \"{name}\"; a classifier needs both")));
        }
    }
    let (windows, origins) = first_round(documents, settings);
    let model = fit(&windows, settings, false)?;
    let classifier = Classifier::load(&model, settings.boundaries).map_err(Error::Training)?;
    let hard = hard_negatives(documents, &classifier, settings);
    let hard_negatives = hard.len();
    let mut all = windows;
    for _ in 0..settings.hard_repeats {
        all.extend(hard.iter().copied());
    }
    let model = fit(&all, settings, true)?;
    let card = Card { origins, hard_negatives, bytes: model.len() };
    Ok((model, card))
}

type Window<'a> = (&'a str, bool);

/// A few windows of each document, evenly over its length; of large origins evenly over its documents. Origins of one label
/// take turns, and so do the labels, since fastText reads in order.
fn first_round<'a>(
    documents: &'a [Labelled],
    settings: &TrainSettings,
) -> (Vec<Window<'a>>, Vec<(String, bool, usize)>) {
    let mut by_origin: BTreeMap<(bool, &str), Vec<Window<'a>>> = BTreeMap::new();
    for document in documents {
        let parts = classifier::windows(&document.text, settings.boundaries);
        let wanted = parts.len().min(settings.windows_of_document);
        let chosen = (0..wanted).map(|place| (parts[place * parts.len() / wanted], document.medical));
        by_origin.entry((document.medical, &document.origin)).or_default().extend(chosen);
    }
    let mut origins = Vec::new();
    let mut windows: [Vec<(usize, Window<'a>)>; 2] = Default::default();
    for ((medical, origin), all) in by_origin {
        let wanted = all.len().min(settings.windows_of_origin);
        // The place in 0..1,000,000 puts the windows of every origin evenly among those of the others.
        let chosen = (0..wanted).map(|place| (place * 1_000_000 / wanted, all[place * all.len() / wanted]));
        windows[usize::from(medical)].extend(chosen);
        origins.push((origin.to_owned(), medical, wanted));
    }
    // Of the rarer label all windows are seen more than once, so that both weigh the same.
    let [other, medical] = windows;
    let most = other.len().max(medical.len());
    let mut mixed: Vec<(usize, Window<'a>)> = Vec::new();
    for label in [other, medical] {
        let repeated = (0..most).map(|place| label[place % label.len()]);
        mixed.extend(repeated);
    }
    mixed.sort_by_key(|(place, _)| *place);
    (mixed.into_iter().map(|(_, window)| window).collect(), origins)
}

/// The windows of `other` documents that the model takes for medicine.
fn hard_negatives<'a>(documents: &'a [Labelled], classifier: &Classifier, settings: &TrainSettings) -> Vec<Window<'a>> {
    let mut buffer = String::new();
    let others = documents.iter().filter(|document| !document.medical);
    let windows = others.flat_map(|document| classifier::windows(&document.text, settings.boundaries));
    windows.filter(|window| classifier.log_odds(window, &mut buffer) > -1.0).map(|window| (window, false)).collect()
}

/// Runs fastText over the windows. `quantised` makes the file small; the first round's model is thrown away and stays whole.
fn fit(windows: &[Window<'_>], settings: &TrainSettings, quantised: bool) -> Result<Vec<u8>, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Training(error.to_string());
    let folder = tempfile::tempdir().map_err(|error| wrong(&error))?;
    let path = folder.path().join("windows.txt");
    let mut file = io_buffer(&path).map_err(|error| wrong(&error))?;
    let mut words = String::new();
    for (window, medical) in windows {
        classifier::prepare(window, settings.boundaries, &mut words);
        let label = if *medical { classifier::MEDICAL } else { classifier::OTHER };
        writeln!(file, "{label}{words}").map_err(|error| wrong(&error))?;
    }
    file.flush().map_err(|error| wrong(&error))?;
    let mut args = Args::new();
    args.apply_supervised_defaults();
    args.input = path;
    args.loss = LossName::Softmax;
    args.dim = i32::from(settings.dimensions);
    args.epoch = i32::from(settings.epochs);
    args.lr = settings.learning_rate;
    args.min_count = 2;
    args.bucket = 100_000;
    // Pieces of words carry what medicine builds its words of (-itis, кардио-); single characters are paired instead.
    (args.minn, args.maxn, args.word_ngrams) = match settings.boundaries {
        WordBoundaries::Spaces => (3, 5, 1),
        WordBoundaries::None => (0, 0, 2),
    };
    // One thread, or the result would depend on who comes first.
    args.thread = 1;
    args.verbose = 0;
    let mut model = FastText::train(args.clone()).map_err(|error| wrong(&error))?;
    if quantised {
        args.cutoff = settings.max_rows;
        args.dsub = 2;
        args.qnorm = true;
        model.quantize(&args).map_err(|error| wrong(&error))?;
    }
    let mut bytes = Vec::new();
    model.save(&mut bytes).map_err(|error| wrong(&error))?;
    Ok(bytes)
}

fn io_buffer(path: &std::path::Path) -> std::io::Result<std::io::BufWriter<fs::File>> {
    Ok(std::io::BufWriter::new(fs::File::create(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents() -> Vec<Labelled> {
        let medical = ["the patient has fever and takes insulin", "surgery of the heart under anaesthesia"];
        let other = ["the match ended after extra time", "stir the flour into the melted butter"];
        let of = |texts: [&str; 2], medical: bool| {
            let one = move |(place, text): (usize, &str)| Labelled {
                text: text.to_owned(),
                medical,
                origin: format!("origin {}", place % 2),
                language: None,
            };
            texts.into_iter().cycle().take(40).enumerate().map(one).collect::<Vec<_>>()
        };
        [of(medical, true), of(other, false)].concat()
    }

    #[test]
    fn a_trained_model_tells_its_own_labels_and_is_the_same_every_time() {
        let settings = TrainSettings { epochs: 30, ..TrainSettings::new(WordBoundaries::Spaces) };
        let (model, card) = train(&documents(), &settings).unwrap();
        assert_eq!(train(&documents(), &settings).unwrap().0, model);
        assert_eq!(card.origins.len(), 4);
        let classifier = Classifier::load(&model, WordBoundaries::Spaces).unwrap();
        let log_odds = |text| classifier.log_odds(text, &mut String::new());
        assert!(log_odds("insulin for the patient") > 0.0, "{}", log_odds("insulin for the patient"));
        assert!(log_odds("flour and butter") < 0.0, "{}", log_odds("flour and butter"));
    }

    #[test]
    fn one_label_is_not_enough() {
        let medical: Vec<Labelled> = documents().into_iter().filter(|it| it.medical).collect();
        let error = train(&medical, &TrainSettings::new(WordBoundaries::Spaces)).unwrap_err();
        assert_eq!(error.to_string(), "no document has the label \"other\"; a classifier needs both");
    }
}
