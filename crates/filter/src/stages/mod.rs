//! The stages, one file each.

pub mod check_quality;
pub mod classify;
pub mod count_keywords;
pub mod count_tokens;
pub mod identify_language;
pub mod normalize;
