//! The files of unsaved work: a journal for each window and scan.
//!
//! A window tells its [`Writer`] every step; the writer's thread appends it to a file of its own,
//! `journals/ID.journal`, guarded by a lock, `ID.lock`, that the system drops when the window is gone, however it went.
//! A journal whose lock is free is left over from a window that ended without saving ([`LeftOver`]): whoever takes the
//! lock may offer its work, or go on in the same file, and nobody else does meanwhile. A journal is removed only when its
//! work was saved or given up. Ids are random, so no window ever takes another's, and no name tells of a patient.

mod claim;
mod disk;
mod left_over;
mod listing;
mod snapshots;
mod writer;

pub use claim::Claim;
pub use disk::Disk;
pub use left_over::{FoundWork, LeftOver, Work};
pub use listing::{Kept, KeptWork, list};
pub use writer::{Event, Writer};
