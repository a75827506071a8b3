//! Facts about the process and the system, read from `/proc`: `None` on systems without it.

use std::{fs, time::Duration};

/// The unit of processor time in `/proc`: a hundredth of a second on every Linux.
const TICKS: u64 = 100;

/// The name and release of the system, such as `Linux 6.1.0 x86_64`.
pub(crate) fn system() -> String {
    let kernel = ["/proc/sys/kernel/ostype", "/proc/sys/kernel/osrelease"].map(fs::read_to_string);
    let name = match kernel {
        [Ok(name), Ok(release)] => format!("{} {}", name.trim(), release.trim()),
        _ => std::env::consts::OS.to_owned(),
    };
    format!("{name} {}", std::env::consts::ARCH)
}

/// The resident memory of the process, in bytes.
pub(crate) fn resident_memory() -> Option<u64> {
    line_of("/proc/self/status", "VmRSS:")
}

/// The memory of the machine, in bytes.
pub(crate) fn total_memory() -> Option<u64> {
    line_of("/proc/meminfo", "MemTotal:")
}

/// The memory that the process may use, in bytes: that of the machine, or less if its control group has a limit.
pub(crate) fn available_memory() -> Option<u64> {
    // The paths of version 2 and version 1 inside a container. A limit that is none is no number, or larger than the machine.
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
    limits.chain(total_memory()).min()
}

/// The processor time of the process: in the kernel, and in user mode.
pub(crate) fn processor_time() -> Option<(Duration, Duration)> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in brackets and may contain anything, so fields are counted after it.
    let mut fields = text[text.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let mut time = || Some(Duration::from_millis(fields.next()?.parse::<u64>().ok()? * 1000 / TICKS));
    let (user, system) = (time()?, time()?);
    Some((system, user))
}

/// The number after `name`, in bytes, in a file of lines such as `VmRSS:   1234 kB`.
fn line_of(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn linux_has_all_of_it() {
        assert!(system().starts_with("Linux "));
        assert!(resident_memory().is_some_and(|bytes| bytes > 100_000));
        assert!(total_memory() > resident_memory());
        assert!(available_memory() <= total_memory() && available_memory() > resident_memory());
        assert!(processor_time().is_some());
    }
}
