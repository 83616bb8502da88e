//! A journal's file while it is written.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use crate::session::journal::{Batch, Index, MARK, Record};
use crate::util::short_debug;

use super::claim::Claim;

/// What bytes go to. A file; in tests, one that fails.
pub trait Disk: Send {
    /// Writes bytes at a place and makes them last.
    ///
    /// # Errors
    /// What the system says; part of them may be there then.
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts everything from a place on.
    ///
    /// # Errors
    /// What the system says.
    fn cut(&mut self, at: u64) -> io::Result<()>;
}

impl Disk for File {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(at))?;
        self.write_all(bytes)?;
        self.sync_data()
    }

    fn cut(&mut self, at: u64) -> io::Result<()> {
        self.set_len(at)?;
        self.sync_data()
    }
}

/// Makes a [`Disk`] of a file.
pub type DiskOf = Arc<dyn Fn(File) -> Box<dyn Disk> + Send + Sync>;

/// A file that is open for writing through a [`Disk`], and for reading beside it.
pub struct OpenFile {
    disk: Box<dyn Disk>,
    reader: File,
    end: u64,
}

impl OpenFile {
    fn of(file: File, disk_of: &DiskOf, end: u64) -> io::Result<Self> {
        Ok(Self {
            reader: file.try_clone()?,
            disk: disk_of(file),
            end,
        })
    }

    /// A journal's file without what follows so many bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn cut_to(claim: &Claim, disk_of: &DiskOf, whole_bytes: u64) -> io::Result<Self> {
        let mut open = Self::of(claim.open_file()?, disk_of, whole_bytes)?;
        open.disk.cut(whole_bytes)?;
        Ok(open)
    }
}

/// A journal's file, and how far it is written.
pub struct JournalFile {
    claim: Claim,
    open: OpenFile,
    /// Bytes behind the end may be left of a write that failed.
    has_tail: bool,
    /// Whether the file has its name yet.
    is_published: bool,
    /// The proposals that lie in it.
    proposals: HashSet<u64>,
    disk_of: DiskOf,
}

short_debug! {
    JournalFile: |file| format_args!("a journal of {} bytes", file.open.end);
}

impl JournalFile {
    /// A new file that begins with these records, and what can be read back of it. On failure nothing is left of it.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(claim: Claim, disk_of: &DiskOf, records: &[Record]) -> io::Result<(Self, Index)> {
        let open = OpenFile::of(claim.create_file()?, disk_of, 0)?;
        let mut journal = Self::go_on(claim, open, &Index::default(), disk_of);
        journal.is_published = false;
        journal.write(&MARK)?;
        let index = journal.append(records)?;
        journal.claim.publish()?;
        journal.is_published = true;
        Ok((journal, index))
    }

    /// Goes on in a file.
    pub fn go_on(claim: Claim, open: OpenFile, index: &Index, disk_of: &DiskOf) -> Self {
        Self {
            claim,
            open,
            has_tail: false,
            is_published: true,
            proposals: index.proposals().collect(),
            disk_of: Arc::clone(disk_of),
        }
    }

    /// Appends records and gives what can be read back in addition. On failure the file counts as before.
    ///
    /// # Errors
    /// What the system says.
    pub fn append(&mut self, records: &[Record]) -> io::Result<Index> {
        let mut batch = Batch::at(self.open.end);
        for record in records {
            if !batch.add(record, |proposal| self.proposals.contains(&proposal)) {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
        }
        self.write(&batch.bytes)?;
        self.proposals.extend(batch.index.proposals());
        Ok(batch.index)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_published && !self.claim.path().exists() {
            self.make_again()?;
        }
        self.cut_tail()?;
        self.has_tail = true;
        if let Err(error) = self.open.disk.write(self.open.end, bytes) {
            // It is tried again before the next write, too.
            let _ = self.cut_tail();
            return Err(error);
        }
        self.has_tail = false;
        self.open.end += bytes.len() as u64;
        Ok(())
    }

    fn cut_tail(&mut self) -> io::Result<()> {
        if self.has_tail {
            self.open.disk.cut(self.open.end)?;
            self.has_tail = false;
        }
        Ok(())
    }

    /// Somebody removed the file. What was in it is still to be had, as long as we have it open.
    fn make_again(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.open.reader.seek(SeekFrom::Start(0))?;
        let mut whole = Read::by_ref(&mut self.open.reader).take(self.open.end);
        whole.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != self.open.end {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let file = self.claim.create_file()?;
        let mut open = OpenFile::of(file, &self.disk_of, self.open.end)?;
        open.disk.write(0, &bytes)?;
        self.claim.publish()?;
        self.open = open;
        self.has_tail = false;
        Ok(())
    }

    /// Removes the file: its work was saved or given up.
    pub fn remove(&self) -> io::Result<()> {
        self.claim.remove()
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.claim.path()
    }
}

/// Keeps a copy of a journal that is damaged in the middle, because going on in it cuts off what cannot be read.
pub fn keep_copy(claim: &Claim) -> io::Result<()> {
    fs::copy(claim.path(), claim.path().with_extension("damaged")).map(|_| ())
}
