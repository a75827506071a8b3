//! [`RequestQueue`]: the requests that are not sent yet, and [`Permits`]: how many there may be.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{ClientError, ConnectionError, request::Request};

/// A message from a handle to the task of the connection.
#[derive(Debug)]
pub(super) enum DriverMessage {
    Request(Request),
    /// CallResult what is there, take nothing more, and drop this at the end.
    Close(oneshot::Sender<()>),
}

/// The permits for requests, and why there are none any more.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    pub(super) semaphore: Arc<Semaphore>,
    ended: Arc<OnceLock<ConnectionError>>,
}

impl Permits {
    pub(super) fn new(requests: usize) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(requests)), ended: Arc::default() }
    }

    /// Gives out no more permits. The first cause is kept.
    pub(super) fn close(&self, cause: ConnectionError) {
        // In this order: whoever finds the semaphore closed finds the cause.
        let _ = self.ended.set(cause);
        self.semaphore.close();
    }

    /// The error of calls that come too late.
    pub(super) fn error(&self) -> ClientError {
        ClientError::Closed(self.ended.get().cloned().unwrap_or(ConnectionError::Stopped))
    }
}

/// The receiving end of the handles. A request that is taken from it can be put back at the front.
///
/// It holds no more requests than there are [`Permits`].
#[derive(Debug)]
pub(super) struct RequestQueue {
    backlog: VecDeque<Request>,
    /// `None` in the queue of a handshake, which has no handles.
    handles: Option<mpsc::UnboundedReceiver<DriverMessage>>,
    permits: Option<Permits>,
    closers: Vec<oneshot::Sender<()>>,
    is_closed: bool,
}

impl RequestQueue {
    pub(super) fn new(handles: mpsc::UnboundedReceiver<DriverMessage>, permits: Permits) -> Self {
        let mut queue = Self::of([]);
        (queue.handles, queue.permits) = (Some(handles), Some(permits));
        queue
    }

    /// A queue of these requests only.
    pub(super) fn of(requests: impl IntoIterator<Item = Request>) -> Self {
        Self {
            backlog: requests.into_iter().collect(),
            handles: None,
            permits: None,
            closers: Vec::new(),
            is_closed: false,
        }
    }

    /// The next request whose caller still waits; `None` when no more will come.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        loop {
            let next = match self.backlog.pop_front() {
                Some(request) => Poll::Ready(Some(request)),
                None => self.poll_receive(cx),
            };
            match next {
                // Nothing of it was sent, so it can be skipped.
                Poll::Ready(Some(request)) if request.reply.is_abandoned() => {}
                next => return next,
            }
        }
    }

    /// The next request from the handles.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        let Some(handles) = &mut self.handles else { return Poll::Pending };
        loop {
            match ready!(handles.poll_recv(cx)) {
                Some(DriverMessage::Request(request)) => return Poll::Ready(Some(request)),
                Some(DriverMessage::Close(closer)) => {
                    if let Some(permits) = &self.permits {
                        permits.close(ConnectionError::Closed);
                    }
                    handles.close();
                    self.closers.push(closer);
                }
                None => {
                    self.is_closed = true;
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// Moves all requests that have arrived to the backlog.
    pub(super) fn receive_all(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(request)) = self.poll_receive(cx) {
            self.put_last(request);
        }
    }

    /// Adds a request at the end of the backlog.
    pub(super) fn put_last(&mut self, request: Request) {
        self.backlog.push_back(request);
    }

    /// Puts back a request of which nothing was sent.
    pub(super) fn put_first(&mut self, request: Request) {
        self.backlog.push_front(request);
    }

    /// Fails all requests in the backlog.
    pub(super) fn fail_backlog(&mut self, cause: &ConnectionError) {
        for request in self.backlog.drain(..) {
            request.reply.fail(ClientError::Closed(cause.clone()));
        }
    }

    /// Takes no more requests, and fails all that there are.
    pub(super) fn end(&mut self, cause: &ConnectionError) {
        if let Some(permits) = &self.permits {
            permits.close(cause.clone());
        }
        self.fail_backlog(cause);
        let Some(handles) = &mut self.handles else { return };
        handles.close();
        while let Ok(message) = handles.try_recv() {
            match message {
                DriverMessage::Request(request) => request.reply.fail(ClientError::Closed(cause.clone())),
                DriverMessage::Close(closer) => self.closers.push(closer),
            }
        }
    }

    /// Moves the next request to the backlog. False when no more will come and no caller waits for the backlog.
    pub(super) async fn receive_next(&mut self) -> bool {
        poll_fn(|cx| {
            if !self.is_closed
                && let Some(request) = ready!(self.poll_receive(cx))
            {
                self.put_last(request);
                return Poll::Ready(true);
            }
            self.poll_done(cx).map(|()| false)
        })
        .await
    }

    /// Ready when no more requests will come, and no caller waits for the backlog.
    pub(super) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_closed {
            return Poll::Pending;
        }
        // All are polled, so that each can wake the task.
        let replies = self.backlog.iter_mut().map(|request| &mut request.reply);
        let waiting = replies.filter_map(|reply| reply.poll_abandoned(cx).is_pending().then_some(())).count();
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether [`poll_done`](Self::poll_done) is ready now.
    pub(super) async fn is_done(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.poll_done(cx).is_ready())).await
    }
}

/// The task may end at any time, by a panic or with its runtime: no caller waits for a permit of a task that is gone.
impl Drop for RequestQueue {
    fn drop(&mut self) {
        self.end(&ConnectionError::Stopped);
    }
}
