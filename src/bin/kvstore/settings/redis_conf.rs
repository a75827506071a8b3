//! Settings in the format of a redis.conf: one on a line, with quotes and escapes as in Redis.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kvstore::{protocol::Command as Words, store::is_parameter};

use super::{file::Entry, flags};

/// How deep files include others.
const MAX_DEPTH: usize = 16;

/// The defaults of Redis that differ from those of this program, and are meant by a file without them.
const IMPLIED: [(&str, &[&str]); 2] = [("bind", &["*", "-::*"]), ("save", &["3600 1 300 100 60 10000"])];

/// Reads the lines of a file, and of those that it includes. What is wrong is added to `problems`.
pub(super) fn read(path: &Path, text: &str, problems: &mut Vec<String>) -> Vec<Entry> {
    let mut reader = Reader { entries: Vec::new(), problems };
    reader.read(path, text, 0);
    let mut entries = reader.entries;
    for (name, values) in IMPLIED {
        if !entries.iter().any(|entry| entry.name == name) {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            entries.push(Entry { name: name.to_owned(), values, path: path.to_owned(), line: 0 });
        }
    }
    // A later line replaces an earlier one, as in Redis.
    let last = entries.iter().rposition(|entry| entry.name == "bind");
    let mut at = 0..;
    entries.retain(|entry| at.next() == last || entry.name != "bind");
    entries
}

struct Reader<'a> {
    entries: Vec<Entry>,
    problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn read(&mut self, path: &Path, text: &str, depth: usize) {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_matches([' ', '\t', '\r', '\n']);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = || format!("{}:{}", path.display(), number + 1);
            match words(line) {
                Err(problem) => self.problems.push(format!("{}: {problem}", place())),
                Ok((name, values)) if name == "include" => {
                    values.iter().for_each(|pattern| self.include(pattern, &place(), depth + 1));
                }
                Ok((name, values)) if values.len() != 1 && takes_one(&name) => {
                    let words = if values.is_empty() { "" } else { "; a value with spaces is in quotes" };
                    self.problems.push(format!("{}: wrong number of arguments of `{name}`{words}", place()));
                }
                Ok((name, values)) => {
                    let entry = Entry { name, values, path: path.to_owned(), line: number + 1 };
                    self.entries.push(translated(entry));
                }
            }
        }
    }

    /// Reads the files with a name or a pattern. A pattern may match none.
    fn include(&mut self, pattern: &str, place: &str, depth: usize) {
        let paths = match glob::glob(pattern) {
            Ok(_) if depth > MAX_DEPTH => return self.problems.push(format!("{place}: files include each other")),
            Ok(paths) => paths.filter_map(Result::ok).collect::<Vec<_>>(),
            Err(error) => return self.problems.push(format!("{place}: {error}")),
        };
        if paths.is_empty() && !pattern.contains(['*', '?', '[']) {
            self.problems.push(format!("{place}: cannot read {pattern}: there is no such file"));
        }
        for path in paths {
            match fs::read_to_string(&path) {
                Ok(text) => self.read(&path, &text, depth),
                Err(error) => self.problems.push(format!("{place}: cannot read {}: {error}", path.display())),
            }
        }
    }
}

/// The name of a line, in lower case, and its values.
fn words(line: &str) -> Result<(String, Vec<String>), String> {
    let words: Words = line.parse().map_err(|_| "the quotes are not balanced")?;
    let text = |word: &[u8]| String::from_utf8(word.to_vec()).map_err(|_| "it is no text in UTF-8".to_owned());
    let values = words.args().map(text).collect::<Result<_, _>>()?;
    Ok((text(words.name())?.to_ascii_lowercase(), values))
}

/// The name of the setting of a line in the words of this program; `None` for a comment.
pub(super) fn name_of(line: &str) -> Option<String> {
    let line = line.trim_matches([' ', '\t', '\r', '\n']);
    let (name, values) = words(line).ok().filter(|_| !line.starts_with('#'))?;
    Some(translated(Entry { name, values, path: PathBuf::new(), line: 0 }).name)
}

/// Whether a line with this name has one value. A `#` behind it begins no comment, as in Redis.
fn takes_one(name: &str) -> bool {
    let is_known = || is_parameter(name) || flags::find(&flags::command(), name).is_some();
    !SEVERAL_WORDS.contains(&name) && is_known()
}

/// What has several values, or none.
const SEVERAL_WORDS: &[&str] = &[
    "bind",
    "client-output-buffer-limit",
    "latency-tracking-info-percentiles",
    "oom-score-adj-values",
    "replicaof",
    "save",
    "slaveof",
    "slow-sender-limit",
    "unauthenticated-limits",
    "unauthenticated-sender",
];

/// A line in the words of this program.
fn translated(entry: Entry) -> Entry {
    let values = match (&*entry.name, &entry.values[..]) {
        ("port", [port]) if port == "0" => vec!["none".to_owned()],
        // Several words are several addresses here only.
        ("bind", _) => entry.values,
        (_, words) => vec![words.join(" ")],
    };
    Entry { values, ..entry }
}

/// What a line means that is no setting of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It changes nothing here.
    None,
    /// It asks for what is not there.
    Refused(&'static str),
}

