//! The JSON that scripts and other versions rely on. Changing it changes the API.

use serde_json::{from_str, to_value};

use super::*;

#[test]
fn a_detail_includes_the_fields_of_its_row() {
    let detail = UserDetail {
        summary: UserSummary {
            user_id: "@a:h".into(),
            display_name: None,
            admin: true,
            deactivated: false,
            locked: false,
            created_ms: 1,
            last_seen_ms: Some(2),
            devices: 1,
            joined_rooms: 0,
            media_bytes: 9,
        },
        device_list: vec![Device { device_id: "D".into(), display_name: None, last_seen_ms: None, last_seen_ip: None }],
        rooms: Vec::new(),
        quotas: Vec::new(),
    };
    insta::assert_json_snapshot!(detail, @r#"
    {
      "user_id": "@a:h",
      "admin": true,
      "deactivated": false,
      "locked": false,
      "created_ms": 1,
      "last_seen_ms": 2,
      "devices": 1,
      "joined_rooms": 0,
      "media_bytes": 9,
      "device_list": [
        {
          "device_id": "D"
        }
      ],
      "rooms": []
    }
    "#);
    let again: UserDetail = serde_json::from_value(to_value(&detail).expect("JSON")).expect("itself");
    assert_eq!(again, detail);
}

#[test]
fn an_error_has_code_message_and_remedy() {
    insta::assert_json_snapshot!(ErrorBody::new("user_not_found", "There is no such user.", "List them."), @r#"
    {
      "error": {
        "code": "user_not_found",
        "message": "There is no such user.",
        "remedy": "List them."
      }
    }
    "#);
    let bare: ErrorBody = from_str(r#"{"error":{"code":"x","message":"y"}}"#).expect("the remedy may be absent");
    assert_eq!(bare.error.remedy, "");
}

#[test]
fn enums_are_snake_case() {
    let words = (HealthLevel::Warn, LogLevel::Error, OperationKind::Write, JobState::Cancelled);
    assert_eq!(to_value(words).expect("JSON"), serde_json::json!(["warn", "error", "write", "cancelled"]));
    for level in LogLevel::ALL {
        assert_eq!(to_value(level).expect("JSON"), level.as_str());
    }
}

#[test]
fn requests_with_unknown_fields_are_refused() {
    assert!(from_str::<NewPassword>(r#"{"logout_device":true}"#).is_err());
    assert!(from_str::<NewUser>(r#"{"username":"a","is_admin":true}"#).is_err());
    assert!(from_str::<DeactivateUser>("{}").is_ok_and(|request| !request.erase));
    assert!(from_str::<SetLocked>("{}").is_err(), "locking has no default");
}

#[test]
fn responses_may_gain_fields() {
    let page = from_str::<LogPage>(r#"{"entries":[],"next":3,"dropped":7}"#).expect("a newer server");
    assert_eq!(page.next, 3);
    assert!(from_str::<Page<UserSummary>>(r#"{"items":[]}"#).is_ok_and(|page| page.next.is_none()));
}

#[test]
fn passwords_stay_out_of_debug_output() {
    let secret = || Some("hunter2".to_owned());
    let user = NewUser { username: "a".into(), password: secret(), ..NewUser::default() };
    let created = CreatedUser { user_id: "@a:h".into(), password: secret() };
    let new = NewPassword { password: secret(), logout_devices: false };
    let set = PasswordSet { password: secret() };
    assert!(!format!("{user:?} {created:?} {new:?} {set:?}").contains("hunter2"));
}
