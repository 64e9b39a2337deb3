//! What must hold whatever happens: no message is lost or doubled, no limit is exceeded, asking changes
//! nothing, and everything is delivered in the end.

use bindings::limit::SharedLimit;
use bindings::settings::MaxConnections;
use bindings::*;
use mail::Time;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const BINDINGS: [&str; 2] = ["b1", "b2"];
const DOMAINS: [&str; 3] = ["x.example", "y.example", "z.example"];
const SERVER: u32 = 5;
const RESERVE: u32 = 2;
const PAIR: u32 = 3;
const SCOPE: u32 = 4;
const RATE: u32 = 4;

/// One thing that may happen, chosen by numbers.
#[derive(Clone, Debug)]
enum Event {
    Arrive { queue: usize, due_in: u64, key: u64, priority: bool },
    Serve,
    Take { connection: usize, most: usize },
    Settle { flight: usize, how: u8 },
    Close { connection: usize, failed: bool },
    Idle { connection: usize },
    Pass { milliseconds: u64 },
    Order { order: u8, queue: usize },
    Elsewhere { take: bool },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..6usize, prop_oneof![Just(0u64), 1..100u64], 0..3u64, any::<bool>())
            .prop_map(|(queue, due_in, key, priority)| Event::Arrive { queue, due_in, key, priority }),
        6 => Just(Event::Serve),
        4 => (any::<usize>(), 1..4usize).prop_map(|(connection, most)| Event::Take { connection, most }),
        4 => (any::<usize>(), any::<u8>()).prop_map(|(flight, how)| Event::Settle { flight, how }),
        2 => (any::<usize>(), any::<bool>())
            .prop_map(|(connection, failed)| Event::Close { connection, failed }),
        1 => any::<usize>().prop_map(|connection| Event::Idle { connection }),
        3 => (0..20_000u64).prop_map(|milliseconds| Event::Pass { milliseconds }),
        1 => (0..8u8, 0..6usize).prop_map(|(order, queue)| Event::Order { order, queue }),
        1 => any::<bool>().prop_map(|take| Event::Elsewhere { take }),
    ]
}

fn by_nobody(at: Time) -> Order {
    Order { authority: Authority::Operator, by: "nobody".into(), at }
}

struct Connection {
    permit: ConnectionPermit,
    idle: bool,
}

/// A driver with its own book of everything.
struct Driver {
    schedule: Schedule<u32>,
    now: Time,
    server: SharedLimit,
    scope: SharedLimit,
    settings: Rc<QueueSettings>,
    connections: Vec<Connection>,
    in_flight: Vec<(QueueId, u32, EntryInfo)>,
    /// Units that other shards hold.
    elsewhere: Vec<bindings::Held>,
    arrived: u32,
    ended: u32,
    /// Messages taken, by time.
    taken: Vec<(Time, usize)>,
}

impl Driver {
    fn new() -> Self {
        let server = SharedLimit::alone(SERVER);
        let scope = SharedLimit::alone(SCOPE);
        let cell = |rate| Some(Arc::new(ThrottleCell::new(rate)));
        let settings = QueueSettings {
            max_outbound_connections: MaxConnections(PAIR),
            limits: vec![scope.clone()],
            message_throttle: cell(Rate { events: RATE, seconds: 1 }),
            connection_throttle: cell(Rate { events: 3, seconds: 2 }),
            aggressiveness: Aggressiveness::HIGH,
            ..QueueSettings::default()
        };
        let global = ScheduleSettings { reserve: RESERVE, ..ScheduleSettings::new(server.clone()) };
        Driver {
            schedule: Schedule::new(global),
            now: Time::from_secs(1_000_000),
            server,
            scope,
            settings: Rc::new(settings),
            connections: Vec::new(),
            in_flight: Vec::new(),
            elsewhere: Vec::new(),
            arrived: 0,
            ended: 0,
            taken: Vec::new(),
        }
    }

    /// Does what is wanted until there is nothing more; false if that does not come to an end.
    fn serve(&mut self) -> bool {
        for _ in 0..1000 {
            let want = self.schedule.want(self.now);
            assert_eq!(want, self.schedule.want(self.now));
            match want {
                Want::Connect(queue) => {
                    let before = self.schedule.summary(queue).connections;
                    if let Ok(permit) = self.schedule.connecting(queue, self.now) {
                        assert!(
                            self.server.counter.count() <= SERVER || before == 0,
                            "the reserve is for sweeps"
                        );
                        self.connections.push(Connection { permit, idle: false });
                    }
                }
                Want::Wake(queue) => {
                    let sleeper = self.connections.iter_mut();
                    let woken = sleeper
                        .into_iter()
                        .find(|connection| connection.idle && connection.permit.queue() == queue);
                    woken.expect("who is to be woken idles").idle = false;
                    self.schedule.woken(queue, self.now);
                }
                Want::Maintain => self.schedule.maintained(self.now),
                Want::Fail(_) => panic!("nothing is a black hole here"),
                Want::SleepUntil(until) => {
                    assert!(until > self.now);
                    return true;
                }
                Want::Rest => return true,
            }
        }
        false
    }

