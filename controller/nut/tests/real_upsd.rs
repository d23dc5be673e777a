//! The client against the upsd and dummy-ups of NUT (`apt-get install nut-server libnss3-tools
//! openssl`), each test with its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails by panicking")]

mod support;

use std::time::Duration;

use ananke_nut::{Ca, Client, ErrCode, NutError, StatusFlag, StatusFlags, Tls};

use self::support::{
    Certificates, PASSWORD, SERVER_NAME, UPS, Upsd, ample, credentials, status, status_until,
};
use tokio::time::Instant;

#[tokio::test]
async fn variables_are_read_in_clear() {
    let upsd = Upsd::start().await;
    let mut client = upsd.connect().await;
    assert!(!client.is_encrypted());

    let list = client.list_ups(ample()).await.unwrap();
    let list: Vec<_> = list.iter().map(|e| (e.name.as_str(), e.description.as_str())).collect();
    assert_eq!(list, [(UPS, "a \"test\" UPS")]);

    let asked = ["ups.status", "no.such", "battery.charge", "ups.load"];
    let values = client.get_vars(UPS, &asked, ample()).await.unwrap();
    let value = |text: &str| Ok(text.to_owned());
    let expected = [value("OL"), Err(ErrCode::VarNotSupported), value("100"), value("25")];
    assert_eq!(values, asked.map(str::to_owned).into_iter().zip(expected).collect::<Vec<_>>());

    let unknown = client.get_vars("nosuch", &asked, ample()).await;
    assert!(matches!(unknown, Err(NutError::UnknownUps { ups, .. }) if ups == "nosuch"));
    assert_eq!(status(&mut client).await.unwrap(), "OL", "still in step");
    client.logout(ample()).await.unwrap();
}

