//! [`RequestQueue`]: the requests that are not sent yet, and [`Permits`]: whether there will be any more.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{ClientError, ConnectionError, request::Request};

/// What handles say to the task of the connection.
#[derive(Debug)]
pub(super) enum DriverMessage {
    Request(Request),
    /// CallResult what is there, take nothing more, and drop this at the end.
    Close(oneshot::Sender<()>),
}

/// The room for requests, and why there is none any more.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    pub(super) semaphore: Arc<Semaphore>,
    ended: Arc<OnceLock<ConnectionError>>,
}

impl Permits {
    pub(super) fn new(requests: usize) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(requests)), ended: Arc::default() }
    }

    /// Lets nobody in any more. The first cause counts.
    pub(super) fn close(&self, cause: ConnectionError) {
        // In this order: who finds the permits closed finds the cause.
        let _ = self.ended.set(cause);
        self.semaphore.close();
    }

    /// What those hear who come too late.
    pub(super) fn error(&self) -> ClientError {
        ClientError::Closed(self.ended.get().cloned().unwrap_or(ConnectionError::Stopped))
    }
}

/// The task's end of the handles. What is taken from it and put back is first again.
///
/// It holds no more than there is room in the [`Permits`].
#[derive(Debug)]
pub(super) struct RequestQueue {
    backlog: VecDeque<Request>,
    /// Nothing in the queue of a handshake, which never ends by itself.
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

    /// A queue of these alone.
    pub(super) fn of(requests: impl IntoIterator<Item = Request>) -> Self {
        Self {
            backlog: requests.into_iter().collect(),
            handles: None,
            permits: None,
            closers: Vec::new(),
            is_closed: false,
        }
    }

    /// The next request that somebody waits for; `None` when no more will come.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        loop {
            let next = match self.backlog.pop_front() {
                Some(request) => Poll::Ready(Some(request)),
                None => self.poll_receive(cx),
            };
            match next {
                // It was never begun, so nobody needs to finish it.
                Poll::Ready(Some(request)) if request.reply.is_abandoned() => {}
                next => return next,
            }
        }
    }

    /// What comes from the handles next.
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

    /// Keeps all that comes for later, until nothing comes.
    pub(super) fn keep(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(request)) = self.poll_receive(cx) {
            self.put_last(request);
        }
    }

    /// Keeps a request for later, behind the others.
    pub(super) fn put_last(&mut self, request: Request) {
        self.backlog.push_back(request);
    }

    /// Gives a request back of which nothing was sent.
    pub(super) fn put_first(&mut self, request: Request) {
        self.backlog.push_front(request);
    }

    /// Fails all that is kept.
    pub(super) fn refuse_kept(&mut self, cause: &ConnectionError) {
        for request in self.backlog.drain(..) {
            request.reply.fail(ClientError::Closed(cause.clone()));
        }
    }

    /// Takes no more, and fails all that there is.
    pub(super) fn end(&mut self, cause: &ConnectionError) {
        if let Some(permits) = &self.permits {
            permits.close(cause.clone());
        }
        self.refuse_kept(cause);
        let Some(handles) = &mut self.handles else { return };
        handles.close();
        while let Ok(message) = handles.try_recv() {
            match message {
                DriverMessage::Request(request) => request.reply.fail(ClientError::Closed(cause.clone())),
                DriverMessage::Close(closer) => self.closers.push(closer),
            }
        }
    }

    /// Keeps the next request for later. False when no more will come and nobody waits for what is kept.
    pub(super) async fn keep_next(&mut self) -> bool {
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

    /// Ready when no more requests will come, and nobody waits for what is kept.
    pub(super) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_closed {
            return Poll::Pending;
        }
        // Every one of them is asked, so that every one can wake the task.
        let replies = self.backlog.iter_mut().map(|request| &mut request.reply);
        let waiting = replies.filter_map(|reply| reply.poll_abandoned(cx).is_pending().then_some(())).count();
        if waiting == 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether that is so now.
    pub(super) async fn is_done(&mut self) -> bool {
        poll_fn(|cx| Poll::Ready(self.poll_done(cx).is_ready())).await
    }
}

/// The task may end at any time, by a panic or with its runtime: nobody waits at a permits behind which there is nobody.
impl Drop for RequestQueue {
    fn drop(&mut self) {
        self.end(&ConnectionError::Stopped);
    }
}
