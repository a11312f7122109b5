//! A server that is killed repeatedly under load loses nothing that it acknowledged, and repeats nothing.
//!
//! The binary runs as a child process on one data folder. Clients work without pause and retry after connection errors,
//! as real clients do. Meanwhile the server is killed at random moments, sometimes while it still starts. At the end
//! the clients' notes are compared with the server's data.
//!
//! A kill does not lose the operating system's page cache, so this does not test power failures.

mod clients;
mod delayed;
mod process;
mod pushers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hearth_base::Random;
use hearth_base::random::SeededRandom;
use tokio::task::JoinSet;

use crate::harness::{Person, Room, json, v3};
use clients::{Claims, Heard, Noted, Posted, Spoken, Uploads};
use process::Process;

/// Kills under load, and kills during start.
const KILLS: usize = 30;
const KILLS_AT_START: usize = 6;
/// Fixed, so that the moments repeat as far as the machine's speed allows.
const SEED: u64 = 20_260_708;
const SPEAKERS: usize = 4;

/// A random number from `low` to `high`.
fn between(random: &dyn Random, low: u64, high: u64) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    low + u64::from_le_bytes(bytes) % (high - low + 1)
}

/// The notes of all clients.
#[derive(Default)]
struct Notes {
    spoken: Vec<Spoken>,
    noted: Option<Noted>,
    uploads: Option<Uploads>,
    claims: Option<Claims>,
    posted: Option<Posted>,
    heard: Option<Heard>,
}

/// The users whose clients work while the server is killed.
struct Cast {
    speakers: Vec<Arc<Person>>,
    rooms: Arc<Vec<Room>>,
    /// Sets account data, uploads keys and receives to-device messages.
    owner: Arc<Person>,
    /// Claims keys and sends to-device messages.
    stranger: Arc<Person>,
    /// Syncs continuously.
    reader: Arc<Person>,
}

impl Cast {
    async fn new(process: &Process) -> Self {
        let client = process.client();
        let mut speakers = Vec::new();
        for n in 0..SPEAKERS {
            speakers.push(Arc::new(Person::registers(client, &format!("speaker{n}")).await));
        }
        let (owner, stranger) = (Person::registers(client, "owner").await, Person::registers(client, "stranger").await);
        let reader = owner.at_another_device().await;
        let mut rooms = Vec::new();
        for _ in 0..3 {
            let others: Vec<_> = speakers[1..].iter().map(|person| &**person).chain([&owner]).collect();
            rooms.push(speakers[0].creates_room_with(&others).await);
        }
        Self {
            speakers,
            rooms: Arc::new(rooms),
            owner: Arc::new(owner),
            stranger: Arc::new(stranger),
            reader: Arc::new(reader),
        }
    }

    /// Runs all clients until `stop`; returns their notes. The syncing client continues until all others are done.
    async fn work(&self, stop: Arc<AtomicBool>, stop_reading: Arc<AtomicBool>) -> Notes {
        /// The notes of one client.
        enum Note {
            Spoken(Spoken),
            Noted(Noted),
            Uploads(Uploads),
            Claims(Claims),
            Posted(Posted),
        }
        let (mut writers, mut readers) = (JoinSet::new(), JoinSet::new());
        for (number, speaker) in self.speakers.iter().enumerate() {
            let work = clients::speak(Arc::clone(speaker), number, Arc::clone(&self.rooms), Arc::clone(&stop));
            writers.spawn(async { Note::Spoken(work.await) });
        }
        let noting = clients::note(Arc::clone(&self.owner), Arc::clone(&stop));
        writers.spawn(async { Note::Noted(noting.await) });
        let uploading = clients::upload(Arc::clone(&self.owner), Arc::clone(&stop));
        writers.spawn(async { Note::Uploads(uploading.await) });
        let claiming = clients::claim(Arc::clone(&self.stranger), Arc::clone(&self.owner), Arc::clone(&stop));
        writers.spawn(async { Note::Claims(claiming.await) });
        let posting = clients::post(Arc::clone(&self.stranger), Arc::clone(&self.reader), stop);
        writers.spawn(async { Note::Posted(posting.await) });
        let (reader, until) = (Arc::clone(&self.reader), Arc::clone(&stop_reading));
        readers.spawn(clients::listen(reader, until));

        let mut notes = Notes::default();
        while let Some(note) = writers.join_next().await {
            match note.expect("a client found something wrong") {
                Note::Spoken(spoken) => notes.spoken.push(spoken),
                Note::Noted(noted) => notes.noted = Some(noted),
                Note::Uploads(uploads) => notes.uploads = Some(uploads),
                Note::Claims(claims) => notes.claims = Some(claims),
                Note::Posted(posted) => notes.posted = Some(posted),
            }
        }
        stop_reading.store(true, Ordering::Relaxed);
        let heard = readers.join_next().await.expect("there is a reader");
        notes.heard = Some(heard.expect("the reader found something wrong"));
        notes
    }

