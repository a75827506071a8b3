//! The users that certificates name.

use kvstore::{
    protocol::Session,
    routing::Router,
    server::{AuthError, Authenticate, Credentials, Identity, Password},
    tls::{CertificateField, ClientCertificates},
};

use super::{Secured, certificates::Authority, tell};

/// Knows some users, and no password.
struct Users(&'static [&'static str]);

impl Authenticate for Users {
    async fn authenticate(&self, _: Credentials, _: &Session) -> Result<Identity, AuthError> {
        Err(AuthError::Denied)
    }

    fn identify(&self, user: &str) -> Option<Identity> {
        assert_ne!(user, "a panic");
        self.0.contains(&user).then(|| Identity::new(user))
    }
}

/// What a client with this certificate reads when it asks who it is.
async fn told(
    field: impl Into<Option<CertificateField>>,
    users: Option<Users>,
    common_name: &str,
    uris: &[&str],
) -> String {
    let authority = Authority::new();
    let settings = authority.mutual(ClientCertificates::Optional).user_from(field);
    let server = Secured::of(&settings, |listener| {
        let server = kvstore::serve(listener, Router::<()>::new().command("TELL", tell));
        match users {
            Some(users) => server.authenticate(users),
            None => server,
        }
    });
    let tls = authority.client(common_name, uris).shown_by(authority.trusted());
    let mut client = server.connect(&tls).await.expect("a handshake");
    client.sends("TELL\r\n").await;
    match client.reads_line().await {
        bulk if bulk.starts_with('$') => client.reads_line().await,
        error => error,
    }
}

const NOAUTH: &str = "-NOAUTH Authentication required.";
const USERS: Option<Users> = Some(Users(&["ada", "urn:user:ada"]));

#[tokio::test(start_paused = true)]
async fn the_common_name_is_a_user_that_there_is() {
    let name = CertificateField::CommonName;
    assert_eq!(told(name, USERS, "ada", &[]).await, "ada ada");
    assert_eq!(told(name, USERS, "eve", &["urn:user:ada"]).await, NOAUTH);
    assert_eq!(told(None, USERS, "ada", &[]).await, NOAUTH);
    assert_eq!(told(name, None, "ada", &[]).await, "default ada");
    assert_eq!(told(name, USERS, "a panic", &[]).await, NOAUTH);
}

#[tokio::test(start_paused = true)]
async fn the_first_uri_of_a_user_that_there_is_counts() {
    let uri = CertificateField::Uri;
    assert_eq!(told(uri, USERS, "eve", &["urn:user:eve", "urn:user:ada"]).await, "urn:user:ada eve");
    assert_eq!(told(uri, USERS, "", &["urn:user:ada"]).await, "urn:user:ada urn:user:ada");
    assert_eq!(told(uri, USERS, "ada", &[]).await, NOAUTH);
}

#[tokio::test(start_paused = true)]
async fn a_name_with_a_nul_names_nobody() {
    let users = || Some(Users(&["ada", "ada\0", "ada\0eve"]));
    for name in ["ada\0", "ada\0eve"] {
        assert_eq!(told(CertificateField::CommonName, users(), name, &[]).await, NOAUTH);
        assert_eq!(told(CertificateField::Uri, users(), "ada", &[name]).await, NOAUTH);
        assert_eq!(told(CertificateField::CommonName, None, name, &[]).await, "default none");
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_has_one_user_and_auth_and_reset_go_on_as_usual() {
    let authority = Authority::new();
    let settings = authority.mutual(ClientCertificates::Required).user_from(CertificateField::CommonName);
    let server = Secured::of(&settings, |listener| {
        kvstore::serve(listener, Router::<()>::new().command("TELL", tell)).authenticate(Password::new("secret"))
    });
    let connect = async |name| {
        let tls = authority.client(name, &[]).shown_by(authority.trusted());
        server.connect(&tls).await.expect("a handshake")
    };
    let mut known = connect("default").await;
    known.asks("TELL\r\n", "$15\r\ndefault default\r\n").await;
    known.asks("RESET\r\nTELL\r\n", format!("+RESET\r\n{NOAUTH}\r\n")).await;
    let mut unknown = connect("ada").await;
    unknown.asks("TELL\r\n", format!("{NOAUTH}\r\n")).await;
    unknown.asks("AUTH secret\r\nTELL\r\n", "+OK\r\n$11\r\ndefault ada\r\n").await;
}
