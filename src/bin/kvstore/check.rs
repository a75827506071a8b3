//! The sub-commands `check` and `repair`.

use std::{
    error::Error,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use kvstore::store::{Builder, OpenError, Store};

use crate::{exit::DamagedData, transfer::say};

/// The files of a store.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Files {
    /// The directory of the journal
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The number of databases
    #[arg(long, env = "KVSTORE_DATABASES", value_name = "NUMBER", default_value_t = 16)]
    databases: usize,
}

impl Files {
    fn builder(&self) -> Builder {
        Store::builder().databases(self.databases)
    }

    /// # Errors
    /// If a start would not succeed.
    pub(crate) fn check(&self) -> Result<(), Box<dyn Error>> {
        let report = self.builder().check(&self.dir)?;
        let _ = writeln!(io::stdout(), "{report}");
        match report.damage() {
            None => Ok(()),
            Some(_) => {
                let dir = self.dir.display();
                let text = format!("a start would fail: restore a backup, or see what `kvstore repair {dir}` can keep");
                Err(DamagedData(text).into())
            }
        }
    }

    /// Repairs until all is well. Says each time what is lost, and asks unless `yes`.
    ///
    /// # Errors
    /// If it cannot be repaired, or is not to be.
    pub(crate) fn repair(&self, yes: bool) -> Result<(), Box<dyn Error>> {
        while let Some(repair) = self.builder().repair(&self.dir)? {
            say(&repair.to_string());
            if !yes && !confirm()? {
                return Err("nothing was changed".into());
            }
            repair.run()?;
        }
        say("all is well");
        Ok(())
    }
}

fn confirm() -> Result<bool, Box<dyn Error>> {
    if !io::stdin().is_terminal() {
        return Err("nothing was changed: --yes repairs without asking".into());
    }
    let _ = write!(io::stderr(), "repair? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// What the operator can do about an error.
pub(crate) fn advice(error: &(dyn Error + 'static)) -> &'static str {
    match error.downcast_ref() {
        Some(OpenError::Damaged { .. }) => "\n`kvstore check DIR` explains what is wrong in the directory",
        _ => "",
    }
}
