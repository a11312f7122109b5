//! Fuzz target for the state machine. See `hearth_turn::fuzzing::packets`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hearth_turn::fuzzing::packets::packets(bytes);
});
