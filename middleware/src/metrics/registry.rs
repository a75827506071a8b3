use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use ::metrics::{Gauge, Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use kvstore_protocol::NameMap;

use super::{codes::ErrorCodes, handles::Handles};

/// The label of commands whose name is not a label.
const OTHER: &str = "other";

/// The longest name that becomes a label.
const NAME: usize = 64;

#[derive(Clone, Debug)]
pub(super) struct MetricsSettings {
    pub(super) prefix: Arc<str>,
    /// The labels that are given.
    pub(super) names: Vec<Box<str>>,
    /// The largest number of names.
    pub(super) max_names: usize,
}

/// What the services of a layer share: the names that are labels, and their metrics.
///
/// Each service keeps the table that it reads, and checks for a newer one at each command.
#[derive(Debug)]
pub(super) struct Registry {
    settings: MetricsSettings,
    /// Grows with each change of the table. There is no table before the first command, since the recorder may be
    /// installed after the layer is made.
    version: AtomicUsize,
    newest: Mutex<Option<Arc<Table>>>,
}

/// The names that are labels, and their metrics.
#[derive(Clone, Debug)]
pub(super) struct Table {
    names: NameMap<Arc<Handles>>,
    other: Arc<Handles>,
    in_flight: Gauge,
    codes: Arc<ErrorCodes>,
    /// Whether more names may become labels.
    learns: bool,
}

impl Registry {
    pub(super) fn new(settings: MetricsSettings) -> Self {
        Self { settings, version: AtomicUsize::new(1), newest: Mutex::default() }
    }

    pub(super) fn settings(&self) -> &MetricsSettings {
        &self.settings
    }

    /// The version of the newest table.
    #[inline]
    pub(super) fn version(&self) -> usize {
        self.version.load(Ordering::Acquire)
    }

    /// The newest table.
    pub(super) fn table(&self) -> Arc<Table> {
        Arc::clone(self.newest().get_or_insert_with(|| Arc::new(Table::new(&self.settings))))
    }

    /// Makes a label of `name`, if there is room for it. Returns its handles, or those of other names.
    #[cold]
    pub(super) fn learn(&self, name: &[u8]) -> Arc<Handles> {
        let mut newest = self.newest();
        let table = newest.get_or_insert_with(|| Arc::new(Table::new(&self.settings)));
        if table.known(name).is_none() && table.learns {
            let table = Arc::make_mut(table);
            table.add(&String::from_utf8_lossy(name), &self.settings);
            self.version.fetch_add(1, Ordering::Release);
        }
        Arc::clone(table.known(name).unwrap_or(table.other()))
    }

    fn newest(&self) -> MutexGuard<'_, Option<Arc<Table>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn new(settings: &MetricsSettings) -> Self {
        describe(&settings.prefix);
        let in_flight = gauge!(format!("{}_commands_in_flight", settings.prefix));
        let codes = Arc::default();
        let other = Arc::new(Handles::new(&settings.prefix, OTHER, &in_flight, &codes));
        let mut table = Self { names: NameMap::default(), other, in_flight, codes, learns: settings.max_names > 0 };
        settings.names.iter().for_each(|name| table.add(name, settings));
        table
    }

    fn add(&mut self, name: &str, settings: &MetricsSettings) {
        let command = name.to_ascii_uppercase();
        let handles = Handles::new(&settings.prefix, &command, &self.in_flight, &self.codes);
        self.names.insert(command, Arc::new(handles));
        self.learns = self.names.len() < settings.max_names;
    }

    /// The handles of a name that is a label.
    #[inline]
    pub(super) fn known(&self, name: &[u8]) -> Option<&Arc<Handles>> {
        self.names.get(name)
    }

    /// The handles of all other names.
    pub(super) fn other(&self) -> &Arc<Handles> {
        &self.other
    }

    /// Whether `name` may become a label.
    pub(super) fn may_learn(&self, name: &[u8]) -> bool {
        self.learns && (1..=NAME).contains(&name.len()) && name.iter().all(u8::is_ascii_graphic)
    }
}

fn describe(prefix: &str) {
    describe_counter!(format!("{prefix}_commands_total"), "Commands that ended, by command and outcome.");
    describe_counter!(format!("{prefix}_nested_commands_total"), "Commands that scripts ran, by command.");
    describe_histogram!(
        format!("{prefix}_command_duration_seconds"),
        Unit::Seconds,
        "Time from the call of a command to its answer, without the time in which it was parked."
    );
    describe_gauge!(format!("{prefix}_commands_in_flight"), "Commands that were called and have not ended.");
}
