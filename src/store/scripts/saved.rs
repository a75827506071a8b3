//! [`Programs`]: the scripts and libraries of a store as bytes, for a snapshot.
//!
//! ```text
//! programs  each: kind 1 · length of the source 4 · source
//! ```

use bytes::Bytes;

use super::{Kind, Scripts};

/// Scripts and libraries, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Programs(Vec<u8>);

const HEAD: usize = 5;

impl Programs {
    fn add(&mut self, kind: Kind, source: &[u8]) {
        // A longer one is refused when it comes.
        let Ok(length) = u32::try_from(source.len()) else { return };
        self.0.push(kind as u8);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(source);
    }

    /// The bytes.
    pub(in crate::store) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The programs that some of these bytes are.
    pub(in crate::store) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The first program, which is taken off the bytes. `None` if they are not valid.
    fn take(bytes: &mut &[u8]) -> Option<(Kind, Bytes)> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        let [kind, length @ ..] = *head;
        let (source, rest) = rest.split_at_checked(u32::from_le_bytes(length) as usize)?;
        let kind = [Kind::Script, Kind::Function].into_iter().find(|known| *known as u8 == kind)?;
        *bytes = rest;
        Some((kind, Bytes::copy_from_slice(source)))
    }
}

impl Scripts {
    /// What a snapshot has: the scripts that are loaded, and the libraries.
    pub(in crate::store) fn programs(&self) -> Programs {
        let mut programs = Programs::default();
        self.cache.lock().loaded().iter().for_each(|source| programs.add(Kind::Script, source));
        self.libraries.lock().all().for_each(|library| programs.add(Kind::Function, &library.source));
        programs
    }

    /// Adds what a snapshot has.
    ///
    /// # Errors
    /// If it is not valid. What is in front of that is added.
    pub(in crate::store) fn add_programs(&self, programs: &Programs) -> Result<(), &'static str> {
        let mut rest = programs.bytes();
        while !rest.is_empty() {
            let (kind, source) = Programs::take(&mut rest).ok_or("a script cannot be read")?;
            let added = match kind {
                Kind::Script => self.load(&source, true).map(drop),
                Kind::Function => self.load_library(&source, true, true).map(drop),
            };
            added.map_err(|_| "a script is not valid")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_loaded_is_there_again_and_what_was_only_run_is_not() {
        let (scripts, others) = (Scripts::default(), Scripts::default());
        let (sha, _) = scripts.load(b"return 1", false).expect("it is valid");
        let library = b"#!lua name=l\nredis.register_function('f', function() end)";
        scripts.load_library(library, false, false).expect("it is valid");
        let evaluated = super::super::Sha::of(b"return 2");
        scripts.cache.lock().add(evaluated, b"return 2", 100).expect("it is valid");
        let programs = scripts.programs();
        assert_eq!(others.add_programs(&programs), Ok(()));
        assert!(others.cache.lock().has(&sha) && !others.cache.lock().has(&evaluated));
        assert_eq!(others.libraries.lock().counts(), (1, 1));
        assert_eq!(others.programs(), programs);
        for end in 1..programs.bytes().len() {
            let cut = Programs::from_bytes(programs.bytes()[..end].to_vec());
            let is_whole = end == HEAD + b"return 1".len();
            assert_eq!(Scripts::default().add_programs(&cut).is_ok(), is_whole, "{end}");
        }
        let unknown = Programs::from_bytes(vec![9, 0, 0, 0, 0]);
        assert_eq!(others.add_programs(&unknown), Err("a script cannot be read"));
    }
}
