//! [`Libraries`]: the functions that FCALL finds.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use kvstore_protocol::{CommandError, Pattern, Response};

use super::shebang::ScriptFlags;

/// A library: source, and the functions that it registers.
#[derive(Debug)]
pub(in crate::store) struct Library {
    /// A number that no other library of the store ever has.
    pub(super) id: u64,
    pub(in crate::store) name: String,
    /// With the first line, which names it.
    pub(in crate::store) source: Bytes,
    /// Where the code begins.
    pub(super) start: usize,
    pub(super) functions: Vec<Function>,
}

/// A function of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) description: Option<Bytes>,
    pub(super) flags: ScriptFlags,
}

/// The libraries of a store, and their functions. Cheap to clone, so that all can be replaced at once or none.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Libraries {
    by_name: BTreeMap<String, Arc<Library>>,
    /// Each function by its name in lower case: its library, and its place there.
    functions: HashMap<String, (Arc<Library>, usize)>,
    /// Changes with each change.
    generation: u64,
}

/// The name of a function as it is searched for: in any case.
pub(super) fn folded(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}

impl Library {
    /// The code, without the first line.
    pub(super) fn code(&self) -> &[u8] {
        &self.source[self.start..]
    }

    /// What FUNCTION LIST shows.
    fn describe(&self, with_code: bool) -> Response {
        let functions = self.functions.iter().map(Function::describe).collect();
        let mut fields = vec![
            ("library_name".into(), self.name.as_str().into()),
            ("engine".into(), "LUA".into()),
            ("functions".into(), Response::Array(functions)),
        ];
        if with_code {
            fields.push(("library_code".into(), self.source.clone().into()));
        }
        Response::Map(fields)
    }
}

impl Function {
    fn describe(&self) -> Response {
        let flags = self.flags.names().map(Response::simple).collect();
        Response::Map(vec![
            ("name".into(), self.name.as_str().into()),
            ("description".into(), self.description.clone().map_or(Response::Null, Response::from)),
            ("flags".into(), Response::Set(flags)),
        ])
    }
}

impl Libraries {
    /// The library of a function, and the function.
    pub(super) fn find(&self, function: &str) -> Option<(Arc<Library>, &Function)> {
        let (library, index) = self.functions.get(&*folded(function))?;
        Some((Arc::clone(library), &library.functions[*index]))
    }

    /// The library with this name.
    pub(super) fn named(&self, name: &str) -> Option<&Library> {
        self.by_name.get(name).map(|library| &**library)
    }

