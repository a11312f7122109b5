//! What is an application service's own, and what is not.

use hearth_admin::wire::{Appservice, NewAppservice, paths};

use super::bridge::Bridge;
use crate::harness::{World, json, v3};

const TO_DEVICE: &str = "de.sorunome.msc2409.to_device";

async fn adds(world: &World, registration: String) {
    let _: Appservice =
        world.operator().post(paths::APPSERVICES, &NewAppservice { registration }).await.expect("a registration");
}

#[tokio::test]
async fn an_alias_of_its_namespace_leads_to_a_room_that_it_is_not_in() {
    for version in ["11", "12"] {
        let (world, bridge) = (World::new().await, Bridge::starts("irc").await);
        adds(&world, bridge.registration("")).await;
        let (client, alice) = (bridge.client(&world), world.register("alice").await);
        let room = alice.creates_room().version(version).await;
        let put = async |alias: &str, room: &str| {
            client.put(v3!("directory/room/{}", alias), json!({ "room_id": room })).await
        };
        put("#irc_tea:localhost", &room.0).await.ok();
        let found = alice.get(v3!("directory/room/{}", "#irc_tea:localhost")).await.ok();
        assert_eq!(found["room_id"], room.0);
        // From now on the service receives the events of the room.
        alice.sends("hello").in_room(&room).await;
        bridge.until("the message", |bridge| bridge.messages() == ["hello"]).await;
        put("#other:localhost", &room.0).await.refused(400, "M_EXCLUSIVE");
        put("#irc_none:localhost", "!none:localhost").await.refused(404, "M_NOT_FOUND");
        // A room that this server has left leads to no server.
        alice.post(v3!("rooms/{}/leave", room), json!({})).await.ok();
        put("#irc_left:localhost", &room.0).await.refused(404, "M_NOT_FOUND");
        world.ends().await;
    }
}

#[tokio::test]
async fn messages_to_devices_of_people_and_of_other_services_stay_theirs() {
    let (world, bridge) = (World::new().await, Bridge::starts("irc").await);
    adds(&world, bridge.registration("")).await;
    let puppets = Bridge::starts("puppets").await;
    let all = "users: [{regex: '@.*', exclusive: false}, {regex: '@puppets_.*', exclusive: true}]";
    let registration = puppets.registration("").replace("users: [{regex: '@puppets_.*', exclusive: true}]", all);
    assert!(registration.contains(all), "{registration}");
    adds(&world, registration).await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    for (service, ghost) in [(&bridge, "irc_x"), (&puppets, "puppets_x")] {
        let client = service.client(&world);
        let register = json!({ "type": "m.login.application_service", "username": ghost, "device_id": "PHONE" });
        client.post(v3!("register"), register).await.ok();
    }
    let to_all = json!({ "*": { "secret": "word" } });
    let users = [&*bob.id, "@irc_x:localhost", "@puppets_x:localhost"].map(|user| (user.to_owned(), to_all.clone()));
    let messages = json!({ "messages": serde_json::Map::from_iter(users) });
    alice.put(v3!("sendToDevice/m.test/{}", "1"), messages).await.ok();
    for (service, ghost) in [(&bridge, "@irc_x:localhost"), (&puppets, "@puppets_x:localhost")] {
        service.until("its own message", |service| !service.all(TO_DEVICE).is_empty()).await;
        let to: Vec<_> = service.all(TO_DEVICE).iter().map(|message| message["to_user_id"].clone()).collect();
        assert_eq!(to, [ghost]);
    }
    assert_eq!(bob.syncs().await.to_device().len(), 1);
    world.ends().await;
}
