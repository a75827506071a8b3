use super::{Inbox, Message, Order, Position, SendError, mailbox, mailbox_within};
use crate::Response;

fn message(number: u64, position: Position) -> Message {
    Message { number, position, response: Response::Integer(number as i64) }
}

/// Takes every message that may go out.
fn taken(inbox: &mut Inbox, answered: u64) -> Vec<Response> {
    inbox.take();
    std::iter::from_fn(|| inbox.next_message(answered)).collect()
}

#[test]
fn a_message_waits_for_the_answers_before_it() {
    let (mailbox, mut inbox) = mailbox(8);
    for sent in
        [message(2, Position::AfterAnswer), message(2, Position::BeforeAnswer), message(1, Position::AfterAnswer)]
    {
        mailbox.try_send(sent).unwrap();
    }
    assert_eq!(taken(&mut inbox, 0), []);
    assert!(inbox.has_mail());
    assert_eq!(taken(&mut inbox, 1), [Response::Integer(2), Response::Integer(1)]);
    assert_eq!(taken(&mut inbox, 2), [Response::Integer(2)]);
    assert!(!inbox.has_mail());
}

#[test]
fn a_full_mailbox_refuses_and_a_closed_one_too() {
    let (mailbox, inbox) = mailbox(1);
    mailbox.try_send(message(0, Position::AfterAnswer)).unwrap();
    assert!(matches!(mailbox.try_send(message(0, Position::AfterAnswer)), Err(SendError::Full(_))));
    drop(inbox);
    assert!(matches!(mailbox.try_send(message(0, Position::AfterAnswer)), Err(SendError::Closed(_))));
    assert!(!mailbox.is_open());
}

#[test]
fn a_mailbox_is_full_of_large_messages_sooner() {
    let (mailbox, mut inbox) = mailbox_within(100, 10_000);
    let send = |length: usize| {
        let response = Response::Push(vec![Response::bulk(vec![b'x'; length])]);
        mailbox.try_send(Message::new(0, Position::AfterAnswer, response)).is_ok()
    };
    assert!(send(50_000), "one goes in, however large");
    assert!(!send(0));
    assert_eq!(taken(&mut inbox, 0).len(), 1);
    assert!((0..2).all(|_| send(4000)) && !send(4000) && send(100));
    assert_eq!(taken(&mut inbox, 0).len(), 3);
    assert!(send(9000) && !send(9000));
}

#[test]
fn a_sender_may_set_the_limit_itself() {
    let (mailbox, mut inbox) = mailbox(1);
    let send = || mailbox.try_send_within(message(0, Position::AfterAnswer), 10 * size_of::<Response>()).is_ok();
    assert_eq!((0..20).filter(|_| send()).count(), 10);
    assert_eq!(taken(&mut inbox, 0).len(), 10);
    assert!(send());
}

#[tokio::test]
async fn a_sender_waits_for_room() {
    let (mailbox, mut inbox) = mailbox(1);
    mailbox.try_send(message(0, Position::AfterAnswer)).unwrap();
    let waiting = tokio::spawn({
        let mailbox = mailbox.clone();
        async move { mailbox.send(message(0, Position::AfterAnswer)).await.is_ok() }
    });
    tokio::task::yield_now().await;
    assert_eq!(taken(&mut inbox, 0).len(), 1);
    assert!(waiting.await.unwrap());
    assert_eq!(taken(&mut inbox, 0).len(), 1);
}

#[test]
fn the_harder_order_wins() {
    let (mailbox, mut inbox) = mailbox(1);
    mailbox.order(Order::Kill);
    mailbox.order(Order::Stop);
    assert!(inbox.has_mail());
    assert_eq!(inbox.take().order, Some(Order::Kill));
}

#[tokio::test]
async fn closed_waits_for_the_end_of_the_connection_and_not_for_room() {
    let (mailbox, mut inbox) = mailbox(1);
    mailbox.try_send(message(0, Position::AfterAnswer)).unwrap();
    let closed = tokio::spawn({
        let mailbox = mailbox.clone();
        async move { mailbox.closed().await }
    });
    tokio::task::yield_now().await;
    assert_eq!(taken(&mut inbox, 0).len(), 1);
    tokio::task::yield_now().await;
    assert!(!closed.is_finished());
    drop(inbox);
    closed.await.unwrap();
    mailbox.closed().await;
}

#[test]
fn a_connection_that_closes_takes_no_messages_and_keeps_those_that_wait() {
    let (mailbox, mut inbox) = mailbox(2);
    mailbox.try_send(message(0, Position::AfterAnswer)).unwrap();
    inbox.refuse_messages();
    assert!(matches!(mailbox.try_send(message(0, Position::AfterAnswer)), Err(SendError::Closed(_))));
    assert_eq!(taken(&mut inbox, 0).len(), 1);
}

#[test]
fn a_connection_that_is_killed_takes_no_messages() {
    let (mailbox, _inbox) = mailbox(1);
    mailbox.order(Order::Kill);
    assert!(matches!(mailbox.try_send(message(0, Position::AfterAnswer)), Err(SendError::Closed(_))));
}

#[tokio::test]
async fn an_upgraded_connection_is_closed_to_messages() {
    let (mailbox, mut inbox) = mailbox(1);
    inbox.close_to_messages();
    mailbox.closed().await;
    mailbox.order(Order::Kill);
    assert_eq!(inbox.take().order, Some(Order::Kill));
}