    fn settle(&mut self, flight: usize, how: u8) {
        let (queue, message, info) = self.in_flight.swap_remove(flight);
        match how % 4 {
            0 => self.schedule.returned(queue, [(message, info)], self.now),
            1 => match self.schedule.deferred(queue, &info, self.now) {
                Verdict::RetryAt(next) => self.schedule.requeue(queue, message, info, next, self.now),
                _ => self.end(queue),
            },
            _ => self.end(queue),
        }
    }

    fn end(&mut self, queue: QueueId) {
        self.schedule.delivered(queue, self.now);
        self.ended += 1;
    }

    fn take(&mut self, connection: usize, most: usize) {
        let queue = self.connections[connection].permit.queue();
        if let Take::Batch(batch) = self.schedule.take(queue, self.now, most) {
            assert!((1..=most).contains(&batch.len()));
            assert!(batch.iter().all(|(_, info)| info.batch == batch[0].1.batch));
            self.taken.push((self.now, batch.len()));
            self.in_flight.extend(batch.into_iter().map(|(message, info)| (queue, message, info)));
        }
    }

    fn close(&mut self, connection: usize, failed: bool) {
        let Connection { permit, idle } = self.connections.swap_remove(connection);
        if idle {
            self.schedule.woken(permit.queue(), self.now);
        }
        if failed {
            self.schedule.connect_failed(permit, self.now + Duration::from_secs(7), self.now);
        } else {
            self.schedule.closed(permit, self.now);
        }
    }

    fn order(&mut self, order: u8, queue: usize) {
        let (binding, domain) = (BINDINGS[queue / 3], DOMAINS[queue % 3]);
        let pair = Scope::Queue { binding, domain };
        let now = self.now;
        match order {
            0 => self.schedule.suspend(pair, by_nobody(now), now).unwrap(),
            1 | 2 => {
                self.schedule.resume(pair, now);
            }
            3 => self.schedule.suspend(Scope::Binding(binding), by_nobody(now), now).unwrap(),
            4 | 5 => {
                self.schedule.resume(Scope::Binding(binding), now);
            }
            6 => {
                for binding in BINDINGS {
                    if let Some(queue) = self.schedule.find(binding, domain) {
                        self.schedule.flush(queue, now);
                    }
                }
            }
            _ => {
                let Some(id) = self.schedule.find(binding, domain) else { return };
                let out = self.schedule.take_out(id, Which::All, 2, now);
                self.in_flight.extend(out.into_iter().map(|(message, info)| (id, message, info)));
            }
        }
    }

    fn live(&mut self, event: Event) {
        let connections = self.connections.len();
        match event {
            Event::Arrive { queue, due_in, key, priority } => {
                let next_attempt = self.now + Duration::from_secs(due_in);
                let fresh = Entry::fresh(self.arrived, self.now, key);
                let entry = Entry { next_attempt, priority, ..fresh };
                let settings = Rc::clone(&self.settings);
                self.schedule.enqueue(BINDINGS[queue / 3], DOMAINS[queue % 3], entry, || settings, self.now);
                self.arrived += 1;
            }
            Event::Serve => assert!(self.serve(), "the schedule comes to rest"),
            Event::Take { connection, most } if connections > 0 => {
                let connection = connection % connections;
                if !self.connections[connection].idle {
                    self.take(connection, most);
                }
            }
            Event::Settle { flight, how } if !self.in_flight.is_empty() => {
                self.settle(flight % self.in_flight.len(), how);
            }
            Event::Close { connection, failed } if connections > 0 => {
                self.close(connection % connections, failed);
            }
            Event::Idle { connection } if connections > 0 => {
                let connection = &mut self.connections[connection % connections];
                if !connection.idle {
                    connection.idle = true;
                    self.schedule.idle(connection.permit.queue(), self.now);
                }
            }
            Event::Pass { milliseconds } => self.now = self.now + Duration::from_millis(milliseconds),
            Event::Order { order, queue } => self.order(order, queue),
            Event::Elsewhere { take: true } => self.elsewhere.extend(self.server.take()),
            Event::Elsewhere { take: false } => drop(self.elsewhere.pop()),
            _ => {}
        }
    }

