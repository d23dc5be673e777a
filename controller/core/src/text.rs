//! Text that many share.

/// The name of a unit, or what is said of one. It stands in every decision and in all that is made
/// of it: a short one is copied without an allocation, a long one is shared.
pub type Text = smol_str::SmolStr;
