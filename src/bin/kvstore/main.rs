//! The `kvstore` server: flags, a runtime, the [standalone](kvstore::standalone) stack, an exit code.

mod allocator;
mod assembly;
mod check;
mod exit;
mod listen;
mod logging;
mod open_files;
mod serve;
mod settings;
mod supervisor;
mod tls;
mod transfer;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use tokio::runtime::{self, Runtime};

use exit::InvalidSettings;
use logging::Format;
use open_files::OpenFiles;
use serve::serve;
use settings::{Report, Settings, Task};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// How long a thread that long commands ran on is kept. The memory of short blocks that it has allocated, and others have freed,
/// goes back to the system when it has ended.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    allocator::set_up();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fatal { error, format }) => {
            exit::report(&*error, format);
            exit::code_of(&*error)
        }
    }
}

/// Why the program ends, and the format of the log that says so.
struct Fatal {
    error: Box<dyn std::error::Error>,
    format: Format,
}

fn start() -> Result<(), Fatal> {
    let (task, format) = match settings::read() {
        Ok(read) => read,
        Err((problems, format)) => return Err(Fatal { error: InvalidSettings(problems).into(), format }),
    };
    let done = match task {
        Task::Check(report) => show(&report),
        Task::Transfer(transfer) => transfer.run(),
        Task::Serve(settings) => run(*settings),
    };
    done.map_err(|error| Fatal { error, format })
}

/// Prints what `--check` has found.
fn show(report: &Report) -> Result<(), Box<dyn std::error::Error>> {
    io::stdout().write_all(report.text().as_bytes())?;
    match report.is_well {
        true => Ok(()),
        false => Err(InvalidSettings(vec!["it would not start like this".to_owned()]).into()),
    }
}

fn run(mut settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let flags = &mut settings.flags;
    let log = logging::start(&flags.log, flags.log_format)?;
    settings.notices.iter().for_each(|notice| tracing::warn!("{notice}"));
    let (wanted, admissible) = (flags.max_clients, OpenFiles::new(flags).admissible_clients(flags.max_clients));
    if admissible < wanted {
        tracing::warn!(
            wanted,
            "the limit of open files is too low for --max-clients, which is lowered to {admissible}"
        );
        flags.max_clients = admissible;
    }
    allocator::start_collecting()?;
    let runtime = runtime(flags.threads())?;
    let served = runtime.block_on(serve(&settings, log));
    // Commands that are still in flight had their grace period, and do not delay the exit.
    runtime.shutdown_background();
    served
}

/// How many tasks a thread polls before it looks for input. With 61, the default of tokio, a command beside thousands of busy
/// connections waits for 61 turns of them, 9 ms in place of 1.5.
const EVENT_INTERVAL: u32 = 11;

/// One thread gets the current-thread scheduler, which is cheaper. Several threads share a work-stealing one: a runtime for
/// each thread, with connections of its own, was measured to be no cheaper and to balance the load worse.
fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = match threads {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.event_interval(EVENT_INTERVAL).enable_all().thread_keep_alive(THREAD_KEEP_ALIVE).build()
}
