//! [`Background`]: a thread of the store's own, for work that no connection should wait for.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;

type Job = Box<dyn FnOnce() + Send>;

/// How long a thread waits for another job before it ends. A thread that does nothing may keep the memory that its jobs have freed.
/// Those of tests do not end, which depend on no clock.
const IDLE: Duration = if cfg!(test) { Duration::MAX } else { Duration::from_secs(1) };

/// A thread that runs jobs one after the other. It is started with a job, and ends when none comes for a while, or this is dropped.
pub(super) struct Background {
    name: &'static str,
    idle: Duration,
    sender: Arc<Mutex<Option<Sender<Job>>>>,
}

impl Background {
    pub(super) fn new(name: &'static str) -> Self {
        Self::ending_after(IDLE, name)
    }

    fn ending_after(idle: Duration, name: &'static str) -> Self {
        Self { name, idle, sender: Arc::default() }
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
        let (idle, current) = (self.idle, Arc::clone(&self.sender));
        thread.spawn(move || run_all(&jobs, idle, &current)).ok()?;
        Some(sender)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.sender.lock().take();
    }
}

fn run_all(jobs: &Receiver<Job>, idle: Duration, sender: &Mutex<Option<Sender<Job>>>) {
    loop {
        let job = jobs.recv_timeout(idle).or_else(|ended| match ended {
            RecvTimeoutError::Disconnected => Err(()),
            RecvTimeoutError::Timeout => {
                let mut sender = sender.lock();
                // A job that comes from now on starts another thread.
                jobs.try_recv().map_err(|_| *sender = None)
            }
        });
        match job {
            Ok(job) => run_caught(job),
            Err(()) => return,
        }
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

    /// Tells when its thread ends.
    struct TellsEnd(Sender<()>);

    impl Drop for TellsEnd {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }

    thread_local! {
        static AT_END: std::cell::RefCell<Option<TellsEnd>> = const { std::cell::RefCell::new(None) };
    }

    #[test]
    fn a_thread_without_jobs_ends_and_the_next_job_starts_another() {
        let background = Background::ending_after(Duration::ZERO, "test");
        let (sender, ends) = mpsc::channel();
        for _ in 0..3 {
            let sender = sender.clone();
            background.run(move || AT_END.set(Some(TellsEnd(sender))));
            ends.recv().unwrap();
        }
        drop(sender);
        assert!(ends.recv().is_err());
    }
}
