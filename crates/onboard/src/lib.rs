//! Brings a language in: mines its terms, trains its classifier, calibrates its limits, and checks the labels that all of it
//! rests on.
//!
//! Everything starts from [`Labelled`] documents: a text, whether it is about medicine, and the origin that it came from. The
//! origin matters as much as the label, since a filter that has learned how its sources write is worth nothing on a crawl:
//! whatever is measured here is measured on origins that had no part in the training.

mod calibrate;
mod check;
mod cognates;
mod error;
mod folder;
mod folds;
mod import;
mod labels;
mod logistic;
mod mine;
mod page;
mod train;

pub use calibrate::{Calibration, Curve, CurvePoint, Floor, OriginRow, Share, Wanted, calibrate};
pub use check::{CheckedLabels, Finding, check_labels};
pub use cognates::{Cognate, Cognates, has_cognates};
pub use error::Error;
pub use folder::{NewLanguage, create, replace_table, set_numbers, write_list};
pub use import::{Format, Imported, import};
pub use labels::{Answers, Labelled, kappa, read_answers, read_labels, read_texts};
pub use mine::{MINED_KIND, MINED_LIST, MineSettings, Mined, MinedTerm, mine, reweigh};
pub use page::{Candidate, page};
pub use train::{Card, TrainSettings, train};
