//! The agents of one run, as their messages describe them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Client;
use bytes::Bytes;
use nkeys::XKey;
use tenfold_measure::{Event, Message, Messages};
use zeroize::Zeroizing;

use crate::clock_offset::{ClockOffset, RoundTrip};
use crate::message::{
    About, Answer, Offer, Order, Pulse, Report, Request, agent_subject, decode, encode,
};
use crate::outbox::part_bytes;
use crate::parcels::Parcels;
use crate::record_store::RecordStore;
use crate::seal::Seal;

/// Time without a sign of life after which an agent is lost.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(4);

/// Pause before an order is sent again.
const PAUSE: Duration = Duration::from_millis(100);

/// Round trips of which the quickest counts.
const TRIPS_MAX: usize = 32;

/// Longest event in bytes.
const EVENT_BYTES_MAX: usize = 32 << 20;

/// Settings that all agents of a run share.
pub(crate) struct Members {
    pub(crate) run: String,
    pub(crate) client: Client,
    pub(crate) key: XKey,
    pub(crate) parcels: Parcels,
    pub(crate) members: Vec<Member>,
}

/// One agent of a run.
pub(crate) struct Member {
    pub(crate) offer: Offer,
    state: Mutex<MemberState>,
}

/// State of an agent, by its messages.
struct MemberState {
    messages: Messages,
    store: RecordStore,
    /// The last sign of life. `None` before it has taken its part.
    heard: Option<Instant>,
    /// `true` once it has reported its end, or is lost: nothing more is passed on to the run.
    is_over: bool,
    /// `true` once its record may not change any more.
    is_closed: bool,
    end: Option<End>,
    /// Number of the last event that was passed on.
    event: u64,
    /// The event that is arriving.
    arriving: Zeroizing<Vec<u8>>,
    clock: Clock,
}

/// The end of an agent's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) reason: String,
    pub(crate) code: Option<u8>,
}

/// Round trips to an agent's clock.
#[derive(Debug, Default)]
struct Clock {
    latest: VecDeque<RoundTrip>,
    /// The first round trips after the order to start.
    after_start: Vec<RoundTrip>,
    /// The offset by which the order to start was converted.
    used: Option<ClockOffset>,
}

/// The offsets of an agent's clock during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offsets {
    /// By which the order to start was converted.
    pub(crate) used: ClockOffset,
    /// From the first round trips after the start. `None` if there were none.
    pub(crate) after_start: Option<ClockOffset>,
    /// From the last round trips. `None` if there were none.
    pub(crate) last: Option<ClockOffset>,
}

