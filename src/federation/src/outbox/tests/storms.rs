//! Many servers and many failures.

use std::collections::HashSet;
use std::time::Duration;

use super::World;
use super::wire::Mood;

/// Number of servers in one test.
const SLOW: usize = 60;

#[tokio::test(start_paused = true)]
async fn slow_servers_do_not_delay_the_others() {
    let mut world = World::new().await;
    let slow: Vec<String> = (0..SLOW).map(|n| format!("slow{n}.example")).collect();
    let names: Vec<&str> = slow.iter().map(String::as_str).chain(["zquick.example"]).collect();
    let room = world.room_with(&names).await;
    for name in &slow {
        world.wire.set(name, Mood::Slow(Duration::from_secs(25)));
    }
    world.run();
    let began = tokio::time::Instant::now();
    for n in 0..3 {
        world.says(&room, &n.to_string()).await;
        world.until_heard("zquick.example", n + 1).await;
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(world.rows_left().await, 0);
    assert!(slow.iter().all(|name| world.wire.said_to(name) == ["0", "1", "2"]));
}

#[tokio::test(start_paused = true)]
async fn a_start_with_many_servers_is_spread() {
    let world = World::new().await;
    let names: Vec<String> = (0..100).map(|n| format!("s{n}.example")).collect();
    let room = world.room_with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.says(&room, "hello").await;
    let mut world = world.killed().await;
    world.run();
    let called = || names.iter().filter(|name| world.wire.calls_to(name) > 0).count();
    let began = tokio::time::Instant::now();
    world.until("some are called", || called() > 0).await;
    assert!(called() < 50, "{} at once", called());
    world.until("all are called", || called() == 100).await;
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(world.rows_left().await, 0);
}

/// Whatever the network does, all items arrive, first deliveries are in order, and no row is left.
#[tokio::test(start_paused = true)]
async fn everything_arrives_in_order_over_a_network_that_fails_as_chance_has_it() {
    for seed in 1..=12_u64 {
        let mut world = World::new().await;
        let names = ["a.example", "b.example", "c.example"];
        let room = world.room_with(&names).await;
        for (name, salt) in names.iter().zip(1..) {
            world.wire.set(name, Mood::Fickle(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(salt)));
        }
        world.run();
        for n in 0..40 {
            world.says(&room, &n.to_string()).await;
            if n == 20 && seed % 2 == 0 {
                world = world.killed().await;
                world.run();
            }
        }
        assert_eq!(world.rows_left().await, 0, "seed {seed}");
        for name in names {
            let (said, mut seen) = (world.wire.said_to(name), HashSet::new());
            let first: Vec<_> = said.iter().filter(|said| seen.insert((*said).clone())).collect();
            assert_eq!(
                first,
                (0..40).map(|n| n.to_string()).collect::<Vec<_>>().iter().collect::<Vec<_>>(),
                "seed {seed}"
            );
        }
    }
}
