//! Random schedules of clients that push, wait, move, give up and go away, compared with a simple model of what each of them gets:
//! no element is lost or given twice, first come is first served, and nobody waits beside an element.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Write,
    time::Duration,
};

use fastrand::Rng;
use kvstore::{
    standalone::{self, StackSettings},
    store::{Store, TokioClock},
};
use tokio::time::{Instant, advance};

use crate::support::{Client, Server, request, settle};

const SCHEDULES: u64 = 10_000;
const STEPS: usize = 25;
const CLIENTS: usize = 6;
const KEYS: usize = 4;

/// How long a client waits that does not wait for ever.
const TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Left,
    Right,
}

impl End {
    fn any(random: &mut Rng) -> Self {
        if random.bool() { Self::Left } else { Self::Right }
    }

    fn name(self) -> &'static str {
        if self == Self::Left { "LEFT" } else { "RIGHT" }
    }

    /// The letter of the commands for it.
    fn letter(self) -> char {
        if self == Self::Left { 'L' } else { 'R' }
    }
}

/// What a client does with the element that it gets.
#[derive(Clone, Debug)]
enum Take {
    Pop(End),
    /// Up to so many.
    PopMany(End, usize),
    Move(End, usize, End),
}

#[derive(Clone, Debug)]
struct Waiter {
    client: usize,
    keys: Vec<usize>,
    take: Take,
    deadline: Option<Instant>,
}

/// The lists, and who waits for them, in the order in which they came.
#[derive(Debug, Default)]
struct Model {
    lists: BTreeMap<usize, VecDeque<u32>>,
    waiters: Vec<Waiter>,
    /// The keys that the command has changed.
    ready: VecDeque<usize>,
    /// What each client gets.
    replies: [String; CLIENTS],
    next_element: u32,
}

fn bulk(text: impl ToString) -> String {
    let text = text.to_string();
    format!("${}\r\n{text}\r\n", text.len())
}

impl Model {
    fn change(&mut self, key: usize) {
        if !self.ready.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn push(&mut self, key: usize, end: End, element: u32) {
        let list = self.lists.entry(key).or_default();
        if end == End::Left {
            list.push_front(element)
        } else {
            list.push_back(element)
        }
        self.change(key);
    }

    fn pop(&mut self, key: usize, end: End) -> Option<u32> {
        let list = self.lists.get_mut(&key)?;
        let element = if end == End::Left { list.pop_front() } else { list.pop_back() };
        if list.is_empty() {
            self.lists.remove(&key);
        }
        self.change(key);
        element
    }

    /// Takes from a key that has a list. Returns the answer.
    fn take(&mut self, key: usize, take: &Take) -> String {
        match *take {
            Take::Pop(end) => {
                let element = self.pop(key, end).expect("an element");
                format!("*2\r\n{}{}", bulk(key), bulk(element))
            }
            Take::PopMany(end, count) => {
                let elements: Vec<_> = (0..count).map_while(|_| self.pop(key, end)).collect();
                let mut answer = format!("*2\r\n{}*{}\r\n", bulk(key), elements.len());
                elements.iter().for_each(|element| answer += &bulk(element));
                answer
            }
            Take::Move(from, to, at) => {
                let element = self.pop(key, from).expect("an element");
                self.push(to, at, element);
                bulk(element)
            }
        }
    }

    /// Serves those who wait for keys that have changed.
    fn serve(&mut self) {
        while let Some(key) = self.ready.pop_front() {
            let mut index = 0;
            while index < self.waiters.len() && self.lists.contains_key(&key) {
                if !self.waiters[index].keys.contains(&key) {
                    index += 1;
                    continue;
                }
                let waiter = self.waiters.remove(index);
                let answer = self.take(self.first_of(&waiter).expect("this key at least"), &waiter.take);
                self.replies[waiter.client] += &answer;
            }
        }
    }

    /// The first key of the command that has a list.
    fn first_of(&self, waiter: &Waiter) -> Option<usize> {
        waiter.keys.iter().copied().find(|key| self.lists.contains_key(key))
    }

    fn is_waiting(&self, client: usize) -> bool {
        self.waiters.iter().any(|waiter| waiter.client == client)
    }

    fn answer(&mut self, client: usize, answer: &str) {
        self.replies[client] += answer;
    }

    /// Takes at once, or waits.
    fn take_or_wait(&mut self, waiter: Waiter) {
        match self.first_of(&waiter) {
            Some(key) => {
                let answer = self.take(key, &waiter.take);
                self.answer(waiter.client, &answer);
            }
            None => self.waiters.push(waiter),
        }
        self.serve();
    }

    /// Ends the waiting of those whose time is over.
    fn end_times(&mut self, now: Instant) {
        let (over, waiting) =
            self.waiters.drain(..).partition(|waiter| waiter.deadline.is_some_and(|deadline| deadline <= now));
        self.waiters = waiting;
        let over: Vec<Waiter> = over;
        over.iter().for_each(|waiter| self.answer(waiter.client, "*-1\r\n"));
    }
}

/// A schedule: the clients of a server, and the model.
struct Schedule {
    server: Server,
    clients: Vec<Client>,
    model: Model,
    random: Rng,
    /// What was done, to be shown if a client does not get what it should.
    told: String,
}

impl Schedule {
    fn new(server: Server) -> Self {
        let clients = (0..CLIENTS).map(|_| server.connect()).collect();
        Self { server, clients, model: Model::default(), random: Rng::new(), told: String::new() }
    }

