//! Checks the SFU, for `hearth ctl turn test`.

use hearth_base::boxed;
use hearth_users::calls::TransportCheck;

use super::Rtc;

impl Rtc {
    /// Returns whether the SFU answers and has the same key; none without an SFU.
    #[boxed]
    pub async fn check(&self) -> Option<TransportCheck> {
        let (sfu, address) = (self.sfu.get()?, self.address()?);
        let began = std::time::Instant::now();
        let answer = sfu.knock(self.now_s()).await;
        let round_trip = answer.is_ok().then(|| began.elapsed());
        let ports = "its own ports (7881 for TCP, 50000 to 60000 for UDP unless its configuration says otherwise) are not tried";
        let message = match answer {
            Ok(()) => format!("The SFU of group calls answers and has the same key; {ports}."),
            Err(error) => format!("{} Its address here is `livekit.address`.", error.for_operator()),
        };
        Some(TransportCheck {
            uri: address.as_str().to_owned(),
            works: round_trip.is_some(),
            message,
            round_trip,
            lost: None,
        })
    }
}
