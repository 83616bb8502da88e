//! Losses of published systems that several of them share.

mod dice_ce;
mod error_balance;

pub use dice_ce::{DiceCe, cross_entropy, dice_ce, dice_per_class, one_hot};
pub use error_balance::balanced_dice_per_class;