    fn check(&self) {
        let mut places: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, message, _) in &self.in_flight {
            *places.entry(*message).or_default() += 1;
        }
        let mut open: HashMap<QueueId, u32> = HashMap::new();
        for connection in &self.connections {
            *open.entry(connection.permit.queue()).or_default() += 1;
        }
        for queue in self.schedule.summaries() {
            assert_eq!(queue.connections, open.get(&queue.id).copied().unwrap_or(0));
            assert!(queue.connections <= PAIR);
            let flying = self.in_flight.iter().filter(|(id, _, _)| *id == queue.id).count();
            assert_eq!(queue.in_flight as usize, flying);
            assert_eq!(self.schedule.waiting(queue.id).count(), queue.active + queue.delayed);
            let causes = bindings::why::why(&self.schedule.facts(queue.id, self.now));
            let is_empty = queue.active + queue.delayed + queue.in_flight as usize == 0;
            assert_eq!(causes == [Cause::NoMail], is_empty, "{queue:?}");
            self.schedule
                .waiting(queue.id)
                .for_each(|(message, _, _)| *places.entry(*message).or_default() += 1);
        }
        assert!(places.values().all(|count| *count == 1), "each message is in one place");
        assert_eq!(places.len() as u32 + self.ended, self.arrived, "no message is lost");
        assert_eq!(self.schedule.messages(), places.len());
        let connections = self.connections.len() as u32;
        assert_eq!(self.scope.counter.count(), connections);
        assert!(connections <= SCOPE);
        assert_eq!(self.server.counter.count(), connections + self.elsewhere.len() as u32);
        assert!(self.server.counter.count() <= SERVER + RESERVE);
        self.check_throttle();
    }

    /// Windows open at their first message, as the throttle's do, if only up to a millisecond earlier.
    fn check_throttle(&self) {
        let (mut opened, mut used) = (Time::EPOCH, 0);
        for (when, count) in &self.taken {
            if when.since(opened) >= Duration::from_secs(1) {
                (opened, used) = (*when, 0);
            }
            used += count;
            assert!(used <= RATE as usize, "{used} messages in a window");
        }
    }

    /// Plays fair from here on; false if mail is left after a day.
    fn finish(&mut self) -> bool {
        self.elsewhere.clear();
        for scope in BINDINGS {
            self.schedule.resume(Scope::Binding(scope), self.now);
            for domain in DOMAINS {
                self.schedule.resume(Scope::Queue { binding: scope, domain }, self.now);
            }
        }
        for _ in 0..20_000 {
            if !self.serve() {
                return false;
            }
            for connection in (0..self.connections.len()).rev() {
                let was = self.in_flight.len();
                if !self.connections[connection].idle {
                    self.take(connection, 3);
                }
                if self.in_flight.len() == was {
                    self.close(connection, false);
                }
            }
            while !self.in_flight.is_empty() {
                self.settle(0, 3);
            }
            match self.schedule.want(self.now) {
                Want::SleepUntil(until) => self.now = until,
                Want::Rest if self.connections.is_empty() => break,
                _ => {}
            }
        }
        self.ended == self.arrived && self.schedule.queues() == 0
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_course_of_events_breaks_a_promise(events in prop::collection::vec(event(), 1..250)) {
        let mut driver = Driver::new();
        for event in events {
            driver.live(event);
            driver.check();
        }
        prop_assert!(driver.finish(), "everything is delivered in the end, and nothing is left behind");
        driver.check();
    }
}

#[test]
fn a_hundred_thousand_queues_are_served_in_turn_without_scanning() {
    let mut schedule = Schedule::new(ScheduleSettings::new(SharedLimit::alone(1000)));
    let now = Time::from_secs(1_000_000);
    let settings: Rc<QueueSettings> = Rc::default();
    for number in 0..100_000u32 {
        let domain = format!("d{number}.example");
        schedule.enqueue("b1", &domain, Entry::fresh(number, now, 0), || Rc::clone(&settings), now);
    }
    let mut delivered = Vec::new();
    let mut open = std::collections::VecDeque::new();
    while delivered.len() < 100_000 {
        while let Want::Connect(queue) = schedule.want(now) {
            match schedule.connecting(queue, now) {
                Ok(permit) => open.push_back(permit),
                Err(refusal) => assert_eq!(refusal, Refusal::ServerFull),
            }
        }
        let permit = open.pop_front().expect("a full server has connections");
        let queue = permit.queue();
        let Take::Batch(batch) = schedule.take(queue, now, 1) else { panic!("every queue has its message") };
        delivered.push(batch[0].0);
        schedule.delivered(queue, now);
        schedule.closed(permit, now);
    }
    assert!(delivered.is_sorted(), "first come, first served");
}