impl Member {
    /// An agent that is to take part, with the place of its record.
    pub(crate) fn new(offer: Offer, messages: Messages, store: RecordStore) -> Self {
        Self {
            offer,
            state: Mutex::new(MemberState {
                messages,
                store,
                heard: None,
                is_over: false,
                is_closed: false,
                end: None,
                event: 0,
                arriving: Zeroizing::default(),
                clock: Clock::default(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, MemberState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether it has ended, or is lost.
    pub(crate) fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Why it has ended without a complete record. `None` if it has not.
    pub(crate) fn end(&self) -> Option<End> {
        self.state().end.clone()
    }

    /// Begins to wait for signs of life.
    pub(crate) fn begin(&self) {
        self.state().heard = Some(Instant::now());
    }

    /// Declares it lost if it has shown no sign of life for too long.
    pub(crate) fn check(&self, position: usize) {
        let mut state = self.state();
        let is_silent = state.heard.is_some_and(|at| at.elapsed() > LOST_AFTER);
        if !state.is_over && is_silent {
            let reason = format!("it showed no sign of life for {} s", LOST_AFTER.as_secs());
            state.lose(position, reason, None);
        }
    }

    /// Declares it lost.
    pub(crate) fn lose(&self, position: usize, reason: &str) {
        self.state().lose(position, reason.to_owned(), None);
    }

    /// Lets its record change no more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        (state.is_over, state.is_closed) = (true, true);
    }

    /// Notes an answer to a heartbeat.
    fn note_pulse(&self, pulse: Pulse, heard: u64) {
        let mut state = self.state();
        state.heard = Some(Instant::now());
        let trip = RoundTrip {
            asked: pulse.asked,
            received: pulse.received,
            replied: pulse.replied,
            heard,
        };
        let clock = &mut state.clock;
        if clock.latest.len() == TRIPS_MAX {
            clock.latest.pop_front();
        }
        clock.latest.push_back(trip);
        if clock.used.is_some() && clock.after_start.len() < TRIPS_MAX {
            clock.after_start.push(trip);
        }
    }

    /// Round trips so far, and the estimate from them.
    pub(crate) fn clock(&self) -> (usize, Option<ClockOffset>) {
        let state = self.state();
        let trips: Vec<RoundTrip> = state.clock.latest.iter().copied().collect();
        (trips.len(), ClockOffset::estimate(&trips))
    }

    /// Fixes the offset of its clock for the order to start. `None` if there is no estimate.
    pub(crate) fn fix_clock(&self) -> Option<ClockOffset> {
        let (_, estimate) = self.clock();
        self.state().clock.used = estimate;
        estimate
    }

    /// The offsets of its clock. `None` if it was not ordered to start.
    pub(crate) fn offsets(&self) -> Option<Offsets> {
        let state = self.state();
        let latest: Vec<RoundTrip> = state.clock.latest.iter().copied().collect();
        Some(Offsets {
            used: state.clock.used?,
            after_start: ClockOffset::estimate(&state.clock.after_start),
            last: ClockOffset::estimate(&latest),
        })
    }
}

impl MemberState {
    fn lose(&mut self, position: usize, reason: String, code: Option<u8>) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        self.end = Some(End { reason, code });
        let _ = self.messages.send((position, Message::Silent));
    }

    /// Takes a part of an event, and passes the event on when it is complete.
    fn take_event(
        &mut self,
        position: usize,
        (event, offset, is_last): (u64, u64, bool),
        part: &[u8],
    ) -> Result<(), String> {
        if event <= self.event {
            // The answer to an earlier report was lost.
            return Ok(());
        }
        let known = self.arriving.len() as u64;
        if offset == 0 {
            self.arriving.clear();
        } else if offset < known {
            return Ok(());
        } else if offset > known {
            return Err("a part of the event is missing".to_owned());
        }
        if self.arriving.len() + part.len() > EVENT_BYTES_MAX {
            return Err("the event is too long".to_owned());
        }
        self.arriving.extend_from_slice(part);
        if !is_last {
            return Ok(());
        }
        let text = std::mem::take(&mut self.arriving);
        let read: Event = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
        self.event = event;
        if self.is_over {
            return Ok(());
        }
        self.is_over = matches!(read, Event::Ended);
        let _ = self.messages.send((position, Message::Event(read)));
        Ok(())
    }
}

impl Members {
    /// Notes an answer to a heartbeat, which arrived when the clock read `heard`.
    pub(crate) fn note_pulse(&self, payload: &Bytes, heard: u64) {
        if let Some((pulse, _)) = decode::<Pulse>(payload)
            && let Some((_, member)) = self.member(pulse.number)
        {
            member.note_pulse(pulse, heard);
        }
    }

    fn member(&self, number: u32) -> Option<(usize, &Member)> {
        let position = usize::try_from(number).ok()?.checked_sub(1)?;
        Some((position, self.members.get(position)?))
    }

    /// Takes a report, and returns the answer.
    pub(crate) fn take_report(&self, payload: &Bytes) -> Bytes {
        let part = match decode::<Report>(payload) {
            Some((report, body)) => self.take(report, &body),
            None => Err("the report can't be read".to_owned()),
        };
        match part {
            Ok(sealed) => encode(&Answer::Done, &sealed),
            Err(reason) => encode(&Answer::Refused { reason }, &[]),
        }
    }

    /// Takes a report, and returns the sealed contents of the answer.
    fn take(&self, report: Report, body: &[u8]) -> Result<Vec<u8>, String> {
        let (position, member) = self
            .member(report.number)
            .ok_or("there is no such generator")?;
        let seal = self.seal(member).ok_or("the agent's key is not a key")?;
        let body = seal
            .open(body)
            .ok_or("the report is not sealed for this run")?;
        if let About::Fetch { sha256, offset } = &report.about {
            let part_bytes = part_bytes(self.client.max_payload());
            let part = self.parcels.part(sha256, *offset, part_bytes);
            let part = part.ok_or("there is no such file")?;
            return Ok(match part.is_empty() {
                true => Vec::new(),
                false => seal.close(&part),
            });
        }
        let mut state = member.state();
        state.heard = Some(Instant::now());
        if state.is_closed {
            return Err("the run is over".to_owned());
        }
        match report.about {
            About::Event {
                event,
                offset,
                is_last,
            } => state.take_event(position, (event, offset, is_last), &body)?,
            About::Gone { reason, code } => state.lose(position, reason, code),
            About::File {
                name,
                offset,
                complete,
            } => state.store.write(&name, offset, &body, complete.as_ref())?,
            About::Fetch { .. } => {}
        }
        Ok(Vec::new())
    }

    fn seal(&self, member: &Member) -> Option<Seal<'_>> {
        Seal::new(&self.key, &member.offer.key)
    }

    /// Asks an agent to take part.
    ///
    /// # Errors
    /// If it refuses, or does not answer.
    pub(crate) async fn offer_part(
        &self,
        position: usize,
        assignment: &[u8],
    ) -> Result<(), String> {
        let head = Request::Take {
            run: self.run.clone(),
            key: self.key.public_key(),
        };
        self.request(position, &head, assignment, Instant::now() + LOST_AFTER)
            .await
    }

    /// Gives an agent an order, until it has taken it or is lost.
    pub(crate) async fn order(self: Arc<Self>, position: usize, order: Order) {
        let head = Request::Order {
            run: self.run.clone(),
        };
        let text = serde_json::to_vec(&order).unwrap_or_default();
        let until = Instant::now() + LOST_AFTER;
        // One that refuses has ended, which it has reported or will.
        let _ = self.request(position, &head, &text, until).await;
    }

    async fn request(
        &self,
        position: usize,
        head: &Request,
        body: &[u8],
        until: Instant,
    ) -> Result<(), String> {
        let member = &self.members[position];
        let message = {
            let seal = self.seal(member).ok_or("its key is not a key")?;
            encode(head, &seal.close(body))
        };
        if message.len() > self.client.max_payload() {
            return Err("the scenario names too many files for one message".to_owned());
        }
        let subject = agent_subject(&member.offer.id);
        loop {
            let asked = self.client.request(subject.clone(), message.clone()).await;
            match asked.ok().and_then(|own| decode::<Answer>(&own.payload)) {
                Some((Answer::Done, _)) => return Ok(()),
                Some((Answer::Refused { reason }, _)) => return Err(reason),
                None if Instant::now() > until => return Err("it does not answer".to_owned()),
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    fn member() -> (tempfile::TempDir, Member, Receiver<(usize, Message)>) {
        let directory = tempfile::tempdir().unwrap();
        let store = RecordStore::create(directory.path()).unwrap();
        let (messages, received) = mpsc::channel();
        let offer = Offer {
            id: "1".to_owned(),
            name: "box1".to_owned(),
            tool: "1".to_owned(),
            labels: Default::default(),
            host: None,
            machine: None,
            key: XKey::new().public_key(),
            is_busy: false,
        };
        (directory, Member::new(offer, messages, store), received)
    }

    fn events(received: &Receiver<(usize, Message)>) -> Vec<String> {
        received
            .try_iter()
            .map(|own| format!("{:?}", own.1))
            .collect()
    }

    #[test]
    fn events_are_put_together_and_come_once() {
        let (_directory, member, received) = member();
        let take = |event, offset, is_last, part: &[u8]| {
            let mut state = member.state();
            state.take_event(0, (event, offset, is_last), part)
        };
        for _ in 0..2 {
            take(1, 0, false, b"\"rea").unwrap();
            take(1, 4, true, b"dy\"").unwrap();
        }
        assert_eq!(events(&received), ["Event(Ready)"]);
        assert!(take(2, 3, true, b"x").is_err());
        assert!(take(2, 0, true, b"x").is_err());
        take(3, 0, true, b"\"ended\"").unwrap();
        take(4, 0, true, b"\"ready\"").unwrap();
        assert_eq!(events(&received), ["Event(Ended)"]);
        assert!(member.is_over() && member.end().is_none());
    }

    #[test]
    fn lost_agent_is_lost_once() {
        let (_directory, member, received) = member();
        member.check(0);
        assert!(!member.is_over());
        member.state().heard = Instant::now().checked_sub(LOST_AFTER * 2);
        member.check(0);
        member.lose(0, "again");
        assert_eq!(events(&received), ["Silent"]);
        let reason = member.end().unwrap().reason;
        assert_eq!(reason, "it showed no sign of life for 4 s");
    }

    #[test]
    fn clock_is_fixed_at_the_order_to_start() {
        let (_directory, member, _received) = member();
        assert_eq!(member.offsets(), None);
        let pulse = |asked, way: u64| {
            let received = asked + way + 500;
            let pulse = Pulse {
                number: 1,
                asked,
                received,
                replied: received,
            };
            member.note_pulse(pulse, asked + 2 * way);
        };
        pulse(1_000, 70);
        pulse(2_000, 20);
        assert_eq!(member.fix_clock().unwrap().uncertainty_ns, 20);
        pulse(3_000, 30);
        let offsets = member.offsets().unwrap();
        assert_eq!(offsets.used.ns, 500);
        assert_eq!(offsets.after_start.unwrap().uncertainty_ns, 30);
        for n in 0..TRIPS_MAX as u64 {
            pulse(10_000 + n, 50);
        }
        assert_eq!(member.offsets().unwrap().last.unwrap().uncertainty_ns, 50);
    }
}
