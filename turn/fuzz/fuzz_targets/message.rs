//! Fuzz target for the wire format. See `hearth_turn::fuzzing::message`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    hearth_turn::fuzzing::message::message(bytes);
});