/// The meaning of a line of Redis or Valkey that is no setting here. `None` if these do not know it either.
pub(super) fn meaning(name: &str, value: &str) -> Option<Meaning> {
    let refused = REFUSED.iter().find(|(known, _, _)| matches(known, name));
    if let Some((_, harmless, reason)) = refused {
        return Some(if harmless.contains(&value) { Meaning::None } else { Meaning::Refused(reason) });
    }
    let is_harmless = is_parameter(name) || WITHOUT_MEANING.iter().any(|known| matches(known, name));
    is_harmless.then_some(Meaning::None)
}

/// Whether a name is the one that is known, or begins like it, if that ends with an asterisk.
fn matches(known: &str, name: &str) -> bool {
    known.strip_suffix('*').map_or(known == name, |prefix| name.starts_with(prefix))
}

/// Lines that ask for something, unless they have one of these values.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("cluster-enabled", &["no"], "there is no cluster mode"),
    ("user", &[], "there are no users but the default one, with `requirepass`"),
    ("rename-command", &[], "commands keep their names"),
    ("loadmodule", &[], "there are no modules"),
    ("unixsocketgroup", &[""], "the socket has the group of the process"),
    ("rdma-port", &["0"], "there is no RDMA"),
];

/// Lines of Redis 7 and Valkey 9 that are no parameters of CONFIG here, and have nothing to set, whatever they say.
const WITHOUT_MEANING: &[&str] = &[
    "cluster-*",
    "events-per-io-thread",
    "hash-seed",
    "key-load-delay",
    "lua-*",
    "max-new-*",
    "mptcp",
    "rdb-key-save-delay",
    "rdma-*",
    "repl-mptcp",
    "slot-migration-*",
    "use-exit-on-panic",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Result<Vec<(String, String)>, Vec<String>> {
        let mut problems = Vec::new();
        let found = read(Path::new("redis.conf"), text, &mut problems);
        let found = found.into_iter().filter(|entry| entry.line > 0).map(|entry| (entry.name, entry.values.join("|")));
        let found = found.collect();
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }

    #[test]
    fn lines_have_quotes_and_comments_as_in_redis() {
        for (line, name, value) in [
            ("REQUIREPASS \"a \\\"b\\x41\"", "requirepass", "a \"bA"),
            ("\tmasterauth 'a # b'", "masterauth", "a # b"),
            ("save \"\"", "save", ""),
            ("save 900 1 300 10", "save", "900 1 300 10"),
            ("bind 127.0.0.1 -::1", "bind", "127.0.0.1|-::1"),
            ("slaveof 10.0.0.1 6379", "slaveof", "10.0.0.1 6379"),
            ("loglevel notice", "loglevel", "notice"),
            ("port 0", "port", "none"),
        ] {
            assert_eq!(entries(line).unwrap(), [(name.to_owned(), value.to_owned())], "{line}");
        }
        assert_eq!(entries("save ''\nmasterauth 'a''b'\n").unwrap_err(), ["redis.conf:2: the quotes are not balanced"]);
        assert_eq!(entries("# port 1\n\n#\n").unwrap(), []);
    }

    #[test]
    fn what_a_file_does_not_say_is_as_in_redis() {
        let found = read(Path::new("redis.conf"), "bind ::1\nbind 127.0.0.1\n", &mut Vec::new());
        let found: Vec<_> = found.iter().map(|entry| (&*entry.name, entry.values.join(" "))).collect();
        assert_eq!(found, [("bind", "127.0.0.1".to_owned()), ("save", IMPLIED[1].1[0].to_owned())]);
    }

    #[test]
    fn files_are_included_by_pattern() {
        let directory = std::env::temp_dir().join(format!("kvstore-include-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("a.conf"), "port 1\n").unwrap();
        fs::write(directory.join("b.conf"), format!("port 2\ninclude {}/b.conf\n", directory.display())).unwrap();
        let include = |name: &str| entries(&format!("include {}/{name}\n", directory.display()));
        assert_eq!(include("a*.conf").unwrap(), [("port".to_owned(), "1".to_owned())]);
        assert_eq!(include("x*.conf").unwrap(), []);
        assert!(include("x.conf").unwrap_err()[0].contains("there is no such file"));
        assert!(include("*.conf").unwrap_err()[0].contains("include each other"));
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_is_asked_for_and_not_there_is_refused() {
        assert_eq!(meaning("cluster-enabled", "no"), Some(Meaning::None));
        assert_eq!(meaning("cluster-enabled", "yes"), Some(Meaning::Refused("there is no cluster mode")));
        assert_eq!(meaning("daemonize", "yes"), Some(Meaning::None));
        assert_eq!(meaning("reply-timeout", "60"), None);
    }

    #[test]
    fn no_list_has_what_is_a_setting_or_a_parameter() {
        let command = crate::settings::flags::command();
        let exact = |name: &&str| !name.ends_with('*');
        for name in WITHOUT_MEANING.iter().copied().filter(exact) {
            assert!(crate::settings::flags::find(&command, name).is_none() && !is_parameter(name), "{name}");
        }
        for (name, _, _) in REFUSED {
            assert!(crate::settings::flags::find(&command, name).is_none(), "{name}");
        }
    }
}
