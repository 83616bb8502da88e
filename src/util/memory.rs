//! How much memory the program has used.

/// The most memory that this process ever held at once (its resident set), in MB; `None` where the system does not say.
pub fn peak_memory_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    peak_of(&status)
}

/// [`peak_memory_mb`] as the end of a line of progress; empty where the system does not say.
pub fn peak_memory_note() -> String {
    peak_memory_mb().map_or_else(String::new, |mb| format!("; {mb} MB at most"))
}

/// Reads Linux's description of a process: `VmHWM:     123456 kB`, in units of 1024 bytes.
fn peak_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read_and_nothing_else() {
        let status = "VmPeak:\t 9999999 kB\nVmHWM:\t  1000000 kB\nVmRSS:\t   10 kB\n";
        assert_eq!(peak_of(status), Some(1024));
        assert_eq!(peak_of("VmRSS:\t 10 kB\n"), None);
        assert_eq!(peak_of("VmHWM:\t many kB\n"), None);
    }
}
