//! The clock and the memory.

use hearth_base::Millis;
use hearth_base::limits::setup::{CLOCK_MS_MIN, CLOCK_SKEW_MS_MAX, SETUP_MEMORY_BYTES_MIN};

use crate::finding::Finding;
use crate::world::World;

const MIB: u64 = 1024 * 1024;
const FIX: &str = "`sudo timedatectl set-ntp true` sets it from the network; `date` shows it.";

/// Checks the clock. `reference` is the time by another machine, if one was asked.
pub(crate) fn clock(now_ms: Millis, reference: Option<Millis>) -> Finding {
    if now_ms < CLOCK_MS_MIN {
        let text = "The clock is wrong: it shows a year before this program was made. Certificates would not be valid.";
        return Finding::wrong(text, FIX);
    }
    match reference {
        None => Finding::good("The clock shows a likely year; its seconds were not compared with another clock."),
        Some(then_ms) if now_ms.abs_diff(then_ms) <= CLOCK_SKEW_MS_MAX => Finding::good("The clock is right."),
        Some(then_ms) => {
            let (seconds, side) = (now_ms.abs_diff(then_ms) / 1_000, if now_ms > then_ms { "fast" } else { "slow" });
            let text = format!("The clock is {seconds} s {side}. Certificates and other servers depend on it.");
            Finding::wrong(text, FIX)
        }
    }
}

/// Checks the memory.
pub(crate) fn memory(world: &dyn World) -> Option<Finding> {
    let bytes = world.memory_bytes()?;
    let text = format!("This machine has {} MiB of memory", bytes / MIB);
    Some(if bytes >= SETUP_MEMORY_BYTES_MIN {
        Finding::good(format!("{text}."))
    } else {
        let fix = "Add swap, and keep out of rooms with thousands of members (`federation.complexity_limit`).";
        Finding::warning(format!("{text}: enough for a family, not for large rooms of other servers."), fix)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;
    use crate::tests::FakeWorld;

    const NOW: Millis = CLOCK_MS_MIN + 1_000_000_000;

    #[test]
    fn a_wrong_clock_is_found() {
        assert_eq!(clock(NOW, None).level, Level::Good);
        assert_eq!(clock(NOW, Some(NOW + 30_000)).level, Level::Good);
        let unset = clock(1_000, Some(1_000));
        assert!(unset.level == Level::Wrong && unset.fix.contains("set-ntp"), "{unset}");
        let late = clock(NOW, Some(NOW + 600_000));
        assert!(late.level == Level::Wrong && late.text.contains("600 s slow"), "{late}");
        assert!(clock(NOW + 600_000, Some(NOW)).text.contains("600 s fast"));
    }

    #[test]
    fn little_memory_is_a_warning() {
        let with = |mib: u64| memory(&FakeWorld { memory_bytes: Some(mib * MIB), ..FakeWorld::default() });
        assert_eq!(with(4_000).unwrap().level, Level::Good);
        assert_eq!(with(256).unwrap().level, Level::Warning);
        assert_eq!(memory(&FakeWorld { memory_bytes: None, ..FakeWorld::default() }), None);
    }
}
