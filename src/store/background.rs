//! [`Background`]: a thread of the store's own, for work that no connection should wait for.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{self, Sender},
    thread,
};

use parking_lot::Mutex;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that runs jobs one after the other. It is started with the first job, and ends when this is dropped.
pub(super) struct Background {
    name: &'static str,
    sender: Mutex<Option<Sender<Job>>>,
}

impl Background {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, sender: Mutex::new(None) }
    }

    /// Runs a job on the thread, or here if no thread can be started. A panic in it ends the job and no more.
    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        let job: Job = Box::new(job);
        let mut sender = self.sender.lock();
        if sender.is_none() {
            *sender = self.start();
        }
        let refused = match &*sender {
            Some(started) => started.send(job).err().map(|error| error.0),
            None => Some(job),
        };
        drop(sender);
        refused.into_iter().for_each(run_caught);
    }

    /// Whether there was a job.
    #[cfg(test)]
    pub(super) fn is_started(&self) -> bool {
        self.sender.lock().is_some()
    }

    fn start(&self) -> Option<Sender<Job>> {
        let (sender, jobs) = mpsc::channel::<Job>();
        let thread = thread::Builder::new().name(self.name.to_owned());
        thread.spawn(move || jobs.into_iter().for_each(run_caught)).ok()?;
        Some(sender)
    }
}

fn run_caught(job: Job) {
    // A job reports its own panic to whom it concerns.
    let _ = catch_unwind(AssertUnwindSafe(job));
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Background").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_panics_does_not_end_the_thread() {
        let background = Background::new("test");
        let (sender, results) = mpsc::channel();
        background.run(|| panic!("a job that fails"));
        background.run(move || sender.send(thread::current().name().map(str::to_owned)).unwrap());
        assert_eq!(results.recv().unwrap().as_deref(), Some("test"));
    }
}
