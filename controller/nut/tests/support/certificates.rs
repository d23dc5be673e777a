//! A private CA and a certificate of upsd, made by openssl and given to NSS, as an operator does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::program;

/// The name in the certificate, besides 127.0.0.1.
pub(crate) const SERVER_NAME: &str = "ups.test";

/// A CA, another CA that signed nothing, and a certificate of the first.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes all of them.
    pub(crate) fn make() -> Self {
        let folder = tempfile::Builder::new().prefix("nutca").tempdir().unwrap();
        let made = Self { folder };
        made.make_ca("ca");
        made.make_ca("other-ca");
        let subject = format!("/CN={SERVER_NAME}");
        made.openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj {subject}"
        ));
        let extensions = format!(
            "subjectAltName=DNS:{SERVER_NAME},IP:127.0.0.1\nbasicConstraints=CA:FALSE\n\
             keyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth\n"
        );
        fs::write(made.path("extensions"), extensions).unwrap();
        made.openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
             -extfile extensions -out server.pem",
        );
        made.openssl(
            "pkcs12 -export -in server.pem -inkey server.key -certfile ca.pem -name server \
             -out server.p12 -passout pass:p12pw",
        );
        made
    }

    /// The CA that signed the certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A CA that did not.
    pub(crate) fn other_ca(&self) -> PathBuf {
        self.path("other-ca.pem")
    }

    /// Puts the certificate into an NSS database below `folder` and returns the lines of upsd.conf
    /// that name it.
    pub(super) fn install(&self, folder: &Path) -> String {
        let database = folder.join("nss");
        fs::create_dir(&database).unwrap();
        let database = database.display();
        fs::write(self.path("nss.pw"), "nsspw").unwrap();
        self.run("certutil", "libnss3-tools", &format!("-N -d sql:{database} -f nss.pw"));
        self.run(
            "certutil",
            "libnss3-tools",
            &format!("-A -d sql:{database} -n ca -t CT,C,C -i ca.pem -f nss.pw"),
        );
        self.run(
            "pk12util",
            "libnss3-tools",
            &format!("-i server.p12 -d sql:{database} -k nss.pw -W p12pw"),
        );
        format!("CERTPATH {database}\nCERTIDENT \"server\" \"nsspw\"\nDISABLE_WEAK_SSL true\n")
    }

    fn make_ca(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -days 30 \
             -subj /CN={name} -addext basicConstraints=critical,CA:TRUE \
             -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, args: &str) {
        self.run("openssl", "openssl", args);
    }

    /// Runs a program on the files here. No argument has a space in it.
    fn run(&self, name: &str, package: &str, args: &str) {
        let output = Command::new(program(name, package))
            .args(args.split_ascii_whitespace())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} {args}: {errors}");
    }
}
