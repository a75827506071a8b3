//! [`Environment`]: the globals of libraries.

use kvstore_lua::{Raise, Reference, Run};

use super::api;

/// The globals of the code of libraries and of their functions.
///
/// While the code runs, all that it sees is what registers functions, as in Redis; the functions see what scripts see. Both have one
/// table as their globals, which is empty: its metatable says where names are looked up.
#[derive(Debug)]
pub(super) struct Environment {
    globals: Reference,
    metatable: Reference,
    /// What the code of a library sees.
    registering: Reference,
}

/// What names mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Those of the code of a library, while it registers functions.
    Registering,
    /// Those of functions.
    Running,
}

impl Environment {
    /// That of an interpreter.
    ///
    /// # Errors
    /// If there is no memory.
    pub(super) fn new(run: &mut Run<'_>) -> Result<Self, Raise> {
        run.new_table(0, 2)?;
        api::push_of_libraries(run)?;
        run.refuse_absent(-1)?;
        run.push_copy(-1)?;
        run.set_field(-3, b"server")?;
        run.set_field(-2, b"redis")?;
        run.refuse_absent(-1)?;
        run.protect(-1)?;
        let registering = run.reference()?;
        run.new_table(0, 1)?;
        let metatable = run.reference()?;
        run.new_table(0, 0)?;
        run.push_reference(&metatable)?;
        run.set_metatable(-2)?;
        run.set_readonly(-1, true)?;
        let environment = Self { globals: run.reference()?, metatable, registering };
        environment.show(run, Names::Running)?;
        Ok(environment)
    }

    /// Says what names mean.
    ///
    /// # Errors
    /// If there is no memory.
    pub(super) fn show(&self, run: &mut Run<'_>, names: Names) -> Result<(), Raise> {
        run.push_reference(&self.metatable)?;
        run.set_readonly(-1, false)?;
        match names {
            Names::Registering => run.push_reference(&self.registering)?,
            Names::Running => run.push_globals()?,
        }
        run.set_field(-2, b"__index")?;
        run.set_readonly(-1, true)?;
        run.pop(1);
        Ok(())
    }

    /// Gives the function on top of the stack, and those that it makes, these globals.
    ///
    /// # Errors
    /// If there is no memory.
    pub(super) fn enter(&self, run: &mut Run<'_>) -> Result<(), Raise> {
        run.push_reference(&self.globals)?;
        run.set_environment(-2)
    }
}