    /// Runs one schedule, beginning with no lists.
    async fn run(&mut self, seed: u64) {
        (self.random, self.told) = (Rng::with_seed(seed), format!("seed {seed}\n"));
        self.model = Model::default();
        for client in 0..CLIENTS {
            self.reconnect(client).await;
        }
        self.sends(0, "FLUSHALL").await;
        self.clients[0].gets("+OK\r\n").await;
        for _ in 0..STEPS {
            self.step().await;
            self.check().await;
        }
    }

    async fn step(&mut self) {
        let client = self.random.usize(..CLIENTS);
        match self.model.is_waiting(client) {
            true => self.disturb(client).await,
            false => self.command(client).await,
        }
    }

    /// Something happens to a client that waits.
    async fn disturb(&mut self, client: usize) {
        match self.random.u8(..4) {
            0 => {
                self.told += "2 s pass\n";
                advance(2 * TIMEOUT).await;
                settle().await;
                self.model.end_times(Instant::now());
            }
            1 => {
                self.model.waiters.retain(|waiter| waiter.client != client);
                self.reconnect(client).await;
            }
            2 => self.unblock(client).await,
            _ => {}
        }
    }

    async fn unblock(&mut self, client: usize) {
        let Some(other) = (0..CLIENTS).find(|other| !self.model.is_waiting(*other)) else { return };
        self.sends(other, "CLIENT LIST").await;
        let list = self.clients[other].reads_bulk().await;
        let name = format!(" name=c{client} ");
        let line = list.lines().find(|line| line.contains(&name)).expect("the client is connected");
        let id = line["id=".len()..].split(' ').next().expect("an ID").to_owned();
        self.sends(other, &format!("CLIENT UNBLOCK {id}")).await;
        self.model.waiters.retain(|waiter| waiter.client != client);
        self.model.answer(other, ":1\r\n");
        self.model.answer(client, "*-1\r\n");
    }

    async fn reconnect(&mut self, client: usize) {
        writeln!(self.told, "{client} connects anew").expect("a string");
        self.clients[client] = self.server.connect();
        self.sends(client, &format!("CLIENT SETNAME c{client}")).await;
        self.clients[client].gets("+OK\r\n").await;
    }

    async fn command(&mut self, client: usize) {
        let (key, other) = (self.random.usize(..KEYS), self.random.usize(..KEYS));
        let (end, other_end) = (End::any(&mut self.random), End::any(&mut self.random));
        match self.random.u8(..10) {
            0..3 => self.push(client, key, end).await,
            3..5 => {
                let keys: Vec<_> = (0..self.random.usize(1..4)).map(|_| self.random.usize(..KEYS)).collect();
                let names: String = keys.iter().map(|key| format!("{key} ")).collect();
                let line = format!("B{}POP {names}", end.letter());
                self.wait(client, &line, "", keys, Take::Pop(end)).await;
            }
            5 => {
                let count = self.random.usize(1..4);
                let behind = format!(" 2 {key} {other} {} COUNT {count}", end.name());
                self.wait(client, "BLMPOP ", &behind, vec![key, other], Take::PopMany(end, count)).await;
            }
            6 => {
                let line = format!("BLMOVE {key} {other} {} {} ", end.name(), other_end.name());
                self.wait(client, &line, "", vec![key], Take::Move(end, other, other_end)).await;
            }
            7 => {
                self.sends(client, &format!("RENAME {key} {other}")).await;
                let answer = self.rename(key, other);
                self.model.answer(client, answer);
                self.model.serve();
            }
            8 => self.transaction(client, key, other).await,
            _ => {
                self.sends(client, &format!("LPOP {key}")).await;
                let popped = self.model.pop(key, End::Left).map_or("$-1\r\n".to_owned(), bulk);
                self.model.answer(client, &popped);
                self.model.serve();
            }
        }
    }

