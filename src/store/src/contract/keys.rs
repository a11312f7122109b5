//! One-time keys and fallback keys of many users at once.

use std::collections::BTreeMap;

use hearth_base::Seams;

use super::{Bed, read, write};
use crate::tables::one_time_keys::{self, ByDevice, KeyRow};
use crate::tables::{devices, users};
use crate::{Store, WriteTx};

/// More users than one statement reads.
const USERS: usize = 70;

/// Each third user has no device, the others one or two; some devices have keys.
fn add_user(tx: &mut WriteTx<'_>, number: usize) -> hearth_base::Result<()> {
    let user = users::intern(tx, &format!("@{number:02}:home.example"))?;
    for device in 0..number % 3 {
        let device = devices::insert(tx, user, &format!("D{device}"), None, 0)?;
        for key in 0..number % 4 {
            let (algorithm, at) = (["signed_curve25519", "curve25519"][key % 2], tx.position());
            let row = KeyRow { key_id: format!("K{key}"), json: "{}".to_owned() };
            one_time_keys::insert(tx.tx(), device, algorithm, &row, at)?;
            one_time_keys::set_fallback(tx.tx(), device, algorithm, &row)?;
        }
        if number % 4 == 3 {
            one_time_keys::use_fallback(tx.tx(), device, "curve25519")?;
        }
    }
    Ok(())
}

pub(super) fn the_keys_of_many_are_those_of_each(bed: &Bed) {
    let store = Store::open(bed.options.clone(), Seams::system()).unwrap();
    for number in 0..USERS {
        write(&store, move |tx| add_user(tx, number)).unwrap();
    }
    let (counts, unused, each) = read(&store, |tx| {
        let tx = tx.tx();
        let (mut all, mut each) = (Vec::new(), (ByDevice::new(), ByDevice::new()));
        for number in 0..USERS {
            let name = format!("@{number:02}:home.example");
            let user = users::find(tx, &name)?.expect("a user");
            all.push(user);
            for (device, id) in devices::ids_of_user(tx, user)? {
                let counts = BTreeMap::from_iter(one_time_keys::counts(tx, device)?);
                each.0.entry(name.clone()).or_default().insert(id.clone(), counts);
                let unused = one_time_keys::unused_fallback_types(tx, device)?;
                each.1.entry(name.clone()).or_default().insert(id, unused);
            }
        }
        let none = (one_time_keys::counts_of(tx, &[])?, one_time_keys::unused_fallback_types_of(tx, &[])?);
        assert!(none.0.is_empty() && none.1.is_empty());
        Ok((one_time_keys::counts_of(tx, &all)?, one_time_keys::unused_fallback_types_of(tx, &all)?, each))
    })
    .unwrap();
    assert_eq!((counts, unused), each);
    assert!(each.0.len() > USERS / 2, "users without a device are left out");
    store.close();
}
