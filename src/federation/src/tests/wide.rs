//! Rooms with many forward extremities: the state after each of them counts.

use std::collections::BTreeSet;

use serde_json::json;

use super::world::World;

const CREATOR: &str = "@creator:far.example";

#[tokio::test]
async fn a_hundred_parallel_ends_count_whole() {
    for version in ["11", "12"] {
        let world = World::of_version(version).await;
        let start = world.joined.clone();
        let mut ends = Vec::new();
        for number in 0..100 {
            let content = json!({ "number": number });
            ends.push(match number % 10 {
                // Some conflict on the same state key.
                9 => world.sets(CREATOR, "m.room.topic", "", content, &[start.clone()]),
                _ => world.sets(CREATOR, "org.example.note", &number.to_string(), content, &[start.clone()]),
            });
        }
        for some in ends.chunks(50) {
            world.receives(&some.iter().collect::<Vec<_>>()).await;
        }
        world.works_off().await;
        let expected = world.graph(|graph| graph.state_after_all(&ends));
        assert_eq!(world.current_state().await, expected, "version {version}");
        assert_eq!(expected.keys().filter(|(kind, _)| kind == "org.example.note").count(), 90);
        // An event with the maximum number of prev events, and one after it.
        let joint = world.says(CREATOR, "joint", &ends[..20]);
        let on = world.says(CREATOR, "on", &[joint.clone()]);
        world.receives(&[&joint, &on]).await;
        world.works_off().await;
        assert_eq!(world.current_state().await, expected, "version {version}");
        let shown: BTreeSet<_> = world.timeline().await.into_iter().collect();
        assert!(ends.iter().chain([&joint, &on]).all(|id| shown.contains(id)));
    }
}
