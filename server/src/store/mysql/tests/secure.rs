//! TLS between the store and its server.

use std::path::{Path, PathBuf};

use super::certificates::Issuer;
use super::*;

/// Starts a server that uses TLS, with a certificate for a host. Returns it with the issuer's file.
async fn server_for(host: &str) -> Option<(MariaDb, PathBuf)> {
    let issuer = Issuer::new("the server's");
    let server = MariaDb::start_with(|dir| {
        let ca = issuer.write(&dir.join("ca.pem"));
        let (certificate, key) = issuer.issue(host, dir);
        vec![
            format!("--ssl-ca={}", ca.display()),
            format!("--ssl-cert={}", certificate.display()),
            format!("--ssl-key={}", key.display()),
        ]
    })
    .await?;
    let ca = server.directory().join("ca.pem");
    let users = format!(
        "CREATE USER private@'%' IDENTIFIED BY '{}' REQUIRE SSL; \
         GRANT ALL ON *.* TO private@'%'",
        server::PASSWORD
    );
    server.run(&users).await;
    Some((server, ca))
}

async fn rejection(url: &str) -> StoreError {
    let error = MysqlStore::open(url).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains(server::PASSWORD), "{text}");
    error
}

fn with_ca(url: &str, ca: &Path) -> String {
    format!("{url}?ssl_ca={}", ca.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn connects_over_verified_tls() {
    let Some((server, ca)) = server_for("127.0.0.1").await else {
        return;
    };
    let url = server.database("secure").await;
    let url = url.replace("tenfold:", "private:");
    let store = MysqlStore::open(&with_ca(&url, &ca)).await.unwrap();
    assert!(!format!("{store:?}").contains(server::PASSWORD));
    let user = store.create_user(new_user("ada")).await.unwrap();
    assert_eq!(store.user(user.id).await, Ok(user));
    let mut lease = store.lease(false).await.unwrap();
    let cipher: Option<(String, String)> = lease
        .query_first("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        .await
        .unwrap();
    let cipher = cipher.unwrap().1;
    println!("{cipher}");
    assert!(!cipher.is_empty());
    drop(lease);
    // A TLS connection is reused like any other.
    let mut connections = std::collections::HashSet::new();
    for _ in 0..20 {
        // A connection returns to the pool with a short delay.
        sleep(Duration::from_millis(5)).await;
        connections.insert(store.lease(false).await.unwrap().id());
    }
    println!("{connections:?}");
    assert!(connections.len() < 10, "{connections:?}");
    // An account that does not require TLS uses it too.
    let store = MysqlStore::open(&with_ca(&url.replace("private:", "tenfold:"), &ca))
        .await
        .unwrap();
    let mut lease = store.lease(false).await.unwrap();
    let cipher: Option<(String, String)> = lease
        .query_first("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        .await
        .unwrap();
    assert!(!cipher.unwrap().1.is_empty());
    drop(lease);

    let without = rejection(&url).await;
    assert!(without.to_string().contains("Access denied"), "{without}");

    let other = Issuer::new("another").write(&server.directory().join("other.pem"));
    let distrusted = rejection(&with_ca(&url, &other)).await;
    assert!(matches!(distrusted, StoreError::Other(_)), "{distrusted:?}");
    assert!(
        distrusted.to_string().contains("certificate"),
        "{distrusted}"
    );

    // The certificate is for the address; the name of the same server is another host.
    let named = url.replace("127.0.0.1", "localhost");
    let stranger = rejection(&with_ca(&named, &ca)).await;
    assert!(stranger.to_string().contains("localhost"), "{stranger}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_certificate_of_other_host() {
    let Some((server, ca)) = server_for("db.example").await else {
        return;
    };
    let url = server.database("secure").await;
    let refused = rejection(&with_ca(&url, &ca)).await;
    assert!(matches!(refused, StoreError::Other(_)), "{refused:?}");
    assert!(refused.to_string().contains("db.example"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_server_without_tls() {
    // By default, the server would generate a certificate.
    let Some(server) = MariaDb::start_with(|_| vec!["--skip-ssl".to_owned()]).await else {
        return;
    };
    let ca = Issuer::new("nobody's").write(&server.directory().join("ca.pem"));
    let url = server.database("plain").await;
    let refused = rejection(&with_ca(&url, &ca)).await;
    assert!(refused.to_string().contains("SSL"), "{refused}");
    MysqlStore::open(&url).await.unwrap();
}