    /// All of them, by name.
    pub(in crate::store) fn all(&self) -> impl Iterator<Item = &Arc<Library>> {
        self.by_name.values()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The numbers of libraries and of functions.
    pub(in crate::store) fn counts(&self) -> (usize, usize) {
        (self.by_name.len(), self.functions.len())
    }

    /// The memory of their sources, in bytes.
    pub(in crate::store) fn bytes(&self) -> usize {
        self.all().map(|library| library.source.len()).sum()
    }

    /// Checks that there are none with the names of these, for FUNCTION RESTORE.
    ///
    /// # Errors
    /// If there is one.
    pub(super) fn check_absent(&self, added: &[Library]) -> Result<(), CommandError> {
        match added.iter().find(|library| self.by_name.contains_key(&library.name)) {
            Some(taken) => Err(CommandError::err(format!("Library {} already exists", taken.name))),
            None => Ok(()),
        }
    }

    /// Adds a library, in the place of one with its name if `replaces` is set.
    ///
    /// # Errors
    /// If there is one with its name, or a function with the name of one of its functions. Nothing is changed then.
    pub(super) fn add(&mut self, library: Library, replaces: bool) -> Result<Option<Arc<Library>>, CommandError> {
        if !replaces {
            self.check_new(&library.name)?;
        }
        let is_of_another = |function: &&Function| {
            let named = self.functions.get(&*folded(&function.name));
            named.is_some_and(|(other, _)| other.name != library.name)
        };
        if let Some(taken) = library.functions.iter().find(is_of_another) {
            return Err(CommandError::err(format!("Function {} already exists", taken.name)));
        }
        let replaced = self.take(&library.name);
        self.insert(Arc::new(library));
        Ok(replaced)
    }

    /// Removes a library that was just added, and puts the one back that it has replaced.
    pub(super) fn take_back(&mut self, name: &str, replaced: Option<Arc<Library>>) {
        self.remove(name);
        if let Some(replaced) = replaced {
            self.insert(replaced);
        }
    }

    fn insert(&mut self, library: Arc<Library>) {
        for (index, function) in library.functions.iter().enumerate() {
            // Of two whose names differ in their case alone, the first is found.
            let name = folded(&function.name).into_owned();
            self.functions.entry(name).or_insert_with(|| (Arc::clone(&library), index));
        }
        self.by_name.insert(library.name.clone(), library);
        self.generation += 1;
    }

    /// Checks that there is no library with this name.
    ///
    /// # Errors
    /// If there is one.
    pub(super) fn check_new(&self, name: &str) -> Result<(), CommandError> {
        match self.by_name.contains_key(name) {
            true => Err(CommandError::err(format!("Library '{name}' already exists"))),
            false => Ok(()),
        }
    }

    /// Removes a library. Returns whether it was there.
    pub(in crate::store) fn remove(&mut self, name: &str) -> bool {
        self.take(name).is_some()
    }

    fn take(&mut self, name: &str) -> Option<Arc<Library>> {
        let library = self.by_name.remove(name)?;
        library.functions.iter().for_each(|function| _ = self.functions.remove(&*folded(&function.name)));
        self.generation += 1;
        Some(library)
    }

    /// Removes all. Returns whether there were any.
    pub(in crate::store) fn clear(&mut self) -> bool {
        let has_changed = !self.by_name.is_empty();
        self.by_name.clear();
        self.functions.clear();
        self.generation += u64::from(has_changed);
        has_changed
    }

    /// What FUNCTION LIST shows of those whose names match.
    pub(in crate::store) fn describe(&self, pattern: Option<&Pattern<'_>>, with_code: bool) -> Response {
        let matches =
            |library: &&Arc<Library>| pattern.is_none_or(|pattern| pattern.matches(folded(&library.name).as_bytes()));
        let matching = self.all().filter(matches);
        Response::Array(matching.map(|library| library.describe(with_code)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, functions: &[&str]) -> Library {
        let function =
            |name: &&str| Function { name: (*name).to_owned(), description: None, flags: ScriptFlags::default() };
        let functions = functions.iter().map(function).collect();
        Library { id: 0, name: name.to_owned(), source: Bytes::from_static(b"code"), start: 0, functions }
    }

    #[test]
    fn a_name_is_that_of_one_library_and_one_function() {
        let mut libraries = Libraries::default();
        assert!(libraries.add(library("a", &["f", "g"]), false).is_ok());
        for (wrong, refusal) in [
            (library("a", &["h"]), "ERR Library 'a' already exists"),
            (library("b", &["h", "g"]), "ERR Function g already exists"),
        ] {
            assert_eq!(libraries.add(wrong, false).expect_err("it is taken").to_string(), refusal);
        }
        assert_eq!(libraries.counts(), (1, 2));
        assert!(libraries.add(library("a", &["g", "h"]), true).is_ok());
        assert!(libraries.find("f").is_none() && libraries.find("h").is_some());
        assert!(libraries.find("H").is_some());
        assert_eq!(
            libraries.add(library("b", &["H"]), false).expect_err("it is taken").to_string(),
            "ERR Function H already exists"
        );
        assert!(libraries.add(library("c", &["x", "X"]), false).is_ok());
        assert_eq!(libraries.find("X").map(|(_, function)| &*function.name), Some("x"));
        assert!(libraries.remove("c") && libraries.find("x").is_none() && libraries.find("X").is_none());
        let before = libraries.generation();
        assert!(libraries.remove("a") && !libraries.remove("a") && libraries.counts() == (0, 0));
        assert!(libraries.generation() > before && !libraries.clear());
    }
}