    async fn push(&mut self, client: usize, key: usize, end: End) {
        let elements = self.elements();
        let words: String = elements.iter().map(|element| format!(" {element}")).collect();
        self.sends(client, &format!("{}PUSH {key}{words}", end.letter())).await;
        elements.iter().for_each(|element| self.model.push(key, end, *element));
        let length = self.model.lists[&key].len();
        self.model.answer(client, &format!(":{length}\r\n"));
        self.model.serve();
    }

    /// One to three elements that were not there before.
    fn elements(&mut self) -> Vec<u32> {
        let first = self.model.next_element;
        self.model.next_element += self.random.u32(1..4);
        (first..self.model.next_element).collect()
    }

    async fn wait(&mut self, client: usize, before: &str, behind: &str, keys: Vec<usize>, take: Take) {
        let is_limited = self.random.bool();
        let timeout = if is_limited { "1" } else { "0" };
        self.sends(client, &format!("{before}{timeout}{behind}")).await;
        let deadline = is_limited.then(|| Instant::now() + TIMEOUT);
        self.model.take_or_wait(Waiter { client, keys, take, deadline });
    }

    fn rename(&mut self, key: usize, other: usize) -> &'static str {
        if !self.model.lists.contains_key(&key) {
            return "-ERR no such key\r\n";
        }
        if key != other {
            let list = self.model.lists.remove(&key).expect("the list");
            self.model.lists.insert(other, list);
            self.model.change(key);
            self.model.change(other);
        }
        "+OK\r\n"
    }

    /// Pushes to two keys, and pops or deletes in between: those who wait are served behind it.
    async fn transaction(&mut self, client: usize, key: usize, other: usize) {
        let (one, two) = (self.model.next_element, self.model.next_element + 1);
        self.model.next_element += 2;
        let deletes = self.random.bool();
        let middle = if deletes { format!("DEL {key}") } else { format!("BRPOP {key} 0") };
        let lines = ["MULTI", &format!("RPUSH {key} {one}"), &middle, &format!("RPUSH {other} {two}"), "EXEC"];
        self.sends_all(client, &lines).await;
        self.model.push(key, End::Right, one);
        let mut answer = format!("+OK\r\n{}*3\r\n:{}\r\n", "+QUEUED\r\n".repeat(3), self.model.lists[&key].len());
        if deletes {
            self.model.lists.remove(&key);
            answer += ":1\r\n";
        } else {
            answer += &self.model.take(key, &Take::Pop(End::Right));
        }
        self.model.push(other, End::Right, two);
        write!(answer, ":{}\r\n", self.model.lists[&other].len()).expect("a string");
        self.model.answer(client, &answer);
        self.model.serve();
    }

    async fn sends(&mut self, client: usize, line: &str) {
        self.sends_all(client, &[line]).await;
    }

    async fn sends_all(&mut self, client: usize, lines: &[&str]) {
        writeln!(self.told, "{client}: {}", lines.join(" | ")).expect("a string");
        let requests = lines.iter().flat_map(|line| request(&line.split(' ').collect::<Vec<_>>()));
        self.clients[client].sends(requests.collect::<Vec<_>>()).await;
        settle().await;
    }

    /// Compares what each client gets. What comes too much is noticed at the next answer of that client.
    async fn check(&mut self) {
        for (client, expected) in self.model.replies.iter_mut().enumerate() {
            let expected = std::mem::take(expected);
            if expected.is_empty() {
                continue;
            }
            let got = self.clients[client].reads(expected.len()).await;
            assert_eq!(String::from_utf8_lossy(&got), expected, "client {client}\n{}", self.told);
        }
    }
}

async fn run(threads: usize, seeds: std::ops::Range<u64>) {
    let store = Store::builder().clock(TokioClock::new()).threads(threads).build();
    let serve = |listener| standalone::server(&store, &StackSettings::default()).listen(listener);
    let mut schedule = Schedule::new(Server::of(serve));
    for seed in seeds {
        schedule.run(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_client_gets_what_is_due_with_one_shard() {
    run(1, 0..SCHEDULES / 2).await;
}

#[tokio::test(start_paused = true)]
async fn every_client_gets_what_is_due_with_64_shards() {
    run(8, SCHEDULES / 2..SCHEDULES).await;
}
