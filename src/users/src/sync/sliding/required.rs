//! `required_state`: which state of a room a client wants.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use hearth_base::limits::users::SLIDING_COMPARISONS_MAX;
use serde::{Deserialize, Serialize};

/// Any event type or state key.
const ANY: &str = "*";
const MEMBER: &str = "m.room.member";

/// The state that a client wants: all that one of its parts accepts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequiredState {
    /// Pairs of event type and state key, either of them perhaps `*`.
    pairs: BTreeSet<(String, String)>,
    /// Members of whom the timeline has events, and changes of members (`["m.room.member", "$LAZY"]`).
    lazy: bool,
    /// All state but members: `["*", "*"]` beside `$LAZY`. Clients that ask for both do not want ten thousand members.
    all_but_members: bool,
}

impl RequiredState {
    /// Reads pairs as a client sends them.
    pub fn new(pairs: Vec<(String, String)>, me: &str) -> Self {
        let mut required = Self::default();
        for (kind, key) in pairs {
            match (kind.as_str(), key.as_str()) {
                (MEMBER, "$LAZY") => required.lazy = true,
                (_, "$ME") => _ = required.pairs.insert((kind, me.to_owned())),
                _ => _ = required.pairs.insert((kind, key)),
            }
        }
        if required.lazy && required.pairs.remove(&(ANY.to_owned(), ANY.to_owned())) {
            required.all_but_members = true;
        }
        required
    }

    /// Adds what `other` wants.
    pub fn add(&mut self, other: &Self) {
        self.pairs.extend(other.pairs.iter().cloned());
        self.lazy |= other.lazy;
        self.all_but_members |= other.all_but_members;
    }

    /// Whether members come with the events of the timeline.
    pub fn is_lazy(&self) -> bool {
        self.lazy
    }

    /// Whether the client wants a piece of state, not regarding `$LAZY`.
    pub fn wants(&self, kind: &str, key: &str) -> bool {
        let is = |pattern: &str, text: &str| pattern == ANY || pattern == text;
        (self.all_but_members && kind != MEMBER) || self.pairs.iter().any(|(a, b)| is(a, kind) && is(b, key))
    }

    /// Whether a part of `self` is not in `sent`, so that the client lacks state.
    pub fn exceeds(&self, sent: &Self) -> bool {
        let has_all = |sent: &Self| sent.wants_pair(ANY, ANY);
        (self.lazy && !sent.lazy && !sent.wants_pair(MEMBER, ANY))
            || (self.all_but_members && !sent.all_but_members && !has_all(sent))
            || self.pairs.iter().any(|(kind, key)| !sent.wants_pair(kind, key))
    }

    /// Whether everything that a pair accepts is wanted.
    fn wants_pair(&self, kind: &str, key: &str) -> bool {
        (self.all_but_members && kind != MEMBER && kind != ANY)
            || self.pairs.iter().any(|(a, b)| (a == ANY || a == kind) && (b == ANY || b == key))
    }

    /// The pairs without wildcards.
    pub fn exact(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.pairs.iter().map(|(kind, key)| (kind.as_str(), key.as_str()));
        pairs.filter(|(kind, key)| *kind != ANY && *key != ANY)
    }

    /// Whether it takes all state but members to find what is wanted.
    pub fn needs_all_but_members(&self) -> bool {
        self.all_but_members || self.pairs.iter().any(|(kind, key)| kind == ANY || (key == ANY && kind != MEMBER))
    }

    /// Whether it takes all members to find what is wanted.
    pub fn needs_members(&self) -> bool {
        self.pairs.iter().any(|(kind, key)| (kind == ANY || kind == MEMBER) && key == ANY)
    }
}

/// Comparisons of required state in one read: the rooms of a list want the same, and most have been sent the same.
#[derive(Debug, Default)]
pub(super) struct Comparisons(RefCell<Vec<Comparison>>);

/// What is wanted, what was sent, and whether the first exceeds the second. Holds both, so that no other value can come to be
/// at their addresses.
type Comparison = (Arc<RequiredState>, Arc<RequiredState>, bool);

impl Comparisons {
    /// [`RequiredState::exceeds`].
    pub(super) fn exceeds(&self, wanted: &Arc<RequiredState>, sent: &Arc<RequiredState>) -> bool {
        let mut known = self.0.borrow_mut();
        let same = known.iter().find(|(a, b, _)| Arc::ptr_eq(a, wanted) && Arc::ptr_eq(b, sent));
        if let Some((.., exceeds)) = same {
            return *exceeds;
        }
        let exceeds = wanted.exceeds(sent);
        if known.len() < SLIDING_COMPARISONS_MAX {
            known.push((wanted.clone(), sent.clone(), exceeds));
        }
        exceeds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> RequiredState {
        RequiredState::new(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(), "@me:x")
    }

    #[test]
    fn wildcards_and_me_are_understood() {
        let required = of(&[("m.room.member", "$ME"), ("m.space.child", "*"), ("*", "key")]);
        assert!(required.wants("m.room.member", "@me:x") && !required.wants("m.room.member", "@other:x"));
        assert!(required.wants("m.space.child", "!a:x") && required.wants("any", "key"));
        assert!(!required.wants("m.room.name", "") && !required.is_lazy());
    }

    #[test]
    fn everything_with_lazy_members_has_no_members() {
        let required = of(&[("*", "*"), ("m.room.member", "$LAZY")]);
        assert!(required.is_lazy() && required.wants("m.room.name", "") && !required.wants("m.room.member", "@a:x"));
        assert!(!required.needs_members() && of(&[("*", "*")]).needs_members());
    }

    #[test]
    fn only_what_was_not_sent_exceeds() {
        let (name, all) = (of(&[("m.room.name", "")]), of(&[("*", "*")]));
        assert!(all.exceeds(&name) && !name.exceeds(&all) && !all.exceeds(&all));
        let lazy = of(&[("m.room.member", "$LAZY"), ("m.room.name", "")]);
        assert!(lazy.exceeds(&name) && !name.exceeds(&lazy) && !lazy.exceeds(&all));
        assert!(of(&[("m.space.child", "*")]).exceeds(&of(&[("m.space.child", "!a:x")])));
    }
}