#[tokio::test]
async fn a_login_counts_from_login_to_logout() {
    let upsd = Upsd::start().await;
    let mut watcher = upsd.connect().await;
    assert_eq!(watcher.num_logins(UPS, ample()).await.unwrap(), 0);

    let mut client = upsd.connect_as("sec").await;
    client.login(UPS, ample()).await.unwrap();
    assert_eq!(watcher.num_logins(UPS, ample()).await.unwrap(), 1);
    let twice = client.login(UPS, ample()).await;
    assert!(matches!(twice, Err(NutError::Refused { code: ErrCode::AlreadyLoggedIn, .. })));

    client.logout(ample()).await.unwrap();
    let deadline = ample();
    while watcher.num_logins(UPS, deadline).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_wrong_password_shows_at_login() {
    let upsd = Upsd::start().await;
    let mut client = upsd.connect().await;
    client.authenticate(&credentials("sec", "wrong"), ample()).await.unwrap();
    let error = client.login(UPS, ample()).await.unwrap_err();
    assert!(matches!(&error, NutError::LoginRefused { user, .. } if user == "sec"), "{error:?}");

    let anonymous = upsd.connect().await.login(UPS, ample()).await;
    assert!(matches!(anonymous, Err(NutError::Refused { code: ErrCode::UsernameRequired, .. })));
}

#[tokio::test]
async fn variables_are_written_and_commands_run_by_those_who_may() {
    let upsd = Upsd::start().await;
    let mut admin = upsd.connect_as("admin").await;
    // Not `"`, `\` or `#`: upsd 2.8.0 loses them on the way to the driver, from upsrw too.
    let value = "30 % = 'x'";
    admin.set_var(UPS, "battery.charge.low", value, ample()).await.unwrap();
    let deadline = ample();
    loop {
        let seen = admin.get_vars(UPS, &["battery.charge.low"], deadline).await.unwrap();
        match seen.as_slice() {
            [(_, Ok(seen))] if seen == value => break,
            [(_, Ok(seen))] if seen == "20" => tokio::task::yield_now().await,
            other => panic!("{other:?}"),
        }
    }
    admin.instcmd(UPS, "load.off", None, ample()).await.unwrap();
    let unknown = admin.instcmd(UPS, "no.such", Some("120"), ample()).await;
    assert!(matches!(unknown, Err(NutError::Refused { code: ErrCode::CmdNotSupported, .. })));

    let mut sec = upsd.connect_as("sec").await;
    let refused = sec.set_var(UPS, "battery.charge.low", "1", ample()).await;
    assert!(matches!(refused, Err(NutError::Refused { code: ErrCode::AccessDenied, .. })));
}

#[tokio::test]
async fn a_primary_sets_forced_shutdown_and_it_stays() {
    let upsd = Upsd::start().await;
    let mut sec = upsd.connect_as("sec").await;
    for refused in [sec.primary(UPS, ample()).await, sec.fsd(UPS, ample()).await] {
        let error = refused.unwrap_err();
        assert!(matches!(&error, NutError::NotPrimary { user, .. } if user == "sec"), "{error:?}");
    }
    assert_eq!(status(&mut sec).await.unwrap(), "OL");

    let mut prim = upsd.connect_as("prim").await;
    prim.login(UPS, ample()).await.unwrap();
    prim.primary(UPS, ample()).await.unwrap();
    prim.fsd(UPS, ample()).await.unwrap();
    prim.logout(ample()).await.unwrap();

    let flags = StatusFlags::parse(&status(&mut sec).await.unwrap());
    assert!(flags.contains(StatusFlag::ForcedShutdown) && flags.contains(StatusFlag::OnLine));
}

/// Whoever else the UPS feeds is gone before it cuts: an `upsmon` of the same UPS, as it is on a
/// host that ananke does not manage.
#[tokio::test]
async fn a_forced_shutdown_waits_for_a_real_upsmon_to_leave() {
    let upsd = Upsd::start().await;
    let upsmon = upsd.start_upsmon().await;
    let mut prim = upsd.connect_as("prim").await;
    prim.login(UPS, ample()).await.unwrap();
    assert_eq!(prim.num_logins(UPS, ample()).await.unwrap(), 2, "upsmon and this one");

    prim.force_shutdown(UPS, ample()).await.unwrap();
    assert_eq!(prim.num_logins(UPS, ample()).await.unwrap(), 1, "upsmon has left");
    assert!(upsmon.has_shut_down(), "it went without its SHUTDOWNCMD");
}

/// One that does not leave costs the time it is given, no more, and is no failure.
#[tokio::test]
async fn a_forced_shutdown_does_not_wait_for_ever() {
    let upsd = Upsd::start().await;
    let mut sec = upsd.connect_as("sec").await;
    sec.login(UPS, ample()).await.unwrap();
    let mut prim = upsd.connect_as("prim").await;
    prim.login(UPS, ample()).await.unwrap();
    prim.force_shutdown(UPS, Instant::now() + Duration::from_secs(2)).await.unwrap();
    assert!(status(&mut sec).await.unwrap().contains("FSD"));
    assert!(prim.is_connected());
}

#[tokio::test]
async fn a_frozen_driver_makes_the_data_stale_and_a_thawed_one_fresh() {
    let upsd = Upsd::start().await;
    let mut client = upsd.connect().await;
    upsd.freeze_driver();
    status_until(&mut client, |seen| matches!(seen, Err(NutError::DataStale { .. }))).await;
    let logins = client.num_logins(UPS, ample()).await;
    assert!(matches!(logins, Err(NutError::DataStale { .. })), "{logins:?}");
    upsd.thaw_driver();
    status_until(&mut client, |seen| matches!(seen, Ok(status) if status == "OL")).await;
}

#[tokio::test]
async fn a_dead_driver_is_not_connected() {
    let mut upsd = Upsd::start().await;
    let mut client = upsd.connect().await;
    upsd.kill_driver();
    status_until(&mut client, |seen| matches!(seen, Err(NutError::DriverNotConnected { .. })))
        .await;
}

#[tokio::test]
async fn starttls_with_a_private_ca_encrypts() {
    let certificates = Certificates::make();
    let upsd = Upsd::start_with_tls(&certificates).await;
    for name in [None, Some(SERVER_NAME)] {
        let endpoint = upsd.tls_endpoint(&certificates.ca(), name);
        let mut client = Client::connect(&endpoint, ample()).await.unwrap();
        assert!(client.is_encrypted());
        client.authenticate(&credentials("sec", PASSWORD), ample()).await.unwrap();
        client.login(UPS, ample()).await.unwrap();
        assert_eq!(status(&mut client).await.unwrap(), "OL");
        client.logout(ample()).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_of_another_ca_or_name_is_refused() {
    let certificates = Certificates::make();
    let upsd = Upsd::start_with_tls(&certificates).await;
    for endpoint in [
        upsd.tls_endpoint(&certificates.other_ca(), None),
        upsd.tls_endpoint(&certificates.ca(), Some("other.test")),
    ] {
        let error = Client::connect(&endpoint, ample()).await.unwrap_err();
        assert!(matches!(error, NutError::TlsHandshake { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn an_upsd_without_a_certificate_is_refused_only_if_tls_is_required() {
    let upsd = Upsd::start().await;
    let ca = Ca::Pem(include_str!("support/unused-ca.pem").to_owned());
    let mut endpoint = upsd.endpoint();
    endpoint.tls = Some(Tls { required: true, ca: ca.clone(), server_name: None });
    let error = Client::connect(&endpoint, ample()).await.unwrap_err();
    assert!(matches!(&error, NutError::TlsRefused { answer, .. }
        if answer == "ERR FEATURE-NOT-CONFIGURED"));

    endpoint.tls = Some(Tls { required: false, ca, server_name: None });
    let mut client = Client::connect(&endpoint, ample()).await.unwrap();
    assert!(!client.is_encrypted());
    assert_eq!(status(&mut client).await.unwrap(), "OL");
}

#[test]
#[should_panic(expected = "missing: /lib/nut/no-such-upsd (apt-get install nut-server)")]
fn a_machine_without_nut_fails_and_says_what_to_install() {
    support::program("/lib/nut/no-such-upsd", "nut-server");
}
