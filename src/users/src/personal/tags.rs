//! Room tags (client-server API, "Room Tagging"): one item of the room's account data, changed tag by tag.

use hearth_base::boxed;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::tables::account_data as table;
use ruma::OwnedRoomId;
use serde_json::{Map, Value, json};

use super::account_data::{AccountData, resolve, store};

/// The account data type of tags.
const TYPE: &str = "m.tag";

impl AccountData {
    /// A user's tags of a room, by name.
    #[boxed]
    pub async fn tags(&self, who: &Requester, room_id: OwnedRoomId) -> Result<Map<String, Value>> {
        let user = who.user;
        let read = self.core.store.read("tags_get", move |tx| {
            let room = resolve(tx.tx(), user, Some(&room_id))?;
            table::get(tx.tx(), user, room, TYPE)
        });
        Ok(parse(read.await?.as_deref()))
    }

    /// Adds a tag to a room, or replaces its content.
    ///
    /// Refuses with `M_INVALID_PARAM` an `order` that is not a number, `M_TOO_LARGE` names and numbers of tags over the
    /// limits.
    #[boxed]
    pub async fn set_tag(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        tag: String,
        info: Map<String, Value>,
    ) -> Result<()> {
        check(&tag, &info)?;
        self.change_tags(who, room_id, move |tags| {
            tags.insert(tag, Value::Object(info));
            check_room(tags)
        })
        .await
    }

    /// Removes a tag from a room; succeeds if it is not there.
    #[boxed]
    pub async fn delete_tag(&self, who: &Requester, room_id: OwnedRoomId, tag: String) -> Result<()> {
        self.change_tags(who, room_id, move |tags| {
            tags.remove(&tag);
            Ok(())
        })
        .await
    }

    async fn change_tags<F>(&self, who: &Requester, room_id: OwnedRoomId, change: F) -> Result<()>
    where
        F: FnOnce(&mut Map<String, Value>) -> Result<()> + Send + 'static,
    {
        let (core, user) = (self.core.clone(), who.user);
        let write = move |tx: &mut WriteTx<'_>| {
            let room = resolve(tx.tx(), user, Some(&room_id))?;
            let before = parse(table::get(tx.tx(), user, room, TYPE)?.as_deref());
            let mut tags = before.clone();
            change(&mut tags)?;
            if tags == before {
                return Ok(());
            }
            store(&core, tx, (user, room), TYPE, &json!({ "tags": tags }).to_string())
        };
        self.core.store.write("tags_set", write).await
    }
}

/// Parses the tags in stored account data. Ignores malformed tags, because a client may have written them.
fn parse(content: Option<&str>) -> Map<String, Value> {
    let content: Option<Value> = content.and_then(|content| serde_json::from_str(content).ok());
    match content {
        Some(Value::Object(mut content)) => match content.remove("tags") {
            Some(Value::Object(tags)) => tags,
            _ => Map::new(),
        },
        _ => Map::new(),
    }
}

fn check(tag: &str, info: &Map<String, Value>) -> Result<()> {
    if tag.len() > limits::ID_BYTES_MAX {
        return Err(refuse(Reason::TooLarge, format!("A tag can have {} bytes at most.", limits::ID_BYTES_MAX)));
    }
    match info.get("order") {
        None | Some(Value::Null | Value::Number(_)) => Ok(()),
        Some(_) => Err(Error::invalid("`order` must be a number.")),
    }
}

fn check_room(tags: &Map<String, Value>) -> Result<()> {
    if tags.len() > limits::TAGS_PER_ROOM_MAX {
        let message = format!("A room can have {} tags at most; remove one first.", limits::TAGS_PER_ROOM_MAX);
        return Err(refuse(Reason::TooLarge, message));
    }
    if json!(tags).to_string().len() > limits::ACCOUNT_DATA_BYTES_MAX {
        let message = format!("A room's tags can have {} bytes at most.", limits::ACCOUNT_DATA_BYTES_MAX);
        return Err(refuse(Reason::TooLarge, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).expect("an object")
    }

    #[test]
    fn whatever_is_stored_reads_as_tags() {
        for nonsense in [None, Some(""), Some("[]"), Some("{}"), Some(r#"{"tags":7}"#), Some("{")] {
            assert!(parse(nonsense).is_empty(), "{nonsense:?}");
        }
        assert_eq!(
            parse(Some(r#"{"tags":{"m.favourite":{"order":0.5}}}"#)),
            object(r#"{"m.favourite":{"order":0.5}}"#)
        );
    }

    #[test]
    fn an_order_is_a_number_and_a_name_has_an_end() {
        assert!(check("m.favourite", &object(r#"{"order":0.25,"com.example":[1]}"#)).is_ok());
        assert!(check("m.favourite", &object(r#"{"order":null}"#)).is_ok());
        let wrong = check("m.favourite", &object(r#"{"order":"first"}"#)).expect_err("a text is no order");
        assert_eq!(wrong.reason(), Some(Reason::InvalidParam));
        let long = check(&"x".repeat(256), &Map::new()).expect_err("too long");
        assert_eq!(long.reason(), Some(Reason::TooLarge));
    }

    #[test]
    fn tags_have_an_end() {
        let mut tags: Map<String, Value> = (0..limits::TAGS_PER_ROOM_MAX).map(|n| (n.to_string(), json!({}))).collect();
        assert!(check_room(&tags).is_ok());
        tags.insert("one more".to_owned(), json!({}));
        assert_eq!(check_room(&tags).expect_err("too many").reason(), Some(Reason::TooLarge));
    }
}