    /// Every acknowledged message exists once, none exists twice, and the syncing client received exactly those.
    async fn check_rooms(&self, notes: &Notes) -> usize {
        let heard = notes.heard.as_ref().expect("there was a reader");
        let mut there: BTreeMap<String, (String, String)> = BTreeMap::new();
        for room in self.rooms.iter() {
            let events = self.speakers[0].reads_all_of(room).await;
            let said: Vec<_> = events.iter().filter(|event| event["type"] == "m.room.message").collect();
            let ids: Vec<_> = said.iter().map(|event| event["event_id"].as_str().expect("an id").to_owned()).collect();
            for (event, id) in said.iter().zip(&ids) {
                let text = event["content"]["body"].as_str().expect("a text").to_owned();
                let twice = there.insert(text.clone(), (room.0.clone(), id.clone()));
                assert_eq!(twice, None, "{text} is there twice");
            }
            let heard = heard.messages.get(&room.0).cloned().unwrap_or_default();
            assert_eq!(heard, ids, "what was heard in {room} is not what was said there");
        }
        let mut acknowledged = 0;
        for (text, room, id) in notes.spoken.iter().flat_map(|spoken| &spoken.acknowledged) {
            acknowledged += 1;
            assert_eq!(there.get(text), Some(&(room.clone(), id.clone())), "{text} was acknowledged");
        }
        acknowledged
    }

    /// Repeating a request returns the original response.
    async fn check_transactions(&self, notes: &Notes) {
        for spoken in &notes.spoken {
            let speaker = self.speakers.iter().find(|person| person.name() == spoken.speaker).expect("one of them");
            for (text, room, id) in spoken.acknowledged.iter().step_by(10) {
                let again = clients::say(speaker, &Room(room.clone()), text).await.ok();
                assert_eq!(again["event_id"], id.as_str(), "{text} said again is another event");
            }
        }
    }

    /// No key was claimed twice, and each uploaded key was claimed or still exists.
    async fn check_keys(&self, notes: &Notes) {
        let (uploads, claims) = (notes.uploads.as_ref().expect("uploads"), notes.claims.as_ref().expect("claims"));
        let mut handed: Vec<String> = claims.acknowledged.clone();
        let during = handed.len();
        loop {
            let answer = clients::claim_once(&self.stranger, &self.owner).await.ok();
            match clients::claimed(&answer, &self.owner) {
                Some(key) => handed.push(key),
                None => break,
            }
        }
        let unique: BTreeSet<_> = handed.iter().collect();
        assert_eq!(unique.len(), handed.len(), "a key was handed out twice");
        let missing = uploads.acknowledged.iter().filter(|key| !unique.contains(key)).count();
        // A lost claim response may have consumed its key.
        assert!(missing <= claims.in_doubt, "{missing} keys are gone; {} answers got lost", claims.in_doubt);
        assert!(during > 0 && handed.len() > during, "the keys ran out, or none was claimed: nothing was tested");
    }

    async fn check_personal(&self, notes: &Notes) {
        let noted = notes.noted.as_ref().expect("account data");
        let path = v3!("user/{}/account_data/org.example.count", self.owner.id);
        assert_eq!(self.owner.get(path).await.ok(), json!({ "n": noted.acknowledged }));
        let (posted, heard) = (notes.posted.as_ref().expect("messages"), notes.heard.as_ref().expect("a reader"));
        assert_eq!(
            heard.letters,
            (0..posted.acknowledged).collect::<Vec<_>>(),
            "letters were lost, repeated or mixed up"
        );
    }
}

/// Kills and restarts the server; returns the durations of the starts.
async fn torment(process: &mut Process, random: &SeededRandom) -> Vec<Duration> {
    let mut starts = Vec::new();
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(between(random, 40, 450))).await;
        process.kill();
        if kill % 10 == 9 {
            process.check_database();
        }
        if kill % (KILLS / KILLS_AT_START) == 0 {
            process.spawn();
            tokio::time::sleep(Duration::from_millis(between(random, 5, 120))).await;
            process.kill();
        }
        starts.push(process.start().await);
    }
    starts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_any_number_of_kills() {
    let began = Instant::now();
    let mut process = Process::new();
    process.first_start().await;
    let cast = Cast::new(&process).await;
    let (stop, stop_reading) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let random = SeededRandom::new(SEED);
    let torment = async {
        let starts = torment(&mut process, &random).await;
        stop.store(true, Ordering::Relaxed);
        starts
    };
    let work = cast.work(Arc::clone(&stop), stop_reading);
    let (notes, mut starts) = futures_util::future::join(work, torment).await;

    let acknowledged = cast.check_rooms(&notes).await;
    assert!(acknowledged > KILLS, "only {acknowledged} messages were acknowledged: there was no load");
    cast.check_transactions(&notes).await;
    cast.check_rooms(&notes).await;
    cast.check_keys(&notes).await;
    cast.check_personal(&notes).await;
    process.stops_well().await;
    process.check_database();
    process.nothing_was_logged();

    starts.sort_unstable();
    let (uploads, claims) = (notes.uploads.as_ref().expect("uploads"), notes.claims.as_ref().expect("claims"));
    println!(
        "{} kills; {acknowledged} messages, {} keys, {} claims, {} letters, {} account-data writes acknowledged; \
         back after {:?} (median), {:?} (longest); {:?} in all",
        KILLS + KILLS_AT_START,
        uploads.acknowledged.len(),
        claims.acknowledged.len(),
        notes.posted.as_ref().map_or(0, |posted| posted.acknowledged),
        notes.noted.as_ref().map_or(0, |noted| noted.acknowledged),
        starts[starts.len() / 2],
        starts[starts.len() - 1],
        began.elapsed(),
    );
}
