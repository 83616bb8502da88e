//! The editing operations, through the session and as scripts see them.

pub mod bench;
mod command_line;
mod definitions;
mod edit;
mod growing;
mod islands;
mod margins;
mod slices;
mod smoothing;
mod table;
