//! Who may read what: the rules of the specification ("Room History Visibility", server behaviour) over a linear
//! history, written without a look at the server's code.

use std::collections::BTreeSet;

/// What a user is to the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Out,
    Knocking,
    Invited,
    Joined,
    Banned,
}

/// A user, as far as access depends on it.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) is: Is,
    pub(super) forgot: bool,
    /// Whether the user's syncs have gone on from a position after the last change.
    pub(super) is_told: bool,
    /// Messages that there were at the last join.
    joined_at: Option<usize>,
    /// Messages that there were at the last other change.
    left_at: usize,
    pub(super) erased: bool,
    /// The states that were in force when the user might see what happens, or joined later where the history is open.
    knows: BTreeSet<usize>,
}

/// How the words of a message get to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// In an event of the timeline.
    Plain,
    /// An edit or a thread's message: also bundled with the event that it relates to.
    Bundled,
    /// A state event: also in the room's state until the next one, and in `prev_content` of that.
    State,
}

/// A message.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) word: String,
    pub(super) event: String,
    pub(super) sender: usize,
    pub(super) redacted: bool,
    pub(super) kind: Kind,
    visibility: &'static str,
    /// What each user was at that time.
    were: Vec<Is>,
}

/// A room.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) visibility: &'static str,
    pub(super) readers: Vec<Reader>,
    pub(super) said: Vec<Said>,
    /// The state in force.
    state: Option<usize>,
    /// States that were in force while later members might read what was sent.
    open_states: BTreeSet<usize>,
    /// States that were in force while any user might read what was sent.
    world_states: BTreeSet<usize>,
}

impl Model {
    pub(super) fn new(visibility: &'static str, users: usize) -> Self {
        let reader = Reader {
            is: Is::Out,
            forgot: false,
            is_told: false,
            joined_at: None,
            left_at: 0,
            erased: false,
            knows: BTreeSet::new(),
        };
        Self {
            visibility,
            readers: vec![reader; users],
            said: Vec::new(),
            state: None,
            open_states: BTreeSet::new(),
            world_states: BTreeSet::new(),
        }
    }

    pub(super) fn becomes(&mut self, user: usize, is: Is) {
        let now = self.said.len();
        let reader = &mut self.readers[user];
        if is == Is::Joined {
            reader.joined_at = Some(now);
            reader.knows.extend(&self.open_states);
        } else {
            reader.left_at = now;
        }
        reader.is = is;
        reader.forgot = false;
        reader.is_told = false;
        self.tells_state();
    }

    pub(super) fn shows_history(&mut self, visibility: &'static str) {
        self.visibility = visibility;
        self.tells_state();
    }

    pub(super) fn says(&mut self, sender: usize, word: String, event: String, kind: Kind) {
        let were = self.readers.iter().map(|reader| reader.is).collect();
        if kind == Kind::State {
            self.state = Some(self.said.len());
        }
        self.said.push(Said { word, event, sender, redacted: false, kind, visibility: self.visibility, were });
        self.tells_state();
    }

    /// Notes who may know the state in force.
    fn tells_state(&mut self) {
        let Some(state) = self.state else { return };
        let is_world_readable = self.visibility == "world_readable";
        if is_world_readable || self.visibility == "shared" {
            self.open_states.insert(state);
        }
        if is_world_readable {
            self.world_states.insert(state);
        }
        for reader in &mut self.readers {
            let is_invited = reader.is == Is::Invited && self.visibility == "invited";
            if is_world_readable || is_invited || reader.is == Is::Joined {
                reader.knows.insert(state);
            }
        }
    }

    /// Whether a user may know that a message exists.
    pub(super) fn may_see(&self, user: usize, number: usize) -> bool {
        let is_open = self.said[number].visibility == "world_readable" || self.world_states.contains(&number);
        (is_open || !self.readers[user].forgot) && self.might_see(user, number)
    }

    /// Whether a user might know of a message before forgetting the room.
    fn might_see(&self, user: usize, number: usize) -> bool {
        let (reader, said) = (&self.readers[user], &self.said[number]);
        match said.visibility {
            "world_readable" => true,
            _ if reader.knows.contains(&number) => true,
            _ if said.were[user] == Is::Joined => true,
            "shared" => reader.joined_at.is_some_and(|at| at > number),
            "invited" => said.were[user] == Is::Invited,
            _ => false,
        }
    }

    /// Whether a user may read a message. The words of an erased user are for those who were there.
    pub(super) fn may_read(&self, user: usize, number: usize) -> bool {
        self.may_see(user, number) && self.has_words(user, number)
    }

    fn has_words(&self, user: usize, number: usize) -> bool {
        let said = &self.said[number];
        let is_erased = self.readers[said.sender].erased && said.were[user] != Is::Joined;
        !said.redacted && !is_erased
    }

    /// Whether a sync may contain a message.
    pub(super) fn may_sync(&self, user: usize, number: usize) -> bool {
        !self.readers[user].forgot && self.might_sync(user, number)
    }

    /// Whether a sync that goes on from an earlier one may contain a message: the user's other devices are also told,
    /// once, that the user has left a room that is forgotten since.
    pub(super) fn may_sync_next(&self, user: usize, number: usize) -> bool {
        let reader = &self.readers[user];
        !(reader.forgot && reader.is_told) && self.might_sync(user, number)
    }

    /// Whether a sync might contain a message before the room was forgotten. Only what is bundled with an earlier event
    /// may be from after the user has left, where any user may read it.
    fn might_sync(&self, user: usize, number: usize) -> bool {
        let said = &self.said[number];
        let is_for_all = said.kind == Kind::Bundled && said.visibility == "world_readable";
        let is_before = self.is_in_time(user, number) || is_for_all;
        is_before && self.might_see(user, number) && self.has_words(user, number)
    }

    /// Whether a sync may contain a message as an event of its own: nothing from after the user has left, whatever the
    /// visibility.
    pub(super) fn is_in_time(&self, user: usize, number: usize) -> bool {
        let reader = &self.readers[user];
        reader.is == Is::Joined || number < reader.left_at
    }

    /// Whether a user was to be told of a message when it was sent.
    pub(super) fn was_there(&self, user: usize, number: usize) -> bool {
        self.said[number].were[user] == Is::Joined || self.readers[user].knows.contains(&number)
    }

    /// Whether a message is no state event.
    pub(super) fn is_spoken(&self, number: usize) -> bool {
        self.said[number].kind != Kind::State
    }

    /// The messages whose words occur in a text.
    pub(super) fn found_in(&self, text: &str) -> Vec<usize> {
        let of = |word| self.said.iter().position(|said| said.word == word);
        let mut found: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(of).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
