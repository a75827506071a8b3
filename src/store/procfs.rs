//! What the operating system knows of this process: read from `/proc`, so nothing where there is none.

use std::{fs, time::Duration};

/// In how many ticks a second `/proc` counts processor time: the same on every Linux.
const TICKS: u64 = 100;

/// `Linux 6.1.0 x86_64`.
pub(super) fn system() -> String {
    let kernel = ["/proc/sys/kernel/ostype", "/proc/sys/kernel/osrelease"].map(fs::read_to_string);
    let name = match kernel {
        [Ok(name), Ok(release)] => format!("{} {}", name.trim(), release.trim()),
        _ => std::env::consts::OS.to_owned(),
    };
    format!("{name} {}", std::env::consts::ARCH)
}

/// How many bytes of memory the process occupies.
pub(super) fn resident_memory() -> Option<u64> {
    line_of("/proc/self/status", "VmRSS:")
}

/// How many it occupied at most.
pub(super) fn peak_memory() -> Option<u64> {
    line_of("/proc/self/status", "VmHWM:")
}

/// How many the machine has.
pub(super) fn total_memory() -> Option<u64> {
    line_of("/proc/meminfo", "MemTotal:")
}

/// The processor time of the process: in the system, and in its own code.
pub(super) fn processor_time() -> Option<(Duration, Duration)> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands between brackets and may hold anything: the fields behind it are counted.
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let mut time = || Some(Duration::from_millis(fields.next()?.parse::<u64>().ok()? * 1000 / TICKS));
    let (user, system) = (time()?, time()?);
    Some((system, user))
}

/// The number behind `name` in a file of lines such as `VmRSS:   1234 kB`.
fn line_of(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_tells_all_of_it() {
        assert!(system().starts_with("Linux "));
        assert!(resident_memory().is_some_and(|bytes| bytes > 100_000));
        assert!(peak_memory() >= resident_memory().map(|bytes| bytes / 2));
        assert!(total_memory() > resident_memory());
        assert!(processor_time().is_some());
    }
}
