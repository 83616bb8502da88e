//! The editing operations, through the session and as scripts see them.

mod bench;
mod command_line;
mod definitions;
mod edit;
mod table;
